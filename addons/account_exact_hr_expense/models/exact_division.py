from odoo import fields, models


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    auto_export_expense = fields.Boolean(
        string="Export Expenses by Itself", tracking=True,
        help="Approved expenses are posted and exported without a click: what employees paid in "
             "the company's expense journal, what the company paid in the journal of the payment "
             "method. Receipts travel along.",
    )

    def write(self, vals):
        result = super().write(vals)
        if vals.get('auto_export_expense'):
            self.env['hr.expense']._exact_trigger_posting()
        return result
