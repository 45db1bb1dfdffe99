from odoo import fields, models


class ExactPaymentCondition(models.Model):
    _name = 'exact.payment.condition'
    _description = "Exact Payment Condition"
    _inherit = ['exact.master.mixin']

    payment_days = fields.Integer(aggregator=None, readonly=True)
    payment_end_of_months = fields.Integer(
        string="End of Months", aggregator=None, readonly=True,
    )
    payment_method = fields.Selection(
        [('B', "On Credit"), ('I', "Collection"), ('K', "Cash"), ('Q', "PSP Collection")],
        readonly=True,
    )
    discount_days = fields.Integer(aggregator=None, readonly=True)
    discount_percentage = fields.Float(digits=(16, 4), aggregator=None, readonly=True)
