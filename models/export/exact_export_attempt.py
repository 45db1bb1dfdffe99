from odoo import api, fields, models

from ..base.exact_note import told


class ExactExportAttempt(models.Model):
    """One thing that was done to get a document into Exact or out of it, and what came of it."""

    _name = 'exact.export.attempt'
    _description = "Exact Export Attempt"
    _log_access = False
    _order = 'id desc'

    export_id = fields.Many2one(
        'exact.export', required=True, ondelete='cascade', index=True, readonly=True,
    )
    company_id = fields.Many2one(
        related='export_id.company_id', store=True, precompute=True,
    )
    date = fields.Datetime(default=fields.Datetime.now, required=True, readonly=True)
    action = fields.Selection(
        [
            ('check', "Check"), ('relation', "Relation"), ('document', "Document"),
            ('entry', "Entry"), ('look_up', "Look Up"), ('verify', "Read Back"),
            ('update', "Update"), ('undo', "Undo"), ('reverse', "Reverse"),
        ],
        required=True, readonly=True,
    )
    outcome = fields.Selection(
        [('done', "Done"), ('refused', "Refused"), ('unknown', "No Answer"), ('later', "Later")],
        required=True, readonly=True,
    )
    note = fields.Json(readonly=True, help="What is to be told, see exact_note.")
    message = fields.Text(compute='_compute_message')

    @api.depends('note')
    @api.depends_context('lang', 'tz')
    def _compute_message(self):
        for attempt in self:
            attempt.message = told(self.env, attempt.note)
