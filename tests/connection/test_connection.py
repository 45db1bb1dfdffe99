from datetime import datetime, timezone
from unittest.mock import patch
from urllib.parse import urlsplit

import requests

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact import exact_api
from odoo.addons.account_exact.models.base.exact_error_text import (
    division_reason_text,
    explain,
    reason_text,
)
from odoo.addons.account_exact.models.base.exact_sentences import (
    DIVISION_REASONS,
    KINDS,
    REASONS,
)
from odoo.addons.account_exact.models.connection.exact_connection_address import BASE_URL_PARAMETER
from odoo.addons.account_exact.tests.common import ExactTransactionCase, query_of
from odoo.addons.account_exact.tests.token_common import TOKEN_LOGGER, told_by

FORBIDDEN = 1234570


@tagged('post_install', '-at_install')
class TestConnection(ExactTransactionCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env['res.company'].create({
            'name': "Books B.V.", 'currency_id': cls.env.ref('base.EUR').id,
        })
        cls.other_company = cls.env['res.company'].create({
            'name': "Other B.V.", 'currency_id': cls.env.ref('base.EUR').id,
        })
        companies = {'company_id': cls.company.id, 'company_ids': [Command.set(cls.company.ids)]}
        cls.manager = new_test_user(
            cls.env, 'exact_manager', groups='base.group_user,account.group_account_manager',
            **companies,
        )
        cls.clerk = new_test_user(
            cls.env, 'exact_clerk', groups='base.group_user,account.group_account_invoice',
            **companies,
        )
        cls.stranger = new_test_user(
            cls.env, 'exact_stranger', groups='base.group_user,account.group_account_manager',
            company_id=cls.other_company.id, company_ids=[Command.set(cls.other_company.ids)],
        )
        cls.both = new_test_user(
            cls.env, 'exact_both', groups='base.group_user,account.group_account_manager',
            company_id=cls.company.id,
            company_ids=[Command.set((cls.company | cls.other_company).ids)],
        )
        cls.connection = cls.create_connection(cls.company, user_id=cls.manager.id)
        cls.connect(cls.connection)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.simulator.clock.resume)
        self.addCleanup(self.simulator.faults.clear)

    def explore(self, connection=None):
        (connection or self.connection).explore()
        return {division.code: division for division in self.connection.division_ids}

    def attempt(self, function, *args, **kwargs):
        """Return the error of a call. `assertRaises` would undo what other cursors keep of it."""
        try:
            function(*args, **kwargs)
        except (exact_api.ExactError, UserError) as error:
            return error
        self.fail("an error was expected")
        return None

    # === CONNECT === #

    def test_consent_address(self):
        draft = self.create_connection(self.company)
        url = draft.with_user(self.manager).action_connect()['url']
        self.assertTrue(url.startswith(f'{self.simulator.url}/api/oauth2/auth?'))
        query = query_of(url)
        self.assertEqual(query['client_id'], 'demo-client-id')
        self.assertEqual(query['redirect_uri'], draft.redirect_uri)
        self.assertEqual(query['response_type'], 'code')
        self.assertEqual(query['force_login'], '0')
        self.assertTrue(query['state'])
        self.assertNotIn('secret', url)
        draft.connected_at = datetime(2026, 1, 1)
        query = query_of(draft.with_user(self.manager).action_connect()['url'])
        self.assertEqual(query['force_login'], '1')

    def test_consent_address_of_the_site(self):
        self.env['ir.config_parameter'].set_param(BASE_URL_PARAMETER, '')
        self.env['ir.config_parameter'].set_param('web.base.url', 'https://odoo.example.com')
        for site, host in {
            'nl': 'start.exactonline.nl', 'be': 'start.exactonline.be',
            'de': 'start.exactonline.de',
            'uk': 'start.exactonline.co.uk', 'fr': 'start.exactonline.fr',
            'es': 'start.exactonline.es', 'com': 'start.exactonline.com',
        }.items():
            url = self.create_connection(self.company, site=site).action_connect()['url']
            self.assertEqual(urlsplit(url).hostname, host)
            self.assertEqual(urlsplit(url).scheme, 'https')

    def test_connect_without_app(self):
        draft = self.env['exact.connection'].create({'site': 'nl', 'company_id': self.company.id})
        for values in ({}, {'client_id': 'an-app'}):
            draft.write(values)
            with self.assertRaisesRegex(UserError, "client secret"):
                draft.with_user(self.manager).action_connect()

    def test_connect_from_an_address_that_exact_refuses(self):
        self.env['ir.config_parameter'].set_param(BASE_URL_PARAMETER, '')
        for address in ('http://odoo.example.com', 'https://localhost', 'http://127.0.0.1:8069'):
            self.env['ir.config_parameter'].set_param('web.base.url', address)
            with self.assertRaisesRegex(UserError, "https"):
                self.create_connection(self.company).action_connect()

    def test_wrong_site(self):
        """An app of another site is not known there: Exact's page says so and nobody comes back."""
        draft = self.create_connection(self.company, client_id='app-of-another-site')
        url = draft.with_user(self.manager).action_connect()['url']
        self.assertEqual(requests.get(url, timeout=10).status_code, 400)
        self.assertEqual(draft.state, 'draft')
        # The way on: another site may still be chosen, and connecting begins anew
        draft.with_user(self.manager).write({'site': 'be', 'client_id': 'demo-client-id'})
        self.assertTrue(draft.with_user(self.manager).action_connect())
        self.assertEqual(draft.name, "Exact Online BE")

    def test_tokens_go_to_https_or_this_machine_only(self):
        for address in (
            'http://example.com', 'http://127.0.0.1.example.com', 'ftp://127.0.0.1', 'nonsense',
        ):
            self.env['ir.config_parameter'].set_param(BASE_URL_PARAMETER, address)
            with self.assertRaisesRegex(UserError, "https"):
                self.connection.with_user(self.manager).action_refresh_divisions()
        for address in (
            'http://127.0.0.1:1', 'http://localhost', 'http://[::1]:80', 'https://a.b/',
        ):
            self.env['ir.config_parameter'].set_param(BASE_URL_PARAMETER, address)
            self.assertEqual(self.connection.api_url(), address.rstrip('/'))

    def test_site_and_app_stay_while_connected(self):
        connection = self.connection.with_user(self.manager)
        with self.assertRaisesRegex(UserError, "cannot be changed"):
            connection.site = 'be'
        with self.assertRaisesRegex(UserError, "Disconnect first"):
            connection.client_id = 'another'
        connection.action_disconnect()
        connection.client_id = 'another'
        with self.assertRaisesRegex(UserError, "cannot be changed"):
            connection.site = 'be'

    def test_disconnect_keeps_history(self):
        division = self.explore()[1234567]
        division.company_id = self.company
        self.connection.with_user(self.manager).action_disconnect()
        self.assertEqual(self.connection.state, 'disconnected')
        self.assertEqual(division.company_id, self.company)
        self.assertEqual(division.state, 'unreachable')
        self.assertIn("Connect first", division.state_reason)
        error = self.attempt(self.connection.with_user(self.manager).action_refresh_divisions)
        self.assertIn("Connect first", str(error))
        with self.assertRaisesRegex(UserError, "Disconnect it instead"):
            self.connection.unlink()

    def test_tokens_are_refreshed_against_exact(self):
        clock = self.simulator.clock
        clock.freeze()
        self.enterContext(told_by(clock))
        connection = self.create_connection(self.company)
        answer = self.simulator.issue_tokens(user='emma')
        connection._consented(exact_api.Tokens(
            answer['access_token'], answer['refresh_token'], clock(),
        ))
        seen = {connection._access_token()}
        for _round in range(5):
            clock.advance(200)
            seen.add(connection._access_token())
        self.assertEqual(len(seen), 2, "one refresh in 1,000 seconds")
        self.simulator.control.run('revoke_access', {'user': 'emma'})
        clock.advance(600)
        with mute_logger(TOKEN_LOGGER):
            error = self.attempt(connection.action_refresh_divisions)
        self.assertIn("no longer accepts", str(error))
        self.assertEqual(connection.state, 'reconnect')

    # === ADMINISTRATIONS === #

    def test_divisions_come_and_go(self):
        divisions = self.explore()
        self.assertEqual(set(divisions), {1234567, 1234568, 1234569})
        linked, free = divisions[1234567], divisions[1234569]
        linked.company_id = self.company
        user = self.simulator.store.one('_user', 0, 'Name', 'jan')
        self.addCleanup(self.simulator.control.run, 'set_user', {'divisions': user['divisions']})
        self.simulator.control.run('set_user', {'divisions': [1234568], 'CurrentDivision': 1234568})
        self.addCleanup(self.simulator.control.run, 'set_user', {'CurrentDivision': 1234567})
        self.connection.with_user(self.manager).action_refresh_divisions()
        self.assertEqual(linked.state, 'unreachable')
        self.assertIn("no longer lists", linked.state_reason)
        self.assertEqual(linked.company_id, self.company)
        self.assertFalse(free.active)

        self.simulator.control.run('set_user', {
            'divisions': user['divisions'], 'CurrentDivision': 1234567,
        })
        self.connection.with_user(self.manager).action_refresh_divisions()
        self.assertNotEqual(linked.state, 'unreachable')
        self.assertTrue(free.active)
        self.assertEqual(len(self.connection.with_context(active_test=False).division_ids), 3)

    def test_division_without_access(self):
        division = self.create_division(self.connection, self.company, code=FORBIDDEN)

        def read():
            with division.client() as client:
                client.get('vat/VATCodes', select=['ID'], top=1)

        error = self.attempt(read)
        self.assertIsInstance(error, exact_api.Forbidden)
        self.assertIn("no access to this administration", explain(self.env, error))
        self.assertEqual(division.state, 'unreachable')
        self.assertIn("Give access in Exact", division.state_reason)
        self.assertEqual(self.connection.state, 'connected', "the others work on")
        # Access given: the next call clears it
        user = self.simulator.store.one('_user', 0, 'Name', 'jan')
        self.addCleanup(self.simulator.control.run, 'set_user', {'divisions': user['divisions']})
        self.simulator.control.run('set_user', {'divisions': [*user['divisions'], FORBIDDEN]})
        read()
        self.assertNotEqual(division.state, 'unreachable')

    def test_choose_the_company(self):
        division = self.explore()[1234567]
        self.assertEqual(division.state, 'free')
        self.assertFalse(self.company.exact_division_id)
        with patch.object(self.env.registry['exact.division'], '_start_sync') as start_sync:
            division.with_user(self.manager).action_use_for_company()
            self.assertEqual(start_sync.call_count, 1)
            division.with_user(self.manager).company_id = self.company
            self.assertEqual(start_sync.call_count, 1, "nothing changed")
        self.assertEqual(division.company_id, self.company)
        self.assertEqual(self.company.exact_division_id, division)
        self.assertIn(division.state, ('syncing', 'ready'))

    def test_one_division_per_company(self):
        divisions = self.explore()
        divisions[1234567].company_id = self.company
        self.assertFalse(divisions[1234568].with_company(self.company).can_use)
        with self.assertRaisesRegex(UserError, "already linked to 1234567"):
            divisions[1234568].with_user(self.manager).company_id = self.company
        divisions[1234567].with_user(self.manager).company_id = False
        divisions[1234568].with_user(self.manager).company_id = self.company
        self.assertEqual(divisions[1234568].company_id, self.company)

    def test_other_currency(self):
        self.company.currency_id = self.env.ref('base.USD')
        with self.assertRaisesRegex(UserError, "keeps its books in EUR"):
            self.explore()[1234567].with_user(self.manager).company_id = self.company

    def test_link_with_history_stays(self):
        division = self.explore()[1234567]
        division.company_id = self.company
        with patch.object(self.env.registry['exact.export'], 'search_count', lambda *a, **k: 1):
            for company in (self.other_company, self.env['res.company']):
                with self.assertRaisesRegex(UserError, "were exported to 1234567"):
                    division.with_user(self.both).company_id = company

    def test_two_companies_one_consent(self):
        divisions = self.explore()
        divisions[1234567].with_user(self.both).company_id = self.company
        divisions[1234568].with_user(self.both).company_id = self.other_company
        seen = self.env['exact.division'].with_user(self.stranger).search([])
        self.assertEqual(seen, divisions[1234568])
        self.assertEqual(seen.connection_id, self.connection)
        self.assertEqual(seen.state, divisions[1234568].state)
        with seen.client('person') as client:
            self.assertTrue(client.get('vat/VATCodes', select=['ID'], top=1))

    def test_hold(self):
        division = self.explore()[1234567]
        division.company_id = self.company
        division.with_user(self.manager).action_hold()
        self.assertEqual(division.state, 'hold')
        self.assertIn("exact_manager", division.state_reason)
        self.assertEqual(self.env['exact.division'].search([('state', '=', 'hold')]), division)
        division.with_user(self.manager).action_release()
        self.assertNotEqual(division.state, 'hold')

    def test_search_by_state(self):
        divisions = self.explore()
        divisions[1234567].company_id = self.company
        all_divisions = self.env['exact.division'].search([])
        for state, _label in self.env['exact.division']._fields['state'].selection:
            self.assertEqual(
                self.env['exact.division'].search([('state', '=', state)]),
                all_divisions.filtered(lambda division, state=state: division.state == state),
            )
            self.assertEqual(
                self.env['exact.division'].search([('state', '!=', state)]),
                all_divisions.filtered(lambda division, state=state: division.state != state),
            )

    # === RIGHTS === #

    @mute_logger('odoo.addons.base.models.ir_model', 'odoo.addons.base.models.ir_rule')
    def test_invoicing_people_look_but_do_not_touch(self):
        division = self.explore()[1234567]
        connection = self.connection.with_user(self.clerk)
        self.assertEqual(connection.state, 'connected')
        self.assertFalse(connection.is_manager)
        for function in (
            connection.action_connect, connection.action_disconnect,
            connection.action_refresh_divisions, connection.action_probe_rights,
            division.with_user(self.clerk).action_use_for_company,
            division.with_user(self.clerk).action_hold,
        ):
            with self.assertRaises(AccessError):
                function()
        with self.assertRaises(AccessError):
            connection.name = "Mine"
        with self.assertRaises(AccessError):
            division.with_user(self.clerk).company_id = self.company
        with self.assertRaises(AccessError):
            self.env['exact.connection'].with_user(self.clerk).create({'site': 'nl'})
        with self.assertRaises(AccessError):
            connection.read(['client_secret'])

    def test_forms_open_for_everyone_who_may_look(self):
        division = self.explore()[1234567]
        division.company_id = self.company
        readonly = new_test_user(
            self.env, 'exact_auditor', groups='base.group_user,account.group_account_readonly',
            company_id=self.company.id, company_ids=[Command.set(self.company.ids)],
        )
        for user in (self.manager, self.clerk, readonly):
            for record in (self.connection, division):
                with self.subTest(user=user.login, model=record._name):
                    self.assertTrue(Form(record.with_user(user)).name)

    @mute_logger('odoo.addons.base.models.ir_model', 'odoo.addons.base.models.ir_rule')
    def test_other_companies_see_nothing(self):
        division = self.explore()[1234567]
        division.company_id = self.company
        self.env['exact.call'].create({'division_id': division.id, 'resource': ''})
        for model in ('exact.connection', 'exact.division', 'exact.call'):
            self.assertFalse(self.env[model].with_user(self.stranger).search([]), model)
            self.assertTrue(self.env[model].with_user(self.manager).search([]), model)
        connection = self.connection.with_user(self.stranger)
        for function in (
            connection.action_connect, connection.action_disconnect,
            connection.action_refresh_divisions, connection.action_probe_rights,
            division.with_user(self.stranger).action_use_for_company,
        ):
            with self.assertRaises(AccessError):
                function()

    @mute_logger('odoo.addons.base.models.ir_model', 'odoo.addons.base.models.ir_rule')
    def test_only_own_companies_are_linked(self):
        division = self.explore()[1234567]
        with self.assertRaises(AccessError):
            division.with_user(self.manager).company_id = self.other_company

    @mute_logger('odoo.sql_db')
    def test_divisions_are_made_by_exact_alone(self):
        with self.assertRaises(AccessError), mute_logger('odoo.addons.base.models.ir_model'):
            self.env['exact.division'].with_user(self.manager).create({
                'connection_id': self.connection.id, 'code': 1, 'name': "Own",
            })

    # === WORDS === #

    def test_every_error_has_a_sentence(self):
        moment = datetime(2026, 11, 20, 12, 0, tzinfo=timezone.utc)
        errors = [
            exact_api.NeedsReconnect("x", reason='spent'),
            exact_api.NeedsReconnect("x", reason='something new'),
            exact_api.TooEarlyToRefresh("x"),
            *(exact_api.OAuthRefused("x", reason=reason)
              for reason in ('code', 'client', 'redirect', 'denied', 'other')),
            *(exact_api.RateLimited("x", retry_at=moment, scope=scope)
              for scope in ('minute', 'day', 'error_fuse')),
            *(exact_api.Forbidden("x", reason=reason, resource='crm/Accounts')
              for reason in (*DIVISION_REASONS, '', 'SomethingNew')),
            exact_api.Forbidden("x", scope='crm.accounts'),
            exact_api.NotFound("x", resource='crm/Accounts'),
            *(exact_api.Rejected(messages=["Exacts eigen\nwoorden"], kinds=[kind])
              for kind in (*KINDS, 'unknown')),
            exact_api.Rejected("x", status=400),
            exact_api.MalformedAnswer("x"),
            exact_api.Unreachable("x"),
            exact_api.OutcomeUnknown("x"),
            exact_api.Transient("x"),
            exact_api.ExactError("x"),
        ]
        for error in errors:
            with self.subTest(error=error, reason=getattr(error, 'reason', None)):
                sentence = explain(self.env, error)
                self.assertGreater(len(sentence), 20)
                self.assertNotIn('%', sentence)
                self.assertNotIn('_lt', sentence)
                if error.messages:
                    self.assertIn("Exacts eigen woorden", sentence)
        for reason in REASONS:
            self.assertTrue(reason_text(self.env, reason))
        for reason in DIVISION_REASONS:
            self.assertTrue(division_reason_text(self.env, reason))
