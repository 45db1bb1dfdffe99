from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from odoo.addons.account_exact.wizards import exact_export_wizard

from .export_common import ExactExportCase


@tagged('post_install', '-at_install')
class TestExportWizards(ExactExportCase):
    """Dry run, adjusting one document, undo in bulk."""

    def test_dry_run_sends_nothing_and_names_the_fixes(self):
        account = self.revenue.copy({'code': '899902', 'name': "Nowhere"})
        good = self.document('out_invoice', [(1, self.tax_21)])
        bad = self.document('out_invoice', [{
            'name': "x", 'price_unit': 5, 'account_id': account.id, 'tax_ids': self.tax_21.ids,
        }])
        bill = self.document('in_invoice', [(1, self.tax_in_21)])
        wizard = self.env['exact.export.wizard'].create({
            'division_id': self.division.id, 'date_from': '2026-01-15', 'date_to': '2026-01-15',
        })
        self.assertEqual((wizard.sale_count, wizard.purchase_count), (2, 1))
        calls = self.simulator_calls()
        wizard.action_check()
        self.assertEqual(self.simulator_calls(), calls)
        self.assertEqual((wizard.checked_count, wizard.ready_count), (3, 2))
        self.assertEqual(wizard.line_ids.mapped('move_count'), [1])
        self.assertIn("899902", wizard.line_ids.message)
        self.assertEqual(wizard.line_ids.action_fix()['res_model'], 'exact.account.mapping')
        self.assertFalse((good | bad | bill).exact_export_ids)
        wizard.scope = 'purchase'
        wizard.action_export()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual((good | bad | bill).mapped('exact_state'),
                         ['not_exported', 'not_exported', 'verified'])

    def test_dry_run_of_many_shows_progress_and_finds_the_same(self):
        account = self.revenue.copy({'code': '899903', 'name': "Nowhere"})
        bad = {'name': "x", 'price_unit': 5, 'account_id': account.id, 'tax_ids': self.tax_21.ids}
        moves = self.env['account.move'].union(*(
            self.document('out_invoice', [line], date='2026-02-03', invoice_date='2026-02-03')
            for line in (bad, (1, self.tax_21), (1, self.tax_21 | self.tax_9), bad, bad)
        ))
        wizard = self.env['exact.export.wizard'].create({
            'division_id': self.division.id, 'date_from': '2026-02-03', 'date_to': '2026-02-03',
        })
        wizard.action_check()
        at_once = self.result(wizard)
        self.assertEqual(at_once[:3], (True, 5, 1))
        self.assertEqual(
            [ids for _message, _count, ids in at_once[3]],
            [(moves[0] | moves[3] | moves[4]).ids, moves[2].ids],
        )

        messages = []
        with patch.object(exact_export_wizard, 'STEP', 2):
            action = wizard.with_context(exact_show_progress=True).action_check()
            while action['type'] == 'ir.actions.client':
                self.assertFalse(wizard.is_checked)
                messages.append(action['params']['message'])
                # As the page does it
                step = action['params']['next']
                self.assertEqual(step['type'], 'ir.actions.server')
                action = self.env['ir.actions.server'].browse(step['id']).with_context(
                    **step['context'],
                ).run()
        self.assertEqual(messages, [f"{count} of 5 documents are checked." for count in (2, 4)])
        self.assertEqual((action['res_model'], action['res_id']), (wizard._name, wizard.id))
        self.assertEqual(self.result(wizard), at_once)

    def result(self, wizard):
        wizard.invalidate_recordset()
        return (
            wizard.is_checked, wizard.checked_count, wizard.ready_count,
            [(line.message, line.move_count, line.move_ids_json) for line in wizard.line_ids],
        )

    def simulator_calls(self):
        return self.simulator.store.query('SELECT COUNT(*) FROM call')[0][0]

    def test_choices_for_one_export(self):
        move = self.document('out_invoice', [(100, self.tax_21), (50, self.tax_9)])
        ledger = self.master('exact.gl.account', [
            ('gl_type', '=', 110), ('is_blocked', '=', False), ('use_cost_center', '=', '0'),
            ('use_cost_unit', '=', '0'), ('code', '!=', self.revenue.code),
        ])
        journal = self.env['exact.journal'].search([
            ('division_id', '=', self.division.id), ('journal_type', '=', '20'),
            ('is_blocked', '=', False), ('allow_vat', '=', True),
        ])[-1]
        wizard = self.env['exact.export.document.wizard'].with_context(default_move_id=move.id)
        with Form(wizard) as form:
            form.journal_id = journal
            with form.line_ids.edit(0) as line:
                line.gl_account_id = ledger
        form.record.action_export()
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)
        export = move.exact_export_id
        self.assertEqual(export.journal_id, journal)
        self.assertIn(ledger, export.line_ids.gl_account_id)
        self.assertEqual(
            self.env['exact.account.mapping'].search([
                ('account_id', '=', self.revenue.id), ('division_id', '=', self.division.id),
            ]).gl_account_id.code, self.revenue.code,
        )

    def test_wizard_shows_what_blocks(self):
        move = self.document('out_invoice', [(10, self.tax_21 | self.tax_9)])
        wizard = self.env['exact.export.document.wizard'].with_context(
            default_move_id=move.id,
        ).create({})
        self.assertTrue(wizard.is_blocked)
        self.assertIn("several taxes", wizard.findings_html)

    def test_undo_in_bulk_says_what_will_happen(self):
        booked = self.document('out_invoice', [(1, self.tax_21)])
        self.export(booked)
        waiting = self.document('out_invoice', [(2, self.tax_21)])
        waiting.action_exact_export()
        nothing = self.document('out_invoice', [(3, self.tax_21)])
        wizard = self.env['exact.undo.wizard'].with_context(
            exact_move_ids=(booked | waiting | nothing).ids,
        ).create({})
        self.assertEqual(wizard.line_ids.mapped('will'), ['delete', 'withdraw', 'nothing'])
        self.assertEqual(wizard.line_ids.mapped('entry_number')[0], booked.exact_entry_number)
        action = wizard.action_undo()
        self.assertEqual(action['res_model'], 'exact.export')
        self.run_cron('ir_cron_exact_export')
        self.assertEqual((booked | waiting | nothing).mapped('exact_state'),
                         ['undone', 'undone', 'not_exported'])

    def test_withdrawing_what_was_booked_meanwhile_deletes_nothing(self):
        """The page says that it waits; by now it is in Exact."""
        move = self.document('out_invoice', [(1, self.tax_21)])
        move.action_exact_export()
        wizards = [
            self.env['exact.undo.wizard'].with_context(exact_move_ids=move.ids).create(values)
            for values in ({}, {'reverse': True})
        ]
        self.assertEqual(wizards[0].line_ids.will, 'withdraw')
        export = move.exact_export_id
        self.run_cron('ir_cron_exact_export')
        for button in (export.action_withdraw, *(wizard.action_undo for wizard in wizards)):
            with self.assertRaisesRegex(UserError, f"as entry {export.entry_number}"):
                button()
            self.run_cron('ir_cron_exact_export')
            self.assertEqual(move.exact_state, 'verified')
        waiting = self.document('out_invoice', [(2, self.tax_21)])
        waiting.action_exact_export()
        waiting.exact_export_id.action_withdraw()
        self.assertEqual(waiting.exact_state, 'undone')

    def test_processed_entry_is_reversed_instead(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        export = self.export(move)
        self.control('process_entry', entry=export.exact_guid)
        move.action_exact_undo()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(export.state, 'verified')
        self.assertIn('already_processed', export.finding_ids.mapped('code'))
        move.action_exact_reverse()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(export.state, 'undone')
        rows = self.rows(export.exact_guid) + self.rows(export.reversal_guid)
        self.assertEqual(len(rows), 6)
        self.assertFalse(sum(row['AmountFC'] for row in rows))
