from odoo import fields, models


class ExactGlAccount(models.Model):
    _name = 'exact.gl.account'
    _description = "Exact G/L Account"
    _inherit = ['exact.master.mixin']

    gl_type = fields.Integer(string="Type Code", readonly=True)
    balance_type = fields.Selection([('B', "Balance Sheet"), ('W', "Profit & Loss")], readonly=True)
    balance_side = fields.Selection([('D', "Debit"), ('C', "Credit")], readonly=True)
    is_blocked = fields.Boolean(string="Blocked", readonly=True)
    use_cost_center = fields.Selection(
        [('0', "Optional"), ('1', "Mandatory"), ('2', "Not Allowed")], string="Cost Centre", readonly=True,
    )
    use_cost_unit = fields.Selection(
        [('0', "Optional"), ('1', "Mandatory"), ('2', "Not Allowed")], string="Cost Unit", readonly=True,
    )
    default_vat_code = fields.Char(string="Default VAT Code", readonly=True)
