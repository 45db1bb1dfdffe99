from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ...booking.suggest import JournalCandidate, suggest_journal
from .exact_mapping_mixin import EXPORTED_STATES

# Which of Exact's journals take the documents of a journal of Odoo (facts: Journal.Type). What is
# booked by hand on a bank or cash journal may also go to a general one.
JOURNAL_TYPES = {
    'sale': ('20',),
    'purchase': ('22',),
    'general': ('90',),
    'bank': ('12', '16', '90'),
    'credit': ('12', '16', '90'),
    'cash': ('10', '90'),
}


class ExactJournalMapping(models.Model):
    """Which journal of Exact the documents of a journal of Odoo are booked in."""

    _name = 'exact.journal.mapping'
    _description = "Exact Journal Mapping"
    _inherit = ['exact.mapping.mixin']
    _order = 'journal_id, id'

    _source_fields = ('journal_id',)
    _target_fields = ('exact_journal_id', 'is_left_out')
    _policy_fields = ('closed_period_policy',)

    journal_id = fields.Many2one(
        'account.journal', required=True, ondelete='cascade', index=True,
        check_company=True,
    )
    journal_type = fields.Selection(related='journal_id.type', string="Type")
    exact_journal_id = fields.Many2one(
        'exact.journal', string="Journal in Exact", ondelete='restrict', index=True, tracking=True,
    )
    suggested_exact_journal_id = fields.Many2one(
        'exact.journal', string="Suggestion", ondelete='set null', readonly=True,
    )
    is_left_out = fields.Boolean(
        string="Keep in Odoo", tracking=True,
        help="The entries of this journal are not for Exact.",
    )
    suggested_is_left_out = fields.Boolean(string="Better Kept in Odoo", readonly=True)
    closed_period_policy = fields.Selection(
        [
            ('hold', "Wait until it is open"),
            ('next_open', "Book in the next open period"),
            ('ask', "Ask"),
        ],
        string="Closed Period", required=True, default='hold', tracking=True,
        help="What happens to a document whose period is closed in Exact. Booked in the next open "
             "period, the entry gets a date in that period and names the document's own date.",
    )
    target_domain = fields.Binary(compute='_compute_target_domain')

    _journal_uniq = models.UniqueIndex(
        '(division_id, journal_id)', "The journal has a row already.",
    )

    # === WHAT FITS === #

    @api.depends('division_id', 'journal_id.type')
    def _compute_target_domain(self):
        for mapping in self:
            mapping.target_domain = [
                ('division_id', '=', mapping.division_id.id),
                ('is_blocked', '=', False),
                ('journal_type', 'in', JOURNAL_TYPES.get(mapping.journal_id.type, ())),
            ]

    @api.model
    def _state_depends(self):
        return [
            *super()._state_depends(), 'journal_id.type',
            'exact_journal_id.is_blocked', 'exact_journal_id.journal_type',
        ]

    def _problem_with(self, field, target):
        problem = super()._problem_with(field, target)
        if not problem and target.journal_type not in JOURNAL_TYPES.get(self.journal_id.type, ()):
            labels = dict(target._fields['journal_type']._description_selection(self.env))
            own = dict(self.journal_id._fields['type']._description_selection(self.env))
            problem = self.env._(
                "%(target)s is of the type “%(type)s” in Exact; it takes no documents of a "
                "journal of the type “%(own)s”.",
                target=target.display_name, type=labels.get(target.journal_type, ''),
                own=own.get(self.journal_id.type, ''),
            )
        return problem

    @api.constrains('journal_id', 'is_left_out', 'exact_journal_id')
    def _check_left_out(self):
        for mapping in self.filtered('is_left_out'):
            if mapping.exact_journal_id:
                raise ValidationError(self.env._(
                    "%(journal)s cannot be kept in Odoo and mapped at once.",
                    journal=mapping.journal_id.display_name,
                ))
            if mapping.journal_id.type in ('sale', 'purchase'):
                raise ValidationError(self.env._(
                    "%(journal)s holds invoices or bills; these are exported. Only journals of "
                    "journal entries can be kept in Odoo.",
                    journal=mapping.journal_id.display_name,
                ))

    @api.onchange('exact_journal_id')
    def _onchange_exact_journal_id(self):
        if self.exact_journal_id:
            self.is_left_out = False

    @api.onchange('is_left_out')
    def _onchange_is_left_out(self):
        if self.is_left_out:
            self.exact_journal_id = False

    # === SUGGESTIONS === #

    def _find_suggestions(self, division):
        candidates = [
            JournalCandidate(record.id, record.code or '', record.name or '', record.journal_type)
            for record in self.env['exact.journal'].search_fetch(
                [('division_id', '=', division.id), ('is_blocked', '=', False)],
                ['code', 'name', 'journal_type'],
            )
        ]
        found = {}
        for mapping in self:
            journal = mapping.journal_id
            if journal == division.company_id.currency_exchange_journal_id:
                # Exact makes the entries of exchange differences when it matches the payments.
                found[mapping] = ({'is_left_out': True}, 'own_entries')
                continue
            suggestion = suggest_journal(
                journal.type, journal.code or '', journal.name or '', candidates,
            )
            if suggestion is None:
                suggestion = mapping._default_of_type()
            if suggestion:
                found[mapping] = ({'exact_journal_id': suggestion[0]}, suggestion[1])
        return found

    def _default_of_type(self):
        """What the administration names for this kind of document."""
        kind = self.journal_id.type
        if kind not in ('sale', 'purchase', 'general'):
            return None
        default = self.division_id[f'default_{kind}_journal_id']
        if not default or self._problem_with('exact_journal_id', default):
            return None
        return default.id, 'journal_type'

    def _describe_reason(self, reason, target):
        if reason == 'own_entries':
            return self.env._("Keep in Odoo: Exact books these by itself")
        if target is not None and reason in ('only_one', 'journal_type'):
            labels = dict(target._fields['journal_type']._description_selection(self.env))
            kind = labels.get(target.journal_type, '')
            if reason == 'only_one':
                return self.env._("The only one of type “%(type)s”", type=kind)
            return self.env._("The default of type “%(type)s”", type=kind)
        return super()._describe_reason(reason, target)

    @api.model
    def _wanted_sources(self, division):
        journal_model = self.env['account.journal']
        return {'journal_id': journal_model.search([
            *journal_model._check_company_domain(division.company_id),
            ('type', 'in', ('sale', 'purchase', 'general')),
        ])}

    @api.private
    def stopped_query(self):
        # Journal entries go out of mapped journals only: what such a row keeps back is its own.
        return SQL(
            """
            SELECT mapping.id AS mapping_id, move.id AS move_id
              FROM exact_journal_mapping mapping
              JOIN exact_division division ON division.id = mapping.division_id
              JOIN account_move move
                   ON move.journal_id = mapping.journal_id AND move.company_id = division.company_id
             WHERE mapping.id IN %(ids)s
               AND move.state = 'posted'
               AND (division.export_start_date IS NULL
                    OR COALESCE(move.invoice_date, move.date) >= division.export_start_date)
               AND CASE WHEN move.move_type = 'entry' THEN NULL
                        WHEN move.move_type LIKE 'out_%%' THEN division.default_sale_journal_id
                        ELSE division.default_purchase_journal_id END IS NULL
               AND (move.move_type <> 'entry'
                    OR (move.statement_line_id IS NULL AND move.origin_payment_id IS NULL))
               AND NOT EXISTS (
                   SELECT 1 FROM exact_export export
                    WHERE export.move_id = move.id AND export.division_id = division.id
                      AND export.state IN %(exported)s)
            """,
            ids=tuple(self.ids), exported=EXPORTED_STATES,
        )
