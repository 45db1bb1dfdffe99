"""Who serves which administration, and when: the order of the work, not the work."""

import logging
from collections import defaultdict
from contextlib import contextmanager, suppress
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from ...exact_api import RateLimited
from ..base.exact_clock import CLOCKS_DIFFER, LONGEST_WAIT, aware, ceil, naive, past, utcnow
from ..base.exact_error_text import describe
from ..base.exact_note import moment
from .exact_call_limits import closed_by, closed_until

_logger = logging.getLogger(__name__)

# First key of the advisory locks of PostgreSQL that say "this division is being served".
DIVISION_LOCK = 1164206452
# Somebody serves the division already: look again, in case what woke us came too late for them.
BUSY = timedelta(seconds=30)
# A division that cannot be reached is left alone for a minute, then for twice as long each time.
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=30)
# Scheduled actions of one kind: each takes divisions that no other one serves.
LANES = ('ir_cron_exact_export', 'ir_cron_exact_export_2', 'ir_cron_exact_export_3')


class ExactExportQueue(models.Model):
    """State of the queue of one division. A table of its own, since workers write it all the time
    and people edit the division.
    """

    _name = 'exact.export.queue'
    _description = "Exact Export Queue"
    _rec_name = 'division_id'

    division_id = fields.Many2one('exact.division', required=True, ondelete='cascade')
    company_id = fields.Many2one(related='division_id.company_id')
    served_at = fields.Datetime(readonly=True, help="Who waited longest goes first.")
    retry_at = fields.Datetime(readonly=True, help="Nothing is tried before.")
    failures = fields.Integer(readonly=True, help="Times in a row that Exact was not reached.")
    trouble = fields.Json(
        readonly=True, help="What went wrong the last time, to be told: see exact_note.",
    )
    limited_by = fields.Char(
        readonly=True, help="The limit of Exact that made it wait the last time.",
    )
    looked_at = fields.Datetime(
        readonly=True,
        help="When the journals in Exact were last looked through; empty if that did not reach the "
             "present.",
    )
    look_at = fields.Datetime(
        readonly=True,
        help="When the journals are looked through once more, or the look goes on, though nothing "
             "else is to be sent.",
    )
    looked_in = fields.Char(readonly=True, help="The database that was there at that time.")
    looked_until = fields.Datetime(
        readonly=True,
        help="What Exact changed in its journals up to this moment, by its own clock, has been "
             "seen; empty before the first look.",
    )
    forgotten_since = fields.Datetime(
        readonly=True, help="Begin of the time that a restored backup has forgotten.",
    )
    forgotten_until = fields.Datetime(
        readonly=True, help="End of the time that a restored backup has forgotten.",
    )
    looked_since = fields.Datetime(
        readonly=True, help="What Exact changed from this moment on has been seen.",
    )

    years_read = fields.Json(
        readonly=True, export_string_translation=False,
        help="When Exact was asked what is closed in older years: {journal/year: moment}.",
    )

    _division_uniq = models.Constraint('UNIQUE(division_id)', "A division has one queue.")

    @api.model
    @api.private
    def of(self, division):
        """The row of a division, made if there is none."""
        return self.search([('division_id', '=', division.id)]) or self.create({
            'division_id': division.id,
        })

    @api.model
    def _present_database(self):
        """Return what tells a database from its own restored copy, from the one that took over, and
        from itself before a backup was put back into it: that fills the table of exports anew.
        """
        self.env.cr.execute(SQL(
            "SELECT concat_ws("
            "    ' ', oid, extract(epoch FROM pg_postmaster_start_time()),"
            "    pg_relation_filenode('exact_export')"
            ") FROM pg_database WHERE datname = current_database()",
        ))
        return self.env.cr.fetchone()[0]

    @api.private
    def note_restored(self):
        """Note that this may be a restored backup: nothing is known of what was sent since."""
        self.ensure_one()
        present = self._present_database()
        if self.looked_in == present:
            return
        values = {'looked_in': present, 'looked_at': False}
        if self.looked_in and self.looked_until:
            values |= {
                'forgotten_since': self.looked_until, 'forgotten_until': fields.Datetime.now(),
            }
        self.write(values)

    @api.private
    def forget_future(self):
        """Forget what was counted from a clock that was ahead and is right again: what waits for
        such a moment waits for nothing.
        """
        self.ensure_one()
        now = fields.Datetime.now()
        if self.served_at and not past(self.served_at, now):
            self.write({'served_at': False, 'retry_at': False, 'look_at': False})
        export_model = self.env['exact.export']
        export_model.flush_model(['next_try'])
        export_model.browse(row[0] for row in self.env.execute_query(SQL(
            "SELECT export.id FROM exact_export export"
            " WHERE export.division_id = %s AND export.next_try > %s AND %s",
            self.division_id.id, now + LONGEST_WAIT, export_model.work_sql('export'),
        ))).next_try = False

    @api.model
    @api.private
    def rested_sql(self, now):
        """Condition on `queue`: its pause is over, or was counted from a clock that was ahead."""
        return SQL(
            "(queue.retry_at IS NULL OR queue.retry_at <= %s OR queue.served_at > %s)",
            now, now + CLOCKS_DIFFER,
        )

    @api.private
    def try_now(self):
        """End the pause after failures; that of the limits is kept by the budget itself."""
        self.filtered('failures').retry_at = False

    @api.private
    def note_served(self, retry_at=False, trouble=False, limited_by=False):
        """Note that the division was served, and how that went.

        :param retry_at: a moment when it can go on, None after a failure of which nobody knows when
            it is over, False if all went well.
        :param trouble: a note of what went wrong
        :param limited_by: scope of the limit that has to be waited for
        """
        self.ensure_one()
        now = fields.Datetime.now()
        failures = self.failures + 1 if retry_at is None else 0
        if retry_at is None:
            retry_at = now + min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
        self.write({
            'served_at': now, 'retry_at': retry_at, 'failures': failures, 'trouble': trouble,
            'limited_by': limited_by,
        })

    @api.model
    @api.private
    def resume(self, divisions):
        """End the pauses of these divisions and serve them at once.

        Never waits for a worker that holds the row: that worker serves the division already.
        """
        self.search([
            ('division_id', 'in', divisions.ids), ('retry_at', '!=', False),
        ]).try_lock_for_update(allow_referencing=True).write({'retry_at': False, 'failures': 0})
        self.env['exact.export'].enqueue(divisions)


