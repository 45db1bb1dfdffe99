from contextlib import suppress
from datetime import timedelta
from unittest.mock import patch

from psycopg2 import OperationalError

from odoo import SUPERUSER_ID, fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.tests.common import DIVISION
from odoo.addons.account_exact.tests.export_common import ExactExportCase
from odoo.addons.account_exact_queue_job import _make_channels
from odoo.addons.queue_job.controllers.main import RunJobController
from odoo.addons.queue_job.job import Job
from odoo.addons.queue_job.tests.common import trap_jobs


@tagged('post_install', '-at_install')
class TestJobs(ExactExportCase):
    """The same steps as jobs: one waiting job for each administration and moment, none lost."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.invoicer = new_test_user(
            cls.env, login='exact_invoicer', groups='account.group_account_invoice',
            company_id=cls.company.id, company_ids=[(6, 0, cls.company.ids)],
        )
        cls.manager = new_test_user(
            cls.env, login='exact_job_manager', groups='queue_job.group_queue_job_manager',
            company_id=cls.company.id, company_ids=[(6, 0, cls.company.ids)],
        )

    def invoice(self):
        return self.document('out_invoice', [(100, self.tax_21)])

    def jobs(self, *states):
        return self.env['queue.job'].sudo().search([
            ('channel_method_name', '=', '<exact.division>._job_export'),
            *([('state', 'in', states)] if states else []),
        ], order='id')

    def run_job(self, job):
        """Run a job as the route of the job runner does; what it left behind."""
        job.state = 'enqueued'
        self.env.flush_all()
        loaded = Job.load(self.env, job.uuid)
        loaded.set_started()
        loaded.store()
        RunJobController._runjob(self.env, loaded)
        self.env.invalidate_all()
        return job

    def triggers(self):
        return self.env['ir.cron.trigger'].sudo().search_count([
            ('cron_id', '=', self.env.ref('account_exact.ir_cron_exact_export').id),
        ])

    # === WHAT A JOB IS === #

    def test_asking_makes_a_job(self):
        move = self.invoice()
        with trap_jobs() as trap:
            move.with_user(self.invoicer).action_exact_export()
            trap.assert_jobs_count(1)
            trap.assert_enqueued_job(
                self.division._job_export,
                properties={
                    'channel': f'root.exact.{DIVISION}',
                    'identity_key': f'account_exact.export.{self.division.id}.now',
                    'eta': None,
                    'max_retries': 0,
                },
            )
            self.assertEqual(move.exact_export_id.state, 'proposed')
            [job] = trap.enqueued_jobs
            # Nobody's session, and in the name of one company
            self.assertEqual(job.recordset.env.uid, SUPERUSER_ID)
            self.assertEqual(job.recordset.env.companies, self.company)
            self.env.flush_all()
            trap.perform_enqueued_jobs()
        self.env.invalidate_all()
        self.assertBooked(move)

    def test_the_same_steps_in_a_real_job(self):
        moves = self.invoice() | self.document('in_invoice', [(50, self.tax_in_21)])
        moves.with_user(self.invoicer).action_exact_export()
        [job] = self.jobs()
        self.assertEqual(job.state, 'pending')
        self.assertEqual(job.company_id, self.company)
        self.assertIn(self.division.display_name, job.name)
        self.run_job(job)
        self.assertEqual(job.state, 'done')
        for move in moves:
            self.assertBooked(move)

    def test_the_scheduler_only_makes_jobs(self):
        move = self.invoice()
        move.action_exact_export()
        self.jobs().unlink()
        for name in ('ir_cron_exact_export', 'ir_cron_exact_export_2'):
            cron = self.env.ref(f'account_exact.{name}').sudo()
            cron.with_context(cron_id=cron.id).ir_actions_server_id.run()
        self.assertEqual(move.exact_export_id.state, 'proposed')
        self.assertEqual(len(self.jobs('pending')), 1)

    def test_run_by_hand_does_the_work(self):
        move = self.invoice()
        move.action_exact_export()
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(move)

    # === NO WAKE-UP IS LOST === #

    def test_one_job_waits(self):
        for _time in range(3):
            self.invoice().action_exact_export()
        self.assertEqual(len(self.jobs()), 1)

    def test_a_started_job_swallows_nothing(self):
        self.invoice().action_exact_export()
        self.jobs().state = 'started'
        self.invoice().action_exact_export()
        self.assertEqual(self.jobs().mapped('state'), ['started', 'pending'])

    def test_a_job_that_may_start_meanwhile(self):
        self.invoice().action_exact_export()
        before = self.triggers()
        self.invoice().action_exact_export()
        self.assertEqual(len(self.jobs()), 1)
        self.assertGreater(
            self.triggers(), before, "the scheduled action has to look after our own commit",
        )

    def test_a_later_job_does_not_hold_up(self):
        later = fields.Datetime.now() + timedelta(hours=5)
        exports = self.env['exact.export']
        exports.enqueue(self.division, later)
        exports.enqueue(self.division, later)
        self.assertEqual(self.jobs().mapped('eta'), [later])
        exports.enqueue(self.division)
        self.assertEqual(self.jobs().mapped('eta'), [later, False])
        exports.enqueue(self.division, fields.Datetime.now() - timedelta(minutes=1))
        self.assertEqual(len(self.jobs()), 2, "what is due already is due now")

    def test_waiting_for_exact_costs_no_tries(self):
        move = self.invoice()
        move.action_exact_export()
        self.simulator.faults.add('status', status=503, times=None)
        self.addCleanup(self.simulator.faults.clear)
        [job] = self.jobs()
        self.run_job(job)
        self.assertEqual(job.state, 'done')
        self.assertTrue(job.result)
        [later] = self.jobs('pending')
        self.assertGreater(later.eta, fields.Datetime.now())
        self.assertEqual((later.retry, later.max_retries), (0, 0))
        self.simulator.faults.clear()
        with patch.object(fields.Datetime, 'now', lambda: later.eta + timedelta(seconds=1)):
            self.run_job(later)
        self.assertBooked(move)

    def test_a_broken_job_is_followed_by_another(self):
        self.invoice().action_exact_export()
        [job] = self.jobs()
        with (
            patch.object(
                self.registry['exact.export.turn'], 'work', autospec=True,
                side_effect=OperationalError("connection lost"),
            ),
            mute_logger('odoo.addons.queue_job.controllers.main'),
            # Not assertRaises: it would roll back what the failure leaves
            suppress(OperationalError),
        ):
            self.run_job(job)
            self.fail("The job did not fail.")
        self.env.invalidate_all()
        self.assertEqual(job.state, 'failed')
        [next_job] = self.jobs('pending')
        self.assertAlmostEqual(
            next_job.eta, fields.Datetime.now() + timedelta(minutes=1),
            delta=timedelta(seconds=10),
        )

    # === CHANNELS === #

    def test_a_channel_for_each_administration(self):
        channels = self.env['queue.job.channel'].sudo()
        name = f'root.exact.{DIVISION + 5}'
        division = self.create_division(self.connection, code=DIVISION + 5)
        self.assertFalse(channels.search([('complete_name', '=', name)]))
        division.sudo().company_id = self.setup_other_company(name="Third B.V.")['company']
        self.assertEqual(len(channels.search([('complete_name', '=', name)])), 1)
        division.sudo()._make_channel()
        _make_channels(self.env)
        self.assertEqual(len(channels.search([('complete_name', '=', name)])), 1)
        self.assertEqual(
            len(channels.search([('complete_name', '=', f'root.exact.{DIVISION}')])), 1,
            "administrations that were linked before the addon came",
        )

    # === WHO MAY WHAT === #

    def test_jobs_belong_to_the_managers_of_the_queue(self):
        self.invoice().with_user(self.invoicer).action_exact_export()
        job = self.jobs()
        for operation in ('read', 'write', 'create', 'unlink'):
            with self.assertRaises(AccessError):
                job.with_user(self.invoicer).sudo(False).check_access(operation)
        self.assertEqual(job.with_user(self.manager).read(['name'])[0]['name'], job.name)
        with self.assertRaises(AccessError):
            job.with_user(self.manager).write({'method_name': 'unlink'})
        with self.assertRaises(AccessError):
            job.with_user(self.manager).check_access('create')

    def test_jobs_of_another_company_are_not_seen(self):
        other = self.setup_other_company(name="Other B.V.")['company']
        self.invoice().action_exact_export()
        job = self.jobs()
        self.manager.write({'company_ids': [(6, 0, other.ids)], 'company_id': other.id})
        with self.assertRaises(AccessError):
            job.with_user(self.manager).read(['name'])
