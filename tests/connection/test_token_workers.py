"""What test cursors cannot show: workers with transactions of their own, and what a crash leaves.

Everything here is committed and removed afterwards; the clock is the simulator's, nobody sleeps.
"""

import logging
import os
import random
import signal
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from unittest.mock import patch

import psycopg2
import requests
from cryptography.fernet import Fernet

from odoo import SUPERUSER_ID, api, sql_db
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, tagged
from odoo.tests.common import get_db_name
from odoo.tools import mute_logger

from odoo.addons.account_exact.exact_api import (
    Forbidden,
    NeedsReconnect,
    OAuth,
    OutcomeUnknown,
    RateLimited,
    Tokens,
    TooEarlyToRefresh,
    Transient,
    Unreachable,
)
from odoo.addons.account_exact.exact_api.bounded import BoundedAdapter
from odoo.addons.account_exact.models.connection import exact_token_access
from odoo.addons.account_exact.tests.common import (
    CLIENT_ID,
    CLIENT_SECRET,
    ExactSimulatorMixin,
    takes_long,
)
from odoo.addons.account_exact.tests.token_common import TOKEN_LOGGER, secret_key, told_by

_logger = logging.getLogger(__name__)

WORKERS = 8
# Another seed gives another run:
# ACCOUNT_EXACT_SEED=1 scripts/test tests/connection/test_token_workers.py
SEED = int(os.environ.get('ACCOUNT_EXACT_SEED') or 20261124)


class Crash(BaseException):
    """The process ends here."""


class WorkersMixin(ExactSimulatorMixin):
    """A connection in the database, and the token endpoint of the simulator with a clock of both.

    :ivar answers: what the token endpoint did: (refresh token, None or the words of the refusal)
    """

    def setUp(self):
        super().setUp()
        # Here, so that tests which need no simulator run without it
        from odoo.addons.account_exact.simulator.server import SimulatorServer

        self.simulator = SimulatorServer(
            database=':memory:', divisions=(), switches={'token_calls_per_day': 200},
        ).start()
        self.addCleanup(self.simulator.stop)
        self.clock = self.simulator.clock
        self.clock.freeze()
        self.registry = Registry(get_db_name())
        # The test runner holds the lock of all registries, which every environment takes
        self.enterContext(patch.object(Registry, '_lock', threading.RLock()))
        self.enterContext(secret_key(Fernet.generate_key().decode()))
        self.enterContext(told_by(self.clock))
        self.enterContext(patch.object(
            self.registry['exact.connection'], 'api_url', lambda connection: self.simulator.url,
        ))
        self.answers = []
        self.enterContext(patch.object(self.simulator.app.oauth, 'token', self.record))
        self.connection_ids = []
        self.addCleanup(self.remove)
        self.connection_id = self.connect()

    def record(self, form):
        """Answer as the simulator does and remember how."""
        try:
            answer = type(self.simulator.app.oauth).token(self.simulator.app.oauth, form)
        except Exception as error:
            self.answers.append((form.get('refresh_token'), str(error.description)))
            raise
        self.answers.append((form.get('refresh_token'), None))
        return answer

    @contextmanager
    def environment(self):
        with self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def connect(self):
        with self.environment() as env:
            connection = env['exact.connection'].create({
                'name': "Test of tokens", 'site': 'nl', 'client_id': CLIENT_ID,
                'client_secret': CLIENT_SECRET,
            })
            connection._consented(self.new_pair())
            self.connection_ids.append(connection.id)
            return connection.id

    def new_pair(self):
        """Return the pair of a new consent."""
        pair = self.simulator.issue_tokens()
        return Tokens(pair['access_token'], pair['refresh_token'], self.clock())

    def remove(self):
        with self.environment() as env:
            env['exact.connection'].browse(self.connection_ids).unlink()

    def ask(self, how='rollback', connection_id=None):
        """Ask for a token as a worker does in the middle of its own work.

        :param str how: what becomes of that work: 'commit', 'rollback', 'raise', or 'wrote' for a
            rollback after it had written the connection
        """
        token = None
        with suppress(ZeroDivisionError), self.environment() as env:
            connection = env['exact.connection'].browse(connection_id or self.connection_id)
            connection.name  # noqa: B018  the snapshot of the worker begins here
            if how == 'wrote':
                connection.name = "Edited meanwhile"
                connection.flush_recordset()
            try:
                token = connection._access_token()
                if how == 'raise':
                    raise ZeroDivisionError
            finally:
                if how != 'commit':
                    env.cr.rollback()
        return token

    def in_vain(self, kind):
        """Ask and return the error."""
        with mute_logger(TOKEN_LOGGER), self.assertRaises(kind) as caught:
            self.ask()
        return caught.exception

    def state(self):
        with self.environment() as env:
            connection = env['exact.connection'].browse(self.connection_id)
            return connection.state, connection.reason

    def stored(self):
        """Return the refresh token in the database."""
        with self.environment() as env:
            row = env['exact.token']._read_row(env.cr, self.connection_id)
            origin = env['exact.connection'].browse(self.connection_id)._exact_origin()
            return env['exact.token']._open_row(row, origin)[0].refresh_token

    def sent(self):
        return [token for token, _refusal in self.answers]

    def refusals(self):
        return [refusal for _token, refusal in self.answers if refusal]

    def unspent(self):
        """Return the refresh tokens that Exact would take."""
        return [
            row['_key'] for row in self.simulator.store.all('_refresh', 0) if not row['spent']
        ]


