"""A clock that was ahead and is right again: what was counted from it counts for nothing."""

from datetime import timedelta
from importlib import util
from pathlib import Path
from unittest.mock import patch

from cryptography.fernet import Fernet

from odoo import fields
from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL

from odoo.addons.account_exact import exact_api
from odoo.addons.account_exact.exact_api import RateLimited, Tokens, Unreachable
from odoo.addons.account_exact.models.administration import exact_call, exact_call_limits
from odoo.addons.account_exact.models.base.exact_clock import epoch
from odoo.addons.account_exact.models.connection import exact_token
from odoo.addons.account_exact.models.connection.exact_connection_address import BASE_URL_PARAMETER

from ..common import DIVISION, ExactSimulatorMixin
from ..sync_common import RESOURCES, SyncCase
from ..token_common import START, Clock, TokenCase, secret_key

DAY = 86400


@tagged('post_install', '-at_install')
class TestTokenAhead(TokenCase):
    """Odoo's clock was a day ahead when the tokens came; Exact's own is always right."""

    def ahead(self):
        """The tokens are issued "tomorrow", then the clock is put right."""
        self.clock.at(DAY)
        self.connection._consented(Tokens('access-0', 'refresh-0', self.clock()))
        self.env.flush_all()

    def test_due_now(self):
        self.ahead()
        for seconds in (700, 701, 1200, 1300, 1900):
            self.clock.at(seconds)
            self.assertTrue(self.token())
        self.assertEqual(self.oauth.sent, ['refresh-0', 'refresh-1', 'refresh-2'])
        self.assertEqual(self.connection.state, 'connected')

    def test_exact_says_too_early(self):
        """Tokens that are in truth a minute old: the present one is used on."""
        self.ahead()
        self.oauth.issued_at = START
        self.clock.at(60)
        self.assertEqual(self.token(), 'access-0')
        self.assertEqual(len(self.oauth.sent), 1)
        for seconds in (61, 70, 89):
            self.clock.at(seconds)
            self.assertEqual(self.token(), 'access-0')
        self.assertEqual(len(self.oauth.sent), 1, "not asked again at once")
        for seconds in range(95, 640, 35):
            self.clock.at(seconds)
            self.assertTrue(self.token())
        self.assertEqual(self.token(), 'access-1')

    def test_a_failure_while_it_was_ahead(self):
        self.clock.at(DAY + 700)
        self.oauth.answers = [Unreachable("no route")] * 3
        for seconds in (700, 800, 1000):
            self.clock.at(DAY + seconds)
            self.assertRaisesKept((Unreachable, RateLimited))
        self.oauth.answers = []
        self.clock.at(1200)
        self.assertEqual(self.token(), 'access-1')
        self.clock.at(1800)
        self.assertEqual(self.token(), 'access-2', "nor does it count for the next one")

    def test_a_refusal_while_it_was_ahead(self):
        self.ahead()
        self.env['exact.token']._note_refused(self.connection, 'access-0')
        self.assertRaisesKept(RateLimited)
        self.clock.at(700)
        self.assertEqual(self.token(), 'access-1')
        # What is refused now is noted now
        self.env['exact.token']._note_refused(self.connection, 'access-1')
        self.assertRaisesKept(RateLimited)

    def test_clocks_of_two_hosts(self):
        """The other host is a few seconds ahead: no refresh too early."""
        self.clock.at(10)
        self.connection._consented(Tokens('access-0', 'refresh-0', self.clock()))
        self.clock.at(5)
        self.assertEqual(self.token(), 'access-0')
        self.assertFalse(self.oauth.sent)


