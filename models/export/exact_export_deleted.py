"""Entries that somebody deleted in Exact."""

from odoo import api, models

from ..base.exact_problem import Problem
from .exact_export import BOOKED_STATES

# EntityType of TransactionLines in sync/Deleted.
TRANSACTION_LINES = 1


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def on_deleted(self, entity_type, guids):
        result = super().on_deleted(entity_type, guids)
        if entity_type == TRANSACTION_LINES:
            self.env['exact.export.journals'].note_deleted(self, set(guids))
        return result


class ExactExportJournals(models.AbstractModel):
    _inherit = 'exact.export.journals'

    @api.private
    def note_deleted(self, division, line_guids):
        """Ledger lines were deleted in Exact: the worker looks whether their entries still are
        there, for an edit may give an entry other lines.

        :param line_guids: ids of TransactionLines that `sync/Deleted` names.
        """
        lines = self.env['exact.export.entry.line'].search([
            ('exact_guid', 'in', list(line_guids)), ('export_id.division_id', '=', division.id),
            ('export_id.state', 'in', BOOKED_STATES),
        ])
        # (Undo finds out by itself, and takes the file along.)
        exports = lines.export_id.filtered(lambda export: export.pending_action != 'undo')
        exports._go('read_again', has_difference=False)
        # What people asked for comes first, and keeps its own time.
        exports.filtered(lambda export: not export.pending_action).next_try = False
        exports.trigger_worker()
        if set(line_guids) - set(lines.mapped('exact_guid')):
            # The lines may be of entries that people were asked about, and told to delete.
            self._ask_anew(division)
            self.env['exact.export.alike'].doubt_doubles([('division_id', '=', division.id)])

    @api.private
    def gone(self, export):
        """Somebody deleted the entry in Exact."""
        export.operation_ids._go('ended')
        export._go('gone_from_exact', pending_action=False, has_difference=False)
        export._set_findings([Problem('deleted_in_exact', 'warns')])
        export.move_id._message_log(body=self.env._(
            "Somebody deleted entry %s in Exact.", export.entry_number,
        ))
