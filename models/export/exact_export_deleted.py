"""Entries that somebody deleted in Exact."""

from datetime import timedelta

from odoo import api, fields, models

from ..document.exact_booking_builder import Problem
from .exact_export import BOOKED_STATES
from .exact_export_read_back import PATIENCE, READ_BATCH

# EntityType of TransactionLines in sync/Deleted.
TRANSACTION_LINES = 1


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def _on_deleted(self, entity_type, guids):
        result = super()._on_deleted(entity_type, guids)
        if entity_type == TRANSACTION_LINES:
            self.env['exact.export']._deleted_in_exact(self, set(guids))
        return result


class ExactExport(models.Model):
    _inherit = 'exact.export'

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