@tagged('post_install', '-at_install')
class TestBudgetAhead(ExactSimulatorMixin, TransactionCase):

    def setUp(self):
        super().setUp()
        self.enterContext(self.enter_registry_test_mode())
        self.clock = Clock()
        self.enterContext(patch.object(exact_call, 'utcnow', self.clock))
        connection = self.env['exact.connection'].create({'site': 'nl'})
        self.division = self.create_division(connection, code=DIVISION)
        self.env.flush_all()

    def reserve(self):
        return self.env['exact.call']._reserve(self.division.id, 'crm/Accounts', 'master')

    def record(self, ticket, status=200, error=None, **headers):
        limits = exact_api.RateLimits.from_headers(headers, self.clock())
        self.env['exact.call']._record(self.division.id, exact_api.Call(
            'GET', 'crm/Accounts', status, 0.1, limits, error,
        ), ticket)

    def used_up(self):
        """The minute is used up, the resource refused five times, a call lost."""
        minute, day = (
            str(int((self.clock() + timedelta(seconds=seconds)).timestamp() * 1000))
            for seconds in (50, 10 * 3600)
        )
        tickets = [self.reserve() for _call in range(5)]
        self.reserve()
        for ticket in tickets:
            self.record(ticket, 500, exact_api.Rejected("no", messages=["Ongeldig: Bedrag"]), **{
                'X-RateLimit-Minutely-Limit': '60', 'X-RateLimit-Minutely-Remaining': '0',
                'X-RateLimit-Minutely-Reset': minute, 'X-RateLimit-Limit': '5000',
                'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': day,
            })

    def test_the_pause_ends_with_the_jump(self):
        self.clock.at(DAY)
        self.used_up()
        self.assertRaises(RateLimited, self.reserve)
        self.clock.at(0)
        ticket = self.reserve()
        self.assertTrue(ticket)
        # From here on it is counted as always
        for ticket in [self.reserve() for _call in range(5)]:
            self.record(ticket, 500, exact_api.Rejected("no", messages=["Ongeldig: Bedrag"]))
        self.assertRaises(RateLimited, self.reserve)
        call = self.env['exact.call'].search([
            ('division_id', '=', self.division.id), ('resource', '=', 'crm/Accounts'),
        ])
        self.assertEqual(call.errors, 5)
        self.clock.at(3700)
        self.assertTrue(self.reserve())

    def moments(self):
        """What a clock that was a day ahead leaves behind, one by one: (resource, values)."""
        now = self.clock().replace(tzinfo=None)
        tomorrow = now + timedelta(days=1)
        limits = {
            'minute_limit': 60, 'minute_remaining': 60, 'minute_reset': now + timedelta(seconds=50),
            'day_limit': 5000, 'day_remaining': 5000, 'day_reset': now + timedelta(hours=5),
        }
        calls = {str(number): epoch(tomorrow) for number in range(100)}
        for values in (
            {'minute_remaining': 0, 'minute_reset': tomorrow},
            {'day_remaining': 0, 'day_reset': tomorrow + timedelta(hours=2)},
            {'under_way': calls},
        ):
            yield '', {**limits, **values}
        for values in (
            {'paused_until': tomorrow}, {'ill_until': tomorrow},
            {'errors': 9, 'errors_since': tomorrow},
        ):
            yield 'crm/Accounts', values

    def test_no_moment_of_the_future_keeps_a_call_back(self):
        calls = self.env['exact.call'].sudo()
        for resource, values in self.moments():
            with self.subTest(**values):
                calls.search([('division_id', '=', self.division.id)]).unlink()
                calls.create({'division_id': self.division.id, 'resource': resource, **values})
                self.env.flush_all()
                if resource:
                    # Whose first call it is, is not looked at
                    calls.create({'division_id': self.division.id, 'resource': ''})
                    self.env.flush_all()
                self.assertTrue(self.reserve())

    def test_no_moment_of_the_future_is_told(self):
        """What the meter and the pauses are told by."""
        now = self.clock().replace(tzinfo=None)
        nothing = dict.fromkeys((
            'paused_until', 'ill_until', 'errors', 'errors_since', 'fuse_errors', 'under_way',
        ))
        for resource, values in self.moments():
            with self.subTest(**values):
                row = {**nothing, **values}
                if resource:
                    self.assertIsNone(exact_call_limits.closed_until(row, now))
                else:
                    self.assertEqual(exact_call_limits.left_of(row, 'minute', now)[0], 60)
                    self.assertEqual(exact_call_limits.left_of(row, 'day', now)[0], 5000)
        # As it is where the clock is right, or another host's is seconds ahead
        soon = now + timedelta(seconds=30)
        self.assertEqual(exact_call_limits.closed_until({**nothing, 'ill_until': soon}, now), soon)
        self.assertEqual(
            exact_call_limits.closed_until({**nothing, 'errors': 9, 'errors_since': soon}, now),
            soon + timedelta(hours=1),
        )
        row = {
            **nothing, 'minute_limit': 60, 'minute_remaining': 7, 'minute_reset': soon,
            'under_way': {'a call': epoch(now), 'of another host': epoch(soon)},
        }
        self.assertEqual(exact_call_limits.left_of(row, 'minute', now), (5, soon))

    def test_a_pause_of_years_in_the_database(self):
        """Kept by a release that believed every `Retry-After`."""
        self.record(self.reserve(), 429, RateLimited("wait", retry_at=self.clock()))
        self.env.execute_query(SQL(
            "UPDATE exact_call SET paused_until = '2036-01-01' WHERE division_id = %s"
            " RETURNING id", self.division.id,
        ))
        self.env.invalidate_all()
        self.assertTrue(self.reserve())
        [call] = self.env['exact.call'].search([
            ('division_id', '=', self.division.id), ('resource', '!=', ''),
        ])
        self.assertIsNone(exact_call_limits.closed_until(call, fields.Datetime.now()))


