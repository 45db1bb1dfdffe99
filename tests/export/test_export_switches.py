from odoo.tests import tagged

from odoo.addons.account_exact.exact_api import odata

from ..export_common import ExactExportCase, ExplicitTypeMixin

ENTRY_RESOURCES = {
    'sale': 'salesentry/SalesEntries', 'purchase': 'purchaseentry/PurchaseEntries',
}


class ExactSwitchCase(ExactExportCase):
    """What is not known of Exact is a switch of the simulator: both settings have to work."""

    def header(self, export):
        """Type, status and total of an entry as Exact has it."""
        with self.division.client() as client:
            row = client.get_by_key(
                ENTRY_RESOURCES[export.kind], export.exact_guid,
                select=['EntryID', 'Type', 'Status', 'AmountFC'],
            )
        return row['Type'], row['Status'], float(row['AmountFC'])

    def check_credit_notes(self, sale_total, purchase_total):
        """A credit note and a refund: booked as such, changed, reversed."""
        sale = self.document('out_refund', [(100, self.tax_21)], name='RINV/2026/71001')
        purchase = self.document(
            'in_refund', [(40, self.tax_in_21)], ref='credit 71002', name='RBILL/2026/71002',
        )
        exports = self.export(sale | purchase)
        for move in sale | purchase:
            self.assertBooked(move)
        self.assertEqual(self.header(exports[0]), (21, 20, sale_total))
        self.assertEqual(self.header(exports[1]), (31, 20, purchase_total))
        sale.button_draft()
        sale.invoice_line_ids.price_unit = 200
        sale.action_post()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(sale.exact_state, 'changed')
        sale.action_exact_update()
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(sale)
        self.assertEqual(self.header(sale.exact_export_id), (21, 20, 2 * sale_total))
        export = purchase.exact_export_id
        purchase.action_exact_reverse()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(purchase.exact_state, 'undone')
        # The opposite of a credit note is a bill: all of its ledgers are back where they were.
        with self.division.client() as client:
            rows = client.get(
                'financialtransaction/TransactionLines', select=['GLAccount', 'AmountFC'],
                filter=odata.any_of('EntryID', [
                    odata.guid(export.exact_guid), odata.guid(export.reversal_guid),
                ]),
            )
        balance = {}
        for row in rows:
            balance[row['GLAccount']] = balance.get(row['GLAccount'], 0) + row['AmountFC']
        self.assertTrue(balance)
        self.assertFalse(any(balance.values()), balance)


@tagged('post_install', '-at_install')
class TestCreditNotesBySign(ExactSwitchCase):
    """Negative amounts make the credit note; Type is never sent."""

    def test_credit_notes(self):
        self.check_credit_notes(-121, -48.4)

    def test_no_type_is_sent(self):
        invoice = self.document('out_invoice', [(100, self.tax_21)], name='INV/2026/71003')
        self.export(invoice)
        self.assertNotIn('Type', self.payload(invoice.exact_export_id))


@tagged('post_install', '-at_install')
class TestCreditNotesByType(ExplicitTypeMixin, ExactSwitchCase):
    """Positive amounts with Type 21 or 31."""

    def test_credit_notes(self):
        self.check_credit_notes(121, 48.4)

    def test_by_sign_is_seen_when_exact_wants_types(self):
        """The wrong setting for this administration is told, not called verified."""
        self.switch(negative_total='accept')
        self.division.credit_note_style = 'sign'
        move = self.document('out_refund', [(100, self.tax_21)], name='RINV/2026/71004')
        export = self.export(move)
        self.assertEqual(self.header(export)[0], 20)
        self.assertEqual((export.state, move.exact_state), ('sent', 'blocked'))
        self.assertIn("invoice with negative amounts", move.exact_message)
        self.assertEqual(move.action_exact_fix()['res_model'], 'exact.division')
        self.division.credit_note_style = 'explicit'
        move.action_exact_undo()
        self.run_cron('ir_cron_exact_export')
        self.export(move)
        self.assertBooked(move)
        self.assertEqual(self.header(move.exact_export_id)[0], 21)


