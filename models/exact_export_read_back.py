"""Reading Exact's ledger: to find what got no answer, to prove what did, to see what was deleted.
"""

import json
from collections import defaultdict
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import split_every
from odoo.tools.misc import format_date, formatLang

from ..booking import (
    READ_FIELDS,
    Difference,
    compare,
    from_dict,
    is_ledger_only,
    read_entry,
)
from ..booking.payload import has_reference
from ..exact_api import (
    MalformedAnswer,
    NotFound,
    Rejected,
    odata,
    wire,
)
from .exact_booking_builder import Problem, stand_in
from .exact_error_text import explain
from .exact_export import BOOKED_STATES
from .exact_export_worker import MAX_ATTEMPTS, plain_text

# Entries read back with one call; keeps the address of the call below 4 kB.
READ_BATCH = 40
# Characters of a GUID as text.
GUID_LENGTH = 36
# After this a claimed export has lost its worker.
CLAIM_TIMEOUT = timedelta(minutes=15)
# How long Exact may take to show an entry that it has booked.
VISIBILITY = timedelta(minutes=2)
# EntityType of TransactionLines in sync/Deleted.
TRANSACTION_LINES = 1

_DATES = {'Date', 'DueDate'}
_NUMBERS = {
    'EntryNumber', 'Division', 'FinancialYear', 'FinancialPeriod', 'InvoiceNumber', 'Status',
    'Type', 'LineNumber',
}
_AMOUNTS = {'AmountFC', 'AmountVATFC', 'ExchangeRate'}


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
        result[name] = value
    return result


