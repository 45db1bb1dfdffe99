from odoo import fields, models


class ExactCostCenter(models.Model):
    _name = 'exact.cost.center'
    _description = "Exact Cost Centre"
    _inherit = ['exact.master.mixin']

    end_date = fields.Date(readonly=True)
    is_blocked = fields.Boolean(string="Inactive in Exact", readonly=True)