@tagged('post_install', '-at_install')
class TestManyWorkers(WorkersMixin, BaseCase):

    def test_many_workers_for_a_day(self):
        self.work_for(1_440)

    @takes_long
    def test_many_workers_for_a_week(self):
        self.work_for(10_080)

    def work_for(self, minutes):
        """8 workers whose own work is mostly rolled back: each always gets a token that Exact
        takes, and no refresh is early, repeated or lost.
        """
        rng = random.Random(SEED)
        oauth = self.simulator.app.oauth
        end = self.clock() + timedelta(minutes=minutes)
        asked = 0
        message = f"ACCOUNT_EXACT_SEED={SEED}"

        with ThreadPoolExecutor(WORKERS) as pool:
            while self.clock() < end:
                step = rng.choices(
                    [rng.uniform(0.1, 5), rng.uniform(5, 300), rng.uniform(540, 605),
                     rng.uniform(600, 3600)],
                    [20, 50, 29, 1],
                )[0]
                self.clock.advance(step)
                # One at most writes the connection: others would wait for it, not for the token
                plan = rng.choices(('commit', 'rollback', 'raise'), k=rng.randint(1, WORKERS))
                if rng.random() < 0.1:
                    plan[0] = 'wrote'
                for token in [task.result() for task in [pool.submit(self.ask, p) for p in plan]]:
                    asked += 1
                    app, _user, expired = oauth.bearer(f'Bearer {token}')
                    self.assertTrue(app and not expired, f"{message}: a token that Exact refuses")
        self.assertFalse(self.refusals(), f"{message}: reused or early")
        self.assertEqual(len(set(self.sent())), len(self.sent()), f"{message}: sent twice")
        self.assertEqual(self.unspent(), [self.stored()], f"{message}: a pair was lost")
        self.assertEqual(self.state(), ('connected', False), message)
        self.assertGreater(len(self.sent()), minutes / 10 * 0.7, f"{message}: too little asked")
        _logger.info(
            "%s minutes, %s workers asked %s times, %s refreshes, 0 refused",
            minutes, WORKERS, asked, len(self.sent()),
        )


