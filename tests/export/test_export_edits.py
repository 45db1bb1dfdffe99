from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged

from ..export_common import ExactExportCase


@tagged('post_install', '-at_install')
class TestExportEdits(ExactExportCase):
    """Whatever changes what a document would be booked as is seen, by whatever way it is written:
    nobody has to open the document.
    """

    def verified(self, **values):
        move = self.document('out_invoice', [(100, self.tax_21)], **values)
        self.export(move)
        self.assertBooked(move)
        return move

    def assertAmber(self, move, field):
        self.run_cron('ir_cron_exact_export')
        export = move.exact_export_id
        self.assertEqual(move.exact_state, 'changed')
        self.assertIn(field, [name for name, *_values in export.difference_ids])
        self.assertTrue(move.exact_message)
        return move.exact_message

    def test_renumbered_by_the_wizard(self):
        move = self.verified()
        old = move.name
        wizard = self.env['account.resequence.wizard'].with_context(
            active_model='account.move', active_ids=move.ids,
        ).create({'first_name': 'INV/2026/00900', 'ordering': 'keep'})
        wizard.resequence()
        self.assertEqual(move.name, 'INV/2026/00900')
        message = self.assertAmber(move, 'your_ref')
        self.assertIn(old, message)
        self.assertIn('INV/2026/00900', message)
        move.action_exact_update()
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)

    def test_written_by_rpc(self):
        """What Odoo lets people write on posted documents, one by one."""
        for field, write in (
            ('description', lambda move: move.invoice_line_ids.write({'name': "Other words"})),
            ('quantity', lambda move: move.invoice_line_ids.write({
                'quantity': 2, 'price_unit': 50,
            })),
            ('gl_account', lambda move: move.invoice_line_ids.write({
                'account_id': self.other_revenue().id,
            })),
            ('due_date', lambda move: move.write({'invoice_date_due': '2026-05-05'})),
            ('payment_reference', lambda move: move.write({'payment_reference': "RF00"})),
            ('description', lambda move: move.write({'ref': "PO 7"})),
            ('relation', lambda move: move.with_context(skip_readonly_check=True).write({
                'partner_id': self.other_customer().id,
            })),
        ):
            with self.subTest(field=field):
                move = self.verified()
                write(move)
                self.assertAmber(move, field)

    def other_revenue(self):
        account = self.revenue.copy({'code': '800199', 'name': "Other revenue"})
        self.map_ledger(account, '8010')
        return account

    def other_customer(self):
        partner = self.customer.copy({'name': "Bakker", 'vat': False, 'email': False})
        relation = self.master('exact.relation', [
            ('is_customer', '=', True), ('vat_number', '!=', 'NL000099998B57'),
        ])
        self.mapping('exact.partner.mapping', 'partner_id', partner, 'relation_id', relation)
        return partner

    def test_analytic_distribution(self):
        plan = self.env['account.analytic.plan'].create({'name': "Where It Sells"})
        account = self.env['account.analytic.account'].create({
            'name': "Sales", 'plan_id': plan.id, 'company_id': self.company.id,
        })
        center = self.master('exact.cost.center', [('is_blocked', '=', False)])
        self.mapping(
            'exact.analytic.mapping', 'analytic_account_id', account, 'cost_center_id', center,
        )
        move = self.verified()
        move.invoice_line_ids.write({'analytic_distribution': {str(account.id): 100}})
        self.assertAmber(move, 'cost_center')

    def test_lines_of_their_own(self):
        """A line that comes or goes is one more, whatever it is written on."""
        move = self.verified()
        line = move.invoice_line_ids
        line.with_context(skip_readonly_check=True).copy({'move_id': move.id, 'price_unit': 0})
        pending = move.exact_export_id.pending_action
        self.assertEqual(pending, 'recheck')
        # Whether Exact still has the same is not known yet, and not said.
        self.assertEqual(move.exact_bar, 'edited')
        self.assertIn("The document was edited", move.exact_sentence)

    def test_cancelled_and_set_to_draft_by_rpc(self):
        move = self.verified()
        move.write({'state': 'cancel'})
        self.assertAmber(move, 'state')
        waiting = self.document('out_invoice', [(100, self.tax_21)])
        waiting.action_exact_export()
        waiting.write({'state': 'draft'})
        self.assertEqual(waiting.exact_export_id.state, 'undone')

    def test_what_books_nothing_else_asks_nothing(self):
        move = self.verified()
        with patch.object(type(move), '_exact_compare_later') as compare:
            move.write({'narration': "Thank you"})
            move.line_ids.write({'sequence': 7})
            compare.assert_not_called()
        self.assertFalse(move.exact_export_id.pending_action)

    def test_written_as_it_was(self):
        move = self.verified()
        move.invoice_line_ids.write({'name': move.invoice_line_ids.name})
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)

    def test_waiting_document_is_built_anew(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        move.action_exact_export()
        move.invoice_line_ids.write({'name': "Other words"})
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)
        self.assertEqual(
            self.payload(move.exact_export_id)['SalesEntryLines'][0]['Description'], "Other words",
        )

    def test_posting_is_compared_once(self):
        """What Odoo itself writes while it posts is no edit."""
        move = self.document('out_invoice', [(100, self.tax_21)], post=False)
        with patch.object(type(move), '_exact_compare_later', autospec=True) as compare:
            move.action_post()
            self.env.flush_all()
        self.assertEqual(len(compare.mock_calls), 1)

    def test_unlinked_company_pays_nothing(self):
        """Where nothing is exported, a write costs one indexed question."""
        move = self.document('out_invoice', [(100, self.tax_21)])
        with self.assertQueryCount(4):
            move.invoice_line_ids.write({'name': "Other words"})
            self.env.flush_all()

    def test_instalment_moved_by_hand(self):
        term = self.env['account.payment.term'].create({
            'name': "Half and half", 'line_ids': [
                Command.create({'value': 'percent', 'value_amount': 50, 'nb_days': days})
                for days in (0, 60)
            ],
        })
        self.mapping(
            'exact.payment.term.mapping', 'payment_term_id', term, 'payment_condition_id',
            self.master('exact.payment.condition', [('code', '=', '60')]),
        )
        move = self.verified(invoice_payment_term_id=term.id)
        first = move.line_ids.filtered('date_maturity').sorted('date_maturity')[0]
        first.write({'date_maturity': '2026-02-01'})
        self.assertAmber(move, 'tranches')
