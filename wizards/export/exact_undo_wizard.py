from odoo import api, fields, models
from odoo.exceptions import UserError

from ...models.export.exact_export import BOOKED_STATES, UNSENT_STATES

# What the button does something about.
_DONE_BY_UNDO = ('delete', 'let_go', 'withdraw')


class ExactUndoWizard(models.TransientModel):
    """What will happen to each document before anything is taken out of Exact."""

    _name = 'exact.undo.wizard'
    _description = "Undo in Exact"
    _inherit = ['exact.visible.mixin']

    line_ids = fields.One2many('exact.undo.wizard.line', 'wizard_id')
    reverse = fields.Boolean(
        string="Reverse Instead of Delete",
        help="Book the opposite in an open period. For entries that Exact has processed.",
    )
    undo_count = fields.Integer(compute='_compute_undo_count')

    @api.depends('line_ids.will')
    def _compute_undo_count(self):
        for wizard in self:
            wizard.undo_count = len(wizard.line_ids.filtered(
                lambda line: line.will in _DONE_BY_UNDO,
            ))

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        ids = self.env.context.get('exact_move_ids') or self.env.context.get('active_ids') or []
        moves = self.env['account.move'].browse(ids)
        moves.check_access('read')
        # sudo: people read the state of their documents' exports.
        living = {
            export.move_id.id: export
            for export in moves._exact_living_exports().sudo()
        }
        values['line_ids'] = []
        for move in moves:
            export = living.get(move.id)
            will = 'nothing'
            if export and export.state in BOOKED_STATES:
                will = 'let_go' if export.is_linked else 'delete'
            elif export and export.state in UNSENT_STATES:
                will = 'withdraw'
            elif export:
                will = 'wait'
            values['line_ids'].append((0, 0, {
                'move_id': move.id,
                'export_id': export.id if export else False,
                'will': will,
            }))
        return values

    def action_undo(self):
        """Ask for it; the list that opens shows the result per document."""
        self.ensure_one()
        will = {
            key: self.line_ids.filtered(lambda line, key=key: line.will == key).export_id
            for key in _DONE_BY_UNDO
        }
        exports = self.env['exact.export'].union(*will.values())
        if not exports:
            raise UserError(self.env._("None of these documents can be taken out of Exact now."))
        exports.check_may_undo()
        # What was sent since this was shown is not deleted as if that had been chosen.
        if will['withdraw']:
            will['withdraw'].action_withdraw()
        if self.reverse and will['delete']:
            will['delete'].action_reverse()
            will['delete'] = will['delete'].browse()
        if will['delete'] or will['let_go']:
            (will['delete'] | will['let_go']).action_undo()
        action = self.env['ir.actions.actions']._for_xml_id('account_exact.exact_export_action')
        action['domain'] = [('id', 'in', exports.ids)]
        action['context'] = {}
        if len(self.line_ids) == 1:
            return {'type': 'ir.actions.act_window_close'}
        return action


class ExactUndoWizardLine(models.TransientModel):
    _name = 'exact.undo.wizard.line'
    _description = "Undo in Exact: Document"
    _inherit = ['exact.visible.mixin']

    wizard_id = fields.Many2one('exact.undo.wizard', required=True, ondelete='cascade')
    move_id = fields.Many2one('account.move', string="Document", readonly=True)
    export_id = fields.Many2one('exact.export', readonly=True)
    entry_number = fields.Char(
        related='export_id.entry_number_text', related_sudo=False, string="Exact Entry",
    )
    partner_id = fields.Many2one(
        related='move_id.commercial_partner_id', related_sudo=False, string="Partner",
    )
    currency_id = fields.Many2one(related='move_id.currency_id', related_sudo=False)
    amount_total = fields.Monetary(related='move_id.amount_total', related_sudo=False)
    will = fields.Selection(
        [
            ('delete', "Entry and document are deleted in Exact"),
            ('let_go', "Is unlinked; the entry stays in Exact"),
            ('withdraw', "Leaves the queue; nothing was sent"),
            ('wait', "Is being sent just now; try again in a minute"),
            ('nothing', "Nothing; it is not in Exact"),
        ],
        string="What Will Happen", readonly=True,
    )

    @api.constrains('move_id', 'export_id')
    def _check_visible(self):
        """An id that is made up must not show the name of what the person may not see."""
        # Odoo checks with sudo; this is about the person
        self.sudo(False).move_id.check_access('read')
        self.sudo(False).export_id.check_access('read')
