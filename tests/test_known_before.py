"""What Exact says no to, known beforehand: nothing is asked that it must refuse, and what cannot be
known is asked once."""

from odoo import Command
from odoo.tests import tagged

from .test_refusals import RefusalCase


@tagged('post_install', '-at_install')
class TestReverseChargeOnSales(RefusalCase):
    """0 % in the building trade: Exact's codes of that kind have `Charged` or have it not."""

    def setUp(self):
        super().setUp()
        self.tax_r = self.env.ref(f'account.{self.company.id}_btw_verk_0')

    def code_of(self, tax):
        self.division._refresh_mappings()
        self.division.action_accept_suggestions()
        return self.mapped('exact.tax.mapping', 'tax_id', tax, 'vat_code_id')

    def booked_with(self, tax, code):
        invoice = self.invoice(lines=[(1000, tax)])
        refund = self.document('out_refund', [(250, tax)], name=f'R{next(self.numbers)}')
        self.export(invoice | refund)
        for move in invoice | refund:
            self.assertBooked(move)
            self.assertIn(code, {row['VATCode'].strip() for row in self.rows(
                move.exact_export_id.exact_guid) if row['VATCode']})

    def add_code(self, code, **values):
        table = {'table': 'VATCodes', 'key': code}
        self.control('add_record', table='VATCodes', values={
            'Code': code, 'Description': "Btw verlegd binnenland, verkoop bouw",
            'VATTransactionType': 'S', 'Type': 'E', **values,
        })
        self.addCleanup(self.control, 'delete_record', **table)
        self.sync()

    def test_code_that_is_not_charged(self):
        code = self.code_of(self.tax_r)
        self.assertEqual((code.code, code.charged), ('11', False))
        self.booked_with(self.tax_r, '11')

    def test_code_that_is_charged(self):
        self.add_code('11C', Charged=True, VATPercentages=[{'Percentage': 0.0}])
        old = self.master('exact.vat.code', [('code', '=', '11')])
        self.edit('VATCodes', old, IsBlocked=(False, True))
        self.sync()
        code = self.code_of(self.tax_r)
        self.assertEqual((code.code, code.charged), ('11C', True))
        self.booked_with(self.tax_r, '11C')

    def test_tax_with_two_parts_that_cancel_out(self):
        """A tax that says it with its parts, at 0 % and at 21 %."""
        for amount in (0, 21):
            tax = self.env['account.tax'].create({
                'name': f"{amount}% verlegd bouw", 'amount': amount, 'type_tax_use': 'sale',
                'company_id': self.company.id,
                **{
                    f'{kind}_repartition_line_ids': [
                        Command.create({'repartition_type': 'base'}),
                        Command.create({'repartition_type': 'tax', 'factor_percent': 100}),
                        Command.create({'repartition_type': 'tax', 'factor_percent': -100}),
                    ]
                    for kind in ('invoice', 'refund')
                },
            })
            self.assertEqual(self.code_of(tax).code, '11')
            self.booked_with(tax, '11')
