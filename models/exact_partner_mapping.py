from odoo import fields, models


class ExactPartnerMapping(models.Model):
    _name = 'exact.partner.mapping'
    _description = "Exact Relation Mapping"
    _inherit = ['exact.mapping.mixin']

    partner_id = fields.Many2one('res.partner', ondelete='cascade')
    relation_id = fields.Many2one('exact.relation', ondelete='restrict')
