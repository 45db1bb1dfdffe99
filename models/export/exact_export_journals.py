"""Looking through Exact's journals: what others booked there is noted."""

from datetime import datetime, time, timezone

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...booking import (
    READ_FIELDS,
    amount_of,
    read_entry,
    reference_of,
)
from ...booking.likeness import (
    bare,
)
from ...exact_api import odata, wire
from ..base import exact_note
from ..base.exact_clock import floor
from ..master.exact_sync_resource import modified_since
from .exact_entry import (
    FIRST_LOOK,
    FURTHEST_LOOK,
    INVOICE_TYPES,
    LOOK_OVERLAP,
    PAGE,
    WHICH_CODES,
    WINDOW,
)
from .exact_export import BOOKED_STATES


class ExactExport(models.Model):
    _inherit = 'exact.export'

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
