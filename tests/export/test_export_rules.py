"""Rules that are mended while documents wait: these go out by the new ones."""

from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged

from .test_export_faults import ENTRIES, ExactFaultCase
from .test_export_once import ExactTypedMixin


@tagged('post_install', '-at_install')
class TestExportRules(ExactTypedMixin, ExactFaultCase):

    def held(self, move):
        """Have a document checked, and held back before it is sent."""
        self.relation(move)
        self.division.action_hold()
        export = self.export(move)
        self.assertEqual(export.state, 'ready')
        return export

    def ledger(self):
        """The mapping of revenue, and another ledger than its."""
        mapped = self.env['exact.account.mapping'].search([
            ('division_id', '=', self.division.id), ('account_id', '=', self.revenue.id),
        ])
        return mapped, self.master('exact.gl.account', [
            ('gl_type', '=', 110), ('is_blocked', '=', False),
            ('id', '!=', mapped.gl_account_id.id),
        ])

    def release(self):
        self.division.action_release()
        self.work()

    def assertLedger(self, move, ledger):
        self.assertBooked(move)
        line = self.payload(move.exact_export_id)['SalesEntryLines'][0]
        self.assertEqual(line['GLAccount'], ledger.exact_guid)

    def test_ledger_that_is_corrected_on_hold(self):
        move = self.invoice()
        export = self.held(move)
        mapping, other = self.ledger()
        mapping.gl_account_id = other
        self.assertEqual(export.state, 'proposed')
        self.release()
        self.assertLedger(move, other)

    def test_the_same_once_more_is_no_change(self):
        export = self.held(self.invoice())
        mapping, _other = self.ledger()
        mapping.gl_account_id = mapping.gl_account_id
        self.division.numbering = self.division.numbering
        self.division.difference_gl_account_id = self.division.difference_gl_account_id
        self.assertEqual(export.state, 'ready')

    def test_row_that_outranks_and_is_deleted_again(self):
        product = self.env['product.product'].create({'name': "Hedge"})
        mapping, other = self.ledger()

        def invoice():
            return self.document('out_invoice', [{
                'product_id': product.id, 'name': "Line", 'quantity': 1, 'price_unit': 10,
                'tax_ids': [Command.set(self.tax_21.ids)], 'account_id': self.revenue.id,
            }], name=f'INV/2026/{next(self.numbers):05}')

        first, second = invoice(), invoice()
        self.held(first)
        row = self.mapping(
            'exact.account.mapping', 'product_tmpl_id', product.product_tmpl_id, 'gl_account_id',
            other,
        )
        self.release()
        self.assertLedger(first, other)
        self.held(second)
        row.unlink()
        self.release()
        self.assertLedger(second, mapping.gl_account_id)

    def test_partner_that_is_another_relation(self):
        move = self.invoice()
        bystander = self.invoice(20, partner=self.env['res.partner'].create({'name': "De Wit"}))
        self.relation(bystander)
        self.held(move)
        self.held(bystander)
        relation = self.master('exact.relation', [
            ('is_customer', '=', True), ('is_blocked', '=', False),
            ('exact_guid', '!=', self.relation(move)),
        ])
        self.env['exact.partner.mapping'].search([
            ('division_id', '=', self.division.id), ('partner_id', '=', move.partner_id.id),
        ]).relation_id = relation
        self.assertEqual(bystander.exact_export_id.state, 'ready')
        self.release()
        self.assertEqual(move.exact_state, 'verified', move.exact_message)
        self.assertEqual(self.payload(move.exact_export_id)['Customer'], relation.exact_guid)

    def test_partners_that_are_new_stop_nothing(self):
        """Their relations are made with the first document: the second one goes along."""
        partner = self.env['res.partner'].create({'name': "Van Dam", 'city': "Edam"})
        moves = self.invoice(1, partner=partner) | self.invoice(2, partner=partner)
        moves.action_exact_export()
        checks = []
        check = type(self.env['exact.export.check'])._check
        with patch.object(
            type(self.env['exact.export.check']), '_check',
            lambda step, exports, division: (
                checks.append(len(exports)) or check(step, exports, division)
            ),
        ):
            self.work()
        for move in moves:
            self.assertBooked(move)
        self.assertEqual(checks, [2])

    def test_administration_that_numbers_itself(self):
        move = self.invoice()
        self.held(move)
        self.assertTrue(move.exact_export_id.booking['invoice_number'])
        self.division.numbering = 'exact'
        self.release()
        self.assertBooked(move)
        self.assertNotIn('InvoiceNumber', self.payload(move.exact_export_id))

    def test_start_that_is_moved(self):
        move = self.invoice()
        self.held(move)
        self.division.export_start_date = '2026-02-01'
        self.release()
        self.assertEqual(move.exact_state, 'blocked')
        self.assertFalse(self.entries(move.name))

    def test_policy_for_closed_periods(self):
        export = self.held(self.invoice())
        self.env['exact.journal.mapping'].search([
            ('division_id', '=', self.division.id),
            ('journal_id', '=', export.move_id.journal_id.id),
        ]).closed_period_policy = 'next_open'
        self.assertEqual(export.state, 'proposed')

    def test_what_may_be_in_exact_is_not_touched(self):
        """A document without an answer stays in doubt; is it not there, it is built anew."""
        move = self.invoice()
        self.relation(move)
        self.simulator.faults.add('cut_before', method='POST', resource=ENTRIES)
        export = self.export(move)
        self.assertEqual(export.state, 'uncertain')
        asked = self.operation(export).asked_at
        mapping, other = self.ledger()
        mapping.gl_account_id = other
        self.assertEqual((export.state, self.operation(export).asked_at), ('uncertain', asked))
        self.age(export)
        self.work()
        self.work()
        self.assertLedger(move, other)

    def test_what_is_being_sent_is_not_touched(self):
        export = self.held(self.invoice()).sudo()
        mapping, other = self.ledger()
        export.state = 'sending'
        mapping.gl_account_id = other
        self.assertEqual(export.state, 'sending')
        self.assertTrue(export.document_written_at)
