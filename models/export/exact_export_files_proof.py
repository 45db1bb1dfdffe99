"""Whether Exact has the files that it took, and no longer those that it deleted: that is read some
minutes later, of 40 documents with two calls.
"""

from odoo import api, models
from odoo.tools import SQL

from ...exact_api import odata, wire
from ..base.exact_note import note
from ..base.exact_problem import Problem
from ..work.exact_work import Work, index_of_work
from .exact_export import BOOKED_STATES, FILE
from .exact_export_files import ATTACHMENTS, DOCUMENTS
from .exact_export_read_back import READ_BATCH

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
            for operation in batch:
                self._settle(operation, operation.exact_guid in there)
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

        What Exact said that it has and does not show is brought once more. What it said that it has
        deleted and still shows, a person is told.
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
        """A document or a file is missing: an update of the entry, which is right, brings it."""
        message = note('attempt/file_not_there', name=operation.title or export.name)
        if operation.part == 'document':
            # None of its files is there either.
            self.files_operations(export).filtered(lambda one: one.verb == 'upload')._go('ended')
            export.document_guid = False
        export.log_attempt('document', 'unknown', message)
        is_outdated = self.env['exact.export.send'].is_outdated(export)
        if export.state == 'verified' and not export.pending_action and not is_outdated:
            export.write({'pending_action': 'update', 'next_try': False})
            export.trigger_worker()
        elif export.state in BOOKED_STATES:
            # With what else differs, a person decides.
            export._add_findings({export: [Problem('files_behind', 'warns', {'message': message})]})

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
        return self.env['exact.export.files'].prove(self, client)


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @api.model
    def _work_kinds(self):
        return super()._work_kinds() + (PROVE_FILES,)
