"""What people do with documents: export, undo, retry, link, and go to what is to be mended."""


from odoo import api, models
from odoo.exceptions import UserError

from ..export.exact_export import BOOKED_STATES, ENDED_STATES


class AccountMove(models.Model):
    _inherit = 'account.move'

    def _exact_refusals(self):
        """Why documents cannot be exported at all, before anything is queued.

        :return: {sentence: moves}
        """
        divisions = self.env['exact.division'].sudo().with_context(active_test=False).search([
            ('company_id', 'in', self.company_id.ids),
        ])
        linked = divisions.company_id
        refusals = {}
        unlinked = self.filtered(lambda move: move.company_id not in linked)
        if unlinked:
            refusals[self.env._("no Exact administration is linked to the company")] = unlinked
        for division in divisions.filtered(lambda division: not division.active):
            archived = self.filtered(
                lambda move, company=division.company_id: move.company_id == company,
            )
            unlinked |= archived
            refusals[self.env._(
                "the administration %s is archived in Odoo", division.display_name,
            )] = archived
        drafts = (self - unlinked).filtered(lambda move: move.state == 'draft')
        if drafts:
            refusals[self.env._("only posted documents are exported")] = drafts
        cancelled = (self - unlinked).filtered(lambda move: move.state == 'cancel')
        if cancelled:
            refusals[self.env._("the document is cancelled")] = cancelled
        return refusals

    def action_exact_export(self):
        """Ask for these documents to be booked in Exact, and say at once what was asked.

        :return: a notification; the worker does the rest.
        """
        self.env['exact.export'].browse().check_may_act()
        self.check_access('write')
        refusals = self._exact_refusals()
        rest = self
        for moves in refusals.values():
            rest -= moves
        living = self.env['exact.export'].sudo().search([
            ('move_id', 'in', rest.ids),
            ('state', 'in', ['sent', 'verified', 'changed', 'sending', 'uncertain']),
        ]).move_id
        if living:
            refusals[self.env._("already exported, or on the way")] = living.sudo(False)
        due = rest - living.sudo(False)
        if due:
            self.env['exact.export'].propose(due)
        elif not self:
            raise UserError(self.env._("Select the documents to export first."))
        parts = []
        if due:
            parts.append(
                self.env._("%s documents wait to be booked in Exact.", len(due))
                if len(due) > 1 else self.env._("%s waits to be booked in Exact.", due.name),
            )
        for sentence, moves in refusals.items():
            names = ", ".join((move.name or self.env._("Draft")) for move in moves[:3])
            if len(moves) > 3:
                names = self.env._(
                    "%(names)s and %(count)s more", names=names, count=len(moves) - 3,
                )
            parts.append(self.env._(
                "Not exported: %(names)s (%(why)s).", names=names, why=sentence,
            ))
        return {
            'type': 'ir.actions.client',
            'tag': 'display_notification',
            'params': {
                'type': 'success' if due else 'warning',
                'title': self.env._("Export to Exact"),
                'message': " ".join(parts),
                'sticky': bool(refusals),
                'next': {'type': 'ir.actions.client', 'tag': 'soft_reload'},
            },
        }

    def _exact_living_exports(self):
        return self.env['exact.export'].sudo().search([
            ('move_id', 'in', self.ids), ('state', 'not in', ENDED_STATES),
        ]).sudo(False)

    def action_exact_undo(self):
        """Take these documents out of Exact again."""
        self.check_access('write')
        exports = self._exact_living_exports()
        if not exports:
            raise UserError(self.env._("None of these documents is in Exact."))
        exports.action_undo()
        return self._exact_reload(self.env._("The entry is being taken out of Exact."))

    def action_exact_reverse(self):
        self._exact_living_exports().action_reverse()
        return self._exact_reload(self.env._("The entry is being reversed in Exact."))

    def action_exact_update(self):
        self._exact_living_exports().action_update()
        return self._exact_reload(self.env._("The entry is being updated in Exact."))

    def action_exact_create_new(self):
        return self.exact_export_id.action_create_new()

    def action_exact_retry(self):
        self._exact_living_exports().action_retry()
        return self._exact_reload(self.env._("The document is checked and sent again."))

    def action_exact_keep_both(self):
        """Say that what seems to be this document once more, in Odoo or in Exact, is another."""
        self._exact_living_exports().action_keep_both()
        return self._exact_reload(self.env._("Both are kept."))

    def action_exact_fix(self):
        self.ensure_one()
        return self.exact_export_id.action_fix()

    def action_exact_open(self):
        self.ensure_one()
        return self.exact_export_id.action_open_exact()

    def action_exact_open_export(self):
        self.ensure_one()
        self.exact_export_id.check_access('read')
        return {
            'type': 'ir.actions.act_window',
            'name': self.env._("Exact Export"),
            'res_model': 'exact.export',
            'res_id': self.exact_export_id.id,
            'view_mode': 'form',
            'views': [(False, 'form')],
        }

    def action_exact_link(self):
        """Look which of these documents Exact has already, and show them before they are linked."""
        self.env['exact.export'].browse().check_may_act()
        self.check_access('write')
        # sudo: whether a document has an entry is shown to everyone who sees the document.
        booked = self.env['exact.export'].sudo().search([
            ('move_id', 'in', self.ids),
            ('state', 'in', ['sent', 'verified', 'changed', 'sending', 'uncertain']),
        ]).move_id
        moves = self.filtered(lambda move: move.state == 'posted') - booked.sudo(False)
        if not moves:
            raise UserError(self.env._(
                "Choose posted documents that have not been exported to Exact yet.",
            ))
        wizard = self.env['exact.link.wizard'].look_for(moves)
        return {
            'type': 'ir.actions.act_window',
            'name': self.env._("Link to Entries in Exact"),
            'res_model': 'exact.link.wizard',
            'res_id': wizard.id,
            'view_mode': 'form',
            'views': [(False, 'form')],
            'target': 'new',
            'context': {'dialog_size': 'extra-large'},
        }

    def action_exact_undo_wizard(self):
        """What will happen to each of these documents, before it does."""
        self.check_access('write')
        return {
            **self.env['ir.actions.actions']._for_xml_id('account_exact.exact_undo_wizard_action'),
            'context': {'exact_move_ids': self.ids},
        }

    def action_exact_adjust(self):
        """Choose relation, journal, ledgers and VAT codes for this export alone."""
        self.ensure_one()
        self.check_access('write')
        return {
            **self.env['ir.actions.actions']._for_xml_id(
                'account_exact.exact_export_document_wizard_action',
            ),
            'context': {'default_move_id': self.id},
        }

    def action_exact_refresh(self):
        """Look again: the page shows what the worker has done meanwhile; and of what is booked,
        Exact is asked in the background whether somebody changed it there."""
        if self.env.user.has_group('account.group_account_invoice'):
            # sudo: people need no right on the administration of a document that they may see.
            self.sudo().exact_export_id.filtered(
                lambda export: export.state in BOOKED_STATES,
            ).division_id.look_soon()
        return {'type': 'ir.actions.client', 'tag': 'soft_reload'}

    @api.model
    def _exact_reload(self, message):
        return {
            'type': 'ir.actions.client',
            'tag': 'display_notification',
            'params': {
                'type': 'info', 'message': message,
                'next': {'type': 'ir.actions.client', 'tag': 'soft_reload'},
            },
        }
