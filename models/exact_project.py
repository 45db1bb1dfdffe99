from odoo import fields, models


class ExactProject(models.Model):
    _name = 'exact.project'
    _description = "Exact Project"
    _inherit = ['exact.master.mixin']

    project_type = fields.Integer(string="Type Code", readonly=True)
    end_date = fields.Date(readonly=True)
