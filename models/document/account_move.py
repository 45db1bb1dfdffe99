from collections import defaultdict
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import SQL

from ..export.exact_export import ENDED_STATES

# A person sees these: what the export says, and that there is none.
STATES = [
    ('not_exported', "Not Exported"),
    ('waiting', "Waiting"),
    ('blocked', "Blocked"),
    ('verified', "Verified"),
    ('changed', "Changed"),
    ('undone', "Undone"),
    ('deleted', "Deleted in Exact"),
]
# Who reads exports; and who sees how far a document is: whoever works here, never its customer.
ACCOUNTING_GROUPS = 'account.group_account_invoice,account.group_account_readonly'
PEOPLE = 'base.group_user'
# What an entry is made of: whoever writes it on a posted document, by whatever way, changes what
# Exact has, too. (Lines: EDITED_LINE_FIELDS.)
EDITED_FIELDS = frozenset({
    'name', 'ref', 'invoice_origin', 'payment_reference', 'date', 'invoice_date',
    'invoice_date_due', 'invoice_payment_term_id', 'partner_id', 'journal_id', 'currency_id',
    'invoice_currency_rate', 'move_type', 'line_ids', 'invoice_line_ids',
})


class LatestExport(NamedTuple):
    """What the list of documents shows of an export.

    :param state: its `display_state`.
    :param number: of the entry that Exact has, None without one.
    :param has_blocking: whether there is a finding that blocks.
    """

    id: int
    state: str
    number: str | None
    has_blocking: bool


