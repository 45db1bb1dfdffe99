"""Documents that were edited after their export are compared with what was sent."""

from dataclasses import replace

from odoo import api, models
from odoo.tools import split_every

from ...booking import (
    from_dict,
)
from ...booking.changes import changes
from ..base.exact_note import word
from ..document.exact_booking_builder import BookingBuilder
from .exact_export import BOOKED_STATES
from .exact_export_worker import CHECK_BATCH


class ExactExport(models.Model):
    _inherit = 'exact.export'

    @api.model
    def _recheck_changed(self, division):
        """Compare documents that were edited after their export with what was sent."""
        edited = self.search([
            ('division_id', '=', division.id), ('work', '=', 'compare'),
        ])
        for batch_ids in split_every(CHECK_BATCH, edited.ids):
            batch = self.browse(batch_ids).try_lock_for_update(allow_referencing=True)
            batch._each_by_itself(
                lambda exports: exports.filtered(
                    lambda export: export.pending_action == 'recheck',
                )._compare_with_documents(division),
                lambda export, error: export._compare_failed(error),
            )
            self._commit()

    def _compare_with_documents(self, division):
        builder = BookingBuilder(division, self.move_id)
        for export in self:
            export._compare_with_document(builder.build(export.move_id, export._choices()))

    def _compare_failed(self, error):
        self._set_findings([self._unexpected(error)])
        self._go('edited', pending_action=False, difference_ids=[
            ['state', word('booked'), word('cannot_be_booked')],
        ])

    def _compare_with_document(self, one):
        self.ensure_one()
        if self.move_id.state == 'draft':
            # Still being edited: confirming it asks again.
            self.pending_action = False
            return
        if self.is_linked and one.booking and self.move_id.state == 'posted':
            self._compare_with_link(one)
            return
        old = from_dict(self.booking)
        differences = []
        if self.move_id.state == 'cancel':
            differences = [('state', word('booked'), word('cancelled'))]
        elif not one.booking:
            self._set_findings(one.problems)
            differences = [('state', word('booked'), word('cannot_be_booked'))]
        else:
            new = replace(one.booking, document=old.document)
            differences = [
                (change.field, self._kept(change.meant), self._kept(change.found))
                for change in changes(old, new)
            ]
        values = {'pending_action': False, 'difference_ids': [list(row) for row in differences]}
        if not differences:
            values['document_written_at'] = self.move_id.write_date
        if not differences and self.state in BOOKED_STATES and self._files_differ():
            # Files follow by themselves: they say nothing that a person has to decide about.
            values['pending_action'] = 'update'
        if differences:
            self._go('edited', **values)
        elif self.state == 'changed':
            # Only an entry that was read back as meant is verified.
            self._go('read_again', has_difference=False, next_try=False, **values)
        else:
            self.write(values)

    def _compare_with_link(self, one):
        """Somebody else booked the entry, so it is not brought in line with the document. It is
        read back to see whether it still is the document's.
        """
        ids = self._ids_in_exact(self.division_id, [one])
        self._keep_lines({self: one}, ids)
        self._go(
            'read_again', **self._booking_values(one, ids), pending_action=False,
            has_difference=False, difference_ids=False, next_try=False,
        )
