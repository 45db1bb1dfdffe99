from decimal import Decimal

from odoo import api, fields, models

from ...booking import Condition


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
    discount_type = fields.Selection(
        [('B', "Settlement Discount"), ('K', "Credit Surcharge")], readonly=True,
    )
    share = fields.Float(
        string="Of the Total", digits=(16, 4), aggregator=None, readonly=True, default=100,
        help="The part of the total that the condition is for, in percent.",
    )

    @api.private
    def as_facts(self):
        """The condition as the plain facts that `booking` knows.

        :rtype: booking.Condition
        """
        self.ensure_one()
        return Condition(
            days=self.payment_days,
            end_of_months=self.payment_end_of_months,
            discount_days=self.discount_days,
            discount_percentage=Decimal(f'{self.discount_percentage:.6f}').normalize() / 100,
            is_surcharge=self.discount_type == 'K',
            share=Decimal(f'{self.share:.4f}').normalize() / 100,
        )
