"""Documents are put into the queue: one living export for each."""

import logging

from psycopg2.errors import UniqueViolation

from odoo import api, models
from odoo.tools import mute_logger

from ..document.exact_booking_builder import entry_kind
from .exact_export import ENDED_STATES, UNSENT_STATES

_logger = logging.getLogger(__name__)


class ExactExport(models.Model):
    _inherit = 'exact.export'

    @api.model
    @api.private
    def propose(self, moves, *, choices=None, automatic=False):
        """Put documents into the queue, one living export each.

        Nothing is checked here and nothing is sent: the worker does both. What cannot be exported
        at all (drafts, companies without a division) is left out; the caller has told the person.

        :param moves: posted `account.move` of companies that have a division.
        :param Choices choices: a person's, for this export.
        :return: the exports of the moves, old and new.
        """
        divisions = {
            division.company_id.id: division
            for division in self.env['exact.division'].sudo().search([
                ('company_id', 'in', moves.company_id.ids),
            ])
        }
        living = {
            export.move_id.id: export
            for export in self.sudo().search([
                ('move_id', 'in', moves.ids), ('state', 'not in', ENDED_STATES),
            ])
        }
        new, again = [], self.sudo().browse()
        for move in moves:
            division = divisions.get(move.company_id.id)
            if not division or move.state != 'posted':
                continue
            export = living.get(move.id)
            if export:
                again |= export
                continue
            new.append({
                'move_id': move.id,
                'division_id': division.id,
                'name': move.name,
                'kind': entry_kind(move),
                'user_id': self.env.user.id,
                'is_automatic': automatic,
                'overrides': (choices and choices.to_dict()) or False,
            })
        # Other choices than before have to be checked anew, as long as nothing was sent.
        unsent = UNSENT_STATES if choices else ('blocked', 'refused')
        retried = again.filtered(lambda export: export.state in unsent)
        if retried:
            if not automatic:
                # Whoever asks for one document asks for all that share its cause, or it would be
                # held with them again.
                asked = retried.sudo(False)
                others = asked.env['exact.export.refusal'].with_the_same_cause(asked).sudo()
                others = (others - retried).filtered(
                    lambda export: export.state in ('blocked', 'refused'),
                )
                others._go('check_anew', next_try=False)
                others.trigger_worker()
            retried._go('check_anew', next_try=False, user_id=self.env.user.id)
            if choices:
                for export in retried:
                    # The answers of a person stay, whatever else is chosen.
                    answers = export.own_choices()
                    export.choose(choices.beside(
                        entries=answers.book_beside, documents=answers.beside_documents,
                    ))
        created = self._create_once(new)
        (created | retried).trigger_worker()
        return created | again

    @api.model
    def _create_once(self, vals_list):
        """Make exports; where somebody else asks for the same document at the same moment, theirs
        counts.
        """
        # sudo: people ask for exports, only the engine writes them.
        exports_sudo = self.sudo().with_context(
            mail_create_nolog=True, mail_create_nosubscribe=True, tracking_disable=True,
        )
        try:
            with self.env.cr.savepoint(), mute_logger('odoo.sql_db'):
                return exports_sudo.create(vals_list)
        except UniqueViolation:
            if len(vals_list) == 1:
                _logger.info("Exact: move %s is being exported already", vals_list[0]['move_id'])
                return exports_sudo.browse()
        return exports_sudo.union(*(self._create_once([vals]) for vals in vals_list))
