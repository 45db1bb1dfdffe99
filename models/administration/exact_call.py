from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED, TRANSACTION_STATUS_IDLE

from odoo import api, fields, models
from odoo.tools import SQL

from ...exact_api import RateLimited, RateLimits, Unreachable
from ...exact_api.forecast import LENGTH
from ...exact_api.illness import PAUSES, is_error
from ...exact_api.limits import LONGEST, LONGEST_RETRY_AFTER
from ..base.exact_clock import CLOCKS_DIFFER, aware, ceil, epoch, naive, utcnow
from .exact_call_limits import (
    CALL_LIFE,
    FUSE_ERRORS,
    FUSE_HOUR,
    closed_by,
    closed_until,
    left_of,
)

# So many in two hours, of which Exact's hour may be any part, and no hand closes the fuse again.
MOST_ERRORS = 8
# What each kind of work leaves of the minute and of the day for work that matters more.
# A person who waits may use everything.
RESERVES = {
    'person': (0, 0),
    'entry': (2, 25),
    'payment': (4, 50),
    'master': (6, 100),
    'document': (8, 150),
    # To see what others have booked may take many calls, and nothing waits for the last of them:
    # half of what every administration has is left.
    'look': (30, 2500),
}
# Windows of which the ends differ by less are the same: the end is known to the second.
SAME_WINDOW = timedelta(seconds=20)
# Where nobody can say when a call will be possible.
SHORT_WAIT = timedelta(seconds=5)
# Scopes of what stops one kind of request alone: all others go on.
OF_ONE_KIND = ('error_fuse', 'ill')


