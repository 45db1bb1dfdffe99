"""An administration in which others book so much that a look does not reach the present."""

from datetime import timedelta
from unittest.mock import patch
from uuid import uuid4

from odoo import SUPERUSER_ID, api, fields
from odoo.tests import tagged

from odoo.addons.account_exact.models.administration import exact_call
from odoo.addons.account_exact.models.export import exact_export_feed
from odoo.addons.account_exact.models.export.exact_export_doubt import LOOK_AGAIN

from ..common import DIVISION
from .test_export_look import BILLS, ExactLookCase
from .test_export_typed import LINES

TABLE = 'TransactionLines'
BULK = 'bulk/Financial/TransactionLines'


class ExactBusyCase(ExactLookCase):

    def setUp(self):
        super().setUp()
        self.known = self.supplier_known()
        # Of two bills, and of a line that is left to the next page.
        self.pages_of(7)

    def pages_of(self, size):
        """Exact gives so many lines with one call."""
        from odoo.addons.account_exact.simulator.reference import load_endpoints

        self.enterContext(patch.object(load_endpoints()[LINES.lower()], 'page', size))

    def others(self, number, name='O'):
        """So many bills of three lines that others have booked, straight into Exact's ledger."""
        store = self.simulator.store
        if not hasattr(self, 'pattern'):
            guid = self.typed_bill(self.known, YourRef='pattern')
            self.pattern = store.by(TABLE, DIVISION, 'EntryID', guid)
        with store.transaction():
            for index in range(number):
                guid = str(uuid4())
                for line in self.pattern:
                    self.put({
                        **line, 'ID': str(uuid4()), '_key': None, 'EntryID': guid,
                        'YourRef': f'{name}-{index}', 'EntryNumber': 5_000_000 + index,
                    })

    def put(self, line):
        row = self.simulator.store.put(TABLE, DIVISION, line)
        self.addCleanup(self.simulator.store.drop, TABLE, DIVISION, row['_key'])

    def noted(self, name='O'):
        return self.env['exact.entry'].search_count([('reference', '=like', f'{name}-%')])

    def limit(self, minute, day=5000, share=(30, 2500)):
        """Exact's limits count, and a look leaves so much of them."""
        self.enterContext(patch.dict(exact_call.RESERVES, look=share))
        self.simulator.limits.reset()
        self.simulator.clock.freeze()
        self.addCleanup(self.simulator.clock.resume)
        self.addCleanup(self.simulator.limits.reset)
        self.switch(rate_limits=True, minute_limit=minute, day_limit=day)

    def next_minute(self):
        self.simulator.limits.reset()
        past = fields.Datetime.now() - timedelta(hours=1)
        self.env['exact.call'].sudo().search([('minute_reset', '!=', False)]).write({
            'minute_reset': past,
            # A turn that met the limit is rolled back, and in a test with it what connections of
            # their own have kept: that the last call is no longer under way.
            'under_way': {},
        })
        queue = self.queue()
        queue.write({
            'look_at': queue.look_at and past, 'retry_at': queue.retry_at and past,
        })

    def turn(self):
        """One turn of the administration, as the scheduler gives it."""
        self.env.flush_all()
        with self.env.registry.cursor() as cr:
            api.Environment(cr, SUPERUSER_ID, {})['exact.export']._cron_process()
        self.env.invalidate_all()

    def behind(self, name='O', pages=40):
        """There are so many pages that a look cannot see them all."""
        self.others(2 * pages, name)
        self.enterContext(patch.object(exact_export_feed, 'LOOK_TIME', -1))