@tagged('post_install', '-at_install')
class TestWorkers(WorkersMixin, BaseCase):

    # === LOCKS === #

    @contextmanager
    def hanging(self, connection_id, answer=None):
        """Let the refresh of one connection hang; all others go their way.

        :param answer: called before it goes on
        :return: an event that is set when it hangs
        """
        hangs, released = threading.Event(), threading.Event()
        real = OAuth.refresh
        chain = self.stored()

        def refresh(oauth, tokens):
            if tokens.refresh_token == chain:
                hangs.set()
                released.wait(timeout=30)
            return real(oauth, tokens)

        with patch.object(OAuth, 'refresh', refresh), ThreadPoolExecutor(1) as pool:
            asking = pool.submit(self.ask, 'rollback', connection_id)
            self.assertTrue(hangs.wait(timeout=30))
            try:
                yield asking
            finally:
                released.set()

    def test_connections_share_no_lock(self):
        """One connection's outage delays no other."""
        other_id = self.connect()
        self.clock.advance(700)
        with self.hanging(self.connection_id) as asking:
            self.assertTrue(self.ask(connection_id=other_id))
            self.assertFalse(asking.done())
        self.assertTrue(asking.result())
        self.assertFalse(self.refusals())

    def test_a_new_consent_during_a_refresh_wins(self):
        self.clock.advance(700)
        consent = self.new_pair()
        with ThreadPoolExecutor(1) as pool:
            with self.hanging(self.connection_id):
                storing = pool.submit(self.keep_consent, consent)
                self.wait_for_a_waiting_lock()
            storing.result(timeout=30)
        self.assertEqual(self.stored(), consent.refresh_token)
        self.assertEqual(self.ask(), consent.access_token)

    def keep_consent(self, tokens):
        with self.environment() as env:
            env['exact.connection'].browse(self.connection_id).keep_consent(tokens)

    def wait_for_a_waiting_lock(self):
        for _try in range(3000):
            with self.environment() as env:
                env.cr.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
                    " AND wait_event_type = 'Lock'",
                )
                if env.cr.fetchone():
                    return
            threading.Event().wait(0.01)
        self.fail("nobody waits for the token")

    def test_a_refusal_told_after_a_new_consent_changes_nothing(self):
        """The worker learned of the end of the old chain, then a person connected again."""
        self.simulator.app.oauth.kill(self.simulator.store.all('_chain', 0)[0])
        self.clock.advance(700)
        consent = self.new_pair()
        note = self.registry['exact.connection']._note_reconnect

        def late(connection, reason):
            self.keep_consent(consent)
            return note(connection, reason)

        with patch.object(self.registry['exact.connection'], '_note_reconnect', late):
            self.in_vain(NeedsReconnect)
        self.assertEqual(self.state(), ('connected', False))
        self.assertEqual(self.ask(), consent.access_token)

    def test_a_worker_that_wrote_the_connection_does_not_wait_for_itself(self):
        self.clock.advance(700)
        self.assertTrue(self.ask('wrote'))
        self.simulator.app.oauth.kill(self.simulator.store.all('_chain', 0)[0])
        self.clock.advance(700)
        with mute_logger(TOKEN_LOGGER), self.assertRaises(NeedsReconnect):
            self.ask('wrote')
        self.assertEqual(self.state()[0], 'connected', "the row was held: the next caller marks it")
        self.in_vain(NeedsReconnect)
        self.assertEqual(self.state(), ('reconnect', 'rejected'))
        self.assertEqual(len(self.refusals()), 1)

    # === CRASHES === #

    def assertAskedOnceMore(self):
        """The token is spent and the next one unknown: Exact is asked once more, never again."""
        [spent] = self.sent()
        self.assertEqual(self.state()[0], 'connected')
        self.clock.advance(50)
        self.in_vain(RateLimited)
        self.assertEqual(self.sent(), [spent], "not at once")
        self.clock.advance(11)
        for _call in range(3):
            self.assertEqual(self.in_vain(NeedsReconnect).reason, 'crashed')
            self.clock.advance(86400)
        self.assertEqual(
            self.answers, [(spent, None), (spent, "Old refresh token used.")], "once, no loop",
        )
        self.assertEqual(self.state(), ('reconnect', 'crashed'))
        with self.environment() as env:
            connection = env['exact.connection'].browse(self.connection_id)
            self.assertEqual(len(connection.activity_ids), 1)
            self.assertIn("interrupted", connection.state_reason)
            self.assertIn("interrupted", connection.activity_ids.note)
        consent = self.new_pair()
        self.keep_consent(consent)
        self.assertEqual(self.ask(), consent.access_token)
        self.assertEqual(self.state(), ('connected', False))

    def test_a_worker_that_ends_after_the_answer(self):
        def refresh(oauth, tokens):
            real(oauth, tokens)
            raise Crash

        real = OAuth.refresh
        self.clock.advance(700)
        with patch.object(OAuth, 'refresh', refresh), self.assertRaises(Crash):
            self.ask()
        self.assertAskedOnceMore()

    def test_a_process_killed_after_the_answer(self):
        """Killed for real, with SIGKILL, between the answer of Exact and the commit."""
        self.clock.advance(700)
        with warnings.catch_warnings():
            # The other threads of this process have no part in what the child does
            warnings.simplefilter('ignore', DeprecationWarning)
            child = os.fork()
        if not child:
            try:
                self.be_killed()
            finally:
                os._exit(1)
        _pid, status = os.waitpid(child, 0)
        self.assertTrue(os.WIFSIGNALED(status), f"the child ended by itself: {status}")
        self.assertEqual(os.WTERMSIG(status), signal.SIGKILL)
        self.assertAskedOnceMore()

    def be_killed(self):
        """Ask in a child process, which must not touch the database connections of its parent."""
        sql_db._Pool = sql_db._Pool_readonly = None
        self.registry._db = sql_db.db_connect(get_db_name())
        self.registry._db_readonly = None
        real = OAuth.refresh

        def refresh(oauth, tokens):
            real(oauth, tokens)
            os.kill(os.getpid(), signal.SIGKILL)

        with patch.object(OAuth, 'refresh', refresh):
            self.ask()

    def test_a_process_killed_before_the_question(self):
        def refresh(oauth, tokens):
            raise Crash

        self.clock.advance(700)
        with patch.object(OAuth, 'refresh', refresh), self.assertRaises(Crash):
            self.ask()
        self.clock.advance(61)
        self.assertTrue(self.ask())
        self.assertFalse(self.refusals())
        self.assertEqual(self.state(), ('connected', False))

    def test_workers_that_always_end_there_end_in_a_reconnect(self):
        def refresh(oauth, tokens):
            tries.append(self.clock())
            raise Crash

        tries = []
        self.clock.advance(700)
        with patch.object(OAuth, 'refresh', refresh):
            for _minute in range(24 * 60):
                try:
                    with mute_logger(TOKEN_LOGGER):
                        self.ask()
                except (Crash, RateLimited):
                    self.clock.advance(60)
                except NeedsReconnect as error:
                    self.assertEqual(error.reason, 'crashed')
                    break
        self.assertEqual(len(tries), exact_token_access.MAX_TRIES)
        self.assertEqual(self.state(), ('reconnect', 'crashed'))

    def test_a_pair_survives_the_loss_of_the_database_connection(self):
        """The server of the database ends the connection between the answer and the commit."""
        def refresh(oauth, tokens):
            fresh = real(oauth, tokens)
            with self.environment() as env:
                env.cr.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks"
                    " WHERE relation = 'exact_token'::regclass AND mode = 'RowShareLock'"
                    "   AND database = (SELECT oid FROM pg_database"
                    "                    WHERE datname = current_database())",
                )
                self.assertEqual(env.cr.rowcount, 1)
            return fresh

        real = OAuth.refresh
        self.clock.advance(700)
        with patch.object(OAuth, 'refresh', refresh), mute_logger('odoo.sql_db', TOKEN_LOGGER):
            self.assertTrue(self.ask())
        self.assertEqual(self.unspent(), [self.stored()])
        self.assertEqual(len(self.sent()), 1)
        self.assertEqual(self.state(), ('connected', False))

    def test_a_pair_that_cannot_be_stored_is_told(self):
        self.clock.advance(700)
        real = self.registry.cursor
        broken = threading.Event()

        def cursor(*args, **kwargs):
            if broken.is_set():
                raise psycopg2.OperationalError("the database is gone")
            return real(*args, **kwargs)

        def update(*args, **kwargs):
            broken.set()
            raise psycopg2.OperationalError("the database is gone")

        with (
            patch.object(self.registry['exact.token'], '_update', update),
            patch.object(exact_token_access, 'RESCUE_PAUSES', (0, 0)),
            patch.object(Registry, 'cursor', lambda registry, *a, **kw: cursor(*a, **kw)),
            self.assertLogs(TOKEN_LOGGER, 'ERROR') as logs,
            suppress(Transient),
        ):
            self.ask()
        self.assertIn("could not be stored", logs.output[-1])
        broken.clear()
        self.assertAskedOnceMore()

    # === WHAT EXACT DOES === #

    def test_cut_before_exact_did_anything(self):
        self.clock.advance(700)
        self.simulator.faults.add('cut_before', resource='oauth2/token')
        self.in_vain(OutcomeUnknown)
        self.clock.advance(61)
        self.assertTrue(self.ask())
        self.assertEqual(self.state(), ('connected', False))
        self.assertFalse(self.refusals())

    def test_cut_after_exact_answered(self):
        for kind in ('cut_after', 'cut_body', 'broken_body'):
            with self.subTest(kind):
                self.answers.clear()
                self.clock.advance(700)
                self.simulator.faults.add(kind, resource='oauth2/token')
                self.in_vain(OutcomeUnknown)
                self.clock.advance(61)
                for _call in range(3):
                    self.assertEqual(self.in_vain(NeedsReconnect).reason, 'lost')
                    self.clock.advance(3600)
                self.assertEqual(self.refusals(), ["Old refresh token used."])
                self.assertEqual(self.state(), ('reconnect', 'lost'))
                self.keep_consent(self.new_pair())

    def test_exact_not_reachable_for_days(self):
        self.clock.advance(700)
        with patch.object(
            BoundedAdapter, 'send', side_effect=requests.exceptions.ConnectTimeout("no route"),
        ):
            for _hour in range(72):
                self.in_vain(Unreachable)
                self.in_vain(RateLimited)
                self.clock.advance(3600)
        self.assertTrue(self.ask())
        self.assertEqual(self.state(), ('connected', False))
        self.assertEqual(len(self.sent()), 1)

    def test_calls_that_fail_do_not_exceed_the_quota(self):
        self.check_quota(lambda number: number % 2 and Forbidden("no"))

    def test_refreshes_that_are_too_early_do_not_exceed_the_quota(self):
        self.check_quota(lambda number: TooEarlyToRefresh("too early"))

    def check_quota(self, answer):
        """200 calls per app, user and day; a few of them are left for consents."""
        worst = self.calls_of_a_day(answer)
        _logger.info("token calls in the worst 24 hours: %s", worst)
        self.assertGreater(worst, 150)
        self.assertLessEqual(worst, 193)
        self.assertFalse(self.refusals())

    def calls_of_a_day(self, answer):
        """Ask again and again for 26 hours; return the most calls that fell into 24 hours.

        :param answer: is given the number of the call, returns an error or nothing for a real one
        """
        def refresh(oauth, tokens):
            calls.append(self.clock())
            error = answer(len(calls))
            if error:
                raise error
            return real(oauth, tokens)

        calls, real = [], OAuth.refresh
        end = self.clock() + timedelta(hours=26)
        with patch.object(OAuth, 'refresh', refresh), mute_logger(TOKEN_LOGGER):
            while self.clock() < end:
                step = 30
                try:
                    self.ask()
                except RateLimited as error:
                    # Whoever asks in between is told the same
                    step = max(1, (error.retry_at - self.clock()).total_seconds())
                except (Forbidden, Unreachable) as error:
                    _logger.debug("no token: %s", error)
                self.clock.advance(step)
        return max(
            sum(1 for call in calls[number:] if call < first + timedelta(days=1))
            for number, first in enumerate(calls)
        )

    def test_a_restored_backup(self):
        """The pair in the database is older than the chain: Exact says so once."""
        with self.environment() as env:
            env.cr.execute(
                "SELECT access_token, refresh_token, issued_at, not_before FROM exact_token"
                " WHERE connection_id = %s", [self.connection_id],
            )
            backup = env.cr.fetchone()
        for _refresh in range(3):
            self.clock.advance(600)
            self.ask()
        with self.environment() as env:
            env.cr.execute(
                "UPDATE exact_token SET (access_token, refresh_token, issued_at, not_before)"
                " = (%s, %s, %s, %s) WHERE connection_id = %s", [*backup, self.connection_id],
            )
            env.cr.execute(
                "DELETE FROM exact_token_refresh WHERE connection_id = %s", [self.connection_id],
            )
        self.answers.clear()
        for _call in range(4):
            self.assertEqual(self.in_vain(NeedsReconnect).reason, 'spent')
            self.clock.advance(86400)
        self.assertEqual(self.refusals(), ["Old refresh token used."], "asked once")
        self.assertEqual(self.state(), ('reconnect', 'spent'))
        with self.environment() as env:
            connection = env['exact.connection'].browse(self.connection_id)
            self.assertIn("restored backup", connection.state_reason)
