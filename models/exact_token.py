from odoo import fields, models


class ExactToken(models.Model):
    _name = 'exact.token'
    _description = "Exact Token"

    connection_id = fields.Many2one('exact.connection', required=True, ondelete='cascade')
