"""What test cursors cannot show: workers and people with transactions of their own, at the same
moment."""

import threading
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, fields
from odoo.exceptions import ValidationError
from odoo.modules.registry import Registry
from odoo.service.model import retrying
from odoo.tests import BaseCase, tagged
from odoo.tests.common import get_db_name
from odoo.tools import SQL, mute_logger

from odoo.addons.account_exact.models.connection.exact_connection_address import BASE_URL_PARAMETER

from ..common import (
    CLIENT_ID,
    CLIENT_SECRET,
    DIVISION,
    ExactSimulatorMixin,
    clone_rows,
    consent,
    query_of,
)

WORKERS = 3


@tagged('post_install', '-at_install')
class TestExportWorkers(ExactSimulatorMixin, BaseCase):
    """On the invoices of the demo company, which are there anyway."""

    def setUp(self):
        super().setUp()
        # Here, so that tests which need no simulator run without it
        from odoo.addons.account_exact.simulator.server import SimulatorServer

        self.simulator = SimulatorServer(
            database=':memory:', switches={'rate_limits': False},
        ).start()
        self.addCleanup(self.simulator.stop)
        self.registry = Registry(get_db_name())
        # The test runner holds the lock of all registries, which every environment takes
        self.enterContext(patch.object(Registry, '_lock', threading.RLock()))
        self.addCleanup(self.remove)
        with self.worker() as env:
            [[self.messages]] = env.execute_query(SQL("SELECT max(id) FROM mail_message"))
            [[self.partners]] = env.execute_query(SQL("SELECT max(id) FROM res_partner"))
            self.base_url = env['ir.config_parameter'].get_param(BASE_URL_PARAMETER)
            env['ir.config_parameter'].set_param(BASE_URL_PARAMETER, self.simulator.url)
            company = env.ref('base.main_company')
            self.connection_id = env['exact.connection'].create({
                'company_id': company.id, 'site': 'nl', 'client_id': CLIENT_ID,
                'client_secret': CLIENT_SECRET,
            }).id
        with self.worker() as env:
            connection = env['exact.connection'].browse(self.connection_id)
            oauth = connection.oauth()
            answer = query_of(consent(oauth.consent_url('state')))
            connection._consented(oauth.exchange(answer['code']))
        with self.worker() as env:
            company = env.ref('base.main_company')
            division = env['exact.division'].create({
                'connection_id': self.connection_id, 'code': DIVISION, 'name': "Books",
                'currency_id': company.currency_id.id, 'send_documents': False,
            })
            division.company_id = company
            self.division_id = division.id
        with self.worker() as env:
            division = env['exact.division'].browse(self.division_id)
            while division.cursor_ids.filtered(lambda cursor: cursor._is_due()):
                division._cron_sync()
            division._refresh_mappings()
            division.action_accept_suggestions()
            self.move_id = env['account.move'].search([
                ('company_id', '=', env.ref('base.main_company').id), ('state', '=', 'posted'),
                ('move_type', '=', 'out_invoice'),
                ('invoice_line_ids.tax_ids', '!=', False),
            ], limit=1, order='id').id

    def remove(self):
        """The database as it was: other tests share it."""
        with self.worker() as env:
            divisions = "SELECT id FROM exact_division WHERE connection_id = %s"
            for query, value in (
                (f"DELETE FROM exact_export WHERE division_id IN ({divisions})",
                 self.connection_id),
                ("DELETE FROM exact_connection WHERE id = %s", self.connection_id),
                ("DELETE FROM mail_message WHERE id > %s", self.messages),
                ("DELETE FROM res_company WHERE partner_id > %s", self.partners),
                ("DELETE FROM res_partner WHERE id > %s", self.partners),
            ):
                env.cr.execute(query, [value])
            env.invalidate_all()
            env['ir.config_parameter'].set_param(BASE_URL_PARAMETER, self.base_url)

    @contextmanager
    def worker(self):
        """Somebody with a transaction of his own, committed at the end."""
        with self.registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def at_once(self, *works):
        """Do all of it at the same moment, each in a thread; the errors of all."""
        errors, start = [], threading.Barrier(len(works))

        def run(work):
            try:
                start.wait(timeout=30)
                work()
            except Exception as error:  # noqa: BLE001  a thread's errors are told by the test
                errors.append(error)

        threads = [threading.Thread(target=run, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=90)
        self.assertFalse(any(thread.is_alive() for thread in threads))
        return errors

    def work(self):
        """A turn of a worker."""
        with self.worker() as env:
            env['exact.export.turn'].work(env['exact.division'].browse(self.division_id))

    def export(self):
        with self.worker() as env:
            env['account.move'].browse(self.move_id).action_exact_export()

    def assertOneEntry(self, state='verified'):
        with self.worker() as env:
            export = env['exact.export'].search([('move_id', '=', self.move_id)])
            self.assertEqual(
                export.mapped('state'), [state], export.finding_ids.mapped('message'),
            )
            [entry] = self.simulator.entries()
            self.assertEqual(export.exact_guid, entry['EntryID'])

    # === PEOPLE === #

    def test_two_people_press_export_at_the_same_moment(self):
        read = threading.Barrier(2)
        propose = self.registry['exact.export'].create

        def create(exports, values_list):
            # Both have seen that there is no export yet
            if exports.env.context.get('first_try'):
                read.wait(timeout=30)
            return propose(exports, values_list)

        def press():
            with self.registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                tries = iter([True])

                def request():
                    move = env['account.move'].browse(self.move_id)
                    move.with_context(first_try=next(tries, False)).action_exact_export()

                retrying(request, env)

        with (
            patch.object(self.registry['exact.export'], 'create', create),
            mute_logger('odoo.sql_db'),
        ):
            errors = self.at_once(press, press)
        for error in errors:
            # The second of them is told, in words, that it is under way
            self.assertIsInstance(error, ValidationError)
            self.assertIn("exported to this administration already", str(error))
        self.work()
        self.assertOneEntry()

    def test_nobody_waits_for_who_reads_master_data(self):
        """Neither a person who asks for news, nor the reading worker itself when it learns, in a
        transaction beside its own, that Exact lets it in again.
        """
        with self.worker() as env:
            env['exact.division'].browse(self.division_id).unreachable_reason = 'NoDivisionAccess'

        def refresh():
            with self.worker() as env:
                env['exact.division'].browse(self.division_id).action_refresh()

        def learn():
            with self.worker() as env:
                env['exact.division'].browse(self.division_id)._note_reachable(False)

        for work in (refresh, learn):
            with self.subTest(work.__name__), self.registry.cursor() as own_cursor:
                reader = api.Environment(own_cursor, SUPERUSER_ID, {})
                cursors = reader['exact.division'].browse(self.division_id).cursor_ids
                busy = cursors[0]
                self.assertTrue(busy._lock())
                self.assertFalse(cursors.filtered(lambda cursor: cursor._is_due()))
                thread = threading.Thread(target=work)
                thread.start()
                thread.join(timeout=20)
                waits = thread.is_alive()
                # So that it ends, and with it the test
                own_cursor.commit()
                thread.join(timeout=20)
                self.assertFalse(waits)
                due = cursors.filtered(lambda cursor: cursor._is_due())
                self.assertEqual(due, cursors - busy)
                due.next_at = fields.Datetime.now() + timedelta(days=1)
        with self.worker() as env:
            self.assertFalse(env['exact.division'].browse(self.division_id).unreachable_reason)

    # === WORKERS === #

    def test_workers_of_one_division_take_turns(self):
        self.export()
        serving, most = [], []
        process = self.registry['exact.export.turn']._process_division

        def one_at_a_time(turn, division):
            serving.append(division)
            most.append(len(serving))
            try:
                return process(turn, division)
            finally:
                serving.pop()

        with patch.object(self.registry['exact.export.turn'], '_process_division', one_at_a_time):
            errors = self.at_once(*[self.work] * 4)
        self.assertFalse(errors)
        self.assertEqual(set(most), {1})
        self.assertOneEntry()

    def test_several_divisions_are_served_side_by_side(self):
        with self.worker() as env:
            divisions = env['exact.division'].browse(self.division_id)
            for number in range(1, WORKERS):
                partner = env['res.partner'].create({'name': f"Company {number}"})
                [company_id] = clone_rows(env, 'res_company', divisions[0].company_id.id, [
                    {'name': partner.name, 'partner_id': partner.id},
                ])
                division = env['exact.division'].create({
                    'connection_id': self.connection_id, 'code': DIVISION + number,
                    'name': "Books",
                })
                env.cr.execute(
                    'UPDATE exact_division SET company_id = %s WHERE id = %s',
                    [company_id, division.id],
                )
                divisions |= division
            env['exact.export'].create([
                {'move_id': self.move_id, 'division_id': division.id, 'kind': 'sale'}
                for division in divisions
            ])
        served, together = [], threading.Barrier(WORKERS)

        def process(turn, division):
            if division.id in served:
                return  # whoever comes later finds nothing to do
            # Nobody gets further before all of them are at work
            together.wait(timeout=30)
            served.append(division.id)
            turn.env['exact.export'].search([
                ('division_id', '=', division.id),
            ]).state = 'undone'

        def scheduled_action():
            with self.worker() as env:
                env['exact.export']._cron_process()

        with patch.object(self.registry['exact.export.turn'], '_process_division', process):
            errors = self.at_once(*[scheduled_action] * WORKERS)
        self.assertFalse(errors)
        self.assertEqual(sorted(served), sorted(divisions.ids), "each once")

    def test_a_serialisation_failure_after_exacts_answer(self):
        self.export()
        booked, failed = self.registry['exact.export.send']._booked, []

        def disturbed(step, export, *args):
            if not failed:
                failed.append(True)
                # The snapshot of the worker begins here
                export.env.execute_query(SQL("SELECT 1"))
                with self.worker() as other:
                    other.cr.execute(
                        "UPDATE exact_export SET name = name WHERE id = %s", [export.id],
                    )
            return booked(step, export, *args)

        with (
            patch.object(self.registry['exact.export.send'], '_booked', disturbed),
            mute_logger('odoo.sql_db'),
        ):
            self.work()
        self.assertTrue(failed)
        with self.worker() as env:
            export = env['exact.export'].search([('move_id', '=', self.move_id)])
            self.assertEqual(export.state, 'sending', "Exact has it, and Odoo does not know")
        self.assertEqual(len(self.simulator.entries()), 1)
        self.work()
        self.work()
        self.assertOneEntry()

    def test_a_lost_connection_after_exacts_answer(self):
        self.export()
        booked, cut = self.registry['exact.export.send']._booked, []

        def disconnected(step, export, *args):
            if not cut:
                [[pid]] = export.env.execute_query(SQL("SELECT pg_backend_pid()"))
                cut.append(pid)
                with self.worker() as other:
                    other.cr.execute("SELECT pg_terminate_backend(%s)", [pid])
            return booked(step, export, *args)

        with (
            patch.object(self.registry['exact.export.send'], '_booked', disconnected),
            mute_logger(
                'odoo.sql_db', 'odoo.addons.account_exact.models.export.exact_export_turn',
            ),
        ):
            self.at_once(self.work)
        self.assertTrue(cut)
        self.assertEqual(len(self.simulator.entries()), 1)
        # The lock of the division went with the connection
        self.work()
        self.work()
        self.assertOneEntry()