@tagged('post_install', '-at_install')
class TestSyncAhead(SyncCase):

    def test_what_was_read_tomorrow_is_read_now(self):
        self._first_sync()
        tomorrow = fields.Datetime.now() + timedelta(days=1)
        self.division.cursor_ids.sudo().write({
            'last_success_at': tomorrow, 'next_at': tomorrow + timedelta(hours=1),
        })
        failed = self._cursor('journal').sudo()
        failed.write({'state': 'error', 'failed_at': tomorrow, 'failure_count': 1})
        self._run()
        endpoints = {RESOURCES[key].endpoint for key in self.division.cursor_ids.mapped('resource')}
        self.assertFalse(endpoints - set(self._calls()))
        self.assertEqual(set(self.division.cursor_ids.mapped('state')), {'done'})
        # Once
        self._run()
        self.assertFalse(self._calls())


@tagged('post_install', '-at_install')
class TestOlderForm(TokenCase):
    """Secrets that release 19.0.1.0.0 stored: closed with the key, and with nothing else."""

    KEY = Fernet.generate_key().decode()

    def setUp(self):
        super().setUp()
        self.enterContext(secret_key(self.KEY))
        fernet = Fernet(self.KEY)
        for name, text in {
            'client_secret': 'a-secret', 'webhook_secret': 'a-hook',
            'access_token': 'access-0', 'refresh_token': 'refresh-0',
        }.items():
            self.env.execute_query(SQL(
                "UPDATE exact_token SET %s = %s WHERE connection_id = %s RETURNING id",
                SQL.identifier(name), fernet.encrypt(text.encode()).decode(), self.connection.id,
            ))
        self.env.invalidate_all()

    def migrate(self):
        path = Path(exact_token.__file__).parents[2]
        [script] = path.glob('migrations/19.0.1.1.0/post-close-secrets.py')
        spec = util.spec_from_file_location('close_secrets', script)
        module = util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.env.flush_all()
        module.migrate(self.env.cr, '19.0.1.0.0')
        self.env.invalidate_all()

    def stored(self):
        row = self.row()
        return [row[name] for name in (
            'client_secret', 'webhook_secret', 'access_token', 'refresh_token',
        )]

    def test_an_upgrade_closes_them_anew(self):
        self.migrate()
        self.assertTrue(all(text.startswith('exact1.') for text in self.stored()))
        self.assertEqual(self.token(), 'access-0')
        self.assertEqual(self.opened('client_secret'), 'a-secret')
        self.assertEqual(self.env['exact.token'].secret_of_webhook(self.connection), 'a-hook')
        self.env['ir.config_parameter'].set_param(
            BASE_URL_PARAMETER, 'https://evil.example',
        )
        self.assertEqual(self.refused().reason, 'origin')

    def test_without_the_key_they_open_until_the_next_refresh(self):
        with secret_key('another'), self.assertLogs(exact_token._logger, 'WARNING'):
            self.migrate()
        self.assertFalse(any(text.startswith('exact1.') for text in self.stored()))
        self.assertFalse(self.connection.has_wrong_key)
        self.assertEqual(self.token(), 'access-0')
        self.clock.at(600)
        self.assertEqual(self.token(), 'access-1')
        self.assertTrue(all(text.startswith('exact1.') for text in self.stored()))
        self.assertEqual(self.env['exact.token'].secret_of_webhook(self.connection), 'a-hook')
