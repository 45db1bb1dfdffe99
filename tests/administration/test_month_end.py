"""What people at month end do to an administration: archive it, press Refresh, ask how long."""

from datetime import timedelta

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import format_time

from odoo.addons.account_exact.models.base.exact_note import told

from ..common import ExactConnectedCase
from ..export_common import ExactExportCase


@tagged('post_install', '-at_install')
class TestArchivedAdministration(ExactExportCase):

    def calls(self):
        return self.simulator.app.store.query('SELECT COUNT(*) FROM call')[0][0]

    def test_nothing_is_sent_until_it_is_unarchived(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        move.action_exact_export()
        self.division.active = False
        before = self.calls()
        self.run_cron('ir_cron_exact_export')
        self.run_cron('ir_cron_sync')
        self.assertEqual(self.calls(), before, "no call for an archived administration")
        self.assertEqual(move.exact_state, 'waiting')
        self.assertIn("archived", move.exact_message)
        self.division.active = True
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)

    def test_undo_waits_too(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        self.export(move)
        self.assertBooked(move)
        self.division.active = False
        move.action_exact_undo()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(len(self.simulator.entries()), 1)
        self.division.active = True
        self.run_cron('ir_cron_exact_export')
        self.assertFalse(self.simulator.entries())

    def test_export_says_why_not(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        self.division.active = False
        message = move.action_exact_export()['params']['message']
        self.assertIn("is archived", message)
        self.assertFalse(move.exact_export_ids)

    def test_window_does_not_promise_what_nobody_sends(self):
        self.document('out_invoice', [(100, self.tax_21)])
        wizards = self.env['exact.export.wizard']
        wizard = wizards.create({'division_id': self.division.id})
        wizard.action_check()
        self.division.active = False
        with self.assertRaisesRegex(UserError, "archived"):
            wizard.action_export()
        with self.assertRaisesRegex(UserError, "archived"):
            wizard.action_check()
        self.assertFalse(wizards._open_latest()['res_id'])

    def test_document_goes_on_saying_what_it_waits_for(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        move.action_exact_export()
        self.division.active = False
        self.assertTrue(move.exact_is_linked, "the form shows the bar")

    def test_meter_says_archived(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        move.action_exact_export()
        self.division.active = False
        self.assertIn("archived", self.division.call_budget)


@tagged('post_install', '-at_install')
class TestForecast(ExactExportCase):

    def test_pause_of_a_document_counts(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        move.action_exact_export()
        self.run_cron('ir_cron_exact_export')
        later = fields.Datetime.now() + timedelta(hours=1)
        export = move.exact_export_id
        export.sudo().write({'state': 'uncertain', 'next_try': later})
        division = self.division.with_context(tz='UTC')
        division.invalidate_recordset()
        expected = format_time(
            division.env, later + timedelta(seconds=59), tz='UTC', time_format='short',
        )
        self.assertIn(expected, division.call_budget)


@tagged('post_install', '-at_install')
class TestRefresh(ExactConnectedCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clerk = new_test_user(
            cls.env, 'exact_clerk', groups='account.group_account_invoice',
            company_id=cls.company.id, company_ids=[(6, 0, cls.company.ids)],
        )

    def press(self, times, every):
        """Press Refresh so many times.

        :return: how often it was granted
        """
        granted = 0
        start = fields.Datetime.now()
        for number in range(times):
            with freeze_time(start + number * every):
                action = self.division.with_user(self.clerk).action_refresh()
            granted += action['params']['type'] == 'info'
        return granted

    def test_clerk_cannot_use_up_the_day(self):
        self.assertEqual(self.press(225, timedelta(seconds=10)), 12)

    def test_readings_asked_for_are_read_before_the_clerk_waits(self):
        self.assertEqual(self.press(5, timedelta()), 5)
        self.assertEqual(self.press(1, timedelta()), 0)

    def test_automation_gets_one_an_hour_after_the_first(self):
        granted = self.press(24 * 12, timedelta(minutes=5))
        self.assertLess(granted, 45)
        self.assertGreater(granted, 24)

    def test_waiting_is_told_with_the_moment(self):
        self.press(5, timedelta())
        action = self.division.with_user(self.clerk).action_refresh()
        self.assertEqual(action['params']['type'], 'warning')

    def test_wrong_clock_does_not_lock(self):
        with freeze_time(fields.Datetime.now() + timedelta(days=1)):
            self.press(6, timedelta())
        self.assertEqual(self.division.action_refresh()['params']['type'], 'info')


@tagged('post_install', '-at_install')
class TestFirstSuggestions(ExactConnectedCase):

    def test_accept_right_after_the_first_reading(self):
        """As a script does it: read, accept; nobody opens a mapping list in between."""
        self.division._start_sync()
        self.env.ref('account_exact.ir_cron_sync').method_direct_trigger()
        # What a reading that was cut off just before its end leaves.
        for model in ('exact.tax.mapping', 'exact.journal.mapping', 'exact.account.mapping'):
            self.env[model].search([('division_id', '=', self.division.id)]).unlink()
        self.division.action_accept_suggestions()
        mapped = self.env['exact.tax.mapping'].search_count([
            ('division_id', '=', self.division.id), ('state', '=', 'mapped'),
        ])
        self.assertGreater(mapped, 5)


@tagged('post_install', '-at_install')
class TestReadersLanguage(ExactExportCase):
    """What is kept of a document's life is told in the language of who reads it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env['res.lang']._activate_lang('nl_NL')

    def both(self, record, name):
        """A field as an English and as a Dutch reader see it."""
        return tuple(record.with_context(lang=lang)[name] for lang in ('en_US', 'nl_NL'))

    def test_hold(self):
        self.division.action_hold()
        english, dutch = self.both(self.division, 'state_reason')
        self.assertIn("Held by", english)
        self.assertNotIn("Held by", dutch)
        self.assertIn(self.env.user.name, dutch)

    def test_old_hold_reason_stays(self):
        """A former release kept the sentence itself."""
        self.division.sudo().write({'hold': True, 'hold_reason': "100 % stopped by a person"})
        self.assertEqual(self.division.state_reason, "100 % stopped by a person")

    def test_attempts(self):
        self.simulator.faults.add(
            'cut_before', method='POST', resource='salesentry/SalesEntries', times=None)
        self.addCleanup(self.simulator.faults.clear)
        export = self.export(self.document('out_invoice', [(100, self.tax_21)]))
        self.asked_long_ago(export)
        export.sudo().next_try = False
        self.run_cron('ir_cron_exact_export')
        messages = {
            attempt.action: self.both(attempt, 'message') for attempt in export.attempt_ids
        }
        self.assertEqual(messages['look_up'], ("Not in Exact.", "Niet in Exact."))
        english, dutch = messages['entry']
        self.assertTrue(english)
        self.assertNotEqual(english, dutch)

    def test_differences_of_an_edited_document(self):
        move = self.document('out_invoice', [(1000, self.tax_21)])
        self.export(move)
        move.button_draft()
        move.invoice_line_ids.price_unit = 2000
        move.action_post()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(move.exact_state, 'changed')
        english, dutch = self.both(move, 'exact_message')
        self.assertIn("1,210.00 → 2,420.00", english)
        self.assertIn("1.210,00 → 2.420,00", dutch)

    def test_chatter_of_the_worker(self):
        """It is a text once and for all: in the language of those who keep the books, in which the
        worker does all its work."""
        self.company.partner_id.lang = 'nl_NL'
        move = self.document('out_invoice', [(1000, self.tax_21)])
        self.export(move)
        self.assertEqual(move.exact_state, 'verified')
        self.assertIn("Geboekt in Exact als", " ".join(move.message_ids.mapped('body')))

    def test_bar(self):
        move = self.document('out_invoice', [(1000, self.tax_21)])
        move.action_exact_export()
        self.assertEqual(self.both(move, 'exact_sentence'), (
            "Exact: Waiting to be booked in Exact.", "Exact: Wacht tot het in Exact wordt geboekt.",
        ))
        self.run_cron('ir_cron_exact_export')
        english, dutch = self.both(move, 'exact_sentence')
        journal = move.exact_export_id.journal_id.code
        for text in (f", journal {journal} of ", ", verified "):
            self.assertIn(text, english)
        for text in (f", dagboek {journal} van ", ", gecontroleerd "):
            self.assertIn(text, dutch)

    def test_dry_run(self):
        """Its reader may speak another language than whoever checked."""
        account = self.revenue.copy({'code': '899903', 'name': "Nowhere"})
        self.document('out_invoice', [{
            'name': "x", 'price_unit': 5, 'account_id': account.id, 'tax_ids': self.tax_21.ids,
        }])
        wizard = self.env['exact.export.wizard'].create({'division_id': self.division.id})
        wizard.action_check()
        english, dutch = self.both(wizard.line_ids, 'message')
        self.assertIn("899903 Nowhere", english)
        self.assertIn("899903 Nowhere", dutch)
        self.assertNotEqual(english, dutch)

    def test_what_was_read_back(self):
        move = self.document('out_invoice', [(1000, self.tax_21)])
        export = self.export(move)
        self.control('edit_entry', entry=export.exact_guid, header={'DueDate': '2026-03-31'})
        export.sudo().write({'state': 'sent', 'verified_at': False})
        self.run_cron('ir_cron_exact_export')
        english, dutch = self.both(export.finding_ids[:1], 'message')
        self.assertIn("03/31/2026", english)
        self.assertIn("31-03-2026", dutch)

    def test_connection_trouble(self):
        self.simulator.faults.add('status', status=503, times=None)
        self.addCleanup(self.simulator.faults.clear)
        move = self.document('out_invoice', [(100, self.tax_21)])
        self.export(move)
        trouble = self.env['exact.export.queue'].sudo().of(self.division).trouble
        reason = told(self.env, trouble)
        self.assertTrue(reason)
        english, dutch = self.both(move, 'exact_message')
        self.assertIn(reason, english)
        self.assertNotIn(reason, dutch)

    def test_reading_of_master_data(self):
        for endpoint, status in (('financial/Journals$', 404), ('hrm/Costunits$', 403)):
            self.simulator.faults.add('status', method='GET', resource=endpoint, status=status)
        self.addCleanup(self.simulator.faults.clear)
        self.division._start_sync()
        self.run_cron('ir_cron_sync')
        skipped = self.division.cursor_ids.filtered(lambda cursor: cursor.state == 'skipped')
        self.assertEqual(set(skipped.mapped('resource')), {'journal', 'cost_unit'})
        for cursor in skipped:
            english, dutch = self.both(cursor, 'message')
            self.assertTrue(english)
            self.assertNotEqual(english, dutch)
