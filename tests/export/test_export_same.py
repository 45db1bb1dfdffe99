"""One bill that is in Odoo twice is in Exact once; the others ask a person."""

from unittest.mock import patch

from odoo.tests import tagged

from .test_export_faults import ExactFaultCase

BILLS = 'purchaseentry/PurchaseEntries'


class ExactSameCase(ExactFaultCase):

    def setUp(self):
        super().setUp()
        # An administration that takes what looks the same: there a second entry is possible.
        self.switch(duplicate_purchase='accept')

    def bill(self, ref='T-1', price=80, move_type='in_invoice', **values):
        return self.document(move_type, [(price, self.tax_in_21)], ref=ref, **values)

    def all_of(self, moves):
        return self.env['account.move'].union(*moves)

    def bills_in_exact(self):
        return [entry for entry in self.simulator.entries() if entry['kind'] == 'purchase']

    def findings(self, move):
        return move.exact_export_id.finding_ids.filtered(
            lambda finding: finding.severity == 'blocks',
        )

    def assertHeld(self, move, other, code='same_document'):
        """The document waits for a person, who reads which other it seems to be, and goes there."""
        finding = self.findings(move)
        self.assertEqual((move.exact_state, finding.mapped('code')), ('blocked', [code]))
        self.assertIn(other.name, move.exact_message)
        self.assertEqual(move.exact_button_label, "Open the Other")
        action = move.action_exact_fix()
        self.assertEqual((action['res_model'], action['res_id']), ('account.move', other.id))
        self.assertIn('keep_both', move.exact_buttons)


