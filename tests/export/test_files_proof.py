"""Files are in Exact when Exact's books show them, and gone when they do not."""

from datetime import timedelta

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.exact_api import odata

from .test_export_files import FILES, FilesCase

DOCUMENTS = 'documents/Documents'
# What Exact answers where it finds nothing.
EMPTY = '{"d": {"results": []}}'


@tagged('post_install', '-at_install')
class TestFilesProof(FilesCase):

    def later(self):
        """Let half an hour pass for what Exact was asked for, and have the worker work."""
        operations = self.env['exact.operation'].sudo().search([])
        moment = fields.Datetime.now() - timedelta(minutes=30)
        operations.write({'asked_at': moment, 'shown_by': moment, 'next_try': moment})
        self.work()
        self.work()

    def exported(self, count=1):
        bills = self.env['account.move'].union(*(self.bill() for _each in range(count)))
        for bill in bills:
            self.attach(bill, 'scan.pdf')
        self.export(bills)
        for bill in bills:
            self.assertBooked(bill)
        return bills

    def states(self, move, verb='upload'):
        return move.exact_export_id.sudo().operation_ids.filtered(
            lambda one: one.verb == verb and one.part != 'entry',
        ).mapped('state')

    def asked(self):
        """How often Exact was asked which documents and which files it has."""
        return self.requests('GET', DOCUMENTS), self.requests('GET', FILES)

    def lose_files(self, move):
        """Somebody, or something, deletes the files in Exact."""
        guid = move.exact_export_id.document_guid
        with self.division.client() as client:
            for row in client.get(
                FILES, select=['ID'], filter=odata.eq('Document', odata.guid(guid)),
            ):
                client.delete(FILES, row['ID'])

    def test_files_of_many_documents_are_proved_with_two_calls(self):
        bills = self.exported(5)
        self.assertEqual({state for bill in bills for state in self.states(bill)}, {'answered'})
        self.work()
        self.assertEqual({state for bill in bills for state in self.states(bill)}, {'answered'})
        documents, files = self.asked()
        self.later()
        self.assertEqual(self.asked(), (documents + 1, files + 1))
        for bill in bills:
            self.assertEqual(self.states(bill), ['done'])
            self.assertEqual(self.states(bill, 'post'), ['done'])
        # Once is enough.
        self.later()
        self.assertEqual(self.asked(), (documents + 1, files + 1))

    def test_a_file_that_is_missing_is_brought_once_more(self):
        [bill] = self.exported()
        self.lose_files(bill)
        self.assertFalse(self.files(bill))
        self.later()
        self.assertEqual(self.files(bill), {'scan.pdf': b'content'})
        self.assertBooked(bill)
        self.later()
        self.assertEqual(self.states(bill), ['done'])
        self.assertIn("does not show it", str(bill.exact_export_id.attempt_ids.mapped('message')))

    def test_the_page_of_an_invoice_that_is_missing_is_brought_once_more(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        self.export(move)
        before = self.files(move)
        self.assertTrue(before)
        self.lose_files(move)
        self.later()
        self.assertEqual(self.files(move).keys(), before.keys())
        self.assertBooked(move)

    def test_a_document_that_is_missing_is_brought_once_more(self):
        [bill] = self.exported()
        guid = bill.exact_export_id.document_guid
        with self.division.client() as client:
            client.delete(DOCUMENTS, guid)
        self.later()
        self.assertNotEqual(bill.exact_export_id.document_guid, guid)
        self.assertEqual(self.files(bill), {'scan.pdf': b'content'})
        self.assertBooked(bill)

    def test_edited_meanwhile_a_person_decides(self):
        [bill] = self.exported()
        self.lose_files(bill)
        bill.button_draft()
        bill.invoice_line_ids.price_unit = 120
        bill.action_post()
        self.work()
        self.assertEqual(bill.exact_state, 'changed')
        self.later()
        self.assertEqual(bill.exact_state, 'changed')
        self.assertFalse(self.files(bill))
        bill.action_exact_update()
        self.work()
        self.assertBooked(bill)
        self.assertEqual(self.files(bill), {'scan.pdf': b'content'})

    def test_what_is_brought_in_vain_is_left_to_a_person(self):
        """Whatever takes the files away in Exact: they are not brought for ever."""
        [bill] = self.exported()
        for _each in range(3):
            self.lose_files(bill)
            self.later()
        uploads = self.requests('POST', FILES)
        self.later()
        self.assertEqual(self.requests('POST', FILES), uploads)
        self.assertEqual(bill.exact_export_id.attempt_ids.filtered(
            lambda attempt: "does not show it" in (attempt.message or ''),
        ).mapped('outcome'), ['unknown'])
        self.assertIn('files_behind', bill.exact_export_id.finding_ids.mapped('code'))
        self.assertEqual(bill.exact_bar, 'verified')
        self.assertIn('update', bill.exact_buttons)
        self.assertIn("does not show it", bill.exact_message)
        bill.action_exact_update()
        self.work()
        self.assertEqual(self.files(bill), {'scan.pdf': b'content'})
        self.assertNotIn('update', bill.exact_buttons)

    def test_who_sees_no_document_has_lost_none(self):
        """The connected user may make documents, and sees none of them."""
        bills = self.exported(3)
        for resource in (DOCUMENTS, FILES):
            self.simulator.faults.add(
                'status', method='GET', resource=resource, status=200, body=EMPTY,
            )
        uploads = self.requests('POST', FILES)
        with mute_logger('odoo.addons.account_exact.models.export.exact_export_files_proof'):
            self.later()
        self.assertEqual(self.requests('POST', FILES), uploads)
        self.assertEqual({state for bill in bills for state in self.states(bill)}, {'answered'})

    def test_a_linked_entry_gets_no_files(self):
        [bill] = self.exported()
        bill.exact_export_id.sudo().is_linked = True
        self.lose_files(bill)
        self.later()
        self.assertFalse(self.files(bill))
        self.assertFalse(bill.exact_export_id.pending_action)

    def test_a_document_that_only_seemed_deleted_is_told(self):
        [bill] = self.exported()
        export = bill.exact_export_id
        self.simulator.faults.add('status', method='DELETE', resource=DOCUMENTS, status=204)
        bill.action_exact_undo()
        self.later()
        self.assertEqual(export.state, 'undone')
        self.later()
        self.assertEqual(export.finding_ids.mapped('code'), ['document_kept'])
        self.assertIn("still has it", export.finding_ids.message)
        self.assertEqual(self.states(bill, 'delete'), ['over'])

    def test_a_document_that_is_deleted_is_proved(self):
        [bill] = self.exported()
        bill.action_exact_undo()
        self.later()
        self.later()
        self.assertEqual(self.states(bill, 'delete'), ['done'])
        self.assertFalse(bill.exact_export_id.finding_ids)

    def test_a_file_that_only_seemed_deleted_is_told(self):
        [bill] = self.exported()
        self.simulator.faults.add('status', method='DELETE', resource=FILES, status=204, body='')
        self.env['ir.attachment'].search([
            ('res_model', '=', 'account.move'), ('res_id', '=', bill.id), ('name', '=', 'scan.pdf'),
        ]).unlink()
        self.attach(bill, 'better scan.pdf', b'other')
        bill.action_exact_refresh()
        self.later()
        self.assertEqual(self.files(bill).keys(), {'scan.pdf', 'better scan.pdf'})
        self.later()
        self.assertIn('attachment_kept', bill.exact_export_id.finding_ids.mapped('code'))
        self.assertEqual(self.states(bill, 'delete'), ['over'])
