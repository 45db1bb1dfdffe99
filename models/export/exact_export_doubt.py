"""No answer is no failure: what Exact may have booked is looked up before it is sent again."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from odoo import api, fields, models

from ...booking import (
    READ_FIELDS,
    amount_of,
    carries_reference,
    from_dict,
    is_ledger_only,
)
from ...booking.likeness import Circumstances, choose_entry
from ...exact_api import (
    MalformedAnswer,
    NotFound,
    Rejected,
    odata,
    wire,
)
from ..base.exact_clock import CLOCKS_DIFFER, naive
from ..base.exact_error_text import describe
from ..base.exact_note import day, money, note, several
from ..base.exact_problem import Problem
from ..document.exact_booking_built import stand_in
from .exact_export import ENTRY
from .exact_export_read_back import ASK_AGAIN, READ_BATCH

# How long what can only be found by a look waits for one.
LOOK_AGAIN = timedelta(minutes=10)


class ExactExportDoubt(models.AbstractModel):
    _name = 'exact.export.doubt'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: Looking Up"

    @api.private
    def recover_claims(self, division):
        """Recover the exports that a worker claimed and never finished: that worker is gone, since
        we serve the division now. If Exact was asked for the entry, it may have it; if not, nothing
        happened.
        """
        lost = self.env['exact.export'].search(
            [('division_id', '=', division.id), ('work', '=', 'recover')]
        )
        asked = lost.filtered(lambda export: export.operation(*ENTRY).to_look_up())
        asked._go('in_doubt', next_try=False)
        (lost - asked)._go('not_asked', next_try=False)
        if lost:
            self._commit()

    @api.private
    def resolve_uncertain(self, division, client):
        """Ask Exact whether it has what we got no answer for; adopt it, or send again."""
        for batch in self.env['exact.export.proof'].batches(
            self._due(division, 'look_up', order='id'), READ_BATCH
        ):
            try:
                found = self._look_up(batch, division, client)
                # Entries that we asked for ourselves are found by their reference.
                similar = self.env['exact.export.alike'].look_at_suspects(batch.filtered(
                    lambda export: not self.unanswered_posts(export),
                ), division, client)
                similar |= self.env['exact.export.alike'].look_for_unnamed(
                    self._missed(batch, found), division, client
                )
            except (Rejected, NotFound, MalformedAnswer) as error:
                self._look_up_failed(batch, describe(error))
                self._commit()
                continue
            # The notes are committed, whatever happens with one document. Which entry belongs to
            # which export is looked up after the calls, not before.
            self.env['exact.export'].commit_half()
            taken = self._entries_of_others(batch, found)
            self._each_by_itself(
                batch, lambda exports, found=found, similar=similar, taken=taken: (
                    self._settle_doubts(exports, found, similar, taken)
                ),
                lambda export, error: self.read_failed(export, 'look_up', error),
            )
            self._commit()

    def _settle_doubts(self, exports, found, similar, taken):
        """Settle each of these.

        :param found: {export: entries that carry its reference}
        :param similar: {export: entries of others that may be it, these among them}
        :param taken: {export: GUIDs of entries that are others'}, known before any of a batch was
            settled
        """
        batch = exports.browse(export.id for export in taken)
        for export in exports:
            # Two documents may be alike in everything and are still two entries.
            adopted = set((batch - export).mapped('exact_guid'))
            others = taken[export] | adopted | self.booked_beside(export)
            same, more = (
                [entry for entry in entries.get(export, ()) if entry.entry_id not in others]
                for entries in (found, similar)
            )
            known = {entry.entry_id for entry in same}
            more = [entry for entry in more if entry.entry_id not in known]
            if more:
                # In another journal, or not quite under its reference: never taken unasked.
                self._ask_which(export, same + more)
            else:
                self._settle_doubt(export, same)

    @api.private
    def booked_beside(self, exports):
        """GUIDs of entries of which a person said that they are not this document's, whenever."""
        return {
            guid for export in exports.move_id.exact_export_ids
            for guid in export.own_choices().book_beside
        }

    @api.private
    def read_failed(self, export, action, error):
        """Handle an unforeseen error: a person is told, and Exact is asked again later, not each
        turn.
        """
        export._set_findings([self._unexpected(error)])
        export.log_attempt(action, 'refused', export.finding_ids[:1].as_note())
        export.next_try = fields.Datetime.now() + ASK_AGAIN

    def _look_up_failed(self, exports, message):
        """The question fails, not the division: it is asked again, and people see why."""
        exports.log_attempt('look_up', 'refused', message)
        for export in exports:
            export._set_findings([Problem('look_up_failed', 'warns', {'message': message})])
        exports.next_try = fields.Datetime.now() + ASK_AGAIN

    def _settle_doubt(self, export, found):
        """Adopt the entry that stands for this document, or go on without one.

        If an entry carries our reference, but has another amount or relation, only a person can say
        whether it is the document's.

        :param found: entries that carry the reference and belong to no other export.
        """
        export.ensure_one()
        booking = from_dict(export.booking)
        operation = self.asked_for(export)
        known = {entry.entry_id: (entry, Circumstances(
            was_asked=bool(operation.unanswered()), came_then=self._came_when_asked(export, entry),
            is_by_us=self._is_made_by_us(export, entry),
        )) for entry in found}
        chosen = choose_entry(booking, known)
        if chosen:
            self._adopt(export, known[chosen][0])
        elif operation and operation.may_still_come():
            # Too early to say that it is not there, or that it is none of these.
            export.next_try = operation.look_again_at()
        elif not found and not self.env['exact.export.look'].was_looked_for(
            export, operation.unanswered()
        ):
            export.next_try = fields.Datetime.now() + LOOK_AGAIN
        elif found:
            self._ask_which(export, found)
        else:
            self._not_there(export)

    @api.private
    def asked_for(self, exports):
        """The operations of these by which Exact was asked for an entry, and for which its books
        were not looked at since.

        :rtype: `exact.operation`
        """
        operations = [export.operation(*ENTRY) for export in exports]
        return self.env['exact.operation'].union(*operations).to_look_up()

    @api.private
    def unanswered_posts(self, exports):
        """The operations by which Exact was asked for the entries of these, and did not answer."""
        return self.asked_for(exports).unanswered()

    def _came_when_asked(self, export, entry):
        """Whether Exact made this entry about when it was asked for ours."""
        operation = self.asked_for(export)
        return bool(operation) and operation.is_about(naive(entry.created))

    def _missed(self, exports, found):
        """The exports that Exact was asked for and whose entry it should show by now, but does not.

        :param found: {export: entries that carry its reference}
        """
        late = exports.filtered(lambda export: (
            (operation := self.unanswered_posts(export)) and not operation.may_still_come()
        ))
        others = self._entries_of_others(late, found)
        return late.filtered(lambda export: all(
            entry.entry_id in others[export] for entry in found.get(export, ())
        ))

    def _adopt(self, export, entry):
        """Take an entry of Exact for this document's; it is read back like any other."""
        operation = self.asked_for(export)
        # If Exact was not asked for the entry (or has refused it) and our user has not made it, it
        # is somebody else's, and theirs to change and to delete.
        is_ours = bool(operation.unanswered()) or self._is_made_by_us(export, entry)
        if is_ours:
            operation._go('found', exact_guid=entry.entry_id)
        else:
            operation._go('ended')
        export._go(
            'found',
            is_linked=not is_ours,
            exact_guid=entry.entry_id,
            entry_number=entry.entry_number or 0,
            invoice_number=entry.invoice_number or 0,
            sent_at=fields.Datetime.now(),
            next_try=False,
            has_difference=False,
            read_back=self.env['exact.export.proof'].read_text(entry),
        )
        self.env['exact.entry'].search([
            ('division_id', '=', export.division_id.id), ('exact_guid', '=', entry.entry_id),
        ]).unlink()
        export.log_attempt('look_up', 'done', str(entry.entry_number or ''))

    def _is_made_by_us(self, export, entry):
        """Whether the user of our connection made the entry when Exact was asked for it, though
        what was answered was taken for a refusal; or when this database was another: then it was
        sent from here, and a restored backup knows nothing of it.
        """
        user_guid = export.division_id.connection_id.sudo().exact_user_guid
        if not user_guid or entry.creator != user_guid or not entry.created:
            return False
        if self._came_when_asked(export, entry):
            return True
        queue = self.env['exact.export.queue'].of(export.division_id)
        created = entry.created.replace(tzinfo=None)
        return bool(queue.forgotten_until) and (
            queue.forgotten_since - CLOCKS_DIFFER <= created
            <= queue.forgotten_until + CLOCKS_DIFFER
        )

    @api.private
    def link_to(self, export, one, guid, number, relation_guid):
        """Take an entry that a person chose for this document's; nothing is sent.

        :param Built one: the document as it would be booked
        :param guid: of the entry, and `number`, `relation_guid` as Exact has them
        """
        export.ensure_one()
        booking = one.booking
        relation = self.env['exact.relation'].search([
            ('division_id', '=', export.division_id.id), ('exact_guid', '=', relation_guid),
        ], limit=1)
        if booking.relation in one.new_relations.values() and relation:
            # The person has just said who the partner is in Exact.
            booking = replace(booking, relation=relation.exact_guid)
            self.env['exact.partner.mapping'].remember(
                export.division_id, export.move_id.commercial_partner_id, relation,
            )
        export.finding_ids.unlink()
        one = replace(one, booking=booking)
        ids = self.env['exact.export.check'].ids_in_exact(export.division_id, [one])
        self.env['exact.export.check'].keep_lines(export, {export: one}, ids)
        export._go('linked', **{
            **self.env['exact.export.check'].booking_values(one, ids),
            'is_linked': True,
            'exact_guid': guid,
            'entry_number': number,
            'relation_id': relation.id,
            'sent_at': fields.Datetime.now(),
            'next_try': False,
            'has_difference': False,
        })
        self.env['exact.entry'].search([
            ('division_id', '=', export.division_id.id), ('exact_guid', '=', guid),
        ]).unlink()

    def _ask_which(self, export, found):
        """Entries that may be this document's, or another's: a person looks at them."""
        code = 'several_entries' if len(found) > 1 else 'entry_exists'
        booking = from_dict(export.booking)
        if booking.kind == 'sale' and not self.unanswered_posts(export) and all(
            carries_reference(booking, entry)
            and booking.relation not in ('', entry.relation, stand_in(export.partner_id.id))
            for entry in found
        ):
            code = 'number_taken'
        notes = self._noted(export, found)
        # What was most likely sent from here, or carries the reference in another line only, is not
        # found by the reference of its note: nothing is sent before a person has answered.
        came = {entry.entry_id for entry in found if self._came_when_asked(export, entry)}
        notes.filtered(
            lambda note: note.exact_guid in came or note.reference_key != export.reference_key,
        ).move_id = export.move_id
        export._set_findings([Problem(code, params={
            'reference': booking.your_ref,
            'entries': several(self._entry_note(entry) for entry in found),
            'guids': [entry.entry_id for entry in found],
        }, target=('exact.entry', notes[:1].id))])
        export.log_attempt('look_up', 'refused', export.finding_ids[:1].as_note())
        # Exact's books were looked at: from now on it is a person who says which entry it is.
        self.asked_for(export)._go('not_shown')
        export._go('refused', next_try=False)

    def _noted(self, export, found):
        """The notes of entries that are no export's, made where there are none."""
        self.env['exact.export.journals'].note_strangers(export.division_id, found)
        return self.env['exact.entry'].search([
            ('division_id', '=', export.division_id.id),
            ('exact_guid', 'in', [entry.entry_id for entry in found]),
        ])

    def _entry_note(self, entry):
        """An entry of Exact as a person would name it, as a parameter of a finding."""
        return note(
            'attempt/entry', number=entry.entry_number or "?", date=day(entry.entry_date),
            amount=money(abs(amount_of(entry)), entry.currency),
        )

    def _not_there(self, export):
        """Exact has no such entry."""
        # A note of it is out of date: somebody deleted the entry.
        self.env['exact.entry'].search([
            ('division_id', '=', export.division_id.id), ('reference', '=', export.reference),
        ]).filtered(lambda entry: entry._is_of(from_dict(export.booking))).unlink()
        export.log_attempt('look_up', 'done', note('attempt/not_there'))
        if self.env['exact.export.refusal'].is_said_to_be_there(export):
            # Exact said otherwise: not asked for once more before a person has looked.
            export._go('refused', next_try=False)
            return
        operation = self.asked_for(export)
        was_unanswered = operation.unanswered()
        words = (operation.answer or '').splitlines()
        operation._go('not_shown')
        if not was_unanswered or self.env['exact.export.refusal'].may_try_again(export, words):
            export._go('not_found', next_try=False)
            return
        # Another attempt would end the same way: a person decides.
        export._set_findings([self.env['exact.export.refusal'].given_up(export, words)])
        export._go('refused', next_try=False)

    def _entries_of_others(self, exports, found):
        """Which of the entries that were found belong to other exports already, also to exports
        that are over: a reversed entry is still in Exact, and so is its reversal.

        :param found: {export: [booking.ReadEntry]}
        :return: {export: set of GUIDs}
        """
        guids = {entry.entry_id for entries in found.values() for entry in entries}
        owners = defaultdict(set)
        for export in exports.search([
            '|', ('exact_guid', 'in', list(guids)), ('reversal_guid', 'in', list(guids)),
        ]):
            owners[export.exact_guid].add(export)
            if export.reversal_guid:
                # A reversal is no export's own entry, not even that of the export it belongs to.
                owners[export.reversal_guid].add(None)
        return {
            export: {guid for guid in guids if owners[guid] - {export}} for export in exports
        }

    def _look_up(self, exports, division, client):
        """Entries in Exact that carry our references, in our journals and years.

        :return: {export: [booking.ReadEntry]}; exports without any are left out
        """
        bookings = {export: from_dict(export.booking) for export in exports}
        references = sorted({
            booking.your_ref for booking in bookings.values() if not is_ledger_only(booking.kind)
        })
        rows = []
        if references:
            rows += client.get(
                'bulk/Financial/TransactionLines', select=['ID', *READ_FIELDS],
                filter=odata.any_of('YourRef', references),
            )
        for booking in bookings.values():
            if is_ledger_only(booking.kind):
                rows += client.get(
                    'bulk/Financial/TransactionLines', select=['ID', *READ_FIELDS],
                    filter=odata.all_of(
                        odata.eq('JournalCode', booking.journal),
                        odata.eq('FinancialYear', booking.year),
                        odata.startswith('Description', booking.your_ref),
                    ),
                )
        guids = sorted({wire.as_guid(row['EntryID']) for row in rows})
        entries = {}
        for batch in odata.batches(guids):
            entries |= self.env['exact.export.proof'].read_entries(client, division, batch)
        found = defaultdict(list)
        for export, booking in bookings.items():
            is_new = stand_in(export.move_id.commercial_partner_id.id) == booking.relation
            for entry in entries.values():
                if (
                    entry.journal == booking.journal and entry.year == booking.year
                    and carries_reference(booking, entry)
                    and (is_new or is_ledger_only(booking.kind)
                         or entry.relation == booking.relation)
                ):
                    found[export].append(entry)
        return found