@tagged('post_install', '-at_install')
class TestExportSame(ExactSameCase):

    def test_fourteen_times_in_one_selection(self):
        """Two formats of one e-invoice and its copies: the first is booked, thirteen are not."""
        bills = self.all_of(self.bill() for _each in range(14))
        # However they are selected.
        self.export(bills.sorted('id', reverse=True))
        first, *others = bills.sorted('id')
        self.assertBooked(first)
        self.assertEqual(len(self.bills_in_exact()), 1)
        for move in others:
            self.assertHeld(move, first)

    def test_one_after_the_other(self):
        """Each in a turn of its own, the number written otherwise, on another day."""
        first = self.bill('INV 0042')
        self.export(first)
        second = self.bill('inv-42', invoice_date='2026-01-20')
        self.export(second)
        self.assertBooked(first)
        self.assertHeld(second, first)
        self.assertEqual(len(self.bills_in_exact()), 1)

    def test_by_automation(self):
        self.division.auto_export_purchase = True
        first = self.bill()
        self.work()
        second = self.bill()
        self.work()
        self.assertBooked(first)
        self.assertHeld(second, first)

    def test_two_contacts_with_one_vat_number(self):
        """Neither is known in Exact yet."""
        partners = [
            self.env['res.partner'].create({
                'name': name, 'vat': 'NL000099998B57', 'is_company': True, 'city': "Edam",
            }) for name in ("De Wit B.V.", "De Wit (mailed)")
        ]
        first, second = (self.bill(partner=partner) for partner in partners)
        self.export(first | second)
        self.assertBooked(first)
        self.assertHeld(second, first)

    def test_checked_one_by_one(self):
        """Where a batch cannot be checked as a whole, each is checked alone."""
        bills = self.bill() | self.bill()
        builder = type(self.env['exact.export.check']).keep_lines
        called = []

        def broken(check, exports, built, ids):
            if len(exports) > 1:
                called.append(True)
                raise KeyError('nobody foresaw this')
            return builder(check, exports, built, ids)

        with patch.object(type(self.env['exact.export.check']), 'keep_lines', broken):
            self.export(bills)
        self.assertTrue(called)
        self.assertHeld(bills[1], bills[0])

    def test_no_double(self):
        """A credit note that carries the number of its invoice, and the same number of another
        supplier."""
        other = self.env['res.partner'].create({'name': "De Zwart", 'is_company': True})
        moves = self.all_of([
            self.bill(), self.bill(move_type='in_refund'), self.bill(partner=other),
        ])
        self.export(moves)
        for move in moves:
            self.assertBooked(move)

    def test_credit_note_exported_later(self):
        invoice = self.bill()
        self.export(invoice)
        refund = self.bill(move_type='in_refund')
        self.export(refund)
        self.assertBooked(refund)

    def test_receipts_of_a_day_are_alike(self):
        receipts = self.all_of(
            self.bill('parking', 3, move_type='in_receipt') for _each in range(2)
        )
        self.export(receipts)
        for move in receipts:
            self.assertBooked(move)

    def test_scanned_without_its_number(self):
        first, second = self.bill(), self.bill(False)
        self.export(first | second)
        self.assertBooked(first)
        self.assertHeld(second, first, 'perhaps_same')
        third = self.bill(False, invoice_date='2026-01-16')
        self.export(third)
        self.assertBooked(third)

    # === WHAT A PERSON DOES === #

    def test_keep_both(self):
        """They are two: both are booked, and nobody asks again, whichever is exported anew."""
        first, second = self.bill(), self.bill()
        self.export(first | second)
        second.action_exact_keep_both()
        self.work()
        self.assertBooked(second)
        self.assertIn("keeps both", "".join(second.message_ids.mapped('body')))
        for move in first | second:
            move.action_exact_undo()
            self.work()
            self.export(move)
            self.assertBooked(move)
        # A third is another matter, and one answer for all that it may be.
        third = self.bill()
        self.export(third)
        self.assertHeld(third, first)
        third.action_exact_keep_both()
        self.work()
        self.assertBooked(third)

    def test_first_is_taken_back(self):
        """What was kept back for its sake goes on by itself."""
        first, second = self.bill(), self.bill()
        self.export(first | second)
        first.action_exact_undo()
        self.work()
        self.work()
        self.assertEqual(first.exact_state, 'undone')
        self.assertBooked(second)
        self.export(first)
        self.assertHeld(first, second)

    def test_first_turns_out_to_be_another(self):
        """It cannot go yet; its number is put right, as a draft or in the posted document."""
        unmapped = self.expense.copy({'code': '499999'})
        for number, as_draft in enumerate((True, False)):
            with self.subTest(as_draft=as_draft):
                first, second = self.bill(f'A-{number}'), self.bill(f'A-{number}')
                first.button_draft()
                first.invoice_line_ids.account_id = unmapped
                first.action_post()
                self.export(first | second)
                self.assertEqual(self.findings(first).mapped('code'), ['mapping_missing_account'])
                self.assertHeld(second, first)
                # As it is, it keeps the other back however often it is checked.
                first.action_exact_retry()
                self.work()
                self.assertHeld(second, first)
                if as_draft:
                    first.button_draft()
                first.ref = f'B-{number}'
                if as_draft:
                    first.action_post()
                else:
                    first.action_exact_retry()
                self.work()
                self.assertBooked(second)

    def test_dry_run_names_it(self):
        first, second = self.bill(), self.bill()
        wizard = self.env['exact.export.wizard'].create({'scope': 'purchase'})
        wizard.action_check()
        line = wizard.line_ids.filtered(lambda line: first.name in line.message)
        self.assertEqual(line.move_ids_json, second.ids)

    # === WHAT WAS ANSWERED === #

    def test_answer_outlives_other_choices(self):
        """Kept, and then adjusted before it goes out: not asked again."""
        move, other = self.bill(), self.bill()
        self.export(move | other)
        other.action_exact_keep_both()
        with patch.object(type(self.env['exact.export.send']), 'send_ready', return_value=False):
            self.work()
        wizard = self.document_wizard(other)
        wizard.journal_id = self.master('exact.journal', [
            ('journal_type', '=', '22'), ('is_blocked', '=', False), ('allow_vat', '=', True),
            ('id', '!=', wizard.journal_id.id),
        ]) or wizard.journal_id
        wizard.action_export()
        self.work()
        self.assertBooked(other)
