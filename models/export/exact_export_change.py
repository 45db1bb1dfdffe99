"""After the export: undo and update, one committed document at a time."""

import logging
from dataclasses import replace
from datetime import timedelta

from psycopg2 import OperationalError

from odoo import api, fields, models

from ...booking import (
    from_dict,
    is_ledger_only,
    resource,
    to_dict,
)
from ...booking.changes import changes, plan
from ...booking.payload import line_resource
from ...exact_api import (
    ExactError,
    Forbidden,
    MalformedAnswer,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    odata,
    wire,
)
from ..administration.exact_call import OF_ONE_KIND
from ..base.exact_clock import ceil
from ..base.exact_error_text import DIVISION_REASONS, describe
from ..base.exact_problem import Problem
from ..document.exact_booking_builder import BookingBuilder
from .exact_export import BOOKED_STATES, LINE
from .exact_export_proof import DUE_PROPERTIES
from .exact_export_relation import RELATION_RESOURCE, RelationQuestion
from .exact_export_step import MAX_ATTEMPTS

_logger = logging.getLogger(__name__)


class ExactExportChange(models.AbstractModel):
    _name = 'exact.export.change'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: Changes of Entries"

    # === WHAT PEOPLE ASKED FOR === #

    @api.private
    def do_pending(self, division, client):
        """Undo, reverse and update, one committed document at a time; what Exact said that it has
        taken out or reversed, is over when its books show that.

        :return: whether time ran out before all were done
        """
        do = {
            'undo': self._do_undo,
            'update': self._do_update,
            'reverse': self.env['exact.export.reversal'].do_reverse,
        }
        if self.do_each(
            division, self._due(division, 'change', order='id'),
            lambda export: do[export.pending_action](export, client),
        ):
            return True
        return self._prove_changes(division, client)

    @api.private
    def do_each(self, division, exports, do):
        """Do what people asked for, one committed document at a time.

        :param do: callable that is given an export
        :return: whether time ran out before all were done
        """
        for export in exports:
            if division.hold:
                return False
            action = export.pending_action
            if not action:
                # Taken back meanwhile.
                continue
            try:
                do(export)
            except (Rejected, Forbidden, NotFound) as error:
                if getattr(error, 'reason', None) in DIVISION_REASONS:
                    # Not this entry but the whole administration: what was asked for waits.
                    raise
                message = describe(error)
                export.log_attempt(action, 'refused', message)
                processed = 'already_processed' in getattr(error, 'kinds', ())
                if action == 'update':
                    # As with an entry that is sent: somebody mends what Exact named, then does it
                    # again.
                    step = 'relation' if error.resource == RELATION_RESOURCE else 'entry'
                    problems = self.env['exact.export.refusal'].refusal_problems(
                        export, error, step
                    )
                elif action == 'reverse':
                    problems = [Problem('reversal_refused', params={'message': message})]
                else:
                    code = 'already_processed' if processed else 'undo_refused'
                    problems = [Problem(code, params={'message': message})]
                export._set_findings(problems)
                self.give_up_action(export, action)
            except (OutcomeUnknown, MalformedAnswer) as error:
                # All three can be repeated: an entry may be gone by then, and what still differs is
                # compared anew.
                self.again_in_a_minute(export, action, describe(error))
            except RateLimited as error:
                if error.scope not in OF_ONE_KIND:
                    raise
                export.next_try = ceil(error.retry_at)
            except (ExactError, OperationalError):
                raise
            except Exception as error:
                self.env.cr.rollback()
                _logger.exception("Exact: %s of export %s failed", action, export.id)
                export._set_findings([self._unexpected(error)])
                export.log_attempt(action, 'refused', export.finding_ids[:1].as_note())
                self.give_up_action(export, action)
            if not self._commit():
                return True
        return False

    @api.private
    def again_in_a_minute(self, export, action, message):
        """Do it again in a minute, but not for ever: then a person has to look.

        :param message: what to tell of this time: see `exact_note`
        """
        export.log_attempt(action, 'unknown', message)
        tries = export.attempt_ids.filtered(
            lambda attempt: attempt.action == action and attempt.outcome == 'unknown'
        )
        if len(tries) % MAX_ATTEMPTS == 0:
            export._set_findings([Problem('change_unanswered', params={'count': MAX_ATTEMPTS})])
            self.give_up_action(export, action)
            if export.state in BOOKED_STATES and export.pending_action != 'recheck':
                # Nobody knows how the action ended: the entry is read once more.
                export._go('read_again', has_difference=False, next_try=False)
            return
        export.next_try = fields.Datetime.now() + timedelta(minutes=1)

    @api.private
    def give_up_action(self, export, action):
        """What was asked for is not done. An edit that came meanwhile is not forgotten by that; of
        what is withdrawn only files were left, and the document goes its own way.
        """
        if self._next_action(export, action):
            return
        is_edited = export.state in BOOKED_STATES and self.env['exact.export.send'].is_outdated(
            export
        )
        export.pending_action = 'recheck' if is_edited else False

    def _next_action(self, export, action):
        """What a person asked for while this was done, between two of its steps; that comes next.

        :param str action: what was done
        :return: False where there is nothing else
        """
        return export.pending_action != action and export.pending_action

    def _do_undo(self, export, client):
        """Have the entry deleted. When Exact's books show that it is gone, its document goes; of
        what was never booked there is at most a document.
        """
        if export.is_linked:
            # Somebody else booked it: their entry is theirs to delete, and we never reverse it.
            self._unlink_entry(export)
            return
        if export.state == 'uncertain':
            # Whether there is an entry to take out is looked up first.
            return
        if self.env['exact.export.reversal'].settle_reversal(
            export, client
        ) or self.is_being_taken_out(export):
            return
        if self.env['exact.export.proof'].offer_reversal(export):
            self.give_up_action(export, 'undo')
            return
        if export.exact_guid:
            self._take_out(export, client)
            return
        export.document_guid = export.document_guid or self.env['exact.export.files'].lost_document(
            export, client
        )
        kept = self._delete_document(export, client)
        self.undone(
            export, self.env._("The export is withdrawn; its document is deleted in Exact."), kept
        )

    def _unlink_entry(self, export):
        """Let go of an entry that a person linked: it stays in Exact, and is remembered."""
        booking = from_dict(export.booking)
        values = {
            'division_id': export.division_id.id,
            'exact_guid': export.exact_guid,
            'move_id': export.move_id.id,
            'entry_number': export.entry_number,
            'journal_code': booking.journal,
            'reference': booking.your_ref,
            'relation_guid': booking.relation,
            'date': booking.entry_date,
            'currency_code': booking.currency,
            'amount': float(booking.total * -booking.debit_sign),
        }
        entry_model = self.env['exact.entry']
        # A look through the journals may have noted it while it was being linked.
        note = entry_model.search([
            ('division_id', '=', export.division_id.id), ('exact_guid', '=', export.exact_guid),
        ])
        if note:
            note.write(values)
        else:
            entry_model.create(values)
        number = export.entry_number
        export.write({'exact_guid': False, 'is_linked': False})
        self.undone(export, self.env._("No longer linked to entry %s; it stays in Exact.", number))

    @api.private
    def undone(self, export, body, kept=''):
        """Put back what the export changed in Odoo.

        :param kept: why Exact keeps the document, '' if it does not
        """
        is_numbered = self.env['exact.export.proof'].has_own_number(export)
        if is_numbered and export.previous_payment_reference is not False:
            export.move_id.payment_reference = export.previous_payment_reference
        export.finding_ids.unlink()
        # What nobody has looked up yet, another export of the document takes over.
        over = export.operation_ids - self.env['exact.export.doubt'].asked_for(export)
        (over - self.env['exact.export.files'].deletions(export))._go('ended')
        export._go('undone', pending_action=False, has_difference=False, next_try=False)
        export.log_attempt('undo', 'done')
        export.move_id._message_log(body=body)
        if kept:
            # The entry is gone, so the undo is done.
            export._set_findings([Problem('document_kept', 'warns', {'message': kept})])

    def _do_update(self, export, client):
        """Bring the entry in line with the document, then its files."""
        if self.env['exact.export.reversal'].settle_reversal(
            export, client
        ) or self.is_being_taken_out(export):
            return
        lines = export.operations('post', LINE).unanswered()
        for line in lines:
            if line.may_still_come():
                export.next_try = line.look_again_at()
                return
        division, proof = export.division_id, self.env['exact.export.proof']
        if export.state == 'sent' and export.read_back and not proof.read_entries(
            client, division, {export.exact_guid},
        ):
            # Something was changed or deleted in Exact since it was read.
            self.env['exact.export.journals'].gone(export)
            return
        builder = BookingBuilder(division, export.move_id, link=True)
        one = builder.build(export.move_id, export._choices())
        if export.move_id.state == 'posted' and self._is_as_sent(export, one):
            # Only files changed: neither a closed period nor a processed entry stops them.
            self._still_equal(export)
        elif proof.is_processed(export) and not lines:
            export._set_findings([Problem('already_processed')])
            self.give_up_action(export, 'update')
            return
        elif not self._update_entry(export, client, builder, one):
            return
        self.env['exact.export.files'].bring_changed_files(
            export, client, from_dict(export.booking)
        )
        export.write({'pending_action': self._next_action(export, 'update')})
        export.log_attempt('update', 'done')

    def _is_as_sent(self, export, one):
        """Whether a built document says what the entry was sent as."""
        old = from_dict(export.booking)
        return bool(one.booking) and not changes(old, replace(one.booking, document=old.document))

    def _still_equal(self, export):
        """The entry needs no change. If it was never read back as meant, it is not verified but
        read back now.
        """
        export.document_written_at = export.move_id.write_date
        if export.state != 'verified':
            export.finding_ids.filtered(lambda finding: finding.severity == 'blocks').unlink()
            export._go(
                'read_again', has_difference=False, difference_ids=False, next_try=False,
            )

    def _update_entry(self, export, client, builder, one):
        """Bring the entry in line with the document: changed properties only, or anew.

        :return: whether the entry is as the document says; else it comes anew, or cannot be updated
        """
        division = export.division_id
        problems = self.env['exact.export.check'].problems(
            division, one, division.booking_facts(builder, [one])
        )
        deviating = self.env['exact.export.einvoice'].einvoice_problems(export, {export: one})
        problems += deviating.get(export, [])
        if any(problem.severity == 'blocks' for problem in problems):
            export._set_findings(problems)
            self.give_up_action(export, 'update')
            return False
        old = from_dict(export.booking)
        new = replace(one.booking, document=old.document)
        try:
            new = self.env['exact.export.relations'].ensure_relations(export, client, new)
        except RelationQuestion:
            # The relations that Exact has are mirrored now: the next check asks a person about
            # them.
            export.next_try = fields.Datetime.now() + timedelta(minutes=1)
            return False
        line_guids = self._line_guids(export, client, old)
        what = plan(
            old, new, entry_id=export.exact_guid, line_ids=line_guids,
            explicit_type=division.credit_note_style == 'explicit',
        )
        if not line_guids and (what.put or what.post or what.delete):
            # Exact has other lines than we sent, so none of them can be named: all anew.
            what = replace(what, action='replace')
        if what.action == 'replace':
            self._take_out(export, client)
            return False
        ids = self.env['exact.export.check'].ids_in_exact(division, [one])
        values = self.env['exact.export.check'].booking_values(one, ids) | {
            'relation_id': export.relation_id.id
        }
        self.env['exact.export.check'].keep_lines(export, {export: one}, ids)
        # Earlier findings were about the entry before the update.
        export.finding_ids.filtered(lambda finding: finding.severity == 'blocks').unlink()
        if what.header:
            export.ask(
                client, 'put', 'entry', resource(new), what.header, key=export.exact_guid,
            )
            if what.header.keys() & DUE_PROPERTIES:
                # The open items that were read are out of date.
                export.term_ids.unlink()
        lines = line_resource(new)
        for guid, body in what.put:
            export.ask(client, 'put', f'{LINE}{guid}', lines, body, key=guid)
        self._settle_lines(export, len(line_guids))
        for number, body in enumerate(what.post, len(line_guids)):
            export.ask(client, 'post', f'{LINE}{number}', lines, body)
        for guid in what.delete:
            export.ask(client, 'delete', f'{LINE}{guid}', lines, key=guid)
        # Exact may give the lines new ids: reading back learns them.
        export.entry_line_ids.unlink()
        export._go('updated', **values | {
            'booking': to_dict(new),
            'difference_ids': False, 'has_difference': False, 'sent_at': fields.Datetime.now(),
        })
        # Committed, whatever happens with the files.
        export.commit_half()
        return True

    def _settle_lines(self, export, count):
        """Settle which of the lines that Exact was asked for it has.

        :param count: how many lines the entry has
        """
        for operation in export.operations('post', LINE):
            is_there = int(operation.part.removeprefix(LINE)) < count
            if operation.state == 'answered':
                operation._go('proved' if is_there else 'not_shown')
            elif operation.to_look_up():
                operation._go('found' if is_there else 'not_shown')

    def _line_guids(self, export, client, booking):
        """Ids of the lines in Exact, in the order in which we sent them."""
        if is_ledger_only(booking.kind):
            return []
        rows = client.get(
            line_resource(booking), select=['ID', 'LineNumber'],
            filter=odata.eq('EntryID', odata.guid(export.exact_guid)),
        )
        rows.sort(key=lambda row: wire.as_int(row.get('LineNumber')) or 0)
        guids = [wire.as_guid(row['ID']) for row in rows]
        return guids if len(guids) == len(booking.lines) else []
