import random
import threading
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from unittest.mock import Mock, patch

import psycopg2

from odoo import SUPERUSER_ID, Command, api, fields
from odoo.exceptions import AccessError, UserError
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, new_test_user, tagged
from odoo.tests.common import get_db_name
from odoo.tools import mute_logger

from odoo.addons.account_exact import exact_api
from odoo.addons.account_exact.models.administration import exact_call, exact_division_budget
from odoo.addons.account_exact.models.administration.exact_call import RESERVES, SHORT_WAIT
from odoo.addons.account_exact.models.administration.exact_call_limits import CALL_LIFE, FUSE_ERRORS
from odoo.addons.account_exact.models.base.exact_error_text import explain
from odoo.addons.account_exact.models.connection import exact_connection_calls
from odoo.addons.account_exact.tests.common import ExactConnectedCase, ExactTransactionCase
from odoo.addons.account_exact.tests.export.test_export_faults import ENTRIES, ExactFaultCase

START = datetime(2026, 11, 20, 12, 0, 10, tzinfo=timezone.utc)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SPANS = {'minute': timedelta(minutes=1), 'day': timedelta(days=1)}
PREFIXES = {'minute': 'X-RateLimit-Minutely', 'day': 'X-RateLimit'}


class Clock:
    """Our own clock, in the hand of the test."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += timedelta(seconds=seconds)


class Server:
    """Counts as Exact does: calls per minute and day of its own clock, headers on each answer.

    :ivar ahead: how far its clock is ahead of ours
    :ivar says_date: whether answers carry the time
    """

    def __init__(self, clock, minute=60, day=5000):
        self.clock = clock
        self.limits = {'minute': minute, 'day': day}
        self.ahead = timedelta()
        self.says_date = True
        self.counts = {}
        self.refused = 0
        self._lock = threading.Lock()

    def window(self, window):
        """The present window: (its end, by the server's clock, and calls made in it)."""
        now = self.clock() + self.ahead
        number = (now - EPOCH) // SPANS[window]
        return EPOCH + (number + 1) * SPANS[window], self.counts.get((window, number), 0)

    def use(self, calls):
        """Somebody else calls with the same app."""
        for window, span in SPANS.items():
            key = (window, (self.clock() + self.ahead - EPOCH) // span)
            self.counts[key] = self.counts.get(key, 0) + calls

    def serve(self):
        """Serve a call; (status, headers)."""
        with self._lock:
            headers, status = {}, 200
            if self.says_date:
                headers['Date'] = format_datetime(self.clock() + self.ahead, usegmt=True)
            for window, limit in self.limits.items():
                if self.window(window)[1] >= limit:
                    self.refused += 1
                    return 429, headers | self.family(window)
            self.use(1)
            for window in SPANS:
                headers |= self.family(window)
            return status, headers

    def family(self, window):
        end, used = self.window(window)
        limit, prefix = self.limits[window], PREFIXES[window]
        return {
            f'{prefix}-Limit': str(limit), f'{prefix}-Remaining': str(max(limit - used, 0)),
            f'{prefix}-Reset': str(int((end - EPOCH).total_seconds() * 1000)),
        }

    def most(self, window):
        """The most calls that any window of this kind saw."""
        return max(count for (name, _number), count in self.counts.items() if name == window)


def answer(status, headers, now, resource='crm/Accounts', error=None):
    """What the client tells its hook of an answer."""
    limits = exact_api.RateLimits.from_headers(headers, now)
    if status == 429:
        retry_at, scope = limits.blocked_until(headers, now)
        error = exact_api.RateLimited(retry_at=retry_at, scope=scope, status=429)
    elif status and status >= 400 and not error:
        error = exact_api.Rejected(status=status)
    return exact_api.Call('GET', resource, status, 0.1, limits, error)


class BudgetCase(ExactTransactionCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env['res.company'].create({
            'name': "Books B.V.", 'currency_id': cls.env.ref('base.EUR').id,
        })
        cls.manager = new_test_user(
            cls.env, 'exact_manager', groups='base.group_user,account.group_account_manager',
            company_id=cls.company.id, company_ids=[Command.set(cls.company.ids)],
        )
        cls.connection = cls.create_connection(cls.company, user_id=cls.manager.id)
        cls.connect(cls.connection)
        cls.division = cls.create_division(cls.connection, cls.company)
        cls.calls = cls.env['exact.call'].sudo()

    def setUp(self):
        super().setUp()
        self.addCleanup(self.simulator.clock.resume)
        self.addCleanup(self.simulator.faults.clear)

    def at(self, clock):
        """Let our clock be that of the test."""
        for module in (exact_call, exact_division_budget):
            self.enterContext(patch.object(module, 'utcnow', clock))

    def limits(self, division=None):
        self.env.invalidate_all()
        budget = (division or self.division)._budget_divisions()[division or self.division]
        return self.calls.search([('division_id', '=', budget.id), ('resource', '=', '')])

    def keep(self, **values):
        """Let this be known of the limits of the division."""
        limits = self.limits() or self.calls.create({
            'division_id': self.division.id, 'resource': '',
        })
        limits.write(values)
        self.env.flush_all()

    def reserve(self, priority='entry', resource='crm/Accounts', division=None):
        return self.calls._reserve((division or self.division).id, resource, priority)

    def refusal(self, priority='entry', resource='crm/Accounts', division=None):
        """Return why a call is refused, None if it is not; `assertRaises` would undo what other
        cursors keep.
        """
        try:
            self.reserve(priority, resource, division)
        except exact_api.RateLimited as error:
            return error
        return None

    def record(self, ticket, status, headers, clock, **kwargs):
        self.calls._record(
            self.division.id, answer(status, headers, clock(), **kwargs), ticket,
        )

    def counting(self, name, model='exact.call'):
        """Count the calls of a method, which does what it did."""
        target = self.env.registry[model]
        counted = Mock()
        method = getattr(target, name)

        def counted_method(record, *args, **kwargs):
            counted(*args, **kwargs)
            return method(record, *args, **kwargs)

        self.enterContext(patch.object(target, name, counted_method))
        return counted

    def attempt(self, function, *args, **kwargs):
        try:
            function(*args, **kwargs)
        except (exact_api.ExactError, UserError) as error:
            return error
        self.fail("an error was expected")
        return None

    def call(self, server, clock, priority='entry', **kwargs):
        """Make a whole call; return whether it was allowed."""
        try:
            ticket = self.reserve(priority, **kwargs)
        except exact_api.RateLimited as error:
            return error
        self.record(ticket, *server.serve(), clock)
        return None


@tagged('post_install', '-at_install')
class TestCallBudget(BudgetCase):

    # === RESERVING === #

    def test_who_may_call_when_little_is_left(self):
        clock = Clock()
        self.at(clock)
        minute_end = (START + timedelta(seconds=50)).replace(tzinfo=None)
        day_end = (START + timedelta(hours=5)).replace(tzinfo=None)
        cases = [
            # (left this minute, left today, priority, scope of the refusal)
            (1, 4000, 'person', None),
            (0, 4000, 'person', 'minute'),
            (2, 4000, 'entry', 'minute'),
            (3, 4000, 'entry', None),
            (4, 4000, 'payment', 'minute'),
            (6, 4000, 'master', 'minute'),
            (8, 4000, 'document', 'minute'),
            (9, 4000, 'document', None),
            (60, 0, 'person', 'day'),
            (60, 25, 'person', None),
            (60, 25, 'entry', 'day'),
            (60, 100, 'master', 'day'),
            (60, 101, 'master', None),
            (0, 0, 'person', 'day'),
        ]
        for minute_left, day_left, priority, scope in cases:
            with self.subTest(minute=minute_left, day=day_left, priority=priority):
                self.keep(
                    minute_limit=60, minute_remaining=minute_left, minute_reset=minute_end,
                    day_limit=5000, day_remaining=day_left, day_reset=day_end, under_way=False,
                )
                error = self.refusal(priority)
                self.assertEqual(error and error.scope, scope)
                if scope:
                    self.assertEqual(
                        error.retry_at.replace(tzinfo=None),
                        minute_end if scope == 'minute' else day_end,
                    )
        self.assertEqual(RESERVES['person'], (0, 0), "a person may use everything")

    def test_what_matters_less_leaves_calls_to_what_matters_more(self):
        clock = Clock()
        self.at(clock)
        server = Server(clock)
        made = {}
        for priority in ('document', 'master', 'payment', 'entry', 'person'):
            made[priority] = 0
            while not self.call(server, clock, priority):
                made[priority] += 1
        self.assertEqual(
            made, {'document': 52, 'master': 2, 'payment': 2, 'entry': 2, 'person': 2},
        )
        self.assertEqual((server.most('minute'), server.refused), (60, 0))

    def test_a_new_window_is_full_again(self):
        clock = Clock()
        self.at(clock)
        server = Server(clock)
        for minute in range(5):
            made = 0
            while not (error := self.call(server, clock)):
                made += 1
            self.assertEqual(made, 58, f"minute {minute}")
            # Not a second too early, not a second too late
            clock.now = error.retry_at
            self.assertEqual(clock.now.second, 0)
        self.assertEqual(server.refused, 0)

    def test_the_day_ends_at_exacts_midnight(self):
        clock = Clock()
        self.at(clock)
        server = Server(clock, day=100)
        scopes = set()
        for _minute in range(5):
            while not (error := self.call(server, clock)):
                clock.advance(0.3)
            scopes.add(error.scope)
            if error.scope == 'day':
                break
            clock.now = error.retry_at
        self.assertEqual(scopes, {'minute', 'day'})
        self.assertEqual(error.retry_at, datetime(2026, 11, 21, tzinfo=timezone.utc))
        self.assertEqual(server.most('day'), 75, "25 are left to people")
        self.assertIsNone(self.call(server, clock, 'person'))
        clock.now = error.retry_at
        self.assertIsNone(self.call(server, clock))
        self.assertEqual(server.refused, 0)

    def test_a_call_costs_two_statements(self):
        clock = Clock()
        self.at(clock)
        server = Server(clock)
        self.call(server, clock)
        self.env.flush_all()
        with self.assertQueryCount(2):
            self.call(server, clock)

    # === ANSWERS === #

    def test_answers_in_any_order_give_nothing_back_twice(self):
        """What is still under way is not in what an earlier answer says."""
        clock = Clock()
        self.at(clock)
        for seed in range(10):
            order = random.Random(seed)
            server = Server(clock, minute=20)
            server.use(3)
            clock.advance(3600)
            waiting, sent, highest = [], [], 0
            for _step in range(200):
                choice = order.randrange(3)
                if choice == 0:
                    try:
                        waiting.append(self.reserve('person'))
                    except exact_api.RateLimited:
                        continue
                elif choice == 1 and waiting:
                    ticket = waiting.pop(order.randrange(len(waiting)))
                    sent.append((ticket, *server.serve()))
                elif choice == 2 and sent:
                    self.record(*sent.pop(order.randrange(len(sent))), clock)
                highest = max(highest, server.most('minute') + len(waiting))
            self.assertEqual(server.refused, 0, f"seed {seed}")
            self.assertEqual(server.most('minute'), 20, "and nothing is lost")
            for ticket in waiting:
                self.record(ticket, *server.serve(), clock)

    def test_exact_wins_over_our_count(self):
        """Another program calls with the same app."""
        clock = Clock()
        self.at(clock)
        server = Server(clock)
        self.call(server, clock)
        server.use(50)
        made = 0
        while not self.call(server, clock, 'person'):
            made += 1
        self.assertEqual((made, server.refused), (9, 0))

    def test_a_call_without_an_answer_counts_as_made(self):
        clock = Clock()
        self.at(clock)
        server = Server(clock)
        self.call(server, clock)
        lost = exact_api.OutcomeUnknown("no answer", method='POST')
        for _call in range(3):
            self.record(self.reserve(), None, {}, clock, error=lost)
        self.assertEqual(self.limits()._left('minute', clock().replace(tzinfo=None)), 56)
        # It surely never came there
        self.record(self.reserve(), None, {}, clock, error=exact_api.Unreachable("no route"))
        self.assertEqual(self.limits()._left('minute', clock().replace(tzinfo=None)), 56)
        # A worker that was killed in the middle
        self.reserve()
        self.assertEqual(self.limits()._left('minute', clock().replace(tzinfo=None)), 55)
        clock.now += CALL_LIFE
        self.call(server, clock)
        self.assertEqual(self.limits()._left('minute', clock().replace(tzinfo=None)), 59)
        self.assertFalse(self.limits().under_way, "nothing is kept for ever")

    def test_an_answer_that_says_nothing_is_counted_here(self):
        clock = Clock()
        self.at(clock)

        def left():
            limits, now = self.limits(), clock().replace(tzinfo=None)
            return limits._left('minute', now), limits._left('day', now)

        # Exact never said how much there is: nothing to count down
        self.record(self.reserve(), 200, {}, clock)
        self.assertIsNone(self.refusal())
        self.assertEqual(left(), (0, 0))
        server = Server(clock)
        self.call(server, clock)
        before = left()
        for status in (200, 401, 503):
            ticket, _answer = self.reserve(), server.serve()
            self.record(ticket, status, {}, clock)
        self.assertEqual(left(), tuple(count - 3 for count in before))
        # The next minute, of which Exact says nothing at all
        clock.advance(60)
        made = 0
        while not (error := self.refusal('person')) and made < 100:
            made += 1
            server.serve()
            self.record(None, 200, {}, clock)
            self.limits().under_way = {}
            self.env.flush_all()
        self.assertEqual((made, error.scope), (60, 'minute'))
        self.assertEqual(error.retry_at, clock.now + timedelta(minutes=1))
        # Its own word wins as soon as there is one
        clock.now = error.retry_at
        self.call(server, clock)
        self.assertEqual(left(), (59, 5000 - 1 - 3 - 60 - 1))
        self.assertEqual(server.refused, 0)

    def test_a_late_answer_says_nothing_of_the_next_window(self):
        clock = Clock()
        self.at(clock)
        server = Server(clock)
        server.use(40)
        late = self.reserve()
        said = answer(*server.serve(), clock())
        clock.advance(60)
        self.call(server, clock)
        self.calls._record(self.division.id, said, late)
        self.assertEqual(self.limits()._left('minute', clock().replace(tzinfo=None)), 59)

    def test_a_429_keeps_the_other_family(self):
        clock = Clock()
        self.at(clock)
        server = Server(clock)
        self.call(server, clock)
        server.use(60)
        self.call(server, clock)
        self.assertEqual(server.refused, 1)
        limits = self.limits()
        self.assertEqual((limits.minute_remaining, limits.day_remaining), (0, 4999))
        error = self.refusal('person')
        self.assertEqual(error.scope, 'minute')
        self.assertEqual(error.retry_at, START.replace(minute=1, second=0))

    def test_a_429_that_says_nothing_is_no_loop_and_stops_no_other_resource(self):
        clock = Clock()
        self.at(clock)
        server = Server(clock)
        self.call(server, clock)
        tries, began = 0, clock.now
        while clock.now < began + timedelta(hours=1):
            error = self.refusal('person', 'vat/VATCodes')
            if error:
                self.assertEqual(error.scope, 'error_fuse')
                clock.now = error.retry_at
                continue
            tries += 1
            self.record(self.reserve('person', 'vat/VATCodes'), 429, {}, clock,
                        resource='vat/VATCodes')
            self.assertIsNone(self.call(server, clock), "the others go on")
        self.assertLessEqual(tries, FUSE_ERRORS)

    def test_a_minute_that_takes_two(self):
        """One developer measured it, after an overrun."""
        clock = Clock()
        self.at(clock)
        server = Server(clock)
        self.call(server, clock)
        asked = 0
        while clock.now < START + timedelta(minutes=2):
            error = self.refusal('person')
            if error:
                clock.now = error.retry_at
                continue
            asked += 1
            self.record(self.reserve('person'), 429, server.family('minute'), clock)
        self.assertLessEqual(asked, 3)

    def test_clocks_that_differ(self):
        for ahead in (-86400 * 3, -300, -2, 0, 2, 300, 86400 * 3):
            for says_date in (True, False):
                with self.subTest(ahead=ahead, says_date=says_date):
                    self.limits().unlink()
                    clock = Clock()
                    self.at(clock)
                    server = Server(clock, minute=12)
                    server.ahead, server.says_date = timedelta(seconds=ahead), says_date
                    made, stall = 0, timedelta()
                    while clock.now < START + timedelta(minutes=20):
                        error = self.call(server, clock)
                        if error:
                            stall = max(stall, error.retry_at - clock.now)
                            clock.now = max(error.retry_at, clock.now + timedelta(seconds=1))
                        else:
                            made += 1
                            clock.advance(2)
                    self.assertLessEqual(stall, timedelta(minutes=2))
                    if says_date:
                        self.assertEqual(server.refused, 0)
                        self.assertGreaterEqual(made, 19 * 10)
                    else:
                        self.assertLessEqual(server.refused, 20, "once a minute at most")
                        self.assertGreaterEqual(made, 9 * 10)

    def test_a_low_limit_of_yesterday_keeps_nobody_away_today(self):
        """All of it was kept for what is more urgent, and there may be more today."""
        for window, few in (('minute', 8), ('day', 62)):
            with self.subTest(window=window):
                clock = Clock()
                self.at(clock)
                server = Server(clock)
                server.limits[window] = few
                self.call(server, clock, 'person')
                error = self.refusal('document')
                self.assertEqual(
                    (error.scope, error.retry_at), (window, server.window(window)[0]),
                )
                clock.now = error.retry_at
                ticket = self.reserve('document')
                soon = self.refusal('document')
                self.assertEqual(soon.retry_at - clock.now, SHORT_WAIT, "one tells it for all")
                # It is as low as it was
                self.record(ticket, *server.serve(), clock)
                self.assertEqual(self.refusal('document').retry_at, server.window(window)[0])
                clock.now = server.window(window)[0]
                server.limits[window] = 5000
                for _call in range(3):
                    self.assertIsNone(self.call(server, clock, 'document'))
                self.assertEqual(server.refused, 0)
                self.limits().unlink()

    def test_a_wrong_moment_that_was_kept_is_corrected(self):
        """Our own clock was days ahead and has been put right."""
        clock = Clock()
        self.at(clock)
        self.keep(
            minute_limit=60, minute_remaining=3, day_limit=5000, day_remaining=26,
            minute_reset=START.replace(tzinfo=None) + timedelta(days=3),
            day_reset=START.replace(tzinfo=None) + timedelta(days=3),
        )
        self.assertIsNone(self.call(Server(clock), clock))
        limits = self.limits()
        self.assertEqual((limits.minute_remaining, limits.day_remaining), (59, 4999))

    # === WITH THE REAL CLIENT === #

    def test_the_client_reserves_and_records(self):
        self.assertEqual(self.division.call_budget, "No calls yet")
        with self.division.client() as client:
            for _call in range(3):
                client.get('vat/VATCodes', select=['ID'], top=1)
        self.env.invalidate_all()
        self.assertRegex(self.division.call_budget, r"^4,99\d of 5,000 calls left today$")
        self.assertGreater(self.division.minute_share, 0)
        self.assertFalse(self.limits().under_way)

    def test_an_answer_is_kept_with_the_next_reservation(self):
        """Until then the call counts as under way: for others as many are left as there are."""
        recorded = self.counting('_record')
        with self.division.client() as client:
            client.get('vat/VATCodes', select=['ID'], top=1)
            first = self.limits()
            self.assertEqual((len(first.under_way), first.day_remaining), (1, 0))
            client.get('vat/VATCodes', select=['ID'], top=1)
            second = self.limits()
            self.assertEqual((len(second.under_way), second.day_remaining), (1, 4999))
            self.assertFalse(recorded.called)
        self.assertEqual(recorded.call_count, 1)
        last = self.limits()
        self.assertEqual((last.under_way, last.day_remaining), ({}, 4998))

    def test_a_session_within_another_counts_no_call_twice(self):
        with self.division.client() as outer:
            outer.get('vat/VATCodes', select=['ID'], top=1)
            with self.division.client('look') as inner:
                inner.get('vat/VATCodes', select=['ID'], top=1)
                outer.get('vat/VATCodes', select=['ID'], top=1)
                limits = self.limits()
                self.assertEqual((len(limits.under_way), limits.day_remaining), (1, 4998))
            self.assertEqual((self.limits().under_way, self.limits().day_remaining), ({}, 4997))

    def test_a_refused_reservation_keeps_the_answer_before_it(self):
        self.simulator.switches.update({'minute_limit': 3})
        self.addCleanup(self.simulator.switches.update, {'minute_limit': 60})
        with self.division.client() as client:
            client.get('vat/VATCodes', select=['ID'], top=1)
            self.assertEqual(
                self.attempt(client.get, 'vat/VATCodes', select=['ID'], top=1).scope, 'minute',
            )
            self.assertEqual((self.limits().under_way, self.limits().minute_remaining), ({}, 2))

    def test_an_error_is_kept_at_once(self):
        self.simulator.faults.add('status', resource='vat/VATCodes', status=400, times=1)
        with self.division.client() as client:
            self.attempt(client.get, 'vat/VATCodes', select=['ID'], top=1)
            self.assertEqual(self.limits().under_way, {})
            self.assertTrue(self.calls.search([
                ('division_id', '=', self.division.id), ('resource', '=', 'vat/VATCodes'),
                ('errors', '=', 1),
            ]))

    def test_a_client_asks_for_its_token_once(self):
        asked = self.counting('_token_until', 'exact.token')
        with self.division.client() as client:
            for _call in range(3):
                client.get('vat/VATCodes', select=['ID'], top=1)
        self.assertEqual(asked.call_count, 1)

    def test_a_refused_token_is_asked_for_anew(self):
        asked = self.counting('_token_until', 'exact.token')
        with self.division.client() as client:
            client.get('vat/VATCodes', select=['ID'], top=1)
            self.simulator.faults.add('status', resource='vat/VATCodes', status=401, times=1)
            self.attempt(client.get, 'vat/VATCodes', select=['ID'], top=1)
        self.assertEqual(asked.call_count, 2)

    def test_a_token_is_kept_for_a_minute(self):
        clock = Clock()
        clock.now = datetime.now(timezone.utc)
        asked = self.counting('_token_until', 'exact.token')
        self.enterContext(patch.object(exact_connection_calls, 'utcnow', clock))
        with self.division.client() as client:
            client.get('vat/VATCodes', select=['ID'], top=1)
            clock.advance(59)
            client.get('vat/VATCodes', select=['ID'], top=1)
            self.assertEqual(asked.call_count, 1)
            clock.advance(2)
            client.get('vat/VATCodes', select=['ID'], top=1)
            self.assertEqual(asked.call_count, 2)

    def test_the_simulators_clock_differs(self):
        self.simulator.clock.freeze(datetime.now(timezone.utc).replace(second=10))
        self.simulator.clock.advance(180)
        self.simulator.switches.update({'minute_limit': 5})
        self.addCleanup(self.simulator.switches.update, {'minute_limit': 60})
        with self.division.client() as client:
            for _call in range(3):
                client.get('vat/VATCodes', select=['ID'], top=1)
            error = self.attempt(client.get, 'vat/VATCodes', select=['ID'], top=1)
        self.assertEqual(error.scope, 'minute')
        wait = error.retry_at - datetime.now(timezone.utc)
        self.assertTrue(timedelta(seconds=45) < wait < timedelta(seconds=52), wait)

    def test_calls_of_the_connection_count_too(self):
        """Reading the list of administrations is done within one of them."""
        self.connection.explore()
        self.env.invalidate_all()
        before = self.limits().day_remaining
        self.connection.explore()
        self.assertEqual(self.limits().day_remaining or 5000, (before or 5000) - 1)

    def test_bookkeeping_does_not_cost_the_answer(self):
        failing = patch.object(
            self.env.registry['exact.call'], '_record', side_effect=psycopg2.OperationalError,
        )
        with (
            failing,
            mute_logger('odoo.addons.account_exact.models.administration.exact_call_session'),
            self.division.client() as client,
        ):
            self.assertTrue(client.get('vat/VATCodes', select=['ID'], top=1))

    # === ONE QUOTA, TWO CONNECTIONS === #

    def test_the_same_administration_twice_has_the_calls_once(self):
        twin = self.create_connection(self.company)
        self.connect(twin)
        other = self.create_division(twin)
        stranger = self.create_division(self.create_connection(self.company, client_id='other-app'))
        abroad = self.create_division(self.create_connection(self.company, site='be'))
        budgets = (self.division | other | stranger | abroad)._budget_divisions()
        self.assertEqual(budgets[other], self.division)
        self.assertEqual(budgets[stranger], stranger)
        self.assertEqual(budgets[abroad], abroad)
        with other.client() as client:
            client.get('vat/VATCodes', select=['ID'], top=1)
        self.assertEqual(self.limits().day_remaining, 4999)
        with self.division.client() as client:
            client.get('vat/VATCodes', select=['ID'], top=1)
        self.env.invalidate_all()
        self.assertEqual(self.division.call_budget, "4,998 of 5,000 calls left today")
        self.assertEqual(other.call_budget, self.division.call_budget)
        self.keep(minute_remaining=0)
        with other.client('person') as client:
            self.assertEqual(
                self.attempt(client.get, 'vat/VATCodes', select=['ID'], top=1).scope, 'minute',
            )
        self.assertEqual(stranger.call_budget, "No calls yet")

    # === FUSES === #

    def fail_calls(self, times, clock, resource='vat/VATCodes'):
        for _call in range(times):
            self.record(self.reserve('person', resource), 400, {}, clock, resource=resource)

    def test_fuse(self):
        self.simulator.faults.add('status', resource='vat/VATCodes', status=400, times=5)
        with self.division.client() as client:
            for _call in range(5):
                error = self.attempt(client.get, 'vat/VATCodes', select=['ID'], top=1)
                self.assertNotIsInstance(error, exact_api.RateLimited)
            error = self.attempt(client.get, 'vat/VATCodes', select=['ID'], top=1)
            self.assertEqual(error.scope, 'error_fuse')
            self.assertIn("pauses them until", explain(self.env, error))
            # Only that one
            self.assertTrue(client.get('financial/GLAccounts', select=['ID'], top=1))
        self.env.invalidate_all()
        self.assertIn('vat/VATCodes until', self.division.call_pauses)

    def test_the_fuse_closes_by_itself_after_the_hour(self):
        clock = Clock()
        self.at(clock)
        self.fail_calls(5, clock)
        error = self.refusal('person', 'vat/VATCodes')
        self.assertEqual(error.retry_at, START + timedelta(hours=1))
        self.assertIsNone(self.refusal('person', 'vat/VatPercentages'))
        clock.now = error.retry_at
        self.assertIsNone(self.refusal('person', 'vat/VATCodes'))
        self.assertFalse(self.division.call_pauses)

    def test_no_hour_ever_sees_ten_errors(self):
        """Wherever Exact's hour begins, with a person who lets them go again whenever it is
        possible.
        """
        clock = Clock()
        self.at(clock)
        chance = random.Random(7)
        moments = []
        while clock.now < START + timedelta(hours=12):
            clock.advance(chance.choice((1, 5, 60, 600)))
            if self.refusal('person', 'vat/VATCodes'):
                self.env.invalidate_all()
                try:
                    self.division.action_reset_fuse()
                    self.env.flush_all()
                except UserError:
                    continue
            self.fail_calls(1, clock)
            moments.append(clock.now)
        most = max(
            sum(start <= moment < start + timedelta(hours=1) for moment in moments)
            for start in moments
        )
        self.assertLess(most, 10)
        self.assertGreater(most, FUSE_ERRORS)

    def test_a_gateway_that_fails_is_not_an_error_of_ours(self):
        self.simulator.faults.add('status', resource='vat/VATCodes', status=503, times=6)
        with self.division.client() as client:
            for _call in range(6):
                error = self.attempt(client.get, 'vat/VATCodes', select=['ID'], top=1)
                self.assertIsInstance(error, exact_api.Transient)
            self.assertTrue(client.get('vat/VATCodes', select=['ID'], top=1))

    def test_an_administrator_closes_the_fuse(self):
        clock = Clock()
        self.at(clock)
        self.fail_calls(5, clock)
        clerk = new_test_user(
            self.env, 'exact_clerk', groups='base.group_user,account.group_account_invoice',
            company_id=self.company.id, company_ids=[Command.set(self.company.ids)],
        )
        with self.assertRaises(AccessError):
            self.division.with_user(clerk).action_reset_fuse()
        division = self.division.with_user(self.manager)
        division.action_reset_fuse()
        self.env.invalidate_all()
        self.assertFalse(division.call_pauses)
        row = self.calls.search([('resource', '=', 'vat/VATCodes')])
        self.assertEqual(row.errors, 5, "they stay counted")
        # One more opens it again, until Exact's own limit is near
        for errors in (6, 7, 8):
            self.env.flush_all()
            self.fail_calls(1, clock)
            self.env.invalidate_all()
            self.assertEqual(row.errors, errors)
            self.assertTrue(self.refusal('person', 'vat/VATCodes'))
            if errors < 8:
                division.action_reset_fuse()
        with self.assertRaisesRegex(UserError, "too near"):
            division.action_reset_fuse()
        clock.advance(3600)
        self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "Nothing is paused"):
            division.action_reset_fuse()


@tagged('post_install', '-at_install')
class TestMeter(ExactConnectedCase):
    """What a person reads on the division."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.tz = 'Europe/Amsterdam'
        cls.division.send_documents = False

    def setUp(self):
        super().setUp()
        self.clock = Clock()  # 13:00:10 in Amsterdam
        for module in (exact_call, exact_division_budget):
            self.enterContext(patch.object(module, 'utcnow', self.clock))
        start = START.replace(tzinfo=None)
        self.limits = self.env['exact.call'].sudo().create({
            'division_id': self.division.id, 'resource': '',
            'minute_limit': 60, 'minute_remaining': 60, 'minute_reset': start.replace(second=59),
            'day_limit': 5000, 'day_remaining': 1240,
            'day_reset': start.replace(hour=23, minute=0, second=0),
        })

    def wait(self, *groups):
        """Let documents wait: (state, kind, action, count)."""
        self.enterContext(patch.object(
            self.env.registry['exact.division'], '_waiting_exports',
            lambda divisions: {
                division: [(*group, None) for group in groups] for division in divisions
            },
        ))

    def meter(self, division=None, **context):
        self.env.invalidate_all()
        text = (division or self.division).with_context(**context).call_budget
        return text.replace('\u202f', ' ')

    def assertMeter(self, text):
        self.assertEqual(self.meter(), f"1,240 of 5,000 calls left today{text}")

    def test_nothing_waits(self):
        self.assertMeter("")

    def test_pause_after_failures(self):
        """What waits is not done before the queue goes on."""
        self.wait(('ready', 'sale', False, 10))
        before = self.meter()
        self.env['exact.export.queue'].sudo().of(self.division).write({
            'retry_at': START.replace(tzinfo=None) + timedelta(minutes=30), 'failures': 6,
        })
        self.assertIn("done at 1:01", before)
        self.assertIn("done at 1:31", self.meter())

    def test_documents_wait(self):
        self.wait(('ready', 'sale', False, 300), ('proposed', 'general', False, 12))
        # 312 entries and 2 calls to read them back, 58 a minute
        self.assertMeter("; 312 documents waiting; done at 1:06 PM")
        self.division.send_documents = True
        # 900 calls for the 300 with their documents
        self.assertMeter("; 312 documents waiting; done at 1:16 PM")

    def test_one_document_waits(self):
        self.wait(('sent', 'sale', False, 1))
        self.assertMeter("; 1 document waiting; done at 1:01 PM")

    def test_the_readers_time_and_language(self):
        self.wait(('ready', 'sale', False, 312))
        self.env.user.tz = 'America/New_York'
        self.assertMeter("; 312 documents waiting; done at 7:06 AM")
        self.env['res.lang']._activate_lang('nl_NL')
        self.assertIn("07:06", self.meter(lang='nl_NL'))
        self.assertIn("1.240", self.meter(lang='nl_NL'))

    def test_over_the_days_limit(self):
        self.wait(('ready', 'sale', False, 2000))
        # 1,215 today, the rest from midnight on
        self.assertMeter("; 2,000 documents waiting; done tomorrow at 12:14 AM")
        self.wait(('ready', 'sale', False, 20000))
        self.assertRegex(self.meter(), r"20,000 documents waiting; done on 11/24/2026 at .*AM$")

    def test_nothing_silly(self):
        self.wait(('ready', 'sale', False, 312))
        self.division.hold = True
        self.assertMeter("; 312 documents waiting; on hold")
        self.division.hold = False
        self.division.sudo().unreachable_reason = 'NoDivisionAccess'
        self.assertMeter("; 312 documents waiting; Exact cannot be reached")
        self.division.sudo().unreachable_reason = False
        self.connection.action_disconnect()
        self.assertMeter("; 312 documents waiting; Exact cannot be reached")

    def test_an_open_fuse_is_waited_for(self):
        self.wait(('ready', 'sale', False, 10))
        fuse = self.env['exact.call'].sudo().create({
            'division_id': self.division.id, 'resource': 'purchaseentry/PurchaseEntries',
            'errors': 5, 'errors_since': START.replace(tzinfo=None),
        })
        self.assertMeter("; 10 documents waiting; done at 1:01 PM")
        fuse.resource = 'salesentry/SalesEntries'
        self.assertMeter("; 10 documents waiting; done at 2:01 PM")
        self.assertIn("salesentry/SalesEntries until", self.division.call_pauses)

    def test_before_the_first_call(self):
        self.limits.unlink()
        self.wait(('ready', 'sale', False, 100))
        self.assertEqual(
            self.meter(), "No calls yet; 100 documents waiting; done at 1:02 PM",
        )

    def test_before_exact_said_anything_of_its_limits(self):
        """The first answer has not come yet, or none says how much there is."""
        self.limits.unlink()
        self.env['exact.call'].sudo().create({'division_id': self.division.id, 'resource': ''})
        self.wait(('ready', 'sale', False, 100))
        self.assertEqual(
            self.meter(), "No calls yet; 100 documents waiting; done at 1:02 PM",
        )

    def test_what_waits(self):
        waiting = {
            # state: (pending action, waits)
            'proposed': (False, True), 'ready': (False, True), 'sending': (False, True),
            'uncertain': (False, True), 'sent': (False, True), 'blocked': (False, False),
            'refused': (False, False), 'verified': (False, False),
            'changed': ('update', True), 'undone': (False, False),
        }
        for state, (action, _waits) in waiting.items():
            move = self.init_invoice('out_invoice', amounts=[10], post=True)
            self.env['exact.export'].sudo().create({
                'move_id': move.id, 'division_id': self.division.id, 'kind': 'sale',
                'state': state, 'pending_action': action,
            })
        self.env['exact.export'].sudo().create({
            'move_id': self.init_invoice('out_invoice', amounts=[10], post=True).id,
            'division_id': self.division.id, 'kind': 'sale', 'state': 'sent',
            'has_difference': True,
        })
        count = sum(waits for _action, waits in waiting.values())
        self.assertMeter(f"; {count} documents waiting; done at 1:01 PM")

    def test_a_list_costs_as_much_as_one(self):
        divisions = self.division
        for code in range(2000, 2100):
            divisions |= self.create_division(self.connection, code=code)
        self.env['exact.call'].sudo().create([
            {'division_id': division.id, 'resource': resource, 'day_limit': 5000}
            for division in divisions - self.division for resource in ('', 'vat/VATCodes')
        ])
        names = ['call_budget', 'day_share', 'minute_share', 'call_pauses']

        def queries(records):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            records.read(names)
            return self.env.cr.sql_log_count - before

        queries(divisions)  # what is read once is read
        self.assertEqual(queries(divisions[:2]), queries(divisions))
        self.assertLess(queries(divisions), 12)


@tagged('post_install', '-at_install')
class TestCallBudgetForReal(BaseCase):
    """What test cursors cannot show: workers with transactions of their own."""

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        # The test runner holds the lock of all registries, which every environment takes
        self.enterContext(patch.object(Registry, '_lock', threading.RLock()))
        self.clock = Clock()
        self.enterContext(patch.object(exact_call, 'utcnow', self.clock))
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            connection = env['exact.connection'].create({
                'name': "Test of the budget", 'site': 'nl', 'client_id': 'an-app',
            })
            self.division_id = env['exact.division'].create({
                'connection_id': connection.id, 'code': 4711, 'name': "Test",
            }).id
            self.connection_id = connection.id
        self.addCleanup(self.remove)

    def remove(self):
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            env['exact.connection'].browse(self.connection_id).unlink()

    def hammer(self, server, priority='person', workers=8):
        """Let workers call as fast as they can, until all are refused; errors of the threads."""
        errors, made = [], []
        start = threading.Barrier(workers)

        def work():
            try:
                with self.registry.cursor() as cr:
                    calls = api.Environment(cr, SUPERUSER_ID, {})['exact.call']
                    start.wait(timeout=30)
                    while True:
                        try:
                            ticket = calls._reserve(self.division_id, 'crm/Accounts', priority)
                        except exact_api.RateLimited:
                            return
                        said = answer(*server.serve(), self.clock())
                        made.append(ticket)
                        calls._record(self.division_id, said, ticket)
            except Exception as error:  # noqa: BLE001  a thread's errors are told by the test
                errors.append(error)
                start.abort()

        threads = [threading.Thread(target=work) for _worker in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=120)
        self.assertFalse(errors)
        return len(made)

    def test_eight_workers_never_call_more_than_allowed(self):
        server = Server(self.clock)
        # In the first minute nothing is known, and another program has called already
        server.use(37)
        made = [self.hammer(server)]
        for _minute in range(4):
            self.clock.advance(60)
            made.append(self.hammer(server))
        self.assertEqual(server.refused, 0)
        self.assertEqual(server.most('minute'), 60)
        self.assertEqual(made, [23, 60, 60, 60, 60], "and all that is allowed")

    def test_eight_workers_leave_what_is_kept_for_people(self):
        server = Server(self.clock)
        self.assertEqual(self.hammer(server, 'entry'), 58)
        self.assertEqual(self.hammer(server, 'person'), 2)
        self.assertEqual(server.refused, 0)

    def test_a_division_that_is_being_edited_can_be_called(self):
        with self.registry.cursor() as cr:
            cr.execute(
                "SELECT 1 FROM exact_division WHERE id = %s FOR NO KEY UPDATE", [self.division_id],
            )
            self.assertEqual(self.hammer(Server(self.clock), workers=2), 60)


@tagged('post_install', '-at_install')
class TestWorkerAtTheLimit(ExactFaultCase):
    """The queue waits for what is scarce, and goes on by itself."""

    def setUp(self):
        super().setUp()
        now = fields.Datetime.now()
        self.env['exact.call'].sudo().search([]).unlink()
        self.limits = self.env['exact.call'].sudo().create({
            'division_id': self.division.id, 'resource': '',
            'minute_limit': 60, 'minute_remaining': 60, 'minute_reset': now + timedelta(minutes=1),
            'day_limit': 5000, 'day_remaining': 5000, 'day_reset': now + timedelta(hours=5),
        })
        self.queue = self.env['exact.export.queue'].sudo().of(self.division)

    def test_a_used_up_day_waits_for_the_next(self):
        self.limits.day_remaining = 25
        invoice = self.invoice()
        export = self.export(invoice)
        self.assertEqual((export.state, export.attempt_count), ('ready', 0))
        self.assertEqual(self.queue.retry_at, self.limits.day_reset)
        # A person who waits has what is kept for people
        with self.division.client('person') as client:
            self.assertTrue(client.get('vat/VATCodes', select=['ID'], top=1))
        # The next day
        self.limits.day_reset = self.queue.retry_at = fields.Datetime.now()
        self.work()
        self.assertBooked(invoice)

    def test_a_used_up_minute_stops_in_the_middle(self):
        switches, clock = self.simulator.switches, self.simulator.clock
        self.addCleanup(switches.update, {'rate_limits': False, 'minute_limit': 60})
        self.addCleanup(clock.resume)
        self.simulator.limits.reset()
        clock.freeze()
        # Two of them are kept for people
        switches.update({'rate_limits': True, 'minute_limit': 4})
        invoices = self.invoice(1) | self.invoice(2)
        exports = self.export(invoices)
        self.assertIn('ready', exports.mapped('state'))
        self.assertEqual(self.limits.minute_remaining, 2)
        self.assertLess(self.queue.retry_at - self.limits.minute_reset, timedelta(seconds=1))
        self.assertGreaterEqual(self.queue.retry_at, self.limits.minute_reset)
        # The next minute
        clock.advance(60)
        switches.minute_limit = 60
        self.limits.minute_reset = fields.Datetime.now() - timedelta(minutes=1)
        self.queue.retry_at = False
        self.work()
        for invoice in invoices:
            self.assertBooked(invoice)

    def test_closing_the_fuse_sends_what_waited(self):
        fuse = self.env['exact.call'].sudo().create({
            'division_id': self.division.id, 'resource': ENTRIES, 'errors': 5,
            'errors_since': fields.Datetime.now(),
        })
        invoice = self.invoice()
        export = self.export(invoice)
        self.assertEqual(export.state, 'ready')
        self.assertIn(ENTRIES, self.division.call_pauses)
        self.work()
        self.assertEqual(export.state, 'ready')
        self.division.action_reset_fuse()
        self.work()
        self.assertBooked(invoice)
        self.assertEqual(fuse.errors, 5)
