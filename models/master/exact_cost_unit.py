from odoo import fields, models


class ExactCostUnit(models.Model):
    _name = 'exact.cost.unit'
    _description = "Exact Cost Unit"
    _inherit = ['exact.master.mixin']

    end_date = fields.Date(readonly=True)
