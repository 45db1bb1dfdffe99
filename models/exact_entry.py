"""What came into Exact's journals from elsewhere: so that no document is booked a second time.

An accountant may have typed a bill first; a restored backup has forgotten what was sent. Exact has
no key that would refuse the second entry, so its journals are looked through: what was changed
since the last look, in one call for up to 1,000 ledger lines, however many documents wait and
however their numbers are written. The same look proves what was sent. (When: `exact_export_look`.)
"""

from collections import defaultdict
from datetime import datetime, time, timedelta, timezone
from decimal import Decimal

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..booking import (
    READ_FIELDS,
    amount_of,
    from_dict,
    has_amount_of,
    is_reversal_of,
    read_entry,
    reference_of,
)
from ..booking.likeness import (
    ASK,
    DOUBLE,
    REVERSAL,
    Traits,
    bare,
    grade,
    traits_of,
)
from ..exact_api import odata, wire
from . import exact_note
from .exact_booking_builder import stand_in
from .exact_clock import CLOCKS_DIFFER, VISIBILITY, floor, is_about
from .exact_export import BOOKED_STATES
from .exact_sync import modified_since

# A look goes this far back behind the last change that was seen: changes of one moment may become
# visible one after the other. Each second of it reads again what was booked in it.
LOOK_OVERLAP = timedelta(seconds=30)
# How far back the very first look goes: what an accountant, or a former connector, has typed of the
# documents that are exported first.
FIRST_LOOK = timedelta(days=92)
# And how far for older documents, whose entries may be as old as they are.
FURTHEST_LOOK = timedelta(days=5 * 366)
# What one look asks for when it is far behind, so that it ends within the minute's calls.
WINDOW = timedelta(days=31)
# Lines that Exact gives with one call.
PAGE = 1000
# Kinds of journal (Journals.Type) that documents are booked in; banks have thousands of lines.
LOOKED_THROUGH = ('20', '21', '22', '23', '90')
# Which of them book the same kind of document: whoever types one may take either.
JOURNAL_KINDS = {
    '20': 'sale', '21': 'sale', '22': 'purchase', '23': 'purchase', '90': 'general',
}
# Findings that name entries of others and ask which it is.
WHICH_CODES = ('entry_exists', 'several_entries', 'number_taken')
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
    reference_key = fields.Char(
        compute='_compute_reference_key', store=True, precompute=True,
        help="The reference without case, blanks, punctuation and leading zeros.",
    )
    is_unnamed = fields.Boolean(
        readonly=True,
        help="A sales or purchase entry without a number of its own: what stands as its reference "
             "is its description.",
    )
    relation_guid = fields.Char(readonly=True)
    move_id = fields.Many2one(
        'account.move', string="Document", readonly=True, ondelete='set null',
        index='btree_not_null', help="The document that this entry stood for, or most likely does.",
    )
    date = fields.Date(readonly=True)
    year = fields.Integer(string="Financial Year", readonly=True)
    currency_code = fields.Char(string="Currency", readonly=True)
    amount = fields.Float(
        digits=(16, 2), readonly=True,
        help="Of sales and purchase entries what is owed, debit positive; of others their debits, "
             "negative if the first line is a credit.",
    )
    created_at = fields.Datetime(readonly=True, help="When it was made in Exact.")
    creator_guid = fields.Char(readonly=True, help="The user of Exact who made it.")

    _division_guid_uniq = models.Constraint(
        'UNIQUE(division_id, exact_guid)', "This entry of Exact is already here.",
    )
    _reference_idx = models.Index('(division_id, reference)')
    _reference_key_idx = models.Index('(division_id, reference_key)')
    _relation_idx = models.Index('(division_id, relation_guid, date)')

    @api.depends('reference')
    def _compute_reference_key(self):
        for entry in self:
            entry.reference_key = bare(entry.reference or '') or False

    @api.depends('entry_number', 'date', 'currency_code', 'amount')
    @api.depends_context('lang')
    def _compute_display_name(self):
        for entry in self:
            entry.display_name = exact_note.told(self.env, entry._note())

    def _note(self):
        """The entry as a person would name it, to be kept: see `exact_note`."""
        self.ensure_one()
        return exact_note.note(
            'attempt/entry', number=self.entry_number or "?", date=exact_note.day(self.date),
            amount=exact_note.money(abs(self.amount), self.currency_code or ''),
        )

    def unlink(self):
        divisions = self.division_id
        result = super().unlink()
        # Gone from Exact, or found to be a document's own: nobody is to look at it any more.
        self.env['exact.export'].search([
            ('division_id', 'in', divisions.ids), ('is_double', '=', True),
        ])._tell_doubles()
        return result

    def _is_of(self, booking):
        """Whether the entry carries reference, journal and relation of the booking."""
        self.ensure_one()
        return (
            self.reference == booking.your_ref
            and self.journal_code == booking.journal
            and self.relation_guid == (booking.relation or self.relation_guid)
            and self.year in (0, booking.year)
        )

    def _traits(self, meant, kinds, *, is_ours):
        """What the entry is known by, to be compared with a document.

        :param Traits meant: the document's
        :param kinds: kind of document of each journal, by its code
        :param is_ours: see `Traits`
        """
        self.ensure_one()
        sign = -1 if meant.kind == 'purchase' else 1
        return Traits(
            kind=kinds.get(self.journal_code, self.journal_code),
            reference=self.reference or '',
            parties=frozenset({self.relation_guid or ''}) - {''},
            amount=sign * self._amount(),
            currency=self.currency_code or '',
            days=frozenset({self.date}) - {False},
            year=self.year,
            is_named=not self.is_unnamed,
            is_ours=is_ours,
        )

    def _is_in_kind_of(self, booking, kinds):
        """Whether the journal of the entry is of the kind of the booking's.

        :param kinds: kind of document of each journal, by its code
        """
        self.ensure_one()
        return (
            kinds.get(self.journal_code, self.journal_code)
            == kinds.get(booking.journal, booking.journal)
        )

    def _has_amount_of(self, booking):
        """Whether the entry has the amount and currency of the booking."""
        self.ensure_one()
        return has_amount_of(booking, self._amount()) and self.currency_code == booking.currency

    def _is_reversal_of(self, booking):
        """Whether somebody took the booking back with this entry, in Exact."""
        self.ensure_one()
        return is_reversal_of(booking, self._amount())

    def _amount(self):
        """The amount as money."""
        return Decimal(f'{self.amount:.2f}')


