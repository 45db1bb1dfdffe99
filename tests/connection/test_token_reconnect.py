from contextlib import suppress

from odoo.modules import neutralize
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.exact_api import (
    ExactError,
    Forbidden,
    NeedsReconnect,
    RateLimited,
    Tokens,
)
from odoo.addons.account_exact.models.administration.exact_export_queue import LANES
from odoo.addons.account_exact.models.base.exact_error_text import explain
from odoo.addons.account_exact.tests.export_common import ExactExportCase
from odoo.addons.account_exact.tests.token_common import TOKEN_LOGGER, told_by

OTHER = 1234569


@tagged('post_install', '-at_install')
class TestReconnect(ExactExportCase):
    """What becomes of everything else while a connection needs a person, and afterwards."""

    def setUp(self):
        super().setUp()
        self.clock = self.simulator.clock
        self.addCleanup(self.clock.resume)
        self.enterContext(told_by(self.clock))
        self.connection.user_id = self.manager = new_test_user(
            self.env, 'exact_manager', groups='account.group_account_manager',
            company_id=self.company.id, company_ids=self.company.ids,
        )
        self.consent()
        emma = self.simulator.store.one('_user', 0, 'Name', 'emma')
        self.addCleanup(self.simulator.control.run, 'set_user', {
            'user': 'emma',
            **{name: emma[name] for name in ('divisions', 'CurrentDivision')},
        })

    def consent(self, user='jan', explore=False):
        """Come back from the consent page."""
        pair = self.simulator.issue_tokens(user=user)
        self.connection.keep_consent(
            Tokens(pair['access_token'], pair['refresh_token'], self.clock()),
        )
        if explore:
            self.connection.explore()

    def revoke(self):
        """The user withdraws the consent in Exact; Odoo learns it with the next refresh."""
        self.simulator.control.run('revoke_access', {'user': 'jan'})
        self.clock.advance(700)

    def triggers(self):
        crons = [self.env.ref(f'account_exact.{name}').id for name in (*LANES, 'ir_cron_sync')]
        return set(self.env['ir.cron.trigger'].search([('cron_id', 'in', crons)]).mapped(
            'cron_id.id',
        )), set(crons)

    def calls(self):
        return len(self.simulator.store.query('SELECT at FROM call'))

    def work(self):
        with mute_logger(TOKEN_LOGGER):
            self.run_cron('ir_cron_exact_export')

    def test_all_waits_and_goes_on_by_itself(self):
        first = self.document('out_invoice', [(100, self.tax_21)])
        first.action_exact_export()
        self.break_()
        self.assertEqual(self.connection.activity_ids.user_id, self.manager)
        self.assertEqual(self.division.state, 'unreachable')
        # People work on, and are not told twice
        second = self.document('out_invoice', [(200, self.tax_21)])
        second.action_exact_export()
        calls = self.calls()
        for _run in range(3):
            self.work()
            with mute_logger(TOKEN_LOGGER):
                self.run_cron('ir_cron_sync')
                self.run_cron('ir_cron_keep_alive')
        self.assertEqual(self.calls(), calls, "Exact is left alone")
        self.assertEqual(len(self.connection.activity_ids), 1)
        self.assertEqual((first | second).exact_export_id.mapped('state'), ['ready', 'ready'])
        self.assertFalse(self.simulator.entries())

        self.env['ir.cron.trigger'].search([]).unlink()
        self.consent()
        self.env.invalidate_all()
        self.assertFalse(self.connection.activity_ids)
        self.assertEqual(*self.triggers(), "the queue and the reading are woken")
        self.assertEqual(self.division.state, 'ready')
        self.work()
        self.assertEqual((first | second).exact_export_id.mapped('state'), ['verified'] * 2)
        self.assertEqual(len(self.simulator.entries()), 2)

    def test_a_pause_of_the_queue_ends_with_the_consent(self):
        """Exact was away for hours before it refused the tokens: the queue waits for no clock."""
        self.document('out_invoice', [(100, self.tax_21)]).action_exact_export()
        queue = self.env['exact.export.queue'].sudo().of(self.division)
        for _failure in range(6):
            queue.note_served(None)
        self.env.flush_all()
        due = self.env['exact.export'].due_divisions
        self.assertNotIn(self.division, due())
        self.break_()
        self.consent()
        self.env.flush_all()
        self.assertIn(self.division, due())

    # === A TOKEN THAT EXACT REFUSES BEFORE ITS TIME === #

    def ask(self):
        """Call Exact; return what came of it. `assertRaises` would roll back what was noted."""
        with self.division.client() as client, mute_logger(TOKEN_LOGGER):
            try:
                return client.get('vat/VATCodes', select=['ID'], top=1)
            except ExactError as error:
                return error

    def refused_calls(self):
        return self.simulator.store.query('SELECT COUNT(*) FROM call WHERE status = 401')[0][0]

    def test_refused_token_costs_one_error_and_waits_for_the_next(self):
        """Who goes on asking with it has the endpoint locked, and waits an hour for that."""
        before = self.refused_calls()
        self.simulator.control.run('expire_tokens', {})
        for _try in range(6):
            error = self.ask()
            self.assertIsInstance(error, RateLimited)
            self.assertEqual(error.scope, 'token')
        self.assertIn("asks for a new one by itself", explain(self.env, error))
        self.assertEqual(self.refused_calls() - before, 1)
        self.assertEqual(self.connection.state, 'connected')
        self.clock.freeze(error.retry_at)
        self.assertTrue(self.ask()[0]['ID'])
        self.assertEqual(self.refused_calls() - before, 1)

    def test_withdrawn_access_leaves_no_pause_behind(self):
        """Somebody consents again, and all goes on at once."""
        self.simulator.control.run('revoke_access', {'user': 'jan'})
        for _try in range(6):
            error = self.ask()
        self.clock.freeze(error.retry_at)
        self.assertIsInstance(self.ask(), NeedsReconnect)
        self.assertEqual(self.connection.state, 'reconnect')
        self.consent()
        self.assertTrue(self.ask()[0]['ID'])

    # === WHO IS TOLD === #

    def break_(self):
        self.revoke()
        self.env.flush_all()
        # `assertRaises` would roll back what the token's own cursor wrote
        with mute_logger(TOKEN_LOGGER), suppress(NeedsReconnect):
            self.connection._access_token()
        self.env.invalidate_all()
        self.assertEqual(self.connection.state, 'reconnect')

    def test_the_responsible_person_has_left_before(self):
        # Who has no access to the company is nobody to ask
        new_test_user(self.env, 'exact_stranger', groups='account.group_account_manager')
        self.env.cr.execute("UPDATE exact_connection SET create_uid = %s", [self.manager.id])
        self.manager.sudo().action_archive()
        self.break_()
        told = self.connection.activity_ids.user_id
        self.assertTrue(told.active)
        self.assertIn(self.company, told.company_ids)
        self.assertTrue(told.has_group('account.group_account_manager'))

    def test_the_responsible_person_leaves_afterwards(self):
        self.break_()
        self.assertEqual(self.connection.activity_ids.user_id, self.manager)
        self.manager.action_archive()
        self.env.invalidate_all()
        self.assertFalse(self.connection.activity_ids, "Odoo deletes them with the person")
        for _day in range(2):
            self.run_cron('ir_cron_keep_alive')
            self.assertEqual(len(self.connection.activity_ids), 1)
            self.assertTrue(self.connection.activity_ids.user_id.active)

    def test_another_person_becomes_responsible(self):
        self.break_()
        other = new_test_user(
            self.env, 'exact_other', groups='account.group_account_manager',
            company_id=self.company.id, company_ids=self.company.ids,
        )
        self.connection.user_id = other
        self.assertEqual(self.connection.activity_ids.user_id, other)

    def test_who_said_done_is_not_told_again(self):
        self.break_()
        self.connection.activity_ids.action_feedback()
        self.run_cron('ir_cron_keep_alive')
        self.assertFalse(self.connection.activity_ids)

    # === ANOTHER EXACT USER === #

    def test_a_user_who_does_not_see_the_administration(self):
        self.simulator.control.run(
            'set_user', {'user': 'emma', 'divisions': [OTHER], 'CurrentDivision': OTHER},
        )
        move = self.document('out_invoice', [(100, self.tax_21)])
        move.action_exact_export()
        self.consent('emma', explore=True)
        self.env.invalidate_all()
        self.assertEqual(self.connection.exact_user_name, "Emma Smith")
        self.assertEqual(self.division.unreachable_reason, 'gone')
        self.assertEqual(self.division.state, 'unreachable')
        self.assertEqual(self.connection.explored_reason(), 'gone')
        calls = self.calls()
        self.work()
        self.assertEqual(self.calls(), calls, "nothing is even tried")
        self.assertEqual(move.exact_export_id.state, 'ready')
        # Who has access connects again
        self.env['ir.cron.trigger'].search([]).unlink()
        self.consent(explore=True)
        self.env.invalidate_all()
        self.assertFalse(self.connection.explored_reason())
        self.assertEqual(*self.triggers())
        self.work()
        self.assertEqual(move.exact_export_id.state, 'verified')

    def test_a_user_without_access_found_out_by_sending(self):
        """The administrations could not be read after the consent: Exact refuses, all wait."""
        self.simulator.control.run(
            'set_user', {'user': 'emma', 'divisions': [OTHER], 'CurrentDivision': OTHER},
        )
        moves = self.env['account.move'].union(*(
            self.document('out_invoice', [(price, self.tax_21)]) for price in range(100, 110)
        ))
        moves.action_exact_export()
        self.consent('emma')
        calls = self.calls()
        for _run in range(3):
            self.work()
        self.assertLessEqual(self.calls() - calls, 3, "one refusal speaks for all")
        self.assertEqual(set(moves.exact_export_id.mapped('state')), {'ready'})
        # What the hook of the client noted went with the worker's rollback: one cursor in tests
        with suppress(Forbidden), self.division.client() as client:
            client.get('vat/VATCodes', select=['ID'], top=1)
        self.env.invalidate_all()
        self.assertEqual(self.division.unreachable_reason, 'NoDivisionAccess')
        calls = self.calls()
        self.work()
        self.assertEqual(self.calls(), calls, "nothing is tried as long as nothing changed")
        for division in (self.division.code, OTHER):
            self.assertFalse(self.simulator.entries(division))
        # Access given, an hour later the reading finds out
        self.simulator.control.run(
            'set_user', {'user': 'emma', 'divisions': [OTHER, self.division.code]},
        )
        self.division.sudo().cursor_ids.make_due()
        self.run_cron('ir_cron_sync')
        self.work()
        self.assertEqual(set(moves.exact_export_id.mapped('state')), {'verified'})

    def test_a_closed_administration_is_told_where_people_look(self):
        """Once to the person who is responsible, and on each document that waits for it."""
        move = self.document('out_invoice', [(100, self.tax_21)])
        move.action_exact_export()

        def close(status):
            self.simulator.control.run(
                'set_division', {'code': self.division.code, 'BlockingStatus': status},
            )

        def told():
            self.env.invalidate_all()
            return self.division.activity_ids

        def ask():
            # What the hook of the client notes goes with a worker's rollback: one cursor in tests
            with suppress(Forbidden), self.division.client() as client:
                client.get('vat/VATCodes', select=['ID'], top=1)

        self.addCleanup(close, 0)
        close(1)
        for _call in range(3):
            ask()
        [activity] = told()
        self.assertEqual(activity.user_id, self.manager)
        self.assertIn(self.division.display_name, activity.summary)
        self.assertIn("blocked", activity.note)
        self.work()
        self.assertEqual(move.exact_state, 'waiting')
        self.assertIn("does not let Odoo into the administration", move.exact_message)
        self.assertIn("Exact has blocked this administration", move.exact_message)
        # Who said done is not told again; what people planned themselves is theirs
        activity.action_feedback()
        own = self.division.activity_schedule(
            'mail.mail_activity_data_todo', summary="Call Exact", user_id=self.manager.id,
        )
        own.automated = False
        ask()
        self.assertEqual(told(), own)
        # Another reason is another matter
        self.division.sudo()._note_reachable('LicenseExpired')
        self.assertIn("licence", (told() - own).note)
        close(0)
        ask()
        self.assertEqual(told(), own)
        self.work()
        self.assertEqual(move.exact_export_id.state, 'verified')

    def test_an_administration_that_is_gone_is_told(self):
        self.simulator.control.run(
            'set_user', {'user': 'emma', 'divisions': [OTHER], 'CurrentDivision': OTHER},
        )
        self.consent('emma', explore=True)
        for _refresh in range(2):
            self.connection.explore()
        self.env.invalidate_all()
        [activity] = self.division.activity_ids
        self.assertIn("no longer lists", activity.note)
        # One that no company is linked to is nobody's matter
        others = self.connection.with_context(active_test=False).division_ids - self.division
        self.assertFalse(others.activity_ids)
        self.consent(explore=True)
        self.env.invalidate_all()
        self.assertFalse(self.division.activity_ids)

    # === A COPY === #

    def test_a_copy_sends_nothing_by_mistake(self):
        """Somebody connects the copy to the real administration, where the original is at work."""
        moves = self.document('out_invoice', [(100, self.tax_21)])
        moves |= self.document('out_invoice', [(200, self.tax_21)])
        moves.action_exact_export()
        self.env.flush_all()
        for query in neutralize.get_neutralization_queries(['account_exact']):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.connection.client_secret = 'demo-client-secret'
        self.consent(explore=True)
        self.env.invalidate_all()
        self.assertEqual(self.connection.state, 'connected')
        self.assertEqual(self.division.state, 'hold')
        self.assertIn("copy of another database", self.division.state_reason)
        self.work()
        self.assertFalse(self.simulator.entries())
        self.assertEqual(set(moves.exact_export_id.mapped('state')), {'ready'})
        self.division.action_release()
        self.work()
        self.assertEqual(len(self.simulator.entries()), 2, "released by a person")
