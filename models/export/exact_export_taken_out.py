"""Entries that are deleted: at the wish of a person, or to be booked anew. What Exact answered is
not the end of it: gone is what its books do not show any more.
"""

from odoo import api, models

from ...booking import from_dict, resource
from ...exact_api import Forbidden, Rejected
from ..base.exact_error_text import DIVISION_REASONS, describe
from ..base.exact_note import note
from .exact_export import LINE, TAKE_OUT
from .exact_export_files import DOCUMENTS
from .exact_export_read_back import READ_BATCH


class ExactOperation(models.Model):
    _inherit = 'exact.operation'

    @api.private
    def changes_entry(self):
        """Whether this changes an entry that Exact has, and leaves it there."""
        self.ensure_one()
        return self.part.startswith(LINE) or (self.verb, self.part) == ('put', 'entry')


class ExactExportChange(models.AbstractModel):
    _inherit = 'exact.export.change'

    def _take_out(self, export, client):
        """Have Exact delete the entry."""
        self.env['exact.export.files'].learn_document(export, client)
        export.ask(
            client, *TAKE_OUT, resource(from_dict(export.booking)), key=export.exact_guid,
        )

    @api.private
    def answered_instead(self, export):
        """What came instead of Exact's answer to what a person asked for, None if nothing did.

        :return: a note
        """
        last = export.attempt_ids[:1]
        return last.note if last.outcome == 'unknown' else None

    @api.private
    def is_being_taken_out(self, export):
        """Whether Exact was asked to delete the entry, and its books were not looked at since."""
        return export.operation(*TAKE_OUT).state in ('asked', 'unknown', 'answered')

    def _prove_changes(self, division, client):
        """Look in Exact's books whether entries that were to go are gone, and reversals there:
        many with one call.

        :return: whether time ran out before all were done
        """
        taken_out = self._due(division, 'change', order='id').filtered(
            self.is_being_taken_out,
        )
        for batch in self.env['exact.export.proof'].batches(taken_out, READ_BATCH):
            there = self.env['exact.export.proof'].read_entries(
                client, division, set(batch.mapped('exact_guid'))
            )
            self.env['exact.export'].commit_half()
            if self.do_each(division, batch, lambda export, there=there: (
                self._settle_taken_out(export, client, is_gone=export.exact_guid not in there)
            )):
                return True
        return self.env['exact.export.reversal'].prove_reversals(division, client)

    def _settle_taken_out(self, export, client, *, is_gone):
        """Go on with an entry that Exact was asked to delete.

        :param bool is_gone: whether its books do not show the entry
        """
        operation = export.operation(*TAKE_OUT)
        if is_gone:
            kept = self._delete_document(export, client)
            operation._go('proved')
            if export.pending_action == 'undo':
                number = export.entry_number
                self.undone(
                    export, self.env._("Taken out of Exact: entry %s is deleted.", number), kept
                )
            else:
                self._book_anew(export, kept)
        elif operation.may_still_come():
            export.next_try = operation.look_again_at()
        else:
            # Exact said so, or said nothing, and did not do it: it is asked once more.
            operation._go('not_shown')
            self.again_in_a_minute(export, export.pending_action, note('attempt/still_there'))

    def _book_anew(self, export, kept):
        """The entry was taken out to be booked anew: the export is a new one that sends itself.

        :param kept: as of `_delete_document`: then it goes with the new entry
        """
        files = self.env['exact.export.files']
        going_on = files.files_operations(export) if kept else files.deletions(export)
        (export.operation_ids - going_on)._go('ended')
        export.entry_line_ids.unlink()
        export.finding_ids.filtered(lambda finding: finding.severity == 'blocks').unlink()
        export._go(
            'taken_out_to_book_anew', exact_guid=False, entry_number=0,
            document_guid=kept and files.document_of(export),
            # There is nothing to reverse any more: it is taken out instead.
            pending_action=self._next_action(export, 'update') and 'undo',
            difference_ids=False, has_difference=False, next_try=False,
        )
        export.log_attempt('update', 'done', note('attempt/deleted_anew'))
        export.trigger_worker()

    def _delete_document(self, export, client):
        """Delete the document of the entry in Exact, with its files.

        :return: why Exact keeps it, '' if it does not
        """
        guid = self.env['exact.export.files'].document_of(export)
        if not guid:
            return ''
        try:
            export.ask(client, 'delete', 'document', DOCUMENTS, key=guid)
        except (Rejected, Forbidden) as error:
            if getattr(error, 'reason', None) in DIVISION_REASONS:
                raise
            return describe(error)
        return ''
