"""After the export: undo, reverse, update, and documents that were edited since.
"""

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
from ..document.exact_booking_builder import BookingBuilder, Problem
from .exact_export import BOOKED_STATES, LINE
from .exact_export_proof import DUE_PROPERTIES
from .exact_export_relation import RELATION_RESOURCE, RelationQuestion
from .exact_export_worker import MAX_ATTEMPTS

_logger = logging.getLogger(__name__)

# What an entry and its reversal have in common, but for the sign: what is posted on which account.
_POSTED = frozenset({'total', 'line_count', 'gl_account', 'amount'})
# Properties in which the entry must still equal what was sent, so that the opposite of what was
# sent takes all of it back.
_TAKEN_BACK = _POSTED | {
    'division', 'journal', 'relation', 'currency', 'vat', 'vat_code', 'cost_center', 'cost_unit',
    'project',
}


class ExactExport(models.Model):
    _inherit = 'exact.export'

    # === WHAT PEOPLE ASKED FOR === #

    @api.model
    def _do_pending(self, division, client):
        """Undo, reverse and update, one committed document at a time; what Exact said that it has
        taken out or reversed, is over when its books show that.

        :return: whether time ran out before all were done
        """
        if self._do_each(division, self._due(division, 'change', order='id'), lambda export: (
            getattr(export, f'_do_{export.pending_action}')(client)
        )):
            return True
        return self._prove_changes(division, client)

    @api.model
    def _do_each(self, division, exports, do):
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
                export._log_attempt(action, 'refused', message)
                processed = 'already_processed' in getattr(error, 'kinds', ())
                if action == 'update':
                    # As with an entry that is sent: somebody mends what Exact named, then does it
                    # again.
                    step = 'relation' if error.resource == RELATION_RESOURCE else 'entry'
                    problems = export._refusal_problems(error, step)
                elif action == 'reverse':
                    problems = [Problem('reversal_refused', params={'message': message})]
                else:
                    code = 'already_processed' if processed else 'undo_refused'
                    problems = [Problem(code, params={'message': message})]
                export._set_findings(problems)
                export._give_up_action(action)
            except (OutcomeUnknown, MalformedAnswer) as error:
                # All three can be repeated: an entry may be gone by then, and what still differs is
                # compared anew.
                export._no_answer(action, error)
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
                export._log_attempt(action, 'refused', export.finding_ids[:1]._note())
                export._give_up_action(action)
            if not self._commit():
                return True
        return False

    def _no_answer(self, action, error):
        """Do it again in a minute, but not for ever: then a person has to look."""
        self._again_in_a_minute(action, describe(error))

    def _again_in_a_minute(self, action, message):
        self._log_attempt(action, 'unknown', message)
        tries = self.attempt_ids.filtered(
            lambda attempt: attempt.action == action and attempt.outcome == 'unknown'
        )
        if len(tries) % MAX_ATTEMPTS == 0:
            self._set_findings([Problem('change_unanswered', params={'count': MAX_ATTEMPTS})])
            self._give_up_action(action)
            if self.state in BOOKED_STATES and self.pending_action != 'recheck':
                # Nobody knows how the action ended: the entry is read once more.
                self._go('read_again', has_difference=False, next_try=False)
            return
        self.next_try = fields.Datetime.now() + timedelta(minutes=1)

    def _give_up_action(self, action):
        """What was asked for is not done. An edit that came meanwhile is not forgotten by that; of
        what is withdrawn only files were left, and the document goes its own way.
        """
        if self._next_action(action):
            return
        is_edited = self.state in BOOKED_STATES and self._is_outdated()
        self.pending_action = 'recheck' if is_edited else False

    def _next_action(self, action):
        """What a person asked for while this was done, between two of its steps; that comes next.

        :param str action: what was done
        :return: False where there is nothing else
        """
        return self.pending_action != action and self.pending_action

    # === WHAT EXACT MAY HAVE DONE ALREADY === #


    def _do_undo(self, client):
        """Have the entry deleted. When Exact's books show that it is gone, its document goes; of
        what was never booked there is at most a document.
        """
        if self.is_linked:
            # Somebody else booked it: their entry is theirs to delete, and we never reverse it.
            self._unlink_entry()
            return
        if self._settle_reversal(client) or self._is_being_taken_out():
            return
        if self._offer_reversal():
            self._give_up_action('undo')
            return
        if self.exact_guid:
            self._take_out(client)
            return
        self.document_guid = self.document_guid or self._lost_document(client)
        kept = self._delete_document(client)
        self._undone(self.env._("The export is withdrawn; its document is deleted in Exact."), kept)

    def _unlink_entry(self):
        """Let go of an entry that a person linked: it stays in Exact, and is remembered."""
        booking = from_dict(self.booking)
        values = {
            'division_id': self.division_id.id,
            'exact_guid': self.exact_guid,
            'move_id': self.move_id.id,
            'entry_number': self.entry_number,
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
            ('division_id', '=', self.division_id.id), ('exact_guid', '=', self.exact_guid),
        ])
        if note:
            note.write(values)
        else:
            entry_model.create(values)
        number = self.entry_number
        self.write({'exact_guid': False, 'is_linked': False})
        self._undone(self.env._("No longer linked to entry %s; it stays in Exact.", number))

    def _undone(self, body, kept=''):
        """Put back what the export changed in Odoo.

        :param kept: why Exact keeps the document, '' if it does not
        """
        if self.previous_payment_reference is not False and self._has_own_number():
            self.move_id.payment_reference = self.previous_payment_reference
        self.finding_ids.unlink()
        # What nobody has looked up yet, another export of the document takes over.
        (self.operation_ids - self._asked_for())._go('ended')
        self._go('undone', pending_action=False, has_difference=False, next_try=False)
        self._log_attempt('undo', 'done')
        self.move_id._message_log(body=body)
        if kept:
            # The entry is gone, so the undo is done.
            self._set_findings([Problem('document_kept', 'warns', {'message': kept})])


    def _do_update(self, client):
        """Bring the entry in line with the document, then its files."""
        if self._settle_reversal(client) or self._is_being_taken_out():
            return
        lines = self._operations('post', LINE)._unanswered()
        for line in lines:
            if line._may_still_come():
                self.next_try = line._look_again_at()
                return
        if self._is_processed() and not lines:
            self._set_findings([Problem('already_processed')])
            self._give_up_action('update')
            return
        division = self.division_id
        if self.state == 'sent' and self.read_back and not self._read_entries(
            client, division, {self.exact_guid},
        ):
            # Something was changed or deleted in Exact since it was read.
            self._gone()
            return
        builder = BookingBuilder(division, self.move_id, link=True)
        one = builder.build(self.move_id, self._choices())
        if self.move_id.state == 'posted' and self._is_as_sent(one):
            # Only files changed: neither a closed period nor a processed entry stops them.
            self._still_equal()
        elif not self._update_entry(client, builder, one):
            return
        self._bring_changed_files(client, from_dict(self.booking))
        self.write({'pending_action': self._next_action('update')})
        self._log_attempt('update', 'done')

    def _is_as_sent(self, one):
        """Whether a built document says what the entry was sent as."""
        old = from_dict(self.booking)
        return bool(one.booking) and not changes(old, replace(one.booking, document=old.document))

    def _still_equal(self):
        """The entry needs no change. If it was never read back as meant, it is not verified but
        read back now.
        """
        self.document_written_at = self.move_id.write_date
        if self.state != 'verified':
            self.finding_ids.filtered(lambda finding: finding.severity == 'blocks').unlink()
            self._go(
                'read_again', has_difference=False, difference_ids=False, next_try=False,
            )

    def _update_entry(self, client, builder, one):
        """Bring the entry in line with the document: changed properties only, or anew.

        :return: whether the entry is as the document says; else it comes anew, or cannot be updated
        """
        division = self.division_id
        problems = self._problems(division, one, division._booking_facts(builder, [one]))
        problems += self._einvoice_problems({self: one}).get(self, [])
        if any(problem.severity == 'blocks' for problem in problems):
            self._set_findings(problems)
            self._give_up_action('update')
            return False
        old = from_dict(self.booking)
        new = replace(one.booking, document=old.document)
        try:
            new = self._ensure_relations(client, new)
        except RelationQuestion:
            # The relations that Exact has are mirrored now: the next check asks a person about
            # them.
            self.next_try = fields.Datetime.now() + timedelta(minutes=1)
            return False
        line_guids = self._line_guids(client, old)
        what = plan(
            old, new, entry_id=self.exact_guid, line_ids=line_guids,
            explicit_type=division.credit_note_style == 'explicit',
        )
        if not line_guids and (what.put or what.post or what.delete):
            # Exact has other lines than we sent, so none of them can be named: all anew.
            what = replace(what, action='replace')
        if what.action == 'replace':
            self._take_out(client)
            return False
        ids = self._ids_in_exact(division, [one])
        values = self._booking_values(one, ids) | {'relation_id': self.relation_id.id}
        self._keep_lines({self: one}, ids)
        # Earlier findings were about the entry before the update.
        self.finding_ids.filtered(lambda finding: finding.severity == 'blocks').unlink()
        if what.header:
            self._ask(
                client, 'put', 'entry', resource(new), what.header, key=self.exact_guid,
            )
            if what.header.keys() & DUE_PROPERTIES:
                # The open items that were read are out of date.
                self.term_ids.unlink()
        lines = line_resource(new)
        for guid, body in what.put:
            self._ask(client, 'put', f'{LINE}{guid}', lines, body, key=guid)
        self._settle_lines(len(line_guids))
        for number, body in enumerate(what.post, len(line_guids)):
            self._ask(client, 'post', f'{LINE}{number}', lines, body)
        for guid in what.delete:
            self._ask(client, 'delete', f'{LINE}{guid}', lines, key=guid)
        # Exact may give the lines new ids: reading back learns them.
        self.entry_line_ids.unlink()
        self._go('updated', **values | {
            'booking': to_dict(new),
            'difference_ids': False, 'has_difference': False, 'sent_at': fields.Datetime.now(),
        })
        # Committed, whatever happens with the files.
        self._commit_half()
        return True

    def _settle_lines(self, count):
        """Settle which of the lines that Exact was asked for it has.

        :param count: how many lines the entry has
        """
        for operation in self._operations('post', LINE)._to_look_up():
            is_there = int(operation.part.removeprefix(LINE)) < count
            operation._go('found' if is_there else 'not_shown')

    def _line_guids(self, client, booking):
        """Ids of the lines in Exact, in the order in which we sent them."""
        if is_ledger_only(booking.kind):
            return []
        rows = client.get(
            line_resource(booking), select=['ID', 'LineNumber'],
            filter=odata.eq('EntryID', odata.guid(self.exact_guid)),
        )
        rows.sort(key=lambda row: wire.as_int(row.get('LineNumber')) or 0)
        guids = [wire.as_guid(row['ID']) for row in rows]
        return guids if len(guids) == len(booking.lines) else []
