from odoo import fields, models


class ExactPeriod(models.Model):
    """A reporting period; years may be broken, so it is never the month."""

    _name = 'exact.period'
    _description = "Exact Period"
    _inherit = ['exact.master.mixin']
    _order = 'start_date desc, id'

    year = fields.Integer(aggregator=None, readonly=True)
    number = fields.Integer(string="Period", aggregator=None, readonly=True)
    start_date = fields.Date(readonly=True)
    end_date = fields.Date(readonly=True)


class ExactJournalPeriod(models.Model):
    """Whether a journal is closed in a period (Exact's JournalStatusList)."""

    _name = 'exact.journal.period'
    _description = "Exact Journal Period"
    _inherit = ['exact.master.mixin']
    _order = 'year desc, period desc, journal_code'

    _rule_fields = ('active', 'is_closed')

    journal_code = fields.Char(readonly=True)
    year = fields.Integer(aggregator=None, readonly=True)
    period = fields.Integer(aggregator=None, readonly=True)
    is_closed = fields.Boolean(string="Closed", readonly=True)
