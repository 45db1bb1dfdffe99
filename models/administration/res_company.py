from odoo import api, fields, models


class ResCompany(models.Model):
    _inherit = 'res.company'

    exact_division_ids = fields.One2many(
        'exact.division', 'company_id', string="Exact Administrations",
        groups='account.group_account_invoice,account.group_account_readonly',
    )
    exact_division_id = fields.Many2one(
        'exact.division', string="Exact Administration", compute='_compute_exact_division_id',
        compute_sudo=True,
        groups='account.group_account_invoice,account.group_account_readonly',
        help="The administration where the documents of this company are booked.",
    )

    @api.depends('exact_division_ids.active')
    def _compute_exact_division_id(self):
        for company in self:
            company.exact_division_id = company.exact_division_ids[:1]
