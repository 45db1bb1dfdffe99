"""Looking through Exact's journals: what others booked there is noted."""

from datetime import datetime, time

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...booking import amount_of, read_entry, reference_of
from ...booking.likeness import bare
from ...exact_api import odata
from ..base import exact_note
from ..base.exact_clock import floor, past
from .exact_entry import FURTHEST_LOOK, INVOICE_TYPES, WHICH_CODES
from .exact_export import BOOKED_STATES


class ExactExport(models.Model):
    _inherit = 'exact.export'

    def withdraw(self):
        """What a person was asked about stays in Exact: the document says so, for whoever wonders
        later.
        """
        for finding in self.env['exact.export.journals'].questions(self):
            finding.move_id._message_log(body=self.env._(
                "Withdrawn. What may be this document stays in Exact: %s.",
                exact_note.shown(self.env, finding.params.get('entries')),
            ))
        return super().withdraw()


class ExactExportJournals(models.AbstractModel):
    _name = 'exact.export.journals'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: What Others Booked"

    @api.private
    def look_from(self, division):
        """Since when what is about to be sent may have been typed: the day of the oldest document.

        :return: naive UTC
        """
        now = fields.Datetime.now()
        self.env['exact.export'].flush_model(['division_id', 'move_id', 'state'])
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

    @api.private
    def look_through_journals(self, division, client):
        """Read what changed in the journals of documents since the last look.

        Entries of exports are given back; of all others a note is kept. Where the present is not
        reached, `queue.looked_at` is empty: the look goes on by itself, see `exact_export_feed`.

        :return: {GUID of an entry: booking.ReadEntry} of this division's exports that wait to be
            read back
        """
        queue = self.env['exact.export.queue'].of(division)
        now = fields.Datetime.now()
        queue.note_restored()
        result, go_on_at = self.env['exact.export.look'].read_changes(division, client)
        queue.write({
            'looked_at': not go_on_at and now,
            'look_at': go_on_at or (queue.look_at and queue.look_at > now and queue.look_at),
        })
        # What was seen is a fact before anything is checked: a check may fail and be taken back.
        self._commit()
        if go_on_at:
            self.env['exact.export'].enqueue(division, go_on_at)
        self.env['exact.export.check'].check_proposed(division)
        return result

    @api.private
    def see(self, division, client, rows):
        """Tell entries of exports from those of others, which are noted.

        :param rows: ledger lines that Exact changed
        :return: {GUID: booking.ReadEntry} of the exports that wait to be read back
        """
        proof = self.env['exact.export.proof']
        by_entry, gl_types = proof.rows_by_entry(rows), proof.gl_types(division)
        read = {guid: read_entry(entry, gl_types) for guid, entry in by_entry.items()}
        journals = set(division.looked_through())
        read |= self._read_whole(division, client, read, journals)
        ours = self.env['exact.export'].search([('exact_guid', 'in', list(by_entry))])
        # Of an entry that was just booked the feed shows all lines, of an older one what changed.
        waiting = ours.filtered(
            lambda export: export.state == 'sent' and not export.has_difference
            and self._is_whole(read[export.exact_guid]),
        )
        proof.keep_entry_lines({guid: by_entry[guid] for guid in waiting.mapped('exact_guid')})
        # What is proved and was edited in Exact since is read back once more.
        edited = ours.filtered(lambda export: self._is_edited(export, read[export.exact_guid]))
        edited._go('read_again', has_difference=False)
        # (What people asked for comes first, and keeps its own time.)
        edited.filtered(lambda export: not export.pending_action).next_try = False
        ours = set(ours.mapped('exact_guid'))
        self.note_strangers(division, [
            entry for guid, entry in read.items()
            if entry and guid not in ours and entry.journal in journals and self._is_known(entry)
        ])
        return {
            guid: read[guid] for guid in (waiting | edited).mapped('exact_guid')
            if self._is_whole(read[guid])
        }

    def _read_whole(self, division, client, read, journals):
        """Read general entries of which the feed tells a part: some lines were changed, or the page
        ends. What they come to, only all their lines say.

        :param read: {GUID: booking.ReadEntry}
        :param journals: codes of those that documents are booked in
        :return: as `read`
        """
        halves = {
            guid for guid, entry in read.items()
            if entry and entry.type not in INVOICE_TYPES and entry.journal in journals
            and not self._is_whole(entry)
        }
        if not halves:
            return {}
        ours = self.env['exact.export'].search([('exact_guid', 'in', list(halves))])
        halves -= set(ours.mapped('exact_guid'))
        result = {}
        for guids in odata.batches(sorted(halves)):
            result |= self.env['exact.export.proof'].read_entries(client, division, guids)
        # What was linked during these calls is ours to `see`.
        self.env['exact.export'].commit_half()
        return result

    def _is_whole(self, entry):
        """Whether all lines of an entry were read: they balance, a part of them does not."""
        return bool(entry) and not sum(line.amount for line in entry.lines)

    def _is_known(self, entry):
        """Whether the lines that were read say what the entry is about: an invoice's total is on
        its receivable or payable line."""
        return entry.type not in INVOICE_TYPES or any(line.is_control for line in entry.lines)

    def _is_edited(self, export, entry):
        """Whether Exact changed the entry since it was read back.

        :param booking.ReadEntry entry: as it is now, perhaps in part; None without any of it
        """
        export.ensure_one()
        if not (export.state == 'verified' or (export.state == 'sent' and export.has_difference)):
            return False
        if not (export.modified_at and entry and entry.modified):
            return False
        modified = floor(entry.modified)
        # Later than a moment in the future nothing is changed: any other one is a change.
        return modified > export.modified_at or (
            modified != export.modified_at and not past(export.modified_at, fields.Datetime.now())
        )

    @api.private
    def note_strangers(self, division, entries):
        """Keep what no export stands for; what is about to be sent and may be it has to be checked
        again, and of what is booked people are told.

        :param entries: list of booking.ReadEntry
        """
        guids = [entry.entry_id for entry in entries]
        reversing = self.env['exact.export'].search([('reversal_guid', 'in', guids)])
        reversals = set(reversing.mapped('reversal_guid'))
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
        self.env['exact.export'].search(mine & may_be & Domain('state', '=', 'ready'))._go(
            'check_anew'
        )
        if changed:
            # Somebody has mended what people were told or asked about.
            may_be |= Domain('is_double', '=', True)
            self._ask_anew(division, keys, set(changed.mapped('exact_guid')))
        self.env['exact.export.alike'].tell_doubles(
            self.env['exact.export'].search(mine & may_be & Domain('state', 'in', BOOKED_STATES))
        )

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
        findings.release([('id', 'in', findings.ids)])

    @api.private
    def questions(self, exports):
        """The findings that ask which entry is the document's."""
        return exports.finding_ids.filtered(lambda finding: finding.code in WHICH_CODES)

    @api.private
    def asked_about(self, exports):
        """GUIDs of the entries that people are asked about."""
        return {
            guid for finding in self.questions(exports) for guid in finding.params.get('guids', ())
        }
