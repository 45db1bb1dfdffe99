from odoo import fields, models


class ExactCall(models.Model):
    """What Exact last said of the call budget of a division."""

    _name = 'exact.call'
    _description = "Exact Call Budget"

    division_id = fields.Many2one('exact.division', required=True, ondelete='cascade', index=True)
    company_id = fields.Many2one(related='division_id.company_id', store=True)
