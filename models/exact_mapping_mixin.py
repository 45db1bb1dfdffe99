from odoo import fields, models


class ExactMappingMixin(models.AbstractModel):
    _name = 'exact.mapping.mixin'
    _description = "Exact Mapping"
    _inherit = ['mail.thread']

    division_id = fields.Many2one('exact.division', required=True, ondelete='cascade', index=True)
    company_id = fields.Many2one(related='division_id.company_id', store=True, index=True)
