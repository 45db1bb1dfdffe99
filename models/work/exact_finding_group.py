"""Findings of many documents, taken together by what has to be mended."""

from odoo import fields, models
from odoo.tools import SQL

from .exact_finding_text import (
    FIXERS,
)


class ExactFindingGroup(models.Model):
    """What documents wait for, each cause once: what a bookkeeper has to do, and for how many."""

    _name = 'exact.finding.group'
    _description = "Exact: To Fix"
    _auto = False
    _order = 'document_count desc, id'
    _rec_name = 'message'

    finding_id = fields.Many2one('exact.finding', readonly=True)
    division_id = fields.Many2one('exact.division', string="Administration", readonly=True)
    company_id = fields.Many2one('res.company', readonly=True)
    code = fields.Char(readonly=True)
    cause = fields.Char(readonly=True)
    fixed_by = fields.Selection(FIXERS, string="Who Can Fix It", readonly=True)
    document_count = fields.Integer(string="Documents", readonly=True)
    since = fields.Datetime(string="Waiting Since", readonly=True)
    message = fields.Text(string="What Is to Be Fixed", related='finding_id.message')
    button_label = fields.Char(related='finding_id.button_label')

    @property
    def _table_query(self):
        self.env['exact.finding'].flush_model()
        self.env['exact.export'].flush_model(['display_state'])
        return SQL(
            """
            SELECT MIN(finding.id) AS id, MIN(finding.id) AS finding_id,
                   finding.division_id, finding.company_id, finding.code, finding.cause,
                   MIN(finding.fixed_by) AS fixed_by, MIN(export.create_date) AS since,
                   COUNT(DISTINCT finding.export_id) AS document_count
              FROM exact_finding finding
              JOIN exact_export export ON export.id = finding.export_id
             WHERE finding.severity = 'blocks' AND export.display_state = 'blocked'
          GROUP BY finding.division_id, finding.company_id, finding.code, finding.cause
            """,
        )

    def action_fix(self):
        """Go to what is to be fixed; without a record that mends all, to the documents."""
        self.ensure_one()
        finding = self.finding_id
        if self.document_count > 1 and finding.res_model in (False, 'account.move'):
            return self.action_open_documents()
        return finding.action_fix()

    def action_retry(self):
        """Check and send again all that waits for these, as far as the person may."""
        return self.finding_id.action_retry()

    def action_open_documents(self):
        """The documents that wait for this."""
        exports = self.finding_id.waiting_for_the_same()
        return {
            'type': 'ir.actions.act_window',
            'name': self.env._("Waiting Documents"),
            'res_model': 'exact.export',
            'view_mode': 'list,form',
            'views': [(False, 'list'), (False, 'form')],
            'domain': [('id', 'in', exports.ids)],
        }
