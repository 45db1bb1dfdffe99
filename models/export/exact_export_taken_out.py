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

    def _changes_entry(self):
        """Whether this changes an entry that Exact has, and leaves it there."""
        self.ensure_one()
        return self.part.startswith(LINE) or (self.verb, self.part) == ('put', 'entry')


class ExactExport(models.Model):
    _inherit = 'exact.export'

    def _take_out(self, client):
        """Have Exact delete the entry."""
        self._learn_document(client)
        self._ask(
            client, *TAKE_OUT, resource(from_dict(self.booking)), key=self.exact_guid,
        )

    def _answered_instead(self):
        """What came instead of Exact's answer to what a person asked for, None if nothing did.

        :return: a note
        """
        last = self.attempt_ids[:1]
        return last.note if last.outcome == 'unknown' else None

    def _is_being_taken_out(self):
        """Whether Exact was asked to delete the entry, and its books were not looked at since."""
        return self._operation(*TAKE_OUT).state in ('asked', 'unknown', 'answered')

    @api.model
    def _prove_changes(self, division, client):
        """Look in Exact's books whether entries that were to go are gone, and reversals there:
        many with one call.

        :return: whether time ran out before all were done
        """
        taken_out = self._due(division, 'change', order='id').filtered(
            lambda export: export._is_being_taken_out(),
        )
        for batch in taken_out._batches(READ_BATCH):
            there = self._read_entries(client, division, set(batch.mapped('exact_guid')))
            self._commit_half()
            if self._do_each(division, batch, lambda export, there=there: (
                export._settle_taken_out(client, is_gone=export.exact_guid not in there)
            )):
                return True
        return self._prove_reversals(division, client)

    def _settle_taken_out(self, client, *, is_gone):
        """Go on with an entry that Exact was asked to delete.

        :param bool is_gone: whether its books do not show the entry
        """
        operation = self._operation(*TAKE_OUT)
        if is_gone:
            kept = self._delete_document(client)
            operation._go('proved')
            if self.pending_action == 'undo':
                number = self.entry_number
                self._undone(self.env._("Taken out of Exact: entry %s is deleted.", number), kept)
            else:
                self._book_anew(kept)
        elif operation._may_still_come():
            self.next_try = operation._look_again_at()
        else:
            # Exact said so, or said nothing, and did not do it: it is asked once more.
            operation._go('not_shown')
            self._again_in_a_minute(self.pending_action, note('attempt/still_there'))

    def _book_anew(self, kept):
        """The entry was taken out to be booked anew: the export is a new one that sends itself.

        :param kept: as of `_delete_document`: then it goes with the new entry
        """
        (self.operation_ids - self._files_operations() if kept else self.operation_ids)._go('ended')
        self.entry_line_ids.unlink()
        self.finding_ids.filtered(lambda finding: finding.severity == 'blocks').unlink()
        self._go(
            'taken_out_to_book_anew', exact_guid=False, entry_number=0,
            document_guid=kept and self.document_guid,
            # There is nothing to reverse any more: it is taken out instead.
            pending_action=self._next_action('update') and 'undo',
            difference_ids=False, has_difference=False, next_try=False,
        )
        self._log_attempt('update', 'done', note('attempt/deleted_anew'))
        self._trigger_worker()

    def _delete_document(self, client):
        """Delete the document of the entry in Exact, with its files.

        :return: why Exact keeps it, '' if it does not
        """
        if not self.document_guid:
            return ''
        try:
            self._ask(client, 'delete', 'document', DOCUMENTS, key=self.document_guid)
        except (Rejected, Forbidden) as error:
            if getattr(error, 'reason', None) in DIVISION_REASONS:
                raise
            return describe(error)
        return ''