@tagged('post_install', '-at_install')
class TestEntriesProcessedAtOnce(ExactSwitchCase):
    """Entries that are processed the moment they are booked can be reversed, not deleted."""

    simulator_switches = {'rate_limits': False, 'entry_status': 50}

    def test_undo_offers_the_reversal(self):
        move = self.document('out_invoice', [(100, self.tax_21)], name='INV/2026/72001')
        export = self.export(move)
        self.assertBooked(move)
        self.assertEqual(self.header(export)[1], 50)
        move.action_exact_undo()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual((export.state, move.exact_state), ('verified', 'verified'))
        self.assertIn("Reverse it instead", move.exact_message)
        self.assertIn('reverse', move.exact_buttons)
        self.assertTrue(self.rows(export.exact_guid))
        move.action_exact_reverse()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(move.exact_state, 'undone')
        self.assertTrue(export.reversal_number)
        # The way is free for the document as it should have been.
        self.export(move)
        self.assertBooked(move)
        self.assertNotEqual(move.exact_export_id, export)

    def test_update_is_refused_with_the_reason_and_a_way_on(self):
        move = self.document('out_invoice', [(100, self.tax_21)], name='INV/2026/72002')
        export = self.export(move)
        move.button_draft()
        move.invoice_line_ids.price_unit = 120
        move.action_post()
        self.run_cron('ir_cron_exact_export')
        move.action_exact_update()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(export.state, 'changed')
        self.assertIn('121.00 → 145.20', move.exact_message)
        self.assertIn("Reverse it instead", move.exact_message)
        self.assertIn('reverse', move.exact_buttons)
        move.action_exact_reverse()
        self.run_cron('ir_cron_exact_export')
        self.export(move)
        self.assertBooked(move)

    def test_bulk_undo_tells_each_document_its_result(self):
        moves = self.document('out_invoice', [(1, self.tax_21)], name='INV/2026/72003')
        moves |= self.document('in_invoice', [(2, self.tax_in_21)], ref='72004')
        self.export(moves)
        wizard = self.env['exact.undo.wizard'].with_context(exact_move_ids=moves.ids).create({})
        wizard.action_undo()
        self.run_cron('ir_cron_exact_export')
        for move in moves:
            self.assertIn("Reverse it instead", move.exact_message)
        wizard = self.env['exact.undo.wizard'].with_context(exact_move_ids=moves.ids).create(
            {'reverse': True},
        )
        wizard.action_undo()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(set(moves.mapped('exact_state')), {'undone'})


@tagged('post_install', '-at_install')
class TestExactNumbers(ExactSwitchCase):
    """Exact numbers the documents: its number is printed and paid by, until it is taken back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.division.numbering = 'exact'

    def printed(self, move):
        content, _kind = self.env['ir.actions.report']._render_qweb_html(
            'account.account_invoices', move.ids,
        )
        return content.decode()

    def test_number_is_printed(self):
        for move_type in ('out_invoice', 'out_refund'):
            move = self.document(move_type, [(10, self.tax_21)])
            self.assertNotIn('exact_printed_number', self.printed(move))
            export = self.export(move)
            number = str(export.invoice_number or export.entry_number)
            self.assertEqual(move.payment_reference, number)
            self.assertIn('Exact Number', self.printed(move))
            self.assertIn(number, self.printed(move))

    def test_a_reference_of_ones_own_survives_the_undo(self):
        move = self.document('out_invoice', [(10, self.tax_21)])
        self.export(move)
        move.payment_reference = "PO 4711"
        self.run_cron('ir_cron_exact_export')
        move.action_exact_undo()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(move.payment_reference, "PO 4711")

    def test_number_of_an_entry_that_is_gone_does_not_come_back(self):
        for reference in ("PO 4711", False):
            with self.subTest(reference=reference):
                move = self.document('out_invoice', [(10, self.tax_21)])
                move.payment_reference = reference
                for _time in range(2):
                    export = self.export(move)
                    self.assertBooked(move)
                    self.control('delete_entry', entry=export.exact_guid)
                    self.division.sudo().on_deleted(
                        1, export.entry_line_ids.mapped('exact_guid'),
                    )
                    self.run_cron('ir_cron_exact_export')
                    self.assertEqual(export.state, 'deleted')
                last = self.export(move)
                self.assertEqual(move.payment_reference, str(last.invoice_number))
                move.action_exact_undo()
                self.run_cron('ir_cron_exact_export')
                self.assertEqual(move.payment_reference or False, reference)

    def test_no_reference_before_is_none_after(self):
        move = self.document('out_invoice', [(10, self.tax_21)])
        move.payment_reference = False
        self.export(move)
        self.assertTrue(move.payment_reference)
        move.action_exact_undo()
        self.run_cron('ir_cron_exact_export')
        self.assertFalse(move.payment_reference)
