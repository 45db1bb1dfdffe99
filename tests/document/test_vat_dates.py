from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from ..export_common import ExactExportCase


@tagged('post_install', '-at_install')
class TestVatDates(ExactExportCase):
    """VAT codes whose percentage changed: 6 % until 31-12-2018, 9 % since."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tax_in_9 = cls.tax('purchase', 9)
        cls.tax_in_6 = cls.tax_in_9.copy({'name': "6% (until 2018)", 'amount': 6})
        cls.tax_6 = cls.tax_9.copy({'name': "6% sales (until 2018)", 'amount': 6})
        cls.row_6 = cls.map_tax(cls.tax_in_6, '5')
        cls.map_tax(cls.tax_6, '1')

    @classmethod
    def map_tax(cls, tax, code):
        target = cls.master('exact.vat.code', [('code', '=', code)])
        return cls.mapping('exact.tax.mapping', 'tax_id', tax, 'vat_code_id', target)

    def bill(self, tax, **values):
        return self.document(
            'in_invoice', [(10, tax)],
            **{'invoice_date': '2018-11-20', 'date': '2026-11-10', **values},
        )

    def test_bill_of_2018_booked_in_2026(self):
        move = self.bill(self.tax_in_6)
        self.assertEqual(move.amount_total, 10.60)
        self.export(move)
        rows = self.assertBooked(move)
        self.assertEqual({row['FinancialYear'] for row in rows}, {2026})
        # Exact's own rule is right on that day: nothing had to be overridden.
        self.assertNotIn('VATAmountFC', str(self.payload(move.exact_export_id)))

    def test_cents_of_that_time(self):
        """Two lines whose VAT Exact rounds by themselves, and Odoo together."""
        move = self.document(
            'in_invoice', [(8.25, self.tax_in_6), (8.25, self.tax_in_6), (8.25, self.tax_in_6)],
            invoice_date='2018-11-20', date='2026-11-10',
        )
        self.export(move)
        self.assertBooked(move)

    def test_tax_of_today_on_a_bill_of_then(self):
        move = self.bill(self.tax_in_9)
        self.export(move)
        self.assertEqual(move.exact_state, 'blocked')
        self.assertIn("On 2018-11-20 the VAT code 5 is 6%", move.exact_message)
        self.assertIn("the tax in Odoo 9%", move.exact_message)
        self.assertFalse(self.simulator.entries())

    def test_tax_of_then_on_a_bill_of_today(self):
        """As on a credit note of today for an invoice of then: another code has to carry it."""
        move = self.document('out_refund', [(10, self.tax_6)])
        self.export(move)
        self.assertEqual(move.exact_state, 'blocked')
        self.assertIn("is 9%", move.exact_message)
        self.assertIn("the tax in Odoo 6%", move.exact_message)

    def test_last_day_and_first_day(self):
        for day, tax, total in (
            ('2018-12-31', self.tax_in_6, 10.60), ('2019-01-01', self.tax_in_9, 10.90),
        ):
            with self.subTest(day=day):
                move = self.bill(tax, invoice_date=day)
                self.assertEqual(move.amount_total, total)
                self.export(move)
                self.assertBooked(move)

    def test_moved_into_another_year_the_date_of_the_entry_decides(self):
        """A closed period moves the date of the entry, and with it Exact's percentage."""
        row = self.env['exact.journal.mapping'].search([
            ('division_id', '=', self.division.id),
            ('journal_id', '=', self.company_data['default_journal_purchase'].id),
        ])
        row.closed_period_policy = 'next_open'
        move = self.bill(self.tax_in_6, date='2018-11-20')
        move.action_exact_export()
        cron = self.env.ref('account_exact.ir_cron_exact_export')
        triggers = self.env['ir.cron.trigger'].search([('cron_id', '=', cron.id)])
        triggers.unlink()
        self.run_cron('ir_cron_exact_export')
        # Exact was asked what is closed in that year: checked anew at once, not minutes later
        [again] = triggers.search([('cron_id', '=', cron.id)])
        self.assertLessEqual(again.call_at, fields.Datetime.now())
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(move.exact_state, 'blocked')
        self.assertIn("is 9%", move.exact_message)

    def test_mapping_fits_if_it_did_on_any_day(self):
        self.assertEqual(self.row_6.state, 'mapped')
        self.assertFalse(self.row_6.problem)
        with self.assertRaisesRegex(ValidationError, "it is 21%, the tax is 6%"):
            self.map_tax(self.tax_in_6, '4')

    def test_suggestion_for_a_tax_of_then(self):
        self.row_6.vat_code_id = False
        self.assertEqual(self.row_6.suggested_vat_code_id.code, '5')
        self.assertEqual(
            self.env['exact.tax.mapping'].search([
                ('division_id', '=', self.division.id), ('tax_id', '=', self.tax_in_9.id),
            ]).vat_code_id.code, '5',
        )

    def test_document_dialog_shows_the_vat_of_then(self):
        move = self.bill(self.tax_in_6)
        wizard = self.document_wizard(move)
        self.assertEqual(wizard.line_ids.mapped('vat_amount'), [0.60])
