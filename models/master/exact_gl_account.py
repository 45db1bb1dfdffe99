from odoo import api, fields, models
from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

# The `Type` of financial/GLAccounts, from Exact's reference
GL_TYPES = {
    10: _lt("Cash"),
    12: _lt("Bank"),
    14: _lt("Credit Card"),
    16: _lt("Payment Services"),
    20: _lt("Accounts Receivable"),
    21: _lt("Prepayment Accounts Receivable"),
    22: _lt("Accounts Payable"),
    24: _lt("VAT"),
    25: _lt("Employees Payable"),
    26: _lt("Prepaid Expenses"),
    27: _lt("Accrued Expenses"),
    29: _lt("Income Taxes Payable"),
    30: _lt("Fixed Assets"),
    32: _lt("Other Assets"),
    35: _lt("Accumulated Depreciation"),
    40: _lt("Inventory"),
    50: _lt("Capital Stock"),
    52: _lt("Retained Earnings"),
    55: _lt("Long Term Debt"),
    60: _lt("Current Portion of Debt"),
    90: _lt("General"),
    100: _lt("Tax Payable"),
    110: _lt("Revenue"),
    111: _lt("Cost of Goods"),
    120: _lt("Other Costs"),
    121: _lt("Sales, General and Administrative Expenses"),
    122: _lt("Depreciation Costs"),
    123: _lt("Research and Development"),
    125: _lt("Employee Costs"),
    126: _lt("Employment Costs"),
    130: _lt("Exceptional Costs"),
    140: _lt("Exceptional Income"),
    150: _lt("Income Taxes"),
    160: _lt("Interest Income"),
    300: _lt("Year End Reflection"),
    301: _lt("Indirect Year End Costing"),
    302: _lt("Direct Year End Costing"),
}


class ExactGlAccount(models.Model):
    _name = 'exact.gl.account'
    _description = "Exact G/L Account"
    _inherit = ['exact.master.mixin']

    _rule_fields = (
        'active', 'is_blocked', 'gl_type', 'use_cost_center', 'use_cost_unit',
    )

    gl_type = fields.Integer(string="Type Code", aggregator=None, readonly=True)
    type_name = fields.Char(string="Type", compute='_compute_type_name')
    balance_type = fields.Selection([('B', "Balance Sheet"), ('W', "Profit & Loss")], readonly=True)
    balance_side = fields.Selection([('D', "Debit"), ('C', "Credit")], readonly=True)
    is_blocked = fields.Boolean(string="Blocked", readonly=True)
    use_cost_center = fields.Selection(
        [('0', "Optional"), ('1', "Mandatory"), ('2', "Not Allowed")],
        string="Cost Centre", readonly=True,
    )
    use_cost_unit = fields.Selection(
        [('0', "Optional"), ('1', "Mandatory"), ('2', "Not Allowed")],
        string="Cost Unit", readonly=True,
    )
    default_vat_code = fields.Char(string="Default VAT Code", readonly=True)

    @api.depends('gl_type')
    @api.depends_context('lang')
    def _compute_type_name(self):
        # The names are lazy texts: this gives them in the reader's language
        translate = self.env._
        for account in self:
            label = GL_TYPES.get(account.gl_type)
            account.type_name = translate(label) if label else str(account.gl_type or '')
