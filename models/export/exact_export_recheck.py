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
from .exact_export_step import CHECK_BATCH


class ExactExportRecheck(models.AbstractModel):
    _name = 'exact.export.recheck'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: Edited Documents"

    @api.private
    def recheck_changed(self, division):
        """Compare documents that were edited after their export with what was sent."""
        edited = self.env['exact.export'].search([
            ('division_id', '=', division.id), ('work', '=', 'compare'),
        ])
        for batch_ids in split_every(CHECK_BATCH, edited.ids):
            batch = self.env['exact.export'].browse(batch_ids)
            batch = batch.try_lock_for_update(allow_referencing=True)
            self._each_by_itself(
                batch, lambda exports: self._compare_with_documents(exports.filtered(
                    lambda export: export.pending_action == 'recheck',
                ), division),
                self._compare_failed,
            )
            self._commit()

    def _compare_with_documents(self, exports, division):
        builder = BookingBuilder(division, exports.move_id)
        for export in exports:
            self._compare_with_document(export, builder.build(export.move_id, export._choices()))

    def _compare_failed(self, export, error):
        export._set_findings([self._unexpected(error)])
        export._go('edited', pending_action=False, difference_ids=[
            ['state', word('booked'), word('cannot_be_booked')],
        ])

    def _compare_with_document(self, export, one):
        export.ensure_one()
        if export.move_id.state == 'draft':
            # Still being edited: confirming it asks again.
            export.pending_action = False
            return
        if export.is_linked and one.booking and export.move_id.state == 'posted':
            self._compare_with_link(export, one)
            return
        old = from_dict(export.booking)
        differences = []
        if export.move_id.state == 'cancel':
            differences = [('state', word('booked'), word('cancelled'))]
        elif not one.booking:
            export._set_findings(one.problems)
            differences = [('state', word('booked'), word('cannot_be_booked'))]
        else:
            new, proof = replace(one.booking, document=old.document), self.env['exact.export.proof']
            differences = [
                (change.field, proof.shown(change.meant), proof.shown(change.found))
                for change in changes(old, new)
            ]
        values = {'pending_action': False, 'difference_ids': [list(row) for row in differences]}
        if not differences:
            values['document_written_at'] = export.move_id.write_date
        if (
            not differences
            and export.state in BOOKED_STATES
            and self.env['exact.export.files'].files_differ(export)
        ):
            # Files follow by themselves: they say nothing that a person has to decide about.
            values['pending_action'] = 'update'
        if differences:
            export._go('edited', **values)
        elif export.state == 'changed':
            # Only an entry that was read back as meant is verified.
            export._go('read_again', has_difference=False, next_try=False, **values)
        else:
            export.write(values)

    def _compare_with_link(self, export, one):
        """Somebody else booked the entry, so it is not brought in line with the document. It is
        read back to see whether it still is the document's.
        """
        ids = self.env['exact.export.check'].ids_in_exact(export.division_id, [one])
        self.env['exact.export.check'].keep_lines(export, {export: one}, ids)
        export._go(
            'read_again',
            **self.env['exact.export.check'].booking_values(one, ids),
            pending_action=False,
            has_difference=False,
            difference_ids=False,
            next_try=False,
        )
