from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..export.test_export_proof import ExactProofCase


class ExactPaymentCase(ExactProofCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.difference = cls.env['account.account'].create({
            'name': "Payment differences", 'code': '4998', 'account_type': 'expense',
        })
        cls.discount = cls.difference.copy({'name': "Payment discount", 'code': '4999'})
        cls.division.write({
            'payments': 'mirror', 'payment_discount_account_id': cls.discount.id,
            'payment_difference_account_id': cls.difference.id,
        })

    @classmethod
    def invoice(cls, price=1000, **values):
        move = cls.document('out_invoice', [(price, cls.tax_21)], **values)
        cls.export(move)
        return move

    @classmethod
    def bill(cls, price=500, **values):
        move = cls.document('in_invoice', [(price, cls.tax_in_21)], **values)
        cls.export(move)
        return move

    def pay(self, move, amount=None, date='2026-11-03'):
        """The bank of Exact pays a document; return the payment's GUID."""
        return self.control('register_payment', entry=move.exact_export_id.exact_guid, **{
            name: value for name, value in (('amount', amount), ('date', date)) if value
        })['EntryID']

    def read_payments(self):
        """The time of the next reading has come."""
        self.reading().write({'next_try': False, 'read_at': False})
        self.run_cron('ir_cron_exact_export')

    def reading(self):
        return self.env['exact.payment.reading'].sudo().search([
            ('division_id', '=', self.division.id),
        ])

    def settlement(self, move):
        return self.env['exact.settlement'].sudo().search([
            ('export_id', '=', move.exact_export_id.id),
        ])

    def payments(self, move):
        """What stands in Odoo: [(date, amount)]."""
        return [
            (str(payment.date), payment.amount)
            for payment in self.settlement(move).payment_ids.payment_id.sorted('date')
        ]


@tagged('post_install', '-at_install')
class TestPayments(ExactPaymentCase):

    def test_a_whole_payment(self):
        move = self.invoice()
        self.assertEqual((move.payment_state, move.exact_payment_state), ('not_paid', False))
        self.pay(move)
        self.read_payments()
        self.assertEqual((move.payment_state, move.amount_residual), ('paid', 0))
        self.assertEqual(self.payments(move), [('2026-11-03', 1210)])
        self.assertEqual(move.exact_payment_state, 'paid')
        self.assertIn("11/03/2026", move.exact_payment_sentence)
        [payment] = self.settlement(move).payment_ids
        self.assertEqual(payment.payment_id.move_id.date, fields.Date.to_date('2026-11-03'))
        self.assertEqual(payment.payment_id.journal_id, self.division.payment_journal_id)

    def test_the_same_page_twice_changes_nothing(self):
        move = self.invoice()
        self.pay(move, 500)
        self.read_payments()
        before = self.settlement(move).payment_ids
        self.env['exact.export.queue'].sudo().search([]).terms_position = False
        self.read_payments()
        self.assertEqual(self.settlement(move).payment_ids, before)
        self.assertEqual(move.amount_residual, 710)

    def test_in_parts(self):
        move = self.invoice()
        self.pay(move, 500)
        self.read_payments()
        self.assertEqual((move.payment_state, move.amount_residual), ('partial', 710))
        self.assertEqual(move.exact_payment_state, 'partly')
        self.assertIn("710.00", move.exact_payment_sentence)
        self.pay(move, date='2026-11-10')
        self.read_payments()
        self.assertEqual(self.payments(move), [('2026-11-03', 500), ('2026-11-10', 710)])
        self.assertEqual((move.payment_state, move.amount_residual), ('paid', 0))

    def test_a_bill(self):
        move = self.bill()
        self.pay(move)
        self.read_payments()
        self.assertEqual((move.payment_state, move.amount_residual), ('paid', 0))
        [payment] = self.settlement(move).payment_ids.payment_id
        self.assertEqual(
            (payment.payment_type, payment.partner_type, payment.amount),
            ('outbound', 'supplier', 605),
        )

    def test_taken_back(self):
        move = self.invoice()
        guid = self.pay(move)
        self.read_payments()
        [payment] = self.settlement(move).payment_ids.payment_id
        self.control('undo_payment', payment=guid)
        self.read_payments()
        self.assertEqual((move.payment_state, move.amount_residual), ('not_paid', 1210))
        self.assertEqual(payment.state, 'canceled')
        self.assertFalse(self.settlement(move).payment_ids)
        self.assertIn("no longer", move.message_ids[0].body)

    def test_the_payment_goes_with_the_entry(self):
        move = self.invoice()
        self.pay(move)
        self.read_payments()
        self.assertEqual(move.payment_state, 'paid')
        move.exact_export_id.sudo()._go('gone_from_exact')
        self.run_cron('ir_cron_exact_export')
        self.assertEqual((move.payment_state, move.amount_residual), ('not_paid', 1210))
        self.assertFalse(move.exact_payment_state)

    def test_one_document_in_trouble_keeps_no_other_waiting(self):
        broken, move = self.invoice(), self.invoice(200)
        self.pay(broken)
        self.pay(move)
        follow = type(self.env['exact.settlement'])._follow

        def failing(settlement, lines):
            if settlement.move_id == broken:
                raise ValueError("a mistake of ours")
            return follow(settlement, lines)

        with (
            patch.object(type(self.env['exact.settlement']), '_follow', failing),
            mute_logger('odoo.addons.account_exact.models.payment.exact_settlement'),
        ):
            self.read_payments()
        self.assertEqual((broken.payment_state, move.payment_state), ('not_paid', 'paid'))
        self.assertIn("ValueError", broken.exact_payment_trouble)
        broken.action_exact_refresh_payment()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(broken.payment_state, 'paid')

    def test_calls(self):
        """One call tells of all that changed, two more how 40 documents were paid."""
        moves = [self.invoice(100 + number) for number in range(3)]
        self.read_payments()
        self.assertEqual(self.calls_of(self.read_payments), [('GET', 'sync/Cashflow/PaymentTerms')])
        for move in moves:
            self.pay(move)
        self.assertEqual(self.calls_of(self.read_payments), [
            ('GET', 'sync/Cashflow/PaymentTerms'), ('GET', 'bulk/Financial/TransactionLines'),
            ('GET', 'bulk/Financial/TransactionLines'),
        ])

    def test_what_somebody_registered_is_not_touched(self):
        move = self.invoice()
        self.env['account.payment.register'].with_context(
            active_model='account.move', active_ids=move.ids,
        ).create({'payment_date': '2026-11-04'})._create_payments()
        self.assertEqual(move.amount_residual, 0)
        state = move.payment_state
        self.pay(move)
        self.read_payments()
        self.assertEqual((move.payment_state, self.payments(move)), (state, []))
        self.assertFalse(move.exact_payment_differs, "both say that it is paid")
        self.assertIn("11/03/2026", move.exact_payment_trouble)

    def register(self, move, amount, date='2026-11-04'):
        """A person registers a payment in Odoo."""
        self.env['account.payment.register'].with_context(
            active_model='account.move', active_ids=move.ids,
        ).create({'payment_date': date, 'amount': amount})._create_payments()

    def test_a_part_that_somebody_registered_is_not_paid_twice(self):
        move = self.invoice()
        self.register(move, 500)
        self.assertEqual(move.amount_residual, 710)
        self.pay(move, 500)
        self.read_payments()
        self.assertEqual((move.amount_residual, self.payments(move)), (710, []))
        self.assertFalse(move.exact_payment_differs)
        self.assertIn("somebody registered", move.exact_payment_trouble)
        self.pay(move, date='2026-11-10')
        self.read_payments()
        self.assertEqual(move.amount_residual, 0)
        self.assertEqual(self.payments(move), [('2026-11-10', 710)])

    def test_somebody_registered_more(self):
        move = self.invoice()
        self.register(move, 1000)
        self.pay(move, 500)
        self.read_payments()
        self.assertEqual((move.amount_residual, self.payments(move)), (210, []))
        self.assertTrue(move.exact_payment_differs)

    def test_the_mirror_is_cancelled_here(self):
        move = self.invoice()
        self.pay(move)
        self.read_payments()
        [payment] = self.settlement(move).payment_ids.payment_id
        payment.action_cancel()
        self.assertEqual(move.payment_state, 'not_paid')
        self.reading().read_at = False
        self.settlement(move).follow_anew()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual((move.payment_state, payment.state), ('not_paid', 'canceled'))
        self.assertTrue(move.exact_payment_differs)
        self.assertIn("somebody cancelled", move.exact_payment_trouble)
        payment.action_draft()
        payment.action_post()
        move.action_exact_refresh_payment()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(move.payment_state, 'paid')
        self.assertFalse(move.exact_payment_trouble)

    def test_the_document_is_edited_after_its_payment(self):
        move = self.invoice()
        self.pay(move, 500)
        self.read_payments()
        move.button_draft()
        move.invoice_line_ids.price_unit = 2000
        move.action_post()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual((move.amount_total, move.amount_residual), (2420, 1920))
        self.assertEqual(self.payments(move), [('2026-11-03', 500)])
        self.assertTrue(move.exact_payment_differs)

    def test_an_archived_journal(self):
        move = self.invoice()
        self.division.payment_journal_id.active = False
        self.pay(move)
        self.read_payments()
        self.assertEqual(move.payment_state, 'not_paid')
        self.assertIn("choose another", move.exact_payment_trouble)
        calls = self.calls_of(lambda: self.run_cron('ir_cron_exact_export'))
        self.assertEqual(calls, [], "it is not tried by itself")
        self.division.payment_journal_id.active = True
        move.action_exact_refresh_payment()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(move.payment_state, 'paid')

    def test_a_locked_day(self):
        move = self.invoice()
        self.pay(move, date='2026-10-20')
        self.company.fiscalyear_lock_date = '2026-10-31'
        self.read_payments()
        self.assertEqual((move.payment_state, self.payments(move)), ('not_paid', []))
        self.assertIn("locked", move.exact_payment_trouble)
        self.division.payment_lock = 'next'
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(self.payments(move), [('2026-11-01', 1210)])
        [payment] = self.settlement(move).payment_ids.payment_id
        self.assertEqual(payment.move_id.date, payment.date)
        self.assertIn('2026-10-20', payment.memo)
        self.assertFalse(move.exact_payment_differs)

    def test_switched_off(self):
        self.division.payments = 'off'
        move = self.invoice()
        self.pay(move)
        self.run_cron('ir_cron_exact_export')
        self.assertEqual((move.payment_state, self.settlement(move)), (
            'not_paid', self.env['exact.settlement'],
        ))
        self.division.payments = 'mirror'
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(move.payment_state, 'paid')

    def test_switched_off_while_something_is_due(self):
        move = self.invoice()
        self.pay(move)
        self.read_payments()
        self.settlement(move).follow_anew()
        self.division.payments = 'off'
        self.assertEqual(self.calls_of(lambda: self.run_cron('ir_cron_exact_export')), [])
        move.exact_export_id.sudo()._go('gone_from_exact')
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(move.payment_state, 'not_paid', "what paid an entry goes with it")

    def test_lists(self):
        paid, partly, unpaid = self.invoice(), self.invoice(200), self.invoice(300)
        self.pay(paid)
        self.pay(partly, 100)
        self.read_payments()
        moves = paid | partly | unpaid

        def found(*domain):
            return moves.search([('id', 'in', moves.ids), *domain])

        self.assertEqual(found(('exact_payment_state', '=', 'paid')), paid)
        self.assertEqual(found(('exact_payment_state', '=', 'partly')), partly)
        self.assertEqual(found(('exact_payment_state', '=', False)), unpaid)
        self.assertEqual(found(('exact_payment_state', '!=', 'paid')), partly | unpaid)
        self.assertFalse(found(('exact_payment_differs', '=', True)))

    def test_asked_for(self):
        move = self.invoice()
        self.read_payments()
        self.pay(move)
        told = move.action_exact_refresh_payment()
        self.assertIn("less than five minutes", told['params']['message'])
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(move.payment_state, 'not_paid', "asked just now")
        self.reading().read_at = '2026-01-01 00:00:00'
        told = move.action_exact_refresh_payment()
        self.assertIn("is being asked", told['params']['message'])
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(move.payment_state, 'paid')
