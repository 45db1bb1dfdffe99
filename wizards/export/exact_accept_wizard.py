from odoo import api, fields, models
from odoo.exceptions import UserError

from ...models.work.exact_finding_text import EINVOICE_CODES


class ExactAcceptWizard(models.TransientModel):
    """Why a bill is booked although it differs from the e-invoice that it came with."""

    _name = 'exact.accept.wizard'
    _description = "Accept What Differs from the E-Invoice"
    _inherit = ['exact.visible.mixin']

    export_id = fields.Many2one('exact.export', required=True, readonly=True)
    message = fields.Text(compute='_compute_message')
    reason = fields.Text(required=True)

    @api.constrains('export_id')
    def _check_visible(self):
        """An id that is made up must not show the name of what the person may not see."""
        # Odoo checks with sudo; this is about the person
        self.sudo(False).export_id.check_access('read')

    @api.depends('export_id')
    @api.depends_context('lang')
    def _compute_message(self):
        for wizard in self:
            wizard.message = "\n".join(wizard._findings().mapped('message'))

    def _findings(self):
        return self.export_id.finding_ids.filtered(
            lambda finding: finding.severity == 'blocks' and finding.code in EINVOICE_CODES,
        )

    def action_accept(self):
        """Keep who accepts the difference and why; the bill is checked and sent again."""
        self.ensure_one()
        if not self._findings():
            raise UserError(self.env._(
                "There is nothing left to accept: the bill is its e-invoice.",
            ))
        self.export_id.move_id.action_exact_accept_difference(self.reason)
        return {'type': 'ir.actions.act_window_close'}
