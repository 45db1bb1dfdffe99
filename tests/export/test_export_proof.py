from unittest.mock import patch

from odoo import Command, fields
from odoo.tests import tagged

from odoo.addons.account_exact.exact_api import ExactClient

from ..export_common import ExactExportCase

ENTRIES = 'salesentry/SalesEntries'
TERMS = 'sync/Cashflow/PaymentTerms'


class ExactProofCase(ExactExportCase):

    @classmethod
    def term(cls, *parts, code=None, **values):
        """A payment term of (percent, days), mapped to a payment condition."""
        term = cls.env['account.payment.term'].create({
            'name': f"Term {parts}", 'line_ids': [
                Command.create({'value': 'percent', 'value_amount': percent, 'nb_days': days})
                for percent, days in parts
            ], **values,
        })
        if code:
            cls.map_term(term, code)
        return term

    @classmethod
    def map_term(cls, term, code):
        return cls.mapping(
            'exact.payment.term.mapping', 'payment_term_id', term, 'payment_condition_id',
            cls.master('exact.payment.condition', [('code', '=', code)]),
        )

    @classmethod
    def invoice(cls, term, price=1000, **values):
        return cls.document(
            'out_invoice', [(price, cls.tax_21)],
            **{'invoice_payment_term_id': term.id if term else False, **values},
        )

    def drop(self, *names):
        """Exact takes no notice of these properties of the next entry."""
        self.simulator.faults.add(
            'drop', method='POST', resource=ENTRIES, properties=list(names),
        )
        self.addCleanup(self.simulator.faults.clear)

    def read_again(self, export):
        export.sudo().write({'state': 'sent', 'has_difference': False, 'next_try': False})
        self.run_cron('ir_cron_exact_export')

    def differences(self, export):
        return [
            finding.params['field'] for finding in export.finding_ids
            if finding.code == 'read_back'
        ]

    def codes(self, export):
        return set(export.finding_ids.mapped('code'))

    def calls_of(self, work):
        """What Exact is asked for during the work.

        :return: [(method, resource)]
        """
        calls, attempt = [], ExactClient._attempt

        def counted(client, method, resource, *args):
            calls.append((method, resource))
            return attempt(client, method, resource, *args)

        with patch.object(ExactClient, '_attempt', counted):
            work()
        return calls


