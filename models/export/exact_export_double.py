"""Documents that are booked, and that Exact has once more: somebody typed them in as well.

Nothing can prevent a second entry that somebody types after our last look. The next look finds it,
and people are told.
"""

from odoo import api, models

from ...booking import from_dict
from ...booking.likeness import ASK, DOUBLE
from ..base.exact_note import several
from ..base.exact_problem import Problem
from .exact_export import BOOKED_STATES


class ExactExport(models.Model):
    _inherit = 'exact.export'

    def action_keep_both(self):
        """Say that the two entries, which seem to book one document twice, are of two documents."""
        self.check_may_act()
        # sudo: people ask, only the engine writes exports.
        exports_sudo = self.sudo()
        alike_sudo = exports_sudo.env['exact.export.alike']
        for export, entries in alike_sudo.doubles(exports_sudo).items():
            export.choose(export.own_choices().beside(entries=entries.mapped('exact_guid')))
            export.move_id._message_log(body=self.env._(
                "%(user)s keeps both in Exact: entry %(number)s of this document, and %(entries)s.",
                user=self.env.user.name, number=export.entry_number,
                entries=alike_sudo.entries_text(entries),
            ))
        alike_sudo.tell_doubles(exports_sudo)
        return True


class ExactExportAlike(models.AbstractModel):
    _inherit = 'exact.export.alike'

    @api.private
    def entries_text(self, entries):
        """Entries of Exact as a person would name them."""
        return "; ".join(entry.display_name for entry in entries)

    @api.private
    def doubles(self, exports):
        """Entries of others that book the documents of these exports once more.

        :return: {export: exact.entry}; exports without any are left out
        """
        booked = exports.filtered(
            lambda export: export.state in BOOKED_STATES and export.reference_key,
        )
        result = {}
        for division, some in booked.grouped('division_id').items():
            some = self._perhaps_noted(some, division)
            some.fetch(['booking'])
            bookings = {export: from_dict(export.booking) for export in some}
            for export, graded in self._graded(division, bookings).items():
                entries = self.env['exact.entry'].union(*(
                    entry for entry, one in graded.items()
                    if self._is_once_more(bookings[export], entry, one)
                ))
                if entries:
                    result[export] = entries
        return result

    def _perhaps_noted(self, exports, division):
        """The exports whose number, or whose relation and day, an entry of others carries."""
        note_model = self.env['exact.entry']
        keys = {key for [key] in note_model._read_group([
            ('division_id', '=', division.id),
            ('reference_key', 'in', exports.mapped('reference_key')),
        ], ['reference_key'])}
        days = {
            (note.relation_guid, note.date) for note in note_model.search_fetch([
                ('division_id', '=', division.id),
                ('relation_guid', 'in', exports.relation_id.mapped('exact_guid')),
                ('date', 'in', exports.move_id.mapped('invoice_date')),
            ], ['relation_guid', 'date'])
        }
        return exports.filtered(
            lambda export: export.reference_key in keys
            or (export.relation_id.exact_guid, export.move_id.invoice_date) in days,
        )

    def _is_once_more(self, booking, entry, graded):
        """Whether an entry books once more what the export has booked.

        :param Grade graded: of the entry; None of one that is kept for the document
        """
        if graded is None:
            return entry._has_amount_of(booking) and not entry._is_reversal_of(booking)
        return graded.what == DOUBLE or graded == (ASK, 'unnamed')

    @api.private
    def tell_doubles(self, exports):
        """Add a finding to the exports that have another entry in Exact, and remove it from those
        that no longer have one.
        """
        doubles = self.doubles(exports)
        told = exports.filtered('is_double')
        for export in exports & (told | exports.browse(export.id for export in doubles)):
            export.finding_ids.filtered(lambda finding: finding.code == 'booked_twice').unlink()
            entries = doubles.get(export)
            if not entries:
                export.is_double = False
                continue
            export._add_findings({export: [Problem('booked_twice', params={
                'number': export.entry_number, 'entries': several(
                    entry.as_note() for entry in entries
                ),
            }, target=('exact.entry', entries[0].id))]})
            if not export.is_double:
                export.is_double = True
                export.move_id._message_log(body=export.finding_ids.filtered(
                    lambda finding: finding.code == 'booked_twice',
                ).message)

    @api.private
    def doubt_doubles(self, domain):
        """Have it looked up whether Exact still has booked exports twice."""
        exports = self.env['exact.export'].search([
            ('is_double', '=', True), ('state', 'in', BOOKED_STATES), *domain,
        ])
        if exports:
            exports._go('read_again', next_try=False)
            exports.trigger_worker()
