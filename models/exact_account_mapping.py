from odoo import fields, models


class ExactAccountMapping(models.Model):
    _name = 'exact.account.mapping'
    _description = "Exact Ledger Mapping"
    _inherit = ['exact.mapping.mixin']

    account_id = fields.Many2one('account.account', ondelete='cascade')
    product_tmpl_id = fields.Many2one('product.template', ondelete='cascade')
    product_category_id = fields.Many2one('product.category', ondelete='cascade')
    gl_account_id = fields.Many2one('exact.gl.account', ondelete='restrict')
