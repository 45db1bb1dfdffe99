from odoo import Command, api, fields, models

from ...booking.party import party


def identity_keys(country, vat_number, chamber_of_commerce):
    """What a relation is found by, from what Exact says of it.

    :return: values of `vat_key` and `chamber_key`; False for what identifies nobody.
    """
    known = party(country=country, vat=vat_number, chamber=chamber_of_commerce)
    return {
        'vat_key': known.vat.key if known.vat else False,
        'chamber_key': known.chamber or False,
    }


def number_label(env, name):
    """What is known of a party, as a person calls it."""
    labels = {
        'name': env._("name"),
        'street': env._("street"),
        'street2': env._("second line of the street"),
        'postcode': env._("postcode"),
        'city': env._("city"),
        'email': env._("e-mail address"),
        'phone': env._("phone number"),
        'website': env._("website"),
        'vat': env._("VAT number"),
        'chamber_of_commerce': env._("chamber of commerce number"),
        'iban': env._("bank account"),
    }
    return labels.get(name, name)


class ExactRelation(models.Model):
    """Exact calls it Account: a customer, a supplier or both."""

    _name = 'exact.relation'
    _description = "Exact Relation"
    _inherit = ['exact.master.mixin']
    _rec_names_search = ['code', 'name', 'vat_number']

    _rule_fields = (
        'active', 'is_blocked', 'status', 'is_supplier', 'gl_receivable_guid', 'gl_payable_guid',
    )

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
    parted_partner_ids = fields.Many2many(
        'res.partner', 'exact_relation_parted_partner_rel', string="Parted From", readonly=True,
        help="Partners that somebody has unlinked from this relation: none is linked to it again "
             "but by hand.",
    )

    @api.depends('status')
    def _compute_is_customer(self):
        for relation in self:
            relation.is_customer = relation.status == 'C'

    @api.private
    def part_from(self, partner):
        """Somebody took the link with a partner away: it does not come back by itself."""
        # sudo: relations are the mirror's, this is ours.
        self.sudo().parted_partner_ids = [Command.link(partner.id)]

    @api.private
    def join_with(self, partner):
        """A partner is linked again."""
        relations_sudo = self.sudo()
        if partner in relations_sudo.parted_partner_ids:
            relations_sudo.parted_partner_ids = [Command.unlink(partner.id)]

    @api.private
    def party(self, accounts=()):
        """Who it is, in the terms of the one rule for that.

        :param accounts: its bank accounts, where they matter.
        :rtype: booking.party.Party
        """
        self.ensure_one()
        return party(
            country=self.country_code, vat=self.vat_key, chamber=self.chamber_key,
            accounts=accounts, name=self.name,
        )


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
