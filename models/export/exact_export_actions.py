"""What people ask of an export: retry, undo, reverse, update, book anew."""

from odoo import api, models
from odoo.exceptions import AccessError, UserError

from ...booking.status import ASKED_FOR
from .exact_export import BOOKED_STATES, REVERSE, UNSENT_STATES

# States in which an export waits for its next try.
WAITING_STATES = ('ready', 'uncertain', 'sent')


class ExactExport(models.Model):
    _inherit = 'exact.export'

    @api.private
    def check_may_act(self):
        """People who may book documents may export them, in their own companies.

        :raise AccessError: the person has not the right, or not the company.
        """
        if not self.env.su and not self.env.user.has_group('account.group_account_invoice'):
            raise AccessError(self.env._("You need the right to invoice to export to Exact."))
        self.check_access('read')
        self.move_id.check_access('write')

    def action_retry(self):
        """Check and send again what is blocked or was refused, and all that waits for the same;
        what waits for a moment has waited long enough.
        """
        self.check_may_act()
        # sudo: people read exports, only the engine writes them; rights were checked above.
        exports_sudo = self.env['exact.export.refusal'].with_the_same_cause(self).sudo().filtered(
            lambda export: export.state in ('blocked', 'refused')
            or (export.state == 'sent' and export.has_difference)
            or (
                export.next_try
                and (export.state in WAITING_STATES or export.pending_action in ASKED_FOR)
            )
            or (export.is_double and export.state in BOOKED_STATES)
        )
        again = exports_sudo.filtered(lambda export: export.state in ('blocked', 'refused'))
        again._go('check_anew', next_try=False)
        (exports_sudo - again).write({'has_difference': False, 'next_try': False})
        exports_sudo.env['exact.export.alike'].doubt_doubles([('id', 'in', exports_sudo.ids)])
        # A person who asks need not wait until the worker would try by itself.
        self.env['exact.export.queue'].sudo().search([
            ('division_id', 'in', exports_sudo.division_id.ids),
        ]).try_now()
        exports_sudo.division_id.rearm_fuses(
            exports_sudo.env['exact.export.send'].resources(exports_sudo),
        )
        exports_sudo.trigger_worker()
        return True

    def action_undo(self):
        """Take the entries out of Exact; what was not sent yet is simply withdrawn."""
        self.check_may_act()
        self.check_may_undo()
        exports_sudo = self.sudo()
        exports_sudo._unsent().withdraw()
        booked = exports_sudo.filtered(lambda export: export.state in BOOKED_STATES)
        # Exact is not asked for entries that it would keep: a reversal is offered instead.
        change_sudo = exports_sudo.env['exact.export.change']
        booked -= exports_sudo.env['exact.export.proof'].offer_reversal(booked.filtered(
            lambda export: not (
                export.operation(*REVERSE).unanswered() or change_sudo.is_being_taken_out(export)
            ),
        ))
        booked.write({'pending_action': 'undo', 'next_try': False})
        self.trigger_worker()

    def action_withdraw(self):
        """Take documents out of the queue that were not sent yet; no entry is deleted.

        :raise UserError: one was booked meanwhile.
        """
        self.check_may_act()
        self.check_may_undo()
        # sudo: people read exports, only the engine writes them; rights were checked above.
        exports_sudo = self.sudo()
        for export in exports_sudo.filtered(lambda export: export.state in BOOKED_STATES):
            raise UserError(self.env._(
                "%(document)s is booked in Exact by now, as entry %(number)s. Undo takes it out"
                " again.", document=export.name or export.move_id.display_name,
                number=export.entry_number or "?",
            ))
        exports_sudo._unsent().withdraw()

    def _unsent(self):
        return self.filtered(
            lambda export: export.state in UNSENT_STATES and not export.exact_guid,
        )

    @api.model
    @api.private
    def of_entries(self, guids):
        """The exports whose entries, or their reversals, these are."""
        guids = list(guids)
        return self.search([
            '|', ('exact_guid', 'in', guids), ('reversal_guid', 'in', guids),
        ])

    @api.private
    def check_may_undo(self):
        """One document is undone by those who export; many at once by administrators.

        :raise AccessError: many, and no administrator.
        :raise UserError: there is nothing that can be undone now.
        """
        if len(self) > 1 and not (
            self.env.su or self.env.user.has_group('account.group_account_manager')
        ):
            raise AccessError(self.env._(
                "Only accounting administrators undo several documents at once.",
            ))
        under_way = self.filtered(lambda export: export.state in ('sending', 'uncertain'))
        if under_way and under_way == self:
            raise UserError(self.env._(
                "%s is being sent to Exact just now. Try again in a few minutes.",
                under_way[0].display_name,
            ))

    @api.private
    def with_files(self):
        """Those of which Exact may have files. After an attempt, Exact may have a file whose id
        never came.
        """
        files = self.env['exact.export.files']
        return self.filtered(
            lambda export: export.document_guid or files.files_operations(export)
            or (export.attempt_count and export.division_id.send_documents)
        )

    @api.private
    def withdraw(self):
        """Take what has no entry yet out of the queue; a file that Exact has is deleted there."""
        sent_files = self.with_files()
        (self - sent_files)._go('undone', pending_action=False)
        if sent_files:
            sent_files._go('undone', pending_action='undo', next_try=False)
            self.trigger_worker()

    def action_reverse(self):
        """Book the opposite of an entry that Exact no longer lets go."""
        self.check_may_act()
        self.check_may_undo()
        exports_sudo = self._booked_sudo().filtered(
            lambda export: export.pending_action != 'undo',
        )
        exports_sudo._check_not_leaving(self)
        own = exports_sudo.filtered(lambda export: not export.is_linked)
        if not own:
            raise UserError(self.env._(
                "Entry %s was booked in Exact by somebody else. Reverse it there, or undo the"
                " link.", exports_sudo[0].entry_number,
            ))
        own.write({'pending_action': 'reverse', 'next_try': False})
        self.trigger_worker()

    def action_update(self):
        """Bring the entry in Exact in line with the document."""
        self.check_may_act()
        exports_sudo = self._booked_sudo().filtered(
            lambda export: export.pending_action not in ('undo', 'reverse'),
        )
        exports_sudo._check_not_leaving(self)
        own = exports_sudo.filtered(lambda export: not export.is_linked)
        if not own:
            raise UserError(self.env._(
                "Entry %s was booked in Exact by somebody else. Change it there, or undo the link.",
                exports_sudo[0].entry_number,
            ))
        own.write({'pending_action': 'update', 'next_try': False})
        self.trigger_worker()

    def _booked_sudo(self):
        """Those that have an entry in Exact.

        :raise UserError: there are none.
        """
        # sudo: people read exports, only the engine writes them; the caller checked their rights.
        booked_sudo = self.sudo().filtered(lambda export: export.state in BOOKED_STATES)
        if not booked_sudo:
            raise UserError(self.env._("None of these documents is booked in Exact."))
        return booked_sudo

    def _check_not_leaving(self, asked):
        """Refuse what a person asks for while another person takes the documents out of Exact.

        :param asked: exports that a person asks for; these here are left of them.
        :raise UserError: none is left.
        """
        if not self:
            raise UserError(self.env._(
                "%s is being taken out of Exact. Wait until that is done.", asked[:1].display_name,
            ))

    def action_create_new(self):
        """Leave the entry in Exact as it is and book the document as a new one."""
        self.check_may_act()
        # A draft cannot be booked once more, so its entry must not be given up.
        exports_sudo = self.sudo().filtered(
            lambda export: export.state in ('changed', 'deleted')
            and export.move_id.state == 'posted'
        )
        leaving = exports_sudo.filtered(
            lambda export: export.pending_action in ('undo', 'reverse'),
        )
        exports_sudo -= leaving
        if leaving:
            exports_sudo._check_not_leaving(leaving)
        # (Of an entry that is gone nothing is left to reverse.)
        for export in exports_sudo.filtered(
            lambda export: export.state == 'changed' and export.operation(*REVERSE).unanswered(),
        ):
            raise UserError(self.env._(
                "Exact has not said yet whether entry %s is reversed. Press Reverse: that is looked"
                " up first.", export.entry_number,
            ))
        exports_sudo.filtered(lambda export: export.state == 'changed')._go(
            'superseded', pending_action=False,
        )
        moves = exports_sudo.move_id or self.move_id
        return moves.sudo(False).with_env(self.env).action_exact_export()

    def action_fix(self):
        """Go to what the first finding says is to be fixed."""
        self.ensure_one()
        finding = self.finding_ids.filtered(lambda finding: finding.severity == 'blocks')[:1]
        return finding.action_fix() if finding else False

    def action_open_exact(self):
        """Open the entry in Exact in a new tab."""
        self.ensure_one()
        if not self.exact_url:
            raise UserError(self.env._("Exact has no entry for this document yet."))
        return {'type': 'ir.actions.act_url', 'url': self.exact_url, 'target': 'new'}

    def action_open_move(self):
        self.ensure_one()
        return {
            'type': 'ir.actions.act_window',
            'res_model': 'account.move',
            'res_id': self.move_id.id,
            'view_mode': 'form',
            'views': [(False, 'form')],
        }
