import json
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import SQL

from odoo.addons.account_exact.exact_api import wire

from ..export_common import ExactExportCase


@tagged('post_install', '-at_install')
class TestExportKinds(ExactExportCase):
    """Each kind of document: the payload as meant, and Exact's books as Odoo's."""

    def check(self, name, move):
        export = self.export(move)
        self.assertBooked(move)
        self.assertGolden(name, self.payload(export))
        return export

    def test_customer_invoice(self):
        move = self.document('out_invoice', [(100, self.tax_21), (50, self.tax_9)])
        export = self.check('out_invoice', move)
        self.assertEqual(move.exact_entry_number, str(export.entry_number))
        self.assertTrue(export.entry_number)
        self.assertIn(str(export.entry_number), move.message_ids[0].body)

    def test_credit_note(self):
        move = self.document('out_refund', [(100, self.tax_21)])
        self.check('out_refund', move)

    def test_vendor_bill(self):
        move = self.document('in_invoice', [(200, self.tax_in_21)], ref='2026-77')
        export = self.check('in_invoice', move)
        self.assertEqual(export.reference, '2026-77')

    def test_refund_of_vendor(self):
        move = self.document('in_refund', [(20, self.tax_in_21)], ref='C-2026-77')
        self.check('in_refund', move)

    def test_receipts(self):
        sales = self.document('out_receipt', [(10, self.tax_21)])
        purchase = self.document('in_receipt', [(10, self.tax_in_21)], ref='bon 12')
        self.export(sales | purchase)
        self.assertBooked(sales)
        self.assertBooked(purchase)
        self.assertGolden('out_receipt', self.payload(sales.exact_export_id))
        self.assertGolden('in_receipt', self.payload(purchase.exact_export_id))

    def test_journal_entry(self):
        other = self.expense.copy({'code': '4999', 'name': "Other costs"})
        self.map_ledger(other, self.expense.code)
        move = self.document('entry', [
            {'name': "Accrual", 'account_id': self.expense.id, 'debit': 75.5, 'credit': 0},
            {'name': "Accrual", 'account_id': self.revenue.id, 'debit': 0, 'credit': 75.5},
        ], journal_id=self.company_data['default_journal_misc'].id, ref="Accrual January")
        export = self.export(move)
        self.assertEqual(export.state, 'verified', export.finding_ids.mapped('message'))
        self.assertGolden('entry', self.payload(export))
        rows = self.rows(export.exact_guid)
        self.assertEqual(
            sorted(wire.as_decimal(row['AmountFC']) for row in rows), [-75.5, 75.5],
        )

    def test_foreign_currency_goes_at_odoos_rate(self):
        currency = self.setup_other_currency('USD', rates=[('2026-01-01', 1.25)])
        move = self.document('out_invoice', [(125, self.tax_21)], currency_id=currency.id)
        export = self.check('out_invoice_usd', move)
        self.assertEqual(self.payload(export)['Rate'], '0.8')

    def test_price_included_and_rounding(self):
        included = self.tax_21.copy({
            'name': "21% incl", 'price_include_override': 'tax_included',
        })
        self.mapping(
            'exact.tax.mapping', 'tax_id', included, 'vat_code_id',
            self.env['exact.tax.mapping'].search([
                ('division_id', '=', self.division.id), ('tax_id', '=', self.tax_21.id),
            ]).vat_code_id,
        )
        move = self.document('out_invoice', [(9.99, included), (0.33, included), (17.17, included)])
        self.export(move)
        self.assertBooked(move)

    def test_rounding_globally_is_exact_to_the_cent(self):
        self.company.tax_calculation_rounding_method = 'round_globally'
        move = self.document('out_invoice', [(0.07, self.tax_21)] * 7 + [(3.33, self.tax_9)] * 3)
        self.export(move)
        self.assertBooked(move)

    def test_analytic_distribution_splits_a_line(self):
        plan = self.env['account.analytic.plan'].create({'name': "Departments in Exact"})
        accounts = self.env['account.analytic.account'].create([
            {'name': name, 'plan_id': plan.id, 'company_id': self.company.id} for name in ("A", "B")
        ])
        centers = self.env['exact.cost.center'].search([
            ('division_id', '=', self.division.id),
        ], limit=2)
        for account, center in zip(accounts, centers, strict=True):
            self.mapping(
                'exact.analytic.mapping', 'analytic_account_id', account, 'cost_center_id', center,
            )
        line = {
            'name': "Paper", 'quantity': 1, 'price_unit': 100, 'account_id': self.expense.id,
            'tax_ids': [Command.set(self.tax_in_21.ids)],
            'analytic_distribution': {str(accounts[0].id): 33.33, str(accounts[1].id): 66.67},
        }
        move = self.document('in_invoice', [line], ref='split 1')
        export = self.export(move)
        rows = self.assertBooked(move)
        booked = {
            wire.as_text(row['CostCenter']): wire.as_decimal(row['AmountFC'])
            for row in rows if row['CostCenter']
        }
        self.assertEqual(
            {code: float(amount) for code, amount in booked.items()},
            {centers[0].code: 33.33, centers[1].code: 66.67},
        )
        self.assertEqual(len(export.line_ids), 2)

    def test_product_and_category_override_the_ledger(self):
        category = self.env['product.category'].create({'name': "Services"})
        product = self.env['product.product'].create({
            'name': "Advice", 'categ_id': category.id, 'type': 'service',
        })
        ledgers = self.env['exact.gl.account'].search([
            ('division_id', '=', self.division.id), ('gl_type', '=', 110),
            ('is_blocked', '=', False), ('use_cost_center', '=', '0'), ('use_cost_unit', '=', '0'),
        ], limit=2)
        mapping = self.env['exact.account.mapping'].create({
            'division_id': self.division.id, 'product_category_id': category.id,
            'gl_account_id': ledgers[0].id,
        })
        line = {'product_id': product.id, 'quantity': 1, 'price_unit': 10, 'name': "Advice",
                'account_id': self.revenue.id, 'tax_ids': [Command.set(self.tax_21.ids)]}
        export = self.export(self.document('out_invoice', [line]))
        self.assertEqual(export.line_ids.gl_account_id, ledgers[0])
        self.assertEqual(export.line_ids.chosen_by, f'exact.account.mapping,{mapping.id}')
        self.env['exact.account.mapping'].create({
            'division_id': self.division.id, 'product_tmpl_id': product.product_tmpl_id.id,
            'gl_account_id': ledgers[1].id,
        })
        export = self.export(self.document('out_invoice', [line]))
        self.assertEqual(export.line_ids.gl_account_id, ledgers[1])

    def test_documents_travel_once(self):
        self.division.send_documents = True
        move = self.document('in_invoice', [(30, self.tax_in_21)], ref='with file')
        self.env['ir.attachment'].create([
            {'name': "bill.pdf", 'raw': b'%PDF-1.4 bill', 'res_model': 'account.move',
             'res_id': move.id, 'mimetype': 'application/pdf'},
            {'name': "bill.xml", 'raw': b'<Invoice/>', 'res_model': 'account.move',
             'res_id': move.id, 'mimetype': 'application/xml'},
        ])
        export = self.export(move)
        rows = self.assertBooked(move)
        self.assertEqual({wire.as_guid(row['Document']) for row in rows if row['Document']},
                         {export.document_guid})
        self.assertEqual(
            set(self.env['exact.export.files']._uploads(export)), {'bill.pdf', 'bill.xml'}
        )

    def test_relation_is_found_or_made_but_never_changed(self):
        known = self.env['exact.relation'].search([
            ('division_id', '=', self.division.id), ('vat_key', '!=', False),
            ('status', '=', 'C'), ('is_blocked', '=', False),
        ], limit=1)
        partner = self.env['res.partner'].create({
            'name': "Called otherwise in Odoo", 'is_company': True,
            'country_id': self.env.ref('base.nl').id,
        })
        # Whether the number is right is not the matter here.
        partner.with_context(no_vat_validation=True).vat = known.vat_number
        before = known.name
        export = self.export(self.document('out_invoice', [(1, self.tax_21)], partner=partner))
        self.assertEqual(export.relation_id, known)
        self.assertEqual(export.state, 'verified')
        with self.division.client() as client:
            row = client.get_by_key('crm/Accounts', known.exact_guid, select=['ID', 'Name'])
        self.assertEqual(row['Name'], before)

    def test_customer_becomes_supplier_too(self):
        self.export(self.document('out_invoice', [(1, self.tax_21)]))
        relation = self.env['exact.partner.mapping'].search([
            ('partner_id', '=', self.customer.id),
        ]).relation_id
        self.assertFalse(relation.is_supplier)
        bill = self.document('in_invoice', [(1, self.tax_in_21)], partner=self.customer, ref='both')
        self.export(bill)
        self.assertBooked(bill)
        self.assertEqual(bill.exact_export_id.relation_id, relation)
        self.assertTrue(relation.is_supplier)

    def test_exact_numbers(self):
        self.division.numbering = 'exact'
        move = self.document('out_invoice', [(10, self.tax_21)])
        reference = move.payment_reference
        export = self.export(move)
        self.assertBooked(move)
        self.assertNotIn('InvoiceNumber', self.payload(export))
        self.assertEqual(move.payment_reference, str(export.invoice_number or export.entry_number))
        move.action_exact_undo()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(move.payment_reference, reference)


