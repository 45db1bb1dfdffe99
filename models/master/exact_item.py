from odoo import fields, models


class ExactItem(models.Model):
    _name = 'exact.item'
    _description = "Exact Item"
    _inherit = ['exact.master.mixin']

    is_sales_item = fields.Boolean(readonly=True)
    is_purchase_item = fields.Boolean(readonly=True)
    end_date = fields.Date(readonly=True)
    unit = fields.Char(readonly=True)
    gl_revenue_guid = fields.Char(string="Revenue G/L Account ID", readonly=True)
    gl_costs_guid = fields.Char(string="Costs G/L Account ID", readonly=True)
    sales_vat_code = fields.Char(string="Sales VAT Code", readonly=True)
