from odoo import api, fields, models


class ExactCurrency(models.Model):
    """A currency that the administration has; Exact refuses entries in any other."""

    _name = 'exact.currency'
    _description = "Exact Currency"
    _inherit = ['exact.master.mixin']

    _rule_fields = ('active',)

    amount_precision = fields.Float(
        string="Amounts Rounded To", digits=(16, 6), aggregator=None, readonly=True,
    )

    @api.model_create_multi
    def create(self, vals_list):
        currencies = super().create(vals_list)
        currencies._release_waiting()
        return currencies
