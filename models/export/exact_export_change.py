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
from ..base.exact_clock import ceil, may_still_come
from ..base.exact_error_text import DIVISION_REASONS, describe
from ..base.exact_note import note
from ..document.exact_booking_builder import BookingBuilder, Problem
from .exact_export import BOOKED_STATES
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
        """Undo, reverse and update, one committed document at a time.

        :return: whether time ran out before all were done
        """
        for export in self._due(division, 'change', order='id'):
            if division.hold:
                return False
            action = export.pending_action
            if not action:
                # Taken back meanwhile.
                continue
            try:
                getattr(export, f'_do_{action}')(client)
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
                export._unanswered(action, error)
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

    def _unanswered(self, action, error):
        """Do it again in a minute, but not for ever: then a person has to look."""
        self._log_attempt(action, 'unknown', describe(error))
        tries = self.attempt_ids.filtered(
            lambda attempt: attempt.action == action and attempt.outcome == 'unknown'
        )
        if len(tries) % MAX_ATTEMPTS == 0:
            self._set_findings([Problem('change_unanswered', params={'count': MAX_ATTEMPTS})])
            self._give_up_action(action)
            # Nobody knows how the action ended: look up whether the entry is still there.
            self.lines_deleted = self.state in BOOKED_STATES
            return
        self.next_try = fields.Datetime.now() + timedelta(minutes=1)

    def _give_up_action(self, action):
        """What was asked for is not done. An edit that came meanwhile is not forgotten by that; of
        what is withdrawn only files were left, and the document goes its own way.
        """
        self.replacing_since = False
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
        """Delete the entry, then its document; both may be gone already, or never have come."""
        body = self.env._("The export is withdrawn; its document is deleted in Exact.")
        if self.is_linked:
            # Somebody else booked it: their entry is theirs to delete, and we never reverse it.
            self._unlink_entry()
            return
        if self._settle_reversal(client):
            return
        if not self.replacing_since and self._offer_reversal():
            self._give_up_action('undo')
            return
        if self.exact_guid:
            self._learn_document(client)
            self._delete(client, resource(from_dict(self.booking)), self.exact_guid)
            body = self.env._("Taken out of Exact: entry %s is deleted.", self.entry_number)
        kept = ''
        document_guid = self.document_guid
        if not document_guid and not self.exact_guid:
            document_guid = self._lost_document(client)
        if document_guid:
            try:
                self._delete(client, 'documents/Documents', document_guid)
            except (Rejected, Forbidden) as error:
                if getattr(error, 'reason', None) in DIVISION_REASONS:
                    raise
                # The entry is gone, so the undo is done; a file that Exact keeps becomes a finding.
                kept = describe(error)
        self._undone(body)
        if kept:
            self._set_findings([Problem('document_kept', 'warns', {'message': kept})])

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
        self.write({'exact_guid': False, 'is_linked': False, 'lines_deleted': False})
        self._undone(self.env._("No longer linked to entry %s; it stays in Exact.", number))

    @api.model
    def _delete(self, client, path, guid):
        try:
            client.delete(path, guid)
        except NotFound:
            _logger.info("Exact: %s was gone already", path)

    def _undone(self, body):
        """Put back what the export changed in Odoo."""
        if self.previous_payment_reference is not False and self._has_own_number():
            self.move_id.payment_reference = self.previous_payment_reference
        self.finding_ids.unlink()
        self._go(
            'undone', pending_action=False, has_difference=False,
            reversal_asked_at=False, line_asked_at=False, replacing_since=False,
        )
        self._log_attempt('undo', 'done')
        self.move_id._message_log(body=body)


    def _do_update(self, client):
        """Bring the entry in line with the document, then its files."""
        if self._settle_reversal(client):
            return
        if may_still_come(self.line_asked_at, fields.Datetime.now()):
            self._look_again(self.line_asked_at)
            return
        if self._is_processed() and not (self.replacing_since or self.line_asked_at):
            self._set_findings([Problem('already_processed')])
            self._give_up_action('update')
            return
        division = self.division_id
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
                replacing_since=False,
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
        if what.action == 'replace' and not self.replacing_since:
            # Committed before the entry is deleted, or our own deletion would look like somebody
            # else's.
            self.replacing_since = fields.Datetime.now()
            self._commit_half()
        ids = self._ids_in_exact(division, [one])
        values = self._booking_values(one, ids) | {'relation_id': self.relation_id.id}
        self._keep_lines({self: one}, ids)
        # Earlier findings were about the entry before the update.
        self.finding_ids.filtered(lambda finding: finding.severity == 'blocks').unlink()
        if what.action == 'replace':
            self._learn_document(client)
            self._delete(client, resource(old), self.exact_guid)
            document = {'document_guid': False, 'document_step': False}
            if self.document_guid:
                try:
                    self._delete(client, 'documents/Documents', self.document_guid)
                except (Rejected, Forbidden) as error:
                    if getattr(error, 'reason', None) in DIVISION_REASONS:
                        raise
                    # The entry is gone and has to come again: with the document that is there.
                    document = {}
            # From here on Exact has no entry: the export is a new one that sends itself.
            self.entry_line_ids.unlink()
            self._go('taken_out_to_book_anew', **values | document | {
                'booking': to_dict(new), 'exact_guid': False,
                # There is nothing to reverse any more: it is taken out instead.
                'entry_number': 0, 'pending_action': self._next_action('update') and 'undo',
                'difference_ids': False, 'has_difference': False, 'lines_deleted': False,
                'line_asked_at': False, 'replacing_since': False, 'next_try': False,
            })
            self._log_attempt('update', 'done', note('attempt/deleted_anew'))
            return False
        if what.header:
            client.put(resource(new), self.exact_guid, what.header)
            if what.header.keys() & DUE_PROPERTIES:
                # The open items that were read are out of date.
                self.term_ids.unlink()
        for guid, body in what.put:
            client.put(line_resource(new), guid, body)
        for body in what.post:
            self._post_new(client, self, 'line_asked_at', line_resource(new), body)
        for guid in what.delete:
            client.delete(line_resource(new), guid)
        # Exact may give the lines new ids: reading back learns them.
        self.entry_line_ids.unlink()
        self._go('updated', **values | {
            'booking': to_dict(new), 'replacing_since': False,
            # Keep the booking as if the entry had been sent like this
            'payload': self._as_text(self._body(new)),
            'difference_ids': False, 'has_difference': False, 'sent_at': fields.Datetime.now(),
            'line_asked_at': False,
        })
        # Committed, whatever happens with the files.
        self._commit_half()
        return True

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