@tagged('post_install', '-at_install')
class TestExportLife(ExactExportCase):
    """What happens to an export after it was asked for."""

    def test_twice_is_once(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        move.action_exact_export()
        move.action_exact_export()
        self.run_cron('ir_cron_exact_export')
        notification = move.action_exact_export()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(len(move.exact_export_ids), 1)
        self.assertIn("already exported", notification['params']['message'])

    def test_undo_and_again(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        export = self.export(move)
        guid = export.exact_guid
        move.action_exact_undo()
        self.assertEqual(move.exact_state, 'waiting')
        self.run_cron('ir_cron_exact_export')
        self.assertEqual((move.exact_state, export.state), ('undone', 'undone'))
        self.assertFalse(self.rows(guid))
        self.assertFalse(move.exact_entry_number)
        self.export(move)
        self.assertBooked(move)
        self.assertEqual(len(move.exact_export_ids), 2)

    def test_edited_document_is_updated(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        export = self.export(move)
        guid = export.exact_guid
        move.button_draft()
        self.assertEqual(export.state, 'verified')
        move.invoice_line_ids.price_unit = 120
        move.action_post()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual((move.exact_state, export.state), ('changed', 'changed'))
        self.assertIn('121.00 → 145.20', move.exact_message)
        move.action_exact_update()
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)
        self.assertEqual(move.exact_export_id.exact_guid, guid)
        # What is kept as sent is what Exact has now
        [line] = json.loads(export.payload)['SalesEntryLines']
        self.assertEqual(float(line['AmountFC']), 120)

    def test_what_is_edited_on_a_posted_document_is_noticed(self):
        bill = self.document('in_invoice', [(100, self.tax_in_21)], ref='typed wrong')
        export = self.export(bill)
        bill.ref = 'typed right'
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(bill.exact_state, 'changed')
        self.assertIn('typed wrong → typed right', bill.exact_message)
        bill.action_exact_update()
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(bill)
        account = self.env['account.analytic.account'].create({
            'name': "A", 'company_id': self.company.id,
            'plan_id': self.env['account.analytic.plan'].create({'name': "Edited ones"}).id,
        })
        center = self.env['exact.cost.center'].search([
            ('division_id', '=', self.division.id),
        ], limit=1)
        self.mapping(
            'exact.analytic.mapping', 'analytic_account_id', account, 'cost_center_id', center,
        )
        bill.invoice_line_ids.analytic_distribution = {str(account.id): 100}
        self.run_cron('ir_cron_exact_export')
        self.assertEqual((bill.exact_state, export.state), ('changed', 'changed'))
        self.assertIn(center.code, bill.exact_message)

    def test_what_is_edited_while_it_waits_is_sent_as_it_is_now(self):
        bill = self.document('in_invoice', [(100, self.tax_in_21)], ref='typed wrong too')
        bill.action_exact_export()
        with patch.object(type(self.env['exact.export.send']), 'send_ready', return_value=False):
            self.run_cron('ir_cron_exact_export')
        self.assertEqual(bill.exact_export_id.state, 'ready')
        bill.ref = 'typed right too'
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(bill)
        self.assertEqual(bill.exact_export_id.reference, 'typed right too')

    def test_edited_back_is_no_change(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        export = self.export(move)
        move.button_draft()
        move.action_post()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(export.state, 'verified')

    def test_added_line_is_updated(self):
        move = self.document('in_invoice', [(100, self.tax_in_21), (40, self.tax_in_21)], ref='upd')
        self.export(move)
        move.button_draft()
        move.invoice_line_ids[1].unlink()
        move.write({'invoice_line_ids': [Command.create({
            'name': "More", 'price_unit': 7, 'account_id': self.expense.id,
            'tax_ids': [Command.set(self.tax_in_21.ids)],
        })]})
        move.action_post()
        move.action_exact_update()
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)

    def test_changed_journal_entry_is_deleted_and_booked_anew(self):
        lines = [
            {'name': "x", 'account_id': self.expense.id, 'debit': 10, 'credit': 0},
            {'name': "x", 'account_id': self.revenue.id, 'debit': 0, 'credit': 10},
        ]
        move = self.document(
            'entry', lines, journal_id=self.company_data['default_journal_misc'].id,
        )
        export = self.export(move)
        guid = export.exact_guid
        move.button_draft()
        move.line_ids[0].name = "y"
        move.write({'line_ids': [
            Command.update(move.line_ids[0].id, {'debit': 12}),
            Command.update(move.line_ids[1].id, {'credit': 12}),
        ]})
        move.action_post()
        move.action_exact_update()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(move.exact_state, 'verified', move.exact_message)
        self.assertNotEqual(move.exact_export_id.exact_guid, guid)
        self.assertFalse(self.rows(guid))

    def test_create_new_leaves_the_old_entry(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        old = self.export(move)
        move.button_draft()
        move.invoice_line_ids.price_unit = 50
        move.action_post()
        self.run_cron('ir_cron_exact_export')
        move.action_exact_create_new()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(old.state, 'superseded')
        self.assertTrue(self.rows(old.exact_guid))
        self.assertNotEqual(move.exact_export_id, old)

    def test_deleted_in_exact_is_seen(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        export = self.export(move)
        with self.division.client() as client:
            client.delete('salesentry/SalesEntries', export.exact_guid)
        self.division.action_refresh()
        self.run_cron('ir_cron_sync')
        self.run_cron('ir_cron_exact_export')
        self.assertEqual((move.exact_state, export.state), ('deleted', 'deleted'))
        move.action_exact_create_new()
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)

    def test_other_lines_of_the_same_entry_are_no_deletion(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        export = self.export(move)
        guids = export.entry_line_ids.mapped('exact_guid')
        triggers = self.env['ir.cron.trigger'].sudo()
        before = triggers.search([])
        self.division.sudo().on_deleted(1, guids)
        self.assertEqual(export.state, 'sent')
        # The worker is woken, it need not wait for its interval.
        self.assertIn(
            self.env.ref('account_exact.ir_cron_exact_export'),
            (triggers.search([]) - before).cron_id,
        )
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(export.state, 'verified')

    def test_deletion_is_noticed_beside_what_people_ask_for(self):
        """An update that cannot be done, at the moment at which Exact tells of the deletion."""
        move = self.document('out_invoice', [(100, self.tax_21)])
        export = self.export(move)
        guids = export.entry_line_ids.mapped('exact_guid')
        self.simulator.control.run('delete_entry', {
            'division': self.division.code, 'entry': export.exact_guid,
        })
        self.division.sudo().on_deleted(1, guids)
        move.action_exact_update()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual((move.exact_state, export.pending_action), ('deleted', False))

    def test_exported_document_cannot_be_deleted(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        self.export(move)
        move.button_draft()
        with self.assertRaisesRegex(UserError, "Undo the export first"):
            move.unlink()

    def test_automatic_on_posting(self):
        self.division.auto_export_sale = True
        self.division.export_start_date = '2026-01-10'
        old = self.document(
            'out_invoice', [(1, self.tax_21)], invoice_date='2026-01-05', date='2026-01-05',
        )
        new = self.document('out_invoice', [(1, self.tax_21)])
        bill = self.document('in_invoice', [(1, self.tax_in_21)])
        self.assertEqual((old | new | bill).mapped('exact_state'),
                         ['not_exported', 'waiting', 'not_exported'])
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(new)

    def test_hold_keeps_everything_waiting(self):
        self.division.hold = True
        move = self.document('out_invoice', [(1, self.tax_21)])
        self.export(move)
        self.assertEqual(move.exact_state, 'waiting')
        self.assertIn("on hold", move.exact_message)
        self.division.hold = False
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)

    def test_search_and_group_by_state(self):
        done = self.document('out_invoice', [(1, self.tax_21)])
        self.export(done)
        other = self.document('out_invoice', [(2, self.tax_21)])
        draft = self.document('out_invoice', [(3, self.tax_21)], post=False)
        both = done | other | draft
        domain = [('id', 'in', both.ids)]
        search = self.env['account.move'].search
        self.assertEqual(search([*domain, ('exact_state', '=', 'verified')]), done)
        self.assertEqual(search([*domain, ('exact_state', '=', 'not_exported')]), other)
        self.assertEqual(search([*domain, ('exact_state', '!=', 'verified')]), other | draft)
        found = search([*domain, ('exact_entry_number', '=', done.exact_entry_number)])
        self.assertEqual(found, done)
        groups = self.env['account.move']._read_group(domain, ['exact_state'], ['__count'])
        self.assertEqual(dict(groups), {'verified': 1, 'not_exported': 1, False: 1})

    def test_list_takes_one_query_for_the_state(self):
        moves = self.env['account.move']
        for price in range(1, 6):
            moves |= self.document('out_invoice', [(price, self.tax_21)])
        self.export(moves)
        self.env.invalidate_all()
        moves.mapped('state')
        with self.assertQueryCount(3):
            moves.mapped('exact_state')


@tagged('post_install', '-at_install')
class TestExportRefusals(ExactExportCase):
    """Bad input: each with its clear outcome, and never an exception that stops Odoo."""

    def blocked(self, move, code):
        self.export(move)
        export = move.exact_export_id
        self.assertEqual(
            move.exact_state, 'blocked', f"{export.state} {export.finding_ids.mapped('code')}",
        )
        self.assertIn(code, export.finding_ids.mapped('code'))
        self.assertFalse(export.exact_guid)
        self.assertTrue(move.exact_message)
        self.assertNotIn('%(', move.exact_message)
        return export

    def test_nothing_to_export(self):
        with self.assertRaises(UserError):
            self.env['account.move'].action_exact_export()

    def test_draft_and_cancelled_are_named(self):
        draft = self.document('out_invoice', [(1, self.tax_21)], post=False)
        cancelled = self.document('out_invoice', [(1, self.tax_21)])
        cancelled.button_cancel()
        message = (draft | cancelled).action_exact_export()['params']['message']
        self.assertIn("only posted documents", message)
        self.assertIn("cancelled", message)
        self.assertFalse((draft | cancelled).exact_export_ids)

    def test_zero_amount(self):
        self.blocked(self.document('out_invoice', [(0, self.tax_21)]), 'nothing_to_book')

    def test_company_without_division(self):
        other = self.setup_other_company(name="Other B.V.")['company']
        move = self.env['account.move'].with_company(other).create({
            'move_type': 'out_invoice', 'partner_id': self.customer.id,
            'invoice_date': '2026-01-15',
            'invoice_line_ids': [Command.create({'name': "x", 'price_unit': 1, 'tax_ids': []})],
        })
        move.action_post()
        message = move.action_exact_export()['params']['message']
        self.assertIn("no Exact administration", message)
        self.assertFalse(move.exact_export_ids)

    def test_account_without_mapping(self):
        account = self.revenue.copy({'code': '899901', 'name': "Nowhere"})
        move = self.document('out_invoice', [{
            'name': "x", 'price_unit': 5, 'account_id': account.id,
            'tax_ids': [Command.set(self.tax_21.ids)],
        }])
        export = self.blocked(move, 'mapping_missing_account')
        self.assertEqual(move.exact_button_label, "Map the Ledger")
        action = move.action_exact_fix()
        self.assertEqual(action['res_model'], 'exact.account.mapping')
        self.map_ledger(account, self.revenue.code)
        move.action_exact_retry()
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)
        self.assertEqual(move.exact_export_id, export)

    def test_several_taxes_on_a_line(self):
        move = self.document('out_invoice', [(10, self.tax_21 | self.tax_9)])
        self.blocked(move, 'several_taxes')

    def test_closed_period_is_seen_before_sending(self):
        self.env['exact.journal.period'].sudo().create({
            'division_id': self.division.id, 'exact_guid': 'closed',
            'journal_code': self.env['exact.journal.mapping'].search([
                ('journal_id', '=', self.company_data['default_journal_sale'].id),
            ]).exact_journal_id.code,
            'year': 2026, 'period': 1, 'is_closed': True,
        })
        self.blocked(self.document('out_invoice', [(10, self.tax_21)]), 'period_closed')

    def test_partner_without_country_and_vat(self):
        partner = self.env['res.partner'].create({'name': "Loose Ends", 'country_id': False})
        move = self.document('out_invoice', [(10, self.tax_21)], partner=partner)
        self.export(move)
        self.assertBooked(move)

    def test_same_name_is_a_question_not_a_link(self):
        relation = self.env['exact.relation'].search([
            ('division_id', '=', self.division.id), ('status', '=', 'C'),
        ], limit=1)
        partner = self.env['res.partner'].create({'name': relation.name})
        move = self.document('out_invoice', [(10, self.tax_21)], partner=partner)
        self.blocked(move, 'relation_same_name')
        self.adjust(move, relation_id=relation.id)
        self.assertBooked(move)

    def test_long_description_emoji_and_html(self):
        partner = self.env['res.partner'].create({
            'name': "<b>O'Reilly & \"Zonen\"</b> 🎉", 'city': "'s-Hertogenbosch",
        })
        move = self.document('out_invoice', [{
            'name': "🎉 " + "lange omschrijving & <i>tekst</i> " * 20, 'price_unit': 5,
            'account_id': self.revenue.id, 'tax_ids': [Command.set(self.tax_21.ids)],
        }], partner=partner)
        self.export(move)
        self.assertBooked(move)
        self.assertLessEqual(
            len(self.payload(move.exact_export_id)['SalesEntryLines'][0]['Description']), 60,
        )

    def test_large_attachment_is_left_out_and_named(self):
        self.division.send_documents = True
        move = self.document('in_invoice', [(5, self.tax_in_21)], ref='large')
        self.env['ir.attachment'].create({
            'name': "scan.pdf", 'raw': b'%PDF-1.4' + bytes(30 * 1024 * 1024),
            'res_model': 'account.move', 'res_id': move.id, 'mimetype': 'application/pdf',
        })
        self.export(move)
        self.assertBooked(move)
        finding = move.exact_export_id.finding_ids.filtered(
            lambda finding: finding.code == 'attachment_too_large',
        )
        self.assertIn("30 MB", finding.message)

    def test_refused_by_exact_is_a_sentence(self):
        move = self.document('out_invoice', [(10, self.tax_21)])
        with self.division.client() as client:
            # Somebody blocks the ledger in Exact after our last refresh.
            ledger = self.env['exact.account.mapping'].search([
                ('account_id', '=', self.revenue.id),
            ]).gl_account_id
            client.put('financial/GLAccounts', ledger.exact_guid, {'IsBlocked': True})
            try:
                self.export(move)
            finally:
                client.put('financial/GLAccounts', ledger.exact_guid, {'IsBlocked': False})
        self.assertEqual(move.exact_export_id.state, 'refused')
        self.assertIn(f"{ledger.display_name} is blocked in Exact", move.exact_message)
        self.assertIn("Exact says: ", move.exact_message)
        move.action_exact_retry()
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)

    def test_duplicate_reference_of_a_supplier(self):
        first = self.document('in_invoice', [(5, self.tax_in_21)], ref='dup-1')
        self.export(first)
        second = self.document(
            'in_invoice', [(6, self.tax_in_21)], ref='dup-1', invoice_date='2026-01-16',
        )
        self.blocked(second, 'reference_duplicate')

    def test_posting_works_with_exact_away(self):
        self.division.auto_export_sale = True
        self.env['ir.config_parameter'].set_param(
            'account_exact.exact_online_base_url', 'http://127.0.0.1:9',
        )
        move = self.document('out_invoice', [(10, self.tax_21)])
        self.run_cron('ir_cron_exact_export')
        self.assertEqual((move.state, move.exact_state), ('posted', 'waiting'))
        self.env['ir.config_parameter'].set_param(
            'account_exact.exact_online_base_url', self.simulator.url,
        )
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)

    def test_ten_thousand_selected(self):
        move = self.document('out_invoice', [(1, self.tax_21)])
        self.env.flush_all()
        columns = SQL(', ').join(
            SQL.identifier(name) for name, field in move._fields.items()
            if field.store and field.column_type and name not in ('id', 'name')
        )
        # Copies of the row alone: asking for an export reads no lines.
        rows = self.env.execute_query(SQL(
            """
            INSERT INTO account_move (name, %(columns)s)
            SELECT 'COPY/' || number, %(columns)s
              FROM account_move, generate_series(1, 10000) AS number
             WHERE id = %(id)s
         RETURNING id
            """,
            columns=columns, id=move.id,
        ))
        moves = self.env['account.move'].browse(id_ for (id_,) in rows)
        self.env.invalidate_all()
        # Inserts go a hundred at a time; nothing is asked per document.
        with self.assertQueryCount(400):
            action = moves.action_exact_export()
            self.env.flush_all()
        self.assertIn("10000 documents wait", action['params']['message'])
        asked = self.env['exact.export'].search_count([('move_id', 'in', moves.ids)])
        self.assertEqual(asked, 10000)
