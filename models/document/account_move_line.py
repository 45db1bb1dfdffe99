from odoo import api, models

# What the lines of an entry are made of, see EDITED_FIELDS of account_move. (The days of deferrals
# have their names from other addons.)
EDITED_LINE_FIELDS = frozenset({
    'name', 'account_id', 'product_id', 'partner_id', 'quantity', 'price_unit', 'discount',
    'debit', 'credit', 'balance', 'amount_currency', 'currency_id', 'tax_ids', 'tax_line_id',
    'tax_repartition_line_id', 'analytic_distribution', 'date_maturity', 'discount_date',
    'display_type', 'move_id',
    'deferred_start_date', 'deferred_end_date', 'start_date', 'end_date',
})


class AccountMoveLine(models.Model):
    _inherit = 'account.move.line'

    # === EXTENDS account === #

    # Some of it Odoo lets people edit on posted documents, all of it can be written by RPC, by
    # wizards and by other addons: the worker then compares the document with its entry.

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines._exact_compare_later()
        return lines

    def write(self, vals):
        if EDITED_LINE_FIELDS.isdisjoint(vals):
            return super().write(vals)
        moved = self.move_id if 'move_id' in vals else self.move_id.browse()
        result = super().write(vals)
        self._exact_compare_later(moved)
        return result

    def unlink(self):
        posted = self._exact_posted()
        result = super().unlink()
        if posted:
            posted.exists()._exact_compare_later()
        return result

    # === BUSINESS METHODS === #

    def _exact_posted(self):
        return self.move_id.filtered(lambda move: move.state == 'posted')

    def _exact_compare_later(self, others=()):
        """Let the worker compare the posted documents of these lines with what Exact has.

        :param others: further moves
        """
        posted = self._exact_posted()
        if others:
            posted |= others.filtered(lambda move: move.state == 'posted')
        if posted:
            posted._exact_compare_later()
