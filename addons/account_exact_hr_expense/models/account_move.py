from odoo import models
from odoo.fields import Domain


class AccountMove(models.Model):
    _inherit = 'account.move'

    # === EXTENDS account_exact === #

    def _exact_expenses(self):
        """Expenses that these moves book, or take back: lines keep theirs when they are reversed.

        :return: `hr.expense`, with sudo: people who post and export documents need not be those who
            see everybody's expenses.
        """
        moves_sudo = self.sudo()
        return moves_sudo.line_ids.expense_id | moves_sudo.expense_ids

    def _exact_is_bank_entry(self):
        """What the company paid goes out through the journal that it was paid from."""
        if self.move_type == 'entry' and self.journal_id.type in ('bank', 'cash', 'credit'):
            if 'company_account' in self._exact_expenses().mapped('payment_mode'):
                return True
        return super()._exact_is_bank_entry()

    def _exact_bank_entry_domain(self):
        # sudo: as above; which entries these are says nothing of the expenses.
        expenses = self.env['hr.expense'].sudo()._search([
            ('payment_mode', '=', 'company_account'),
            ('company_id', 'in', self.env.companies.ids),
        ])
        return super()._exact_bank_entry_domain() | (
            Domain('move_type', '=', 'entry')
            & Domain('journal_id.type', 'in', ['bank', 'cash', 'credit'])
            & Domain('line_ids', 'any', [('expense_id', 'in', expenses)])
        )

    def _exact_is_automatic(self, division):
        if super()._exact_is_automatic(division):
            return True
        if not division.auto_export_expense or not self._exact_expenses():
            return False
        if division.export_start_date and self.date < division.export_start_date:
            return False
        # sudo: people who post need no rights on mappings.
        return not self.env['exact.journal.mapping'].sudo().search_count([
            ('division_id', '=', division.id), ('journal_id', '=', self.journal_id.id),
            ('is_left_out', '=', True),
        ], limit=1)

    def _exact_supplier_reference(self):
        # The text of an expense is nobody's number: it comes again with the next lunch.
        return '' if self._exact_expenses() else super()._exact_supplier_reference()

    def _exact_line_texts(self, line):
        """Who was paid, for what, and the number on the receipt; the notes say whose expense it is
        and of which day. Nothing in them depends on the language of who looks."""
        description, notes = super()._exact_line_texts(line)
        # sudo: see _exact_expenses.
        expense_sudo = line.sudo().expense_id
        if not expense_sudo:
            return description, notes
        vendor = expense_sudo.vendor_id.name or ''
        reference = expense_sudo.supplier_reference or ''
        if line.name == expense_sudo._get_move_line_name():
            # Odoo's own text; the employee is the supplier already, or stands in the notes.
            description = (expense_sudo.name or '').split('\n')[0]
        who = f"{vendor}: " if vendor else ''
        description = f"{reference} {who}{description}".strip()
        day = expense_sudo.date.isoformat() if expense_sudo.date else ''
        rows = (
            ", ".join(filter(None, [expense_sudo.employee_id.name, day])),
            " ".join(filter(None, [vendor, reference])),
            notes,
        )
        return description, "\n".join(filter(None, rows))
