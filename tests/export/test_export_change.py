"""What is done to entries after their export: never twice, never the opposite of something else."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.exact_api import ExactClient, odata
from odoo.addons.account_exact.models.export.exact_export_step import MAX_ATTEMPTS

from .test_export_faults import ENTRIES, ExactFaultCase, Killed, die
from .test_export_once import ExactTypedMixin

LINES = 'salesentry/SalesEntryLines'


@tagged('post_install', '-at_install')
class TestExportChange(ExactTypedMixin, ExactFaultCase):

    def later(self, export):
        """Let the worker look again when Exact would show what it was asked for."""
        self.age(export)
        self.work()

    def edited(self, move, price):
        move.button_draft()
        move.invoice_line_ids[:1].price_unit = price
        move.action_post()
        self.written_later(move)
        self.work()

    def amounts(self, move):
        return sorted(map(float, self.entries(move.name).values()))

    def arrive(self, body):
        """What Exact did not answer comes through all the same."""
        with self.division.client() as client:
            client.post(ENTRIES, body)

    def lost_reversal(self, export):
        """Ask for a reversal of which nothing is to be seen yet.

        :return: what Exact was asked for
        """
        body = self.lost(export.move_id.action_exact_reverse)
        self.assertEqual(export.pending_action, 'reverse')
        return body

    # === TWO PEOPLE === #

    def test_new_entry_does_not_cancel_what_another_takes_out(self):
        move = self.invoice()
        export = self.export(move)
        self.edited(move, 120)
        self.assertEqual(export.state, 'changed')
        move.action_exact_undo()
        with self.assertRaisesRegex(UserError, "is being taken out of Exact"):
            move.action_exact_create_new()
        self.work()
        self.assertEqual(export.state, 'undone')
        self.assertFalse(self.entries(move.name))

    # === REVERSAL === #

    def test_reversal_that_is_not_visible_yet_is_not_booked_again(self):
        move = self.invoice()
        export = self.export(move)
        body = self.lost_reversal(export)
        self.soon(export)
        self.assertEqual((export.pending_action, self.amounts(move)), ('reverse', [121]))
        self.assertGreater(export.next_try, fields.Datetime.now())
        self.arrive(body)
        self.soon(export)
        self.assertEqual((export.state, self.amounts(move)), ('undone', [-121, 121]))
        self.assertTrue(export.reversal_guid)

    def test_reversal_that_never_came_is_booked_again(self):
        move = self.invoice()
        export = self.export(move)
        self.lost_reversal(export)
        self.later(export)
        self.assertEqual((export.state, self.amounts(move)), ('undone', [-121, 121]))

    def test_a_relation_whose_worker_died_is_kept_by_the_next(self):
        """Exact has answered, nobody has kept it, and by its name alone no search takes it."""
        move = self.invoice(partner=self.env['res.partner'].create({'name': "Weesrelatie"}))
        move.action_exact_export()
        relations = type(self.env['exact.export.relations'])
        with patch.object(relations, '_adopt_relation', side_effect=Killed):
            self.killed()
        self.work()
        self.assertBooked(move)
        with self.division.client() as client:
            cards = client.get(
                'crm/Accounts', select=['ID'], filter=odata.eq('Name', "Weesrelatie"),
            )
        self.assertEqual(len(cards), 1)

    def test_what_is_being_taken_out_is_not_reversed(self):
        """An update that books anew has the entry deleted; meanwhile somebody asks for the
        opposite: it would stand alone.
        """
        move = self.invoice()
        export = self.export(move)
        self.env['exact.operation'].sudo().create({
            'division_id': self.division.id, 'res_model': export._name, 'res_id': export.id,
            'verb': 'delete', 'part': 'entry', 'state': 'unknown', 'exact_guid': export.exact_guid,
            'asked_at': fields.Datetime.now(),
            'shown_by': fields.Datetime.now() + timedelta(minutes=3),
        })
        export.sudo().pending_action = 'reverse'
        self.work()
        self.assertEqual(self.amounts(move), [121])

    def test_lines_that_were_answered_can_be_asked_for_again(self):
        """A second update before the first was read back."""
        move = self.invoice()
        export = self.export(move)
        change = self.env['exact.export.change'].sudo()
        operations = self.env['exact.operation'].sudo().create([
            {
                'division_id': self.division.id, 'res_model': export._name, 'res_id': export.id,
                'verb': 'post', 'part': f'line/{number}', 'state': 'answered',
            } for number in (1, 2)
        ])
        export.invalidate_recordset(['operation_ids'])
        change._settle_lines(export.sudo(), 2)
        self.assertEqual(operations.mapped('state'), ['done', 'open'])

    def test_refused_reversal_leaves_no_doubt(self):
        move = self.invoice()
        export = self.export(move)
        self.simulator.faults.add('refuse', method='POST', resource=ENTRIES, text="Not today.")
        move.action_exact_reverse()
        self.work()
        self.assertEqual(self.operation(export, 'reverse').state, 'refused')
        self.assertIn("does not take the reversal", move.exact_message)
        self.assertIn('reverse', move.exact_buttons)
        move.action_exact_reverse()
        self.work()
        self.assertEqual((export.state, self.amounts(move)), ('undone', [-121, 121]))

    def test_undo_after_a_reversal_without_answer_leaves_nothing_behind(self):
        move = self.invoice()
        export = self.export(move)
        body = self.lost_reversal(export)
        move.action_exact_undo()
        self.soon(export)
        self.assertEqual((export.pending_action, self.amounts(move)), ('undo', [121]))
        self.arrive(body)
        self.soon(export)
        self.assertEqual(export.state, 'undone')
        self.assertEqual(sum(self.amounts(move)), 0)

    def test_undo_goes_on_where_the_reversal_never_came(self):
        move = self.invoice()
        export = self.export(move)
        self.lost_reversal(export)
        move.action_exact_undo()
        self.later(export)
        self.assertEqual((export.state, self.amounts(move)), ('undone', []))

    def test_update_after_a_reversal_without_answer_leaves_the_reversal(self):
        move = self.invoice()
        export = self.export(move)
        body = self.lost_reversal(export)
        self.arrive(body)
        export.sudo().pending_action = False
        self.edited(move, 120)
        move.action_exact_update()
        self.soon(export)
        self.assertEqual((export.state, self.amounts(move)), ('undone', [-121, 121]))

    def test_no_new_entry_while_a_reversal_may_come(self):
        move = self.invoice()
        export = self.export(move)
        self.lost_reversal(export)
        export.sudo().write({'pending_action': False, 'state': 'changed'})
        with self.assertRaisesRegex(UserError, "looked up first"):
            move.action_exact_create_new()
        self.assertEqual(export.state, 'changed')

    def test_what_was_deleted_in_exact_is_not_reversed(self):
        move = self.invoice()
        export = self.export(move)
        self.control('delete_entry', entry=export.exact_guid)
        export.sudo().sent_at -= timedelta(hours=1)
        move.action_exact_reverse()
        self.work()
        self.assertEqual((export.state, export.pending_action), ('deleted', False))
        self.assertEqual(self.amounts(move), [])

    def test_what_was_edited_in_exact_is_not_reversed_as_it_was(self):
        move = self.invoice()
        export = self.export(move)
        self.control('edit_entry', entry=export.exact_guid, lines={1: {'AmountFC': 90}})
        [before] = self.amounts(move)
        move.action_exact_reverse()
        self.work()
        self.assertEqual(self.amounts(move), [before])
        self.assertEqual((export.state, move.exact_state), ('sent', 'blocked'))
        self.assertIn("would not offset it", " ".join(export.finding_ids.mapped('message')))

    # === UPDATE === #

    def add_line(self, move):
        move.button_draft()
        move.invoice_line_ids = [(0, 0, {
            'name': "More", 'quantity': 1, 'price_unit': 50,
            'tax_ids': [(6, 0, self.tax_21.ids)], 'account_id': self.revenue.id,
        })]
        move.action_post()
        self.written_later(move)
        self.work()
        self.assertEqual(move.exact_state, 'changed')

    def test_new_line_without_answer_is_not_sent_again(self):
        move = self.invoice()
        export = self.export(move)
        self.add_line(move)
        asked = []
        post = ExactClient.post

        def kept(client, resource, body):
            if resource == LINES:
                asked.append(body)
            return post(client, resource, body)

        self.simulator.faults.add('cut_before', method='POST', resource=LINES)
        move.action_exact_update()
        with patch.object(ExactClient, 'post', kept):
            self.work()
            self.soon(export)
        self.assertEqual((len(asked), export.pending_action), (1, 'update'))
        with self.division.client() as client:
            client.post(LINES, asked[0])
        self.later(export)
        self.work()
        self.assertBooked(move)
        self.assertEqual(self.amounts(move), [181.5])

    def test_update_that_died_behind_a_new_line_is_finished(self):
        move = self.invoice()
        export = self.export(move)
        self.add_line(move)
        move.action_exact_update()
        with self.during('post', LINES, die):
            self.killed()
        self.later(export)
        self.work()
        self.assertBooked(move)
        self.assertEqual(self.amounts(move), [181.5])

    # === WHO ASKS FOR WHAT === #

    def test_an_undo_is_not_lost_to_an_update(self):
        move = self.invoice()
        export = self.export(move)
        self.edited(move, 120)
        move.action_exact_undo()
        for action in (move.action_exact_update, move.action_exact_reverse):
            with self.assertRaisesRegex(UserError, "being taken out of Exact"):
                action()
        self.work()
        self.assertEqual((export.state, self.amounts(move)), ('undone', []))

    def test_what_is_not_booked_is_not_said_to_be_reversed(self):
        self.division.hold = True
        move = self.invoice()
        self.export(move)
        for action in (move.action_exact_update, move.action_exact_reverse):
            with self.assertRaisesRegex(UserError, "None of these documents is booked"):
                action()

    def test_edit_is_seen_though_the_undo_was_refused(self):
        move = self.invoice()
        export = self.export(move)
        move.action_exact_undo()
        move.button_draft()
        move.invoice_line_ids.price_unit = 120
        move.action_post()
        self.written_later(move)
        self.simulator.faults.add('refuse', method='DELETE', resource=ENTRIES, text="Not today.")
        self.work()
        self.work()
        self.assertEqual((export.state, export.pending_action), ('changed', False))

    @mute_logger('odoo.addons.account_exact.models.export.exact_export_change')
    def test_reversal_without_answer_ends_with_a_person(self):
        move = self.invoice()
        export = self.export(move)
        self.simulator.faults.add('cut_before', method='POST', resource=ENTRIES, times=None)
        move.action_exact_reverse()
        self.work()
        for _try in range(MAX_ATTEMPTS):
            self.later(export)
        self.assertFalse(export.pending_action)
        self.simulator.faults.clear()
        move.action_exact_reverse()
        self.later(export)
        self.assertEqual((export.state, self.amounts(move)), ('undone', [-121, 121]))

    # === EDITED IN EXACT === #

    def look(self):
        """Another document is sent, so that the journals are looked through."""
        self.env['exact.export.queue'].sudo().search([]).looked_at = False
        self.export(self.invoice(7))
        self.work()

    def edited_in_exact(self, export, amount):
        self.simulator.clock.freeze(self.simulator.clock() + timedelta(minutes=1))
        self.addCleanup(self.simulator.clock.resume)
        self.control('edit_entry', entry=export.exact_guid, lines={1: {'AmountFC': amount}})

    def test_what_is_edited_in_exact_after_its_proof_is_not_called_verified(self):
        move = self.invoice()
        export = self.export(move)
        self.assertBooked(move)
        messages = move.message_ids
        self.look()
        self.assertEqual((move.exact_state, move.message_ids), ('verified', messages))
        self.edited_in_exact(export, 90)
        self.look()
        self.assertEqual(move.exact_state, 'blocked')
        self.assertIn('read_back', export.finding_ids.mapped('code'))
        # The accountant puts it right: nobody has to press anything.
        self.edited_in_exact(export, 100)
        self.look()
        self.assertBooked(move)
        self.assertEqual(move.message_ids, messages)

    # === ENTRIES OF OTHERS === #

    def test_what_somebody_else_booked_is_not_updated(self):
        move = self.invoice()
        guid = self.typed(move)
        self.wizard(move).action_link()
        self.work()
        self.assertEqual(move.exact_state, 'verified')
        self.edited(move, 120)
        self.work()
        # The entry is compared with what the document says now.
        self.assertEqual(move.exact_state, 'blocked')
        with self.assertRaisesRegex(UserError, "booked in Exact by somebody else"):
            move.action_exact_update()
        self.control('edit_entry', entry=guid, lines={1: {'AmountFC': 120}})
        move.action_exact_retry()
        self.work()
        self.assertEqual((move.exact_state, move.exact_export_id.exact_guid), ('verified', guid))

    def test_entry_that_was_let_go_of_is_asked_about_whatever_its_reference(self):
        move = self.invoice()
        guid = self.typed(move, YourRef='the accountant\'s own')
        wizard = self.wizard(move)
        wizard.line_ids.is_chosen = True
        wizard.action_link()
        self.work()
        self.assertEqual((move.exact_state, move.exact_export_id.exact_guid), ('verified', guid))
        move.action_exact_undo()
        self.work()
        self.export(move)
        self.work()
        self.assertEqual(
            (move.exact_state, move.exact_export_id.finding_ids.mapped('code')),
            ('blocked', ['entry_exists']),
        )
        self.assertEqual(self.amounts(move), [])
        # The accountant deletes it: then there is nothing to ask about any more.
        self.control('delete_entry', entry=guid)
        move.action_exact_retry()
        self.work()
        self.work()
        self.assertBooked(move)

    def assert_typed_stays(self, **values):
        """What is found before it was asked for is adopted, and let go of by an undo."""
        self.connection.explore()
        move = self.invoice()
        self.ready(move)
        guid = self.typed(move, **values)
        self.env['exact.export.queue'].sudo().search([]).looked_at = False
        self.work()
        self.work()
        export = move.exact_export_id
        self.assertEqual((export.exact_guid, move.exact_state), (guid, 'verified'))
        move.action_exact_undo()
        self.work()
        self.assertEqual((export.state, list(self.entries(move.name))), ('undone', [guid]))

    def test_adopted_entry_that_was_never_asked_for_stays_in_exact(self):
        self.assert_typed_stays()

    def test_bookkeeper_who_is_our_user_types_what_is_theirs(self):
        """In small companies the person who consented types entries, too."""
        self.assert_typed_stays(user='jan')

    def test_entry_that_only_exact_remembers_is_ours_by_its_maker(self):
        """A backup is restored: what we sent is found again, and is ours to take back."""
        self.connection.explore()
        move = self.invoice()
        first = self.export(move)
        guid = first.exact_guid
        first.flush_recordset()
        self.env.cr.execute("DELETE FROM exact_export WHERE id = %s", [first.id])
        self.restored()
        self.env.invalidate_all()
        self.export(move)
        self.work()
        self.assertEqual((move.exact_export_id.exact_guid, move.exact_state), (guid, 'verified'))
        move.action_exact_undo()
        self.work()
        self.assertEqual((move.exact_state, self.amounts(move)), ('undone', []))

    def test_booked_beside_is_never_adopted(self):
        """A person said that the entry is another's, and then the answer was lost."""
        move = self.invoice()
        guid = self.typed(move, EntryDate='2026-01-16')
        self.env['exact.export.queue'].sudo().search([]).looked_at = False
        wizard = self.wizard(move)
        wizard.action_book_beside()
        self.simulator.faults.add('cut_before', method='POST', resource=ENTRIES)
        self.work()
        export = move.exact_export_id
        self.assertEqual(export.state, 'uncertain')
        self.age(export)
        self.work()
        self.work()
        self.assertEqual(move.exact_state, 'verified')
        self.assertNotEqual(export.exact_guid, guid)
        self.assertEqual(len(self.entries(move.name)), 2)
