import logging
import os
import stat
import traceback
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import config, mute_logger

from odoo.addons.account_exact.exact_api import (
    Forbidden,
    NeedsReconnect,
    OAuth,
    OAuthRefused,
    OutcomeUnknown,
    RateLimited,
    SecretClosedError,
    Tokens,
    TooEarlyToRefresh,
    Transient,
    Unreachable,
)
from odoo.addons.account_exact.models.connection import exact_secret, exact_token_access
from odoo.addons.account_exact.tests.token_common import (
    SECRET_LOGGER,
    START,
    TOKEN_LOGGER,
    FakeOAuth,
    TokenCase,
    secret_key,
)


@tagged('post_install', '-at_install')
class TestToken(TokenCase):

    # === SECRETS AT REST === #

    def test_secrets_lie_encrypted(self):
        row = self.row()
        for name, clear in [
            ('client_secret', 'a-secret'), ('access_token', 'access-0'),
            ('refresh_token', 'refresh-0'),
        ]:
            self.assertTrue(row[name])
            self.assertNotIn(clear, row[name])
            self.assertEqual(self.opened(name), clear)

    def test_nobody_reads_secrets(self):
        system = new_test_user(
            self.env, 'exact_system',
            groups='base.group_system,base.group_allow_export,account.group_account_manager',
        )
        tokens = self.env['exact.token'].with_user(system)
        with self.assertRaises(AccessError):
            tokens.search([])
        with self.assertRaises(AccessError):
            tokens.browse(self.row()['id']).read()
        with self.assertRaises(AccessError):
            tokens.browse(self.row()['id']).export_data(['client_secret'])
        for user in (system, self.manager):
            connection = self.connection.with_user(user)
            for name, value in connection.read()[0].items():
                self.assertNotIn(
                    'secret', str(value) if name != 'client_secret_placeholder' else '',
                )
            self.assertFalse(connection.client_secret)
            self.assertTrue(connection.has_client_secret)
        exported = self.connection.with_user(system).export_data(
            ['name', 'client_secret'],
        )['datas'][0]
        self.assertFalse(exported[1])
        self.assertNotIn('a-secret', str(self.connection.copy_data()))

    def test_no_trick_of_the_orm_reads_secrets(self):
        system = new_test_user(
            self.env, 'exact_system',
            groups='base.group_system,base.group_allow_export,account.group_account_manager',
        )
        self.manager.group_ids |= self.env.ref('base.group_allow_export')
        names = ('client_secret', 'access_token', 'refresh_token', 'webhook_secret', 'nonce_hash')
        row_id = self.row()['id']
        for user in (system, self.manager):
            for model in ('exact.token', 'exact.token.refresh'):
                rows = self.env[model].with_user(user).browse(row_id)
                self.assertFalse(rows.has_access('read'))
                for name in names if model == 'exact.token' else ('fingerprint',):
                    for attempt in (
                        lambda rows, name: rows.search([(name, '=like', 'g%')]),
                        lambda rows, name: rows.search_count([(name, '!=', False)]),
                        lambda rows, name: rows.search_read([], [name]),
                        lambda rows, name: rows.web_search_read([], {name: {}}),
                        lambda rows, name: rows.web_read({name: {}}),
                        lambda rows, name: rows.read([name]),
                        lambda rows, name: rows.mapped(name),
                        lambda rows, name: rows.filtered_domain([(name, '=like', 'g%')]),
                        lambda rows, name: rows.export_data([name]),
                        lambda rows, name: rows.formatted_read_group([], [name], ['__count']),
                        lambda rows, name: rows._read_group([], [name], ['__count']),
                        lambda rows, name: rows.copy(),
                        lambda rows, name: rows.name_search('g'),
                    ):
                        with self.assertRaises(AccessError):
                            attempt(rows, name)
            # Letter by letter, through the field of the form
            connections = self.env['exact.connection'].with_user(user)
            divisions = self.env['exact.division'].with_user(user)
            for secret in ('client_secret', 'webhook_secret'):
                for letter in 'ax':
                    guess = [(secret, '=like', f'{letter}%')]
                    for records, domain in (
                        (connections, guess),
                        (divisions, [(f'connection_id.{secret}', '=like', f'{letter}%')]),
                        (divisions, [('connection_id', 'any', guess)]),
                    ):
                        with self.assertRaises(ValueError), mute_logger('odoo.fields'):
                            records.search(domain)
                with self.assertRaises(ValueError):
                    connections.formatted_read_group([], [secret], ['__count'])
                with self.assertRaises(ValueError):
                    connections.search([], order=secret)
                connection = self.connection.with_user(user)
                self.assertFalse(connection.filtered_domain([(secret, '!=', False)]))
                self.assertEqual(connection.web_read({secret: {}})[0][secret], False)
        # A field that an administrator makes shows nothing of it either
        self.assertNotIn('a-secret', str(self.row()))

    def test_secrets_are_not_in_texts_of_objects(self):
        tokens = Tokens('access-0', 'refresh-0', START)
        shown = ' '.join(map(str, (
            tokens, repr(tokens), f'{tokens!r}', vars(OAuth)['__init__'],
            repr(OAuth('https://example.com', 'an-app', 'a-secret', 'https://odoo.example.com')),
            self.env['exact.token'].sudo().search([]), self.refused_text(),
        )))
        for secret in ('a-secret', 'access-0', 'refresh-0'):
            self.assertNotIn(secret, shown)

    def refused_text(self):
        self.clock.at(600)
        self.oauth.answers = [NeedsReconnect("no", reason='rejected')]
        error = self.refused()
        return f"{error} {error!r} {error.args} {''.join(traceback.format_exception(error))}"

    def test_the_secret_is_not_tracked(self):
        self.connection.with_user(self.manager).client_secret = 'the-next-secret'
        self.env.flush_all()
        self.env.cr.precommit.run()
        for message in self.connection.message_ids:
            self.assertNotIn('the-next', str(message.read()))
        values = self.env['mail.tracking.value'].sudo().search(
            [('mail_message_id', 'in', self.connection.message_ids.ids)],
        )
        self.assertNotIn('client_secret', values.field_id.mapped('name'))
        self.assertNotIn('the-next', str(values.read()))

    def test_a_written_secret_is_not_answered(self):
        """The web client saves and reads in one call."""
        saved = self.connection.with_user(self.manager).web_save(
            {'client_secret': 'another'}, {'client_secret': {}, 'has_client_secret': {}},
        )
        self.assertEqual(saved[0]['client_secret'], False)
        self.assertTrue(saved[0]['has_client_secret'])
        self.assertEqual(self.opened('client_secret'), 'another')

    def test_an_untouched_secret_stays(self):
        self.connection.with_user(self.manager).write({'client_secret': False, 'name': "New name"})
        self.assertEqual(self.opened('client_secret'), 'a-secret')

    def test_secrets_are_not_in_logs_or_chatter(self):
        with self.assertLogs('odoo', logging.DEBUG) as logs:
            self.clock.at(600)
            self.token()
            self.oauth.answers = [NeedsReconnect("no", reason='rejected')]
            self.clock.at(1300)
            with self.assertRaises(NeedsReconnect):
                self.token()
        lines = '\n'.join(line for line in logs.output if 'odoo.sql_db' not in line)
        for secret in ('a-secret', 'access-0', 'refresh-0', 'access-1', 'refresh-1'):
            self.assertNotIn(secret, lines)
            self.assertNotIn(secret, str(self.connection.message_ids.mapped('body')))

    def test_key_file_is_made_once_and_closed_to_others(self):
        box = exact_secret.SecretBox('a database', 1)
        with TemporaryDirectory() as folder, secret_key(None), patch.dict(
            config._runtime_options, {'data_dir': folder},
        ):
            stored = box.close('client_secret', 'text')
            path = Path(folder) / 'account_exact.key'
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
            self.assertEqual(os.listdir(folder), ['account_exact.key'])
            self.assertEqual(box.open('client_secret', stored), 'text')
            path.chmod(0o644)
            with self.assertLogs(SECRET_LOGGER, logging.WARNING):
                self.assertEqual(box.open('client_secret', stored), 'text')
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_key_can_be_a_passphrase_and_can_be_replaced(self):
        box = exact_secret.SecretBox('a database', 1)
        with secret_key('a passphrase of the administrator'):
            stored = box.close('client_secret', 'text')
        with secret_key('a new one, a passphrase of the administrator'):
            self.assertEqual(box.open('client_secret', stored), 'text')
        with secret_key('a new one'), self.assertRaises(SecretClosedError):
            box.open('client_secret', stored)

    @contextmanager
    def real_secret(self):
        """The OAuth side needs the client secret, as the real one does."""
        def oauth(connection, base_url):
            connection.env['exact.token']._client_secret(connection, base_url)
            return self.oauth

        with patch.object(self.env.registry['exact.connection'], 'oauth', oauth):
            yield

    def store_under(self, key):
        """Let all secrets and tokens be encrypted with a key."""
        with secret_key(key):
            self.connection.write({'client_secret': 'a-secret', 'webhook_secret': 'a-hook'})
            self.connection._consented(Tokens('access-0', 'refresh-0', START))

    def test_a_replaced_key_takes_all_secrets_along(self):
        self.store_under('old')
        self.clock.at(600)
        with self.real_secret():
            with secret_key('new,old'):
                self.assertEqual(self.token(), 'access-1')
            self.clock.at(1200)
            self.env.invalidate_all()
            with secret_key('new'):
                self.assertEqual(self.token(), 'access-2')
                secrets = self.env['exact.token']
                self.assertEqual(self.opened('client_secret'), 'a-secret')
                self.assertEqual(secrets.secret_of_webhook(self.connection), 'a-hook')
                self.assertFalse(self.connection.has_wrong_key)
        self.assertEqual(self.connection.state, 'connected')

    def test_a_client_secret_that_cannot_be_opened_is_told_once(self):
        """The old key went before anything was renewed with the new one."""
        self.store_under('old')
        with secret_key('new'):
            self.env['exact.token']._store_tokens(
                self.connection, Tokens('access-0', 'refresh-0', START),
            )
            self.clock.at(700)
            with self.real_secret():
                for _try in range(3):
                    self.refused()
            self.assertFalse(self.oauth.sent)
            self.env.invalidate_all()
            self.assertEqual((self.connection.state, self.connection.reason), ('reconnect', 'key'))
            self.assertIn("key", self.connection.state_reason)
            [activity] = self.connection.activity_ids
            self.assertEqual(activity.user_id, self.manager)
            # The tokens are good: with the secret alone all is well again
            self.connection.with_user(self.manager).client_secret = 'a-secret'
            self.assertEqual(self.connection.state, 'connected')
            self.assertFalse(self.connection.activity_ids)
            with self.real_secret():
                self.assertEqual(self.token(), 'access-1')

    def test_a_wrong_key_asks_for_a_reconnect(self):
        with secret_key('something else'):
            self.refused()
        self.assertEqual(self.connection.state, 'reconnect')
        self.assertIn("key", self.connection.state_reason)
        self.assertFalse(self.oauth.sent)

    def test_the_form_of_a_server_without_the_key_says_so(self):
        """Two servers with a key file each: the one that cannot open the secrets tells it."""
        self.assertFalse(self.connection.has_wrong_key)
        with TemporaryDirectory() as folder, patch.dict(
            config._runtime_options, {'data_dir': folder, 'account_exact_secret_key': None},
        ), mute_logger(SECRET_LOGGER):
            self.connection.invalidate_recordset()
            self.assertTrue(self.connection.has_wrong_key)
            self.assertFalse(os.listdir(folder), "no other key is made to open what is there")
            exact_secret.secret_keys(make=True)
            self.connection.invalidate_recordset()
            self.assertTrue(self.connection.has_wrong_key)
            (Path(folder) / 'account_exact.key').write_text("no key at all")
            self.connection.invalidate_recordset()
            self.assertTrue(self.connection.has_wrong_key)
            with self.assertRaisesRegex(UserError, "the same on every server"):
                self.connection.with_user(self.manager).client_secret = 'another'
        self.connection.invalidate_recordset()
        self.assertFalse(self.connection.has_wrong_key)

    def test_the_right_key_heals(self):
        with secret_key('something else'):
            self.refused()
            with self.assertRaisesRegex(UserError, "does not have the key"):
                self.connection.with_user(self.manager).action_try_again()
            self.env.ref('account_exact.ir_cron_keep_alive').method_direct_trigger()
            self.env.invalidate_all()
            self.assertEqual(self.connection.state, 'reconnect')
        self.connection.with_user(self.manager).action_try_again()
        self.assertEqual(self.connection.state, 'connected')
        self.assertFalse(self.connection.activity_ids)
        self.assertEqual(self.token(), 'access-0')
        with secret_key('something else'):
            self.refused()
        self.env.ref('account_exact.ir_cron_keep_alive').method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual(self.connection.state, 'connected', "within a day by itself")

    # === THE RIGHT MOMENT === #

    def test_a_young_token_is_used(self):
        for seconds in (0, 300, 569.9, 570):
            self.clock.at(seconds)
            self.assertEqual(self.token(), 'access-0')
        self.assertFalse(self.oauth.sent)

    def test_an_old_token_is_refreshed_once(self):
        self.clock.at(571)
        self.assertEqual(self.token(), 'access-1')
        self.assertEqual(self.token(), 'access-1')
        self.assertEqual(self.oauth.sent, ['refresh-0'])
        self.assertEqual(self.opened('refresh_token'), 'refresh-1')

    def test_a_slow_answer_does_not_make_the_next_refresh_early(self):
        """The client notes when it asked, Exact counts from when it answered."""
        self.clock.at(600)

        def slow(refresh_token):
            asked_at = self.clock()
            self.clock.at(620)
            pair = FakeOAuth.next_pair(self.oauth, refresh_token)
            return Tokens(pair.access_token, pair.refresh_token, asked_at)

        with patch.object(self.oauth, 'next_pair', slow):
            self.token()
        self.clock.at(600 + 575)
        self.assertEqual(self.token(), 'access-1')
        self.clock.at(620 + 571)
        self.assertEqual(self.token(), 'access-2')

    def test_too_early_by_exacts_clock_keeps_the_token(self):
        self.clock.at(575)
        self.oauth.answers = [TooEarlyToRefresh("too early")]
        self.assertEqual(self.token(), 'access-0')
        self.clock.at(600)
        self.assertEqual(self.token(), 'access-0', "half a minute must pass before the next try")
        self.clock.at(606)
        self.assertEqual(self.token(), 'access-1')

    # === WHAT EXACT REFUSES TOO SOON === #

    def refuse(self, token):
        """Exact answers a call with 401."""
        self.env['exact.token']._note_refused(self.connection, token)

    def test_a_refused_token_is_not_sent_again(self):
        self.clock.at(100)
        self.refuse(self.token())
        error = self.assertRaisesKept(RateLimited)
        self.assertEqual(error.scope, 'token')
        self.assertEqual(round((error.retry_at - START).total_seconds()), 571)
        self.assertEqual(self.connection.state, 'connected')
        self.clock.at(571)
        self.assertEqual(self.token(), 'access-1')

    def test_what_a_new_token_does_not_cure_stops_nothing_else(self):
        self.refuse(self.token())
        self.clock.at(571)
        self.refuse(self.token())
        self.assertEqual(self.token(), 'access-1')
        self.clock.at(3601)
        self.refuse(self.token())
        self.assertRaisesKept(RateLimited)

    def test_a_token_that_ran_out_on_the_way_says_nothing_of_the_next(self):
        old = self.token()
        self.clock.at(571)
        self.token()
        self.refuse(old)
        self.assertEqual(self.token(), 'access-1')
        self.refuse('access-1')
        self.assertRaisesKept(RateLimited)

    def test_a_new_consent_forgets_the_refusal(self):
        self.refuse(self.token())
        self.clock.at(60)
        self.connection._consented(Tokens('access-7', 'refresh-7', self.clock()))
        self.refuse(self.token())
        self.assertRaisesKept(RateLimited)

    def test_a_refused_token_waits_for_a_refresh_that_fails(self):
        self.refuse(self.token())
        self.clock.at(571)
        self.oauth.answers = [Unreachable("no")]
        self.token()
        error = self.assertRaisesKept(RateLimited)
        self.assertEqual(round((error.retry_at - self.clock()).total_seconds()), 30)

    # === WHAT CAN GO WRONG === #

    def test_a_refusal_asks_for_a_reconnect_once(self):
        self.clock.at(600)
        self.oauth.good = 'somebody-else-9'
        for _call in range(3):
            self.refused()
        self.assertEqual(self.oauth.sent, ['refresh-0'], "asked once, not at each call")
        self.assertEqual(self.connection.state, 'reconnect')
        self.assertEqual(self.connection.reason, 'spent')
        self.assertTrue(self.connection.state_reason)
        self.assertEqual(self.connection.activity_ids.user_id, self.manager)
        self.assertEqual(len(self.connection.activity_ids), 1)
        self.assertTrue(self.row()['refresh_token'], "tokens are never deleted on an error")

    def test_a_new_consent_cures(self):
        self.clock.at(600)
        self.oauth.answers = [NeedsReconnect("no", reason='rejected')]
        self.refused()
        self.connection._consented(Tokens('access-7', 'refresh-7', self.clock()))
        self.assertEqual(self.token(), 'access-7')
        self.assertEqual(self.connection.state, 'connected')
        self.assertFalse(self.connection.activity_ids)

    def test_a_lost_answer_is_asked_for_once_more(self):
        """Only Exact knows whether it used the token up; if it did, the chain is at its end."""
        self.clock.at(602)
        self.oauth.answers = [OutcomeUnknown("no answer")]
        self.assertRaisesKept(OutcomeUnknown)
        self.oauth.next_pair('refresh-0')
        self.assertEqual(self.connection.state, 'connected')
        for seconds in (610, 630, 661):
            self.clock.at(seconds)
            self.assertRaisesKept(RateLimited)
        self.assertEqual(self.oauth.sent, ['refresh-0'], "not before a minute is over")
        self.clock.at(663)
        for _call in range(3):
            self.assertEqual(self.refused().reason, 'lost')
        self.assertEqual(self.oauth.sent, ['refresh-0'] * 2)
        self.assertEqual((self.connection.state, self.connection.reason), ('reconnect', 'lost'))

    def test_a_lost_question_costs_nothing(self):
        self.clock.at(580)
        self.oauth.answers = [OutcomeUnknown("no answer"), OutcomeUnknown("no answer")]
        self.assertEqual(self.token(), 'access-0', "it still lives for 20 seconds")
        self.clock.at(641)
        self.assertRaisesKept(OutcomeUnknown)
        self.clock.at(700)
        self.assertRaisesKept(RateLimited)
        self.clock.at(762)
        self.assertEqual(self.token(), 'access-1')
        self.assertEqual(self.connection.state, 'connected')
        self.assertFalse(self.row()['failures'])

    def test_without_any_answer_it_ends_in_a_reconnect(self):
        self.oauth.answers = [OutcomeUnknown("no answer")] * 100
        for minute in range(10, 24 * 60):
            self.clock.at(60 * minute)
            try:
                with mute_logger(TOKEN_LOGGER):
                    self.token()
            except (OutcomeUnknown, RateLimited):
                continue
            except NeedsReconnect as error:
                self.assertEqual(error.reason, 'lost')
                break
        self.assertEqual(self.oauth.sent, ['refresh-0'] * exact_token_access.MAX_TRIES)
        self.assertGreater(minute, 3 * 60, "a disturbance of hours ends no connection")
        self.assertEqual((self.connection.state, self.connection.reason), ('reconnect', 'lost'))

    def test_exact_unreachable_is_no_reason_to_give_up(self):
        seconds = 0
        for answer in (
            Unreachable("no route"), Transient("busy"), Forbidden("for a while"),
            OutcomeUnknown("closed", status=503),
            RateLimited("too many", retry_at=START),
        ):
            with self.subTest(answer=type(answer).__name__):
                self.clock.at(seconds + 580)
                self.oauth.answers = [answer, answer]
                token = self.token()
                self.assertTrue(token, "it still lives for 20 seconds")
                self.clock.at(seconds + 602)
                self.assertRaisesKept(RateLimited)
                self.clock.at(seconds + 612)
                self.assertRaisesKept(type(answer))
                self.assertEqual(self.connection.state, 'connected')
                self.clock.at(seconds + 660)
                self.assertRaisesKept(RateLimited)
                self.clock.at(seconds + 673)
                self.assertNotEqual(self.token(), token)
                seconds += 673
        self.assertEqual(self.connection.state, 'connected')

    def test_exact_says_when_to_come_back(self):
        self.clock.at(602)
        later = START + timedelta(hours=3)
        self.oauth.answers = [RateLimited("the day is used up", retry_at=later)]
        self.assertRaisesKept(RateLimited)
        self.clock.at(2 * 3600)
        self.assertEqual(self.assertRaisesKept(RateLimited).retry_at, later)
        self.clock.at(3 * 3600 + 1)
        self.assertEqual(self.token(), 'access-1')

    def test_a_renewed_client_secret_needs_no_consent(self):
        self.clock.at(600)
        self.oauth.answers = [OAuthRefused("no", reason='client')]
        self.refused()
        self.assertEqual(self.connection.reason, 'client')
        self.assertEqual(self.connection.state, 'reconnect')
        self.connection.with_user(self.manager).client_secret = 'the new one'
        self.assertEqual(self.connection.state, 'connected')
        self.assertFalse(self.connection.reason)
        self.assertEqual(self.token(), 'access-1')

    def test_a_disconnected_connection_has_no_token(self):
        self.connection.action_disconnect()
        self.assertEqual(self.connection.state, 'disconnected')
        self.refused()
        self.assertEqual(self.connection.state, 'disconnected')
        self.assertFalse(self.row()['refresh_token'])
        self.assertTrue(self.connection.has_client_secret)

    # === KEEP ALIVE === #

    def test_an_idle_link_is_kept_alive(self):
        cron = self.env.ref('account_exact.ir_cron_keep_alive')
        self.assertEqual(self.connection.idle_until, datetime(2026, 12, 20, 12, 0, 1))
        self.clock.at(19 * 86400)
        cron.method_direct_trigger()
        self.assertFalse(self.oauth.sent)
        self.clock.at(21 * 86400)
        cron.method_direct_trigger()
        self.assertEqual(self.oauth.sent, ['refresh-0'])
        self.env.invalidate_all()
        self.assertEqual(self.connection.idle_until, datetime(2027, 1, 10, 12, 0, 1))

    def test_the_forecast_speaks_the_persons_language(self):
        self.env['res.lang']._activate_lang('nl_NL')
        self.manager.tz = 'Europe/Amsterdam'
        as_manager = self.connection.with_user(self.manager)
        self.assertEqual(
            as_manager.forecast, "Renews itself; without any use it would end on 20 December",
        )
        self.assertIn("20 december", as_manager.with_context(lang='nl_NL').forecast)
        self.connection.action_disconnect()
        self.assertFalse(as_manager.forecast)

    def keep_alive(self, day):
        """Run the scheduled action on that day, with an Exact that is away."""
        self.clock.at(day * 86400 + 60)
        with mute_logger(TOKEN_LOGGER):
            self.env.ref('account_exact.ir_cron_keep_alive').method_direct_trigger()
        self.env.invalidate_all()

    def test_people_are_told_in_time_when_exact_stays_away(self):
        self.oauth.answers = [Unreachable("no route")] * 1000
        for day in (20, 21):
            self.keep_alive(day)
            self.assertFalse(self.connection.activity_ids, "a disturbance of a day is no news")
        for day in (22, 23, 24):
            self.keep_alive(day)
            self.assertEqual(len(self.connection.activity_ids), 1, "told once")
        activity = self.connection.activity_ids
        self.assertEqual(activity.user_id, self.manager)
        self.assertIn("10 December", activity.note, "since when")
        self.assertIn("20 December", activity.note, "until when")
        self.assertIn("10 December", self.connection.forecast)
        self.assertEqual(self.connection.state, 'connected')
        # Exact is back
        self.oauth.answers = []
        self.keep_alive(25)
        self.assertEqual(self.oauth.good, 'refresh-1')
        self.assertFalse(self.connection.activity_ids)
        self.assertIn("Renews itself", self.connection.forecast)

    def test_the_end_takes_the_place_of_the_warning(self):
        self.oauth.answers = [Unreachable("no route")] * 3
        for day in (20, 21, 22):
            self.keep_alive(day)
        self.oauth.answers = [NeedsReconnect("too old", reason='expired')]
        self.keep_alive(31)
        self.assertEqual(self.connection.reason, 'expired')
        self.assertEqual(len(self.connection.activity_ids), 1)
        self.assertEqual(self.connection.activity_ids.summary, "Connect Odoo to Exact again")

    def test_a_problem_that_was_not_told_is_told(self):
        """The worker that met it could not write the connection."""
        self.env.cr.execute(
            "UPDATE exact_token SET problem = 'rejected' WHERE connection_id = %s",
            [self.connection.id],
        )
        self.keep_alive(1)
        self.assertEqual(self.connection.state, 'reconnect')
        self.assertEqual(len(self.connection.activity_ids), 1)

    def test_a_persons_own_activity_stays(self):
        own = self.env['mail.activity'].create({
            'res_model_id': self.env['ir.model']._get_id('exact.connection'),
            'res_id': self.connection.id, 'summary': "Ask the accountant",
            'activity_type_id': self.env.ref('mail.mail_activity_data_todo').id,
            'user_id': self.manager.id,
        })
        self.clock.at(600)
        self.oauth.answers = [NeedsReconnect("no", reason='rejected')]
        self.refused()
        self.connection._consented(Tokens('access-7', 'refresh-7', self.clock()))
        self.assertEqual(self.connection.activity_ids, own)

    def test_one_dead_link_does_not_stop_the_others(self):
        other = self.env['exact.connection'].create({
            'site': 'be', 'client_id': 'an-app', 'client_secret': 'a-secret',
        })
        other._consented(Tokens('access-0', 'refresh-x', START))
        self.env.flush_all()
        self.clock.at(21 * 86400)
        with mute_logger(TOKEN_LOGGER):
            self.env.ref('account_exact.ir_cron_keep_alive').method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual(other.state, 'reconnect')
        self.assertEqual(self.connection.state, 'connected')
        self.assertEqual(self.opened('refresh_token'), 'refresh-1')
