from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from ..base.exact_clock import CLOCKS_DIFFER, past
from ..base.exact_note import told
from .exact_sync_resource import MODIFIED, TIMESTAMP
from .exact_sync_rows import left_out

SKIPPED_EVERY = timedelta(days=1)
# Without a change for so long, a resource is read so many times less often.
QUIET, RESTS = timedelta(days=3), 4
# Who was told of a change by Exact within this time is told of the next one, too: then a reading a
# day sees what was not told.
HINTS_COME, TOLD_EVERY = timedelta(days=7), timedelta(hours=23)
RETRY_AFTER = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))


class ExactCursor(models.Model):
    """How far the mirror of one resource of a division has come.

    Written by the synchronisation alone, always in the transaction of the page that it counts.
    """

    _name = 'exact.cursor'
    _description = "Exact Synchronisation"
    _order = 'division_id, sequence, id'
    _rec_name = 'label'

    division_id = fields.Many2one(
        'exact.division', required=True, ondelete='cascade', index=True, readonly=True,
    )
    company_id = fields.Many2one(
        related='division_id.company_id', string="Company", store=True, precompute=True, index=True,
    )
    resource = fields.Char(required=True, readonly=True)
    label = fields.Char(string="Master Data", compute='_compute_label')
    sequence = fields.Integer(readonly=True)
    state = fields.Selection(
        [
            ('waiting', "Waiting"), ('running', "Running"), ('done', "Up to Date"),
            ('error', "Failed"), ('skipped', "No Access"),
        ],
        string="Status", required=True, default='waiting', readonly=True,
    )
    note = fields.Json(readonly=True, help="What is to be told, see exact_note.")
    message = fields.Char(compute='_compute_message')

    # === WHAT CAME IN === #

    row_count = fields.Integer(string="Records", readonly=True, help="Records that Exact has now.")
    last_page_at = fields.Datetime(string="Last Page", readonly=True)
    last_success_at = fields.Datetime(string="Last Complete", readonly=True)
    next_at = fields.Datetime(
        string="Next", required=True, default=fields.Datetime.now, index=True, readonly=True,
    )

    broken_rows = fields.Json(
        readonly=True, help="Rows that could not be read: list of {key, why}; the last twenty.",
    )
    broken_count = fields.Integer(readonly=True, help="How many rows could not be read.")
    broken_text = fields.Char(string="Left Out", compute='_compute_broken_text')

    # === WHERE IT IS === #

    position = fields.Char(
        readonly=True,
        help="Up to where Exact has been read: a counter of 64 bits or a moment, by resource.",
    )
    page_key = fields.Char(
        readonly=True,
        help="The last record of the reading that is going on, where pages go by key.",
    )
    is_full = fields.Boolean(
        string="Complete Reading", default=True, readonly=True,
        help="Everything is read, not only the changes; what is not seen then has vanished.",
    )
    is_complete = fields.Boolean(
        readonly=True, help="Everything has been read at least once; conclusions may be drawn.",
    )
    run = fields.Integer(readonly=True, help="Number of the complete reading.")
    run_started_at = fields.Datetime(readonly=True)
    full_at = fields.Datetime(string="Last Complete Reading", readonly=True)
    has_changes = fields.Boolean(readonly=True)
    changed_at = fields.Datetime(readonly=True, help="When a change came in the last time.")
    hinted_at = fields.Datetime(
        readonly=True, help="When Exact said the last time that something has changed.",
    )
    failure_count = fields.Integer(readonly=True)
    failed_at = fields.Datetime(readonly=True, help="When reading it failed the last time.")

    _resource_uniq = models.Constraint(
        'UNIQUE(division_id, resource)', "This resource already has its cursor.",
    )

    # === COMPUTE METHODS === #

    @api.depends('note')
    @api.depends_context('lang', 'tz')
    def _compute_message(self):
        for cursor in self:
            cursor.message = told(self.env, cursor.note)

    @api.depends('resource')
    @api.depends_context('lang')
    def _compute_label(self):
        # The labels are lazy texts: this gives them in the reader's language
        translate = self.env._
        for cursor in self:
            resource = self.env['exact.division'].resource_of(cursor.resource)
            cursor.label = translate(resource.label) if resource else cursor.resource

    @api.depends('broken_rows', 'broken_count')
    @api.depends_context('lang')
    def _compute_broken_text(self):
        for cursor in self:
            cursor.broken_text = self.env._(
                "%(count)s records of Exact cannot be read and are left out (%(names)s); all "
                "others are here. Open and save them in Exact, or report it.",
                count=cursor.broken_count,
                names=", ".join(
                    f"{entry['key']}: {entry['why']}" if entry['key'] else entry['why']
                    for entry in cursor.broken_rows[:3]
                ),
            ) if cursor.broken_rows else False

    # === BUSINESS METHODS === #

    def _is_due(self):
        now = fields.Datetime.now()
        # When a clock was ahead, so is all that was counted from it
        told_at = {'done': self.last_success_at, 'error': self.failed_at}.get(self.state)
        return self.next_at <= now or bool(told_at and not past(told_at, now))

    @api.model
    @api.private
    def due_domain(self):
        """What is due, as `_is_due` says it, to search by."""
        now = fields.Datetime.now()
        return Domain('next_at', '<=', now) | Domain.OR(
            Domain('state', '=', state) & Domain(moment, '>', now + CLOCKS_DIFFER)
            for state, moment in (('done', 'last_success_at'), ('error', 'failed_at'))
        )

    def _rhythm(self, resource):
        """How soon a resource that was just read is read again: what had no change for days less
        often, what Exact itself tells of once a day.
        """
        now = fields.Datetime.now()
        if not resource.rests:
            return resource.every
        if self.hinted_at and self.hinted_at > now - HINTS_COME:
            return max(resource.every, TOLD_EVERY)
        is_quiet = self.changed_at and self.changed_at < now - QUIET
        return resource.every * RESTS if is_quiet else resource.every

    @api.private
    def make_due(self):
        """Let them be read at once, except those that a worker is reading at this moment.

        Never waits for that worker: it holds its cursor while Exact is at work, and may itself be
        who asks for this, in a transaction beside that one.
        """
        now = fields.Datetime.now()
        for cursor in self.try_lock_for_update(allow_referencing=True):
            cursor.write({
                'next_at': now,
                'state': 'waiting',
                'note': False,
            })

    def _wait_for(self, other):
        """Come again when the other one, which has to be complete before, may be."""
        self.write({
            'state': 'skipped' if other.state == 'skipped' else 'waiting',
            'note': other.note,
            'next_at': max(other.next_at, fields.Datetime.now() + RETRY_AFTER[0]),
        })

    def _note_rows(self, sound_keys, broken):
        """Keep which rows were left out, and that others are whole again."""
        if broken or self.broken_rows:
            rows, count = left_out(
                self.broken_rows or [], self.broken_count, sound_keys, broken,
            )
            self.write({'broken_rows': rows or False, 'broken_count': count})

    def _has_nameless_rows(self):
        return any(not entry['key'] for entry in self.broken_rows or [])

    def _place(self):
        return self.position, self.page_key

    def _lock(self):
        """Take the cursor for this transaction.

        :return: whether it was free; read anew where it was.
        """
        self.ensure_one()
        if not self.try_lock_for_update(allow_referencing=True):
            return False
        self.invalidate_recordset()
        return True

    def _begin(self, resource):
        """Start a reading, or go on with the one that was interrupted."""
        now = fields.Datetime.now()
        vals = {'state': 'running', 'note': False}
        if self.is_complete and not self.is_full:
            full_again = (
                resource.full_every and self.full_at and self.full_at + resource.full_every <= now
            )
            if resource.how not in (TIMESTAMP, MODIFIED) or full_again:
                vals.update(is_full=True, page_key=False)
        is_full = vals.get('is_full', self.is_full)
        place = self.position if resource.how == TIMESTAMP and is_full else self.page_key
        if not place or not self.run_started_at or 'is_full' in vals:
            vals['run_started_at'] = now
            if is_full:
                vals.update(run=self.run + 1, row_count=0, broken_rows=False, broken_count=0)
        self.write(vals)
