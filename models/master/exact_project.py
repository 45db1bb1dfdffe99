from odoo import fields, models


class ExactProject(models.Model):
    _name = 'exact.project'
    _description = "Exact Project"
    _inherit = ['exact.master.mixin']

    project_type = fields.Selection(
        [
            ('1', "Campaign"), ('2', "Fixed Price"), ('3', "Time and Material"),
            ('4', "Non Billable"), ('5', "Prepaid"),
        ],
        string="Type", readonly=True,
    )
    start_date = fields.Date(readonly=True)
    end_date = fields.Date(readonly=True)
    relation_guid = fields.Char(string="Relation ID", readonly=True)
