"""Where secrets belong: their address, their connection, their field, their database."""

import threading
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.account_exact.exact_api import NeedsReconnect, SecretClosedError
from odoo.addons.account_exact.models.connection.exact_connection_address import BASE_URL_PARAMETER

from ..common import CLIENT_SECRET, ExactConnectedCase
from ..token_common import TOKEN_LOGGER

CLOSED_FIELDS = ('client_secret', 'webhook_secret', 'access_token', 'refresh_token')


class SecretCase(ExactConnectedCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.connection.webhook_secret = 'a-webhook-secret'
        cls.manager = new_test_user(
            cls.env, 'exact_place_manager', groups='account.group_account_manager',
            company_id=cls.company.id, company_ids=[(6, 0, cls.company.ids)],
        )
        cls.connection.user_id = cls.manager

    # === HELPERS === #

    def row(self, connection=None):
        [row] = self.env.execute_query_dict(SQL(
            "SELECT * FROM exact_token WHERE connection_id = %s",
            (connection or self.connection).id,
        ))
        return row

    def write_row(self, connection, **values):
        self.env.execute_query(SQL(
            "UPDATE exact_token SET %s WHERE connection_id = %s RETURNING id",
            SQL(', ').join(SQL("%s = %s", SQL.identifier(k), v) for k, v in values.items()),
            connection.id,
        ))
        self.env.invalidate_all()

    def pass_time(self, seconds=600):
        """The access token is used up: the next call refreshes it."""
        self.env.flush_all()
        self.env.execute_query(SQL(
            "UPDATE exact_token SET issued_at = issued_at - %s, not_before = not_before - %s"
            " RETURNING id", timedelta(seconds=seconds), timedelta(seconds=seconds),
        ))
        self.simulator.clock.advance(seconds)
        self.addCleanup(self.simulator.clock.resume)
        self.env.invalidate_all()

    def in_vain(self):
        """Ask for a token in vain; `assertRaises` would roll back what the workers kept."""
        try:
            with mute_logger(TOKEN_LOGGER):
                self.connection._access_token()
        except NeedsReconnect as error:
            return error.reason
        self.fail("a token was given")
        return None

    def run_all(self):
        """Everything that may talk to Exact by itself."""
        self.env.flush_all()
        for name in ('ir_cron_sync', 'ir_cron_exact_export', 'ir_cron_keep_alive'):
            self.env.ref(f'account_exact.{name}').method_direct_trigger()
        self.env.invalidate_all()

    def press_all(self):
        """Everything that an accounting administrator can press; what it says."""
        connection, said = self.connection.with_user(self.manager), []
        for button in (
            connection.action_connect, connection.action_refresh_divisions,
            connection.action_probe_rights, connection.action_try_again,
            self.division.with_user(self.manager).action_refresh,
        ):
            try:
                button()
            except UserError as error:
                said.append(str(error))
        return said


class Listener(ThreadingHTTPServer):
    """Somebody else's server, which keeps all that it is told."""

    daemon_threads = True

    def __init__(self):
        self.heard = []
        super().__init__(('127.0.0.1', 0), _Ear)
        self.url = f'http://127.0.0.1:{self.server_address[1]}'
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Ear(BaseHTTPRequestHandler):

    def _listen(self):
        length = int(self.headers.get('Content-Length') or 0)
        self.server.heard.append(
            (self.command, self.path, dict(self.headers), self.rfile.read(length)),
        )
        self.send_response(503)
        self.end_headers()

    do_GET = do_POST = do_PUT = do_DELETE = _listen  # noqa: N815

    def log_message(self, *_args):
        """Tests are quiet."""


@tagged('post_install', '-at_install')
class TestAddress(SecretCase):
    """Somebody with rights on system parameters, none on accounting, changes the address."""

    def setUp(self):
        super().setUp()
        self.listener = Listener()
        self.addCleanup(self.listener.server_close)
        self.addCleanup(self.listener.shutdown)
        self.clerk = new_test_user(self.env, 'exact_place_clerk', groups='base.group_system')

    def set_address(self, address):
        self.env.flush_all()
        self.env['ir.config_parameter'].with_user(self.clerk).set_param(
            BASE_URL_PARAMETER, address,
        )
        self.env.flush_all()
        self.env.invalidate_all()

    def test_nothing_goes_to_another_address(self):
        self.set_address(self.listener.url)
        said = self.press_all()
        self.run_all()
        self.assertEqual((self.connection.state, self.connection.reason), ('reconnect', 'origin'))
        self.assertEqual(self.listener.heard, [], "no access token")
        # Now a refresh would be due, which takes the secret and the refresh token
        self.pass_time()
        said += self.press_all()
        self.run_all()
        self.assertEqual(self.listener.heard, [], "no secret and no refresh token")
        self.assertTrue(said)
        for sentence in (*said, self.connection.state_reason, self.division.state_reason):
            self.assertIn('account_exact.exact_online_base_url', sentence)
            self.assertIn("Put the parameter back", sentence)
        [activity] = self.connection.activity_ids
        self.assertEqual(activity.user_id, self.manager)
        self.assertIn("address was changed", activity.summary)

    def test_putting_it_back_heals(self):
        for take_back in (
            lambda: self.set_address(self.simulator.url),
            lambda: self.set_address(self.simulator.url.upper() + '/'),
        ):
            self.set_address(self.listener.url)
            self.pass_time()
            self.assertEqual(self.in_vain(), 'origin')
            self.env.invalidate_all()
            self.assertEqual(self.connection.state, 'reconnect')
            take_back()
            self.assertEqual((self.connection.state, self.connection.reason), ('connected', False))
            self.assertFalse(self.connection.activity_ids)
            self.assertTrue(self.connection._access_token(), "refreshed with the right one")
        self.assertEqual(self.listener.heard, [])

    def test_no_parameter_at_all_is_an_address_too(self):
        """Taken away, the tokens of the simulator do not go to the real Exact; and put back by a
        new row all goes on.
        """
        parameters = self.env['ir.config_parameter'].with_user(self.clerk)
        parameters.search([('key', '=', BASE_URL_PARAMETER)]).unlink()
        self.assertEqual(self.in_vain(), 'origin')
        parameters.create({'key': BASE_URL_PARAMETER, 'value': self.simulator.url})
        self.env.invalidate_all()
        self.assertEqual(self.connection.state, 'connected')

    def test_an_address_that_is_none_stops_nothing_for_ever(self):
        for address in ('http://example.com', 'nonsense', 'https://user@evil.example'):
            self.set_address(address)
            self.run_all()
            self.assertEqual(self.in_vain(), 'origin')
            self.set_address(self.simulator.url)
            self.assertEqual(self.connection.state, 'connected', address)
            self.assertTrue(self.connection._access_token())

    def test_neighbours_of_an_address(self):
        host = self.simulator.url.removeprefix('http://')
        for address in (
            f'HTTP://{host}/', f'http://{host}', f' {self.simulator.url} ',
        ):
            self.set_address(address)
            self.assertTrue(self.connection._access_token(), address)
        for address in (
            self.listener.url, f'https://{host}', 'http://localhost:' + host.split(':')[1],
            'https://127.0.0.1.example.com',
        ):
            self.set_address(address)
            self.assertEqual(self.in_vain(), 'origin', address)
            self.set_address(self.simulator.url)

    def test_an_address_that_changes_during_a_call(self):
        """The client was made for the one address, the token is asked for after the change."""
        self.set_address(self.listener.url)
        with self.connection.client() as client:
            self.set_address(self.simulator.url)
            with self.assertRaises(NeedsReconnect), mute_logger(TOKEN_LOGGER):
                client.get('current/Me', select='UserID')
        self.pass_time()
        self.set_address(self.listener.url)
        with self.connection.client() as client:
            self.set_address(self.simulator.url)
            with self.assertRaises(NeedsReconnect), mute_logger(TOKEN_LOGGER):
                client.get('current/Me', select='UserID')
        self.assertEqual(self.listener.heard, [])

    def test_a_code_is_not_traded_elsewhere(self):
        """The address is changed while the person is on Exact's page."""
        self.set_address(self.listener.url)
        with self.assertRaises(SecretClosedError) as caught:
            self.connection.oauth()
        self.assertEqual(caught.exception.reason, 'origin')

    def test_a_new_address_is_taken_with_the_secret_entered_anew(self):
        self.set_address(self.listener.url)
        self.assertEqual(self.in_vain(), 'origin')
        self.env.invalidate_all()
        connection = self.connection.with_user(self.manager)
        with self.assertRaisesRegex(UserError, "client secret again"):
            connection.action_connect()
        connection.client_secret = CLIENT_SECRET
        self.assertEqual(connection.state, 'reconnect', "the tokens are still those of the other")
        self.assertIn(self.listener.url, connection.action_connect()['url'])
        self.assertEqual(self.listener.heard, [])

    def test_another_site_before_the_first_consent(self):
        """The secret was entered first, then the right country is chosen by who may."""
        self.set_address('')
        draft = self.env['exact.connection'].with_user(self.manager).create({
            'site': 'nl', 'client_id': 'an-app', 'client_secret': 'a-secret',
        })
        draft.site = 'be'
        self.assertEqual(
            draft.env['exact.token']._client_secret(draft, 'https://start.exactonline.be'),
            'a-secret',
        )
        with self.assertRaises(SecretClosedError):
            draft.env['exact.token']._client_secret(draft, 'https://start.exactonline.nl')


@tagged('post_install', '-at_install')
class TestPlaceInTheTable(SecretCase):
    """Somebody who can write the tables, but has no key, moves what is closed."""

    def setUp(self):
        super().setUp()
        self.other = self.create_connection(self.company, name="Another")
        self.other.webhook_secret = 'another-webhook-secret'
        self.connect(self.other)
        self.env.flush_all()

    def test_fields_of_another_connection_do_not_open(self):
        row = self.row()
        for names in ([name] for name in CLOSED_FIELDS):
            mine = {name: self.row(self.other)[name] for name in CLOSED_FIELDS}
            self.write_row(self.other, **{name: row[name] for name in names})
            with self.subTest(names=names):
                self.assertTrue(self.other.has_wrong_key or names == ['access_token'])
                if names != ['webhook_secret']:
                    problem = self.env['exact.token']._present_problem(self.other)
                    self.assertEqual(problem, 'key')
            self.write_row(self.other, **mine)
        self.assertIsNone(self.env['exact.token']._present_problem(self.other))
        self.write_row(self.other, **{name: row[name] for name in CLOSED_FIELDS})
        self.connection = self.other
        self.assertEqual(self.in_vain(), 'key')
        self.assertFalse(self.simulator.store.all('_refresh', 0)[0]['spent'])

    def test_fields_of_one_row_do_not_change_places(self):
        row = self.row()
        for name in CLOSED_FIELDS:
            for other in set(CLOSED_FIELDS) - {name}:
                self.write_row(self.connection, **{name: row[other]})
                with self.subTest(name=name, other=other), self.assertRaises(SecretClosedError):
                    box = self.env['exact.token']._box(self.connection)
                    box.check(name, self.row()[name])
                self.write_row(self.connection, **{name: row[name]})
        self.assertTrue(self.connection._access_token())


@tagged('post_install', '-at_install')
class TestCopiedDatabase(SecretCase):
    """The database finds itself in another place than the one where it was connected."""

    def duplicate(self):
        """What Odoo does when it duplicates a database, or restores one as a copy."""
        self.env.flush_all()
        self.env['ir.config_parameter'].init(force=True)
        self.env['ir.config_parameter'].set_param(BASE_URL_PARAMETER, self.simulator.url)
        self.env.flush_all()
        self.env.invalidate_all()

    @contextmanager
    def elsewhere(self, name="a_copy", cluster=2):
        """The same rows under another name, or in another cluster: copied past Odoo."""
        expression = SQL(
            "concat_ws('/', (SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'),"
            " %s, %s)", name, cluster,
        )
        with patch.object(
            self.env.registry['exact.token'], '_home_expression', lambda _model: expression,
        ):
            self.env.invalidate_all()
            yield
        self.env.invalidate_all()

    def assertSendsNothing(self):
        before = len(self.seen)
        self.press_all()
        self.run_all()
        self.pass_time()
        self.press_all()
        self.run_all()
        self.assertEqual(self.seen[before:], [])

    def setUp(self):
        super().setUp()
        # Every request that reaches the simulator
        self.seen = []
        application = self.simulator.app
        original = type(application).__call__

        def listen(app, environ, start_response):
            self.seen.append(environ['PATH_INFO'])
            return original(app, environ, start_response)

        self.enterContext(patch.object(type(application), '__call__', listen))

    def assertAsks(self):
        self.assertTrue(self.connection.is_copied)
        self.assertFalse(self.connection.has_wrong_key)
        self.assertEqual((self.connection.state, self.connection.reason), ('reconnect', 'copied'))
        self.assertIn("copy", self.connection.state_reason)
        self.assertEqual((self.division.hold, self.division.hold_reason), (True, 'copied'))
        [activity] = self.connection.activity_ids
        self.assertEqual(activity.user_id, self.manager)
        self.assertIn("original", activity.summary)

    def test_the_original_notices_nothing(self):
        self.run_all()
        self.assertEqual((self.connection.state, self.division.hold), ('connected', False))
        self.assertFalse(self.connection.is_copied)
        for button in ('action_is_original', 'action_is_copy'):
            getattr(self.connection.with_user(self.manager), button)()
            self.assertTrue(self.connection._access_token(), "nothing was asked")

    def test_a_duplicate_sends_nothing_and_asks(self):
        self.duplicate()
        self.assertTrue(self.connection.is_copied, "the form asks before any worker looked")
        self.assertSendsNothing()
        self.assertAsks()

    def test_a_copy_made_past_odoo_sends_nothing_and_asks(self):
        for place in ({'name': "a_copy"}, {'cluster': 3}):
            with self.subTest(**place), self.elsewhere(**place):
                self.assertSendsNothing()
                self.assertAsks()
                self.connection.with_user(self.manager).action_is_original()
                self.assertEqual(self.connection.state, 'connected')
            # The other way round
            self.assertEqual(self.in_vain(), 'copied')
            self.env.invalidate_all()
            self.assertAsks()
            self.connection.with_user(self.manager).action_is_original()
            self.simulator.limits.reset()

    def test_a_database_that_is_back_goes_on_by_itself(self):
        with self.elsewhere():
            self.assertEqual(self.in_vain(), 'copied')
            self.env.invalidate_all()
            self.assertAsks()
        self.run_all()
        self.assertEqual((self.connection.state, self.division.hold), ('connected', False))
        self.assertFalse(self.connection.activity_ids)

    def test_a_copy_forgets(self):
        self.duplicate()
        self.run_all()
        self.connection.with_user(self.manager).action_is_copy()
        self.env.flush_all()
        self.env.invalidate_all()
        for table in ('exact_token', 'exact_token_refresh'):
            self.env.cr.execute(SQL(
                "SELECT count(*) FROM %s WHERE connection_id = %s",
                SQL.identifier(table), self.connection.id,
            ))
            self.assertEqual(self.env.cr.fetchone(), (0,))
        self.assertEqual(
            (self.connection.state, self.connection.reason), ('disconnected', 'neutralized'),
        )
        self.assertFalse(self.connection.is_copied)
        self.assertFalse(self.connection.activity_ids)
        self.assertEqual((self.division.hold, self.division.hold_reason), (True, 'neutralized'))
        self.assertSendsNothing()
        # Connected once more, what waits goes nowhere before somebody releases it
        self.connection.client_secret = CLIENT_SECRET
        self.connect(self.connection)
        self.assertTrue(self.division.hold)

    def test_a_moved_original_is_asked_once(self):
        self.duplicate()
        self.run_all()
        self.connection.with_user(self.manager).action_is_original()
        self.assertEqual((self.connection.state, self.connection.reason), ('connected', False))
        self.assertEqual((self.division.hold, self.division.hold_reason), (False, False))
        self.assertFalse(self.connection.activity_ids)
        self.assertFalse(self.connection.is_copied)
        self.pass_time()
        self.run_all()
        self.assertIn('/api/oauth2/token', self.seen)
        self.assertEqual(self.connection.state, 'connected')
        secrets = self.env['exact.token']
        self.assertEqual(secrets.secret_of_webhook(self.connection), 'a-webhook-secret')
        self.assertEqual(
            secrets._client_secret(self.connection, self.simulator.url), CLIENT_SECRET,
        )

    def test_a_hold_of_a_person_outlives_the_question(self):
        self.division.with_user(self.manager).action_hold()
        reason = self.division.hold_reason
        self.duplicate()
        self.run_all()
        self.connection.with_user(self.manager).action_is_original()
        self.assertEqual((self.division.hold, self.division.hold_reason), (True, reason))

    def test_no_consent_before_the_answer(self):
        self.duplicate()
        with self.assertRaisesRegex(UserError, "copy"):
            self.connection.with_user(self.manager).action_connect()

    def test_who_may_answer(self):
        self.duplicate()
        for groups in ('account.group_account_invoice', 'base.group_system'):
            person = new_test_user(
                self.env, f'exact_place_{groups[-6:]}', groups=groups,
                company_id=self.company.id, company_ids=[(6, 0, self.company.ids)],
            )
            for button in ('action_is_original', 'action_is_copy'):
                with self.assertRaises(AccessError):
                    getattr(self.connection.with_user(person), button)()
        self.assertTrue(self.connection.is_copied)

    def test_the_answer_reaches_the_own_companies_only(self):
        company = self.env['res.company'].create({'name': "Somebody else"})
        other = self.create_connection(company, name="Theirs")
        self.connect(other)
        self.duplicate()
        self.assertTrue(other.is_copied)
        self.connection.with_user(self.manager).action_is_copy()
        self.env.invalidate_all()
        self.assertTrue(other.is_copied)
        self.assertTrue(other.has_client_secret)

    def test_a_forged_home_opens_nothing(self):
        """Somebody writes the name of the copy into what is stored."""
        box = self.env['exact.token']._box(self.connection)
        stored = self.row()['refresh_token']
        with self.elsewhere():
            there = self.env['exact.token']._box(self.connection)
            sealed = there.close('refresh_token', 'x', self.connection._exact_origin())
            forged = '.'.join((*sealed.split('.')[:2], stored.split('.')[2]))
            with self.assertRaises(SecretClosedError) as caught:
                there.open('refresh_token', forged, self.connection._exact_origin())
        self.assertEqual(caught.exception.reason, 'key')
        self.assertTrue(box.open('refresh_token', stored, self.connection._exact_origin()))

    def test_workers_and_hosts_of_one_database_are_at_home(self):
        homes = set()
        for _worker in range(3):
            self.env.registry.clear_cache()
            homes.add(self.env['exact.token']._box(self.connection).home)
        self.assertEqual(len(homes), 1)
