"""Documents that are booked, and that Exact has once more: somebody typed them in as well.

What is typed between our last look and our booking, or after it, cannot be kept from becoming the
second entry. It is seen with the next look, and then people are told.
"""

from odoo import api, models

from ..booking import from_dict
from .exact_booking_builder import Problem
from .exact_export import BOOKED_STATES


class ExactExport(models.Model):
    _inherit = 'exact.export'

    def action_keep_both(self):
        """Say that what Exact seems to have twice are two entries of their own."""
        self._check_may_act()
        # sudo: people ask, only the engine writes exports.
        for export, entries in self.sudo()._doubles().items():
            export.overrides = export._with_beside(entries.mapped('exact_guid'))
            export.move_id._message_log(body=self.env._(
                "%(user)s keeps both in Exact: entry %(number)s of this document, and %(entries)s.",
                user=self.env.user.name, number=export.entry_number,
                entries=self._entries_text(entries),
            ))
        self.sudo()._tell_doubles()
        return True

    @api.model
    def _entries_text(self, entries):
        return "; ".join(entry.display_name for entry in entries)

    def _doubles(self):
        """Entries of others that book once more what these exports have booked.

        :return: {export: exact.entry}; exports without any are left out
        """
        booked = self.filtered(
            lambda export: export.state in BOOKED_STATES and export.reference_key,
        )
        result = {}
        for division, exports in booked.grouped('division_id').items():
            noted = {key for [key] in self.env['exact.entry']._read_group([
                ('division_id', '=', division.id),
                ('reference_key', 'in', exports.mapped('reference_key')),
            ], ['reference_key'])}
            exports = exports.filtered(lambda export, noted=noted: export.reference_key in noted)
            exports.fetch(['booking'])
            bookings = {export: from_dict(export.booking) for export in exports}
            for export, entries in self._suspects(division, bookings).items():
                entries = entries.filtered(lambda entry, booking=bookings[export]: (
                    entry._has_amount_of(booking) and not entry._is_reversal_of(booking)
                ))
                if entries:
                    result[export] = entries
        return result

    def _tell_doubles(self):
        """Say of which of these Exact has another entry, and take back what is no longer so."""
        doubles = self._doubles()
        told = self.filtered('is_double')
        for export in self & (told | self.browse(export.id for export in doubles)):
            export.finding_ids.filtered(lambda finding: finding.code == 'booked_twice').unlink()
            entries = doubles.get(export)
            if not entries:
                export.is_double = False
                continue
            export._add_findings({export: [Problem('booked_twice', params={
                'number': export.entry_number, 'entries': self._entries_text(entries),
            }, target=('exact.entry', entries[0].id))]})
            if not export.is_double:
                export.is_double = True
                export.move_id._message_log(body=export.finding_ids.filtered(
                    lambda finding: finding.code == 'booked_twice',
                ).message)

    @api.model
    def _doubt_doubles(self, domain):
        """Have it looked up whether Exact still has booked exports twice."""
        exports = self.search([
            ('is_double', '=', True), ('state', 'in', BOOKED_STATES), *domain,
        ])
        if exports:
            exports.write({'lines_deleted': True, 'next_try': False})
            exports._trigger_worker()
