from odoo import fields, models


class ExactTaxMapping(models.Model):
    _name = 'exact.tax.mapping'
    _description = "Exact VAT Mapping"
    _inherit = ['exact.mapping.mixin']

    tax_id = fields.Many2one('account.tax', ondelete='cascade')
    vat_code_id = fields.Many2one('exact.vat.code', ondelete='restrict')
