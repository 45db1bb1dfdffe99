"""What Exact was asked to change is remembered in one way: an answer counts if it is Exact's own,
and done is what its books show.
"""

from datetime import timedelta

from psycopg2.errors import UniqueViolation

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.booking import life
from odoo.addons.account_exact.models.base.exact_clock import VISIBILITY

from .test_export_faults import ENTRIES, ExactFaultCase

CHANGE = 'odoo.addons.account_exact.models.export.exact_export_change'
# What somebody between Odoo and Exact answers, whatever Exact does.
PAGES = (
    {'status': 404, 'body': 'html'}, {'status': 204}, {'status': 200, 'body': 'login'},
    {'status': 403, 'body': 'html'}, {'status': 502, 'body': 'html'},
)


@tagged('post_install', '-at_install')
class TestOperations(ExactFaultCase):

    def setUp(self):
        super().setUp()
        # Who the user of our connection is, as read when somebody has consented.
        with self.division.client() as client:
            self.connection._write_me(self.connection._read_me(client))

    def age(self, export):
        # Refusals of an hour would stop the kind.
        self.env['exact.call'].sudo().search([('resource', '!=', '')]).unlink()
        return super().age(export)

    def answers_instead(self, method, resource, *, done, **options):
        """Somebody else answers one request.

        :param bool done: whether Exact does what it is asked
        """
        kind = 'status_after' if done else 'status'
        self.simulator.faults.add(kind, method=method, resource=f'^{resource}$', **options)

    def assertOneEntry(self, move):
        self.assertEqual(len(self.entries(move.name)), 1, move.name)

    # === TAKEN OUT === #

    def test_a_deletion_that_somebody_else_answers_is_no_deletion(self):
        """The entry stays until Exact's books do not show it; then it is gone, and booked once."""
        for page in PAGES:
            with self.subTest(**page):
                move = self.invoice()
                export = self.export(move)
                self.answers_instead('DELETE', ENTRIES, done=False, **page)
                move.action_exact_undo()
                self.work()
                self.assertEqual((export.state, export.pending_action), ('verified', 'undo'))
                self.assertOneEntry(move)
                # Nobody books it again meanwhile.
                move.action_exact_export()
                self.work()
                self.assertOneEntry(move)
                for _turn in range(2):
                    self.age(export)
                    self.work()
                self.assertEqual((export.state, self.entries(move.name)), ('undone', {}))
                self.assertBookedOnce(move)

    def assertBookedOnce(self, move):
        self.export(move)
        self.assertBooked(move)
        self.assertOneEntry(move)

    def test_a_deletion_that_came_through_is_known_by_the_books(self):
        for page in PAGES:
            with self.subTest(**page):
                move = self.invoice()
                export = self.export(move)
                self.answers_instead('DELETE', ENTRIES, done=True, **page)
                asked = self.requests('DELETE', ENTRIES)
                move.action_exact_undo()
                self.work()
                self.soon(export)
                self.assertEqual(export.state, 'undone')
                self.assertEqual(self.requests('DELETE', ENTRIES), asked + 1, "asked once")
                self.assertBookedOnce(move)

    def test_what_answered_is_told_while_it_is_taken_out(self):
        move = self.invoice()
        export = self.export(move)
        self.answers_instead('DELETE', ENTRIES, done=False, status=404, body='html')
        move.action_exact_undo()
        self.work()
        attempt = export.attempt_ids[:1]
        self.assertEqual((attempt.action, attempt.outcome), ('undo', 'unknown'))
        self.assertEqual(move.exact_state, 'waiting')
        for text in (attempt.message, move.exact_message):
            self.assertIn("HTTP 404", text)

    def test_deletions_are_proved_many_with_one_call(self):
        exports = self.export(self.union(self.invoice() for _time in range(5)))
        self.assertEqual(set(exports.mapped('state')), {'verified'})
        read = self.requests('GET', 'bulk/Financial/TransactionLines')
        exports.sudo().action_undo()
        self.work()
        self.assertEqual(set(exports.mapped('state')), {'undone'})
        self.assertEqual(self.requests('GET', 'bulk/Financial/TransactionLines'), read + 1)

    def union(self, moves):
        return self.env['account.move'].union(*moves)

    def test_what_exact_never_deletes_is_given_up_and_told(self):
        move = self.invoice()
        export = self.export(move)
        self.simulator.faults.add(
            'status', method='DELETE', resource=ENTRIES, status=204, times=None,
        )
        move.action_exact_undo()
        for _turn in range(20):
            self.age(export)
            self.work()
        self.assertEqual(export.pending_action, False)
        self.assertIn('change_unanswered', export.finding_ids.mapped('code'))
        self.assertIn("its books do not show", move.exact_message)
        self.assertOneEntry(move)
        self.simulator.faults.clear()
        move.action_exact_undo()
        self.work()
        self.assertEqual(export.state, 'undone')

    def test_a_replacement_that_somebody_else_answers_is_none(self):
        """An update that deletes and books anew, as one that changes the currency."""
        for page in PAGES:
            with self.subTest(**page):
                move = self.invoice()
                export = self.export(move)
                self.edited_with_a_line_more_in_exact(move)
                self.answers_instead('DELETE', ENTRIES, done=False, **page)
                move.action_exact_update()
                self.work()
                self.assertOneEntry(move)
                for _turn in range(4):
                    self.age(export)
                    self.work()
                self.assertBooked(move)
                self.assertOneEntry(move)

    # === BOOKED === #

    def test_a_refusal_that_is_not_exacts_is_looked_up(self):
        """Retry at once, and the worker by itself: neither books twice."""
        for done in (True, False):
            for page in (
                {'status': 400}, {'status': 400, 'body': 'html'}, {'status': 403},
                {'status': 404, 'body': 'html'}, {'status': 409, 'body': 'html'},
                {'status': 413, 'body': 'html'}, {'status': 401, 'body': 'html'},
            ):
                with self.subTest(done=done, **page):
                    move = self.invoice()
                    self.env['exact.call'].sudo().search([('resource', '!=', '')]).unlink()
                    self.answers_instead('POST', ENTRIES, done=done, **page)
                    export = self.export(move)
                    self.assertEqual(export.state, 'uncertain')
                    self.assertNotIn("rights", move.exact_message)
                    [message] = export.attempt_ids[:1].mapped('message')
                    self.assertIn("Something between Odoo and Exact", message)
                    move.action_exact_retry()
                    self.work()
                    self.age(export)
                    self.work()
                    self.assertBooked(move)
                    self.assertOneEntry(move)

    def test_words_that_nobody_knows_are_looked_up_before_a_retry(self):
        """Exact's own form, and it has booked all the same."""
        move = self.invoice()
        self.simulator.faults.add(
            'refuse_after', method='POST', resource=ENTRIES, text="Words that nobody knows.",
        )
        export = self.export(move)
        self.assertEqual(export.state, 'refused')
        move.action_exact_retry()
        self.work()
        self.assertBooked(move)
        self.assertOneEntry(move)
        self.assertFalse(export.is_linked, "it is ours")

    def test_a_refusal_is_looked_up_whoever_asks_again(self):
        """Withdrawn and exported anew, the document has a new export, and was asked for before."""
        move = self.invoice()
        self.simulator.faults.add(
            'refuse_after', method='POST', resource=ENTRIES, text="Words that nobody knows.",
        )
        export = self.export(move)
        self.assertEqual(export.state, 'refused')
        move.action_exact_undo()
        self.assertEqual(export.state, 'undone')
        again = self.export(move)
        self.assertNotEqual(again, export)
        self.assertBooked(move)
        self.assertOneEntry(move)

    def test_eight_at_once(self):
        moves = self.union(self.invoice() for _time in range(8))
        self.simulator.faults.add(
            'status_after', method='POST', resource=ENTRIES, times=8, status=413, body='html',
        )
        exports = self.export(moves)
        moves.action_exact_retry()
        for _turn in range(2):
            for export in exports:
                self.age(export)
            self.work()
        for move in moves:
            self.assertBooked(move)
            self.assertOneEntry(move)

    def test_a_refusal_of_exact_costs_one_read_for_many(self):
        moves = self.union(self.invoice() for _time in range(5))
        self.simulator.faults.add(
            'refuse', method='POST', resource=ENTRIES, times=5, text="Words that nobody knows.",
        )
        exports = self.export(moves)
        self.assertEqual(set(exports.mapped('state')), {'refused'})
        for export in exports:
            self.age(export)
        lines = 'bulk/Financial/TransactionLines'
        read = self.requests('GET', lines)
        moves.action_exact_retry()
        self.work()
        for move in moves:
            self.assertBooked(move)
        # The question, the look before sending, what was sent.
        self.assertLessEqual(self.requests('GET', lines) - read, 3)

    # === SLOW === #

    def test_a_booking_slower_than_our_patience(self):
        """Exact needs four minutes; the client gives up after one."""
        move = self.invoice()
        body = self.lost(lambda: self.export(move))
        export = move.exact_export_id
        operation = self.operation(export)
        self.assertEqual(operation.state, 'unknown')
        # The call took a minute of the client's patience.
        started = fields.Datetime.now() - timedelta(minutes=1)
        waits = operation._shown_by(started, fields.Datetime.now()) - started
        self.assertGreater(waits, timedelta(minutes=4))
        with self.division.client() as client:
            client.post(ENTRIES, body)
        self.age(export)
        self.work()
        self.assertBooked(move)
        self.assertOneEntry(move)

    def test_a_moment_in_the_future_is_no_moment(self):
        """Odoo's clock was ahead when Exact was asked: the wait begins when that is noticed."""
        move = self.invoice()
        self.lost(lambda: self.export(move))
        export = move.exact_export_id
        operation = self.operation(export)
        ahead = fields.Datetime.now() + timedelta(days=1)
        operation.write({'asked_at': ahead, 'shown_by': ahead + VISIBILITY})
        self.soon(export)
        self.assertLess(operation.shown_by, fields.Datetime.now() + timedelta(minutes=10))
        self.age(export)
        self.work()
        self.assertBooked(move)

    # === ONE MEMORY === #

    def test_what_is_remembered_of_an_export(self):
        """A line for each thing that Exact was asked for, and none is left open."""
        self.division.send_documents = True
        move = self.invoice()
        export = self.export(move)
        self.assertEqual(
            {(one.verb, one.part.partition('/')[0]): one.state for one in export.operation_ids},
            {
                ('post', 'document'): 'answered', ('upload', 'file'): 'answered',
                ('post', 'entry'): 'done',
            },
        )
        entry = self.operation(export)
        self.assertEqual(entry.exact_guid, export.exact_guid)
        self.assertEqual((export.payload, export.answer), (entry.request, entry.answer))
        upload = export.operation_ids.filtered(lambda one: one.verb == 'upload')
        self.assertNotIn('Attachment', upload.request, "Odoo has the file itself")
        move.action_exact_undo()
        self.work()
        # That the document is gone, too, is yet to be proved.
        over = export.operation_ids.filtered(lambda one: one.state == 'over')
        [left] = export.operation_ids - over
        self.assertEqual((left.verb, left.part, left.state), ('delete', 'document', 'answered'))

    def test_one_of_a_kind_lives_at_a_time(self):
        export = self.export(self.invoice())
        values = {
            'division_id': self.division.id, 'res_model': export._name, 'res_id': export.id,
            'verb': 'reverse', 'part': 'entry',
        }
        operations = self.env['exact.operation'].sudo()
        operations.create(values)._go('ended')
        operations.create(values)
        with (
            mute_logger('odoo.sql_db'), self.assertRaises(UniqueViolation),
            self.env.cr.savepoint(),
        ):
            operations.create(values)

    def test_what_was_asked_and_not_looked_up_is_not_asked_again(self):
        export = self.export(self.invoice())
        operation = self.operation(export)
        operation.sudo().write({'state': 'unknown'})
        with self.division.client() as client, self.assertRaises(life.LifeError):
            export.sudo().ask(client, 'post', 'entry', ENTRIES, {})

    def test_people_read_what_was_asked_and_write_nothing(self):
        export = self.export(self.invoice())
        clerk = new_test_user(
            self.env, 'operations clerk', groups='account.group_account_invoice',
            company_id=self.company.id, company_ids=[(6, 0, self.company.ids)],
        )
        operation = self.operation(export).with_user(clerk).sudo(False)
        self.assertEqual(operation.verb, 'post')
        with self.assertRaises(AccessError):
            operation.write({'state': 'open'})
        with self.assertRaises(AccessError):
            operation.unlink()
