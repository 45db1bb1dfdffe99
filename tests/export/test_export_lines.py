from odoo import Command
from odoo.tests import tagged

from odoo.addons.account_exact.exact_api import wire

from ..export_common import ExactExportCase


@tagged('post_install', '-at_install')
class TestExportLines(ExactExportCase):
    """Lines that Odoo adds by itself, and amounts that are not what they seem."""

    def booked(self, move):
        self.export(move)
        return self.assertBooked(move)

    def product_line(self, price=100, *, sale=True, **values):
        return {
            'name': "Line", 'quantity': 1, 'price_unit': price,
            'tax_ids': [Command.set((self.tax_21 if sale else self.tax_in_21).ids)],
            'account_id': (self.revenue if sale else self.expense).id,
            **values,
        }

    def vat_account(self):
        return self.tax_21.invoice_repartition_line_ids.account_id[:1]

    def test_cash_rounding_on_a_line_of_its_own(self):
        rounding = self.env['account.cash.rounding'].create({
            'name': "5 cents", 'rounding': 0.05, 'strategy': 'add_invoice_line',
            'profit_account_id': self.revenue.id, 'loss_account_id': self.expense.id,
        })
        move = self.document(
            'out_invoice', [self.product_line(9.99)], invoice_cash_rounding_id=rounding.id,
        )
        self.assertEqual(move.amount_total, 12.1)
        self.assertIn('rounding', move.line_ids.mapped('display_type'))
        self.booked(move)

    def test_cash_rounding_on_the_tax(self):
        """Odoo books the cents on the VAT account, where Exact takes no line: they are VAT."""
        rounding = self.env['account.cash.rounding'].create({
            'name': "5 cents", 'rounding': 0.05, 'strategy': 'biggest_tax',
        })
        move = self.document(
            'out_invoice', [self.product_line(9.99)], invoice_cash_rounding_id=rounding.id,
        )
        line = move.line_ids.filtered(lambda line: line.display_type == 'rounding')
        self.assertEqual(line.account_id, self.vat_account())
        self.export(move)
        export = move.exact_export_id
        self.assertEqual(export.state, 'verified', export.finding_ids.mapped('message'))
        self.assertEqual(len(export.line_ids), 1)
        total = sum(
            wire.as_decimal(row['AmountFC']) for row in self.rows(export.exact_guid)
            if wire.as_decimal(row['AmountFC']) > 0
        )
        self.assertEqual(float(total), 12.1)

    def test_early_payment_discount_mixed(self):
        term = self.env['account.payment.term'].create({
            'name': "2/7", 'early_discount': True, 'discount_percentage': 2, 'discount_days': 7,
            'early_pay_discount_computation': 'mixed',
            'line_ids': [Command.create({'value': 'percent', 'value_amount': 100, 'nb_days': 30})],
        })
        move = self.document(
            'out_invoice', [self.product_line(100)], invoice_payment_term_id=term.id,
        )
        self.assertIn('epd', move.line_ids.mapped('display_type'))
        for account in move.line_ids.filtered(lambda line: line.display_type == 'epd').account_id:
            self.map_ledger(account, self.revenue.code)
        self.booked(move)

    def test_private_part_of_a_bill(self):
        private = self.expense.copy({'code': '498801', 'name': "Private"})
        self.map_ledger(private, self.expense.code)
        self.company_data['default_journal_purchase'].non_deductible_account_id = private
        move = self.document('in_invoice', [
            self.product_line(100, sale=False, deductible_amount=50),
        ], ref='private part')
        self.assertIn('non_deductible_tax', move.line_ids.mapped('display_type'))
        self.booked(move)

    def test_instalments_need_a_condition(self):
        term = self.env['account.payment.term'].create({
            'name': "Half and half", 'line_ids': [
                Command.create({'value': 'percent', 'value_amount': 50, 'nb_days': days})
                for days in (0, 30)
            ],
        })
        move = self.document(
            'out_invoice', [self.product_line(100)], invoice_payment_term_id=term.id,
        )
        self.export(move)
        self.assertEqual(move.exact_state, 'blocked')
        self.assertIn("Half and half", move.exact_message)
        self.mapping(
            'exact.payment.term.mapping', 'payment_term_id', term, 'payment_condition_id',
            self.env['exact.payment.condition'].search([
                ('division_id', '=', self.division.id),
            ], limit=1),
        )
        move.action_exact_retry()
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)
        # An entry has one due date: the last.
        self.assertEqual(self.payload(move.exact_export_id)['DueDate'][:10], '2026-02-14')

    def test_cost_of_goods_lines_balance(self):
        stock = self.expense.copy({'code': '300801', 'name': "Stock"})
        move = self.document('out_invoice', [self.product_line(100)], post=False)
        # What stock accounting adds when the invoice is posted.
        move.write({'line_ids': [
            Command.create({
                'name': "Cost", 'display_type': 'cogs', 'account_id': account.id,
                'price_unit': sign * 40, 'quantity': 1, 'tax_ids': [],
                'balance': sign * 40, 'amount_currency': sign * 40,
            })
            for account, sign in ((self.expense, 1), (stock, -1))
        ]})
        move.action_post()
        self.map_ledger(stock, self.expense.code)
        self.booked(move)
        self.assertEqual(len(move.exact_export_id.line_ids), 3)

    def test_general_entry_with_lines_in_yen(self):
        """The entry is in the company's currency; that of its lines has no cents."""
        yen = self.setup_other_currency('JPY', rounding=1.0, rates=[('2026-01-01', 160)])
        move = self.document('entry', [
            {'name': "Yen", 'account_id': account.id, 'currency_id': yen.id,
             'amount_currency': sign * 1999, 'balance': sign * 12.49}
            for account, sign in ((self.expense, 1), (self.revenue, -1))
        ], journal_id=self.company_data['default_journal_misc'].id)
        self.export(move)
        self.assertEqual(move.exact_state, 'verified', move.exact_message)
        self.assertEqual(
            sorted(float(wire.as_decimal(row['AmountFC']))
                   for row in self.rows(move.exact_export_id.exact_guid)),
            [-12.49, 12.49],
        )

    def choose_code(self, move, position, domain):
        """Export with another VAT code on one line."""
        code = self.master('exact.vat.code', [
            ('is_blocked', '=', False), ('vat_type', '=', 'E'), ('charged', '=', False),
            ('transaction_type', 'in', ['B', 'S']), *domain,
        ])
        wizard = self.document_wizard(move)
        wizard.line_ids[position].vat_code_id = code
        wizard.action_export()
        self.run_cron('ir_cron_exact_export')
        return code

    def test_two_codes_for_lines_of_one_tax(self):
        move = self.document('out_invoice', [(100, self.tax_21), (50, self.tax_21)])
        mapped = self.env['exact.tax.mapping'].search([
            ('division_id', '=', self.division.id), ('tax_id', '=', self.tax_21.id),
        ]).vat_code_id
        twin = mapped.sudo().copy({'code': '21B', 'exact_guid': mapped.exact_guid[:-2] + '0f'})
        builder_lines = self.document_wizard(move)
        builder_lines.line_ids[0].vat_code_id = twin
        values = builder_lines._values_of(move, builder_lines._chosen())
        self.assertEqual(
            [command[2]['vat_amount'] for command in values['line_ids'] if command[0] == 0],
            [21, 10.5],
        )

    def test_vat_under_a_code_without_vat_is_no_rounding(self):
        move = self.document('out_invoice', [(100, self.tax_21), (50, self.tax_21)])
        self.choose_code(move, 0, [('percentage', '=', 0)])
        export = move.exact_export_id
        self.assertEqual(move.exact_state, 'blocked')
        self.assertIn('total_mismatch', export.finding_ids.mapped('code'))
        self.assertNotIn('difference_line', export.finding_ids.mapped('code'))
