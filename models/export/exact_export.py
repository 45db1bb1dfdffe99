import json
import logging
from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ...booking import from_dict, life
from ...booking.status import display_state
from ..work.exact_operation import as_text
from ..work.exact_work import Work, index_of_work

_logger = logging.getLogger(__name__)

# States in which an export no longer stands for an entry in Exact.
ENDED_STATES = life.ENDED
# States in which Exact has an entry, as far as we know.
BOOKED_STATES = life.BOOKED
# States in which a person can still take the document back without asking Exact.
UNSENT_STATES = life.UNSENT
# What the workers have to do, in this order.
WORK = (
    # A worker is gone that had claimed it.
    Work('recover', lambda row: SQL("%s = 'sending'", row('state')), asks_exact=False),
    Work('check', lambda row: SQL("%s = 'proposed'", row('state')), asks_exact=False),
    # The document was edited.
    Work(
        'compare', lambda row: SQL("%s = 'recheck'", row('pending_action')), asks_exact=False,
        is_told=False,
    ),
    Work('look_up', lambda row: SQL("%s = 'uncertain'", row('state'))),
    Work(
        'change',
        lambda row: SQL("%s IN ('undo', 'reverse', 'update')", row('pending_action')),
        while_on_hold=False,
    ),
    Work('send', lambda row: SQL("%s = 'ready'", row('state')), while_on_hold=False),
    Work('read_back', lambda row: SQL(
        "%s = 'sent' AND %s IS NOT TRUE AND %s IS NULL",
        row('state'), row('has_difference'), row('pending_action'),
    )),
)
# Verb and part of the operations that an entry takes.
ENTRY, TAKE_OUT, REVERSE = ('post', 'entry'), ('delete', 'entry'), ('reverse', 'entry')
DOCUMENT = ('post', 'document')
# How the parts of operations on lines of the entry and on files begin.
LINE, FILE = 'line/', 'file/'

# Findings on files. They are kept with the proof of the entry, whatever else is found, until the
# files are looked at again.
FILE_CODES = (
    'attachment_empty', 'attachment_too_large', 'attachment_link', 'attachment_inline',
    'attachment_refused', 'attachment_kept', 'files_behind',
)


