import logging
import re
from urllib.parse import urlsplit

from freezegun import freeze_time

from odoo import Command
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.models.connection.exact_connection_address import BASE_URL_PARAMETER
from odoo.addons.account_exact.tests.common import (
    CLIENT_SECRET,
    ExactSimulatorMixin,
    consent,
    query_of,
)


@tagged('post_install', '-at_install')
class TestOAuth(ExactSimulatorMixin, HttpCase):
    """The consent as a person lives it: form, Exact's page, back to the form."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_simulator()
        cls.manager = new_test_user(
            cls.env, 'exact_manager', groups='base.group_user,account.group_account_manager',
        )
        cls.colleague = new_test_user(
            cls.env, 'exact_colleague', groups='base.group_user,account.group_account_manager',
        )

    def setUp(self):
        super().setUp()
        self.connection = self.create_connection(user_id=self.manager.id)
        self.simulator.limits.reset()
        self.addCleanup(self.simulator.clock.resume)
        self.addCleanup(self.simulator.switches.update, {'scopes': None})
        self.authenticate('exact_manager', 'exact_manager')

    # === HELPERS === #

    def begin(self):
        """Press Connect; return the address of the consent page."""
        action = self.make_jsonrpc_request(
            '/web/dataset/call_kw/exact.connection/action_connect',
            {'model': 'exact.connection', 'method': 'action_connect', 'args': [self.connection.ids],
             'kwargs': {}},
        )
        self.assertEqual(action['type'], 'ir.actions.act_url')
        self.assertEqual(action['target'], 'self')
        return action['url']

    def come_back(self, address):
        """Follow Exact's redirect; return Odoo's answer to it."""
        parts = urlsplit(address)
        self.assertEqual(parts.path, '/account_exact/oauth/callback')
        answer = self.url_open(f'{parts.path}?{parts.query}', allow_redirects=False, timeout=60)
        self.env.invalidate_all()
        return answer

    def assertOnForm(self, answer):
        self.assertIn(answer.status_code, (302, 303))
        self.assertEqual(
            urlsplit(answer.headers['Location']).path,
            f'/odoo/exact-connections/{self.connection.id}',
        )

    def assertNotAccepted(self, answer, words):
        """A friendly page, and nothing changed."""
        self.assertEqual(answer.status_code, 400)
        text = re.sub(r'\s+', ' ', answer.text)
        self.assertIn(words, text)
        self.assertIn("/odoo/exact-connections", text)
        self.assertNotIn("Traceback", text)

    def assertReason(self, reason, state='draft'):
        self.assertEqual(self.connection.reason, reason)
        self.assertEqual(self.connection.state, state)
        self.assertTrue(self.connection.state_reason)

    # === THE GOOD WAY === #

    def test_consent(self):
        calls_before = len(self.simulator.store.query('SELECT at FROM call'))
        with self.assertLogs('odoo', logging.DEBUG) as logs:
            address = consent(self.begin())
            answer = self.come_back(address)
        self.assertOnForm(answer)
        self.assertEqual(self.connection.state, 'connected')
        self.assertFalse(self.connection.state_reason)
        self.assertEqual(self.connection.exact_user_name, "Jan de Vries")
        self.assertFalse(self.connection.missing_rights)
        self.assertTrue(self.connection.rights_checked_at)
        self.assertTrue(self.connection.idle_until)
        self.assertRecordValues(self.connection.division_ids, [
            {'code': 1234567, 'name': "Demo Nederland B.V.", 'owner_name': "Demo Holding B.V.",
             'country_code': 'NL', 'vat_number': 'NL819901230B01', 'state': 'free'},
            {'code': 1234568, 'name': "Demo Gebroken Boekjaar B.V.",
             'owner_name': "Demo Holding B.V.", 'country_code': 'NL',
             'vat_number': 'NL819901242B01', 'state': 'free'},
            {'code': 1234569, 'name': "Demo België BV", 'owner_name': "Demo Holding B.V.",
             'country_code': 'BE', 'vat_number': 'BE0403170701', 'state': 'free'},
        ])
        self.assertEqual(self.connection.division_ids.currency_id.name, 'EUR')
        calls = len(self.simulator.store.query('SELECT at FROM call')) - calls_before
        self.assertLessEqual(calls, 15)
        # Who reads the log learns nothing. (The line of the web server with the address of the
        # request is written by the server itself; the code in it is used up by then.)
        own = '\n'.join(
            line for line in logs.output
            if 'account_exact' in line.split(':', 2)[1] or 'exact_api' in line.split(':', 2)[1]
        )
        self.assertTrue(own)
        for secret in (
            CLIENT_SECRET, query_of(address)['code'], query_of(address)['state'], 'stamp',
        ):
            self.assertNotIn(secret, own)

    def test_missing_scopes_are_told(self):
        self.simulator.switches.update({'scopes': [
            'Financial accounting', 'Financial generalledgers', 'Crm accounts',
            'Financial cashflow',
            'Financial receivables', 'Financial payables', 'Financial currencies',
            'Organization documents', 'Projects projects', 'Logistics items',
        ]})
        self.assertOnForm(self.come_back(consent(self.begin())))
        self.assertEqual(self.connection.state, 'connected')
        self.assertEqual(
            [missing['scope'] for missing in self.connection.missing_rights],
            ['financial costcenters', 'organization administration'],
        )
        self.assertIn("Cost centres", str(self.connection.missing_rights_html))
        self.assertIn("App Center", str(self.connection.missing_rights_html))
        self.assertTrue(self.connection.division_ids, "the list that needs no scope has to do")

        self.simulator.switches.update({'scopes': None})
        self.connection.with_user(self.manager).action_probe_rights()
        self.assertFalse(self.connection.missing_rights)

    def test_consent_begun_by_rpc(self):
        """There is no browser session then: any browser of the same person may finish."""
        url = self.connection.with_user(self.manager).action_connect()['url']
        self.assertOnForm(self.come_back(consent(url)))
        self.assertEqual(self.connection.state, 'connected')

    # === WHAT CAN GO WRONG === #

    def test_refused_by_the_person(self):
        self.assertOnForm(self.come_back(consent(self.begin(), 'deny')))
        self.assertReason('denied')
        # A way on
        self.assertOnForm(self.come_back(consent(self.begin())))
        self.assertEqual(self.connection.state, 'connected')
        self.assertFalse(self.connection.reason)

    def test_refused_while_connected_changes_nothing(self):
        self.connect(self.connection)
        self.env.flush_all()
        self.assertOnForm(self.come_back(consent(self.begin(), 'deny')))
        self.assertReason('denied', state='connected')
        self.assertTrue(self.connection._access_token())

    def test_code_too_late(self):
        address = consent(self.begin())
        self.simulator.clock.advance(181)
        self.assertOnForm(self.come_back(address))
        self.assertReason('code')

    def test_wrong_secret(self):
        self.connection.client_secret = 'a mistake'
        self.env.flush_all()
        self.assertOnForm(self.come_back(consent(self.begin())))
        self.assertReason('client')
        self.assertIn("site", self.connection.state_reason)

    def test_exact_not_reachable(self):
        address = consent(self.begin())
        self.env['ir.config_parameter'].set_param(BASE_URL_PARAMETER, 'http://127.0.0.1:9')
        # By who may: the secret is for that address
        self.connection.client_secret = CLIENT_SECRET
        self.env.flush_all()
        self.assertOnForm(self.come_back(address))
        self.assertReason('network')

    def test_the_address_changes_while_the_person_is_at_exact(self):
        address = consent(self.begin())
        self.env['ir.config_parameter'].set_param(BASE_URL_PARAMETER, 'http://127.0.0.1:9')
        self.env.flush_all()
        self.assertOnForm(self.come_back(address))
        self.assertReason('origin')

    def test_exact_ends_in_an_error(self):
        state = query_of(self.begin())['state']
        self.assertOnForm(self.come_back(
            f'/account_exact/oauth/callback?error=server_error&state={state}',
        ))
        self.assertReason('consent_failed')

    def test_connected_but_nothing_to_see(self):
        self.simulator.faults.add('status', resource='current/Me', status=503)
        self.addCleanup(self.simulator.faults.clear)
        self.assertOnForm(self.come_back(consent(self.begin())))
        self.assertReason('explore_later', state='connected')
        self.connection.with_user(self.manager).action_refresh_divisions()
        self.assertEqual(self.connection.division_count, 3)
        self.assertFalse(self.connection.reason)

    def test_an_answer_without_code_or_with_markup(self):
        for query in ('', '&code=', '&error=%3Cscript%3Ealert(1)%3C/script%3E&code=x'):
            with self.subTest(query=query):
                state = query_of(self.begin())['state']
                answer = self.come_back(f'/account_exact/oauth/callback?state={state}{query}')
                self.assertOnForm(answer)
                self.assertReason('consent_failed')
                self.assertNotIn('alert', self.connection.state_reason + answer.text)

    # === WHO MAY === #

    def test_another_connection(self):
        """A state opens the connection that it was made for, and no other."""
        other = self.create_connection(user_id=self.manager.id)
        first, own = self.connection, consent(self.begin())
        self.connection = other
        state = query_of(self.begin())['state']
        self.connection = first
        self.assertOnForm(self.come_back(own))
        self.assertEqual((first.state, other.state), ('connected', 'draft'))
        # The used one opens neither, and that of the other was not used up
        self.assertNotAccepted(self.come_back(own), "used already")
        self.connection = other
        self.assertOnForm(self.come_back(
            f'/account_exact/oauth/callback?error=access_denied&state={state}',
        ))
        self.assertReason('denied')

    def test_state_forged_or_missing(self):
        address = consent(self.begin())
        state = query_of(address)['state']
        for wrong in ('', 'x', 'AAAA', state[:-4] + 'AAAA', state[::-1], '%C3%A9', 'ä'):
            with self.subTest(state=wrong):
                answer = self.come_back(address.replace(state, wrong))
                self.assertNotAccepted(answer, "not valid")
        self.assertEqual(self.connection.state, 'draft')
        # The true answer still counts
        self.assertOnForm(self.come_back(address))
        self.assertEqual(self.connection.state, 'connected')

    def test_state_of_another_scope(self):
        from odoo.tools import hash_sign
        state = hash_sign(
            self.env, 'something else', [self.manager.id, self.connection.id, 'n', ''],
        )
        answer = self.come_back(f'/account_exact/oauth/callback?code=x&state={state}')
        self.assertNotAccepted(answer, "not valid")

    def test_state_too_late(self):
        with freeze_time('2026-01-01 10:00:00'):
            url = self.connection.with_user(self.manager).action_connect()['url']
        self.assertNotAccepted(self.come_back(consent(url)), "later than ten minutes")
        self.assertEqual(self.connection.state, 'draft')

    def test_replay(self):
        address = consent(self.begin())
        self.assertOnForm(self.come_back(address))
        self.assertNotAccepted(self.come_back(address), "used already")
        self.assertEqual(self.connection.state, 'connected')
        self.assertFalse(self.connection.reason)

    def test_only_the_last_consent_counts(self):
        first = consent(self.begin())
        second = consent(self.begin())
        self.assertNotAccepted(self.come_back(first), "a newer consent was begun")
        self.assertOnForm(self.come_back(second))
        self.assertEqual(self.connection.state, 'connected')

    def test_another_user(self):
        address = consent(self.begin())
        self.authenticate('exact_colleague', 'exact_colleague')
        self.assertNotAccepted(self.come_back(address), "Somebody else began this consent")
        self.assertEqual(self.connection.state, 'draft')

    def test_another_session(self):
        address = consent(self.begin())
        self.authenticate('exact_manager', 'exact_manager')
        self.assertNotAccepted(self.come_back(address), "another browser")
        self.assertEqual(self.connection.state, 'draft')

    def test_not_logged_in(self):
        address = consent(self.begin())
        self.logout()
        answer = self.come_back(address)
        self.assertIn('/web/login', answer.headers.get('Location', ''))
        self.assertEqual(self.connection.state, 'draft')

    def test_rights_withdrawn_meanwhile(self):
        address = consent(self.begin())
        self.manager.write({'group_ids': [
            Command.unlink(self.env.ref('account.group_account_manager').id),
            Command.link(self.env.ref('account.group_account_invoice').id),
        ]})
        self.env.flush_all()
        self.assertOnForm(self.come_back(address))
        self.assertReason('no_rights')

    @mute_logger('odoo.addons.base.models.ir_rule')
    def test_company_withdrawn_meanwhile(self):
        address = consent(self.begin())
        other = self.env['res.company'].create({'name': "Other"})
        self.manager.write({'company_ids': [Command.set(other.ids)], 'company_id': other.id})
        self.env.flush_all()
        self.assertNotAccepted(self.come_back(address), "you may no longer see it")
        self.assertEqual(self.connection.state, 'draft')

    def test_connection_deleted_meanwhile(self):
        address = consent(self.begin())
        self.connection.unlink()
        self.env.flush_all()
        self.assertNotAccepted(self.come_back(address), "was deleted meanwhile")
