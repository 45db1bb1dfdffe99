from odoo import fields, models


class ExactCursor(models.Model):
    """How far the mirror of one resource of a division has come."""

    _name = 'exact.cursor'
    _description = "Exact Synchronisation"

    division_id = fields.Many2one('exact.division', required=True, ondelete='cascade', index=True)
    company_id = fields.Many2one(related='division_id.company_id', store=True)
    resource = fields.Char(required=True)
