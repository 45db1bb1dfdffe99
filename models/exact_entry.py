"""What came into Exact's journals from elsewhere: so that no document is booked a second time.

An accountant may have typed a bill first; a restored backup has forgotten what was sent. Exact has
no key that would refuse the second entry, so its journals are looked through: what was changed
since the last look, in one call for up to 1,000 ledger lines. The same look proves what was sent.
"""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta, timezone
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools.misc import format_date, formatLang

from ..booking import READ_FIELDS, is_ledger_only, owed, read_entry, reference_of
from ..exact_api import odata, wire
from .exact_booking_builder import Problem, stand_in
from .exact_clock import floor
from .exact_sync import modified_since

# Before anything is sent, the journals must have been looked through within this time.
LOOK_AGAIN = timedelta(minutes=10)
# A look goes this far back behind the last change that was seen: changes of one moment may become
# visible one after the other. Each second of it reads again what was booked in it.
LOOK_OVERLAP = timedelta(seconds=30)
# How far back the very first look goes: what an accountant, or a former connector, has typed of the
# documents that are exported first.
FIRST_LOOK = timedelta(days=92)
# What one look asks for when it is far behind, so that it ends within the minute's calls.
WINDOW = timedelta(days=31)
# Kinds of journal (Journals.Type) that documents are booked in; banks have thousands of lines.
LOOKED_THROUGH = ('20', '21', '22', '23', '90')
# Transaction.Type of sales and purchase entries and their credit notes.
INVOICE_TYPES = (20, 21, 30, 31)


class ExactEntry(models.Model):
    """An entry in Exact that no export stands for."""

    _name = 'exact.entry'
    _description = "Entry in Exact"
    _order = 'date desc, id desc'
    _rec_name = 'entry_number'

    division_id = fields.Many2one(
        'exact.division', required=True, ondelete='cascade', index=True, readonly=True,
    )
    company_id = fields.Many2one(
        related='division_id.company_id', store=True, precompute=True, index=True,
    )
    exact_guid = fields.Char(required=True, readonly=True)
    entry_number = fields.Integer(readonly=True)
    journal_code = fields.Char(string="Journal", readonly=True)
    reference = fields.Char(readonly=True)
    relation_guid = fields.Char(readonly=True)
    date = fields.Date(readonly=True)
    currency_code = fields.Char(string="Currency", readonly=True)
    amount = fields.Float(
        digits=(16, 2), readonly=True,
        help="On receivable and payable accounts, debit positive.",
    )

    _division_guid_uniq = models.Constraint(
        'UNIQUE(division_id, exact_guid)', "This entry of Exact is already here.",
    )
    _reference_idx = models.Index('(division_id, reference)')

    @api.depends('entry_number', 'date', 'currency_code', 'amount')
    @api.depends_context('lang')
    def _compute_display_name(self):
        for entry in self:
            entry.display_name = self.env._(
                "entry %(number)s of %(date)s, %(currency)s %(amount)s",
                number=entry.entry_number or "?", date=format_date(self.env, entry.date),
                currency=entry.currency_code or '', amount=formatLang(self.env, abs(entry.amount)),
            )

    def _is_of(self, booking):
        """Whether the entry may be this booking's: same reference and relation.

        A relation that is yet to be made can be any.
        """
        self.ensure_one()
        return (
            self.reference == booking.your_ref
            and self.journal_code == booking.journal
            and self.relation_guid == (booking.relation or self.relation_guid)
        )

    def _has_amount_of(self, booking):
        """Whether the entry has the total and currency of the booking."""
        self.ensure_one()
        if is_ledger_only(booking.kind):
            return True
        amount = Decimal(f'{self.amount:.2f}') * -booking.debit_sign
        return amount == booking.total and self.currency_code == booking.currency


