import datetime as dt
from decimal import Decimal

from odoo import api, fields, models

from ...booking.vat import Rate, VatCode


class ExactVatCode(models.Model):
    _name = 'exact.vat.code'
    _description = "Exact VAT Code"
    _inherit = ['exact.master.mixin']

    _rule_fields = (
        'active', 'is_blocked', 'vat_type', 'transaction_type', 'percentage', 'percentages',
        'charged',
    )

    vat_type = fields.Selection(
        [('E', "Excluding"), ('I', "Including"), ('B', "Base Only (0%)"), ('N', "No VAT")],
        string="Type", readonly=True,
    )
    transaction_type = fields.Selection(
        [('B', "Both"), ('P', "Purchase"), ('S', "Sales")], string="Used In", readonly=True,
    )
    percentage = fields.Float(
        string="Percentage", digits=(16, 4), aggregator=None, readonly=True,
        help="Valid today, in percent.",
    )
    percentages = fields.Json(
        readonly=True,
        help="The percentage of each time: [first day or null, last day or null, percentage].",
    )
    charged = fields.Boolean(string="Reverse Charge", readonly=True)
    eu_sales_listing = fields.Selection(
        [('L', "Goods"), ('N', "No Listing"), ('S', "Services"), ('T', "Triangulation")],
        string="EU Sales Listing", readonly=True,
    )
    oss_country = fields.Char(string="One-Stop-Shop Country", readonly=True)
    is_blocked = fields.Boolean(string="Blocked", readonly=True)

    @api.private
    def as_facts(self):
        """The code as the plain facts that `booking` knows, with the percentages of all times.

        :rtype: booking.VatCode
        """
        self.ensure_one()
        return VatCode(
            code=self.code or '',
            percentage=_fraction(self.percentage),
            vat_type=self.vat_type or 'N',
            charged=self.charged,
            transaction_type=self.transaction_type or 'B',
            blocked=self.is_blocked or not self.active,
            eu_listing=self.eu_sales_listing or 'N',
            name=self.name or '',
            rates=tuple(
                Rate(_day(start), _day(end), _fraction(percentage))
                for start, end, percentage in self.percentages or ()
            ),
        )


def _fraction(percentage):
    """Percent as a fraction, without the noise of a float."""
    return (Decimal(f'{percentage:.6f}') / 100).normalize() + 0


def _day(text):
    return dt.date.fromisoformat(text) if text else None
