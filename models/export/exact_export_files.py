"""The files of a document in Exact: the document that holds them, and each file once.

Before the entry when it is booked; after that whenever the files of the document are others.
"""

import base64
import hashlib
import json
from datetime import timedelta

from odoo import api, models
from odoo.exceptions import UserError

from ...booking import File, free_name
from ...exact_api import ExactError, Forbidden, NotFound, OutcomeUnknown, Rejected, odata, wire
from ..base.exact_error_text import DIVISION_REASONS, describe
from ..base.exact_problem import Problem
from .exact_export import DOCUMENT, FILE, FILE_CODES

# The document and its file are sent before the entry.
DOCUMENTS = 'documents/Documents'
ATTACHMENTS = 'documents/DocumentAttachments'
DOCUMENT_RESOURCES = (DOCUMENTS, ATTACHMENTS)
# What of them only Exact tells.
_LEARNED = ('attachment_refused', 'attachment_kept', 'files_behind')
# Refusals that are not about one file: the document that it belongs to is not there.
_NOT_THE_FILE = {'invalid_reference', 'division_not_accessible'}


class ExactExportFiles(models.AbstractModel):
    _name = 'exact.export.files'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: Files of Documents"

    # === BRINGING === #

    @api.private
    def ensure_document(self, export, client, booking):
        """Let Exact have the files of the document as they are now, each once.

        Each upload keeps which state of a file it was (`version`) and what the file is called
        here, which may be another name than in Exact (`title`).

        :return: GUID of the document in Exact; '' without files.
        """
        if not export.division_id.send_documents:
            # Files were switched off. What Exact took before that, answered or not, stays ours.
            if export.operation(*DOCUMENT).unanswered() and not export.document_guid:
                export.commit_half()
                export.document_guid = self.lost_document(export, client)
            export.document_guid = self.document_of(export) or False
            return export.document_guid or ''
        if self._has_printed_page(export):
            return export.document_guid
        files, problems = self._files(export)
        self._tell_files(export, problems)
        guid = self.document_of(export)
        if not files and not guid:
            return ''
        is_new = False
        if not guid:
            guid, is_new = self._create_document(export, client, booking)
        try:
            known = {} if is_new else self._known_attachments(export, client, guid)
            problems += self._bring_files(export, client, guid, files, known)
        except (ExactError, UserError):
            export.document_guid = guid
            raise
        self._tell_files(export, problems)
        # Written with the entry: until then the operation knows it.
        export.document_guid = guid
        return guid

    @api.private
    def bring_changed_files(self, export, client, booking):
        """Bring the files to Exact as they are now, after the entry was booked. The entry is right
        already, so a problem with the files becomes a finding and stops nothing.
        """
        try:
            self.ensure_document(export, client, booking)
        except (Rejected, Forbidden, NotFound) as error:
            if getattr(error, 'reason', None) in DIVISION_REASONS:
                raise
            message = describe(error)
        except UserError as error:
            # Odoo could not print the page.
            message = str(error)
        else:
            return
        self._tell_files(export, [Problem('files_behind', 'warns', {'message': message})])

    def _tell_files(self, export, problems):
        """Replace what is said of the files of this document."""
        export.finding_ids.filtered(lambda finding: finding.code in FILE_CODES).unlink()
        export._add_findings({export: problems})

    @api.private
    def document_of(self, export):
        """The document in Exact that holds the files of this export. Its operation knows it before
        the export does.

        :return: GUID, '' if there is none
        """
        made = export.operation(*DOCUMENT)
        return export.document_guid or (
            made.state in ('answered', 'done') and made.exact_guid
        ) or ''

    def _create_document(self, export, client, booking):
        """Make the document in Exact that the files belong to, or find that of a lost answer.

        :return: (GUID, whether it is new)
        """
        division = export.division_id
        # Subject: what a person looks for in Exact; with the relation it is also our key.
        subject = export.move_id.name
        guid = ''
        relation = self._document_relation(booking)
        operation = export.operation(*DOCUMENT).to_look_up()
        if operation:
            export.commit_half()
            guid = self._find_remote_document(export, client, subject, relation)
            if guid:
                operation._go('found', exact_guid=guid)
            elif operation.may_still_come():
                raise OutcomeUnknown("the document may be there without being seen yet")
            else:
                operation._go('not_shown')
        is_new = not guid
        if is_new:
            body = {
                'Subject': subject,
                'Type': (
                    division.sale_document_type if booking.kind == 'sale'
                    else division.purchase_document_type
                ),
                'DocumentDate': booking.entry_date,
            }
            if relation:
                body['Account'] = relation
            if export.exact_guid:
                # The entry is there already: the document says to which it belongs (fact sheet
                # 4.7), which a processed entry takes, too.
                body['FinancialTransactionEntryID'] = export.exact_guid
            guid = wire.as_guid(export.ask(client, *DOCUMENT, DOCUMENTS, body)['ID'])
        return guid, is_new

    def _known_attachments(self, export, client, guid):
        """Files that the document has in Exact, by their names.

        :param guid: of the document
        :return: {name: GUID}
        """
        uploads = self._uploads(export)
        known = {
            name: upload.exact_guid for name, upload in uploads.items() if upload.exact_guid
        }
        unanswered = [upload for upload in uploads.values() if upload.unanswered()]
        if unanswered or not uploads:
            export.commit_half()
            rows = client.get(
                ATTACHMENTS, select=['ID', 'FileName'],
                filter=odata.eq('Document', odata.guid(guid)),
            )
            known |= {wire.as_text(row['FileName']): wire.as_guid(row['ID']) for row in rows}
        for upload in unanswered:
            found = known.get(upload.part.removeprefix(FILE))
            if found:
                upload._go('found', exact_guid=found)
            elif upload.may_still_come():
                raise OutcomeUnknown("the file may be there without being seen yet")
            else:
                upload._go('not_shown')
        return known

    def _uploads(self, export):
        """What Exact was asked to keep as files of the document, and was not taken off since.

        :return: {name in Exact: `exact.operation`}
        """
        return {
            operation.part.removeprefix(FILE): operation
            # The latest of a name is the one that Exact has.
            for operation in export.operations('upload', FILE).sorted('id')
        }

    @api.private
    def files_operations(self, export):
        """The operations on the document and its files.

        :rtype: `exact.operation`
        """
        return export.operation_ids.filtered(
            lambda operation: operation.state != 'over'
            and (operation.part == 'document' or operation.part.startswith(FILE)),
        )

    @api.private
    def deletions(self, export):
        """Deletions of the document and of files that Exact said yes to and that are not proved.

        :rtype: `exact.operation`
        """
        return self.files_operations(export).filtered(
            lambda operation: (operation.verb, operation.state) == ('delete', 'answered'),
        )

    def _bring_files(self, export, client, guid, files, known):
        """Let the document in Exact have these files as they are now.

        :param guid: of the document
        :param files: of `_files`
        :param known: {name: GUID} of what it has; what others have put there is theirs
        :return: problems with single files
        """
        uploads, problems = self._uploads(export), []
        for name, _raw, version in files:
            if not uploads and name in known:
                # Of a document that was looked up only its files are known: they count as sent.
                self._keep_upload(export, name, version, known[name])
        uploads = uploads or self._uploads(export)
        wanted = {name for name, _raw, _version in files}
        for name in [name for name, upload in uploads.items() if upload.title not in wanted]:
            # Taken off the document since.
            problems += self._take_off(export, client, uploads, known, name)
        for title, raw, version in files:
            mine = [name for name, upload in uploads.items() if upload.title == title]
            same = next((name for name in mine if uploads[name].version == version), '')
            for name in mine:
                if name != same:
                    # Exact's attachments cannot be changed, only made anew.
                    problems += self._take_off(export, client, uploads, known, name)
            if same and same in known:
                continue
            if same and uploads[same].state == 'refused':
                problems.append(self._refused_file(title, uploads[same].answer))
                continue
            name = same or free_name(title, {*uploads, *known})
            try:
                export.ask(
                    client, 'upload', f'{FILE}{name}', ATTACHMENTS, {
                        'Document': guid, 'FileName': name,
                        'Attachment': self._encoded(raw),
                    }, title=title, version=version,
                )
            except (Rejected, Forbidden) as error:
                if (
                    isinstance(error, Forbidden) or not error.messages
                    or not _NOT_THE_FILE.isdisjoint(error.kinds)
                ):
                    # It says nothing of the file, which is asked for again.
                    export.operation('upload', f'{FILE}{name}')._go('ended')
                    export.commit_half()
                    raise
                # One file that Exact does not take keeps no entry from being booked; and it is
                # not asked again for the same file.
                problems.append(self._refused_file(title, "\n".join(error.messages)))
            uploads = self._uploads(export)
        return problems

    def _keep_upload(self, export, name, version, guid):
        """Remember a file that Exact has, though nothing is known of how it came."""
        self.env['exact.operation'].create({
            'division_id': export.division_id.id, 'res_model': export._name, 'res_id': export.id,
            'verb': 'upload', 'part': f'{FILE}{name}', 'state': 'done', 'exact_guid': guid,
            'title': name, 'version': version, 'resource': ATTACHMENTS,
        })

    def _take_off(self, export, client, uploads, known, name):
        """Delete a file in Exact that is out of date.

        :param uploads: of `_uploads`; the file goes from them, unless Exact keeps it
        :return: problems
        """
        deletion = export.operation('delete', f'{FILE}{name}')
        message = deletion.state == 'refused' and deletion.answer
        if name in known and not message:
            try:
                export.ask(
                    client, 'delete', f'{FILE}{name}', ATTACHMENTS, key=known[name],
                )
            except (Rejected, Forbidden) as error:
                if getattr(error, 'reason', None) in DIVISION_REASONS:
                    raise
                message = describe(error)
        if message:
            return [Problem('attachment_kept', 'warns', {'name': name, 'message': message})]
        uploads.pop(name)._go('ended')
        known.pop(name, None)
        return []

    def _refused_file(self, name, words):
        return Problem('attachment_refused', 'informs', {
            'name': name, 'words': " ".join((words or '').splitlines()),
        })

    def _document_relation(self, booking):
        """Whose document it is: the relation of the entry, or the one that its lines name."""
        named = {line.relation for line in booking.lines} - {''}
        return booking.relation or (named.pop() if len(named) == 1 else '')

    # === WHAT EXACT HAS === #

    @api.private
    def lost_document(self, export, client):
        """A document that came into Exact without our learning its id, before it was withdrawn.

        Only one of our relation, made since the export was asked for: any other is somebody else's.

        :return: its GUID, '' if there is none
        """
        guid = self.document_of(export)
        if guid:
            return guid
        relation = export.relation_id.exact_guid
        may_be_there = self.files_operations(export) or (
            export.attempt_count and export.division_id.send_documents
        )
        if not may_be_there or not relation:
            return ''
        return self._find_remote_document(
            export, client, export.name, relation, since=export.create_date - timedelta(minutes=5),
        )

    @api.private
    def learn_document(self, export, client):
        """Learn which document belongs to an entry that was looked up. The document that Exact's
        entry names is ours if it bears our number and our user made it, else it is somebody else's.
        """
        guid = json.loads(export.read_back or '{}').get('document')
        if not guid or export.document_guid or export.is_linked:
            return
        user_guid = export.division_id.connection_id.sudo().exact_user_guid
        rows = client.get(
            DOCUMENTS, select=['ID', 'Subject', 'Creator'],
            filter=odata.eq('ID', odata.guid(guid)),
        )
        if any(
            wire.as_text(row['Subject']) == export.name
            and (not user_guid or wire.as_guid(row['Creator']) == user_guid)
            for row in rows
        ):
            export.document_guid = guid

    def _find_remote_document(self, export, client, subject, relation, since=None):
        terms = [odata.eq('Subject', subject)]
        if relation:
            terms.append(odata.eq('Account', odata.guid(relation)))
        rows = client.get(
            DOCUMENTS, select=['ID', 'Subject', 'Created'],
            filter=odata.all_of(*terms),
        )
        guids = [
            wire.as_guid(row['ID']) for row in rows
            if since is None or wire.as_utc(row['Created']).replace(tzinfo=None) >= since
        ]
        # An entry that stays in Exact keeps the document of its own export.
        taken = set(export.search([
            ('document_guid', 'in', guids), ('id', '!=', export.id),
        ]).mapped('document_guid'))
        return next((guid for guid in reversed(guids) if guid not in taken), '')

    # === THE FILES THEMSELVES === #

    def _files(self, export):
        """Files that travel with the document, and what is said of those that do not.

        :return: ([(file name, content, what tells its states apart)], problems)
        """
        files, problems, names = [], [], []
        for file in export.move_id._exact_files():
            # Name and content are enough to tell.
            file = File(*file)
            title, why = wire.file_name(file.name or ''), file.why_left_out
            if why:
                size = (len(file.raw) or file.size) / 2**20
                problems.append(Problem(f'attachment_{why}', 'informs', {
                    'name': title, 'url': file.url, 'size': f"{size:.0f}",
                }))
                continue
            # Exact's attachments are told apart by their names: two scans may share one.
            names.append(free_name(title, names))
            files.append((names[-1], file.raw, self._version(export, file)))
        return files, problems

    def _version(self, export, file):
        # A page that is printed again differs in its bytes, though not in what it shows.
        return export.fingerprint if export.kind == 'sale' else hashlib.sha256(file.raw).hexdigest()

    def _has_printed_page(self, export):
        """Whether Exact has the page of a sale as it would be printed now: it is not printed to
        find that out.
        """
        uploads = self._uploads(export).values()
        return bool(export.kind == 'sale' and export.document_guid and uploads) and all(
            upload.version == export.fingerprint and upload.state in ('answered', 'done', 'refused')
            for upload in uploads
        )

    @api.private
    def files_differ(self, export):
        """Whether the files in Exact differ from those of the document. The printed page of a sale
        does not count: it is sent with its entry.
        """
        if export.is_linked or not export.division_id.send_documents:
            return False
        if any(
            (one.verb, one.state) in (('post', 'open'), ('upload', 'open'))
            for one in self.files_operations(export)
        ):
            # Exact does not show what it took.
            return True
        if export.kind == 'sale':
            return False
        there = {
            (upload.title, upload.version) for name, upload in self._uploads(export).items()
            if upload.state != 'open'
            and export.operation('delete', f'{FILE}{name}').state != 'refused'
        }
        files, problems = self._files(export)
        told = export.finding_ids.filtered(lambda finding: finding.code in FILE_CODES)
        return there != {(name, version) for name, _raw, version in files} or (
            {(problem.code, problem.params['name']) for problem in problems} != {
                (finding.code, finding.params.get('name')) for finding in told
                if finding.code not in _LEARNED
            }
        )

    def _encoded(self, raw):
        return base64.b64encode(raw).decode('ascii')
