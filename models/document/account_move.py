from collections import defaultdict
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import SQL

from ..base.exact_error_text import division_reason_text, hold_reason_text
from ..base.exact_note import shown
from ..export.exact_export import BOOKED_STATES, ENDED_STATES, UNSENT_STATES

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
# Findings on an entry that only its opposite can take back, as long as Exact keeps it closed.
REVERSED_CODES = (
    'already_processed', 'undo_refused', 'refused_processed', 'period_closed', 'reversal_refused',
    'kept_by_period',
)
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
    exact_message = fields.Char(compute='_compute_exact_message')
    exact_journal = fields.Char(compute='_compute_exact_details', groups=PEOPLE)
    exact_division = fields.Char(compute='_compute_exact_details', groups=PEOPLE)
    exact_verified_at = fields.Datetime(compute='_compute_exact_details', groups=PEOPLE)
    exact_unproved = fields.Char(compute='_compute_exact_details', groups=PEOPLE)
    exact_button_label = fields.Char(compute='_compute_exact_message')
    exact_printed_number = fields.Char(compute='_compute_exact_details')
    exact_is_booked = fields.Boolean(compute='_compute_exact_details', groups=PEOPLE)
    exact_may_reverse = fields.Boolean(compute='_compute_exact_details', groups=PEOPLE)
    exact_may_withdraw = fields.Boolean(compute='_compute_exact_details', groups=PEOPLE)
    exact_is_double = fields.Boolean(compute='_compute_exact_details', groups=PEOPLE)
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
            'move_id', 'state', 'display_state', 'entry_number_text',
        ])
        return {
            move_id: LatestExport(*row)
            for move_id, *row in self.env.execute_query(SQL(
                """
                SELECT DISTINCT ON (export.move_id) export.move_id, export.id, export.display_state,
                       CASE WHEN export.state NOT IN %s THEN export.entry_number_text END,
                       EXISTS (SELECT FROM exact_finding finding
                                WHERE finding.export_id = export.id
                                  AND finding.severity = 'blocks')
                  FROM exact_export export
                 WHERE export.move_id IN %s
              ORDER BY export.move_id, export.id DESC
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
    def _compute_exact_details(self):
        for move in self:
            # sudo: what the bar says of this document needs no rights on master data.
            export = move.sudo().exact_export_id
            move.exact_journal = export.journal_id.code
            move.exact_division = export.division_id.display_name
            move.exact_verified_at = export.verified_at
            move.exact_unproved = export.unproved_text
            # Where Exact numbers, people and banks know the document by its number.
            move.exact_printed_number = str(export.invoice_number or export.entry_number) if (
                export.kind == 'sale' and export.state in ('verified', 'changed')
                and export.division_id.numbering == 'exact'
            ) else False
            move.exact_is_booked = export.state in BOOKED_STATES
            # What cannot be deleted or changed any more can still be reversed.
            move.exact_may_reverse = export.state in BOOKED_STATES and not export.is_linked and any(
                finding.code in REVERSED_CODES
                for finding in export.finding_ids
            )
            move.exact_may_withdraw = export.state in UNSENT_STATES
            move.exact_is_double = export.may_keep_both

    @api.depends('exact_state', 'state')
    @api.depends_context('lang', 'tz', 'uid')
    def _compute_exact_message(self):
        # Most documents of a list have nothing to say.
        speaking = self.filtered(
            lambda move: move.exact_has_blocking
            or move.exact_state in ('blocked', 'changed', 'waiting'),
        )
        silent = self - speaking
        silent.exact_message = silent.exact_button_label = False
        for move in speaking:
            # sudo: as above; the sentence speaks of this document alone.
            export = move.sudo().exact_export_id
            move.exact_message, move.exact_button_label = move._exact_sentence(export)

    def _exact_sentence(self, export):
        """What the bar on the form says.

        :return: (sentence, label of the button that leads on, or False)
        """
        self.ensure_one()
        state = self.exact_state
        if state == 'blocked':
            finding = export.finding_ids.filtered(lambda finding: finding.severity == 'blocks')[:1]
            more = len(export.finding_ids.filtered(lambda f: f.severity == 'blocks')) - 1
            sentence = finding.message or self.env._("Exact has not taken this document.")
            if more > 0:
                sentence = self.env._(
                    "%(sentence)s (and %(count)s more)", sentence=sentence, count=more,
                )
            return sentence, finding._label_on_document()
        if state == 'verified':
            # An undo that Exact refused leaves the entry as it is, and says so.
            finding = export.finding_ids.filtered(lambda finding: finding.severity == 'blocks')[:1]
            return finding.message, finding._label_on_document()
        if state == 'changed':
            labels = []
            for field, *values in (export.difference_ids or [])[:3]:
                meant, found = (shown(self.env, value) for value in values)
                labels.append(f"{self._exact_field_label(field)} {meant} → {found}")
            # An update or undo that Exact refused says so, and what is left to do.
            finding = export.finding_ids.filtered(lambda finding: finding.severity == 'blocks')[:1]
            return (
                ". ".join(filter(None, [", ".join(labels), finding.message])),
                finding._label_on_document(),
            )
        if state == 'waiting':
            return self._exact_waiting_sentence(export)
        return False, False

    def _exact_waiting_sentence(self, export):
        """What the bar says of a document that the worker has to do with; as above."""
        waits = {
            'undo': (
                self.env._("Waiting to be unlinked; the entry stays in Exact.")
                if export.is_linked else self.env._("Waiting to be taken out of Exact.")
            ),
            'reverse': self.env._("Waiting to be reversed in Exact."),
            'update': self.env._("Waiting to be updated in Exact."),
        }
        if not export.division_id.active:
            return self.env._(
                "The administration %s is archived in Odoo; the document waits until it is"
                " unarchived.", export.division_id.display_name,
            ), False
        if export.division_id.hold:
            return self.env._(
                "The administration is on hold; the document waits. %(reason)s",
                reason=hold_reason_text(
                    self.env, export.division_id.hold_reason, export.division_id.hold_params,
                ),
            ), False
        connection = export.division_id.connection_id
        if connection.state != 'connected':
            return self.env._(
                "The connection to Exact is down; the document waits until it is back.",
            ), False
        unreachable = export.division_id.unreachable_reason
        if unreachable:
            return self.env._(
                "Exact does not let Odoo into the administration; the document waits. "
                "%(reason)s",
                reason=division_reason_text(self.env, unreachable),
            ), False
        wait = waits.get(
            export.pending_action, self.env._("Waiting to be booked in Exact."),
        )
        is_later = export.next_try and export.next_try > fields.Datetime.now()
        fuse = is_later and export._fuse_text()
        if fuse:
            return f"{wait} {fuse}", False
        if (
            export.state == 'ready' and export.next_try and export.kind == 'sale'
            and export.division_id.numbering == 'exact'
        ):
            return self.env._(
                "Waits for an earlier document, since Exact gives the numbers in order.",
            ), False
        if export.state == 'uncertain' and export.finding_ids:
            return export.finding_ids[:1].message, False
        if export.state == 'uncertain' and not export.asked_at:
            return self.env._(
                "Exact may have this already; that is being looked up.",
            ), False
        if export.state == 'uncertain':
            return self.env._(
                "Exact did not answer; whether it booked the document is being looked up.",
            ), False
        if export.state == 'sent' and not export.pending_action:
            # Booked, and it could not be compared: a person is told that.
            finding = export.finding_ids.filtered(lambda one: one.severity == 'blocks')[:1]
            return finding.message or self.env._(
                "Booked in Exact as %s; being read back.", export.entry_number,
            ), False
        return export._pause_text(wait), False

    def _exact_field_label(self, name):
        labels = {
            'total': self.env._("amount"),
            'entry_date': self.env._("date"),
            'due_date': self.env._("due date"),
            'relation': self.env._("relation"),
            'amount': self.env._("line"),
            'line': self.env._("line"),
            'description': self.env._("description"),
            'vat_total': self.env._("VAT"),
            'vat_code': self.env._("VAT code"),
            'gl_account': self.env._("ledger"),
            'your_ref': self.env._("reference"),
            'state': self.env._("document"),
            'journal': self.env._("journal"),
            'currency': self.env._("currency"),
            'rate': self.env._("exchange rate"),
            'year': self.env._("year"),
            'period': self.env._("period"),
            'payment_condition': self.env._("payment condition"),
            'payment_reference': self.env._("payment reference"),
            'invoice_number': self.env._("invoice number"),
            'cost_center': self.env._("cost centre"),
            'cost_unit': self.env._("cost unit"),
            'project': self.env._("project"),
            'quantity': self.env._("quantity"),
            'tranches': self.env._("instalments"),
            'discount_date': self.env._("last day of the discount"),
            'from_date': self.env._("deferred from"),
            'to_date': self.env._("deferred until"),
            'date': self.env._("date"),
            'notes': self.env._("notes"),
            'vat_amount': self.env._("VAT"),
        }
        return labels.get(name, labels['state'])

    @api.depends('company_id')
    def _compute_exact_is_linked(self):
        # What waits for an archived one says so.
        divisions = self.env['exact.division'].with_context(active_test=False)
        linked = divisions._linked_among(self.company_id)
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
        export_model = self.env['exact.export'].sudo()
        # The latest export of each document that has one.
        alias = 'exact_export_latest'
        latest = SQL(
            """(
                SELECT DISTINCT ON (move_id) move_id, display_state FROM exact_export
                ORDER BY move_id, id DESC
            )""",
        )
        export_model.flush_model(['move_id', 'display_state'])
        domain = Domain.FALSE
        states = [name for name in values if name and name != 'not_exported']
        if states:
            domain |= Domain('id', 'in', SQL(
                "(SELECT move_id FROM %s %s WHERE display_state IN %s)",
                latest, SQL.identifier(alias), tuple(states),
            ))
        without = Domain('id', 'not in', SQL("(SELECT move_id FROM exact_export)"))
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
        if field_expr == 'exact_state':
            self._exact_check_insider()
            self.env['exact.export'].flush_model(['move_id', 'display_state'])
            return SQL(
                "COALESCE(%s, CASE WHEN %s = 'posted' THEN 'not_exported' END)",
                self.env['exact.export']._state_sql(alias),
                self._field_to_sql(alias, 'state', query),
            )
        return super()._field_to_sql(alias, field_expr, query)
