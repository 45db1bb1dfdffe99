"""What most test classes begin with: the same as if each had made it, see synced.py."""

from datetime import timedelta

from odoo import fields
from odoo.tests import BaseCase, HttpCase, tagged

from .. import synced
from ..common import DIVISION
from ..export_common import ExactExportCase, ExplicitTypeMixin


@tagged('post_install', '-at_install')
class TestSynchronisedStart(ExactExportCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.begun_at = fields.Datetime.now()

    def test_it_is_as_if_it_had_been_made_just_now(self):
        cursors = self.env['exact.cursor'].search([('division_id', '=', self.division.id)])
        self.assertTrue(cursors)
        self.assertFalse(cursors.filtered(lambda cursor: not cursor.is_complete))
        for cursor in cursors:
            self.assertLessEqual(cursor.last_success_at, self.begun_at, cursor.resource)
        for record in (self.division, *cursors[:3]):
            self.assertLess(
                abs(fields.Datetime.now() - record.write_date), timedelta(minutes=10), record,
            )
        self.assertEqual((self.division.code, self.connection.state), (DIVISION, 'connected'))
        # Nothing is due: the next turn of the scheduled action has nothing to ask
        store = self.simulator.store
        [[before]] = store.query('SELECT MAX(id) FROM call')
        self.run_cron('ir_cron_sync')
        self.assertEqual(store.query('SELECT resource FROM call WHERE id > ?', before), [])

    def test_documents_go_to_a_simulator_of_its_own(self):
        self.assertFalse(self.simulator.entries())
        move = self.document('out_invoice', [(100, self.tax_21)])
        self.export(move)
        self.assertBooked(move)
        self.assertEqual(len(self.simulator.entries()), 1)
        self.assertEqual(move.env.user, self.env.user)
        self.assertEqual(self.company, self.company_data['company'])

    def test_users_and_context_are_those_of_odoos_own_set_up(self):
        self.assertEqual(self.env.user.login, 'accountman')
        self.assertTrue(self.env.context['tracking_disable'])
        self.assertEqual(self.company_data['default_journal_sale'].type, 'sale')
        one, other = self.tax_21.env, self.env
        self.assertEqual((one.uid, one.su, one.context), (other.uid, other.su, other.context))


class OtherDivision(ExactExportCase):
    @classmethod
    def create_division(cls, connection, company=None, code=2, **values):
        return super().create_division(connection, company, code=code, **values)


class OtherBooks(ExactExportCase):
    @classmethod
    def start_simulator(cls):
        started = super().start_simulator()
        cls.simulator.control.run('add_currency', {'code': 'JPY', 'precision': 1})
        return started


class OtherSwitches(ExplicitTypeMixin, ExactExportCase):
    @classmethod
    def helper(cls):
        return cls.division


class OverHttp(ExactExportCase, HttpCase):
    pass


@tagged('post_install', '-at_install')
class TestWhoBeginsThere(BaseCase):

    def test_only_classes_that_begin_alike(self):
        for case, expected in (
            (ExactExportCase, True), (OtherSwitches, True), (OverHttp, True),
            (OtherDivision, False), (OtherBooks, False),
        ):
            with self.subTest(case.__name__):
                self.assertEqual(synced.fits(case, ExactExportCase), expected)