class ExactExport(models.Model):
    """The life of one document in one division: what was sent, as which entry, with which proof."""

    _name = 'exact.export'
    _description = "Exact Export"
    _inherit = ['mail.thread', 'exact.work.mixin', 'exact.operation.mixin']
    _order = 'id desc'
    # Of the columns of the log only one tells anything: attempts tell the rest.
    _log_access = False

    # === THE DOCUMENT === #

    move_id = fields.Many2one(
        'account.move', string="Document", required=True, ondelete='restrict', index=True,
        readonly=True,
    )
    division_id = fields.Many2one(
        'exact.division', string="Administration", required=True, ondelete='restrict',
        readonly=True,
    )
    company_id = fields.Many2one(related='division_id.company_id', store=True, precompute=True)
    name = fields.Char(string="Reference", readonly=True)
    kind = fields.Selection(
        [
            ('sale', "Sales Entry"), ('purchase', "Purchase Entry"),
            ('general', "General Journal Entry"), ('bank', "Bank Entry"), ('cash', "Cash Entry"),
        ],
        required=True, readonly=True,
    )
    partner_id = fields.Many2one(related='move_id.commercial_partner_id', string="Partner")
    currency_id = fields.Many2one(related='move_id.currency_id')
    user_id = fields.Many2one('res.users', string="Requested By", readonly=True)
    create_date = fields.Datetime(
        string="Requested On", default=fields.Datetime.now, readonly=True,
    )
    is_automatic = fields.Boolean(
        string="By Itself", readonly=True, help="Exported on posting, not by a person's button.",
    )

    # === STATE === #

    # What leads from one to the next: booking/life.py
    state = fields.Selection(
        [
            ('proposed', "Proposed"),
            ('blocked', "Blocked"),
            ('ready', "Ready"),
            ('sending', "Sending"),
            ('sent', "Sent"),
            ('verified', "Verified"),
            ('uncertain', "Uncertain"),
            ('refused', "Refused"),
            ('changed', "Changed"),
            ('undone', "Undone"),
            ('superseded', "Superseded"),
            ('deleted', "Deleted in Exact"),
        ],
        required=True, default='proposed', index=True, readonly=True, tracking=True,
    )
    display_state = fields.Selection(
        [
            ('waiting', "Waiting"), ('blocked', "Blocked"), ('verified', "Verified"),
            ('changed', "Changed"), ('undone', "Undone"), ('deleted', "Deleted in Exact"),
        ],
        string="Exact", compute='_compute_display_state', store=True, precompute=True,
    )
    has_difference = fields.Boolean(
        readonly=True, help="Exact's books differ from what was meant.",
    )
    differs_since = fields.Datetime(readonly=True)
    is_double = fields.Boolean(
        readonly=True, help="Somebody else booked the document in Exact, too.",
    )
    is_linked = fields.Boolean(
        string="Booked in Exact", readonly=True,
        help="The entry was in Exact already and is linked; nothing was sent.",
    )
    # What a person asked for; the worker does it, so that nobody waits for Exact.
    pending_action = fields.Selection(
        [('undo', "Undo"), ('reverse', "Reverse"), ('update', "Update"), ('recheck', "Compare")],
        readonly=True,
    )
    next_try = fields.Datetime(readonly=True)
    attempt_count = fields.Integer(readonly=True)

    # === WHAT WAS SENT === #

    overrides = fields.Json(readonly=True)
    booking = fields.Json(readonly=True, prefetch=False)
    fingerprint = fields.Char(readonly=True)
    document_written_at = fields.Datetime(
        readonly=True, help="When the document was last changed, as its booking was built.",
    )
    # Large, and read one by one: no list has to carry them along.
    payload = fields.Text(compute='_compute_payload')
    answer = fields.Text(compute='_compute_payload')
    read_back = fields.Text(readonly=True, prefetch=False)
    reference = fields.Char(string="Sent As", readonly=True, index='btree_not_null')
    journal_id = fields.Many2one('exact.journal', readonly=True)
    relation_id = fields.Many2one('exact.relation', readonly=True)
    line_ids = fields.One2many(
        'exact.export.line', 'export_id', string="Booked Lines", readonly=True,
    )
    entry_line_ids = fields.One2many('exact.export.entry.line', 'export_id', readonly=True)

    # === WHAT EXACT MADE OF IT === #

    entry_number = fields.Integer(string="Number in Exact", readonly=True)
    entry_number_text = fields.Char(
        string="Entry Number", compute='_compute_entry_number_text', store=True,
        index='btree_not_null',
    )
    invoice_number = fields.Integer(readonly=True)
    exact_guid = fields.Char(string="Exact ID", readonly=True, index='btree_not_null')
    document_guid = fields.Char(readonly=True)
    reversal_number = fields.Integer(readonly=True)
    reversal_guid = fields.Char(readonly=True)
    sent_at = fields.Datetime(readonly=True)
    verified_at = fields.Datetime(readonly=True)
    modified_at = fields.Datetime(
        readonly=True, help="When Exact had last changed the entry, as it was read back.",
    )
    previous_payment_reference = fields.Char(readonly=True)
    exact_url = fields.Char(string="In Exact", compute='_compute_exact_url')

    finding_ids = fields.One2many('exact.finding', 'export_id', string="Findings", readonly=True)
    attempt_ids = fields.One2many(
        'exact.export.attempt', 'export_id', string="Attempts", readonly=True,
    )
    blocking_reason = fields.Char(compute='_compute_blocking_reason')
    difference_ids = fields.Json(string="Differences", readonly=True)

    # Exactly one living export per document and division, whatever happens above the database.
    _move_division_uniq = models.UniqueIndex(
        "(move_id, division_id) WHERE state NOT IN ('undone', 'superseded', 'deleted')",
        "This document is being exported to this administration already.",
    )
    _linked_entry_uniq = models.UniqueIndex(
        '(division_id, exact_guid) WHERE is_linked',
        "An entry can be linked to one document only.",
    )
    _due_idx = models.Index(index_of_work('division_id, state', WORK))

    # === COMPUTE METHODS === #

    @api.depends('state', 'has_difference', 'pending_action', 'is_double')
    def _compute_display_state(self):
        for export in self:
            export.display_state = display_state(
                export.state, pending=export.pending_action, is_double=export.is_double,
                has_difference=export.has_difference,
            )

    @api.depends('entry_number')
    def _compute_entry_number_text(self):
        for export in self:
            export.entry_number_text = str(export.entry_number) if export.entry_number else False

    @api.depends('state')
    def _compute_payload(self):
        # sudo: whoever may read the export may read what it was sent as.
        for export in self.sudo():
            operations = export.operation_ids
            sent = operations.filtered(lambda one: (one.verb, one.part) == ENTRY)[:1]
            export.answer = sent.answer
            export.payload = sent.request
            if any(one.changes_entry() for one in operations if one.id > sent.id):
                # As if the entry had been sent like this.
                export.payload = as_text(
                    self.env['exact.export.send'].body(export, from_dict(export.booking))
                )

    def _compute_exact_url(self):
        for export in self:
            export.exact_url = (
                export.division_id.entry_url(export) if export.exact_guid else False
            )

    @api.depends('finding_ids.code', 'finding_ids.severity', 'finding_ids.params')
    @api.depends_context('lang')
    def _compute_blocking_reason(self):
        for export in self:
            blocking = export.finding_ids.filtered(lambda finding: finding.severity == 'blocks')
            export.blocking_reason = blocking[:1].message

    @api.depends('name', 'move_id', 'entry_number')
    def _compute_display_name(self):
        for export in self:
            name = export.name or export.move_id.name or ''
            export.display_name = f"{name} ({export.entry_number})" if export.entry_number else name

    # === BUSINESS METHODS === #

    def _go(self, event, **values):
        """Something happened to these exports: the only writer of their state.

        :param str event: of `booking.life`
        :param values: what is written with it
        :raise booking.life.LifeError: that cannot happen in the state of one of them.
        """
        ids = defaultdict(list)
        for export in self:
            ids[life.after(export.state, event)].append(export.id)
        for state, moved in ids.items():
            self.browse(moved).write({'state': state, **values})

    @api.private
    def check_anew(self):
        """Build these documents anew and check them, before anything is sent."""
        self._go('check_anew', next_try=False)
        if self:
            self.trigger_worker()

    @api.private
    def compare_later(self):
        """The documents were edited: the worker compares them with what Exact has, or is about to
        get.
        """
        booked = self.filtered(
            lambda export: export.state in BOOKED_STATES and not export.pending_action,
        )
        booked.pending_action = 'recheck'
        self.filtered(lambda export: export.state in ('ready', 'blocked', 'refused')).check_anew()
        # If the entry is not in Exact, it is built anew; if it is there, it is compared.
        self.filtered(
            lambda export: export.state in ('sending', 'uncertain'),
        ).document_written_at = False
        if booked:
            booked.trigger_worker()

    @api.private
    def build_anew(self):
        """Build these documents anew: something that decides how they are booked was changed before
        they were sent.

        A document that a worker holds is sent as it was when the worker began.
        """
        waiting = self.with_context(tracking_disable=True).try_lock_for_update(
            allow_referencing=True,
        )
        ready = waiting.filtered(lambda export: export.state == 'ready')
        ready._go('check_anew', next_try=False)
        # If the entry is not in Exact, it is built anew; if it is there, it is compared.
        waiting.filtered(lambda export: export.state == 'uncertain').document_written_at = False
        ready.trigger_worker()

    @api.private
    def trigger_worker(self):
        """Wake the workers for these exports: they run in transactions of their own."""
        # sudo: people need no right on the division to have their documents exported.
        self.enqueue(self.sudo().division_id)

    @api.private
    def log_attempt(self, action, outcome, note=''):
        """Keep what was done with these exports, and its outcome.

        :param note: what to tell of it, see `exact_note`: Exact's own words, a number, or a note
        """
        self.env['exact.export.attempt'].create([
            {'export_id': export.id, 'action': action, 'outcome': outcome, 'note': note or False}
            for export in self
        ])

    def _set_findings(self, problems):
        """Replace the findings of one export.

        :param problems: list of `Problem`.
        """
        self.ensure_one()
        self._set_all_findings({self: problems})

    def _set_all_findings(self, problems_by_export):
        """Replace the findings of many exports.

        :param problems_by_export: {export: list of `Problem`}
        """
        self.env['exact.finding'].search([
            ('export_id', 'in', self.ids), ('code', 'not in', FILE_CODES),
        ]).unlink()
        self._add_findings(problems_by_export)

    def _add_findings(self, problems_by_export):
        self.env['exact.finding'].create([
            {
                'export_id': export.id,
                'code': problem.code,
                'severity': problem.severity,
                'params': problem.params,
                'res_model': problem.target[0] if problem.target else False,
                'res_id': problem.target[1] if problem.target else False,
            }
            for export, problems in problems_by_export.items() for problem in problems
        ])

    def _document_text(self):
        """Payload and answer for people to read."""
        self.ensure_one()
        return json.dumps(json.loads(self.payload or '{}'), indent=2)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_booked(self):
        if any(export.exact_guid and export.state not in ENDED_STATES for export in self):
            raise UserError(self.env._(
                "An export of a document that is in Exact cannot be deleted. Undo it first.",
            ))


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @api.model
    def _work_kinds(self):
        return super()._work_kinds() + WORK
