"""Whether Exact has the files that it took, and no longer those that it deleted: that is read some
minutes later, of 40 documents with two calls.
"""

import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ...exact_api import odata, wire
from ..base.exact_note import note
from ..base.exact_problem import Problem
from ..work.exact_work import Work, index_of_work
from .exact_export import BOOKED_STATES, FILE
from .exact_export_files import ATTACHMENTS, DOCUMENTS
from .exact_export_read_back import READ_BATCH

_logger = logging.getLogger(__name__)

# What was asked for within this time, Exact has lost; before, somebody may have deleted it.
RECENT = timedelta(days=1)
# How long is waited where Exact shows nothing, or something breaks.
SHOWN_NOTHING = timedelta(days=1)
NOT_THERE = 'attempt/file_not_there'
PROVE_FILES = Work(
    'prove_files',
    lambda row: SQL(
        "%s = 'answered' AND (%s = 'document' OR %s LIKE 'file/%%')",
        row('state'), row('part'), row('part'),
    ),
    is_told=False, model='exact.operation', step='_prove_files', order=10, priority='document',
)


class ExactExportFiles(models.AbstractModel):
    _inherit = 'exact.export.files'

    @api.private
    def prove(self, operations, client):
        """Read which of these documents and files Exact has.

        :param operations: `exact.operation`, answered
        :return: whether time ran out before all were read
        """
        for batch in self.env['exact.export.proof'].batches(operations, READ_BATCH):
            exports = self.env['exact.export'].browse(set(batch.mapped('res_id'))).exists()
            guids = {
                *exports.mapped('document_guid'),
                *batch.filtered(lambda one: one.part == 'document').mapped('exact_guid'),
            } - {False, ''}
            there = self._ids_there(client, guids)
            self.env['exact.export'].commit_half()
            if not there and len(guids) > 1:
                # The connected user may make documents and see none: that proves nothing.
                _logger.warning("Exact shows none of %s documents that it took", len(guids))
                batch.next_try = fields.Datetime.now() + SHOWN_NOTHING
            else:
                self._each_by_itself(
                    batch,
                    lambda some, there=there: [
                        self._settle(operation, operation.exact_guid in there)
                        for operation in some
                    ],
                    lambda operation, _error: operation.write({
                        'next_try': fields.Datetime.now() + SHOWN_NOTHING,
                    }),
                )
            if not self._commit():
                return True
        return False

    def _ids_there(self, client, guids):
        """GUIDs of those of these documents that Exact has, and of all their files."""
        result = set()
        for some in odata.batches(sorted(guids)):
            keys = [odata.guid(guid) for guid in some]
            rows = [
                *client.get(DOCUMENTS, select=['ID'], filter=odata.any_of('ID', keys)),
                *client.get(ATTACHMENTS, select=['ID'], filter=odata.any_of('Document', keys)),
            ]
            result |= {wire.as_guid(row['ID']) for row in rows}
        return result

    def _settle(self, operation, is_there):
        """Note what Exact's books show of a document or a file.

        What Exact said that it has and does not show is brought once more, only once. What it
        said that it has deleted and still shows, a person is told.
        """
        export = self.env['exact.export'].browse(operation.res_id).exists()
        is_deletion = operation.verb == 'delete'
        if is_there != is_deletion:
            operation._go('proved', next_try=False)
        elif operation.may_still_come():
            operation.next_try = operation.look_again_at()
        elif is_deletion:
            operation._go('ended')
            self._tell_kept(export, operation)
        else:
            operation._go('not_shown', exact_guid=False)
            self._bring_again(export, operation)

    def _bring_again(self, export, operation):
        """A document or a file is missing: the next comparison of the document sees that, and
        brings it if nothing else is to be decided.
        """
        message = note(NOT_THERE, name=operation.title or export.name)
        was_brought = any(
            isinstance(attempt.note, dict) and attempt.note.get('code') == NOT_THERE
            for attempt in export.attempt_ids
        )
        is_recent = operation.asked_at and operation.asked_at > fields.Datetime.now() - RECENT
        if operation.part == 'document':
            # None of its files is there either.
            self.files_operations(export).filtered(lambda one: one.verb == 'upload')._go('ended')
            export.document_guid = False
        if export.state not in BOOKED_STATES or export.is_linked:
            return
        if was_brought or not is_recent:
            # Brought in vain, or so long ago that somebody may have deleted it: a person decides.
            problem = Problem('files_behind', 'warns', {'message': message})
            export._add_findings({export: [problem]})
            return
        export.log_attempt('document', 'unknown', message)
        if not export.pending_action:
            export.pending_action = 'recheck'
            export.trigger_worker()

    def _tell_kept(self, export, operation):
        message = note('attempt/file_still_there')
        if operation.part == 'document':
            problem = Problem('document_kept', 'warns', {'message': message})
        else:
            name = operation.part.removeprefix(FILE)
            problem = Problem('attachment_kept', 'warns', {'name': name, 'message': message})
        export._add_findings({export: [problem]})


class ExactOperation(models.Model):
    _inherit = 'exact.operation'

    _due_idx = models.Index(index_of_work('division_id', (PROVE_FILES,)))

    def _prove_files(self, division, client):
        # Those that came behind are read along: it is the same call.
        waiting = self.search([
            ('division_id', '=', division.id), ('work', '=', PROVE_FILES.name),
            ('shown_by', '<=', fields.Datetime.now()),
        ], order='id')
        return self.env['exact.export.files'].prove(self | waiting, client)


class ExactExportQueue(models.Model):
    _inherit = 'exact.export.queue'

    def forget_future(self):
        result = super().forget_future()
        self.env['exact.operation'].search([
            ('division_id', '=', self.division_id.id), ('work', '=', PROVE_FILES.name),
            ('next_try', '>', fields.Datetime.now() + SHOWN_NOTHING),
        ]).next_try = False
        return result


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @api.model
    def _work_kinds(self):
        return super()._work_kinds() + (PROVE_FILES,)
