import logging
import random
from collections import Counter, defaultdict
from decimal import Decimal

from odoo import Command
from odoo.tests import tagged

from ..common import DIVISION, takes_long
from ..export_common import ExactExportCase, ExplicitTypeMixin

_logger = logging.getLogger(__name__)

RECEIVABLE, PAYABLE, VAT_ACCOUNT = 20, 22, 24
BATCH = 30
# Each of these must be in the sample, else it proves less than it says.
KINDS = {
    'out_invoice', 'out_refund', 'in_invoice', 'in_refund', 'out_receipt', 'in_receipt',
    'round_per_line', 'round_globally', 'EUR', 'USD', 'JPY', 'cash rounding on a line',
    'cash rounding on the tax', 'price included', 'discount', 'odd quantity', 'reverse charge',
    '0 %', 'negative line', 'early payment discount', 'levy', 'group of taxes', 'analytic split',
    'instalments', 'VAT amount on a line', 'conversion cents',
}


class CentsCase(ExactExportCase):
    """Documents at random, made by Odoo, booked by the simulator, and its books read as they are
    stored: neither our client nor our comparison has a hand in it.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.store = cls.simulator.store
        # Exact refuses what is not among its currencies, and we do not even ask
        for code, precision in (('JPY', 1.0), ('KWD', 0.001)):
            cls.simulator.control.run('add_currency', {'code': code, 'precision': precision})
        cls.division.action_refresh()
        cls.run_cron('ir_cron_sync')
        for code, rate in (('USD', 1.0837), ('JPY', 163.27), ('KWD', 0.3345)):
            cls.setup_other_currency(code, rates=[('2026-01-01', rate)])
        cls.currencies = {
            name: cls.env['res.currency'].search([('name', '=', name)])
            for name in ('EUR', 'USD', 'JPY', 'KWD')
        }
        cls.make_taxes()
        cls.make_terms()
        cls.make_analytic_accounts()
        cls.cash_roundings = cls.env['account.cash.rounding'].create([{
            'name': f"{step} {strategy}", 'rounding': step, 'strategy': strategy,
            'profit_account_id': cls.revenue.id, 'loss_account_id': cls.expense.id,
        } for step in (0.05, 1) for strategy in ('add_invoice_line', 'biggest_tax')])

    @classmethod
    def code_of(cls, tax):
        return cls.env['exact.tax.mapping'].search([
            ('division_id', '=', cls.division.id), ('tax_id', '=', tax.id),
        ]).vat_code_id

    @classmethod
    def make_taxes(cls):
        """Taxes of the Dutch chart, some of them included in the price, and a fixed levy."""
        cls.taxes = {}
        for use, names in (
            ('sale', ('btw_21', 'btw_9', 'btw_0', 'btw_X0_diensten')),
            ('purchase', ('btw_21_buy', 'btw_9_buy', 'btw_ink_0', 'btw_I_21_d', 'btw_E1_9')),
        ):
            found = [cls.env.ref(f'account.{cls.company.id}_{name}') for name in names]
            for tax in found:
                assert cls.code_of(tax), f"{tax.name} is not mapped"
            included = found[0].copy({
                'name': f"{found[0].name} included", 'price_include_override': 'tax_included',
            })
            cls.mapping(
                'exact.tax.mapping', 'tax_id', included, 'vat_code_id', cls.code_of(found[0]),
            )
            levy = cls.env['account.tax'].create({
                'name': f"Packaging {use}", 'amount_type': 'fixed', 'amount': 0.13,
                'type_tax_use': use, 'include_base_amount': True, 'sequence': 1,
                'company_id': cls.company.id, 'tax_group_id': found[0].tax_group_id.id,
                'invoice_repartition_line_ids': cls.repartition(use),
                'refund_repartition_line_ids': cls.repartition(use),
            })
            group = cls.env['account.tax'].create({
                'name': f"Packaging and VAT {use}", 'amount_type': 'group', 'type_tax_use': use,
                'company_id': cls.company.id, 'tax_group_id': found[0].tax_group_id.id,
                'children_tax_ids': [Command.set((levy + found[0]).ids)],
            })
            cls.taxes[use] = [
                *found, found[0], found[1], included, levy + found[0], levy + included, group,
            ]

    @classmethod
    def repartition(cls, use):
        account = cls.revenue if use == 'sale' else cls.expense
        return [
            Command.create({'repartition_type': 'base'}),
            Command.create({'repartition_type': 'tax', 'account_id': account.id}),
        ]

    @classmethod
    def make_terms(cls):
        cls.discount_term, cls.instalments = cls.env['account.payment.term'].create([{
            'name': "2/7", 'early_discount': True, 'discount_percentage': 2, 'discount_days': 7,
            'early_pay_discount_computation': 'mixed',
            'line_ids': [Command.create({'value': 'percent', 'value_amount': 100, 'nb_days': 30})],
        }, {
            'name': "Three parts", 'line_ids': [
                Command.create({'value': 'percent', 'value_amount': part, 'nb_days': days})
                for part, days in ((33.33, 0), (33.33, 30), (33.34, 60))
            ],
        }])
        condition = cls.master('exact.payment.condition', [])
        for term in cls.discount_term + cls.instalments:
            cls.mapping(
                'exact.payment.term.mapping', 'payment_term_id', term, 'payment_condition_id',
                condition,
            )
        # Where Odoo books the discount before it is taken.
        probe = cls.env['account.move'].with_company(cls.company).create([
            cls.values(move_type, [cls.line(move_type.startswith('out'), 100, taxes)], {
                'invoice_payment_term_id': cls.discount_term.id,
            })
            for move_type, taxes in (('out_invoice', cls.tax_21), ('in_invoice', cls.tax_in_21))
        ])
        for account in probe.line_ids.filtered(lambda line: line.display_type == 'epd').account_id:
            cls.map_ledger(account, cls.revenue.code)
        probe.unlink()

    @classmethod
    def make_analytic_accounts(cls):
        plan = cls.env['account.analytic.plan'].create({'name': "Departments in Exact"})
        cls.analytic = cls.env['account.analytic.account'].create([
            {'name': name, 'plan_id': plan.id, 'company_id': cls.company.id} for name in ("A", "B")
        ])
        centers = cls.env['exact.cost.center'].search([
            ('division_id', '=', cls.division.id),
        ], limit=2)
        for account, center in zip(cls.analytic, centers, strict=True):
            cls.mapping(
                'exact.analytic.mapping', 'analytic_account_id', account, 'cost_center_id', center,
            )

    # === DOCUMENTS === #

    @classmethod
    def line(cls, sale, price, taxes, **values):
        return {
            'name': "Line", 'quantity': 1, 'price_unit': price,
            'tax_ids': [Command.set(taxes.ids)],
            'account_id': (cls.revenue if sale else cls.expense).id,
            **values,
        }

    @classmethod
    def values(cls, move_type, lines, values):
        sale = move_type.startswith('out')
        return {
            'move_type': move_type,
            'partner_id': (cls.customer if sale else cls.supplier).id,
            'invoice_date': '2026-01-15', 'date': '2026-01-15',
            'invoice_line_ids': [Command.create(line) for line in lines],
            **values,
        }

    @classmethod
    def random_values(cls, rng, number):
        """Values of a document, drawn at random."""
        move_type = rng.choice((
            'out_invoice', 'out_invoice', 'out_invoice', 'out_refund', 'in_invoice', 'in_invoice',
            'in_refund', 'out_receipt', 'in_receipt',
        ))
        sale = move_type.startswith('out')
        taxes = cls.taxes['sale' if sale else 'purchase']
        currency = rng.choice(('EUR', 'EUR', 'EUR', 'USD', 'JPY'))
        few = rng.sample(taxes, rng.choice((1, 1, 2, 3)))
        lines = []
        for position in range(rng.choice((1, 1, 2, 3, 4, 7))):
            price = rng.choice((
                rng.randrange(5, 300) / 100, rng.randrange(100, 1_000_000) / 100,
                rng.choice((9.99, 0.5, 17.17, 33.33)),
            ))
            if currency == 'JPY':
                price = rng.choice((rng.randrange(3, 60), rng.randrange(50, 500_000)))
            values = {
                'quantity': rng.choice((1, 1, 2, 3, 12, 0.333, 2.5, rng.randrange(9000) / 100 + 1)),
                'discount': rng.choice((0, 0, 0, 10, 12.5, 33.33)),
            }
            if rng.random() < 0.1:
                values['analytic_distribution'] = {
                    str(cls.analytic[0].id): 33.33, str(cls.analytic[1].id): 66.67,
                }
            tax = rng.choice(few)
            if position and rng.random() < 0.15:
                # Less than the first line, so that the document stays what it is.
                tax, price = few[0], -lines[0]['price_unit'] / 4
                values = {'quantity': lines[0]['quantity'], 'discount': lines[0]['discount']}
                price = round(price, 0 if currency == 'JPY' else 2)
            lines.append(cls.line(sale, price, tax, **values))
        if len(lines) > 1:
            lines[0]['tax_ids'] = [Command.set(few[0].ids)]
        values = {'currency_id': cls.currencies[currency].id}
        if not sale:
            values['ref'] = f"cents {number}"
        choice = rng.random()
        if choice < 0.15:
            values['invoice_cash_rounding_id'] = rng.choice(cls.cash_roundings).id
        elif choice < 0.25:
            values['invoice_payment_term_id'] = cls.instalments.id
        elif choice < 0.32 and currency != 'JPY':
            # In yen, Odoo cannot always balance these itself.
            values['invoice_payment_term_id'] = cls.discount_term.id
        return cls.values(move_type, lines, values)

    def sample(self, count, seed):
        """Make, export and check documents; return what was in them."""
        rng = random.Random(seed)
        seen, turns = Counter(), 20
        for start in range(0, count, BATCH):
            method = ('round_per_line', 'round_globally')[start // BATCH % 2]
            self.company.tax_calculation_rounding_method = method
            moves = self.env['account.move'].with_company(self.company).create([
                self.random_values(rng, number)
                for number in range(start, min(start + BATCH, count))
            ])
            moves.action_post()
            self.export(moves)
            while 'waiting' in moves.mapped('exact_state') and turns:
                # A scheduled action has its time; the rest is for its next turn.
                self.run_cron('ir_cron_exact_export')
                turns -= 1
            for move in moves:
                self.assertEqualBooks(move)
                seen.update(self.kinds(move))
            seen[method] += len(moves)
        seen['documents'] = count
        _logger.info("Cents: %s", dict(seen))
        return seen

    def kinds(self, move):
        """What a document is an example of."""
        lines = move.invoice_line_ids
        taxes = lines.tax_ids.flatten_taxes_hierarchy()
        export = move.exact_export_id
        found = {
            move.move_type: True,
            move.currency_id.name: True,
            'price included': any(
                tax.price_include and tax.amount_type == 'percent' for tax in taxes
            ),
            'discount': any(lines.mapped('discount')),
            'odd quantity': any(quantity % 1 for quantity in lines.mapped('quantity')),
            'reverse charge': any(self.code_of(tax).charged for tax in taxes),
            '0 %': any(tax.amount_type == 'percent' and not tax.amount for tax in taxes),
            'negative line': any(line.price_unit < 0 for line in lines),
            'early payment discount': 'epd' in move.line_ids.mapped('display_type'),
            'levy': 'fixed' in taxes.mapped('amount_type'),
            'group of taxes': 'group' in lines.tax_ids.mapped('amount_type'),
            'analytic split': any(lines.mapped('analytic_distribution')),
            'instalments': len(self.lines_of(move, 'payment_term')) > 1,
            'VAT amount on a line': any(
                line['vat_amount'] is not None for line in export.booking['lines']
            ),
            'conversion cents': 'conversion_cents' in export.finding_ids.mapped('code'),
            'difference line': 'difference_line' in export.finding_ids.mapped('code'),
        }
        for line in self.lines_of(move, 'rounding'):
            found[
                'cash rounding on the tax' if line.tax_repartition_line_id
                else 'cash rounding on a line'
            ] = True
        return [kind for kind, is_there in found.items() if is_there]

    @staticmethod
    def lines_of(move, display_type):
        return move.line_ids.filtered(lambda line: line.display_type == display_type)

    # === EXACT'S BOOKS === #

    def stored_rows(self, move):
        """(type of the account, VAT code, amount, amount in the books' currency) of each row of
        the ledger, debit positive, as the simulator stores them.
        """
        types = {row['ID']: row['Type'] for row in self.store.all('GLAccounts', DIVISION)}
        return [
            (
                types[row['GLAccount']], (row['VATCode'] or '').strip(),
                Decimal(repr(row['AmountFC'])), Decimal(repr(row['AmountDC'])),
            )
            for row in self.store.by(
                'TransactionLines', DIVISION, 'EntryID', move.exact_export_id.exact_guid,
            )
        ]

    @staticmethod
    def total(lines, field='amount_currency'):
        """A sum of Odoo, as the decimal it stands for."""
        return sum((Decimal(f'{amount:.3f}') for amount in lines.mapped(field)), Decimal(0))

    def assertEqualBooks(self, move):
        export = move.exact_export_id
        said = (
            f"{move.name} {move.currency_id.name} {export.state} {export.next_try}: "
            f"{export.finding_ids.mapped('message')}"
        )
        self.assertEqual(move.exact_state, 'verified', said)
        rows = self.stored_rows(move)
        owed = [row for row in rows if row[0] in (RECEIVABLE, PAYABLE)]
        terms = self.lines_of(move, 'payment_term')
        self.assertEqual(sum(row[2] for row in owed), self.total(terms), said)
        # VAT, per code of Exact.
        wanted, booked = defaultdict(Decimal), defaultdict(Decimal)
        is_vat = move.line_ids.filtered(
            lambda line: line.tax_repartition_line_id and line.tax_line_id.amount_type != 'fixed',
        )
        for line in is_vat:
            wanted[self.code_of(line.tax_line_id).code] += self.total(line)
        for kind, code, amount, _own in rows:
            if kind == VAT_ACCOUNT:
                booked[code] += amount
        off = {
            code: wanted[code] - booked[code] for code in {*wanted, *booked}
            if wanted[code] != booked[code]
        }
        codes = set(export.finding_ids.mapped('code')) & {'difference_line', 'vat_cents'}
        self.assertEqual(bool(off), bool(codes), f"{said} {off}")
        net = sum(row[2] for row in rows if row[0] not in (RECEIVABLE, PAYABLE, VAT_ACCOUNT))
        others = self.total(move.line_ids - terms - is_vat)
        self.assertEqual(net, others + sum(off.values()), said)
        self.assertFalse(sum(row[2] for row in rows), said)
        # In the currency of the books: Exact converts each amount, and so does Odoo.
        self.assertFalse(sum(row[3] for row in rows), said)
        difference = abs(sum(row[3] for row in owed) - self.total(terms, 'balance'))
        if move.currency_id == move.company_currency_id:
            self.assertFalse(difference, said)
        limit = Decimal('0.005') * (len(rows) + len(move.line_ids))
        self.assertLessEqual(difference, limit, said)
        # Cents of the conversion are allowed, never silent.
        self.assertEqual(
            bool(difference), 'conversion_cents' in export.finding_ids.mapped('code'), said,
        )


@tagged('post_install', '-at_install')
class TestCents(CentsCase):
    """Totals equal to the cent: documents of every kind."""

    def check(self, count, seed):
        seen = self.sample(count, seed)
        self.assertFalse(KINDS - {kind for kind, count in seen.items() if count}, seen)

    def test_sixty_documents(self):
        self.check(60, 'cents')

    def test_sixty_other_documents(self):
        self.check(60, 'other cents')

    @takes_long
    def test_three_hundred_documents(self):
        self.check(300, 'more cents')

    def one(self, move_type, lines, **values):
        move = self.env['account.move'].with_company(self.company).create(
            self.values(move_type, lines, values),
        )
        move.action_post()
        self.export(move)
        return move

    def test_three_decimals(self):
        """Exact's lines have two decimals as far as anybody knows: more is not cut off."""
        values = {'currency_id': self.currencies['KWD'].id}
        move = self.one('out_invoice', [self.line(True, 100.5, self.tax_21)], **values)
        self.assertEqual(move.amount_total, 121.605)
        self.assertEqual(move.exact_state, 'blocked')
        self.assertIn('amount_decimals', move.exact_export_id.finding_ids.mapped('code'))
        move = self.one('out_invoice', [self.line(True, 10, self.tax_21)] * 2, **values)
        self.assertEqualBooks(move)

    def test_reverse_charge_cannot_carry_cash_rounding(self):
        """Odoo adds the cents to the tax; in Exact they stand on a line that says so."""
        rounding = self.cash_roundings.filtered(
            lambda one: one.strategy == 'biggest_tax' and one.rounding < 1,
        )
        tax = self.env.ref(f'account.{self.company.id}_btw_I_21_d')
        move = self.one(
            'in_invoice', [self.line(False, 10.02, tax)], ref='cents r',
            invoice_cash_rounding_id=rounding.id,
        )
        self.assertEqual(move.amount_total, 10)
        self.assertEqualBooks(move)
        self.assertIn('difference_line', move.exact_export_id.finding_ids.mapped('code'))

    def test_lines_too_small_for_their_cents(self):
        """Exact has a cent of VAT on each of two lines, Odoo one for both; none can carry 0."""
        self.company.tax_calculation_rounding_method = 'round_globally'
        move = self.one('out_invoice', [self.line(True, 0.03, self.tax_21)] * 2 + [
            self.line(True, 50, self.taxes['sale'][2]),
        ])
        self.assertEqual(move.amount_tax, 0.01)
        self.assertEqualBooks(move)
        self.assertIn('difference_line', move.exact_export_id.finding_ids.mapped('code'))

    def test_currency_without_a_rate(self):
        currency = self.env.ref('base.CHF')
        currency.active = True
        currency.rate_ids.unlink()
        move = self.one(
            'out_invoice', [self.line(True, 100, self.tax_21)], currency_id=currency.id,
        )
        self.assertEqual(move.exact_state, 'blocked')
        self.assertEqual(
            move.exact_export_id.finding_ids.filtered(
                lambda finding: finding.severity == 'blocks',
            ).mapped('code'), ['rate_missing'],
        )

    def test_journal_that_takes_no_rate_or_no_currency(self):
        journal = self.env['exact.journal.mapping'].search([
            ('division_id', '=', self.division.id),
            ('journal_id', '=', self.company_data['default_journal_sale'].id),
        ]).exact_journal_id.sudo()
        for field, code in (
            ('allow_variable_exchange_rate', 'journal_rate'),
            ('allow_variable_currency', 'journal_currency'),
        ):
            journal[field] = False
            move = self.one(
                'out_invoice', [self.line(True, 100, self.tax_21)],
                currency_id=self.currencies['USD'].id,
            )
            self.assertEqual(move.exact_state, 'blocked')
            self.assertIn(code, move.exact_export_id.finding_ids.mapped('code'))
            journal[field] = True

    def test_rate_of_one_is_not_taken_for_equal(self):
        """Exact then converts at its own rate: the total in euros is another."""
        currency = self.setup_other_currency('GBP', rates=[('2026-01-01', 1)])
        move = self.one(
            'out_invoice', [self.line(True, 100, self.tax_21)], currency_id=currency.id,
        )
        export = move.exact_export_id
        self.assertEqual((export.state, export.has_difference), ('sent', True))
        self.assertEqual(
            [finding.params['field'] for finding in export.finding_ids
             if finding.code == 'read_back'], ['own_total'],
        )


@tagged('post_install', '-at_install')
class TestCentsOtherExact(ExplicitTypeMixin, CentsCase):
    """The same where Exact answers its open questions the other way."""

    simulator_switches = {
        **ExplicitTypeMixin.simulator_switches, 'vat_amount_zero': 'omitted', 'entry_status': 50,
        'vat_rounding': 'currency',
    }

    def test_documents(self):
        seen = self.sample(60, 'other')
        for kind in ('out_refund', 'in_refund', 'JPY', 'VAT amount on a line'):
            self.assertTrue(seen[kind], kind)
