import logging
from datetime import timedelta, timezone

import psycopg2
from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.tools import SQL

from ..exact_api import Forbidden, RateLimited
from .exact_error_text import DIVISION_REASONS
from .exact_token import utcnow

_logger = logging.getLogger(__name__)

# Exact locks an endpoint for an hour after 10 errors; half of that is left for people.
FUSE_ERRORS = 5
FUSE_HOUR = timedelta(hours=1)
# What each kind of work leaves of the minute and of the day for work that matters more.
# A person who waits may use everything.
RESERVES = {
    'person': (0, 0),
    'entry': (2, 25),
    'payment': (4, 50),
    'master': (6, 100),
    'document': (8, 150),
}
# 429 says that Exact's count is ahead of ours, and a failing gateway is nobody's error.
NOT_ERRORS = (429, 502, 503, 504)


def _naive(moment):
    return moment and moment.astimezone(timezone.utc).replace(tzinfo=None)


class ExactCall(models.Model):
    """What Exact last said of the call budget of a division, and the errors of each resource.

    The row without a resource holds the limits; Exact's headers win over anything counted here. The
    other rows hold the errors of one resource in the hour that began with the first of them.

    Written after each call in a cursor of its own: what a call cost stays true when the work is
    rolled back.
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
    errors_since = fields.Datetime()
    errors = fields.Integer()
    last_call = fields.Datetime()

    _division_resource_uniq = models.Constraint(
        'UNIQUE(division_id, resource)', "The budget of an administration is kept once.",
    )

    # === ASKING === #

    def _left(self, family, now):
        """Return how many calls of the 'day' or 'minute' are left, as far as known."""
        self.ensure_one()
        reset = self[f'{family}_reset']
        return self[f'{family}_remaining'] if reset and now < reset else self[f'{family}_limit']

    @api.model
    def _check(self, division_id, resource, priority):
        """Refuse a call that Exact would refuse.

        :param str priority: a key of RESERVES
        :raise RateLimited: with the moment when it may be tried again
        """
        with self.env.registry.cursor() as cr:
            cr.execute(SQL(
                "SELECT * FROM exact_call WHERE division_id = %s AND resource IN ('', %s)",
                division_id, resource,
            ))
            rows = {row['resource']: row for row in cr.dictfetchall()}
        now = _naive(utcnow())
        errors = rows.get(resource) if resource else None
        if errors and errors['errors'] >= FUSE_ERRORS and now < errors['errors_since'] + FUSE_HOUR:
            raise self._limited(errors['errors_since'] + FUSE_HOUR, 'error_fuse')
        limits = rows.get('')
        if not limits:
            return
        for family, reserve in zip(('minute', 'day'), RESERVES[priority], strict=True):
            reset = limits[f'{family}_reset']
            remaining = limits[f'{family}_remaining']
            if reset and now < reset and remaining is not None and remaining <= reserve:
                raise self._limited(reset, family)

    @api.model
    def _limited(self, retry_at, scope):
        return RateLimited(
            f"{scope} budget", retry_at=retry_at.replace(tzinfo=timezone.utc), scope=scope,
        )

    # === RECORDING === #

    @api.model
    def _record(self, division_id, call):
        """Keep what the answer said of the budget.

        :param call: the `Call` of `exact_api`
        """
        now = _naive(utcnow())
        limits = call.limits
        # On a 429 Exact names only the family that is used up: the other one keeps what was known
        known = {
            name: value
            for name, value in {
                'day_limit': limits.day_limit,
                'day_remaining': limits.day_remaining,
                'day_reset': _naive(limits.day_reset),
                'minute_limit': limits.minute_limit,
                'minute_remaining': limits.minute_remaining,
                'minute_reset': _naive(limits.minute_reset),
            }.items()
            if value is not None
        }
        failed = call.status is not None and call.status >= 400 and call.status not in NOT_ERRORS
        for _attempt in range(5):
            try:
                with self.env.registry.cursor() as cr:
                    self._upsert(cr, division_id, '', {**known, 'last_call': now})
                    if failed:
                        self._count_error(cr, division_id, call.resource, now)
                break
            except SerializationFailure:
                continue  # another worker called at the same time; its answer may be younger
        else:
            _logger.info(
                "The budget of division %s is busy; this answer is not counted.", division_id,
            )
        # The meter of the division is computed from rows that another cursor wrote
        self.invalidate_model(flush=False)
        self.env['exact.division'].browse(division_id).invalidate_recordset(
            ['call_ids', 'call_budget', 'day_share', 'minute_share', 'call_pauses'], flush=False,
        )

    @api.model
    def _upsert(self, cr, division_id, resource, values):
        """Write a row, made if there is none. A division that is not committed yet has none."""
        cr.execute(SQL(
            """
            INSERT INTO exact_call (division_id, resource, %(names)s)
                 SELECT id, %(resource)s, %(values)s FROM exact_division WHERE id = %(division)s
            ON CONFLICT (division_id, resource) DO UPDATE SET %(updates)s
            """,
            names=SQL(', ').join(map(SQL.identifier, values)),
            values=SQL(', ').join(SQL("%s", value) for value in values.values()),
            updates=SQL(', ').join(
                SQL("%s = %s", SQL.identifier(name), value) for name, value in values.items()
            ),
            resource=resource, division=division_id,
        ), log_exceptions=False)

    @api.model
    def _count_error(self, cr, division_id, resource, now):
        """Count one more error of the resource; an hour after the first one, counting starts anew.
        """
        cr.execute(SQL(
            """
            INSERT INTO exact_call AS old (division_id, resource, errors, errors_since, last_call)
                 SELECT id, %(resource)s, 1, %(now)s, %(now)s
                   FROM exact_division WHERE id = %(division)s
            ON CONFLICT (division_id, resource) DO UPDATE
                    SET errors = CASE WHEN old.errors_since > %(hour_ago)s
                                      THEN old.errors + 1 ELSE 1 END,
                        errors_since = CASE WHEN old.errors_since > %(hour_ago)s
                                            THEN old.errors_since ELSE %(now)s END,
                        last_call = %(now)s
            """,
            division=division_id, resource=resource, now=now, hour_ago=now - FUSE_HOUR,
        ), log_exceptions=False)

    # === HOOKS OF THE CLIENT === #

    @api.model
    def _hooks(self, division, priority):
        """Return the (before, after) hooks of an `ExactClient` for the division."""
        division_id = division.id
        was_unreachable = division.unreachable_reason

        def before(method, resource):
            self._check(division_id, resource, priority)

        def after(call):
            try:
                self._record(division_id, call)
                if isinstance(call.error, Forbidden) and call.error.reason in DIVISION_REASONS:
                    division._note_reachable(call.error.reason)
                elif was_unreachable and call.error is None:
                    division._note_reachable(False)
            except psycopg2.Error as error:
                # Bookkeeping about a call must never cost what the call brought
                _logger.warning(
                    "The call to division %s is not noted: %s", division_id, type(error).__name__,
                )

        return before, after
