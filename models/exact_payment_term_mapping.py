from odoo import fields, models


class ExactPaymentTermMapping(models.Model):
    _name = 'exact.payment.term.mapping'
    _description = "Exact Payment Term Mapping"
    _inherit = ['exact.mapping.mixin']

    payment_term_id = fields.Many2one('account.payment.term', ondelete='cascade')
    payment_condition_id = fields.Many2one('exact.payment.condition', ondelete='restrict')
