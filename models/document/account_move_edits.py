"""Documents that are posted, edited, reset or deleted in Odoo: what follows for their exports."""


from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..export.exact_export import ENDED_STATES, UNSENT_STATES
from .account_move import EDITED_FIELDS


class AccountMove(models.Model):
    _inherit = 'account.move'

    def _post(self, soft=True):
        posted = super()._post(soft=soft)
        posted._exact_after_post()
        return posted

    def write(self, vals):
        result = super().write(vals)
        if not EDITED_FIELDS.isdisjoint(vals):
            posted = self.filtered(lambda move: move.state == 'posted')
            if posted:
                posted._exact_compare_later()
        if vals.get('state') == 'draft':
            self._exact_withdraw()
        elif vals.get('state') == 'cancel':
            self._exact_compare_later()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_exact(self):
        # sudo: the entry in Exact would be orphaned whoever deletes the document.
        exports_sudo = self.env['exact.export'].sudo().search([('move_id', 'in', self.ids)])
        booked = exports_sudo.filtered(
            lambda export: (export.exact_guid and export.state not in ENDED_STATES)
            or export.state in ('sending', 'uncertain')
        )
        if booked:
            raise UserError(self.env._(
                "%(document)s is in Exact as entry %(number)s. Undo the export first.",
                document=booked[0].name, number=booked[0].entry_number or "?",
            ))
        leaving = exports_sudo.with_files().filtered(
            lambda export: export.pending_action == 'undo' or export.state not in ENDED_STATES,
        )
        if leaving:
            raise UserError(self.env._(
                "Files of %s are being taken out of Exact. Delete it in a few minutes.",
                leaving[0].name or leaving[0].move_id.display_name,
            ))

    def unlink(self):
        # Before anything is said of documents that the person may not know.
        self.check_access('unlink')
        # sudo: exports without an entry go with their document.
        exports_sudo = self.env['exact.export'].sudo().search([('move_id', 'in', self.ids)])
        if exports_sudo:
            self._unlink_except_in_exact()
            exports_sudo.unlink()
        return super().unlink()

    def _exact_after_post(self):
        """Export on posting where the division wants it; compare what was exported before.

        Never in the way of posting: rows in a queue, nothing else.
        """
        # sudo: people who post need no rights on divisions and exports.
        divisions = {
            division.company_id.id: division
            for division in self.env['exact.division'].sudo().search([
                ('company_id', 'in', self.company_id.ids),
            ])
        }
        if not divisions:
            return
        self._exact_compare_later()
        due = self.browse()
        for move in self:
            division = divisions.get(move.company_id.id)
            if division and move._exact_is_automatic(division):
                due |= move
        if due:
            self.env['exact.export'].propose(due, automatic=True)

    def _exact_is_automatic(self, division):
        """Whether a posted move goes to Exact by itself."""
        self.ensure_one()
        if division.export_start_date and self.date < division.export_start_date:
            return False
        if self.is_sale_document(include_receipts=True):
            return division.auto_export_sale
        if self.is_purchase_document(include_receipts=True):
            return division.auto_export_purchase
        return division.auto_export_general and self._exact_is_exportable_entry(division)

    def _exact_is_exportable_entry(self, division):
        """Journal entries go out of mapped journals only, to a journal of Exact that takes them."""
        # sudo: people who post need no rights on mappings.
        target = self.env['exact.journal.mapping'].sudo().search([
            ('division_id', '=', division.id), ('journal_id', '=', self.journal_id.id),
        ], limit=1).exact_journal_id
        return target.journal_type == '90' or (bool(target) and self._exact_is_bank_entry())

    def _exact_compare_later(self):
        """Let the worker compare edited documents with what Exact has, or is about to get."""
        # sudo: see _exact_after_post.
        self.env['exact.export'].sudo().search([
            ('move_id', 'in', self.ids), ('state', 'not in', ENDED_STATES),
        ]).compare_later()

    def _exact_withdraw(self):
        """A document that is edited again leaves the queue; what was sent stays."""
        # sudo: see _exact_after_post.
        self.env['exact.export'].sudo().search([
            ('move_id', 'in', self.ids), ('state', 'in', UNSENT_STATES), ('exact_guid', '=', False),
        ]).withdraw()

    def _exact_is_bank_entry(self):
        """Hook: whether a journal entry is one that Exact books in a journal of a bank account, and
        that goes there (what banks report comes into Exact by itself)."""
        self.ensure_one()
        return False

    def _exact_bank_entry_domain(self):
        """Hook: domain of the moves for which `_exact_is_bank_entry` is true."""
        return Domain.FALSE

    def _exact_liquidity_lines(self):
        """Lines of a bank entry that stand for the bank account itself.

        Of a payment, and of the reversal of one, these are those on its outstanding account, too.
        """
        self.ensure_one()
        # sudo: who exports journal entries may have no right on payments.
        payments_sudo = (self | self.reversed_entry_id).sudo().origin_payment_id
        accounts = self.journal_id.default_account_id
        for payment_sudo in payments_sudo:
            accounts |= payment_sudo._get_valid_liquidity_accounts()
        return self.line_ids.filtered(
            lambda line: line.account_id in accounts
            or line.account_id.account_type in ('asset_cash', 'liability_credit_card')
        )

    def _exact_gates(self):
        """Hook: what must be settled before these documents may go to Exact.

        Asked whenever documents are built: for the check, a dry run, a person who looks at one, a
        change of an entry. Who settles it lets them go on with `exact.finding.release`; who finds
        something to settle in documents that were checked already has them built once more with
        `exact.export.build_anew`.

        :return: {move: list of `Problem`}
        """
        return {}

    def _exact_supplier_reference(self):
        """Hook: the number that a supplier gave to a bill; '' if there is none."""
        self.ensure_one()
        return self.ref or ''

    def _exact_line_texts(self, line):
        """Hook: how a line is told in Exact.

        :param line: `account.move.line` of this move.
        :return: (description, notes)
        """
        self.ensure_one()
        return (line.name or self.ref or self.name or '').split('\n')[0], ''
