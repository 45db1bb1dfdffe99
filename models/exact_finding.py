from odoo import fields, models


class ExactFinding(models.Model):
    _name = 'exact.finding'
    _description = "Exact Finding"

    export_id = fields.Many2one('exact.export', ondelete='cascade', index=True)
    company_id = fields.Many2one(related='export_id.company_id', store=True)
