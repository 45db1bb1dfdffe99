"""Ways on which an entry could be lost, or become somebody else's, after something went wrong."""

import base64
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.models.export.exact_export_step import MAX_ATTEMPTS

from .test_export_faults import ENTRIES, FILES, WORKER
from .test_export_typed import ExactTypedCase


@tagged('post_install', '-at_install')
class TestExportEdges(ExactTypedCase):

    def arrive(self, body):
        with self.division.client() as client:
            client.post(ENTRIES, body)

    @mute_logger(*WORKER)
    def test_a_withdrawn_document_never_comes_back(self):
        """Exact does not answer to the deletion of its file, and it was edited and sent since."""
        self.division.send_documents = True
        self.no_right('POST', ENTRIES)
        move = self.invoice()
        old = self.export(move)
        self.assertEqual(old.state, 'refused')
        self.simulator.faults.add(
            'cut_before', method='DELETE', resource='documents/Documents', times=None,
        )
        move.button_draft()
        move.invoice_line_ids.price_unit = 120
        move.action_post()
        self.written_later(move)
        move.action_exact_export()
        for _try in range(MAX_ATTEMPTS + 1):
            self.age(old)
            self.work()
        self.assertEqual(old.state, 'undone')
        self.assertFalse(self.queue().failures, self.queue().trouble)
        self.assertBooked(move)

    def test_nobody_is_asked_while_our_entry_may_come(self):
        """Somebody used our number for something else, and ours is not to be seen yet."""
        move = self.invoice()
        self.relation(move)
        body = self.lost(move.action_exact_export)
        self.simulator.clock.freeze(self.simulator.clock() - timedelta(minutes=3))
        self.typed(self.invoice(90), YourRef=move.name)
        self.simulator.clock.resume()
        export = move.exact_export_id
        self.soon(export)
        self.assertEqual(export.state, 'uncertain')
        self.arrive(body)
        self.age(export)
        self.work()
        self.work()
        self.assertEqual(
            sorted(map(float, self.entries(move.name).values())), [108.9, 121],
        )

    def test_entry_is_booked_anew_though_its_document_is_kept(self):
        self.division.send_documents = True
        move = self.invoice()
        self.export(move)
        self.edited_with_a_line_more_in_exact(move)
        self.no_right('DELETE', 'documents/Documents')
        move.action_exact_update()
        self.work()
        self.work()
        self.assertEqual(len(self.entries(move.name)), 1, move.exact_message)
        self.assertBooked(move)

    def test_what_the_accountant_booked_after_a_refusal_stays_the_accountants(self):
        move = self.invoice()
        self.relation(move)
        self.simulator.faults.add('refuse', method='POST', resource=ENTRIES, text="Not today.")
        export = self.export(move)
        self.assertEqual(export.state, 'refused')
        guid = self.typed(move)
        self.look_again()
        move.action_exact_retry()
        self.work()
        self.work()
        self.assertEqual((export.state, export.exact_guid), ('verified', guid))
        move.action_exact_undo()
        self.work()
        self.assertEqual((export.state, list(self.entries(move.name))), ('undone', [guid]))

    def test_edited_document_keeps_its_place_in_the_numbers_of_exact(self):
        self.division.numbering = 'exact'
        first, second = self.invoice(1), self.invoice(2)
        self.ready(first)
        self.ready(second)
        self.written_later(first)
        self.work()
        self.age(second.exact_export_id)
        self.work()
        self.assertLess(int(first.exact_entry_number), int(second.exact_entry_number))

    def test_files_of_the_accountant_stay(self):
        move = self.invoice()
        self.relation(move)
        self.division.send_documents = True
        self.no_right('POST', ENTRIES)
        export = self.export(move)
        self.assertEqual(export.state, 'refused')
        with self.division.client() as client:
            client.post(FILES, {
                'Document': export.document_guid, 'FileName': 'note.pdf',
                'Attachment': base64.b64encode(b'%PDF-1.4 a note').decode(),
            })
            rows = self.requests('DELETE', FILES)
        move.action_exact_retry()
        self.work()
        self.assertBooked(move)
        self.assertEqual(self.requests('DELETE', FILES), rows)

    def test_deleted_entry_is_booked_anew_after_a_reversal_without_answer(self):
        move = self.invoice()
        export = self.export(move)
        self.lost(move.action_exact_reverse)
        self.delete(export.exact_guid)
        self.division.sudo().on_deleted(1, export.entry_line_ids.mapped('exact_guid'))
        self.age(export)
        self.work()
        self.assertEqual(export.state, 'deleted')
        move.action_exact_create_new()
        self.work()
        self.assertBooked(move)

    @mute_logger(*WORKER)
    def test_a_deleted_entry_that_breaks_stops_no_other(self):
        bad, good = self.invoice(1), self.invoice(2)
        for export in self.export(bad | good):
            self.delete(export.exact_guid)
            self.division.sudo().on_deleted(1, export.entry_line_ids.mapped('exact_guid'))
        gone = self.registry['exact.export.journals'].gone

        def broken(journals, export):
            if export.move_id == bad:
                raise KeyError('nobody foresaw this')
            gone(journals, export)

        third = self.invoice(3)
        third.action_exact_export()
        with patch.object(self.registry['exact.export.journals'], 'gone', broken):
            self.work()
        self.assertFalse(self.queue().failures, self.queue().trouble)
        self.assertEqual(good.exact_state, 'deleted')
        self.assertBooked(third)
        self.assertIn("nobody foresaw this", bad.exact_message)
        self.assertGreater(bad.exact_export_id.next_try, fields.Datetime.now())
        self.age(bad.exact_export_id)
        self.work()
        self.assertEqual(bad.exact_state, 'deleted')

    def test_deletion_is_seen_after_a_refused_update(self):
        move = self.invoice()
        export = self.export(move)
        lines = set(export.entry_line_ids.mapped('exact_guid'))
        move.button_draft()
        move.invoice_line_ids.price_unit = 120
        move.action_post()
        self.work()
        self.simulator.faults.add('refuse', method='PUT', resource='salesentry', text="Not today.")
        move.action_exact_update()
        self.work()
        self.assertEqual((export.state, export.pending_action), ('changed', False))
        self.delete(export.exact_guid)
        self.env['exact.export.journals'].sudo().note_deleted(self.division, lines)
        self.work()
        self.assertEqual(export.state, 'deleted')

    def test_book_beside_is_not_promised_of_what_is_on_its_way(self):
        move = self.invoice()
        self.typed(move)
        wizard = self.wizard(move)
        move.action_exact_export()
        for state in ('sending', 'uncertain'):
            move.exact_export_id.sudo().state = state
            with self.subTest(state=state), self.assertRaisesRegex(
                UserError, "is on its way to Exact by now",
            ):
                wizard.action_book_beside()

    def test_refused_undo_is_told_though_the_entry_is_proved_then(self):
        move = self.invoice()
        self.relation(move)
        export = self.export(move)
        # Its read-back is still to come.
        export.sudo().state = 'sent'
        self.simulator.faults.add('refuse', method='DELETE', resource=ENTRIES, text="Not today.")
        move.action_exact_undo()
        self.age(export)
        self.work()
        self.assertEqual(export.state, 'verified')
        self.assertIn('undo_refused', export.finding_ids.mapped('code'))

    def test_credit_of_another_relation_is_no_reversal(self):
        """Vendors and customers may number alike, and owe alike."""
        other = self.env['res.partner'].create({'name': "De Boer", 'is_company': True})
        customer = self.relation(self.invoice(1, partner=other))
        move = self.invoice()
        export = self.export(move)
        credit = {**self.typed_values(move), 'Customer': customer}
        credit['SalesEntryLines'][0]['AmountFC'] *= -1
        guid = self.simulator.control.run('add_entry', {'kind': 'sale', 'values': credit})
        move.action_exact_reverse()
        self.work()
        self.assertEqual(export.state, 'undone')
        self.assertNotEqual(export.reversal_guid, guid['EntryID'])
        self.assertEqual(len(self.entries(move.name)), 3)
