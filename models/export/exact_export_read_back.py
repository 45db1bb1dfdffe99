"""Reading back: whether Exact's ledger has what was meant of the entries that were sent."""

import json
from collections import defaultdict
from dataclasses import asdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import split_every

from ...booking import (
    READ_FIELDS,
    Difference,
    compare,
    from_dict,
    own_difference,
    read_entry,
)
from ...booking.link import link_differences
from ...exact_api import (
    odata,
    wire,
)
from ..base.exact_clock import floor
from ..base.exact_note import value as as_param
from ..base.exact_problem import Problem
from ..work.exact_operation import GUID_LENGTH
from .exact_export import ENTRY

# Entries read back with one call; keeps the address of the call below 4 kB.
READ_BATCH = 40
# How long an entry that Exact says it has booked may be missing in its ledger.
PATIENCE = timedelta(minutes=10)
# How long to wait after a question that failed, or an answer that was of no use.
ASK_AGAIN = timedelta(minutes=30)
# Findings of refusals: they stay though the entry is proved.
_KEPT_CODES = (
    'already_processed', 'undo_refused', 'reversal_refused', 'change_unanswered', 'kept_by_period',
)

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


def plain_text(value):
    """What json cannot write, as text."""
    return str(value)


class ExactExportProof(models.AbstractModel):
    _name = 'exact.export.proof'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: Reading Back"

    @api.private
    def rows_by_entry(self, rows):
        """Rows of TransactionLines as Python values, by the GUID of their entry."""
        by_entry = defaultdict(list)
        for row in rows:
            by_entry[wire.as_guid(row['EntryID'])].append(_decoded(row))
        return by_entry

    @api.private
    def gl_types(self, division):
        """Type of each G/L account of the division, by GUID."""
        return {
            row['exact_guid']: row['gl_type']
            for row in self.env['exact.gl.account'].with_context(active_test=False).search_read(
                [('division_id', '=', division.id)], ['exact_guid', 'gl_type'],
            )
        }

    @api.private
    def read_entries(self, client, division, guids):
        """Read entries of Exact's ledger in bulk.

        :param guids: of the entries, as many as fit into one call.
        :return: {guid: booking.ReadEntry}
        """
        if not guids:
            return {}
        by_entry = self.rows_by_entry(client.get(
            'bulk/Financial/TransactionLines', select=['ID', *READ_FIELDS],
            filter=odata.any_of('EntryID', [odata.guid(guid) for guid in sorted(guids)]),
        ))
        gl_types = self.gl_types(division)
        self.keep_entry_lines(by_entry)
        return {guid: read_entry(entry, gl_types) for guid, entry in by_entry.items()}

    @api.private
    def keep_entry_lines(self, by_entry):
        """Remember the ids of ledger lines: Exact names those when somebody deletes an entry."""
        exports = {
            export.exact_guid: export
            for export in self.env['exact.export'].search([('exact_guid', 'in', list(by_entry))])
        }
        ids = {export.id for export in exports.values()}
        self.env['exact.export.entry.line'].search([('export_id', 'in', list(ids))]).unlink()
        self.env['exact.export.entry.line'].create([
            {'export_id': exports[guid].id, 'exact_guid': wire.as_guid(row['ID'])}
            for guid, rows in by_entry.items() if guid in exports
            for row in rows
        ])

    # === READ BACK === #

    @api.private
    def verify_sent(self, division, client):
        """Read back what was sent and compare all of it.

        Entries that were sent since the last look are read with the changes of the journals, up to
        1,000 lines with one call. Older ones, and those that the journals do not show as meant, are
        read by their ids.

        :return: whether time ran out before all were compared
        """
        sent = self.due_for_reading(division)
        queue = self.env['exact.export.queue'].of(division)
        if queue.looked_at and any(
            not export.is_linked and export.sent_at and export.sent_at >= queue.looked_at
            for export in sent
        ):
            # One call for however many, that tells what others have booked meanwhile, too.
            self.env['exact.export.look'].look(division, client)
            sent = self.due_for_reading(division)
        if sent:
            self.read_open_items(division, client, sent)
        for batch in self.batches(sent, READ_BATCH):
            entries = self.read_entries(client, division, set(batch.mapped('exact_guid')))
            doubles = self.env['exact.export.alike'].doubles(batch.filtered('is_double'))
            self.env['exact.export.alike'].read_notes(
                division, client, self.env['exact.entry'].union(*doubles.values())
            )
            # The ids of the lines are committed, whatever happens in the comparison.
            entries = self.completed(batch, client, entries)
            self.env['exact.export'].commit_half()
            self.compare_each(batch, entries)
            if not self._commit():
                return True
        return False

    @api.private
    def due_for_reading(self, division):
        """The exports that Exact has booked and that were not read back yet."""
        return self._due(division, 'read_back', order='id')

    @api.private
    def compare_each(self, exports, entries, *, is_final=True):
        """Compare these; one document's trouble is no other's."""
        self._each_by_itself(
            exports,
            lambda exports: self._compare(exports, entries, is_final=is_final),
            lambda export, error: self.env['exact.export.doubt'].read_failed(
                export, 'verify', error
            ),
        )

    def _compare(self, exports, entries, *, is_final=True):
        """Compare the bookings with the entries in Exact; each export ends verified or with
        findings.

        :param entries: {GUID: booking.ReadEntry}
        :param bool is_final: False where the entries may have been read in part: then only equal
            ones count.
        """
        verified, different = exports.browse(), exports.browse()
        queue = self.env['exact.export.queue'].of(exports.division_id) if exports else None
        for export in exports:
            read = entries.get(export.exact_guid)
            differences = self._differences(export, read)
            if not differences and self._waits_for_terms(export, read, queue):
                export.next_try = fields.Datetime.now() + timedelta(minutes=1)
            elif not differences:
                verified |= export
            elif not is_final:
                continue
            elif read is None and not self.was_seen(export) and (
                export.sent_at > fields.Datetime.now() - PATIENCE
            ):
                export.next_try = fields.Datetime.now() + timedelta(minutes=1)
            elif read is None and export.read_back:
                self.env['exact.export.journals'].gone(export)
            else:
                self.differs(export, differences, read)
                different |= export
        self._verified(verified, entries)
        self._hold_if_too_many(different)

    def _differences(self, export, read):
        """The differences between the booking and Exact's entry; for an entry that a person linked,
        only those by which it is not this document's at all.
        """
        booking = from_dict(export.booking)
        if export.is_linked:
            return link_differences(booking, read)
        differences = compare(booking, read)
        if not differences and self._is_no_credit_note(booking, read):
            return (Difference('credit_note_type', None, read.type),)
        return differences

    def _hold_if_too_many(self, exports):
        """Stop sending if Exact books something else than was sent. Once, it may be the fault of
        one document; several times, or in another administration, it is not.
        """
        for division in exports.division_id:
            mine = exports.filtered(lambda export, own=division: export.division_id == own)
            if any(finding.code == 'read_back' and finding.params.get('field') == 'division'
                   for finding in mine.finding_ids):
                division.hold_by_itself('other_division', document=mine[0].display_name)
                continue
            since = [('differs_since', '>', division.released_at)] if division.released_at else []
            count = exports.search_count([
                ('division_id', '=', division.id), ('state', '=', 'sent'),
                ('has_difference', '=', True), *since,
            ])
            if division.hold_after and count >= division.hold_after:
                division.hold_by_itself('differences', count=count)

    def _is_no_credit_note(self, booking, read):
        """Whether Exact took a credit note for an invoice with negative amounts: it wants the other
        of the two styles."""
        return booking.is_refund and booking.total < 0 and read.type in (20, 30)

    @api.private
    def differs(self, export, differences, read):
        """Exact's books differ from the booking: add findings that block, and never call it
        verified.
        """
        export.ensure_one()
        own_sentence = {
            'missing_entry': Problem('missing_entry'),
            'credit_note_type': Problem(
                'credit_note_type', target=('exact.division', export.division_id.id),
            ),
        }
        known = self._differences_told(export)
        export._set_findings([
            own_sentence.get(difference.field) or Problem(
                'read_back', params={
                    'field': difference.field,
                    'meant': self.shown(difference.meant), 'found': self.shown(difference.found),
                },
            )
            for difference in differences
        ])
        values = {
            'has_difference': True,
            'read_back': self.read_text(read),
            'modified_at': read and floor(read.modified),
        }
        # If an entry is read once more and has the same differences, a queue that a person released
        # is not held again.
        if not self._differs_since_sent(export) or known != self._differences_told(export):
            values['differs_since'] = fields.Datetime.now()
        export.write(values)
        export.log_attempt('verify', 'refused', export.finding_ids[:1].as_note())

    def _differences_told(self, exports):
        return sorted(
            (finding.code, json.dumps(finding.params, sort_keys=True))
            for finding in exports.finding_ids if finding.severity == 'blocks'
        )

    @api.private
    def was_seen(self, export):
        """Whether Exact's books have shown the entry since it was sent or changed."""
        return bool(export.read_back) and (
            bool(export.verified_at and export.verified_at >= export.sent_at)
            or self._differs_since_sent(export)
        )

    def _differs_since_sent(self, export):
        return bool(
            export.differs_since and (not export.sent_at or export.differs_since >= export.sent_at),
        )

    def _verified(self, exports, entries):
        """Exact's books agree with the documents."""
        if not exports:
            return
        now = fields.Datetime.now()
        # An entry that was verified before and is only read again is not announced again.
        news = exports.filtered(
            lambda export: not export.verified_at or export.verified_at < export.sent_at,
        )
        exports.finding_ids.filtered(
            lambda finding: finding.severity == 'blocks' and finding.code not in _KEPT_CODES,
        ).unlink()
        for export in exports:
            read = entries[export.exact_guid]
            export._go(
                'read_equal',
                verified_at=now,
                entry_number=read.entry_number or export.entry_number,
                invoice_number=read.invoice_number or export.invoice_number,
                read_back=self.read_text(read),
                modified_at=floor(read.modified),
                next_try=False,
                **self._proof_values(export, read),
            )
            self._note_conversion(export, read)
            if export.move_id.state == 'cancel' or self.env['exact.export.send'].is_outdated(
                export
            ):
                # The document was edited while its entry was under way: the entry equals what was
                # sent, but not the document as it is now.
                export.pending_action = 'recheck'
                export.trigger_worker()
        self._prove_operations(exports)
        exports.log_attempt('verify', 'done')
        for export in exports:
            self._number_document(export)
        news.move_id._message_log_batch(bodies={
            export.move_id.id: self._verified_text(export) for export in news
        })
        linked = exports.filtered('is_linked')
        if linked:
            # A look through the journals may have noted them while they were being linked.
            self.env['exact.entry'].search([
                ('division_id', 'in', linked.division_id.ids),
                ('exact_guid', 'in', linked.mapped('exact_guid')),
            ]).unlink()
        self.env['exact.export.alike'].tell_doubles(exports)

    def _prove_operations(self, exports):
        """What Exact was asked for, to make these entries and to change them, its books show."""
        exports.operation_ids.filtered(lambda operation: operation.state == 'answered' and (
            (operation.verb, operation.part) == ENTRY or operation.changes_entry()
        ))._go('proved')

    def _note_conversion(self, export, read):
        """Say where Exact's conversion into the currency of its books differs by cents."""
        export.ensure_one()
        if not export.booking.get('own_total'):
            return
        export.finding_ids.filtered(lambda finding: finding.code == 'conversion_cents').unlink()
        booking = from_dict(export.booking)
        difference = own_difference(booking, read)
        if difference:
            own = export.company_id.currency_id
            export._add_findings({export: [Problem('conversion_cents', 'informs', {
                'currency': own.name, 'document_currency': booking.currency,
                'meant': self.shown(booking.own_total),
                'found': self.shown(booking.own_total + difference),
            })]})

    def _verified_text(self, export):
        """What the document's chatter says when its entry is proved."""
        export.ensure_one()
        values = {
            'number': export.entry_number, 'journal': export.journal_id.code,
            'division': export.division_id.display_name,
        }
        if export.is_linked:
            return self.env._(
                "Linked to entry %(number)s in Exact, journal %(journal)s of %(division)s; "
                "relation and amounts are equal.", **values,
            )
        text = self.env._(
            "Booked in Exact as %(number)s, journal %(journal)s of %(division)s; "
            "read back and equal.", **values,
        )
        if not export.unproved:
            return text
        return self.env._(
            "%(text)s Not proved, since Exact does not tell it: %(names)s.",
            text=text, names=export.unproved_text,
        )

    def _number_document(self, export):
        """Where Exact numbers, its number is what the customer pays by."""
        export.ensure_one()
        if export.division_id.numbering != 'exact' or export.kind != 'sale':
            return
        if self.has_own_number(export):
            return
        reference = export.move_id.payment_reference or ''
        # The number of an entry that is gone is nothing to come back to.
        gone = export.move_id.exact_export_ids.filtered(
            lambda export: export.state == 'deleted' and self.has_own_number(export)
            and export.previous_payment_reference is not False
        )[:1]
        export.previous_payment_reference = gone.previous_payment_reference if gone else reference
        export.move_id.payment_reference = str(export.invoice_number or export.entry_number)

    @api.private
    def has_own_number(self, export):
        """Whether the document is paid by the number that Exact gave it."""
        return export.move_id.payment_reference == str(export.invoice_number or export.entry_number)

    @api.private
    def shown(self, value):
        """A compared value, as a parameter of a finding; records by their names."""
        if isinstance(value, tuple):
            return [self.shown(part) for part in value]
        if isinstance(value, str) and len(value) == GUID_LENGTH:
            for model in ('exact.gl.account', 'exact.relation', 'exact.project'):
                record = self.env[model].with_context(active_test=False).search(
                    [('exact_guid', '=', value)], limit=1,
                )
                if record:
                    return record.display_name
        return as_param(value)

    @api.private
    def read_text(self, read):
        """What was read back, for people and auditors."""
        if read is None:
            return ''
        return json.dumps(asdict(read), default=plain_text)

    @api.private
    def batches(self, exports, size):
        return (exports.browse(ids) for ids in split_every(size, exports.ids))
