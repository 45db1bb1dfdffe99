from odoo import fields, models


class ExactProject(models.Model):
    _name = 'exact.project'
    _description = "Exact Project"
    _inherit = ['exact.master.mixin']

    project_type = fields.Integer(string="Type Code", readonly=True)
    start_date = fields.Date(readonly=True)
    end_date = fields.Date(readonly=True)
    relation_guid = fields.Char(string="Relation ID", readonly=True)