class ExactExport(models.Model):
    _inherit = 'exact.export'

    @api.private
    def pauses(self):
        """What these exports wait for, where Exact could not be reached the last time or may not be
        asked yet: facts of `booking.status.Situation`.

        :return: {export: {'fuse': note, 'limit': note, 'trouble': note, 'tried_again': moment}};
            exports that wait for none of them are left out
        """
        now = fields.Datetime.now()
        queues = self.env['exact.export.queue'].search([
            ('division_id', 'in', self.division_id.ids),
        ]).grouped('division_id')
        fuses = self.filtered(lambda export: export.next_try and export.next_try > now)._fuses()
        result = {}
        for export in self:
            queue = queues.get(export.division_id, self.env['exact.export.queue'])
            facts = {}
            if export in fuses:
                facts['fuse'] = fuses[export]
            if queue.limited_by and queue.retry_at and queue.retry_at > now:
                facts['limit'] = describe(
                    RateLimited(retry_at=aware(queue.retry_at), scope=queue.limited_by),
                )
            elif queue.failures and queue.trouble:
                facts['trouble'] = queue.trouble
                facts['tried_again'] = moment(queue.retry_at or now)
            if facts:
                result[export] = facts
        return result

    def _fuses(self):
        """Which of these exports, all of which are tried again later, wait since Exact refused too
        much of what they need.

        :return: {export: note}
        """
        now = naive(utcnow())
        closed = defaultdict(dict)
        for call in self.division_id._closed_fuses():
            retry_at = aware(ceil(aware(closed_until(call, now))))
            closed[call.division_id].setdefault(naive(retry_at), describe(
                RateLimited(retry_at=retry_at, scope=closed_by(call, now)),
            ))
        budgets = self.division_id._budget_divisions()
        return {
            export: fuse for export in self
            if (fuse := closed[budgets[export.division_id]].get(export.next_try))
        }

    # === WHO IS SERVED NEXT === #

    @api.model
    @api.private
    def due_divisions(self):
        """Divisions with something to do now, in the order of their turns; one query for all."""
        now = fields.Datetime.now()
        self.env['exact.export'].flush_model(['next_try'])
        self.env['exact.division'].flush_model([
            'active', 'hold', 'company_id', 'unreachable_reason',
        ])
        rows = self.env.execute_query(SQL(
            """
            -- Who waits with documents goes before who has a look to take, and nothing else.
            SELECT due.id FROM (
                SELECT division.id, queue.served_at, 0 AS turn
                  FROM exact_export export
                  JOIN exact_division division ON division.id = export.division_id
                  JOIN exact_connection connection ON connection.id = division.connection_id
             LEFT JOIN exact_export_queue queue ON queue.division_id = division.id
                 WHERE %(due)s
             UNION ALL
                SELECT steps.division_id, queue.served_at, 0
                  FROM (%(steps)s) AS steps
             LEFT JOIN exact_export_queue queue ON queue.division_id = steps.division_id
                 WHERE COALESCE(steps.next_try, %(now)s) <= %(now)s AND %(rested)s
             UNION ALL
                SELECT look.id, look.served_at, 1 FROM (%(look)s) AS look
            ) AS due
          GROUP BY due.id ORDER BY MIN(due.turn), MIN(due.served_at) NULLS FIRST, due.id
            """,
            due=self._due_now_sql(), look=self.env['exact.export.look'].look_due_sql(),
            steps=self.env['exact.division'].steps_sql(), now=now,
            rested=self.env['exact.export.queue'].rested_sql(now),
        ))
        return self.env['exact.division'].browse(row[0] for row in rows)

    @api.model
    def _due_rows(self):
        """(state, pending action, number, attempts, which) of what the workers could do now, and
        the divisions that they could look at: it changes with each step that is done.
        """
        looks = [
            ('look', *row)
            for row in self.env.execute_query(self.env['exact.export.look'].look_due_sql())
        ]
        steps = self.env.execute_query(SQL(
            """
            SELECT steps.division_id, COUNT(*) FROM (%(steps)s) AS steps
             WHERE COALESCE(steps.next_try, %(now)s) <= %(now)s GROUP BY 1 ORDER BY 1
            """,
            steps=self.env['exact.division'].steps_sql(), now=fields.Datetime.now(),
        ))
        return looks + steps + self.env.execute_query(SQL(
            """
            SELECT export.state, export.pending_action, COUNT(*), SUM(export.attempt_count),
                   SUM(export.id)
              FROM exact_export export
              JOIN exact_division division ON division.id = export.division_id
              JOIN exact_connection connection ON connection.id = division.connection_id
         LEFT JOIN exact_export_queue queue ON queue.division_id = division.id
             WHERE %s GROUP BY 1, 2 ORDER BY 1, 2
            """,
            self._due_now_sql(),
        ))

    @api.model
    def _due_now_sql(self):
        """Condition on `export`, `division`, `connection` and `queue`: a worker can do it now."""
        now = fields.Datetime.now()
        return SQL(
            """
            division.company_id IS NOT NULL
            AND %(rested)s
            AND (
                export.next_try IS NULL OR export.next_try <= %(now)s
                OR export.next_try > %(longest)s
            )
            AND (%(due)s)
            """,
            now=now, longest=now + LONGEST_WAIT, due=self.due_sql('export'),
            rested=self.env['exact.export.queue'].rested_sql(now),
        )

    @api.model
    @api.private
    def next_moment(self, division):
        """When this division has to be served again.

        :return: naive UTC, None if nothing waits for a moment
        """
        now = fields.Datetime.now()
        self.env['exact.export'].flush_model(['next_try'])
        [(moment, retry_at)] = self.env.execute_query(SQL(
            """
            SELECT MIN(COALESCE(waiting.next_try, %(now)s)),
                   MAX(CASE WHEN %(rested)s THEN NULL ELSE queue.retry_at END)
              FROM (
                SELECT export.division_id,
                       CASE WHEN export.next_try <= %(longest)s THEN export.next_try END AS next_try
                  FROM exact_export export
                  JOIN exact_division division ON division.id = export.division_id
                  JOIN exact_connection connection ON connection.id = division.connection_id
                 WHERE division.id = %(division)s AND (%(due)s)
             UNION ALL
                SELECT steps.division_id, steps.next_try FROM (%(steps)s) AS steps
                 WHERE steps.division_id = %(division)s
              ) AS waiting
         LEFT JOIN exact_export_queue queue ON queue.division_id = waiting.division_id
            """,
            now=now, longest=now + LONGEST_WAIT, division=division.id,
            due=self.due_sql('export'), steps=self.env['exact.division'].steps_sql(),
            rested=self.env['exact.export.queue'].rested_sql(now),
        ))
        return moment and max(moment, retry_at or moment)

    @api.model
    @contextmanager
    @api.private
    def serving(self, division):
        """Be the only one who serves this division, on all workers and hosts.

        The lock hangs on the connection to the database, not on a transaction: it lasts over the
        commits of the steps and ends with the process, however that ends. Whoever has it knows that
        no other worker of this division is alive.

        :return: a context manager that gives whether it is ours
        """
        cr = self.env.cr
        cr.execute(SQL("SELECT pg_try_advisory_lock(%s, %s)", DIVISION_LOCK, division.id))
        [mine] = cr.fetchone()
        try:
            yield mine
        finally:
            if mine:
                # A connection that is lost has lost the lock with it.
                with suppress(psycopg2.InterfaceError, psycopg2.OperationalError):
                    # A failing step may leave an aborted transaction, in which the lock cannot be
                    # released.
                    cr.rollback()
                    cr.execute(SQL("SELECT pg_advisory_unlock(%s, %s)", DIVISION_LOCK, division.id))

    # === WAKING === #

    @api.private
    def enqueue(self, divisions, at=None):
        """Hook: have these divisions served in a transaction of its own, right after this one or at
        a moment.

        :param divisions: `exact.division`
        :param at: naive UTC
        """
        # sudo: a scheduled action may be read by administrators only.
        for lane in LANES if divisions else ():
            self.env.ref(f'account_exact.{lane}').sudo()._trigger(at)
