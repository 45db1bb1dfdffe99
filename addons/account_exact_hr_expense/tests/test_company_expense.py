from decimal import Decimal

from odoo import Command
from odoo.tests import tagged

from odoo.addons.account_exact.exact_api import wire

from .common import ExactExpenseCase


@tagged('post_install', '-at_install')
class TestCompanyExpense(ExactExpenseCase):
    """Expenses that the company paid: through the journal that they were paid from."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bank_journal = cls.company_data['default_journal_bank']
        cls.map_bank(cls.bank_journal, '12')
        cls.allow_vat('12', allowed=True)
        # In general entries VAT goes on its ledger
        for account in cls.tax_in_21.invoice_repartition_line_ids.account_id:
            cls.map_ledger(account, cls.master('exact.gl.account', [('gl_type', '=', 24)]).code)

    @classmethod
    def allow_vat(cls, journal_type, *, allowed):
        """Switch VAT on or off for the journals of a type, in Exact and in our mirror of it."""
        journals = cls.env['exact.journal'].sudo().search([
            ('division_id', '=', cls.division.id), ('journal_type', '=', journal_type),
        ])
        for journal in journals:
            cls.control(
                'edit_record', table='Journals', key=journal.code, values={'AllowVAT': allowed},
            )
        journals.allow_vat = allowed

    @classmethod
    def map_bank(cls, journal, journal_type):
        return cls.mapping(
            'exact.journal.mapping', 'journal_id', journal, 'exact_journal_id',
            cls.master('exact.journal', [
                ('journal_type', '=', journal_type), ('is_blocked', '=', False),
                ('currency_code', 'in', [False, 'EUR']),
            ]),
        )

    def amounts(self, export):
        """What Exact's ledger says: {type of the ledger: debit positive}."""
        types = {
            account.code: account.gl_type
            for account in self.env['exact.gl.account'].search([
                ('division_id', '=', self.division.id),
            ])
        }
        result = {}
        for row in self.rows(export.exact_guid):
            gl_type = types[wire.as_text(row['GLAccountCode'])]
            result[gl_type] = result.get(gl_type, 0) + wire.as_decimal(row['AmountFC'])
        return result

    def test_bank_entry(self):
        expense = self.create_company_expense(supplier_reference="F-0042")
        self.run_all()
        move = expense.account_move_id
        self.assertEqual(move.origin_payment_id.state, 'in_process')
        export = self.assertBookedAs(expense, 'bank')
        self.assertTrue(export.is_automatic)
        self.assertGolden('company_account', self.payload(export))
        self.assertEqual(
            self.amounts(export),
            {12: Decimal(-121), self.cost_type(): Decimal(100), 24: Decimal(21)},
        )
        self.assertEqual(expense.state, 'paid')

    def vat_return(self, export):
        """What the VAT return has of an entry: {VAT code: (base, VAT)}, debit positive."""
        bases, vat = {}, {}
        vat_ledgers = set(self.env['exact.gl.account'].search([
            ('division_id', '=', self.division.id), ('gl_type', '=', 24),
        ]).mapped('code'))
        for row in self.rows(export.exact_guid):
            code = wire.as_text(row['VATCode'])
            to = vat if wire.as_text(row['GLAccountCode']) in vat_ledgers else bases
            if code:
                to[code] = to.get(code, 0) + wire.as_decimal(row['AmountFC'])
        return {code: (bases.get(code), vat.get(code)) for code in bases.keys() | vat.keys()}

    def vat_code(self, tax):
        return self.env['exact.tax.mapping'].search([
            ('division_id', '=', self.division.id), ('tax_id', '=', tax.id),
        ]).vat_code_id.code

    def test_vat_is_in_the_vat_return(self):
        """A hotel of 121.00 with 21 %, paid by the company."""
        expense = self.create_company_expense(121, name="Hotel")
        self.run_all()
        export = self.assertBookedAs(expense, 'bank')
        code = self.vat_code(self.tax_in_21)
        self.assertEqual(self.vat_return(export), {code: (Decimal(100), Decimal(21))})
        [line] = self.payload(export)['BankEntryLines']
        self.assertEqual(line['VATCode'], code)
        self.assertNotIn('general_vat', export.finding_ids.mapped('code'))

    def test_the_cents_of_the_vat_are_those_of_odoo(self):
        """Of 2.33 with 21 % the VAT is 0.40; 21 % of 1.93 would be 0.41."""
        expense = self.create_company_expense(2.33)
        self.run_all()
        export = self.assertBookedAs(expense, 'bank')
        code = self.vat_code(self.tax_in_21)
        self.assertEqual(
            self.vat_return(export), {code: (Decimal('1.93'), Decimal('0.40'))},
        )
        self.assertEqual(self.amounts(export)[12], Decimal('-2.33'))
        [line] = self.payload(export)['BankEntryLines']
        self.assertEqual(line['AmountVATFC'], '-0.40')

    def test_a_reverse_charge_keeps_its_code_and_moves_no_money(self):
        tax = self.env['account.tax'].search([
            ('company_id', '=', self.company.id), ('type_tax_use', '=', 'purchase'),
            ('amount', '=', 21), ('id', 'in', self.env['exact.tax.mapping'].search([
                ('division_id', '=', self.division.id), ('vat_code_id.charged', '=', True),
            ]).tax_id.ids),
        ], limit=1)
        self.assertTrue(tax)
        expense = self.create_company_expense(100, tax_ids=[Command.set(tax.ids)])
        self.run_all()
        export = self.assertBookedAs(expense, 'bank')
        self.assertEqual(self.amounts(export)[12], Decimal(-100))
        self.assertEqual(set(self.vat_return(export)), {self.vat_code(tax)})

    def test_a_journal_without_vat_is_told_before_anything_is_sent(self):
        self.allow_vat('12', allowed=False)
        expense = self.create_company_expense()
        self.run_all()
        self.assertEqual(expense.exact_state, 'blocked')
        self.assertIn("takes no VAT in Exact", expense.exact_message)
        self.allow_vat('12', allowed=True)
        expense.account_move_id.action_exact_retry()
        self.run_cron('ir_cron_exact_export')
        self.assertBookedAs(expense, 'bank')

    def cost_type(self):
        return self.master('exact.gl.account', [('code', '=', self.expense.code)]).gl_type

    def test_cash_entry(self):
        cash = self.company_data['default_journal_cash']
        self.map_bank(cash, '10')
        expense = self.create_company_expense(
            payment_method_line_id=cash.outbound_payment_method_line_ids[:1].id,
        )
        self.run_all()
        export = self.assertBookedAs(expense, 'cash')
        self.assertEqual(self.amounts(export)[10], Decimal(-121))

    def test_who_sends_the_journal_to_a_general_one_gets_general_entries(self):
        """As where Exact reads the bank by itself: the outstanding account is the bridge."""
        self.map_bank(self.bank_journal, '90')
        self.division.send_documents = True
        expense = self.create_company_expense(approve=False)
        self.attach(expense)
        self.approve(expense)
        self.post_by_itself()
        move = expense.account_move_id
        outstanding = move.origin_payment_id.outstanding_account_id
        ledger = self.master('exact.gl.account', [
            ('gl_type', '=', 90), ('is_blocked', '=', False), ('use_cost_center', '=', '0'),
            ('use_cost_unit', '=', '0'),
        ]) or self.master('exact.gl.account', [('gl_type', '=', 12)])
        self.map_ledger(outstanding, ledger.code)
        self.run_cron('ir_cron_exact_export')
        export = self.assertBookedAs(expense, 'general')
        self.assertEqual(sum(self.amounts(export).values()), 0)
        lines = self.payload(export)['GeneralJournalEntryLines']
        self.assertEqual([line['Document'] for line in lines], [export.document_guid] * 3)
        self.assertEqual(self.documents(export), [("receipt.pdf", move.name)])

    def test_without_a_journal_it_waits_and_says_so(self):
        self.env['exact.journal.mapping'].search([
            ('journal_id', '=', self.bank_journal.id),
        ]).unlink()
        expense = self.create_company_expense()
        self.run_all()
        self.assertEqual(expense.exact_state, 'blocked')
        self.assertIn(self.bank_journal.name, expense.exact_message)
        # The journal has a row to be mapped now, and the row knows what it keeps back.
        self.division._refresh_mappings()
        mapping = self.env['exact.journal.mapping'].search([
            ('journal_id', '=', self.bank_journal.id),
        ])
        self.assertEqual(mapping.move_count, 1)
        self.assertTrue(mapping.suggested_exact_journal_id)
        mapping.action_accept()
        expense.account_move_id.action_exact_retry()
        self.run_cron('ir_cron_exact_export')
        self.assertBookedAs(expense, 'bank')

    def test_no_vendor_no_relation(self):
        before = self.env['exact.relation'].search_count([])
        expense = self.create_company_expense(vendor_id=False)
        self.run_all()
        export = self.assertBookedAs(expense, 'bank')
        for line in self.payload(export)['BankEntryLines']:
            self.assertNotIn('Account', line)
        self.assertEqual(self.env['exact.relation'].search_count([]), before)

    def test_a_vendor_that_exact_knows_is_named(self):
        relation = self.master('exact.relation', [
            ('is_supplier', '=', True), ('is_blocked', '=', False),
        ])
        self.env['exact.partner.mapping'].create({
            'division_id': self.division.id, 'partner_id': self.vendor.id,
            'relation_id': relation.id,
        })
        expense = self.create_company_expense()
        self.run_all()
        export = self.assertBookedAs(expense, 'bank')
        self.assertEqual(self.payload(export)['BankEntryLines'][0]['Account'], relation.exact_guid)

    def test_the_receipt_travels(self):
        self.division.send_documents = True
        expense = self.create_company_expense(approve=False)
        self.attach(expense, "receipt.pdf")
        self.approve(expense)
        self.run_all()
        export = self.assertBookedAs(expense, 'bank')
        self.assertEqual(self.documents(export), [("receipt.pdf", export.move_id.name)])
        for line in self.payload(export)['BankEntryLines']:
            self.assertEqual(line['Document'], export.document_guid)

    def test_foreign_currency(self):
        """Paid abroad from an account in euro: what the bank took is booked."""
        dollar = self.rated('USD', 1.25)
        expense = self.create_company_expense(151.25, currency_id=dollar.id)
        self.run_all()
        export = self.assertBookedAs(expense, 'bank')
        self.assertEqual(self.payload(export)['Currency'], 'EUR')
        self.assertEqual(self.amounts(export)[12], Decimal(-121))

    def test_undo(self):
        expense = self.create_company_expense()
        self.run_all()
        export = self.assertBookedAs(expense, 'bank')
        expense.account_move_id.action_exact_undo()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual((expense.exact_state, export.state), ('undone', 'undone'))
        self.assertEqual(self.rows(export.exact_guid), [])

    def test_update_means_booking_anew(self):
        """Exact has no PUT for bank entries."""
        self.division.send_documents = True
        expense = self.create_company_expense(approve=False)
        self.attach(expense)
        self.approve(expense)
        self.run_all()
        export = self.assertBookedAs(expense, 'bank')
        guid, document = export.exact_guid, export.document_guid
        move = expense.account_move_id
        move.button_draft()
        move.line_ids.filtered(lambda line: line.balance == 100).name = "Dinner"
        move.action_post()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(expense.exact_state, 'changed')
        move.action_exact_update()
        self.run_cron('ir_cron_exact_export')
        self.assertBookedAs(expense, 'bank')
        self.assertNotEqual(export.exact_guid, guid)
        self.assertEqual(self.rows(guid), [])
        self.assertNotEqual(export.document_guid, document)
        # A set: the books of the simulator are older than this test.
        self.assertEqual(set(self.documents(export)), {("receipt.pdf", move.name)})

    def test_other_payments_stay_at_home(self):
        """What banks report comes into Exact by itself."""
        self.division.auto_export_general = True
        payment = self.env['account.payment'].create({
            'payment_type': 'outbound', 'partner_type': 'supplier', 'partner_id': self.supplier.id,
            'amount': 50, 'journal_id': self.bank_journal.id, 'date': '2026-01-20',
        })
        payment.action_post()
        expense = self.create_company_expense()
        expense._create_company_paid_moves()
        expense.account_move_id.origin_payment_id.action_post()
        self.assertFalse(payment.move_id.exact_export_ids)
        self.assertTrue(expense.account_move_id.exact_export_ids)
        self.division.write({'auto_export_general': False, 'auto_export_expense': False})
        other = self.create_company_expense()
        other._create_company_paid_moves()
        other.account_move_id.origin_payment_id.action_post()
        self.assertFalse(other.account_move_id.exact_export_ids)
        wizard = self.env['exact.export.wizard'].create({'division_id': self.division.id})
        moves = wizard._moves()
        self.assertIn(other.account_move_id, moves)
        self.assertNotIn(payment.move_id, moves)

    def test_a_journal_kept_in_odoo(self):
        mapping = self.env['exact.journal.mapping'].search([
            ('journal_id', '=', self.bank_journal.id),
        ])
        mapping.write({'exact_journal_id': False, 'is_left_out': True})
        expense = self.create_company_expense()
        self.run_all()
        self.assertEqual((expense.state, expense.exact_state), ('paid', 'not_exported'))

    def test_who_exports_need_not_see_expenses(self):
        """A bookkeeper without any right on expenses asks for the export."""
        bookkeeper = self.env['res.users'].create({
            'name': "Bo Keeper", 'login': 'bo', 'company_id': self.company.id,
            'company_ids': [Command.set(self.company.ids)],
            'group_ids': [Command.set(self.env.ref('account.group_account_invoice').ids)],
        })
        self.division.auto_export_expense = False
        expense = self.create_company_expense()
        expense._create_company_paid_moves()
        expense.account_move_id.origin_payment_id.action_post()
        move = expense.account_move_id.with_user(bookkeeper)
        wizard = self.env['exact.export.wizard'].with_user(bookkeeper).create({
            'division_id': self.division.id,
        })
        self.assertIn(move, wizard._moves())
        with self.subTest("the form before the export"):
            values = self.env['exact.export.document.wizard'].with_user(bookkeeper).with_context(
                default_move_id=move.id,
            ).default_get(['move_id', 'kind', 'line_ids'])
            self.assertEqual(values['kind'], 'bank')
        move.action_exact_export()
        self.run_cron('ir_cron_exact_export')
        self.assertBookedAs(expense, 'bank')
