"""The files of a document: what was received with it, and what of that Exact gets."""

import re
from collections import defaultdict

from odoo import api, models

from ...booking import MAX_FILE, File
from ..export.exact_export import BOOKED_STATES

# Messages in which files come: e-mails bring whatever their sender attached, people may drop an
# e-invoice into the chatter. What else is attached to a note is talk, unless Odoo keeps it with the
# document.
_RECEIVED = 'email'
_WRITTEN = 'comment'
# What of an attachment decides what travels.
_DECISIVE = {'name', 'raw', 'datas', 'res_model', 'res_id', 'res_field', 'type', 'url'}


class AccountMove(models.Model):
    _inherit = 'account.move'

    def _exact_files(self):
        """Files of this document, those that do not travel to Exact with the reason why.

        :return: list of `booking.File`, or of (name, content)
        """
        self.ensure_one()
        if not self.is_sale_document(include_receipts=True):
            return [
                attachment._exact_file(why)
                for attachment, why in self._exact_received()[self.id]
            ]
        # sudo: attachments of a document belong to it, whoever uploaded them.
        document = self.sudo()._get_invoice_legal_documents('pdf')
        if document:
            return [File(document['filename'], document['content'])]
        report = self.env['ir.actions.report'].sudo()
        content, _kind = report._render_qweb_pdf('account.account_invoices', self.ids)
        return [File(self._get_invoice_report_filename(), content)]

    def _exact_received(self):
        """What was received with these documents: what is attached to them, and what lies in the
        messages that brought it. Odoo takes pictures and XML that come by e-mail off the document
        and leaves them in the message alone.

        :return: {move id: list of (`ir.attachment` with sudo, why it does not travel or '')}
        """
        # sudo: attachments of a document belong to it, whoever uploaded them.
        attached_sudo = self.env['ir.attachment'].sudo().search([
            ('res_model', '=', 'account.move'), ('res_id', 'in', self.ids),
            ('res_field', '=', False),
        ], order='id')
        messages_sudo = self.env['mail.message'].sudo().search([
            ('model', '=', 'account.move'), ('res_id', 'in', self.ids),
            ('message_type', 'in', [_RECEIVED, _WRITTEN]), ('attachment_ids', '!=', False),
        ], order='id')
        received, seen = defaultdict(list), defaultdict(set)
        for attachment in attached_sudo:
            received[attachment.res_id].append((attachment, ''))
            seen[attachment.res_id].add(attachment.checksum)
        for message in messages_sudo:
            for attachment in (message.attachment_ids - attached_sudo).sorted('id'):
                if message.message_type == _WRITTEN and not attachment._exact_is_xml():
                    continue
                if attachment.checksum and attachment.checksum in seen[message.res_id]:
                    continue
                seen[message.res_id].add(attachment.checksum)
                inline = re.search(rf'/web/image/{attachment.id}(?!\d)', message.body or '')
                received[message.res_id].append((attachment, 'inline' if inline else ''))
        return received

    def _exact_files_changed(self):
        """Let the worker bring what Exact has of these documents' files up to date.

        Of sales Exact has the printed page alone, which follows what the document says.
        """
        moves = self.filtered(lambda move: not move.is_sale_document(include_receipts=True))
        if not moves:
            return
        # sudo: see _exact_after_post.
        exports_sudo = self.env['exact.export'].sudo().search([
            ('move_id', 'in', moves.ids), ('state', 'in', [*BOOKED_STATES, 'sending', 'uncertain']),
            ('division_id.send_documents', '=', True), ('is_linked', '=', False),
        ])
        booked_sudo = exports_sudo.filtered(
            lambda export: export.state in BOOKED_STATES and not export.pending_action,
        )
        booked_sudo.pending_action = 'recheck'
        # As soon as it is known to be in Exact, its files are looked at.
        exports_sudo.filtered(
            lambda export: export.state in ('sending', 'uncertain'),
        ).document_written_at = False
        booked_sudo.trigger_worker()

    def _message_post_after_hook(self, new_message, message_values):
        result = super()._message_post_after_hook(new_message, message_values)
        if new_message.attachment_ids and new_message.message_type in (_RECEIVED, _WRITTEN):
            self._exact_files_changed()
        return result


class IrAttachment(models.Model):
    _inherit = 'ir.attachment'

    @api.model_create_multi
    def create(self, vals_list):
        attachments = super().create(vals_list)
        attachments._exact_documents()._exact_files_changed()
        return attachments

    def write(self, vals):
        if _DECISIVE.isdisjoint(vals):
            return super().write(vals)
        moves = self._exact_documents()
        result = super().write(vals)
        (moves | self._exact_documents())._exact_files_changed()
        return result

    def unlink(self):
        moves = self._exact_documents()
        result = super().unlink()
        moves.exists()._exact_files_changed()
        return result

    def _exact_documents(self):
        """The documents that these are attached to as files.

        :return: `account.move`
        """
        # sudo: who may write attachments need not see what they are attached to.
        ids = {
            attachment.res_id for attachment in self.sudo()
            if attachment.res_model == 'account.move' and attachment.res_id
            and not attachment.res_field
        }
        moves_sudo = self.env['account.move'].sudo().browse(ids)
        return moves_sudo.exists() if ids else moves_sudo

    def _exact_file(self, left_out=''):
        """This attachment as a file that travels, or does not.

        :rtype: booking.File
        """
        self.ensure_one()
        if self.type != 'binary':
            return File(self.name or '', left_out='link', url=self.url or '')
        # What is too large is not even read.
        if self.file_size > MAX_FILE:
            return File(self.name or '', b'', left_out, self.file_size)
        return File(self.name or '', self._exact_content(), left_out)

    def _exact_content(self):
        """The content, which is not kept in memory: a batch of documents has many files."""
        self.ensure_one()
        raw = self.raw or b''
        self.invalidate_recordset(['raw'], flush=False)
        return raw

    def _exact_is_xml(self):
        """Whether this is an XML file; e-mails bring them as plain text."""
        self.ensure_one()
        mimetype, name = self.mimetype or '', (self.name or '').lower()
        return self.type == 'binary' and (
            mimetype.endswith('/xml') or (mimetype == 'text/plain' and name.endswith('.xml'))
        )
