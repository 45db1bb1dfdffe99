from odoo import fields, models


class ExactVatCode(models.Model):
    _name = 'exact.vat.code'
    _description = "Exact VAT Code"
    _inherit = ['exact.master.mixin']

    _rule_fields = (
        'active', 'is_blocked', 'vat_type', 'transaction_type', 'percentage', 'charged',
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

    def _percentage_on(self, date):
        """The percentage that the code has on a day.

        :return: percent, 21.0 for 21 %; that of today where Exact tells no history.
        """
        self.ensure_one()
        day = date.isoformat()
        for start, end, percentage in self.percentages or ():
            if (not start or start <= day) and (not end or day <= end):
                return percentage
        return self.percentage
