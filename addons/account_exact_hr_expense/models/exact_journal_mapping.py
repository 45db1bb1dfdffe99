from odoo import api, models
from odoo.tools import SQL

from odoo.addons.account_exact.models.mapping.exact_mapping_mixin import EXPORTED_STATES


class ExactJournalMapping(models.Model):
    _inherit = 'exact.journal.mapping'

    @api.model
    def _wanted_sources(self, division):
        """Add the journals that the company pays expenses from."""
        wanted = super()._wanted_sources(division)
        # sudo: which journals are paid from says nothing of the expenses.
        groups = self.env['hr.expense'].sudo()._read_group(
            [
                ('company_id', '=', division.company_id.id),
                ('payment_mode', '=', 'company_account'),
                ('state', 'not in', ['draft', 'refused']),
            ],
            ['payment_method_line_id'],
        )
        for [method_line] in groups:
            journal = method_line.journal_id.sudo(self.env.su)
            if journal.type in ('bank', 'cash', 'credit'):
                wanted['journal_id'] |= journal
        return wanted

    @api.private
    def stopped_query(self):
        """Add what the company paid: the only payments that are exported."""
        return SQL(
            """
            %(others)s
             UNION
            SELECT mapping.id AS mapping_id, move.id AS move_id
              FROM exact_journal_mapping mapping
              JOIN exact_division division ON division.id = mapping.division_id
              JOIN account_move move
                   ON move.journal_id = mapping.journal_id AND move.company_id = division.company_id
              JOIN account_move_line line ON line.move_id = move.id
              JOIN hr_expense expense ON expense.id = line.expense_id
             WHERE mapping.id IN %(ids)s
               AND move.move_type = 'entry'
               AND move.state = 'posted'
               AND expense.payment_mode = 'company_account'
               AND (division.export_start_date IS NULL OR move.date >= division.export_start_date)
               AND NOT EXISTS (
                   SELECT 1 FROM exact_export export
                    WHERE export.move_id = move.id AND export.division_id = division.id
                      AND export.state IN %(exported)s)
            """,
            others=super().stopped_query(), ids=tuple(self.ids), exported=EXPORTED_STATES,
        )
