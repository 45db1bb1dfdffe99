from odoo import fields, models


class ExactAnalyticMapping(models.Model):
    _name = 'exact.analytic.mapping'
    _description = "Exact Analytic Mapping"
    _inherit = ['exact.mapping.mixin']

    analytic_account_id = fields.Many2one('account.analytic.account', ondelete='cascade')
    cost_center_id = fields.Many2one('exact.cost.center', ondelete='restrict')
    cost_unit_id = fields.Many2one('exact.cost.unit', ondelete='restrict')
    project_id = fields.Many2one('exact.project', ondelete='restrict')
