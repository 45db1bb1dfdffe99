from odoo import fields, models


class ExactItem(models.Model):
    _name = 'exact.item'
    _description = "Exact Item"
    _inherit = ['exact.master.mixin']

    is_sales_item = fields.Boolean(readonly=True)
    is_purchase_item = fields.Boolean(readonly=True)