class AccountMove(models.Model):
    _inherit = 'account.move'

    # Not stored: a worker never writes on rows that people edit.
    exact_export_ids = fields.One2many(
        'exact.export', 'move_id', string="Exact Exports", copy=False, groups=ACCOUNTING_GROUPS,
    )
    exact_export_id = fields.Many2one(
        'exact.export', string="Exact Export", compute='_compute_exact_export_id',
        groups=ACCOUNTING_GROUPS,
    )
    # What lists show: no groups here, since Odoo would check them at each read of each document.
    # Customers, who may read their own, are told nothing by the computation.
    exact_state = fields.Selection(
        STATES, string="Exact", compute='_compute_exact_state', search='_search_exact_state',
    )
    exact_entry_number = fields.Char(
        string="Exact Entry", compute='_compute_exact_state', search='_search_exact_entry_number',
    )
    exact_has_blocking = fields.Boolean(compute='_compute_exact_state')
    exact_printed_number = fields.Char(compute='_compute_exact_printed_number')
    exact_is_linked = fields.Boolean(compute='_compute_exact_is_linked', groups=PEOPLE)

    # === COMPUTE METHODS === #

    def _exact_latest_exports(self):
        """The export that speaks for each document: its latest one.

        In one query for a whole list, of what a list shows alone; past the rights, since the state
        of a document is shown to everyone who sees the document.

        :return: {move id: LatestExport}
        """
        if not self.ids:
            return {}
        self.env['exact.finding'].flush_model(['export_id', 'severity'])
        self.env['exact.export'].flush_model([
            'move_id', 'is_latest', 'state', 'display_state', 'entry_number_text',
        ])
        return {
            move_id: LatestExport(*row)
            for move_id, *row in self.env.execute_query(SQL(
                """
                SELECT export.move_id, export.id, export.display_state,
                       CASE WHEN export.state NOT IN %s THEN export.entry_number_text END,
                       EXISTS (SELECT FROM exact_finding finding
                                WHERE finding.export_id = export.id
                                  AND finding.severity = 'blocks')
                  FROM exact_export export
                 WHERE export.is_latest AND export.move_id IN %s
                """, ENDED_STATES, tuple(self.ids),
            ))
        }

    @api.depends('exact_export_ids')
    def _compute_exact_export_id(self):
        latest = self._exact_latest_exports()
        for move in self:
            move.exact_export_id = latest[move.id].id if move.id in latest else False

    @api.depends('state', 'exact_export_ids.display_state', 'exact_export_ids.entry_number')
    @api.depends_context('uid')
    def _compute_exact_state(self):
        if not self.env.user._is_internal():
            self.exact_state = self.exact_entry_number = self.exact_has_blocking = False
            return
        latest = self._exact_latest_exports()
        same = defaultdict(list)
        for move in self.sudo():
            export = latest.get(move.id)
            state = export.state if export else move.state == 'posted' and 'not_exported'
            same['exact_state', state].append(move.id)
            same['exact_entry_number', export and export.number].append(move.id)
            same['exact_has_blocking', bool(export) and export.has_blocking].append(move.id)
        # Many at once: assigned one by one, they would be what makes the list slow.
        for (name, value), ids in same.items():
            self.browse(ids)[name] = value

    @api.depends('exact_export_id')
    def _compute_exact_printed_number(self):
        for move in self:
            # sudo: customers, too, read the number that Exact gave their invoice.
            export = move.sudo().exact_export_id
            # Where Exact numbers, people and banks know the document by its number.
            move.exact_printed_number = str(export.invoice_number or export.entry_number) if (
                export.kind == 'sale' and export.state in ('verified', 'changed')
                and export.division_id.numbering == 'exact'
            ) else False

    @api.depends('company_id')
    def _compute_exact_is_linked(self):
        # What waits for an archived one says so.
        divisions = self.env['exact.division'].with_context(active_test=False)
        linked = divisions.linked_among(self.company_id)
        for move in self:
            move.exact_is_linked = move.company_id in linked

    # === SEARCH AND GROUPING === #

    @api.model
    def _exact_check_insider(self):
        """Customers, who may search their own documents, learn nothing by it either."""
        if not (self.env.su or self.env.user._is_internal()):
            raise AccessError(self.env._("Only employees search by what Exact has."))

    @api.model
    def _search_exact_state(self, operator, value):
        if operator != 'in':
            return NotImplemented
        self._exact_check_insider()
        values = set(value)
        self.env['exact.export'].flush_model(['move_id', 'is_latest', 'display_state'])
        domain = Domain.FALSE
        states = [name for name in values if name and name != 'not_exported']
        if states:
            domain |= Domain('id', 'in', SQL(
                "(SELECT move_id FROM exact_export WHERE is_latest AND display_state IN %s)",
                tuple(states),
            ))
        without = Domain.custom(to_sql=lambda _model, alias, _query: SQL(
            "NOT EXISTS (SELECT FROM exact_export WHERE is_latest AND move_id = %s)",
            SQL.identifier(alias, 'id'),
        ))
        if 'not_exported' in values:
            domain |= without & Domain('state', '=', 'posted')
        if False in values:
            domain |= without & Domain('state', '!=', 'posted')
        return domain

    @api.model
    def _search_exact_entry_number(self, operator, value):
        if operator in ('not in', '!=', 'not ilike', 'not like'):
            return NotImplemented
        self._exact_check_insider()
        exports = self.env['exact.export'].sudo().search([
            ('entry_number_text', operator, value), ('state', 'not in', ENDED_STATES),
        ])
        return [('id', 'in', exports.move_id.ids)]

    def _field_to_sql(self, alias, field_expr, query=None):
        if field_expr == 'exact_state' and query:
            self._exact_check_insider()
            self.env['exact.export'].flush_model(['move_id', 'is_latest', 'display_state'])
            latest = query.make_alias(alias, 'exact_export')
            query.add_join('LEFT JOIN', latest, 'exact_export', SQL(
                "%s AND %s = %s", SQL.identifier(latest, 'is_latest'),
                SQL.identifier(latest, 'move_id'), SQL.identifier(alias, 'id'),
            ))
            return SQL(
                "COALESCE(%s, CASE WHEN %s = 'posted' THEN 'not_exported' END)",
                SQL.identifier(latest, 'display_state'),
                self._field_to_sql(alias, 'state', query),
            )
        return super()._field_to_sql(alias, field_expr, query)
