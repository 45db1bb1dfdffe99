"""What people and other workers do while Exact is being asked: nobody's word is overwritten."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.exact_api import odata
from odoo.addons.account_exact.models.document.exact_booking_builder import BookingBuilder

from .test_export_faults import WORKER
from .test_export_typed import ExactTypedCase

DOCUMENTS = 'documents/Documents'


@tagged('post_install', '-at_install')
class TestExportOvertaken(ExactTypedCase):

    def to_be_replaced(self):
        """A booked document whose update books it anew, asked for.

        :return: the document
        """
        self.division.send_documents = True
        move = self.invoice()
        self.export(move)
        self.edited_with_a_line_more_in_exact(move)
        self.assertEqual(move.exact_state, 'changed')
        move.action_exact_update()
        return move

    # === AN UPDATE THAT BOOKS ANEW === #

    def test_lost_answer_between_the_two_deletions(self):
        self._stopped_between_the_two_deletions('cut_before')

    def test_limit_between_the_two_deletions(self):
        self._stopped_between_the_two_deletions('status', status=429)

    def test_outage_between_the_two_deletions(self):
        self._stopped_between_the_two_deletions('status', status=503)

    def _stopped_between_the_two_deletions(self, kind, **options):
        """The entry is gone, its document is not, and Exact's list of deletions is read: our own
        deletion is nobody else's, and nothing is booked twice.
        """
        move = self.to_be_replaced()
        export = move.exact_export_id
        lines = export.entry_line_ids.mapped('exact_guid')
        self.simulator.faults.add(kind, method='DELETE', resource=DOCUMENTS, **options)
        self.work()
        # (A limit that was reached holds for our own question, too.)
        self.env['exact.call'].sudo().search([]).unlink()
        self.assertEqual((export.pending_action, self.entries(move.name)), ('update', {}))
        self.assertTrue(self.env['exact.export.change'].is_being_taken_out(export))
        self.division.sudo().on_deleted(1, lines)
        for _turn in range(3):
            self.soon(export)
        self.assertBooked(move)
        self.assertEqual(list(map(float, self.entries(move.name).values())), [145.2])
        self.assertFalse(self.env['exact.export.change'].is_being_taken_out(export))

    def test_deletion_by_others_is_told_after_a_refused_replacement(self):
        move = self.to_be_replaced()
        export = move.exact_export_id
        lines = export.entry_line_ids.mapped('exact_guid')
        self.simulator.faults.add(
            'refuse', method='DELETE', resource='salesentry/SalesEntries', text="Not today.",
        )
        self.work()
        self.assertFalse(
            export.pending_action or self.env['exact.export.change'].is_being_taken_out(export)
        )
        self.delete(export.exact_guid)
        self.division.sudo().on_deleted(1, lines)
        self.work()
        self.assertEqual(export.state, 'deleted')

    def test_undo_during_a_replacement_takes_it_out(self):
        move = self.to_be_replaced()
        export = move.exact_export_id
        with self.during('delete', 'salesentry/SalesEntries', move.action_exact_undo):
            self.work()
        self.soon(export)
        self.assertEqual((export.state, self.entries(move.name)), ('undone', {}))

    # === AN UPDATE LINE BY LINE === #

    def test_undo_during_an_update_is_next(self):
        move = self.invoice()
        export = self.export(move)
        move.button_draft()
        move.invoice_line_ids[:1].copy({'move_id': move.id, 'price_unit': 20})
        move.action_post()
        self.written_later(move)
        self.work()
        self.assertEqual(export.state, 'changed')
        move.action_exact_update()
        with self.during('post', 'salesentry/SalesEntryLines', move.action_exact_undo):
            self.work()
        self.soon(export)
        self.assertEqual((export.state, self.entries(move.name)), ('undone', {}))

    # === ONE BY ONE === #

    @mute_logger(*WORKER)
    def test_what_is_withdrawn_while_another_fails_stays_withdrawn(self):
        bad, good = self.invoice(1), self.invoice(2)
        (bad | good).action_exact_export()
        build = BookingBuilder.build
        failed = self.env.registry['exact.export.check']._check_failed

        def broken(builder, move, choices=None):
            if move == bad:
                raise KeyError('nobody foresaw this')
            return build(builder, move, choices)

        def withdrawn(check, export, error):
            failed(check, export, error)
            good.action_exact_undo()
            self.env.flush_all()

        with patch.object(BookingBuilder, 'build', broken), patch.object(
            self.env.registry['exact.export.check'], '_check_failed', withdrawn,
        ):
            self.work()
        self.assertEqual((bad | good).mapped('exact_state'), ['blocked', 'undone'])
        self.assertFalse(self.entries(good.name))

    # === DELETED LINES === #

    def test_what_has_no_entry_any_more_stops_nobody(self):
        """Lines that were deleted of an entry that is let go of meanwhile."""
        move, other = self.invoice(10), self.invoice(20)
        self.typed(move)
        self.wizard(move).action_link()
        self.work()
        export = move.exact_export_id
        move.action_exact_undo()
        self.work()
        self.assertEqual((export.state, export.exact_guid), ('undone', False))
        self.export(other)
        self.assertBooked(other)

    def test_what_was_never_seen_is_not_gone(self):
        move = self.invoice()
        export = self.export(move)
        unseen = {'state': 'sent', 'next_try': False, 'verified_at': False}
        proof = self.env.registry['exact.export.proof']
        look = self.env.registry['exact.export.look']
        for sent_at, state in (
            (fields.Datetime.now(), 'sent'),
            (fields.Datetime.now() - timedelta(minutes=20), 'deleted'),
        ):
            export.sudo().write({**unseen, 'sent_at': sent_at})
            with (
                patch.object(proof, 'read_entries', lambda *_args, **_kwargs: {}),
                patch.object(look, 'look', lambda *_args, **_kwargs: None),
            ):
                self.work()
            self.assertEqual(export.state, state)

    # === EDITED IN EXACT === #

    def test_edit_in_exact_is_seen_though_an_undo_waited(self):
        """The undo waits for an hour, and is refused then; the edit came in that hour."""
        move = self.invoice()
        export = self.export(move)
        move.action_exact_undo()
        export.sudo().write({
            'next_try': fields.Datetime.now() + timedelta(hours=1),
            'modified_at': export.modified_at - timedelta(hours=1),
        })
        self.edit(export.exact_guid, YourRef="Another")
        self.look()
        self.assertEqual(export.pending_action, 'undo')
        self.simulator.faults.add(
            'refuse', method='DELETE', resource='salesentry/SalesEntries', text="Not today.",
        )
        self.soon(export)
        self.soon(export)
        self.assertFalse(export.pending_action)
        self.assertEqual(move.exact_state, 'blocked')
        self.assertIn("Another", move.exact_message)

    # === LINKED === #

    def test_own_entry_is_no_double(self):
        """A look through the journals that began before the link noted it as somebody else's."""
        move = self.invoice()
        guid = self.typed(move)
        self.wizard(move).action_link()
        with self.division.client() as client:
            entries = self.env['exact.export.proof'].sudo().read_entries(
                client, self.division.sudo(), {guid}
            )
        self.env['exact.export.journals'].sudo().note_strangers(
            self.division.sudo(), list(entries.values())
        )
        self.work()
        self.assertEqual(move.exact_state, 'verified')
        self.assertFalse(move.exact_export_id.is_double or move.exact_message)

    # === RELATIONS === #

    def test_new_relation_is_made_where_several_have_the_number(self):
        """A person saw both, and wants neither."""
        number = 'NL819901242B01'
        with self.division.client() as client:
            for name in ("Tweede Kans", "Derde Kans"):
                client.post('crm/Accounts', {'Name': name, 'VATNumber': number, 'Status': 'C'})
        self.division.action_refresh()
        self.run_cron('ir_cron_sync')
        partner = self.env['res.partner'].create({'name': "Eerste Kans", 'vat': number})
        move = self.invoice(partner=partner)
        export = self.export(move)
        self.assertEqual(export.finding_ids[:1].code, 'relation_ambiguous')
        self.adjust(move, create_relation=True)
        self.assertBooked(move)
        self.assertEqual(export.relation_id.name, "Eerste Kans")
        with self.division.client() as client:
            rows = client.get(
                'crm/Accounts', select=['ID'], filter=odata.eq('VATNumber', number),
            )
        self.assertEqual(len(rows), 3)

    def test_relation_made_during_the_look_up_is_not_made_again(self):
        """Somebody makes the partner in Exact while we ask whether it is there."""
        partner = self.env['res.partner'].create({'name': "Vierde Kans"})
        move = self.invoice(partner=partner)
        made = []

        def make_it():
            with self.division.client() as client:
                made.append(client.post('crm/Accounts', {'Name': partner.name, 'Status': 'C'}))
            relation = self.env['exact.relation'].sudo().adopt(
                self.division, made[0]['ID'], {'Name': partner.name},
            )
            self.env['exact.partner.mapping'].sudo().remember(self.division, partner, relation)

        with self.during('get', 'crm/Accounts', make_it):
            self.adjust(move, create_relation=True)
        self.assertBooked(move)
        self.assertEqual(move.exact_export_id.relation_id.exact_guid, made[0]['ID'])
        with self.division.client() as client:
            rows = client.get(
                'crm/Accounts', select=['ID'], filter=odata.eq('Name', partner.name),
            )
        self.assertEqual(len(rows), 1)
