"""Reading Exact's ledger: to find what got no answer, to prove what did, to see what was deleted.
"""

import json
from collections import defaultdict
from dataclasses import asdict, replace
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import split_every

from ..booking import (
    READ_FIELDS,
    Difference,
    amount_of,
    carries_reference,
    compare,
    differs_in_size_only,
    from_dict,
    identity_differences,
    is_equal,
    is_ledger_only,
    own_difference,
    read_entry,
)
from ..booking.adopt import link_differences
from ..exact_api import (
    MalformedAnswer,
    NotFound,
    Rejected,
    odata,
    wire,
)
from .exact_booking_builder import Problem, stand_in
from .exact_clock import CLOCKS_DIFFER, VISIBILITY, floor, is_about, may_still_come, naive
from .exact_error_text import describe
from .exact_export import BOOKED_STATES
from .exact_export_worker import plain_text
from .exact_note import day, money, note, several, value as as_param

# Entries read back with one call; keeps the address of the call below 4 kB.
READ_BATCH = 40
# Characters of a GUID as text.
GUID_LENGTH = 36
# How long an entry that Exact says it has booked may be missing in its ledger.
PATIENCE = timedelta(minutes=10)
# How long to wait after a question that failed, or an answer that was of no use.
ASK_AGAIN = timedelta(minutes=30)
# Findings of refusals: they stay though the entry is proved.
_KEPT_CODES = (
    'already_processed', 'undo_refused', 'reversal_refused', 'change_unanswered', 'kept_by_period',
)
# EntityType of TransactionLines in sync/Deleted.
TRANSACTION_LINES = 1

_DATES = {'Date', 'DueDate'}
_MOMENTS = {'Created', 'Modified'}
_NUMBERS = {
    'EntryNumber', 'Division', 'FinancialYear', 'FinancialPeriod', 'InvoiceNumber', 'Status',
    'Type', 'LineNumber',
}
_AMOUNTS = {'AmountFC', 'AmountDC', 'AmountVATFC', 'ExchangeRate'}


def _decoded(row):
    """A row of TransactionLines as Python values."""
    result = {}
    for name, value in row.items():
        if name in _DATES:
            value = wire.as_date(value)
        elif name in _NUMBERS:
            value = wire.as_int(value)
        elif name in _AMOUNTS:
            value = wire.as_decimal(value)
        elif name in _MOMENTS:
            value = wire.as_utc(value)
        result[name] = value
    return result


