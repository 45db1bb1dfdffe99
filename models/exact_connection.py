from odoo import fields, models


class ExactConnection(models.Model):
    _name = 'exact.connection'
    _description = "Exact Connection"
    _inherit = ['mail.thread', 'mail.activity.mixin']

    name = fields.Char(required=True)
    company_id = fields.Many2one('res.company', required=True, default=lambda self: self.env.company)
    division_ids = fields.One2many('exact.division', 'connection_id', string="Divisions")
