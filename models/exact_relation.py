from odoo import api, fields, models


class ExactRelation(models.Model):
    """Exact calls it Account: a customer, a supplier or both."""

    _name = 'exact.relation'
    _description = "Exact Relation"
    _inherit = ['exact.master.mixin']
    _rec_names_search = ['code', 'name', 'vat_number']

    _rule_fields = ('active', 'is_blocked', 'status', 'is_supplier')

    name = fields.Char(string="Name")
    status = fields.Selection(
        [('A', "None"), ('S', "Suspect"), ('P', "Prospect"), ('C', "Customer")], readonly=True,
    )
    is_customer = fields.Boolean(
        string="Customer", compute='_compute_is_customer', store=True, precompute=True,
    )
    is_supplier = fields.Boolean(string="Supplier", readonly=True)
    vat_number = fields.Char(string="VAT Number", readonly=True)
    vat_key = fields.Char(index='btree_not_null', readonly=True)
    chamber_of_commerce = fields.Char(
        string="Chamber of Commerce", index='btree_not_null', readonly=True,
    )
    chamber_key = fields.Char(index='btree_not_null', readonly=True)
    country_code = fields.Char(string="Country", readonly=True)
    email = fields.Char(readonly=True)
    street = fields.Char(readonly=True)
    zip = fields.Char(string="Postcode", readonly=True)
    city = fields.Char(readonly=True)
    end_date = fields.Date(string="Active Until", readonly=True)
    payment_condition_sale = fields.Char(string="Payment Condition (Sales)", readonly=True)
    payment_condition_purchase = fields.Char(string="Payment Condition (Purchase)", readonly=True)
    gl_receivable_guid = fields.Char(
        string="Receivable G/L Account ID", readonly=True,
        help="Exact refuses a journal with another receivable account than that of the relation.",
    )
    gl_payable_guid = fields.Char(string="Payable G/L Account ID", readonly=True)
    is_blocked = fields.Boolean(string="Blocked", readonly=True)
    bank_ids = fields.One2many(
        'exact.relation.bank', 'relation_id', string="Bank Accounts", readonly=True,
    )

    @api.depends('status')
    def _compute_is_customer(self):
        for relation in self:
            relation.is_customer = relation.status == 'C'


class ExactRelationBank(models.Model):
    _name = 'exact.relation.bank'
    _description = "Exact Relation Bank Account"
    _inherit = ['exact.master.mixin']

    relation_id = fields.Many2one('exact.relation', index=True, ondelete='cascade', readonly=True)
    relation_guid = fields.Char(string="Relation ID", index=True, readonly=True)
    iban = fields.Char(string="Bank Account", readonly=True)
    iban_key = fields.Char(index='btree_not_null', readonly=True)
    bic = fields.Char(string="BIC", readonly=True)
    is_blocked = fields.Boolean(string="Blocked", readonly=True)
    is_main = fields.Boolean(string="Main", readonly=True)
