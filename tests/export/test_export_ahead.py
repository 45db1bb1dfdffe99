"""A clock that was ahead and is right again, and moments of Exact that lie in the future: what was
counted from them counts for nothing.
"""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from ..common import DIVISION
from .test_export_busy import TABLE
from .test_export_look import ExactLookCase
from .test_export_typed import LINES

DAY = timedelta(days=1)


@tagged('post_install', '-at_install')
class TestExportAhead(ExactLookCase):

    def ahead(self, by=DAY):
        """Odoo's clock is ahead, Exact's is right."""
        now = fields.Datetime.now
        return patch.object(fields.Datetime, 'now', staticmethod(lambda *args: now(*args) + by))

    def changed_later(self):
        """What is typed from now on is typed some minutes later."""
        self.simulator.clock.freeze(self.simulator.clock() + timedelta(minutes=2))
        self.addCleanup(self.simulator.clock.resume)

    # === ODOO'S CLOCK === #

    def test_typed_after_the_clock_is_right(self):
        with self.ahead():
            known = self.supplier_known()
        for by in (DAY, 200 * DAY):
            with self.subTest(by=by):
                name = f'B-{by.days}'
                with self.ahead(by):
                    self.export(self.bill(f'{name}-1'))
                guid = self.typed_bill(known, YourRef=f'{name}-2')
                move = self.bill(f'{name}-2')
                self.export(move)
                self.work()
                self.assertEqual(
                    (move.exact_state, move.exact_export_id.exact_guid), ('verified', guid),
                )

    def test_changed_after_the_clock_is_right(self):
        """Nothing is exported: the hourly look is taken nevertheless, and that after an export."""
        known = self.supplier_known()
        move = self.bill()
        with self.ahead():
            self.export(move)
        self.assertBooked(move)
        self.changed_later()
        self.typed_bill(known)
        self.work()
        self.assertEqual((move.exact_state, self.blocking(move)), ('blocked', ['booked_twice']))

    def test_look_that_is_behind_goes_on(self):
        self.supplier_known()
        queue = self.queue()
        with self.ahead():
            queue.write({
                'looked_at': False, 'look_at': fields.Datetime.now() + timedelta(minutes=1),
                'served_at': fields.Datetime.now(),
            })
        looks = self.requests('GET', LINES)
        self.work()
        self.assertEqual(self.requests('GET', LINES), looks + 1)
        self.assertTrue(queue.looked_at)

    def test_pause_that_was_counted_from_it(self):
        """Of the administration, and of a document."""
        move = self.bill('P-1')
        move.action_exact_export()
        self.work()
        self.assertBooked(move)
        for name in ('queue', 'export'):
            with self.subTest(name=name):
                other = self.bill(f'P-{name}')
                self.env.flush_all()
                with patch.object(
                    type(self.env['exact.export.send']), 'send_ready', return_value=False,
                ):
                    self.export(other)
                with self.ahead():
                    now = fields.Datetime.now()
                if name == 'queue':
                    # (The button forgets the pause after failures, not that of a limit.)
                    self.queue().write({
                        'served_at': now, 'retry_at': now + timedelta(minutes=1),
                        'limited_by': 'minute',
                    })
                else:
                    other.exact_export_id.sudo().next_try = now + timedelta(minutes=10)
                self.assertLessEqual(
                    self.env['exact.export'].next_moment(self.division), fields.Datetime.now(),
                )
                self.work()
                self.assertBooked(other)

    def test_pause_that_is_meant(self):
        """Nobody's wait is cut short: of an hour for a kind of call, of a day for the limit."""
        move = self.bill()
        with patch.object(type(self.env['exact.export.send']), 'send_ready', return_value=False):
            self.export(move)
        now = fields.Datetime.now()
        move.exact_export_id.sudo().next_try = now + timedelta(hours=1)
        self.work()
        self.assertEqual(move.exact_export_id.state, 'ready')
        move.exact_export_id.sudo().next_try = False
        self.queue().write({'served_at': now, 'retry_at': now + timedelta(hours=24)})
        self.work()
        self.assertEqual(move.exact_export_id.state, 'ready')

    # === EXACT'S LINES === #

    def test_line_of_the_year_2099(self):
        """No later typed entry is missed."""
        known = self.supplier_known()
        self.future(self.typed_bill(known, 81, YourRef='other'))
        first = self.bill('first')
        self.export(first)
        self.assertBooked(first)
        self.assertLess(self.queue().looked_until, fields.Datetime.now() + timedelta(minutes=1))
        self.changed_later()
        guid = self.typed_bill(known)
        move = self.bill()
        self.export(move)
        self.work()
        self.assertEqual((move.exact_state, move.exact_export_id.exact_guid), ('verified', guid))

    def test_position_of_the_year_2099(self):
        """What a release before kept of such a line."""
        known = self.supplier_known()
        guid = self.typed_bill(known)
        self.queue().write({'looked_until': '2099-01-01 00:00:00', 'look_position': False})
        move = self.bill()
        self.export(move)
        self.work()
        self.assertEqual((move.exact_state, move.exact_export_id.exact_guid), ('verified', guid))

    def test_our_own_entry_changed_in_2099(self):
        """And changed again today: that is seen."""
        self.supplier_known()
        move = self.bill()
        export = self.export(move)
        self.future(export.exact_guid)
        self.hour_later()
        self.assertEqual(export.modified_at.year, 2099)
        self.edited_in_exact(export, 79)
        self.hour_later()
        self.assertEqual((move.exact_state, set(self.blocking(move))), ('blocked', {'read_back'}))

    def future(self, guid):
        """Exact says of the lines of an entry that they were changed in 2099."""
        store = self.simulator.store
        for line in store.by(TABLE, DIVISION, 'EntryID', guid):
            store.put(TABLE, DIVISION, {**line, 'Modified': '2099-06-01T00:00:00.000'})