class ExactExport(models.Model):
    _inherit = 'exact.export'

    @api.model
    def _look_is_due(self, division):
        """Whether entries may have come into Exact that nobody here has seen."""
        queue = self.env['exact.export.queue']._of(division)
        return (
            not queue.looked_at or queue.looked_at < fields.Datetime.now() - LOOK_AGAIN
            # A backup of some minutes ago remembers a look, but not what was sent since.
            or queue.looked_in != queue._present_database()
        )

    @api.model
    def _look_through_journals(self, division, client):
        """Read what changed in the journals of documents since the last look.

        Entries of exports are given back; of all others a note is kept.

        :return: {GUID of an entry: booking.ReadEntry} of this division's exports
        """
        queue = self.env['exact.export.queue']._of(division)
        now = fields.Datetime.now()
        result = {}
        while True:
            position = queue.looked_until or now - FIRST_LOOK
            until = position + WINDOW
            rows = self._changed_lines(
                division, client, position - LOOK_OVERLAP, until if until < now else None,
            )
            result |= self._see(division, rows)
            changed = [floor(wire.as_utc(row['Modified'])) for row in rows if row.get('Modified')]
            # Exact's own moments, not ours: its clock may be another.
            queue.looked_until = until if until < now else max([*changed, position])
            if until >= now:
                queue.write({'looked_at': now, 'looked_in': queue._present_database()})
                self._commit()
                return result
            self._commit()

    @api.model
    def _changed_lines(self, division, client, since, until):
        """Ledger lines that Exact changed in a time.

        :param since: naive UTC, and `until` too, or None
        """
        rows = []
        for codes in odata.batches(division._looked_through()):
            rows += client.get(
                'bulk/Financial/TransactionLines', select=['ID', *READ_FIELDS],
                filter=odata.all_of(
                    odata.ge('Modified', modified_since(fields.Datetime.to_string(since))),
                    until and odata.lt('Modified', until.replace(tzinfo=timezone.utc)),
                    odata.any_of('JournalCode', codes),
                ),
            )
        return rows

    @api.model
    def _see(self, division, rows):
        """Tell entries of exports, which are given back, from those of others, which are noted."""
        by_entry = self._rows_by_entry(rows)
        ours = self.search([('exact_guid', 'in', list(by_entry))])
        # Of an entry that is being read back all lines are new. Of others some have changed.
        self._keep_entry_lines({
            export.exact_guid: by_entry[export.exact_guid]
            for export in ours if export.state == 'sent'
        })
        gl_types = self._gl_types(division)
        read = {guid: read_entry(entry, gl_types) for guid, entry in by_entry.items()}
        # Proved, and edited in Exact since: that is for reading back once more.
        ours.filtered(lambda export: export._is_edited(read[export.exact_guid])).write({
            'state': 'sent', 'has_difference': False, 'next_try': False,
        })
        ours = set(ours.mapped('exact_guid'))
        self._note_strangers(division, [
            entry for guid, entry in read.items()
            if entry and guid not in ours and self._is_whole(entry)
        ])
        return {guid: entry for guid, entry in read.items() if entry and guid in ours}

    def _is_edited(self, entry):
        """Whether Exact changed the entry since it was read back.

        :param booking.ReadEntry entry: as it is now, perhaps in part; None without any of it
        """
        self.ensure_one()
        return (
            (self.state == 'verified' or (self.state == 'sent' and self.has_difference))
            and not self.pending_action
            and bool(self.modified_at and entry and entry.modified)
            and floor(entry.modified) > self.modified_at
        )

    @api.model
    def _is_whole(self, entry):
        """Whether the lines that were read say what the entry is about: an invoice's total is on
        its receivable or payable line."""
        return entry.type not in INVOICE_TYPES or any(line.is_control for line in entry.lines)

    @api.model
    def _note_strangers(self, division, entries):
        """Keep what no export stands for, and check again what is about to be sent and may be it.

        :param entries: list of booking.ReadEntry
        """
        guids = [entry.entry_id for entry in entries]
        reversals = set(self.search([('reversal_guid', 'in', guids)]).mapped('reversal_guid'))
        entry_model = self.env['exact.entry']
        known = {
            entry.exact_guid: entry for entry in entry_model.search([
                ('division_id', '=', division.id), ('exact_guid', 'in', guids),
            ])
        }
        new = []
        for entry in entries:
            if entry.entry_id in reversals:
                continue
            values = {
                'entry_number': entry.entry_number or 0,
                'journal_code': entry.journal,
                'reference': reference_of(entry),
                'relation_guid': entry.relation,
                'date': entry.entry_date,
                'currency_code': entry.currency,
                'amount': float(owed(entry)),
            }
            if entry.entry_id in known:
                known[entry.entry_id].write(values)
            else:
                new.append({
                    'division_id': division.id, 'exact_guid': entry.entry_id, **values,
                })
        references = {values['reference'] for values in new} - {''}
        entry_model.create(new)
        if references:
            self.search([
                ('division_id', '=', division.id), ('state', '=', 'ready'),
                ('reference', 'in', list(references)),
            ]).write({'state': 'proposed'})
            self._check_proposed(division)

    def _suspects(self, division, built):
        """Entries of others that may already be what these exports are about to book.

        :param built: {export: Built}
        :return: {export: exact.entry}
        """
        references = {one.booking.your_ref for one in built.values() if one.booking} - {''}
        by_reference = defaultdict(lambda: self.env['exact.entry'])
        for entry in self.env['exact.entry'].search([
            ('division_id', '=', division.id), ('reference', 'in', list(references)),
        ]):
            by_reference[entry.reference] |= entry
        result = {}
        for export, one in built.items():
            if not one.booking:
                continue
            apart = set((export.overrides or {}).get('book_beside', ()))
            is_new = one.booking.relation == stand_in(one.move.commercial_partner_id.id)
            result[export] = by_reference[one.booking.your_ref].filtered(
                lambda entry, booking=one.booking, apart=apart, is_new=is_new: (
                    entry.exact_guid not in apart
                    and entry._is_of(replace(booking, relation='') if is_new else booking)
                ),
            )
        return result


    def _suspicion(self, one, entries):
        """What the entries of others mean for an export that is checked.

        :param Built one: of this export
        :param entries: `exact.entry` that carry its reference
        :return: (state, problems): `uncertain` where Exact is to be asked, else `ready`
        """
        if not entries:
            return 'ready', []
        alike = entries.filtered(lambda entry: entry._has_amount_of(one.booking))
        if alike:
            # Perhaps it is the very same: that is looked up before anything is sent.
            return 'uncertain', []
        return 'ready', [Problem('entry_exists', params={
            'entries': "; ".join(entry.display_name for entry in entries),
        }, target=('exact.entry', entries[0].id))]


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def _looked_through(self):
        """Codes of the journals that documents are booked in."""
        self.ensure_one()
        # sudo: the worker may act for a person who sees no master data.
        mapped = self.env['exact.journal.mapping'].sudo().search([
            ('division_id', '=', self.id),
        ]).exact_journal_id
        journals = self.env['exact.journal'].sudo().search([
            ('division_id', '=', self.id), ('journal_type', 'in', LOOKED_THROUGH),
        ])
        return sorted({journal.code for journal in mapped | journals})
