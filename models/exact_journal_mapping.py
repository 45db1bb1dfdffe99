from odoo import fields, models


class ExactJournalMapping(models.Model):
    _name = 'exact.journal.mapping'
    _description = "Exact Journal Mapping"
    _inherit = ['exact.mapping.mixin']

    journal_id = fields.Many2one('account.journal', ondelete='cascade')
    exact_journal_id = fields.Many2one('exact.journal', ondelete='restrict')