@tagged('post_install', '-at_install')
class TestInstalments(ExactProofCase):
    """Terms that a payment condition of Exact cannot say."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.parts = cls.term((30, 0), (70, 60), code='60')
        cls.row = cls.env['exact.payment.term.mapping'].search([
            ('division_id', '=', cls.division.id), ('payment_term_id', '=', cls.parts.id),
        ])

    def test_mapping_says_that_it_does_not_fit(self):
        self.assertEqual(self.row.state, 'mapped')
        self.assertIn("several due dates", self.row.misfit)
        plain = self.term((100, 30), code='30')
        row = self.row.search([('payment_term_id', '=', plain.id)])
        self.assertFalse(row.misfit)
        plain.line_ids.nb_days = 45
        self.assertIn("The days differ: 30 days in Exact", row.misfit)

    def test_told_before_and_compared_after(self):
        move = self.invoice(self.parts)
        self.assertEqual(move.amount_total, 1210)
        self.export(move)
        self.assertBooked(move)
        export = move.exact_export_id
        finding = export.finding_ids.filtered(lambda one: one.code == 'instalments')
        self.assertEqual(finding.severity, 'warns')
        for text in ("363.00", "847.00", "1,210.00", "01/15/2026", "03/16/2026"):
            self.assertIn(text, finding.message)
        # One due date is sent, so that nothing is left to what Exact makes of the condition.
        self.assertEqual(self.payload(export)['DueDate'][:10], '2026-03-16')
        self.assertEqual(
            [(term.due_date, term.amount) for term in export.term_ids],
            [(fields.Date.to_date('2026-03-16'), 1210)],
        )
        self.assertFalse(export.unproved)

    def test_told_in_the_dialog_before_anything_is_sent(self):
        move = self.invoice(self.parts)
        wizard = self.document_wizard(move)
        self.assertIn("363.00", wizard.findings_html)
        self.assertFalse(wizard.is_blocked)

    def test_other_due_dates_are_a_difference(self):
        move = self.invoice(self.parts)
        self.drop('DueDate', 'PaymentCondition')
        self.export(move)
        export = move.exact_export_id
        self.assertEqual(move.exact_state, 'blocked')
        self.assertEqual(set(self.differences(export)), {'due_date', 'payment_condition'})

    def test_early_discount(self):
        discount = self.term(
            (100, 30), early_discount=True, discount_percentage=2, discount_days=7, code='30K',
        )
        move = self.invoice(discount)
        self.export(move)
        self.assertBooked(move)
        export = move.exact_export_id
        self.assertFalse({'discount_missing', 'discount_differs'} & self.codes(export))
        self.assertEqual(
            export.term_ids.discount_date, fields.Date.to_date('2026-01-22'), "by Exact",
        )
        self.assertFalse(export.unproved)
        for code, days, expected in (
            ('30', 7, 'discount_missing'), ('30K', 8, 'discount_differs'),
        ):
            with self.subTest(code=code):
                other = self.term(
                    (100, 30), early_discount=True, discount_percentage=2, discount_days=days,
                    code=code,
                )
                move = self.invoice(other)
                self.export(move)
                self.assertBooked(move)
                self.assertIn(expected, self.codes(move.exact_export_id))
        plain = self.term((100, 30), code='30K')
        move = self.invoice(plain)
        self.export(move)
        self.assertIn('discount_only_in_exact', self.codes(move.exact_export_id))
        row = self.row.search([('payment_term_id', '=', plain.id)])
        self.assertIn("The discount differs: none in Odoo, 2% within 7 days in Exact", row.misfit)

    def test_discount_that_exact_does_not_tell(self):
        self.switch(terms_discount='null')
        move = self.invoice(self.term(
            (100, 30), early_discount=True, discount_percentage=2, discount_days=7, code='30K',
        ))
        self.export(move)
        self.assertBooked(move)
        self.assertEqual(move.exact_export_id.unproved, ['discount_date'])

    def test_other_discount_date_is_a_difference(self):
        """Whoever changes the condition in Exact changes what its entries promise."""
        move = self.invoice(self.term(
            (100, 30), early_discount=True, discount_percentage=2, discount_days=7, code='30K',
        ))
        self.control(
            'edit_record', table='PaymentConditions', key='30K', values={'DiscountPaymentDays': 3},
        )
        self.addCleanup(
            self.control, 'edit_record', table='PaymentConditions', key='30K',
            values={'DiscountPaymentDays': 7},
        )
        self.export(move)
        self.assertEqual(self.differences(move.exact_export_id), ['discount_date'])

    def test_surcharge(self):
        term = self.term((100, 30))
        row = self.map_term(term, 'KK')
        self.assertIn("adds a credit surcharge of 2%", row.misfit)
        move = self.invoice(term)
        self.export(move)
        self.assertBooked(move)
        self.assertIn('surcharge_in_exact', self.codes(move.exact_export_id))

    def test_split_in_exact_as_the_document_says(self):
        for parts, state in (
            ([['2026-01-15', 363], ['2026-03-16', 847]], 'verified'),
            ([['2026-01-15', 847], ['2026-03-16', 363]], 'sent'),
            ([['2026-01-15', 363], ['2026-04-16', 847]], 'sent'),
        ):
            with self.subTest(parts=parts):
                export = self.export(self.invoice(self.parts))
                self.control('split_term', entry=export.exact_guid, parts=parts)
                self.read_again(export)
                self.assertEqual(export.state, state)
                self.assertEqual(bool(self.differences(export)), state == 'sent')

    def test_due_date_typed_by_hand_and_fixed_days(self):
        month_end = self.env['account.payment.term'].create({
            'name': "The 10th", 'line_ids': [Command.create({
                'value': 'percent', 'value_amount': 100, 'nb_days': 0,
                'delay_type': 'days_end_of_month_on_the', 'days_next_month': '10',
            })],
        })
        row = self.map_term(month_end, 'EM')
        self.assertIn("The days differ", row.misfit)
        self.assertIn("own due date is sent", row.misfit)
        by_hand = self.document(
            'in_invoice', [(100, self.tax_in_21)], invoice_payment_term_id=False,
            invoice_date_due='2026-03-03',
        )
        moves = self.invoice(month_end) | by_hand
        self.export(moves)
        for move in moves:
            self.assertBooked(move)
            self.assertFalse({'instalments'} & self.codes(move.exact_export_id))

    def test_bill_and_credit_note_in_parts(self):
        bill = self.document(
            'in_invoice', [(1000, self.tax_in_21)], invoice_payment_term_id=self.parts.id,
        )
        refund = self.document(
            'out_refund', [(1000, self.tax_21)], invoice_payment_term_id=self.parts.id,
        )
        self.export(bill | refund)
        for move, first in ((bill, "363.00"), (refund, "-363.00")):
            with self.subTest(move=move.move_type):
                self.assertBooked(move)
                finding = move.exact_export_id.finding_ids.filtered(
                    lambda one: one.code == 'instalments',
                )
                self.assertIn(f"in parts: {first} on", finding.message)
                self.assertEqual(move.exact_export_id.term_ids.mapped('amount'), [1210])

    def test_foreign_currency(self):
        usd = self.rated('USD', 1.25)
        move = self.invoice(self.parts, currency_id=usd.id)
        self.export(move)
        self.assertBooked(move)
        finding = move.exact_export_id.finding_ids.filtered(lambda one: one.code == 'instalments')
        self.assertIn("363.00", finding.message)
        self.assertEqual(sum(move.exact_export_id.term_ids.mapped('amount')), 1210)


@tagged('post_install', '-at_install')
class TestProof(ExactProofCase):
    """Equal is what was compared; what could not be is named."""

    def test_payment_condition(self):
        move = self.invoice(self.term((100, 60), code='60'))
        self.drop('PaymentCondition')
        self.export(move)
        export = move.exact_export_id
        self.assertEqual(move.exact_state, 'blocked')
        self.assertEqual(self.differences(export), ['payment_condition'])
        self.assertIn("30 instead of 60", move.exact_message)

    def test_payment_reference(self):
        move = self.invoice(None, payment_reference='RF18539007547034')
        self.export(move)
        self.assertBooked(move)
        export = move.exact_export_id
        self.control('edit_entry', entry=export.exact_guid, header={'PaymentReference': 'X 1'})
        self.read_again(export)
        self.assertEqual(self.differences(export), ['payment_reference'])

    def test_quantity(self):
        move = self.invoice(None)
        self.export(move)
        self.assertBooked(move)
        export = move.exact_export_id
        self.control('edit_entry', entry=export.exact_guid, lines={'1': {'Quantity': 3}})
        self.read_again(export)
        self.assertEqual(self.differences(export), ['quantity'])

    def test_quantity_with_many_decimals(self):
        move = self.document('out_invoice', [{
            'name': "Line", 'quantity': 0.333333, 'price_unit': 300,
            'tax_ids': [Command.set(self.tax_21.ids)], 'account_id': self.revenue.id,
        }])
        self.export(move)
        self.assertBooked(move)
        self.assertFalse(move.exact_export_id.unproved)

    def test_what_the_ledger_does_not_tell(self):
        for values, expected in (
            ({'ledger_quantity': 'zero'}, ['quantity']),
            ({'ledger_quantity': 'null'}, ['quantity']),
            ({'ledger_payment_reference': 'null'}, ['payment_reference']),
        ):
            with self.subTest(**values):
                self.switch(**values)
                move = self.invoice(None, payment_reference='RF18539007547034')
                self.export(move)
                self.assertBooked(move)
                self.assertEqual(move.exact_export_id.unproved, expected)
                self.simulator.switches.update(dict.fromkeys(values, 'filled'))

    def test_payment_reference_stands_among_what_is_open_too(self):
        self.switch(ledger_payment_reference='null')
        move = self.invoice(
            self.term((100, 60), code='60'), payment_reference='RF18539007547034',
        )
        self.export(move)
        self.assertBooked(move)
        self.assertFalse(move.exact_export_id.unproved)

    def test_payment_reference_that_exact_does_not_take_is_told(self):
        move = self.invoice(None, payment_reference='R' * 51)
        self.export(move)
        self.assertBooked(move)
        self.assertIn('payment_reference_left_out', self.codes(move.exact_export_id))

    def deferred(self, *, drop=()):
        """An invoice whose line is for a year: other addons have the fields for it."""
        move = self.invoice(None)
        builder = 'odoo.addons.account_exact.models.document.exact_booking_lines._DEFERRAL_FIELDS'
        with patch(builder, (('date_maturity', 'discount_date'),)):
            move.invoice_line_ids.write({
                'date_maturity': '2026-01-01', 'discount_date': '2026-12-31',
            })
            if drop:
                self.drop(*drop)
            return self.export(move)

    def test_deferral(self):
        export = self.deferred()
        self.assertEqual(export.state, 'verified', export.finding_ids.mapped('message'))
        self.assertFalse(export.unproved)
        self.assertIn('"From": "2026-01-01', export.payload)

    def test_dropped_deferral(self):
        export = self.deferred(drop=['From', 'To'])
        self.assertEqual(export.display_state, 'blocked')
        self.assertEqual(self.differences(export), ['deferral'])

    def test_what_cannot_be_read_is_named(self):
        """Without the right to read what is open, the rest is proved all the same."""
        self.simulator.faults.add('status', method='GET', resource=TERMS, status=403, times=None)
        self.addCleanup(self.simulator.faults.clear)
        move = self.invoice(self.term((100, 60), code='60'))
        self.export(move)
        self.assertBooked(move)
        export = move.exact_export_id
        self.assertEqual(export.unproved, ['payment_condition'])
        self.assertEqual(export.unproved_text, "the payment condition")
        self.assertEqual(move.exact_unproved, "the payment condition")
        self.assertIn("Not proved", " ".join(move.message_ids.mapped('body')))
        # Not asked again for each entry: refusals are scarce.
        again = self.invoice(self.term((100, 60), code='60'))
        self.export(again)
        self.assertEqual(again.exact_export_id.unproved, ['payment_condition'])
        refused = [fault for fault in self.simulator.faults.fired if fault[1].endswith(TERMS)]
        self.assertEqual(len(refused), 1)

    def test_what_comes_late_is_waited_for(self):
        self.simulator.switches.sync_lag = 3600
        self.addCleanup(self.simulator.switches.update, {'sync_lag': 0})
        move = self.invoice(self.term((100, 60), code='60'))
        self.export(move)
        export = move.exact_export_id
        self.assertEqual((export.state, move.exact_state), ('sent', 'waiting'))
        self.assertTrue(export.next_try)
        self.simulator.switches.sync_lag = 0
        export.sudo().next_try = False
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)
        self.assertFalse(export.unproved)

    def test_what_never_comes_holds_nothing_up(self):
        self.simulator.switches.sync_lag = 3600
        self.addCleanup(self.simulator.switches.update, {'sync_lag': 0})
        move = self.invoice(self.term((100, 60), code='60'))
        self.export(move)
        export = move.exact_export_id
        export.sudo().write({
            'next_try': False, 'sent_at': fields.Datetime.subtract(export.sent_at, minutes=4),
        })
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)
        self.assertEqual(export.unproved, ['payment_condition'])

    def test_condition_changed_in_exact_later(self):
        """Seen with whatever is read back next; the ledger itself says nothing of it."""
        term = self.term((100, 60), code='60')
        move = self.invoice(term)
        self.export(move)
        self.assertBooked(move)
        self.control(
            'edit_entry', entry=move.exact_export_id.exact_guid,
            header={'PaymentCondition': '14', 'DueDate': '2026-03-16'},
        )
        self.export(self.invoice(term))
        self.run_cron('ir_cron_exact_export')
        self.assertIn('payment_condition', self.differences(move.exact_export_id))

    def test_rubbish_among_what_is_open(self):
        """A row that is not what it should be is left out; the others count."""
        term = self.term((100, 60), code='60')
        pages = ExactClient.pages

        def with_rubbish(client, resource, **kwargs):
            for rows in pages(client, resource, **kwargs):
                yield [
                    {'ID': 'x'}, {}, {'ID': None, 'Timestamp': 'soon', 'TransactionEntryID': None},
                    *rows,
                ] if resource == TERMS else rows

        move = self.invoice(term)
        with patch.object(ExactClient, 'pages', with_rubbish):
            self.export(move)
        self.assertBooked(move)
        self.assertFalse(move.exact_export_id.unproved)

    def test_payment_is_no_difference(self):
        term = self.term((100, 60), code='60')
        move = self.invoice(term)
        self.export(move)
        export = move.exact_export_id
        self.control('register_payment', entry=export.exact_guid, amount=500)
        self.read_again(export)
        self.assertEqual(export.state, 'verified', export.finding_ids.mapped('message'))

    def test_updated_entry_is_proved_anew(self):
        move = self.invoice(self.term((100, 60), code='60'))
        self.export(move)
        move.write({'invoice_date_due': '2026-05-05'})
        move.action_exact_update()
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)
        self.assertEqual(
            move.exact_export_id.term_ids.mapped('due_date'), [fields.Date.to_date('2026-05-05')],
        )

    def test_calls(self):
        """What a proof costs: one call each time that entries are read back, however many; the
        first time one more. Deferrals one call; documents that left the condition to Exact none.
        """
        term = self.term((100, 60), code='60')

        def proofs(moves):
            calls = self.calls_of(lambda: self.export(moves))
            for move in moves:
                self.assertBooked(move)
            return [
                resource for method, resource in calls
                if method == 'GET' and not resource.startswith(('bulk/', 'crm/'))
                and resource != 'sync/Financial/TransactionLines'
            ]

        first = 'read/sync/Sync/SyncTimestamp'
        # (The look before anything is sent asks where it begins, too.)
        self.assertEqual(proofs(self.invoice(term)), [first, first, TERMS])
        many = self.env['account.move'].union(*(self.invoice(term) for _i in range(5)))
        self.assertEqual(proofs(many), [TERMS])
        self.assertEqual(proofs(self.invoice(None)), [])


@tagged('post_install', '-at_install')
class TestLineVat(ExactProofCase):
    """Invoices whose lines say their VAT, and a ledger that may tell none of it."""

    def six(self):
        included = self.tax_21.copy({
            'name': "21% included", 'price_include_override': 'tax_included',
        })
        self.mapping(
            'exact.tax.mapping', 'tax_id', included, 'vat_code_id',
            self.master('exact.vat.code', [('code', '=', '2')]),
        )
        return self.env['account.move'].union(*(
            self.document('out_invoice', [(price, included), (price, included)])
            for price in (9.99, 19.99, 3.33, 0.99, 7.77, 1.11)
        ))

    def booked(self, told):
        self.switch(ledger_line_vat=told)
        moves = self.six()
        self.export(moves)
        self.assertFalse(self.division.hold)
        given = [
            line['VATAmountFC'] for move in moves
            for line in self.payload(move.exact_export_id)['SalesEntryLines']
            if 'VATAmountFC' in line
        ]
        self.assertTrue(given, "no line said its VAT: this proves nothing")
        for move in moves:
            self.assertBooked(move)

    def test_told(self):
        self.booked('filled')

    def test_told_as_nothing(self):
        self.booked('zero')

    def test_not_told(self):
        self.booked('null')
