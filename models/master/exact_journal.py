from odoo import fields, models


class ExactJournal(models.Model):
    _name = 'exact.journal'
    _description = "Exact Journal"
    _inherit = ['exact.master.mixin']

    _rule_fields = (
        'active', 'is_blocked', 'journal_type', 'currency_code', 'allow_vat',
        'allow_variable_currency', 'allow_variable_exchange_rate',
    )

    journal_type = fields.Selection(
        [
            ('10', "Cash"), ('12', "Bank"), ('16', "Payment Service"), ('20', "Sales"),
            ('21', "Return Invoice"), ('22', "Purchase"), ('23', "Received Return Invoice"),
            ('90', "General Journal"),
        ],
        string="Type", readonly=True,
    )
    currency_code = fields.Char(string="Currency", readonly=True)
    allow_vat = fields.Boolean(string="VAT Allowed", readonly=True)
    allow_variable_currency = fields.Boolean(string="Other Currencies Allowed", readonly=True)
    allow_variable_exchange_rate = fields.Boolean(string="Other Rates Allowed", readonly=True)
    is_blocked = fields.Boolean(string="Blocked", readonly=True)
    gl_account_guid = fields.Char(string="G/L Account ID", readonly=True)