class ExactExport(models.Model):
    _inherit = 'exact.export'

    # === DOUBT === #

    @api.model
    def _recover_claims(self, division):
        """What a worker claimed and never finished may or may not be in Exact."""
        lost = self.search([
            ('division_id', '=', division.id), ('state', '=', 'sending'),
            ('claimed_at', '<', fields.Datetime.now() - CLAIM_TIMEOUT),
        ]).try_lock_for_update(allow_referencing=True)
        lost.filtered(lambda export: export.state == 'sending').write({
            'state': 'uncertain', 'next_try': False,
        })
        self._commit()

    @api.model
    def _resolve_uncertain(self, division, client):
        """Ask Exact whether it has what we got no answer for; adopt it, or send again."""
        for export in self._due(division, [('state', '=', 'uncertain')], order='id'):
            try:
                found = export._look_up(client)
            except (Rejected, NotFound, MalformedAnswer) as error:
                # The question fails, not the division; it is asked again, and people see why.
                message = explain(self.env, error)
                export._log_attempt('look_up', 'refused', message)
                export._set_findings([Problem('look_up_failed', 'warns', {'message': message})])
                export.next_try = fields.Datetime.now() + timedelta(minutes=30)
                self._commit()
                continue
            ours = [entry for entry in found if not export._other_export(entry.entry_id)]
            right = [
                entry for entry in ours
                if not [d for d in compare(from_dict(export.booking), entry)
                        if d.field not in ('document', 'division')]
            ] if len(ours) > 1 else ours
            if len(right) == 1:
                entry = right[0]
                export.write({
                    'state': 'sent', 'exact_guid': entry.entry_id,
                    'entry_number': entry.entry_number or 0,
                    'invoice_number': entry.invoice_number or 0,
                    'sent_at': fields.Datetime.now(), 'next_try': False,
                    'has_difference': False,
                })
                export._log_attempt('look_up', 'done', str(entry.entry_number or ''))
            elif right or ours:
                export._set_findings([Problem('several_entries', params={
                    'entries': ", ".join(str(entry.entry_number) for entry in ours),
                })])
                export.write({'state': 'refused'})
            elif fields.Datetime.now() - export.claimed_at < VISIBILITY:
                # Too early to say that it is not there.
                export.next_try = fields.Datetime.now() + timedelta(minutes=1)
            else:
                export._log_attempt('look_up', 'done', self.env._("Not in Exact."))
                if export.attempt_count % MAX_ATTEMPTS:
                    export.write({'state': 'ready', 'next_try': False})
                else:
                    # Once more would be for ever: a person decides.
                    export._set_findings([Problem('no_answer', params={
                        'count': export.attempt_count,
                    })])
                    export.write({'state': 'refused', 'next_try': False})
            self._commit()

    def _other_export(self, guid):
        """Whether an entry belongs to another export already. It does even if that one is over: a
        reversed entry is still in Exact, and so is its reversal."""
        return bool(self.search_count([
            ('id', '!=', self.id), '|', ('exact_guid', '=', guid), ('reversal_guid', '=', guid),
        ], limit=1))

    def _look_up(self, client):
        """Entries in Exact that carry our reference, in our journal and year.

        :return: list of booking.ReadEntry
        """
        self.ensure_one()
        booking = from_dict(self.booking)
        terms = [
            odata.eq('JournalCode', booking.journal),
            odata.eq('FinancialYear', booking.year),
            odata.eq('FinancialPeriod', booking.period),
        ]
        if is_ledger_only(booking.kind):
            terms.append(odata.startswith('Description', booking.your_ref))
        else:
            terms.append(odata.eq('YourRef', booking.your_ref))
            if stand_in(self.move_id.commercial_partner_id.id) != booking.relation:
                terms.append(odata.eq('Account', odata.guid(booking.relation)))
        rows = client.get(
            'bulk/Financial/TransactionLines', select=['ID', *READ_FIELDS],
            filter=odata.all_of(*terms),
        )
        guids = {
            wire.as_guid(row['EntryID']) for row in rows
            if not is_ledger_only(booking.kind)
            or has_reference(wire.as_text(row.get('Description')), booking.your_ref)
        }
        return list(self._read_entries(client, self.division_id, guids).values())

    @api.model
    def _read_entries(self, client, division, guids):
        """Read entries of Exact's ledger in bulk.

        :param guids: of the entries, as many as fit into one call.
        :return: {guid: booking.ReadEntry}; their line ids are kept in `lines_of`.
        """
        if not guids:
            return {}
        rows = client.get(
            'bulk/Financial/TransactionLines', select=['ID', *READ_FIELDS],
            filter=odata.any_of('EntryID', [odata.guid(guid) for guid in sorted(guids)]),
        )
        by_entry = defaultdict(list)
        for row in rows:
            by_entry[wire.as_guid(row['EntryID'])].append(_decoded(row))
        gl_types = {
            row['exact_guid']: row['gl_type']
            for row in self.env['exact.gl.account'].with_context(active_test=False).search_read(
                [('division_id', '=', division.id)], ['exact_guid', 'gl_type'],
            )
        }
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
        """Read back what was sent, many entries with one call, and compare all of it."""
        sent = self._due(
            division,
            [
                ('state', '=', 'sent'), ('has_difference', '=', False),
                ('pending_action', '=', False),
            ],
            order='id',
        )
        for batch_ids in split_every(READ_BATCH, sent.ids):
            batch = self.browse(batch_ids)
            entries = self._read_entries(client, division, set(batch.mapped('exact_guid')))
            verified = self.browse()
            for export in batch:
                read = entries.get(export.exact_guid)
                booking = from_dict(export.booking)
                differences = compare(booking, read)
                if not differences and self._is_no_credit_note(booking, read):
                    differences = (Difference('credit_note_type', None, read.type),)
                if not differences:
                    verified |= export
                elif read is None and export.sent_at > fields.Datetime.now() - VISIBILITY * 5:
                    export.next_try = fields.Datetime.now() + timedelta(minutes=1)
                else:
                    export._differs(differences, read)
            verified._verified(entries)
            if not self._commit():
                return

    @api.model
    def _is_no_credit_note(self, booking, read):
        """Whether Exact took a credit note for an invoice with negative amounts: it wants the other
        of the two styles."""
        return booking.is_refund and booking.total < 0 and read.type in (20, 30)

    def _differs(self, differences, read):
        """Exact's books say something else: loud, and never called done."""
        self.ensure_one()
        own_sentence = {
            'missing_entry': Problem('missing_entry'),
            'credit_note_type': Problem(
                'credit_note_type', target=('exact.division', self.division_id.id),
            ),
        }
        self._set_findings([
            own_sentence.get(difference.field) or Problem(
                'read_back', params={
                    'field': difference.field,
                    'meant': self._shown(difference.meant), 'found': self._shown(difference.found),
                },
            )
            for difference in differences
        ])
        self.write({'has_difference': True, 'read_back': self._read_text(read)})
        self._log_attempt('verify', 'refused', self.finding_ids[:1].message)

    def _verified(self, entries):
        """Exact's books say what the documents say."""
        if not self:
            return
        now = fields.Datetime.now()
        self.finding_ids.filtered(lambda finding: finding.severity == 'blocks').unlink()
        for export in self:
            read = entries[export.exact_guid]
            export.write({
                'state': 'verified',
                'verified_at': now,
                'entry_number': read.entry_number or export.entry_number,
                'invoice_number': read.invoice_number or export.invoice_number,
                'read_back': self._read_text(read),
                'next_try': False,
            })
            move = export.move_id
            if move.state == 'cancel' or move.write_date > export.claimed_at:
                # Edited while it was under way: equal to what was meant is not equal to what it is.
                export.pending_action = 'recheck'
                export._trigger_worker()
        self._log_attempt('verify', 'done')
        for export in self:
            export._number_document()
        self.move_id._message_log_batch(bodies={
            export.move_id.id: self.env._(
                "Booked in Exact as %(number)s, journal %(journal)s of %(division)s; "
                "read back and equal.",
                number=export.entry_number, journal=export.journal_id.code,
                division=export.division_id.display_name,
            )
            for export in self
        })

    def _number_document(self):
        """Where Exact numbers, its number is what the customer pays by."""
        self.ensure_one()
        if self.division_id.numbering != 'exact' or self.kind != 'sale':
            return
        if self._has_own_number():
            return
        self.previous_payment_reference = self.move_id.payment_reference or ''
        self.move_id.payment_reference = str(self.invoice_number or self.entry_number)

    def _has_own_number(self):
        """Whether the document is paid by the number that Exact gave it."""
        return self.move_id.payment_reference == str(self.invoice_number or self.entry_number)

    @api.model
    def _shown(self, value):
        """A compared value as a person reads it."""
        if value is None or value == '':
            return self.env._("nothing")
        if isinstance(value, Decimal):
            return formatLang(self.env, float(value))
        if isinstance(value, date):
            return format_date(self.env, value)
        if isinstance(value, tuple):
            return " ".join(self._shown(part) for part in value)
        if isinstance(value, str) and len(value) == GUID_LENGTH:
            for model in ('exact.gl.account', 'exact.relation', 'exact.project'):
                record = self.env[model].with_context(active_test=False).search(
                    [('exact_guid', '=', value)], limit=1,
                )
                if record:
                    return record.display_name
        return str(value)

    @api.model
    def _kept(self, value):
        """A value of a difference as it is stored: amounts are written in the reader's language."""
        return float(value) if isinstance(value, Decimal) else self._shown(value)

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
        exports = lines.export_id.filtered(
            lambda export: export.pending_action in (False, 'recheck'),
        )
        if exports:
            exports.write({'pending_action': 'look', 'next_try': False})
            self._trigger_worker()

    @api.model
    def _look_at_deleted(self, division, client):
        """Look whether entries whose lines were deleted are gone, many with one call."""
        for batch in self._due(division, [('pending_action', '=', 'look')])._batches(READ_BATCH):
            entries = self._read_entries(client, division, set(batch.mapped('exact_guid')))
            for export in batch:
                if entries.get(export.exact_guid):
                    # Still there, but not as it was: it is read back anew.
                    export.write({
                        'state': 'sent', 'has_difference': False, 'pending_action': False,
                    })
                    continue
                export.write({'state': 'deleted', 'pending_action': False})
                export._set_findings([Problem('deleted_in_exact', 'warns')])
                export.move_id._message_log(body=self.env._(
                    "Somebody deleted entry %s in Exact.", export.entry_number,
                ))
            self._commit()

    def _batches(self, size):
        return (self.browse(ids) for ids in split_every(size, self.ids))


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def _on_deleted(self, entity_type, guids):
        result = super()._on_deleted(entity_type, guids)
        if entity_type == TRANSACTION_LINES:
            self.env['exact.export']._deleted_in_exact(self, set(guids))
        return result