@tagged('post_install', '-at_install')
class TestExportBusy(ExactBusyCase):

    # === PAGE BY PAGE === #

    def test_every_page_is_kept(self):
        """Exact fails in the middle: what was seen is not asked for again."""
        self.others(20)
        before = self.requests('GET', LINES)
        self.simulator.faults.add('status', method='GET', resource=LINES, status=503, skip=4)
        self.hour_later()
        self.assertTrue(self.queue().retry_at)
        self.assertIn(self.noted(), range(4, 9))
        self.assertEqual(self.requests('GET', LINES) - before, 5)
        self.work()
        self.assertEqual(self.noted(), 20)
        self.assertLessEqual(self.requests('GET', LINES) - before, 14)
        self.assertTrue(self.queue().looked_at)

    def test_only_new_changes_are_asked_for(self):
        self.others(20)
        self.hour_later()
        self.simulator.clock.advance(60)
        self.addCleanup(self.simulator.clock.resume)
        self.others(1, 'N')
        self.hour_later()
        before = self.requests('GET', LINES)
        self.hour_later()
        self.assertEqual(self.requests('GET', LINES) - before, 1)
        self.assertEqual(self.noted('N'), 1)

    def test_a_turn_has_an_end(self):
        """Limits off, and still others have their turn: it goes on with the next one."""
        self.behind()
        self.queue().write({'looked_at': False, 'look_at': False})
        with patch.object(type(self.env['ir.cron']), '_trigger', autospec=True) as trigger:
            self.turn()
        self.assertLess(self.noted(), 10)
        self.assertFalse(self.queue().looked_at)
        self.assertTrue(trigger.called, "it is woken")
        self.work()
        self.assertEqual(self.noted(), 80)
        self.assertTrue(self.queue().looked_at)

    # === WITH A SHARE OF THE CALLS === #

    def test_sending_goes_on(self):
        """Twelve calls a minute, of which a look leaves six."""
        self.others(40)
        moves = self.env['account.move'].union(*(self.bill(f'S-{n}', n + 1) for n in range(8)))
        self.limit(12, share=(6, 100))
        moves.action_exact_export()
        sent = []
        for _minute in range(8):
            before = self.requests('GET', LINES)
            self.work()
            self.assertLessEqual(self.requests('GET', LINES) - before, 7)
            sent.append(len(moves.filtered('exact_entry_number')))
            self.next_minute()
        self.assertGreater(sent[0], 0, "nothing waits for the look")
        self.assertEqual(sent[-1], 8)
        self.assertEqual(self.noted(), 40, "nor is the look kept back by what is sent")
        self.work()
        self.assertTrue(self.queue().looked_at)
        for move in moves:
            self.assertBooked(move)
        self.assertEqual(len(self.bills_in_exact()), 9)

    def test_half_of_the_day_is_left(self):
        self.others(40)
        self.limit(60, day=400, share=(30, 390))
        self.hour_later()
        [calls] = self.env['exact.call'].sudo().search([
            ('division_id', '=', self.division.id), ('resource', '=', ''),
        ])
        self.assertGreaterEqual(calls.day_remaining, 389)
        self.assertFalse(self.queue().looked_at)
        # The next one is that of the next day, and nobody is kept busy till then.
        self.assertAlmostEqual(
            self.queue().look_at, calls.day_reset, delta=timedelta(seconds=1),
        )
        before = self.requests('GET', LINES)
        self.work()
        self.assertEqual(self.requests('GET', LINES), before)

    # === WHAT IS ABOUT TO BE SENT === #

    def test_asked_for_by_reference(self):
        """Typed in Exact, far behind what a look reaches: one call tells, and it is booked once."""
        self.behind()
        typed = self.typed_bill(self.known)
        moves = self.bill() | self.bill('T-2', 81) | self.bill('T-3', 82)
        before, posts = self.requests('GET', BULK), self.requests('POST', BILLS)
        moves[0].action_exact_export()
        self.turn()
        self.assertFalse(self.queue().looked_at)
        # The question, and the entry that it found.
        self.assertEqual(self.requests('GET', BULK) - before, 2)
        self.assertEqual(moves[0].exact_export_id.state, 'uncertain')
        before = self.requests('GET', BULK)
        moves[1:].action_exact_export()
        self.turn()
        self.assertFalse(self.queue().looked_at)
        self.assertEqual(len(moves.filtered('exact_entry_number')), 3)
        self.work()
        for move in moves:
            self.assertBooked(move)
        self.assertEqual(moves[0].exact_export_id.exact_guid, typed)
        self.assertEqual(self.requests('POST', BILLS), posts + 2)

    def test_general_entry_asked_for_by_its_text(self):
        move = self.memo()
        self.behind()
        guid = self.typed_memo(f"{move.name}: Memo", f"{move.name}: Memo")
        move.action_exact_export()
        self.turn()
        self.assertFalse(self.queue().looked_at)
        self.assertEqual(self.general(), [guid])
        self.work()
        self.assertEqual(self.general(), [guid])
        self.assertIn(move.exact_state, ('verified', 'blocked'))

    def test_what_nothing_names_any_more_waits_for_the_look(self):
        """The worker died behind the POST and somebody rewrote the text; others book a lot. It is
        not sent again before all was seen that was booked since.
        """
        move = self.memo()
        self.booked_unseen(move)
        [guid] = self.general()
        self.reword(guid)
        self.reword(guid, 2)
        self.know_us()
        self.age(move.exact_export_id)
        self.queue().write({'looked_at': False, 'look_at': False})
        export = move.exact_export_id
        self.asked_long_ago(export)
        self.behind()
        # The entry is changed last, so that it comes last.
        self.reword(guid)
        self.turn()
        self.assertEqual((export.state, self.general()), ('uncertain', [guid]))
        self.assertFalse(self.queue().looked_at)
        self.assertAlmostEqual(
            export.next_try, fields.Datetime.now() + LOOK_AGAIN, delta=timedelta(minutes=1),
        )
        self.work()
        export.sudo().next_try = False
        self.work()
        self.assertEqual(self.general(), [guid])
        self.assertAsks(move)

    # === ENTRIES IN PARTS === #

    def test_general_entry_over_two_pages(self):
        """Its amount is that of all its lines, wherever the page ends, and whatever lies between
        them.
        """
        store = self.simulator.store
        for apart in (False, True):
            for offset in range(6):
                with self.subTest(apart=apart, offset=offset):
                    self.others(offset, f'X{apart}{offset}')
                    guid = self.typed_memo("W-1: one", "W-1: two", 40 + offset)
                    lines = store.by(TABLE, DIVISION, 'EntryID', guid)
                    self.assertEqual(len(lines), 2)
                    if apart:
                        # Changed one after the other, with others' between them.
                        self.others(3, f'Y{offset}')
                        store.put(TABLE, DIVISION, lines[1])
                        self.others(1, f'Z{offset}')
                    self.hour_later()
                    [note] = self.env['exact.entry'].search([('exact_guid', '=', guid)])
                    self.assertEqual(abs(note.amount), 40 + offset)

    def test_one_line_of_a_general_entry_is_changed(self):
        """A payment that is matched touches one line: the note keeps what the entry comes to."""
        guid = self.typed_memo("W-1: one", "W-1: two", 40)
        self.hour_later()
        [note] = self.env['exact.entry'].search([('exact_guid', '=', guid)])
        amount = note.amount
        self.assertEqual(abs(amount), 40)
        self.simulator.clock.freeze(self.simulator.clock() + timedelta(minutes=2))
        self.addCleanup(self.simulator.clock.resume)
        # Seen, and not one of the last changes any more.
        self.typed_bill(self.known, YourRef='later')
        self.hour_later()
        line = self.simulator.store.by(TABLE, DIVISION, 'EntryID', guid)[1]
        self.simulator.store.put(
            TABLE, DIVISION, {**line, 'Modified': self.simulator.clock.wall()},
        )
        self.hour_later()
        self.assertEqual(note.amount, amount)

    def test_our_own_entry_over_two_pages_is_proved(self):
        for offset in range(3):
            with self.subTest(offset=offset):
                self.others(offset, f'P{offset}')
                lines = [(10 + offset, self.tax_in_21), (20, self.tax_in_21), (30, self.tax_in_21)]
                move = self.document('in_invoice', lines, ref=f'P-{offset}')
                self.export(move)
                self.assertBooked(move)
                self.assertEqual(len(move.exact_export_id.entry_line_ids), 5)

    def test_lines_of_other_journals_are_left_aside(self):
        line = {**self.first_line(), 'JournalCode': 'ZZ'}
        self.put({**line, 'ID': str(uuid4()), '_key': None, 'EntryID': str(uuid4())})
        self.hour_later()
        self.assertFalse(self.env['exact.entry'].search([('journal_code', '=', 'ZZ')]))

    def first_line(self):
        self.others(1)
        return self.pattern[0]

    # === WHERE IT BEGINS === #

    def test_a_move_within_exact(self):
        """All positions are made anew: it begins at the moment that was seen last."""
        self.others(4)
        self.hour_later()
        position = self.queue().look_position
        self.division.sudo().move_date = '2026-11-01 10:00:00'
        self.assertFalse(self.queue().look_position)
        self.others(1, 'M')
        self.work()
        self.assertEqual(self.noted('M'), 1)
        self.assertGreater(int(self.queue().look_position), int(position))

    def test_exact_does_not_say_where_to_begin(self):
        """Then from the beginning: that takes longer, and misses nothing."""
        self.pages_of(1000)
        self.others(4)
        self.queue().look_position = False
        self.simulator.faults.add('status', method='GET', resource='SyncTimestamp', status=404)
        self.hour_later()
        self.assertEqual(self.noted(), 4)
        self.assertTrue(self.queue().looked_at)

    # === PUT BACK === #

    def test_rows_put_back_by_five_minutes(self):
        """And no process noticed: what was sent meanwhile is found by the look."""
        moves = self.env['account.move'].union(*(self.bill(f'R-{n}', n + 1) for n in range(3)))
        moves.action_exact_export()
        with patch.object(type(self.env['exact.export.send']), 'send_ready', return_value=False):
            self.work()
        exports, queue = moves.exact_export_ids, self.queue()
        self.assertEqual(set(exports.mapped('state')), {'ready'})
        names = ('state', 'exact_guid', 'entry_number', 'sent_at', 'verified_at', 'modified_at',
                 'attempt_count', 'read_back', 'next_try')
        before = [(export, {name: export[name] for name in names}) for export in exports]
        seen = {name: queue[name] for name in (
            'looked_at', 'look_at', 'looked_until', 'look_position', 'served_at',
        )}
        self.work()
        self.assertEqual(len(self.bills_in_exact()), 3)
        for export, values in before:
            export.sudo().write(values)
        exports.sudo().operation_ids.unlink()
        queue.write(seen)
        self.work()
        self.work()
        self.assertEqual(len(self.bills_in_exact()), 3)
        for move in moves:
            self.assertBooked(move)