class ExactExport(models.Model):
    _inherit = 'exact.export'

    # === DOUBT === #

    @api.model
    def _recover_claims(self, division):
        """Recover the exports that a worker claimed and never finished: that worker is gone, since
        we serve the division now. If Exact was asked for the entry, it may have it; if not, nothing
        happened.
        """
        lost = self.search([('division_id', '=', division.id), ('work', '=', 'recover')])
        asked = lost.filtered('asked_at')
        asked._go('in_doubt', next_try=False)
        (lost - asked)._go('not_asked', next_try=False)
        if lost:
            self._commit()

    @api.model
    def _resolve_uncertain(self, division, client):
        """Ask Exact whether it has what we got no answer for; adopt it, or send again."""
        for batch in self._due(division, 'look_up', order='id')._batches(READ_BATCH):
            try:
                found = batch._look_up(division, client)
                # Entries that we asked for ourselves are found by their reference.
                similar = batch.filtered(lambda export: not export.asked_at)._look_at_suspects(
                    division, client,
                )
                similar |= batch._missed(found)._look_for_unnamed(division, client)
            except (Rejected, NotFound, MalformedAnswer) as error:
                batch._look_up_failed(describe(error))
                self._commit()
                continue
            # The notes are committed, whatever happens with one document. Which entry belongs to
            # which export is looked up after the calls, not before.
            self._commit_half()
            taken = batch._entries_of_others(found)
            batch._each_by_itself(
                lambda exports, found=found, similar=similar, taken=taken: (
                    exports._settle_doubts(found, similar, taken)
                ),
                lambda export, error: export._read_failed('look_up', error),
            )
            self._commit()

    def _settle_doubts(self, found, similar, taken):
        """Settle each of these.

        :param found: {export: entries that carry its reference}
        :param similar: {export: entries of others that may be it, these among them}
        :param taken: {export: GUIDs of entries that are others'}, known before any of a batch was
            settled
        """
        batch = self.browse(export.id for export in taken)
        for export in self:
            # Two documents may be alike in everything and are still two entries.
            adopted = set((batch - export).mapped('exact_guid'))
            others = taken[export] | adopted | export._booked_beside()
            same, more = (
                [entry for entry in entries.get(export, ()) if entry.entry_id not in others]
                for entries in (found, similar)
            )
            known = {entry.entry_id for entry in same}
            more = [entry for entry in more if entry.entry_id not in known]
            if more:
                # In another journal, or not quite under its reference: never taken unasked.
                export._ask_which(same + more)
            else:
                export._settle_doubt(same)

    def _booked_beside(self):
        """GUIDs of entries of which a person said that they are not this document's, whenever."""
        return {
            guid for export in self.move_id.exact_export_ids
            for guid in (export.overrides or {}).get('book_beside', ())
        }

    def _read_failed(self, action, error):
        """Handle an unforeseen error: a person is told, and Exact is asked again later, not each
        turn.
        """
        self._set_findings([self._unexpected(error)])
        self._log_attempt(action, 'refused', self.finding_ids[:1]._note())
        self.next_try = fields.Datetime.now() + ASK_AGAIN

    def _look_up_failed(self, message):
        """The question fails, not the division: it is asked again, and people see why."""
        self._log_attempt('look_up', 'refused', message)
        for export in self:
            export._set_findings([Problem('look_up_failed', 'warns', {'message': message})])
        self.next_try = fields.Datetime.now() + ASK_AGAIN

    def _settle_doubt(self, found):
        """Adopt the entry that stands for this document, or go on without one.

        If an entry carries our reference, but has another amount or relation, only a person can say
        whether it is the document's.

        :param found: entries that carry the reference and belong to no other export.
        """
        self.ensure_one()
        booking = from_dict(self.booking)
        same = [entry for entry in found if not identity_differences(booking, entry)]
        equal = [entry for entry in same if is_equal(booking, entry)]
        # An entry that we sent may have been booked differently: the read-back tells. An entry that
        # somebody else made is only adopted if it equals what we would have sent.
        sent = [entry for entry in same if self._is_made_by_us(entry)]
        if self.asked_at:
            sent = same or [entry for entry in found if self._is_answer(booking, entry)]
        candidates = sent if len(sent) == 1 else equal
        if len(candidates) == 1:
            self._adopt(candidates[0])
        elif may_still_come(self.asked_at, fields.Datetime.now()):
            # Too early to say that it is not there, or that it is none of these.
            self._look_again(self.asked_at)
        elif found:
            self._ask_which(found)
        else:
            self._not_there()

    def _look_again(self, asked_at):
        """Look soon whether what Exact was asked for is there, at last when it must be visible."""
        self.next_try = min(fields.Datetime.now() + timedelta(minutes=1), asked_at + VISIBILITY)

    def _is_answer(self, booking, entry):
        """Whether Exact made this entry when it was asked for ours: then it is ours, even if its
        amount is not what was sent.
        """
        return self._came_when_asked(entry) and differs_in_size_only(booking, entry)

    def _came_when_asked(self, entry):
        """Whether Exact made this entry about when it was asked for ours."""
        return is_about(self.asked_at, naive(entry.created))

    def _missed(self, found):
        """The exports that Exact was asked for and whose entry it should show by now, but does not.

        :param found: {export: entries that carry its reference}
        """
        now = fields.Datetime.now()
        late = self.filtered(
            lambda export: export.asked_at and not may_still_come(export.asked_at, now),
        )
        others = late._entries_of_others(found)
        return late.filtered(lambda export: all(
            entry.entry_id in others[export] for entry in found.get(export, ())
        ))

    def _adopt(self, entry):
        """Take an entry of Exact for this document's; it is read back like any other."""
        self._go(
            'found',
            # If Exact was not asked for the entry (or has refused it) and our user has not made it,
            # it is somebody else's, and theirs to change and to delete.
            is_linked=not self.asked_at and not self._is_made_by_us(entry),
            exact_guid=entry.entry_id,
            entry_number=entry.entry_number or 0,
            invoice_number=entry.invoice_number or 0,
            sent_at=fields.Datetime.now(),
            next_try=False,
            has_difference=False,
            read_back=self._read_text(entry),
        )
        self.env['exact.entry'].search([
            ('division_id', '=', self.division_id.id), ('exact_guid', '=', entry.entry_id),
        ]).unlink()
        self._log_attempt('look_up', 'done', str(entry.entry_number or ''))

    def _is_made_by_us(self, entry):
        """Whether the user of our connection made the entry when this database was another: then it
        was sent from here, and a restored backup knows nothing of it.
        """
        user_guid = self.division_id.connection_id.sudo().exact_user_guid
        if not user_guid or entry.creator != user_guid or not entry.created:
            return False
        queue = self.env['exact.export.queue']._of(self.division_id)
        created = entry.created.replace(tzinfo=None)
        return bool(queue.forgotten_until) and (
            queue.forgotten_since - CLOCKS_DIFFER <= created
            <= queue.forgotten_until + CLOCKS_DIFFER
        )

    def _link_to(self, one, guid, number, relation_guid):
        """Take an entry that a person chose for this document's; nothing is sent.

        :param Built one: the document as it would be booked
        :param guid: of the entry, and `number`, `relation_guid` as Exact has them
        """
        self.ensure_one()
        booking = one.booking
        relation = self.env['exact.relation'].search([
            ('division_id', '=', self.division_id.id), ('exact_guid', '=', relation_guid),
        ], limit=1)
        if booking.relation in one.new_relations.values() and relation:
            # The person has just said who the partner is in Exact.
            booking = replace(booking, relation=relation.exact_guid)
            self.env['exact.partner.mapping']._remember(
                self.division_id, self.move_id.commercial_partner_id, relation,
            )
        self.finding_ids.unlink()
        one = replace(one, booking=booking)
        ids = self._ids_in_exact(self.division_id, [one])
        self._keep_lines({self: one}, ids)
        self._go('linked', **{
            **self._booking_values(one, ids),
            'is_linked': True,
            'exact_guid': guid,
            'entry_number': number,
            'relation_id': relation.id,
            'sent_at': fields.Datetime.now(),
            'next_try': False,
            'has_difference': False,
        })
        self.env['exact.entry'].search([
            ('division_id', '=', self.division_id.id), ('exact_guid', '=', guid),
        ]).unlink()

    def _ask_which(self, found):
        """Entries that may be this document's, or another's: a person looks at them."""
        code = 'several_entries' if len(found) > 1 else 'entry_exists'
        booking = from_dict(self.booking)
        if booking.kind == 'sale' and not self.asked_at and all(
            carries_reference(booking, entry)
            and booking.relation not in ('', entry.relation, stand_in(self.partner_id.id))
            for entry in found
        ):
            code = 'number_taken'
        notes = self._noted(found)
        # What was most likely sent from here, or carries the reference in another line only, is not
        # found by the reference of its note: nothing is sent before a person has answered.
        came = {entry.entry_id for entry in found if self._came_when_asked(entry)}
        notes.filtered(
            lambda note: note.exact_guid in came or note.reference_key != self.reference_key,
        ).move_id = self.move_id
        self._set_findings([Problem(code, params={
            'reference': booking.your_ref,
            'entries': several(self._entry_note(entry) for entry in found),
            'guids': [entry.entry_id for entry in found],
        }, target=('exact.entry', notes[:1].id))])
        self._log_attempt('look_up', 'refused', self.finding_ids[:1]._note())
        self._go('refused', next_try=False)

    def _noted(self, found):
        """The notes of entries that are no export's, made where there are none."""
        self._note_strangers(self.division_id, found)
        return self.env['exact.entry'].search([
            ('division_id', '=', self.division_id.id),
            ('exact_guid', 'in', [entry.entry_id for entry in found]),
        ])

    @api.model
    def _entry_note(self, entry):
        """An entry of Exact as a person would name it, as a parameter of a finding."""
        return note(
            'attempt/entry', number=entry.entry_number or "?", date=day(entry.entry_date),
            amount=money(abs(amount_of(entry)), entry.currency),
        )

    def _not_there(self):
        """Exact has no such entry."""
        # A note of it is out of date: somebody deleted the entry.
        self.env['exact.entry'].search([
            ('division_id', '=', self.division_id.id), ('reference', '=', self.reference),
        ]).filtered(lambda entry: entry._is_of(from_dict(self.booking))).unlink()
        self._log_attempt('look_up', 'done', note('attempt/not_there'))
        if self._is_said_to_be_there():
            # Exact said otherwise: not asked for once more before a person has looked.
            self._go('refused', next_try=False)
            return
        if not self.asked_at or self._may_try_again():
            self._go('not_found', next_try=False)
            return
        # Another attempt would end the same way: a person decides.
        self._set_findings([self._given_up()])
        self._go('refused', next_try=False)

    def _entries_of_others(self, found):
        """Which of the entries that were found belong to other exports already, also to exports
        that are over: a reversed entry is still in Exact, and so is its reversal.

        :param found: {export: [booking.ReadEntry]}
        :return: {export: set of GUIDs}
        """
        guids = {entry.entry_id for entries in found.values() for entry in entries}
        owners = defaultdict(set)
        for export in self.search([
            '|', ('exact_guid', 'in', list(guids)), ('reversal_guid', 'in', list(guids)),
        ]):
            owners[export.exact_guid].add(export)
            if export.reversal_guid:
                # A reversal is no export's own entry, not even that of the export it belongs to.
                owners[export.reversal_guid].add(None)
        return {
            export: {guid for guid in guids if owners[guid] - {export}} for export in self
        }

    def _look_up(self, division, client):
        """Entries in Exact that carry our references, in our journals and years.

        :return: {export: [booking.ReadEntry]}; exports without any are left out
        """
        bookings = {export: from_dict(export.booking) for export in self}
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
            entries |= self._read_entries(client, division, batch)
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

    @api.model
    def _rows_by_entry(self, rows):
        """Rows of TransactionLines as Python values, by the GUID of their entry."""
        by_entry = defaultdict(list)
        for row in rows:
            by_entry[wire.as_guid(row['EntryID'])].append(_decoded(row))
        return by_entry

    @api.model
    def _gl_types(self, division):
        """Type of each G/L account of the division, by GUID."""
        return {
            row['exact_guid']: row['gl_type']
            for row in self.env['exact.gl.account'].with_context(active_test=False).search_read(
                [('division_id', '=', division.id)], ['exact_guid', 'gl_type'],
            )
        }

    @api.model
    def _read_entries(self, client, division, guids):
        """Read entries of Exact's ledger in bulk.

        :param guids: of the entries, as many as fit into one call.
        :return: {guid: booking.ReadEntry}
        """
        if not guids:
            return {}
        by_entry = self._rows_by_entry(client.get(
            'bulk/Financial/TransactionLines', select=['ID', *READ_FIELDS],
            filter=odata.any_of('EntryID', [odata.guid(guid) for guid in sorted(guids)]),
        ))
        gl_types = self._gl_types(division)
        self._keep_entry_lines(by_entry)
        return {guid: read_entry(entry, gl_types) for guid, entry in by_entry.items()}

    @api.model
    def _keep_entry_lines(self, by_entry):
        """Remember the ids of ledger lines: Exact names those when somebody deletes an entry."""
        exports = {
            export.exact_guid: export
            for export in self.search([('exact_guid', 'in', list(by_entry))])
        }
        ids = {export.id for export in exports.values()}
        self.env['exact.export.entry.line'].search([('export_id', 'in', list(ids))]).unlink()
        self.env['exact.export.entry.line'].create([
            {'export_id': exports[guid].id, 'exact_guid': wire.as_guid(row['ID'])}
            for guid, rows in by_entry.items() if guid in exports
            for row in rows
        ])

    # === READ BACK === #

    @api.model
    def _verify_sent(self, division, client):
        """Read back what was sent and compare all of it.

        Entries that were sent since the last look are read with the changes of the journals, up to
        1,000 lines with one call. Older ones, and those that the journals do not show as meant, are
        read by their ids.

        :return: whether time ran out before all were compared
        """
        sent = self._due_for_reading(division)
        queue = self.env['exact.export.queue']._of(division)
        if queue.looked_at and any(
            not export.is_linked and export.sent_at and export.sent_at >= queue.looked_at
            for export in sent
        ):
            # One call for however many, that tells what others have booked meanwhile, too.
            self._look(division, client)
            sent = self._due_for_reading(division)
        if sent:
            self._read_open_items(division, client, sent)
        for batch in sent._batches(READ_BATCH):
            entries = self._read_entries(client, division, set(batch.mapped('exact_guid')))
            # The ids of the lines are committed, whatever happens in the comparison.
            entries = batch._completed(client, entries)
            self._commit_half()
            batch._compare_each(entries)
            if not self._commit():
                return True
        return False

    @api.model
    def _due_for_reading(self, division):
        """The exports that Exact has booked and that were not read back yet."""
        return self._due(division, 'read_back', order='id')

    def _compare_each(self, entries, *, is_final=True):
        """Compare these; one document's trouble is no other's."""
        self._each_by_itself(
            lambda exports: exports._compare(entries, is_final=is_final),
            lambda export, error: export._read_failed('verify', error),
        )

    def _compare(self, entries, *, is_final=True):
        """Compare the bookings with the entries in Exact; each export ends verified or with
        findings.

        :param entries: {GUID: booking.ReadEntry}
        :param bool is_final: False where the entries may have been read in part: then only equal
            ones count.
        """
        verified, different = self.browse(), self.browse()
        queue = self.env['exact.export.queue']._of(self.division_id) if self else None
        for export in self:
            read = entries.get(export.exact_guid)
            differences = export._differences(read)
            if not differences and export._waits_for_terms(read, queue):
                export.next_try = fields.Datetime.now() + timedelta(minutes=1)
            elif not differences:
                verified |= export
            elif not is_final:
                continue
            elif read is None and export.sent_at > fields.Datetime.now() - PATIENCE:
                export.next_try = fields.Datetime.now() + timedelta(minutes=1)
            else:
                export._differs(differences, read)
                different |= export
        verified._verified(entries)
        different._hold_if_too_many()

    def _differences(self, read):
        """The differences between the booking and Exact's entry; for an entry that a person linked,
        only those by which it is not this document's at all.
        """
        booking = from_dict(self.booking)
        differences = compare(booking, read)
        if self.is_linked:
            return link_differences(booking, read)
        if not differences and self._is_no_credit_note(booking, read):
            return (Difference('credit_note_type', None, read.type),)
        return differences

    def _hold_if_too_many(self):
        """Stop sending if Exact books something else than was sent. Once, it may be the fault of
        one document; several times, or in another administration, it is not.
        """
        for division in self.division_id:
            mine = self.filtered(lambda export, own=division: export.division_id == own)
            if any(finding.code == 'read_back' and finding.params.get('field') == 'division'
                   for finding in mine.finding_ids):
                division._hold_by_itself('other_division', document=mine[0].display_name)
                continue
            since = [('differs_since', '>', division.released_at)] if division.released_at else []
            count = self.search_count([
                ('division_id', '=', division.id), ('state', '=', 'sent'),
                ('has_difference', '=', True), *since,
            ])
            if division.hold_after and count >= division.hold_after:
                division._hold_by_itself('differences', count=count)

    @api.model
    def _is_no_credit_note(self, booking, read):
        """Whether Exact took a credit note for an invoice with negative amounts: it wants the other
        of the two styles."""
        return booking.is_refund and booking.total < 0 and read.type in (20, 30)

    def _differs(self, differences, read):
        """Exact's books differ from the booking: add findings that block, and never call it
        verified.
        """
        self.ensure_one()
        own_sentence = {
            'missing_entry': Problem('missing_entry'),
            'credit_note_type': Problem(
                'credit_note_type', target=('exact.division', self.division_id.id),
            ),
        }
        known = self._differences_told()
        self._set_findings([
            own_sentence.get(difference.field) or Problem(
                'read_back', params={
                    'field': difference.field,
                    'meant': self._shown(difference.meant), 'found': self._shown(difference.found),
                },
            )
            for difference in differences
        ])
        values = {
            'has_difference': True,
            'read_back': self._read_text(read),
            'modified_at': read and floor(read.modified),
        }
        # If an entry is read once more and has the same differences, a queue that a person released
        # is not held again.
        if not self._differs_since_sent() or known != self._differences_told():
            values['differs_since'] = fields.Datetime.now()
        self.write(values)
        self._log_attempt('verify', 'refused', self.finding_ids[:1]._note())

    def _differences_told(self):
        return sorted(
            (finding.code, json.dumps(finding.params, sort_keys=True))
            for finding in self.finding_ids if finding.severity == 'blocks'
        )

    def _differs_since_sent(self):
        return bool(
            self.differs_since and (not self.sent_at or self.differs_since >= self.sent_at),
        )

    def _verified(self, entries):
        """Exact's books agree with the documents."""
        if not self:
            return
        now = fields.Datetime.now()
        # An entry that was verified before and is only read again is not announced again.
        news = self.filtered(
            lambda export: not export.verified_at or export.verified_at < export.sent_at,
        )
        self.finding_ids.filtered(
            lambda finding: finding.severity == 'blocks' and finding.code not in _KEPT_CODES,
        ).unlink()
        for export in self:
            read = entries[export.exact_guid]
            export._go(
                'read_equal',
                verified_at=now,
                entry_number=read.entry_number or export.entry_number,
                invoice_number=read.invoice_number or export.invoice_number,
                read_back=self._read_text(read),
                modified_at=floor(read.modified),
                next_try=False,
                **export._proof_values(read),
            )
            export._note_conversion(read)
            if export.move_id.state == 'cancel' or export._is_outdated():
                # The document was edited while its entry was under way: the entry equals what was
                # sent, but not the document as it is now.
                export.pending_action = 'recheck'
                export._trigger_worker()
        self._log_attempt('verify', 'done')
        for export in self:
            export._number_document()
        news.move_id._message_log_batch(bodies={
            export.move_id.id: export._verified_text() for export in news
        })
        linked = self.filtered('is_linked')
        if linked:
            # A look through the journals may have noted them while they were being linked.
            self.env['exact.entry'].search([
                ('division_id', 'in', linked.division_id.ids),
                ('exact_guid', 'in', linked.mapped('exact_guid')),
            ]).unlink()
        self._tell_doubles()

    def _note_conversion(self, read):
        """Say where Exact's conversion into the currency of its books differs by cents."""
        self.ensure_one()
        if not self.booking.get('own_total'):
            return
        self.finding_ids.filtered(lambda finding: finding.code == 'conversion_cents').unlink()
        booking = from_dict(self.booking)
        difference = own_difference(booking, read)
        if difference:
            own = self.company_id.currency_id
            self._add_findings({self: [Problem('conversion_cents', 'informs', {
                'currency': own.name, 'document_currency': booking.currency,
                'meant': self._shown(booking.own_total),
                'found': self._shown(booking.own_total + difference),
            })]})

    def _verified_text(self):
        """What the document's chatter says when its entry is proved."""
        self.ensure_one()
        values = {
            'number': self.entry_number, 'journal': self.journal_id.code,
            'division': self.division_id.display_name,
        }
        if self.is_linked:
            return self.env._(
                "Linked to entry %(number)s in Exact, journal %(journal)s of %(division)s; "
                "relation and amounts are equal.", **values,
            )
        text = self.env._(
            "Booked in Exact as %(number)s, journal %(journal)s of %(division)s; "
            "read back and equal.", **values,
        )
        if not self.unproved:
            return text
        return self.env._(
            "%(text)s Not proved, since Exact does not tell it: %(names)s.",
            text=text, names=self.unproved_text,
        )

    def _number_document(self):
        """Where Exact numbers, its number is what the customer pays by."""
        self.ensure_one()
        if self.division_id.numbering != 'exact' or self.kind != 'sale':
            return
        if self._has_own_number():
            return
        reference = self.move_id.payment_reference or ''
        # The number of an entry that is gone is nothing to come back to.
        gone = self.move_id.exact_export_ids.filtered(
            lambda export: export.state == 'deleted' and export._has_own_number()
            and export.previous_payment_reference is not False
        )[:1]
        self.previous_payment_reference = gone.previous_payment_reference if gone else reference
        self.move_id.payment_reference = str(self.invoice_number or self.entry_number)

    def _has_own_number(self):
        """Whether the document is paid by the number that Exact gave it."""
        return self.move_id.payment_reference == str(self.invoice_number or self.entry_number)

    @api.model
    def _shown(self, value):
        """A compared value, as a parameter of a finding; records by their names."""
        if isinstance(value, tuple):
            return [self._shown(part) for part in value]
        if isinstance(value, str) and len(value) == GUID_LENGTH:
            for model in ('exact.gl.account', 'exact.relation', 'exact.project'):
                record = self.env[model].with_context(active_test=False).search(
                    [('exact_guid', '=', value)], limit=1,
                )
                if record:
                    return record.display_name
        return as_param(value)

    @api.model
    def _kept(self, value):
        """A value of a difference as it is stored, to be told in the reader's language."""
        return self._shown(value)

    @api.model
    def _read_text(self, read):
        """What was read back, for people and auditors."""
        if read is None:
            return ''
        return json.dumps(asdict(read), default=plain_text)

    # === DELETED IN EXACT === #

    @api.model
    def _deleted_in_exact(self, division, line_guids):
        """Ledger lines were deleted in Exact: the worker looks whether their entries still are
        there, for an edit may give an entry other lines.

        :param line_guids: ids of TransactionLines that `sync/Deleted` names.
        """
        lines = self.env['exact.export.entry.line'].search([
            ('exact_guid', 'in', list(line_guids)), ('export_id.division_id', '=', division.id),
            ('export_id.state', 'in', BOOKED_STATES),
        ])
        if lines:
            lines.export_id.write({'lines_deleted': True, 'next_try': False})
            lines.export_id._trigger_worker()
        if set(line_guids) - set(lines.mapped('exact_guid')):
            # The lines may be of entries that people were asked about, and told to delete.
            self._ask_anew(division)
            self._doubt_doubles([('division_id', '=', division.id)])

    @api.model
    def _look_at_deleted(self, division, client):
        """Look whether entries whose lines were deleted are gone, many with one call."""
        for batch in self._due(division, 'look_at_deleted')._batches(READ_BATCH):
            entries = self._read_entries(client, division, set(batch.mapped('exact_guid')))
            doubles = batch.filtered('is_double')._doubles()
            self._read_notes(division, client, self.env['exact.entry'].union(*doubles.values()))
            # What was read is committed, whatever happens with one document.
            self._commit_half()
            batch._each_by_itself(
                lambda exports, entries=entries: exports._settle_deleted(entries),
                lambda export, error: export._read_failed('look_up', error),
            )
            self._commit()

    def _settle_deleted(self, entries):
        """Settle whether the entries of these are gone.

        :param entries: {GUID: booking.ReadEntry} of those that are still there
        """
        self.lines_deleted = False
        for export in self:
            if export.state not in BOOKED_STATES or export.pending_action == 'undo':
                # Undo takes the file along and puts back what the export changed in Odoo.
                continue
            if export.pending_action == 'update' and export.replacing_since:
                # We delete it ourselves, and the update goes on from there.
                continue
            read = entries.get(export.exact_guid)
            if (
                not read and export.state == 'sent' and not export.has_difference
                and export.sent_at and export.sent_at > fields.Datetime.now() - PATIENCE
            ):
                # It was booked just now and never seen yet: Exact may have it without showing it.
                export.write({
                    'lines_deleted': True, 'next_try': fields.Datetime.now() + timedelta(minutes=1),
                })
                continue
            if read and export.is_double and not export._differences(read):
                continue
            if read:
                # Still there, but not as it was: it is read back anew.
                export._go('read_again', has_difference=False)
                continue
            export._gone()

    def _gone(self):
        """Somebody deleted the entry in Exact."""
        self._go('gone_from_exact', pending_action=False)
        self._set_findings([Problem('deleted_in_exact', 'warns')])
        self.move_id._message_log(body=self.env._(
            "Somebody deleted entry %s in Exact.", self.entry_number,
        ))

    def _batches(self, size):
        return (self.browse(ids) for ids in split_every(size, self.ids))


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def _on_deleted(self, entity_type, guids):
        result = super()._on_deleted(entity_type, guids)
        if entity_type == TRANSACTION_LINES:
            self.env['exact.export']._deleted_in_exact(self, set(guids))
        return result
