from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.wizards import exact_export_wizard

from ..export_common import ExactExportCase


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

        progress, told = [], []
        check_step = type(wizard)._check_step

        def seen(one):
            check_step(one)
            progress.append((one.is_checking, one.progress))

        with (
            patch.object(exact_export_wizard, 'STEP', 2),
            patch.object(type(wizard), '_check_step', seen),
            patch.object(type(self.env.user), '_bus_send', lambda *args: told.append(args)),
        ):
            action = wizard.action_check()
            self.assertEqual((action['res_model'], action['res_id']), (wizard._name, wizard.id))
            self.assertEqual((wizard.is_checking, wizard.is_checked), (True, False))
            self.assertFalse(progress, "nobody waits for it")
            # Whoever closed the window finds it again
            found = self.env['exact.export.wizard']._open_latest()
            self.assertEqual(found['res_id'], wizard.id)
            self.run_cron('ir_cron_dry_run')
        self.assertEqual(progress, [(True, 40), (True, 80), (False, 100)])
        self.assertEqual(self.result(wizard), at_once)
        [(user, kind, message)] = told
        self.assertEqual((user, kind), (wizard.create_uid, 'simple_notification'))
        self.assertIn("1 of 5", message['message'])

    def test_dry_run_that_fails_stops_alone(self):
        for day in ('2026-03-03', '2026-03-04'):
            for _number in range(3):
                self.document('out_invoice', [(1, self.tax_21)], date=day, invoice_date=day)
        broken, good = self.env['exact.export.wizard'].create([
            {'division_id': self.division.id, 'date_from': day, 'date_to': day}
            for day in ('2026-03-03', '2026-03-04')
        ])
        check_step = type(broken)._check_step

        def fails(one):
            if one == broken:
                raise ValueError("nobody foresaw it")
            check_step(one)

        with (
            patch.object(exact_export_wizard, 'STEP', 2),
            patch.object(type(broken), '_check_step', fails),
            mute_logger('odoo.addons.account_exact.wizards.export.exact_export_wizard'),
        ):
            broken.action_check()
            good.action_check()
            self.run_cron('ir_cron_dry_run')
        self.assertEqual(
            [(one.is_checking, one.is_checked) for one in (broken, good)],
            [(False, False), (False, True)],
        )
        self.assertEqual(good.checked_count, 3)

    def test_dry_run_has_the_rights_of_its_person(self):
        """A scheduled action may see everything; who asked for it may not."""
        other = self.env['res.company'].create({'name': "Other"})
        clerk = new_test_user(
            self.env, 'exact_dry', groups='account.group_account_invoice',
            company_id=other.id, company_ids=[(6, 0, (self.company | other).ids)],
        )
        day = '2026-04-03'
        for _number in range(3):
            self.document('out_invoice', [(1, self.tax_21)], date=day, invoice_date=day)
        wizard_model = self.env['exact.export.wizard'].with_user(clerk)
        wizard = wizard_model.with_company(self.company).create({
            'division_id': self.division.id, 'date_from': day, 'date_to': day,
        })
        users = set()
        check_step = type(wizard)._check_step

        def seen(one):
            users.add((one.env.uid, one.env.su, one.env.company))
            check_step(one)

        with (
            patch.object(exact_export_wizard, 'STEP', 2),
            patch.object(type(wizard), '_check_step', seen),
        ):
            wizard.action_check()
            self.run_cron('ir_cron_dry_run')
        self.assertEqual(users, {(clerk.id, False, self.company)})
        self.assertEqual(wizard.checked_count, 3)

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
        wizard = self.document_wizard(move)
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
