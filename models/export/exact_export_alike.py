"""Entries of Exact that may be a document which is about to be sent."""

from collections import defaultdict

from odoo import api, models
from odoo.fields import Domain

from ...booking import (
    from_dict,
)
from ...booking.likeness import (
    ASK,
    DOUBLE,
    REVERSAL,
    bare,
    grade,
    traits_of,
)
from ...exact_api import odata
from ..base.exact_clock import CLOCKS_DIFFER
from ..document.exact_booking_built import stand_in


class ExactExportAlike(models.AbstractModel):
    _name = 'exact.export.alike'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: Entries Like a Document's"

    @api.private
    def suspects(self, division, bookings):
        """Entries of others that may be what these exports book.

        :param bookings: {export: Booking}
        :return: {export: exact.entry}; exports without any are left out
        """
        return {
            export: self.env['exact.entry'].union(*found)
            for export, found in self._graded(division, bookings).items()
        }

    def _graded(self, division, bookings):
        """Entries of others that may be what these exports book, and what they are of it.

        :param bookings: {export: Booking}
        :return: {export: {exact.entry: Grade}}; exports without any are left out. The grade of an
            entry that is kept for the document whatever its reference is None.
        """
        by_key, by_day, by_move = (
            defaultdict(self.env['exact.entry'].browse) for _index in range(3)
        )
        exports = self.env['exact.export'].browse(export.id for export in bookings)
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
                for day in self._days(export, booking) if day
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
            apart, move = self.env['exact.export.doubt'].booked_beside(export), export.move_id
            kept = by_move[move]
            meant = self._traits(export, booking)
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

    def _days(self, export, booking):
        """The days that somebody may have dated the document, who typed it."""
        export.ensure_one()
        return booking.entry_date, booking.own_date, export.move_id.invoice_date or None

    def _traits(self, export, booking):
        """What the document is known by, to be compared with entries of Exact."""
        export.ensure_one()
        move = export.move_id
        # The relation is yet to be made, so it can be any.
        of_any = booking.relation == stand_in(move.commercial_partner_id.id)
        return traits_of(
            booking, () if of_any else (booking.relation,), days=self._days(export, booking),
            reference=move._exact_supplier_reference() if booking.kind == 'purchase' else None,
        )

    @api.private
    def look_for_unnamed(self, exports, division, client):
        """Read what our own user made when Exact was asked for these, and that nothing names any
        more: somebody may have rewritten it since. The journals are looked through for it, as
        before sending, unless they were since; a further call is made only if there is any.

        :return: {export: [booking.ReadEntry]}; exports without any are left out
        """
        if not exports:
            return {}
        queue = self.env['exact.export.queue'].of(division)
        asked = self.env['exact.export.doubt'].unanswered_posts(exports)
        if not queue._has_looked(max(asked.mapped('shown_by'))):
            self.env['exact.export.journals'].look_through_journals(division, client)
        return self._read_anew(division, client, lambda: self._unnamed(exports, division))

    def _unnamed(self, exports, division):
        """Entries of nobody that may be what Exact was asked for, though their reference does not
        say so: of our user, of that moment, and of the same amount in a journal of the kind.

        :return: {export: exact.entry}; exports without any are left out
        """
        # sudo: who the user of the connection is in Exact, is no secret of its tokens.
        user_guid = division.connection_id.sudo().exact_user_guid
        asked = self.env['exact.export.doubt'].unanswered_posts(exports)
        notes = user_guid and self.env['exact.entry'].search([
            ('division_id', '=', division.id), ('creator_guid', '=', user_guid),
            ('created_at', '>=', min(asked.mapped('asked_at')) - CLOCKS_DIFFER),
            ('created_at', '<=', max(asked.mapped('shown_by'))),
        ])
        if not notes:
            return {}
        # What carries the reference of another document is looked up as that one's.
        named = {key for [key] in exports._read_group([
            ('division_id', '=', division.id),
            ('reference_key', 'in', notes.filtered('reference_key').mapped('reference_key')),
        ], ['reference_key'])}
        kinds = division._journal_kinds()
        result, doubt = {}, self.env['exact.export.doubt']
        for export in exports:
            booking, apart = from_dict(export.booking), doubt.booked_beside(export)
            asked = doubt.unanswered_posts(export)
            found = notes.filtered(
                lambda note, export=export, booking=booking, apart=apart, asked=asked: (
                    note.exact_guid not in apart
                    and note.reference_key not in named - {export.reference_key}
                    and asked.is_about(note.created_at)
                    and note._is_in_kind_of(booking, kinds)
                    and note._has_amount_of(booking)
                ),
            )
            if found:
                result[export] = found
        return result

    @api.private
    def look_at_suspects(self, exports, division, client):
        """Read what others have booked under the references of these exports, as it is by now:
        somebody may have deleted or changed it since it was noted.

        :return: {export: [booking.ReadEntry]}; exports without any are left out
        """
        bookings = {export: from_dict(export.booking) for export in exports}
        return self._read_anew(division, client, lambda: self.suspects(division, bookings))

    def _read_anew(self, division, client, suspects):
        """Read noted entries, and tell which are still what they were noted as.

        :param suspects: callable that gives {export: exact.entry}
        :return: {export: [booking.ReadEntry]}; exports without any are left out
        """
        notes = self.env['exact.entry'].union(*suspects().values())
        entries = self.read_notes(division, client, notes)
        return {
            export: [entries[guid] for guid in found.mapped('exact_guid') if guid in entries]
            for export, found in suspects().items()
        }

    @api.private
    def read_notes(self, division, client, notes):
        """Read noted entries anew; notes of what is gone are dropped.

        :return: {GUID: booking.ReadEntry}
        """
        entries = {}
        for guids in odata.batches(notes.mapped('exact_guid')):
            read = self.env['exact.export.proof'].read_entries(client, division, guids)
            entries |= {guid: entry for guid, entry in read.items() if entry}
        notes.filtered(lambda note: note.exact_guid not in entries).unlink()
        self.env['exact.export.journals'].note_strangers(division, list(entries.values()))
        return entries