class ExactCall(models.Model):
    """The call budget of a division, and the errors of each resource.

    The row without a resource holds what Exact last said of the two limits, and the calls that are
    under way: those that its count may not hold yet. What may still be called is the one minus the
    other. Before each call, one is reserved: it is put among those under way, or refused. The
    answer takes it away again and brings Exact's own count, which wins over anything counted here.
    A call that died is under way until it is surely counted (`CALL_LIFE`).

    The other rows hold the errors of one resource in the hour that began with the first of them.

    Exact counts per app and division, so divisions that are connected twice with one app share the
    rows of the first of them, see `exact.division._budget_divisions`.

    All is written in cursors of their own: what a call cost stays true when the work is rolled
    back.
    """

    _name = 'exact.call'
    _description = "Exact Call Budget"
    _order = 'division_id, resource'

    division_id = fields.Many2one('exact.division', required=True, ondelete='cascade', index=True)
    company_id = fields.Many2one(related='division_id.company_id')
    resource = fields.Char(required=True, help="Empty on the row with the limits of the division.")
    day_limit = fields.Integer(string="Calls a Day")
    day_remaining = fields.Integer(string="Left Today")
    day_reset = fields.Datetime(string="Day Ends")
    minute_limit = fields.Integer(string="Calls a Minute")
    minute_remaining = fields.Integer(string="Left This Minute")
    minute_reset = fields.Datetime(string="Minute Ends")
    under_way = fields.Json(help="Calls without an answer: {ticket: second when it was reserved}.")
    errors_since = fields.Datetime()
    errors = fields.Integer()
    errors_before = fields.Integer(help="Errors of the hour before.")
    fuse_errors = fields.Integer(
        default=FUSE_ERRORS, help="At so many errors in the hour the fuse is open.",
    )
    paused_until = fields.Datetime(help="Exact refused without saying why.")
    last_call = fields.Datetime()

    _division_resource_uniq = models.Constraint(
        'UNIQUE(division_id, resource)', "The budget of an administration is kept once.",
    )

    # === READING === #

    def _left(self, window, now):
        """Return how many calls of the 'day' or 'minute' are left, as far as known."""
        self.ensure_one()
        return max(left_of(self, window, now)[0] or 0, 0)

    # === FUSES === #

    def _let_go(self):
        """Let refused kinds of calls go again, except those near Exact's own limit. The errors stay
        counted: one more opens the fuse again.

        :return: those that are too near
        """
        near = self.filtered(lambda call: call.errors + call.errors_before >= MOST_ERRORS)
        for call in self - near:
            call.write({
                'fuse_errors': max(call.errors + 1, FUSE_ERRORS), 'paused_until': False,
                'ill_until': False,
            })
        return near

    # === RESERVING === #

    @contextmanager
    def _own_cursor(self):
        """Give a cursor whose statements wait for others, and then see what these wrote.

        Odoo's own isolation would make all but one of several workers fail and begin anew.
        """
        with self.env.registry.cursor() as cr:
            if cr.connection.get_transaction_status() == TRANSACTION_STATUS_IDLE:  # no test cursor
                cr.connection.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)
            yield cr

    @api.model
    def _reserve(self, division_id, resource, priority, answered=()):
        """Take a call out of the budget, so that everybody sees it before it is made.

        :param str priority: a key of RESERVES
        :param answered: arguments of `_record` for the call before, kept in the same transaction
        :return: ticket for `_record`
        :raise RateLimited: with the moment when it may be tried again; nothing is reserved then
        """
        ticket, now = uuid4().hex, naive(utcnow())
        with self._own_cursor() as cr:
            if answered:
                self._keep(cr, now, *answered)
            refusal = self._reserved(cr, division_id, resource, priority, ticket, now)
        if answered:
            self._forget_meter()
        if refusal:
            raise refusal
        return ticket

    def _reserved(self, cr, division_id, resource, priority, ticket, now):
        """Reserve a call.

        :return: the error that says why and until when it is refused, None if it is not
        """
        for _attempt in range(3):
            if self._take(cr, division_id, resource, priority, ticket, now):
                return None
            rows = self._rows(cr, division_id, resource)
            if '' in rows:
                refusal = self._refusal(rows, resource, priority, now)
                if refusal:
                    return refusal
                # Given free between the two queries
            elif self._take_first(cr, division_id, ticket, now):
                return None
        if not rows:
            # A division that is not committed yet: nobody else can call it
            return None
        return self._limited(now + SHORT_WAIT, 'minute')

    @api.model
    def _take(self, cr, division_id, resource, priority, ticket, now):
        """Reserve a call if there is one; tell whether there was. One statement, so that of any
        number of workers each counts the calls of all before it.
        """
        minute_reserve, day_reserve = RESERVES[priority]
        alive = SQL(
            "value::float8 > %s AND value::float8 <= %s",
            epoch(now - CALL_LIFE), epoch(now + CLOCKS_DIFFER),
        )
        under_way = SQL("(SELECT COUNT(*) FROM jsonb_each(budget.under_way) WHERE %s)", alive)
        cr.execute(SQL(
            """
            UPDATE exact_call budget
               SET under_way = jsonb_build_object(%(ticket)s, %(second)s) || COALESCE((
                       SELECT jsonb_object_agg(key, value)
                         FROM jsonb_each(budget.under_way) WHERE %(alive)s
                   ), '{}'),
                   last_call = %(now)s
             WHERE division_id = %(division)s AND resource = ''
               AND (CASE WHEN minute_reset > %(now)s AND minute_reset <= %(minute_end)s
                         THEN minute_remaining - %(under_way)s > %(minute_reserve)s
                         ELSE minute_limit - %(under_way)s
                              > LEAST(%(minute_reserve)s, minute_limit - 1)
                    END) IS NOT FALSE
               AND (CASE WHEN day_reset > %(now)s AND day_reset <= %(day_end)s
                         THEN day_remaining - %(under_way)s > %(day_reserve)s
                         ELSE day_limit - %(under_way)s > LEAST(%(day_reserve)s, day_limit - 1)
                    END) IS NOT FALSE
               AND NOT EXISTS (
                       SELECT FROM exact_call endpoint
                        WHERE endpoint.division_id = %(division)s
                          AND endpoint.resource = %(resource)s AND endpoint.resource != ''
                          AND ((endpoint.paused_until > %(now)s
                                AND endpoint.paused_until <= %(pause_end)s)
                               OR (endpoint.ill_until > %(now)s
                                   AND endpoint.ill_until <= %(ill_end)s)
                               OR (endpoint.errors >= COALESCE(endpoint.fuse_errors, %(fuse)s)
                                   AND endpoint.errors_since > %(hour_ago)s
                                   AND endpoint.errors_since <= %(soon)s))
                   )
            """,
            ticket=ticket, second=epoch(now), alive=alive, under_way=under_way, now=now,
            division=division_id, resource=resource, fuse=FUSE_ERRORS, hour_ago=now - FUSE_HOUR,
            minute_reserve=minute_reserve, day_reserve=day_reserve,
            # What lies further ahead than anything can is of a clock that was ahead
            minute_end=now + LONGEST['minute'], day_end=now + LONGEST['day'],
            ill_end=now + PAUSES[-1] + CLOCKS_DIFFER,
            pause_end=now + LONGEST_RETRY_AFTER['minute'] + CLOCKS_DIFFER,
            soon=now + CLOCKS_DIFFER,
        ))
        return bool(cr.rowcount)

    @api.model
    def _take_first(self, cr, division_id, ticket, now):
        """Reserve the first call of a division: its limits are unknown."""
        cr.execute(SQL(
            """
            INSERT INTO exact_call (division_id, resource, under_way, last_call)
                 SELECT id, '', jsonb_build_object(%s, %s), %s FROM exact_division WHERE id = %s
            ON CONFLICT (division_id, resource) DO NOTHING
            """,
            ticket, epoch(now), now, division_id,
        ))
        return bool(cr.rowcount)

    @api.model
    def _rows(self, cr, division_id, resource):
        cr.execute(SQL(
            "SELECT * FROM exact_call WHERE division_id = %s AND resource IN ('', %s)",
            division_id, resource,
        ))
        return {row['resource']: row for row in cr.dictfetchall()}

    @api.model
    def _refusal(self, rows, resource, priority, now):
        """Return the error that says why and until when a call is refused, None if it is not.

        :param rows: dicts by resource
        """
        closed = resource in rows and resource and closed_until(rows[resource], now)
        if closed:
            return self._limited(closed, closed_by(rows[resource], now), resource)
        # The day first: it is no use to wait for a minute of a day that is over
        for window, reserve in zip(('day', 'minute'), reversed(RESERVES[priority]), strict=True):
            left, end = left_of(rows[''], window, now)
            if not end and left is not None:
                # Nobody has called since the window before ended, and how much this one has, only a
                # call can tell: one is made, whatever is kept for others of the limit that was.
                reserve = min(reserve, rows[''][f'{window}_limit'] - 1)
            if left is not None and left <= reserve:
                return self._limited(end or now + SHORT_WAIT, window)
        return None

    @api.model
    def _limited(self, retry_at, scope, resource=''):
        return RateLimited(
            f"{scope} budget", scope=scope, resource=resource,
            # Timers know no fractions: never a moment too early
            retry_at=aware(ceil(aware(retry_at))),
        )

    # === RECORDING === #

    @api.model
    def _record(self, division_id, call, ticket=None, session=None):
        """Keep what the answer said of the budget.

        :param call: the `Call` of `exact_api`
        :param str ticket: what `_reserve` gave for the call
        :param dict session: of `_note_health`
        """
        with self._own_cursor() as cr:
            self._keep(cr, naive(utcnow()), division_id, call, ticket, session)
        self._forget_meter()

    def _forget_meter(self):
        """The meter of the division is computed from rows that another cursor wrote."""
        self.invalidate_model(flush=False)
        self.env['exact.division'].invalidate_model(
            ['call_ids', 'call_budget', 'day_share', 'minute_share', 'call_pauses'], flush=False,
        )

    @api.model
    def _keep(self, cr, now, division_id, call, ticket=None, session=None):
        values = {
            'last_call': now, 'under_way': SQL("under_way"),
            **self._limit_values(call, now),
        }
        if ticket and (call.status is not None or isinstance(call.error, Unreachable)):
            # Counted in what Exact says, or never made. Of all others nobody knows
            values['under_way'] = SQL("under_way - %s", ticket)
        # Exact's own lock after too many errors may look like this (nobody has shown one)
        locked = call.status == 429 and call.limits == RateLimits()
        failed = is_error(call.status, call.error.messages if call.error else ())
        cr.execute(SQL(
            "UPDATE exact_call SET %s WHERE division_id = %s AND resource = ''",
            SQL(', ').join(
                SQL("%s = %s", SQL.identifier(name), value) for name, value in values.items()
            ),
            division_id,
        ))
        if failed or locked:
            pause = naive(call.error.retry_at) if locked else None
            self._count_error(cr, division_id, call.resource, now, pause)
        self._note_health(cr, division_id, call, now, {} if session is None else session)

    @api.model
    def _limit_values(self, call, now):
        """Return what an answer says of the limits, as expressions by column.

        On a 429 Exact names only the family that is used up: the other one keeps what was known.
        """
        values = {}
        refused = call.error.scope if isinstance(call.error, RateLimited) else None
        for window in ('minute', 'day'):
            limit, left, reset = (
                getattr(call.limits, f'{window}_{name}') for name in ('limit', 'remaining', 'reset')
            )
            if limit is not None:
                values[f'{window}_limit'] = limit
            if window == refused and call.limits != RateLimits():
                # Exact's word, whatever was known
                values[f'{window}_remaining'] = 0
                values[f'{window}_reset'] = naive(call.error.retry_at)
            elif left is not None and reset:
                values |= self._window_values(window, left, naive(reset), now)
            elif not refused and call.status is not None:
                # Exact made the call, most likely, and did not say what is left
                values |= self._counted_values(window, now)
        return values

    @api.model
    def _counted_values(self, window, now):
        """Return what is left of a window after a call that only we have counted, as expressions by
        column. Where Exact never said how much there is, there is nothing to count down.

        Of a window that begins with this call nobody knows the end: no later than a whole one from
        now.
        """
        left, limit, reset = (
            SQL.identifier(f'{window}_{name}') for name in ('remaining', 'limit', 'reset')
        )
        return {
            f'{window}_remaining': SQL(
                "CASE WHEN %s IS NULL THEN %s"
                " ELSE GREATEST(CASE WHEN %s > %s THEN %s ELSE %s END - 1, 0) END",
                limit, left, reset, now, left, limit,
            ),
            f'{window}_reset': SQL(
                "CASE WHEN %s > %s OR %s IS NULL THEN %s ELSE %s END",
                reset, now, limit, reset, now + LENGTH[window],
            ),
        }

    @api.model
    def _window_values(self, window, left, reset, now):
        """Return what is left of a window, as expressions by column.

        Answers may come in another order than Exact gave them: within a window its count only goes
        down, and what is said of a window that is over says nothing about the present one.
        """
        known_left = SQL.identifier(f'{window}_remaining')
        known_reset = SQL.identifier(f'{window}_reset')
        same = SQL(
            "%s BETWEEN %s AND %s", known_reset, reset - SAME_WINDOW, reset + SAME_WINDOW,
        )
        other = (known_left, known_reset) if reset <= now else (left, reset)
        return {
            f'{window}_remaining': SQL(
                "CASE WHEN %s THEN LEAST(%s, %s) ELSE %s END", same, known_left, left, other[0],
            ),
            # The earliest of what is thought of one moment; but it is not over while Exact says so
            f'{window}_reset': SQL(
                "CASE WHEN %s AND %s > %s THEN LEAST(%s, %s) WHEN %s THEN %s ELSE %s END",
                same, known_reset, now, known_reset, reset, same, reset, other[1],
            ),
        }

    @api.model
    def _count_error(self, cr, division_id, resource, now, paused_until=None):
        """Count one more error of the resource; an hour after the first one, counting starts anew.

        Exact's hour may begin at any moment: what the hour before had leaves less for this one.
        """
        cr.execute(SQL(
            """
            INSERT INTO exact_call AS old (
                division_id, resource, errors, errors_before, fuse_errors, errors_since,
                paused_until, last_call
            )
                 SELECT id, %(resource)s, 1, 0, %(fuse)s, %(now)s, %(paused_until)s, %(now)s
                   FROM exact_division WHERE id = %(division)s
            ON CONFLICT (division_id, resource) DO UPDATE
                    SET (errors, errors_before, fuse_errors, errors_since) = (
                            SELECT old.errors + 1, COALESCE(old.errors_before, 0),
                                   COALESCE(old.fuse_errors, %(fuse)s), old.errors_since
                             WHERE old.errors_since > %(hour_ago)s
                               AND old.errors_since <= %(soon)s
                             UNION ALL
                            SELECT 1, before, LEAST(%(fuse)s, GREATEST(%(most)s - before, 1)),
                                   %(now)s
                              FROM (SELECT CASE WHEN old.errors_since > %(two_hours_ago)s
                                                THEN old.errors ELSE 0 END) hour (before)
                             WHERE (old.errors_since > %(hour_ago)s
                                    AND old.errors_since <= %(soon)s) IS NOT TRUE
                        ),
                        paused_until = COALESCE(%(paused_until)s, old.paused_until),
                        last_call = %(now)s
            """,
            division=division_id, resource=resource, now=now, fuse=FUSE_ERRORS,
            most=MOST_ERRORS + 1, paused_until=paused_until, hour_ago=now - FUSE_HOUR,
            two_hours_ago=now - 2 * FUSE_HOUR, soon=now + CLOCKS_DIFFER,
        ))
