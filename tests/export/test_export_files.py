# Texts of tests are nobody's: pylint knows them by the name of their folder alone.
# pylint: disable=translation-required
"""Files of a document: whatever was received with it reaches Exact, or is named as left out."""

import base64
import io
from email.message import EmailMessage

from odoo.tests import tagged
from odoo.tools.pdf import PdfFileWriter

from odoo.addons.account_exact.exact_api import ExactClient, Rejected, odata, wire
from odoo.addons.account_exact.models.export.exact_export import FILE_CODES

from ..export_common import ExactExportCase

FILES = 'documents/DocumentAttachments'
PIXEL = base64.b64decode(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='
)


def page():
    """A PDF of one empty page."""
    writer, buffer = PdfFileWriter(), io.BytesIO()
    writer.add_blank_page(72, 72)
    writer.write(buffer)
    return buffer.getvalue()


class FilesCase(ExactExportCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.division.send_documents = True

    def setUp(self):
        super().setUp()
        self.addCleanup(self.simulator.faults.clear)

    @classmethod
    def work(cls):
        cls.run_cron('ir_cron_exact_export')

    def bill(self, **values):
        return self.document('in_invoice', [(100, self.tax_in_21)], **values)

    def attach(self, move, name, raw=b'content', **values):
        return self.env['ir.attachment'].create({
            'name': name, 'raw': raw, 'res_model': 'account.move', 'res_id': move.id, **values,
        })

    def files(self, move):
        """What Exact has: {file name: content}."""
        guid = move.exact_export_id.document_guid
        if not guid:
            return {}
        with self.division.client() as client:
            rows = client.get(
                FILES, select=['ID', 'FileName'], filter=odata.eq('Document', odata.guid(guid)),
            )
        contents = {
            wire.as_text(row['FileName']): self.simulator.store.blob(wire.as_guid(row['ID']))
            for row in rows
        }
        self.assertEqual(len(contents), len(rows), "names are their own")
        return contents

    def told(self, move):
        """What is said of files: {name: code}, none of it in the way."""
        findings = move.exact_export_id.finding_ids.filtered(lambda one: one.code in FILE_CODES)
        self.assertNotIn('blocks', findings.mapped('severity'))
        return {finding.params.get('name'): finding.code for finding in findings}

    def requests(self, method, resource):
        """How many calls of a kind Exact has had."""
        return self.simulator.store.query(
            'SELECT COUNT(*) FROM call WHERE method = ? AND resource = ?', method, resource,
        )[0][0]


@tagged('post_install', '-at_install')
class TestExportFiles(FilesCase):

    # === WHAT TRAVELS === #

    def test_every_kind_of_file_travels(self):
        bill = self.bill()
        contents = {
            'receipt.heic': b'\0\0\0 ftypheic', 'receipt.webp': b'RIFF', 'scan.tiff': b'II*',
            'terms.docx': b'PK', 'mail.eml': b'Subject: bill', 'lines.csv': b'a;b',
            'all.zip': b'PK', 'locked.pdf': b'%PDF-1.4 /Encrypt',
        }
        for name, raw in contents.items():
            self.attach(bill, name, raw)
        self.export(bill)
        self.assertBooked(bill)
        self.assertEqual(self.files(bill), contents)
        self.assertEqual(self.told(bill), {})

    def documents(self):
        return [
            row for row in self.simulator.store.all('Documents', self.division.code)
            if row['Subject'].startswith('BILL')
        ]

    def test_a_document_whose_file_did_not_come_is_known(self):
        bill = self.bill()
        self.attach(bill, 'scan.pdf', b'%PDF')
        self.simulator.faults.add('status', method='POST', resource=FILES, status=403, times=1)
        bill.action_exact_export()
        self.work()
        self.assertFalse(bill.exact_export_id.exact_guid)
        self.assertTrue(bill.exact_export_id.document_guid)

    def test_a_document_that_only_its_operation_knows_goes_with_its_entry(self):
        bill, before = self.bill(), len(self.documents())
        self.attach(bill, 'scan.pdf', b'%PDF')
        self.export(bill)
        self.assertBooked(bill)
        self.assertEqual(len(self.documents()), before + 1)
        bill.exact_export_id.sudo().document_guid = False
        bill.action_exact_undo()
        self.work()
        self.assertEqual(bill.exact_export_id.state, 'undone')
        self.assertEqual(len(self.documents()), before)

    def test_what_cannot_travel_is_named_and_stays_named(self):
        bill = self.bill()
        self.attach(bill, 'scan.pdf', b'%PDF')
        self.attach(bill, 'empty.pdf', b'')
        self.attach(bill, "Shared folder", False, type='url', url='https://example.com/f')
        self.export(bill)
        self.assertBooked(bill)
        self.assertEqual(list(self.files(bill)), ['scan.pdf'])
        named = {'empty.pdf': 'attachment_empty', "Shared folder": 'attachment_link'}
        self.assertEqual(self.told(bill), named)
        export = bill.exact_export_id
        self.assertIn('https://example.com/f', " ".join(export.finding_ids.mapped('message')))
        self.assertEqual(set(export.finding_ids.mapped('severity')), {'informs'})
        # Somebody edits the entry in Exact: loud, and what was left out is not forgotten by that.
        self.control('edit_entry', entry=export.exact_guid, lines={1: {'AmountFC': 90}})
        export.sudo().write({'state': 'sent', 'has_difference': False})
        self.work()
        self.assertTrue(export.has_difference)
        self.assertEqual(self.told(bill), named)

    def test_a_long_name_is_cut_before_its_extension(self):
        bill = self.bill()
        self.attach(bill, 'f' * 256 + '.pdf', b'%PDF')
        self.export(bill)
        self.assertBooked(bill)
        [name] = self.files(bill)
        self.assertTrue(name.endswith('f.pdf'), name)
        self.assertLessEqual(len(name), 100)

    def test_a_file_that_exact_does_not_take_is_named_and_asked_for_once(self):
        bill = self.bill()
        self.attach(bill, 'good.pdf', b'%PDF good')
        self.attach(bill, 'odd.xyz', b'odd')
        post = ExactClient.post

        def picky(client, resource, body):
            if resource == FILES and body['FileName'] == 'odd.xyz':
                asked.append(body)
                raise Rejected(messages=["Niet toegestaan: Bestandsnaam"], status=500)
            return post(client, resource, body)

        asked = []
        self.patch(ExactClient, 'post', picky)
        self.export(bill)
        self.assertBooked(bill)
        self.assertEqual(list(self.files(bill)), ['good.pdf'])
        self.assertEqual(self.told(bill), {'odd.xyz': 'attachment_refused'})
        bill.ref = "another reference"
        self.work()
        bill.action_exact_update()
        self.work()
        self.assertBooked(bill)
        self.assertEqual(len(asked), 1)
        self.assertEqual(self.told(bill), {'odd.xyz': 'attachment_refused'})

    # === BY E-MAIL === #

    def mail(self, attachments, *, html=''):
        """A bill that comes by e-mail to the address of the purchase journal."""
        journal = self.company_data['default_journal_purchase']
        domain = self.env['mail.alias.domain'].search([], limit=1) or (
            self.env['mail.alias.domain'].create({'name': 'example.com'})
        )
        self.company.alias_domain_id = domain
        journal.alias_id.write({'alias_name': 'bills', 'alias_domain_id': domain.id})
        message = EmailMessage()
        message['From'] = "Jansen Papier <bills@jansen.example>"
        message['To'] = f'bills@{domain.name}'
        message['Subject'] = "Our invoice"
        message['Message-Id'] = f'<{self.id()}@jansen.example>'
        message.set_content("See the attachment.")
        if html:
            message.add_alternative(html, subtype='html')
            message.get_payload()[1].add_related(
                PIXEL, 'image', 'png', cid='<logo@jansen>', filename='logo.png',
            )
        for name, raw, kind in attachments:
            maintype, _slash, subtype = kind.partition('/')
            if maintype == 'text':
                message.add_attachment(raw.decode(), subtype=subtype, filename=name)
            else:
                message.add_attachment(raw, maintype, subtype, filename=name)
        move_id = self.env['mail.thread'].message_process('account.move', message.as_bytes())
        return self.env['account.move'].browse(move_id)

    def finish(self, bill):
        """What Odoo did not read of the files, a person types."""
        bill.write({
            'partner_id': self.supplier.id, 'ref': f'M-{bill.id}', 'invoice_date': '2026-01-15',
            'date': '2026-01-15',
        })
        if not bill.invoice_line_ids:
            bill.invoice_line_ids = [(0, 0, {
                'name': "Line", 'quantity': 1, 'price_unit': 100, 'tax_ids': self.tax_in_21.ids,
                'account_id': self.expense.id,
            })]
        bill.action_post()
        return bill

    def test_the_xml_of_a_bill_that_came_by_email_travels(self):
        """Odoo leaves it in the message alone, as plain text."""
        xml = b'<?xml version="1.0"?>\n<Order><ID>1</ID></Order>\n'
        bill = self.finish(self.mail([
            ('bill.pdf', page(), 'application/pdf'), ('bill.xml', xml, 'text/plain'),
        ]))
        attachments = bill.message_ids.attachment_ids
        loose = attachments.filtered(lambda one: one.name == 'bill.xml')
        self.assertEqual((loose.mimetype, loose.res_id), ('text/plain', 0))
        self.export(bill)
        self.assertBooked(bill)
        self.assertEqual(set(self.files(bill)), {'bill.pdf', 'bill.xml'})
        self.assertIn(b'<Order>', self.files(bill)['bill.xml'])

    def test_photo_by_email_travels_and_the_logo_in_the_text_is_named(self):
        bill = self.finish(self.mail(
            [('photo.png', PIXEL + b'receipt', 'image/png')],
            html='<p>Regards <img src="cid:logo@jansen"></p>',
        ))
        self.export(bill)
        self.assertBooked(bill)
        self.assertEqual(list(self.files(bill)), ['photo.png'])
        self.assertEqual(self.told(bill), {'logo.png': 'attachment_inline'})

    def test_pictures_in_notes_are_talk(self):
        bill = self.bill()
        self.attach(bill, 'scan.pdf', b'%PDF')
        bill.message_post(
            body="Is this right?", message_type='comment',
            attachments=[
                ('screenshot.png', PIXEL), ('e-invoice.xml', b'<?xml version="1.0"?><a/>'),
            ],
        )
        # Whoever may not edit templates leaves XML as plain text.
        order = self.env['ir.attachment'].create({
            'name': 'order.xml', 'raw': b'<?xml version="1.0"?><b/>', 'mimetype': 'text/plain',
        })
        bill.message_post(body="The order", message_type='comment', attachment_ids=order.ids)
        self.assertEqual((order.mimetype, order.res_id), ('text/plain', 0))
        self.export(bill)
        self.assertBooked(bill)
        self.assertEqual(set(self.files(bill)), {'scan.pdf', 'e-invoice.xml', 'order.xml'})
        self.assertEqual(self.told(bill), {})

    def test_what_came_twice_travels_once(self):
        """Sent once more as a reminder, or attached by hand because nobody saw it in the message.
        """
        photo = PIXEL + b'receipt'
        bill = self.finish(self.mail([('photo.png', photo, 'image/png')]))
        self.attach(bill, 'by hand.png', photo)
        bill.message_post(
            body="Have you seen it?", message_type='email', attachments=[('again.png', photo)],
        )
        self.export(bill)
        self.assertBooked(bill)
        self.assertEqual(self.files(bill), {'by hand.png': photo})
        self.assertEqual(self.told(bill), {})

    # === AFTER THE EXPORT === #

    def test_a_file_that_is_added_follows_by_itself(self):
        bill = self.bill()
        self.attach(bill, 'scan.pdf', b'%PDF')
        self.export(bill)
        self.assertBooked(bill)
        export = bill.exact_export_id
        proved = export.verified_at
        # A processed entry in a closed period takes files like any other.
        self.control('process_entry', entry=export.exact_guid)
        self.control('close_period', year=2026, period=1)
        self.addCleanup(self.control, 'close_period', year=2026, period=1, closed=False)
        extra = self.attach(bill, 'page 2.pdf', b'%PDF page 2')
        self.work()
        self.assertEqual((export.state, export.verified_at), ('verified', proved))
        self.assertEqual(self.files(bill), {'scan.pdf': b'%PDF', 'page 2.pdf': b'%PDF page 2'})
        extra.unlink()
        self.work()
        self.assertEqual(list(self.files(bill)), ['scan.pdf'])
        self.assertFalse(export.pending_action)
        # Known as processed, it takes them all the same.
        export.sudo()._go('read_again')
        self.work()
        self.assertEqual(export.state, 'verified')
        self.attach(bill, 'page 3.pdf', b'%PDF page 3')
        self.work()
        self.assertEqual(sorted(self.files(bill)), ['page 3.pdf', 'scan.pdf'])
        self.assertEqual(export.state, 'verified')
        self.assertNotIn('already_processed', export.finding_ids.mapped('code'))

    def test_a_first_file_that_comes_after_the_export(self):
        bill = self.bill()
        self.export(bill)
        self.assertBooked(bill)
        self.assertFalse(bill.exact_export_id.document_guid)
        bill.message_post(
            body="The bill itself", message_type='email', attachments=[('bill.tiff', b'II*')],
        )
        self.work()
        self.assertBooked(bill)
        self.assertEqual(self.files(bill), {'bill.tiff': b'II*'})
        rows = self.rows(bill.exact_export_id.exact_guid)
        self.assertEqual(
            {wire.as_guid(row['Document']) for row in rows}, {bill.exact_export_id.document_guid},
        )

    def test_files_that_were_lost_on_the_way_are_not_sent_twice(self):
        # A supplier of its own: Exact's documents of other tests have the same subjects.
        bill = self.bill(partner=self.supplier.copy({'name': "Lost on the Way", 'city': "Zwolle"}))
        self.export(bill)
        self.simulator.faults.add('cut_after', method='POST', resource='documents/Documents$')
        posts = self.requests('POST', FILES)
        self.attach(bill, 'scan.pdf', b'%PDF')
        self.work()
        export = bill.exact_export_id
        self.assertEqual(export.pending_action, 'update')
        export.sudo().next_try = False
        self.simulator.faults.add('cut_after', method='POST', resource=FILES)
        self.work()
        export.sudo().next_try = False
        self.work()
        self.assertBooked(bill)
        self.assertEqual(self.files(bill), {'scan.pdf': b'%PDF'})
        self.assertEqual(self.requests('POST', FILES), posts + 1)
        with self.division.client() as client:
            self.assertEqual(len(client.get(
                'documents/Documents', select=['ID'], filter=odata.all_of(
                    odata.eq('Subject', bill.name),
                    odata.eq('Account', odata.guid(bill.exact_export_id.relation_id.exact_guid)),
                ),
            )), 1)

    def test_files_of_a_sale_are_no_concern(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        self.export(move)
        self.attach(move, 'talk.pdf', b'%PDF')
        self.assertFalse(move.exact_export_id.pending_action)

    # === THE PAGE OF AN INVOICE THAT WAS EDITED === #

    def edited(self, move):
        move.button_draft()
        move.invoice_line_ids.price_unit = 200
        move.action_post()
        self.work()
        self.assertEqual(move.exact_state, 'changed')
        move.action_exact_update()
        self.work()

    def pages(self, move):
        """The page says its total, as the printed one does."""
        return self.patch(
            type(self.env['account.move']), '_exact_files',
            lambda one: [('invoice.pdf', f'%PDF {one.amount_total}'.encode())],
        )

    def test_the_new_page_travels_and_the_old_one_goes(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        self.pages(move)
        self.export(move)
        self.assertEqual(self.files(move), {'invoice.pdf': b'%PDF 121.0'})
        self.edited(move)
        self.assertBooked(move)
        self.assertEqual(self.files(move), {'invoice.pdf': b'%PDF 242.0'})
        self.assertEqual(self.told(move), {})

    def test_a_page_that_exact_keeps_is_named_beside_the_new_one(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        self.pages(move)
        self.export(move)
        self.no_right('DELETE', FILES)
        self.edited(move)
        self.assertBooked(move)
        self.assertEqual(self.files(move), {
            'invoice.pdf': b'%PDF 121.0', 'invoice (2).pdf': b'%PDF 242.0',
        })
        self.assertEqual(self.told(move), {'invoice.pdf': 'attachment_kept'})
        # Pressed once more, nothing comes twice.
        move.action_exact_update()
        self.work()
        self.assertBooked(move)
        self.assertEqual(len(self.files(move)), 2)

    def test_a_bill_that_was_edited_keeps_its_scan(self):
        bill = self.bill()
        self.attach(bill, 'scan.pdf', b'%PDF')
        self.export(bill)
        posts = self.requests('POST', FILES)
        self.edited(bill)
        self.assertBooked(bill)
        self.assertEqual(self.files(bill), {'scan.pdf': b'%PDF'})
        self.assertEqual(self.requests('POST', FILES), posts)

    def test_files_that_cannot_come_stop_no_entry(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        self.pages(move)
        self.export(move)
        self.no_right('POST', FILES)
        self.edited(move)
        self.assertBooked(move)
        self.assertEqual(list(self.told(move).values()), ['files_behind'])
        move.action_exact_update()
        self.work()
        self.assertEqual(self.files(move), {'invoice.pdf': b'%PDF 242.0'})
        self.assertEqual(self.told(move), {})
