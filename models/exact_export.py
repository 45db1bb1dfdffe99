from odoo import fields, models


class ExactExport(models.Model):
    _name = 'exact.export'
    _description = "Exact Export"

    move_id = fields.Many2one('account.move', ondelete='restrict', index=True)
    division_id = fields.Many2one('exact.division', required=True, ondelete='restrict', index=True)
    company_id = fields.Many2one(related='division_id.company_id', store=True)


class ExactExportLine(models.Model):
    _name = 'exact.export.line'
    _description = "Exact Export Line"

    export_id = fields.Many2one('exact.export', required=True, ondelete='cascade', index=True)
    company_id = fields.Many2one(related='export_id.company_id', store=True)


class ExactExportAttempt(models.Model):
    _name = 'exact.export.attempt'
    _description = "Exact Export Attempt"

    export_id = fields.Many2one('exact.export', required=True, ondelete='cascade', index=True)
    company_id = fields.Many2one(related='export_id.company_id', store=True)
