"""What Exact says no to, known beforehand: nothing is asked that it must refuse, and what cannot be
known is asked once."""

from datetime import timedelta

from odoo import Command, fields
from odoo.tests import tagged

from odoo.addons.account_exact.exact_api.resources import scopes

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


@tagged('post_install', '-at_install')
class TestCurrencies(RefusalCase):
    """A currency that the administration has not is known before anything is sent."""

    def setUp(self):
        super().setUp()
        self.yen = self.rated('JPY', 160)

    def rated(self, name, rate):
        currency = self.env.ref(f'base.{name}')
        currency.active = True
        self.env['res.currency.rate'].create({
            'currency_id': currency.id, 'company_id': self.company.id, 'name': '2025-01-01',
            'rate': rate,
        })
        return currency

    def add_currency(self, code):
        """A person adds it inside Exact."""
        self.simulator.store.put('Currencies', self.division.code, {
            'Code': code, 'Description': code, 'AmountPrecision': 0.01, 'PricePrecision': 0.01,
        }, key=code)
        self.addCleanup(self.simulator.store.drop, 'Currencies', self.division.code, code)

    def abroad(self, currency, count=1):
        return self.env['account.move'].union(*(
            self.invoice(1000 + number, currency_id=currency.id, lines=[
                (1000 + number, self.env['account.tax']),
            ]) for number in range(count)
        ))

    def blocked(self, move, code):
        self.assertEqual(move.exact_export_id.state, 'blocked', move.exact_message)
        [finding] = move.exact_export_id.finding_ids.filtered(lambda one: one.severity == 'blocks')
        self.assertEqual(finding.code, code, finding.message)
        return finding

    def test_mirror_has_the_currencies(self):
        codes = self.env['exact.currency'].search([('division_id', '=', self.division.id)])
        self.assertIn('USD', codes.mapped('code'))
        self.assertNotIn('JPY', codes.mapped('code'))

    def test_documents_of_it_wait_and_all_others_go_on(self):
        moves, euro = self.abroad(self.yen, 5), self.invoice()
        self.export(moves | euro)
        self.assertBooked(euro)
        for move in moves:
            finding = self.blocked(move, 'currency_unknown')
        self.assertEqual(finding.message, (
            "Exact has no currency JPY. Add it there, then press Refresh Now on the administration."
        ))
        self.assertEqual(finding.fixed_by, 'exact')
        self.assertTrue(finding.button_label)
        action = finding.action_fix()
        self.assertEqual((action['res_model'], action['res_id']), (
            'exact.division', self.division.id,
        ))
        self.assertFalse(moves.exact_export_ids.attempt_ids.filtered(
            lambda attempt: attempt.action == 'entry'), "Exact is not asked")
        # Two currencies are two things to mend
        self.export(self.abroad(self.rated('ISK', 140)))
        groups = self.env['exact.finding.group'].search([
            ('code', '=', 'currency_unknown'), ('division_id', '=', self.division.id),
        ])
        self.assertEqual(sorted(groups.mapped('document_count')), [1, 5])
        # Added there: what waited for it goes by itself, the other goes on waiting
        self.add_currency('JPY')
        self.sync()
        self.work()
        for move in moves:
            self.assertBooked(move)
        groups.invalidate_model()
        self.assertEqual(self.env['exact.finding.group'].search([
            ('code', '=', 'currency_unknown'), ('division_id', '=', self.division.id),
        ]).mapped('document_count'), [1])

    def test_currency_that_went_and_came_back(self):
        dollar = self.rated('USD', 1.1)
        row = self.simulator.store.get('Currencies', self.division.code, 'USD')
        self.addCleanup(
            self.simulator.store.put, 'Currencies', self.division.code, dict(row), key='USD')
        self.simulator.store.drop('Currencies', self.division.code, 'USD')
        self.sync()
        move = self.abroad(dollar)
        self.export(move)
        self.blocked(move, 'currency_unknown')
        self.simulator.store.put('Currencies', self.division.code, dict(row), key='USD')
        self.sync()
        self.work()
        self.assertBooked(move)

    def test_waiting_for_a_currency_it_is_read_every_hour(self):
        cursor = self.division.cursor_ids.filtered(lambda one: one.resource == 'currency')
        self.export(self.abroad(self.yen))
        self.sync()
        self.assertLess(cursor.next_at, fields.Datetime.now() + timedelta(hours=1))

    def test_currencies_that_may_not_be_read_stop_nothing(self):
        cursor = self.division.cursor_ids.filtered(lambda one: one.resource == 'currency')
        self.control('switches', scopes=[
            scope.capitalize() for scope in scopes() if scope != 'financial currencies'
        ])
        self.addCleanup(self.control, 'switches', scopes=None)
        self.sync()
        self.assertEqual(cursor.state, 'skipped', cursor.message)
        dollar = self.abroad(self.rated('USD', 1.1))
        self.export(dollar)
        self.assertBooked(dollar)
        self.assertIn('currency_unread', dollar.exact_export_id.finding_ids.mapped('code'))
        own = self.invoice()
        self.export(own)
        self.assertNotIn('currency_unread', own.exact_export_id.finding_ids.mapped('code'))