class ExactExport(models.Model):
    _inherit = 'exact.export'

    reference_key = fields.Char(
        compute='_compute_reference_key', store=True, index='btree_not_null',
        help="The reference without case, blanks, punctuation and leading zeros.",
    )

    @api.depends('reference')
    def _compute_reference_key(self):
        for export in self:
            export.reference_key = bare(export.reference or '') or False

    # === LOOKING THROUGH THE JOURNALS === #

    @api.model
    def _look_from(self, division):
        """Since when what is about to be sent may have been typed: the day of the oldest document.

        :return: naive UTC
        """
        now = fields.Datetime.now()
        self.flush_model(['division_id', 'move_id', 'state'])
        self.env['account.move'].flush_model(['date', 'invoice_date'])
        [(day,)] = self.env.execute_query(SQL(
            """
            SELECT MIN(LEAST(move.invoice_date, move.date))
              FROM exact_export export JOIN account_move move ON move.id = export.move_id
             WHERE export.division_id = %s AND export.state IN ('proposed', 'ready')
            """,
            division.id,
        ))
        return max(datetime.combine(day, time.min), now - FURTHEST_LOOK) if day else now

    @api.model
    def _look_through_journals(self, division, client):
        """Read what changed in the journals of documents since the last look.

        Entries of exports are given back; of all others a note is kept.

        :return: {GUID of an entry: booking.ReadEntry} of this division's exports
        """
        queue = self.env['exact.export.queue']._of(division)
        now = fields.Datetime.now()
        queue._note_restored()
        if not queue.looked_until:
            queue.write({'looked_until': now - FIRST_LOOK, 'looked_since': now - FIRST_LOOK})
        result = {}
        until = None
        while until is None or until < now:
            position = queue.looked_until
            until = position + WINDOW
            rows = self._changed_lines(
                division, client, position - LOOK_OVERLAP, until if until < now else None,
            )
            result |= self._see(division, rows)
            changed = [floor(wire.as_utc(row['Modified'])) for row in rows if row.get('Modified')]
            # Exact's own moments, not ours: its clock may be another.
            queue.looked_until = until if until < now else max([*changed, position])
            self._commit()
        result = self._look_further_back(division, client) | result
        queue.write({
            'looked_at': now,
            'look_at': queue.look_at and queue.look_at > now and queue.look_at,
        })
        # What was seen is a fact before anything is checked: a check may fail and be taken back.
        self._commit()
        self._check_proposed(division)
        return result

    @api.model
    def _look_further_back(self, division, client):
        """Look for the entries of older documents than there were before: once, however many come.

        :return: as `_look_through_journals`
        """
        queue = self.env['exact.export.queue']._of(division)
        position = queue.looked_since or fields.Datetime.now() - FIRST_LOOK
        wanted, window, result = self._look_from(division), WINDOW, {}
        while position > wanted:
            since = max(position - window, wanted)
            rows = self._changed_lines(division, client, since, position)
            result |= self._see(division, rows)
            queue.looked_since = position = since
            self._commit()
            # Where little is, more is asked for at once; a turn that ran out of calls starts small.
            window = WINDOW if len(rows) >= PAGE else 2 * window
        if not queue.looked_since:
            queue.looked_since = position
        return result

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
        # What was linked during these calls is ours to `_see`.
        self._commit_half()
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
        edited = ours.filtered(lambda export: export._is_edited(read[export.exact_guid]))
        edited._go('read_again', has_difference=False)
        # (What people asked for comes first, and keeps its own time.)
        edited.filtered(lambda export: not export.pending_action).next_try = False
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
        """Keep what no export stands for; what is about to be sent and may be it has to be checked
        again, and of what is booked people are told.

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
        new, changed, keys = [], entry_model, set()
        for entry in entries:
            if entry.entry_id in reversals:
                continue
            values = {
                'entry_number': entry.entry_number or 0,
                'journal_code': entry.journal,
                'reference': reference_of(entry),
                'is_unnamed': entry.type in INVOICE_TYPES and not bare(entry.your_ref),
                'relation_guid': entry.relation,
                'date': entry.entry_date,
                'year': entry.year or 0,
                'currency_code': entry.currency,
                'amount': float(amount_of(entry)),
            }
            note = known.get(entry.entry_id)
            if note:
                if any((note[name] or False) != (value or False) for name, value in values.items()):
                    # What it may be now, and what it may have been.
                    keys.add(note.reference_key)
                    note.write(values)
                    changed |= note
            else:
                new.append({
                    'division_id': division.id, 'exact_guid': entry.entry_id, **values,
                    'created_at': floor(entry.created), 'creator_guid': entry.creator,
                })
        seen = entry_model.create(new) | changed
        if not seen:
            return
        keys.update(seen.mapped('reference_key'))
        keys.discard(False)
        mine = Domain('division_id', '=', division.id)
        may_be = Domain('reference_key', 'in', list(keys))
        dated = seen.filtered(lambda note: note.relation_guid and note.date)
        if dated:
            # Typed without its number, it is known by whose it is and by its day.
            may_be |= (
                Domain('relation_id.exact_guid', 'in', dated.mapped('relation_guid'))
                & Domain('move_id.invoice_date', 'in', dated.mapped('date'))
            )
        self.search(mine & may_be & Domain('state', '=', 'ready'))._go('check_anew')
        if changed:
            # Somebody has mended what people were told or asked about.
            may_be |= Domain('is_double', '=', True)
            self._ask_anew(division, keys, set(changed.mapped('exact_guid')))
        self.search(mine & may_be & Domain('state', 'in', BOOKED_STATES))._tell_doubles()

    @api.model
    def _ask_anew(self, division, keys=None, guids=()):
        """Look again at what may be in Exact already: something has changed there.

        :param keys: of the references that are concerned, all if None
        :param guids: of the entries that are concerned
        """
        findings = self.env['exact.finding'].search([
            ('division_id', '=', division.id), ('code', 'in', WHICH_CODES),
            ('export_id.state', 'in', ['blocked', 'refused']),
        ])
        if keys is not None:
            findings = findings.filtered(
                lambda finding: finding.export_id.reference_key in keys
                or set(finding.params.get('guids', ())) & set(guids),
            )
        findings._release([('id', 'in', findings.ids)])

    def _questions(self):
        """The findings that ask which entry is the document's."""
        return self.finding_ids.filtered(lambda finding: finding.code in WHICH_CODES)

    def _asked_about(self):
        """GUIDs of the entries that people are asked about."""
        return {guid for finding in self._questions() for guid in finding.params.get('guids', ())}

    def _withdraw(self):
        """What a person was asked about stays in Exact: the document says so, for whoever wonders
        later.
        """
        for finding in self._questions():
            finding.move_id._message_log(body=self.env._(
                "Withdrawn. What may be this document stays in Exact: %s.",
                exact_note.shown(self.env, finding.params.get('entries')),
            ))
        return super()._withdraw()

    # === WHAT MAY BE THE SAME === #

    @api.model
    def _suspects(self, division, bookings):
        """Entries of others that may be what these exports book.

        :param bookings: {export: Booking}
        :return: {export: exact.entry}; exports without any are left out
        """
        return {
            export: self.env['exact.entry'].union(*found)
            for export, found in self._graded(division, bookings).items()
        }

    @api.model
    def _graded(self, division, bookings):
        """Entries of others that may be what these exports book, and what they are of it.

        :param bookings: {export: Booking}
        :return: {export: {exact.entry: Grade}}, of a note that is kept for the export None as its
            grade; exports without any are left out
        """
        by_key, by_day, by_move = (
            defaultdict(self.env['exact.entry'].browse) for _index in range(3)
        )
        exports = self.browse(export.id for export in bookings)
        for note in self.env['exact.entry'].search(Domain('division_id', '=', division.id) & (
            Domain('reference_key', 'in', list({
                bare(booking.your_ref) for booking in bookings.values()
            } - {''}))
            | Domain('move_id', 'in', exports.move_id.ids)
            # Somebody typed it without its number, or we have none.
            | Domain('relation_guid', 'in', list({
                booking.relation for booking in bookings.values()
            } - {''}))
            & Domain('date', 'in', list({
                day for export, booking in bookings.items()
                for day in export._days(booking) if day
            }))
        )):
            by_key[note.reference_key] |= note
            by_day[note.relation_guid, note.date] |= note
            # It stood for this document once, or most likely does, whatever its reference is now.
            by_move[note.move_id] |= note
        if not by_key:
            return {}
        kinds, made_here = division._journal_kinds(), division._is_made_here()
        result = {}
        for export, booking in bookings.items():
            apart, move = export._booked_beside(), export.move_id
            kept = by_move[move]
            meant = export._traits(booking)
            notes = by_key[bare(booking.your_ref)].union(*(
                by_day[booking.relation, day] for day in meant.days
            ))
            graded = {
                note: None if note in kept else grade(meant, note._traits(
                    meant, {booking.journal: meant.kind, **kinds},
                    is_ours=made_here(note.creator_guid, note.created_at),
                )) for note in (notes | kept) if note.exact_guid not in apart
            }
            # Journal entries may be typed with their lines the other way round.
            wanted = (DOUBLE, ASK) if booking.relation else (DOUBLE, ASK, REVERSAL)
            graded = {
                note: one for note, one in graded.items() if one is None or one.what in wanted
            }
            if graded:
                result[export] = graded
        return result

    def _days(self, booking):
        """The days that somebody may have dated the document, who typed it."""
        self.ensure_one()
        return booking.entry_date, booking.own_date, self.move_id.invoice_date or None

    def _traits(self, booking):
        """What the document is known by, to be compared with entries of Exact."""
        self.ensure_one()
        move = self.move_id
        # The relation is yet to be made, so it can be any.
        of_any = booking.relation == stand_in(move.commercial_partner_id.id)
        return traits_of(
            booking, () if of_any else (booking.relation,), days=self._days(booking),
            reference=move._exact_supplier_reference() if booking.kind == 'purchase' else None,
        )

    def _look_for_unnamed(self, division, client):
        """Read what our own user made when Exact was asked for these, and that nothing names any
        more: somebody may have rewritten it since. The journals are looked through for it, as
        before sending, unless they were since; a further call is made only if there is any.

        :return: {export: [booking.ReadEntry]}; exports without any are left out
        """
        if not self:
            return {}
        queue = self.env['exact.export.queue']._of(division)
        if not queue.looked_at or queue.looked_at < max(self.mapped('asked_at')) + VISIBILITY:
            self._look_through_journals(division, client)
        return self._read_anew(division, client, lambda: self._unnamed(division))

    def _unnamed(self, division):
        """Entries of nobody that may be what Exact was asked for, though their reference does not
        say so: of our user, of that moment, and of the same amount in a journal of the kind.

        :return: {export: exact.entry}; exports without any are left out
        """
        # sudo: who the user of the connection is in Exact, is no secret of its tokens.
        user_guid = division.connection_id.sudo().exact_user_guid
        notes = user_guid and self.env['exact.entry'].search([
            ('division_id', '=', division.id), ('creator_guid', '=', user_guid),
            ('created_at', '>=', min(self.mapped('asked_at')) - CLOCKS_DIFFER),
            ('created_at', '<=', max(self.mapped('asked_at')) + VISIBILITY),
        ])
        if not notes:
            return {}
        # What carries the reference of another document is looked up as that one's.
        named = {key for [key] in self._read_group([
            ('division_id', '=', division.id),
            ('reference_key', 'in', notes.filtered('reference_key').mapped('reference_key')),
        ], ['reference_key'])}
        kinds = division._journal_kinds()
        result = {}
        for export in self:
            booking, apart = from_dict(export.booking), export._booked_beside()
            found = notes.filtered(
                lambda note, export=export, booking=booking, apart=apart: (
                    note.exact_guid not in apart
                    and note.reference_key not in named - {export.reference_key}
                    and is_about(export.asked_at, note.created_at)
                    and note._is_in_kind_of(booking, kinds)
                    and note._has_amount_of(booking)
                ),
            )
            if found:
                result[export] = found
        return result

    def _with_beside(self, guids):
        """The choices for this export, if any, and that these entries are not its document's."""
        overrides = dict(self.overrides or {})
        overrides['book_beside'] = sorted({*overrides.get('book_beside', ()), *guids})
        return overrides

    def _look_at_suspects(self, division, client):
        """Read what others have booked under the references of these exports, as it is by now:
        somebody may have deleted or changed it since it was noted.

        :return: {export: [booking.ReadEntry]}; exports without any are left out
        """
        bookings = {export: from_dict(export.booking) for export in self}
        return self._read_anew(division, client, lambda: self._suspects(division, bookings))

    @api.model
    def _read_anew(self, division, client, suspects):
        """Read noted entries, and tell which are still what they were noted as.

        :param suspects: callable that gives {export: exact.entry}
        :return: {export: [booking.ReadEntry]}; exports without any are left out
        """
        notes = self.env['exact.entry'].union(*suspects().values())
        entries = self._read_notes(division, client, notes)
        return {
            export: [entries[guid] for guid in found.mapped('exact_guid') if guid in entries]
            for export, found in suspects().items()
        }

    @api.model
    def _read_notes(self, division, client, notes):
        """Read noted entries anew; notes of what is gone are dropped.

        :return: {GUID: booking.ReadEntry}
        """
        entries = {}
        for guids in odata.batches(notes.mapped('exact_guid')):
            read = self._read_entries(client, division, guids)
            entries |= {guid: entry for guid, entry in read.items() if entry}
        notes.filtered(lambda note: note.exact_guid not in entries).unlink()
        self._note_strangers(division, list(entries.values()))
        return entries


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

    def _is_made_here(self):
        """Tell which entries that nobody knows here were made from here: by the user of our
        connection, or in the time of which a restored backup has forgotten what was sent.

        :return: function of the GUID of a user of Exact and a moment
        """
        self.ensure_one()
        # sudo: who the user of the connection is in Exact, is no secret of its tokens.
        user_guid = self.connection_id.sudo().exact_user_guid
        queue = self.env['exact.export.queue'].sudo()._of(self)

        def is_made_here(creator_guid, created_at):
            if user_guid and creator_guid:
                return creator_guid == user_guid
            return bool(queue.forgotten_until and created_at) and (
                queue.forgotten_since - CLOCKS_DIFFER <= created_at
                <= queue.forgotten_until + CLOCKS_DIFFER
            )

        return is_made_here

    def _journal_kinds(self):
        """Kind of document of each journal that is looked through, by its code."""
        self.ensure_one()
        # sudo: as above; an entry stays where it is though its journal may be gone.
        return {
            journal.code: JOURNAL_KINDS[journal.journal_type]
            for journal in self.env['exact.journal'].sudo().with_context(active_test=False).search([
                ('division_id', '=', self.id), ('journal_type', 'in', list(JOURNAL_KINDS)),
            ])
        }
