from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged

from .test_payments import ExactPaymentCase


class PaymentCases:
    """How people pay, as Exact keeps it; in each setting of what is not known of Exact."""

    switches = {}

    def setUp(self):
        super().setUp()
        for name, value in self.switches.items():
            before = self.simulator.switches[name]
            self.simulator.switches[name] = value
            self.addCleanup(self.simulator.switches.update, {name: before})

    def bank(self, *lines, date='2026-11-03'):
        """A bank entry of Exact: lines as of the simulator's `bank_payment`."""
        return self.control('bank_payment', lines=list(lines), date=date)['EntryID']

    def entry(self, move):
        return move.exact_export_id.exact_guid

    def parts(self, move):
        """[(kind, date, amount, discount)] of what stands in Odoo."""
        return [
            (part.kind, str(part.date), part.amount, part.discount)
            for part in self.settlement(move).payment_ids
        ]

    def assertPaid(self, move):
        self.assertEqual((move.payment_state, move.amount_residual), ('paid', 0))
        self.assertFalse(move.exact_payment_trouble)
        self.assertEqual(move.exact_payment_state, 'paid')

    def invoice_in_dollars(self):
        """An exported invoice of USD 1,100.00, booked as EUR 1,000.00."""
        usd = self.env.ref('base.USD')
        usd.active = True
        self.env['res.currency.rate'].create({
            'currency_id': usd.id, 'name': '2026-01-01', 'rate': 1.1, 'company_id': self.company.id,
        })
        move = self.document(
            'out_invoice', [(1100, self.env['account.tax'])], currency_id=usd.id,
        )
        self.export(move)
        return move

    def test_in_parts(self):
        move = self.invoice()
        self.bank({'entry': self.entry(move), 'amount': 500})
        self.read_payments()
        self.assertEqual((move.payment_state, move.amount_residual), ('partial', 710))
        self.bank({'entry': self.entry(move), 'amount': 710}, date='2026-11-10')
        self.read_payments()
        self.assertPaid(move)
        self.assertEqual(self.parts(move), [
            ('payment', '2026-11-03', 500, 0), ('payment', '2026-11-10', 710, 0),
        ])

    def test_discount(self):
        move = self.invoice()
        self.bank({'entry': self.entry(move), 'amount': 1190, 'discount': 20})
        self.read_payments()
        self.assertPaid(move)
        payments = self.settlement(move).payment_ids.payment_id
        self.assertEqual(sum(payments.mapped('amount')), 1190)
        self.assertEqual(sum(self.env['account.move.line'].search([
            ('account_id', '=', self.discount.id), ('parent_state', '=', 'posted'),
        ]).mapped('balance')), 20)

    def test_payment_difference(self):
        move = self.invoice()
        self.bank({'entry': self.entry(move), 'amount': 1209.5, 'write_off': 0.5})
        self.read_payments()
        self.assertPaid(move)
        self.assertEqual(self.settlement(move).payment_ids.payment_id.mapped('amount'), [1209.5])
        self.assertEqual(sum(self.env['account.move.line'].search([
            ('account_id', '=', self.difference.id), ('parent_state', '=', 'posted'),
        ]).mapped('balance')), 0.5)

    def test_one_line_for_several(self):
        first, second = self.invoice(), self.invoice(200)
        guid = self.bank({'matched': [
            {"entry": self.entry(first), "amount": 1210},
            {"entry": self.entry(second), "amount": 242},
        ]})
        self.read_payments()
        self.assertPaid(first)
        self.assertPaid(second)
        self.control('unmatch', payment=guid, entry=self.entry(second))
        self.read_payments()
        self.assertPaid(first)
        self.assertEqual((second.payment_state, second.amount_residual), ('not_paid', 242))

    def test_too_much(self):
        move = self.invoice()
        self.bank({'entry': self.entry(move), 'amount': 1300})
        self.read_payments()
        self.assertPaid(move)
        self.assertEqual(self.payments(move), [('2026-11-03', 1210)])

    def test_payment_run(self):
        move = self.bill()
        self.control('select_payment', entries=[self.entry(move)], batch=77)
        self.read_payments()
        self.assertEqual((move.payment_state, move.exact_payment_state), ('not_paid', 'run'))
        self.assertIn("77", move.exact_payment_sentence)
        self.control('send_payment_run', batch=77)
        self.read_payments()
        self.assertEqual((move.payment_state, move.exact_payment_state), ('not_paid', 'run'))
        self.control('execute_payment_run', batch=77, date='2026-11-07')
        self.read_payments()
        self.assertPaid(move)
        self.assertEqual(self.parts(move), [('payment', '2026-11-07', 605, 0)])

    def test_payment_run_that_is_cancelled(self):
        move = self.bill()
        self.control('select_payment', entries=[self.entry(move)], batch=77)
        self.read_payments()
        self.control('cancel_payment_run', batch=77)
        self.read_payments()
        self.assertEqual((move.payment_state, move.exact_payment_state), ('not_paid', 'open'))
        self.assertFalse(self.settlement(move).payment_ids)

    def test_another_currency(self):
        move = self.invoice_in_dollars()
        self.assertEqual(move.amount_total_signed, 1000)
        self.bank({
            'entry': self.entry(move), 'amount': 1100, 'amount_dc': 985, 'exchange': 15,
        })
        self.read_payments()
        self.assertPaid(move)
        [payment] = self.settlement(move).payment_ids.payment_id
        liquidity = payment.move_id.line_ids.filtered(
            lambda line: line.account_id == self.division.payment_journal_id.default_account_id,
        )
        self.assertEqual((payment.amount, liquidity.balance), (1100, 985))
        exchange = move.line_ids.matched_credit_ids.exchange_move_id
        self.assertEqual(exchange.amount_total_signed, 15)

    def test_credit_note(self):
        move = self.invoice()
        credit = self.document('out_refund', [(1000, self.tax_21)])
        self.export(credit)
        self.control('match', entry=self.entry(move), with_entry=self.entry(credit))
        self.read_payments()
        for one in (move | credit):
            self.assertEqual(one.amount_residual, 0)
            self.assertEqual(one.exact_payment_state, 'paid')
            self.assertFalse(one.exact_payment_differs)
        self.assertFalse(self.settlement(move).payment_ids.payment_id)
        self.control('unmatch', entry=self.entry(move), with_entry=self.entry(credit))
        self.read_payments()
        self.assertEqual((move.amount_residual, credit.amount_residual), (1210, 1210))

    def test_another_currency_that_the_ledger_does_not_tell(self):
        """No amount is computed from a rate, and none of another currency is taken for ours."""
        move = self.invoice_in_dollars()
        self.bank({'entry': self.entry(move), 'amount': 1100, 'amount_dc': 985, 'exchange': 15})
        with patch.object(type(self.env['exact.settlement']), '_read_lines', lambda *_args: {}):
            self.read_payments()
        self.assertEqual((move.payment_state, self.payments(move)), ('not_paid', []))
        self.assertTrue(move.exact_payment_differs)
        move.action_exact_refresh_payment()
        self.run_cron('ir_cron_exact_export')
        self.assertPaid(move)

    def test_credit_note_of_another_amount(self):
        """Exact matched a part of it: Odoo would match more."""
        move, credit = self.invoice(), self.document('out_refund', [(1000, self.tax_21)])
        self.export(credit)
        self.control(
            'match', entry=self.entry(move), with_entry=self.entry(credit), amount=600,
        )
        self.read_payments()
        self.assertEqual((move.amount_residual, credit.amount_residual), (1210, 1210))
        self.assertTrue(move.exact_payment_differs)
        self.assertIn("by hand", move.exact_payment_trouble)

    def test_edited(self):
        move = self.invoice()
        guid = self.bank({'entry': self.entry(move), 'amount': 1210})
        self.read_payments()
        self.control('edit_payment', payment=guid, date='2026-11-05')
        self.read_payments()
        self.assertPaid(move)
        self.assertEqual(self.payments(move), [('2026-11-05', 1210)])
        self.control('edit_payment', payment=guid, amount=1000)
        self.read_payments()
        self.assertEqual((move.payment_state, move.amount_residual), ('partial', 210))
        self.assertEqual(self.payments(move), [('2026-11-05', 1000)])
        self.control('undo_payment', payment=guid)
        self.read_payments()
        self.assertEqual((move.payment_state, move.amount_residual), ('not_paid', 1210))
        self.assertFalse(self.settlement(move).payment_ids)

    def test_instalments(self):
        term = self.env['account.payment.term'].create({'name': "Parts", 'line_ids': [
            Command.create({'value': 'percent', 'value_amount': 50, 'nb_days': days})
            for days in (10, 40)
        ]})
        self.mapping(
            'exact.payment.term.mapping', 'payment_term_id', term, 'payment_condition_id',
            self.master('exact.payment.condition', [('code', '=', '30')]),
        )
        move = self.invoice(invoice_payment_term_id=term.id, invoice_date_due=False)
        self.bank({'entry': self.entry(move), 'amount': 700})
        self.read_payments()
        self.assertEqual((move.payment_state, move.amount_residual), ('partial', 510))
        self.bank({'entry': self.entry(move), 'amount': 510}, date='2026-11-10')
        self.read_payments()
        self.assertPaid(move)


@tagged('post_install', '-at_install')
class TestPaymentCases(PaymentCases, ExactPaymentCase):
    """As the simulator is set."""


@tagged('post_install', '-at_install')
class TestPaymentCasesOtherwise(PaymentCases, ExactPaymentCase):
    """Each switch the other way."""

    switches = {
        'receivable_terms_sign': '+', 'payable_terms_sign': '-', 'partial_payment': 'reduce',
        'payment_rows': 'no', 'offset_of_invoice': 'payment', 'payment_row_amount': 'settled',
        'status_sent_to_bank': 'left_out', 'deleted_unsplit': False,
    }
