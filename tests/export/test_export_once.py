"""One entry per document: whoever booked it, whatever was forgotten or came late."""

from datetime import timedelta
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.exact_api import ExactClient
from odoo.addons.account_exact.models.base.exact_clock import VISIBILITY
from odoo.addons.account_exact.models.document.exact_booking_builder import Problem
from odoo.addons.account_exact.models.export import exact_export_send
from odoo.addons.account_exact.wizards import exact_link_wizard
from odoo.addons.base.models import ir_cron

from .test_export_faults import ENTRIES, WORKER, ExactFaultCase, Killed, die


class ExactTypedMixin:
    """An accountant who types documents into Exact by hand."""

    def typed(self, move, *, user='emma', **values):
        """An accountant books this document in Exact by hand."""
        return self.simulator.control.run('add_entry', {
            'kind': 'sale', 'values': {**self.typed_values(move), **values}, 'user': user,
        })['EntryID']

    def typed_values(self, move):
        return {
            'Customer': self.relation(move), 'Journal': '70', 'YourRef': move.name,
            'EntryDate': '2026-01-15', 'ReportingYear': 2026, 'ReportingPeriod': 1,
            'SalesEntryLines': [{
                'GLAccount': self.env['exact.account.mapping'].search([
                    ('division_id', '=', self.division.id), ('account_id', '=', self.revenue.id),
                ]).gl_account_id.exact_guid,
                'AmountFC': move.amount_untaxed, 'VATCode': self.env['exact.tax.mapping'].search([
                    ('division_id', '=', self.division.id), ('tax_id', '=', self.tax_21.id),
                ]).vat_code_id.code,
            }],
        }

    def restored(self):
        """The database is a backup of a minute ago."""
        self.env['exact.export.queue'].sudo().search([]).write({
            'looked_in': "another",
            'looked_until': fields.Datetime.now() - timedelta(minutes=1),
        })

    def relation(self, move):
        """The relation of the partner in Exact, made by a first export."""
        mapping = self.env['exact.partner.mapping'].search([
            ('division_id', '=', self.division.id), ('partner_id', '=', move.partner_id.id),
        ])
        if not mapping.relation_id:
            self.export(self.invoice(1, partner=move.partner_id))
            mapping = self.env['exact.partner.mapping'].search([
                ('division_id', '=', self.division.id), ('partner_id', '=', move.partner_id.id),
            ])
        return mapping.relation_id.exact_guid

    def ready(self, move):
        """Have a document checked, and not sent yet; its partner is known in Exact."""
        self.relation(move)
        move.action_exact_export()
        with patch.object(type(self.env['exact.export.send']), 'send_ready', return_value=False):
            self.work()
        self.assertEqual(move.exact_export_id.state, 'ready')

    def wizard(self, moves):
        action = moves.action_exact_link()
        return self.env['exact.link.wizard'].browse(action['res_id'])


@tagged('post_install', '-at_install')
class TestExportOnce(ExactTypedMixin, ExactFaultCase):

    def forget(self, export):
        """A backup is restored that is older than this export."""
        export.flush_recordset()
        self.env.cr.execute("DELETE FROM exact_export WHERE id = %s", [export.id])
        self.env['exact.export.queue'].sudo().search([]).write({
            'looked_at': False, 'looked_until': False,
        })
        self.env.invalidate_all()

    # === CRASHES === #

    def test_worker_that_died_before_asking_has_done_nothing(self):
        """Nothing was asked, so nothing has to be looked up or waited for."""
        self.division.send_documents = True
        move = self.invoice()
        move.action_exact_export()
        with patch.object(type(move), '_exact_files', side_effect=Killed):
            self.killed()
        export = move.exact_export_id
        self.assertFalse(self.operation(export))
        self.division.send_documents = False
        self.work()
        self.assertBooked(move)
        self.assertNotIn('look_up', export.attempt_ids.mapped('action'))
        self.assertEqual(len(self.entries(move.name)), 1)

    def test_worker_that_died_after_asking_finds_its_entry_at_once(self):
        move = self.invoice()
        move.action_exact_export()
        self.relation(move)
        with self.during('post', ENTRIES, die):
            move.action_exact_undo()
            self.work()
            move.action_exact_export()
            self.killed()
        self.assertEqual(move.exact_export_id.state, 'sending')
        self.work()
        self.assertBooked(move)
        self.assertEqual(len(self.entries(move.name)), 1)

    def test_what_cannot_be_seen_yet_is_not_sent_again(self):
        """The request is on its way still: Exact shows nothing, and that means nothing."""
        self.simulator.faults.add('cut_before', method='POST', resource=ENTRIES)
        move = self.invoice()
        export = self.export(move)
        self.assertEqual(export.state, 'uncertain')
        export.sudo().next_try = False
        self.work()
        self.assertEqual(export.state, 'uncertain')
        self.assertGreater(export.next_try, fields.Datetime.now())
        # It arrives while we wait.
        with self.division.client() as client:
            client.post(ENTRIES, self.payload(export))
        self.age(export)
        self.work()
        self.assertBooked(move)
        self.assertEqual(len(self.entries(move.name)), 1)

    # === RESTORED BACKUP === #

    def test_restored_backup_books_nothing_twice(self):
        moves = self.invoice(1) | self.invoice(2) | self.invoice(3)
        exports = self.export(moves)
        before = {export.move_id: export.exact_guid for export in exports}
        for export in exports:
            self.forget(export)
        self.assertEqual(set(moves.mapped('exact_state')), {'not_exported'})
        moves.action_exact_export()
        self.work()
        self.work()
        for move in moves:
            self.assertBooked(move)
            self.assertEqual(move.exact_export_id.exact_guid, before[move])
            self.assertEqual(len(self.entries(move.name)), 1)

    def test_what_was_ready_in_the_backup_is_not_sent_again(self):
        move = self.invoice()
        self.ready(move)
        self.env['exact.export.queue'].sudo().search([]).looked_at = False
        # What was sent after the backup is in Exact only.
        guid = self.typed(move)
        self.work()
        self.work()
        self.assertEqual(list(self.entries(move.name)), [guid])

    def test_reversal_after_the_backup_is_not_booked_again(self):
        """The backup remembers that it was asked for, Exact has it already."""
        move = self.invoice()
        export = self.export(move)
        move.action_exact_reverse()
        self.work()
        self.assertEqual(sorted(self.entries(move.name).values()), [-121, 121])
        export.sudo().attempt_ids.filtered(
            lambda attempt: attempt.action in ('reverse', 'undo'),
        ).unlink()
        export.sudo().write({
            'state': 'verified', 'pending_action': 'reverse', 'reversal_guid': False,
            'reversal_number': 0,
        })
        with patch.object(
            type(self.env['exact.export.queue']), '_present_database', return_value="another",
        ):
            self.work()
        self.assertEqual(sorted(self.entries(move.name).values()), [-121, 121])

    def test_backup_of_a_minute_ago_is_not_trusted(self):
        """It remembers a look through the journals that is new, but older than what was sent."""
        move = self.invoice()
        self.ready(move)
        guid = self.typed(move)
        queue = self.env['exact.export.queue'].sudo().of(self.division)
        self.assertGreater(queue.looked_at, fields.Datetime.now() - timedelta(minutes=5))
        with patch.object(type(queue), '_present_database', return_value="another"):
            self.work()
            self.work()
        self.assertEqual(list(self.entries(move.name)), [guid])
        self.assertEqual(queue.looked_in, "another")

    def test_a_database_is_told_from_its_copy(self):
        queue = self.env['exact.export.queue']
        self.env.cr.execute("SELECT oid FROM pg_database WHERE datname = current_database()")
        [oid] = self.env.cr.fetchone()
        present = queue._present_database()
        self.assertEqual(present.split()[0], str(oid))
        self.assertGreater(float(present.split()[1]), 1e9)
        self.assertEqual(present, queue._present_database())

    def test_a_database_is_told_from_itself_before_a_backup_was_put_back(self):
        """With other data in the same tables, and no restart of PostgreSQL."""
        queue = self.env['exact.export.queue']
        present = queue._present_database()
        self.env.cr.execute("TRUNCATE exact_export CASCADE")
        self.assertNotEqual(present, queue._present_database())

    def test_what_was_sent_before_the_backup_is_ours_however_it_was_booked(self):
        """An accountant has put the entry right since: nobody is asked whose it is."""
        self.connection.explore()
        move = self.invoice()
        export = self.export(move)
        guid = export.exact_guid
        self.control('edit_entry', entry=guid, header={'DueDate': '2026-03-31'})
        self.forget(export)
        self.restored()
        self.export(move)
        self.work()
        export = move.exact_export_id
        self.assertEqual((export.exact_guid, export.state), (guid, 'sent'))
        self.assertEqual(move.exact_state, 'blocked')
        self.assertEqual(set(export.finding_ids.mapped('code')), {'read_back'})
        self.assertEqual(len(self.entries(move.name)), 1)

    def test_documents_that_are_alike_never_share_an_entry(self):
        """Two parking receipts, one of them booked, both without an answer."""
        self.export(self.document('in_invoice', [(1, self.tax_in_21)], ref='the vendor is known'))
        bills = self.env['account.move'].union(*(
            self.document('in_receipt', [(3, self.tax_in_21)], ref='parking') for _each in '12'
        ))
        # Where Exact refuses what looks the same there would be no second entry
        self.switch(duplicate_purchase='accept')
        bill_entries = 'purchaseentry/PurchaseEntries'
        self.simulator.faults.add('cut_after', method='POST', resource=bill_entries)
        self.simulator.faults.add('cut_before', method='POST', resource=bill_entries, skip=1)
        exports = self.export(bills)
        self.assertEqual(exports.mapped('state'), ['uncertain'] * 2)
        for _look in range(3):
            for export in exports.filtered(lambda export: export.state == 'uncertain'):
                self.age(export)
            self.work()
        self.assertEqual(exports.mapped('state'), ['verified'] * 2)
        self.assertEqual(len(set(exports.mapped('exact_guid'))), 2)

    # === WHAT IS NOT THIS DOCUMENT'S === #

    def in_doubt(self):
        """A document that Exact was asked for and does not have, which nobody knows yet."""
        move = self.invoice()
        self.relation(move)
        self.simulator.faults.add('cut_before', method='POST', resource=ENTRIES)
        self.assertEqual(self.export(move).state, 'uncertain')
        return move

    def asked_which(self, move, typed):
        """A person is asked about what was found; Exact has nothing else of this document."""
        export = move.exact_export_id
        self.assertEqual(
            (export.state, export.exact_guid, export.finding_ids.mapped('code')),
            ('refused', False, ['entry_exists']),
        )
        self.assertEqual(list(self.entries(move.name)), [typed])

    def test_doubt_never_ends_with_another_amount(self):
        """Somebody used our number for something else, long after we asked."""
        move = self.in_doubt()
        self.age(move.exact_export_id)
        typed = self.typed(self.invoice(90), YourRef=move.name)
        self.work()
        self.asked_which(move, typed)
        self.assertIn("108.90", move.exact_message)

    def test_doubt_never_ends_with_another_currency(self):
        """Not even while we were waiting: Exact makes no dollars of what was sent in euros."""
        move = self.in_doubt()
        self.simulator.clock.freeze(self.simulator.clock() - timedelta(minutes=1))
        self.addCleanup(self.simulator.clock.resume)
        typed = self.typed(move, Currency='USD', Rate=1)
        # It was made in the time in which ours could have been, which is over just now.
        self.asked_long_ago(move.exact_export_id, VISIBILITY.total_seconds() / 60)
        move.exact_export_id.sudo().next_try = False
        self.work()
        self.asked_which(move, typed)

    def test_doubt_never_ends_with_another_relation(self):
        """Equal in all but whose it is: it is somebody else's, and ours is booked."""
        other = self.env['res.partner'].create({'name': "Bakker B.V.", 'is_company': True})
        move = self.in_doubt()
        typed = self.typed(move, Customer=self.relation(self.invoice(1, partner=other)))
        self.age(move.exact_export_id)
        self.work()
        self.assertBooked(move)
        self.assertNotEqual(move.exact_export_id.exact_guid, typed)
        self.assertEqual(len(self.entries(move.name)), 2)

    def test_new_partner_is_never_taken_for_the_relation_of_an_entry(self):
        """Who has no relation yet can be any: that is asked, not supposed."""
        typed_of = self.invoice()
        self.relation(typed_of)
        partner = self.env['res.partner'].create({'name': "Bakker B.V.", 'is_company': True})
        move = self.invoice(partner=partner)
        typed = self.typed(typed_of, YourRef=move.name)
        self.env['exact.export.queue'].sudo().search([]).looked_at = False
        self.export(move)
        self.work()
        self.asked_which(move, typed)

    def test_what_was_never_asked_for_is_ours_only_if_it_is_equal(self):
        """The same reference, relation and total, booked as something else: a person looks."""
        move = self.invoice()
        self.relation(move)
        ledger = self.master('exact.gl.account', [
            ('gl_type', '=', 110), ('is_blocked', '=', False), ('use_cost_center', '=', '0'),
            ('use_cost_unit', '=', '0'), ('code', '!=', self.revenue.code),
        ])
        [line] = self.typed_values(move)['SalesEntryLines']
        typed = self.typed(move, SalesEntryLines=[{**line, 'GLAccount': ledger.exact_guid}])
        self.env['exact.export.queue'].sudo().search([]).looked_at = False
        self.export(move)
        self.work()
        self.asked_which(move, typed)
        self.assertFalse(self.operation(move.exact_export_id))

    # === TYPED BY AN ACCOUNTANT === #

    def test_an_entry_is_linked_to_one_document_only(self):
        known = self.document('in_invoice', [(50, self.tax_in_21)], ref='the vendor is known')
        self.export(known)
        bills = self.env['account.move'].union(*(
            self.document('in_invoice', [(80, self.tax_in_21)], ref=ref) for ref in ('A-1', 'A-2')
        ))
        export = known.exact_export_id
        line = self.payload(export)['PurchaseEntryLines'][0]
        for _entry in range(2):
            self.simulator.control.run('add_entry', {'kind': 'purchase', 'values': {
                'Supplier': export.relation_id.exact_guid, 'Journal': export.journal_id.code,
                'EntryDate': '2026-01-15', 'ReportingYear': 2026, 'ReportingPeriod': 1,
                'PurchaseEntryLines': [{
                    'GLAccount': line['GLAccount'], 'AmountFC': 80, 'VATCode': line['VATCode'],
                }],
            }})
        wizard = self.wizard(bills)
        [guid, *_others] = wizard.line_ids.mapped('exact_guid')
        chosen = wizard.line_ids.filtered(lambda line: line.exact_guid == guid)
        self.assertEqual(len(chosen.move_id), 2)
        chosen.is_chosen = True
        with self.assertRaises(UserError):
            wizard.action_link()

    def test_an_entry_that_was_linked_meanwhile_is_not_linked_again(self):
        """Two people look at the same moment, each for a document of their own."""
        first = self.invoice(10)
        second = self.invoice(10)
        guid = self.typed(first, YourRef='')
        wizards = [self.wizard(move) for move in (first, second)]
        for wizard in wizards:
            self.assertEqual(wizard.line_ids.exact_guid, guid)
            wizard.line_ids.is_chosen = True
        wizards[0].action_link()
        with self.assertRaisesRegex(UserError, "belongs to another document by now"):
            wizards[1].action_link()
        self.work()
        self.assertEqual(
            (first | second).mapped('exact_state'), ['verified', 'not_exported'],
        )
        # And where neither transaction sees the other, the database does.
        with mute_logger('odoo.sql_db'), self.assertRaises(IntegrityError):
            self.export(second)
            second.exact_export_id.sudo().write({'exact_guid': guid, 'is_linked': True})
            self.env.flush_all()

    def test_other_amount_under_our_number_is_a_question(self):
        move = self.invoice()
        self.typed(self.invoice(90), YourRef=move.name)
        self.env['exact.export.queue'].sudo().search([]).looked_at = False
        export = self.export(move)
        self.work()
        self.assertEqual((move.exact_state, export.finding_ids.mapped('code')), (
            'blocked', ['entry_exists'],
        ))
        self.assertIn("108.90", move.exact_message)
        self.assertEqual(len(self.entries(move.name)), 1)
        # Who withdraws it leaves that entry where it is, and can read so later.
        with self.env.cr.savepoint() as savepoint:
            move.action_exact_undo()
            self.assertEqual(export.state, 'undone')
            self.assertIn("108.90", move.message_ids[0].body)
            savepoint.rollback()
        self.env.invalidate_all()
        # Retrying does not change it; a person decides.
        move.action_exact_retry()
        self.work()
        self.assertEqual(move.exact_state, 'blocked')
        wizard = self.wizard(move)
        self.assertEqual(wizard.line_ids.how, 'differs')
        wizard.line_ids.is_chosen = True
        with self.assertRaisesRegex(UserError, "another amount or relation"):
            wizard.action_link()
        wizard.action_book_beside()
        self.work()
        self.assertBooked(move)
        self.assertEqual(
            sorted(map(float, self.entries(move.name).values())), [108.9, 121],
        )

    def test_typed_entries_are_shown_then_linked(self):
        first, second, third = self.invoice(10), self.invoice(20), self.invoice(30)
        guid = self.typed(first)
        # Without a reference, on the same day.
        loose = self.typed(second, YourRef='', Journal='71')
        wizard = self.wizard(first | second | third)
        lines = {line.move_id: line for line in wizard.line_ids}
        self.assertEqual(
            {move: (line.how, line.is_chosen) for move, line in lines.items()},
            {first: ('equal', True), second: ('date', False)},
        )
        self.assertEqual(wizard.missing_count, 1)
        self.assertFalse((first | second | third).exact_export_ids, "nothing before the button")
        lines[second].is_chosen = True
        wizard.action_link()
        posts = self.requests('POST', ENTRIES)
        self.work()
        self.assertEqual(self.requests('POST', ENTRIES), posts, "nothing is sent")
        for move, entry in ((first, guid), (second, loose)):
            self.assertEqual((move.exact_state, move.exact_export_id.exact_guid), (
                'verified', entry,
            ))
        self.assertIn("Linked to entry", first.message_ids[0].body)
        # Undo lets go of it; it is the accountant's entry.
        first.action_exact_undo()
        self.assertIn("stays in Exact", first.exact_message)
        self.work()
        self.assertEqual(first.exact_state, 'undone')
        self.assertIn(guid, self.entries(first.name))
        # And exporting finds it again instead of booking it once more.
        self.export(first)
        self.work()
        self.assertEqual(list(self.entries(first.name)), [guid])

    def test_what_somebody_else_booked_stays_and_the_undo_says_so(self):
        linked, booked, waiting = self.invoice(10), self.invoice(20), self.invoice(30)
        guid = self.typed(linked, Journal='71')
        self.wizard(linked).action_link()
        self.export(booked)
        waiting.action_exact_export()
        waiting.exact_export_id.sudo().state = 'uncertain'
        self.assertEqual(linked.exact_state, 'verified')
        self.assertEqual(linked.exact_export_id.exact_guid, guid)
        with self.assertRaisesRegex(UserError, "Reverse it there, or undo the link"):
            linked.action_exact_reverse()
        for move in (linked, booked):
            move.exact_export_id.sudo()._set_findings([
                Problem('already_processed', 'warns', {'message': "Reeds verwerkt"}),
            ])
        self.assertNotIn('reverse', linked.exact_buttons)
        self.assertIn('reverse', booked.exact_buttons)
        wizard = self.env['exact.undo.wizard'].with_context(
            exact_move_ids=(linked | booked | waiting).ids,
        ).create({'reverse': True})
        self.assertEqual(wizard.line_ids.mapped('will'), ['let_go', 'delete', 'wait'])
        self.assertEqual(wizard.undo_count, 2, "of what is being sent nothing is undone")
        wizard.action_undo()
        waiting.exact_export_id.sudo().state = 'proposed'
        self.work()
        self.assertEqual((linked | booked).mapped('exact_state'), ['undone'] * 2)
        self.assertIn(guid, self.entries(linked.name))
        self.assertTrue(booked.exact_export_id.reversal_guid)
        self.assertFalse(linked.exact_export_id.reversal_guid)

    def test_link_is_of_what_is_ticked(self):
        move = self.invoice()
        self.typed(move)
        wizard = self.wizard(move)
        wizard.line_ids.is_chosen = False
        with self.assertRaisesRegex(UserError, "Tick the documents to link first"):
            wizard.action_link()
        self.assertFalse(move.exact_export_ids)

    def test_a_document_is_linked_to_one_entry_only(self):
        move = self.invoice()
        for _entry in range(2):
            self.typed(move)
        wizard = self.wizard(move)
        self.assertEqual(wizard.line_ids.mapped('how'), ['several'] * 2)
        wizard.line_ids.is_chosen = True
        with self.assertRaisesRegex(UserError, "A document can be linked to one entry only"):
            wizard.action_link()
        self.assertFalse(move.exact_export_ids)

    def test_looked_for_are_posted_documents_that_were_not_sent(self):
        draft, booked, waiting = self.invoice(post=False), self.invoice(), self.invoice()
        self.export(booked)
        waiting.action_exact_export()
        waiting.exact_export_id.sudo().state = 'uncertain'
        nothing = self.env['account.move']
        calls = self.simulator.store.query('SELECT COUNT(*) FROM call')
        for moves in (nothing, draft, booked, waiting, draft | booked | waiting):
            with self.subTest(moves=moves), self.assertRaisesRegex(
                UserError, "Choose posted documents that have not been exported",
            ):
                moves.action_exact_link()
        self.assertEqual(self.simulator.store.query('SELECT COUNT(*) FROM call'), calls)

    def test_looked_for_is_in_the_administration_of_one_company(self):
        other = self.setup_other_company(name="Elders B.V.")
        self.env.user.company_ids |= other['company']
        theirs = self.env['account.move'].with_company(other['company']).create({
            'move_type': 'entry', 'journal_id': other['default_journal_misc'].id,
            'date': '2026-01-15', 'line_ids': [
                Command.create({
                    'name': "Memo", side: 5,
                    'account_id': other[f'default_account_{account}'].id,
                })
                for side, account in (('debit', 'expense'), ('credit', 'revenue'))
            ],
        })
        theirs.action_post()
        calls = self.simulator.store.query('SELECT COUNT(*) FROM call')
        for moves in (theirs, self.invoice() | theirs):
            with self.assertRaisesRegex(UserError, "one company that is linked to Exact"):
                moves.with_context(
                    allowed_company_ids=(self.company | other['company']).ids,
                ).action_exact_link()
        self.assertEqual(self.simulator.store.query('SELECT COUNT(*) FROM call'), calls)

    def test_looked_for_is_what_a_person_can_look_through(self):
        moves = self.invoice(1) | self.invoice(2)
        with patch.object(exact_link_wizard, 'MAX_DOCUMENTS', 1), self.assertRaisesRegex(
            UserError, "These are 2 documents. Choose at most 1 at a time",
        ):
            moves.action_exact_link()

    def test_booked_beside_is_one_document(self):
        """Of several that were looked for nobody knows which is meant: say so, not that it is done.
        """
        moves = self.invoice(1) | self.invoice(2)
        for move in moves:
            self.typed(move)
        with self.assertRaises(UserError):
            self.wizard(moves).action_book_beside()

    def test_what_changed_since_it_was_looked_for_is_not_linked(self):
        move = self.invoice()
        guid = self.typed(move)
        wizard = self.wizard(move)
        move.button_draft()
        move.invoice_line_ids.price_unit = 120
        move.action_post()
        with self.assertRaisesRegex(UserError, "was changed meanwhile. Look for its entry again"):
            wizard.action_link()
        self.assertNotIn(guid, move.exact_export_ids.mapped('exact_guid'))

    def test_what_is_on_its_way_is_not_linked(self):
        """Somebody exported it while the entries were looked at."""
        move = self.invoice()
        guid = self.typed(move)
        wizard = self.wizard(move)
        move.action_exact_export()
        export = move.exact_export_id
        for values in (
            {'state': 'sending'}, {'state': 'uncertain'},
            {'state': 'verified', 'exact_guid': '00000000-0000-4000-8000-000000000001'},
        ):
            export.sudo().write(values)
            with self.subTest(values=values), self.assertRaisesRegex(
                UserError, "is on its way to Exact by now",
            ):
                wizard.action_link()
            self.assertNotEqual(export.exact_guid, guid)

    def test_linked_entry_of_another_amount_is_never_verified(self):
        move = self.invoice()
        guid = self.typed(move)
        wizard = self.wizard(move)
        wizard.action_link()
        self.simulator.control.run('edit_entry', {'entry': guid, 'lines': {1: {'AmountFC': 99}}})
        self.work()
        self.assertEqual(move.exact_state, 'blocked')
        self.assertTrue(move.exact_export_id.has_difference)

    def test_several_entries_are_all_named(self):
        move = self.invoice()
        self.relation(move)
        self.simulator.faults.add('cut_before', method='POST', resource=ENTRIES)
        export = self.export(move)
        self.assertEqual(export.state, 'uncertain')
        with self.division.client() as client:
            numbers = [client.post(ENTRIES, self.payload(export))['EntryNumber'] for _i in range(2)]
        self.age(export)
        self.work()
        self.assertEqual(export.state, 'refused')
        for number in numbers:
            self.assertIn(str(number), move.exact_message)
        self.assertEqual(move.exact_button_label, "Compare and Link")
        action = move.action_exact_fix()
        wizard = self.env['exact.link.wizard'].browse(action['res_id'])
        self.assertEqual(set(wizard.line_ids.mapped('how')), {'several'})
        wizard.line_ids[0].is_chosen = True
        wizard.action_link()
        self.work()
        self.assertEqual(move.exact_state, 'verified')

    def test_bill_that_was_typed_first_is_never_booked_again(self):
        """The commonest way to a double entry: the accountant was faster, by weeks."""
        first = self.document('in_invoice', [(50, self.tax_in_21)], ref='warm-up')
        self.export(first)
        relation = first.exact_export_id.relation_id
        line = self.payload(first.exact_export_id)['PurchaseEntryLines'][0]
        self.simulator.clock.freeze(self.simulator.clock() - timedelta(days=60))
        self.addCleanup(self.simulator.clock.resume)
        guid = self.simulator.control.run('add_entry', {'kind': 'purchase', 'values': {
            'Supplier': relation.exact_guid, 'Journal': first.exact_export_id.journal_id.code,
            'YourRef': 'F-77', 'EntryDate': '2026-01-15', 'ReportingYear': 2026,
            'ReportingPeriod': 1, 'PurchaseEntryLines': [{
                'GLAccount': line['GLAccount'], 'AmountFC': 80, 'VATCode': line['VATCode'],
            }],
        }})['EntryID']
        self.simulator.clock.resume()
        self.env['exact.export.queue'].sudo().search([]).write({
            'looked_at': False, 'looked_until': False,
        })
        bill = self.document('in_invoice', [(80, self.tax_in_21)], ref='F-77')
        self.export(bill)
        self.work()
        self.assertEqual(
            (bill.exact_state, bill.exact_export_id.exact_guid), ('verified', guid),
            bill.exact_message,
        )

    def test_payment_in_exact_leaves_an_entry_known(self):
        """Matching changes one line of an entry: what is known of the others stays."""
        move = self.invoice()
        export = self.export(move)
        lines = export.entry_line_ids.mapped('exact_guid')
        self.assertEqual(len(lines), 3)
        self.simulator.control.run('register_payment', {'entry': export.exact_guid})
        self.env['exact.export.queue'].sudo().search([]).looked_at = False
        self.export(self.invoice(1))
        self.assertEqual(export.state, 'verified')
        self.assertEqual(export.entry_line_ids.mapped('exact_guid'), lines)
        self.assertFalse(self.env['exact.entry'].search([('reference', '=', move.name)]))

    def test_waiting_documents_say_why(self):
        move = self.invoice()
        self.relation(move)
        self.env['exact.export.queue'].sudo().search([]).looked_at = False
        self.simulator.faults.add('status', method='GET', resource='TransactionLines', status=503)
        move.action_exact_export()
        self.work()
        self.assertEqual(move.exact_state, 'waiting')
        self.assertIn("tried again", move.exact_message)
        self.work()
        self.assertBooked(move)

    # === HOLD === #

    def test_hold_stops_between_two_documents(self):
        moves = self.invoice(1) | self.invoice(2)
        self.relation(moves[0])
        moves.action_exact_export()
        with self.during('post', ENTRIES, self.division.action_hold):
            self.work()
        self.assertEqual(sorted(moves.exact_export_ids.mapped('state')), ['ready', 'verified'])
        self.division.action_release()
        self.work()
        for move in moves:
            self.assertBooked(move)

    def test_hold_keeps_back_whatever_is_asked_for(self):
        """Not only what is sent: Exact's books stay as they are until the hold is released."""
        undone, reversed_, updated = moves = self.invoice(1) | self.invoice(2) | self.invoice(3)
        self.export(moves)
        updated.button_draft()
        updated.invoice_line_ids.price_unit = 4
        updated.action_post()
        self.work()
        self.assertEqual(moves.mapped('exact_state'), ['verified', 'verified', 'changed'])
        books = {move: self.entries(move.name) for move in moves}
        self.division.action_hold()
        undone.action_exact_undo()
        reversed_.action_exact_reverse()
        updated.action_exact_update()
        # Its check is nothing of Exact's: the administration is served for it.
        new = self.invoice(5)
        new.action_exact_export()
        calls = self.simulator.store.query('SELECT COUNT(*) FROM call')
        self.work()
        self.assertEqual(new.exact_export_id.state, 'ready')
        self.assertEqual(
            [move.exact_export_id.pending_action for move in moves],
            ['undo', 'reverse', 'update'],
        )
        self.assertEqual(self.simulator.store.query('SELECT COUNT(*) FROM call'), calls)
        self.assertEqual({move: self.entries(move.name) for move in moves}, books)
        self.division.action_release()
        self.work()
        self.assertEqual(undone.exact_state, 'undone')
        self.assertEqual(self.entries(undone.name), {})
        self.assertEqual(sum(self.entries(reversed_.name).values()), 0)
        self.assertBooked(updated)
        self.assertBooked(new)

    def test_hold_stops_between_two_undos(self):
        """As between two documents that are sent: what a person stops is many of them."""
        moves = self.invoice(1) | self.invoice(2)
        self.export(moves)
        moves.action_exact_undo()
        with self.during('delete', ENTRIES, self.division.action_hold):
            self.work()
        self.assertEqual(sorted(len(self.entries(move.name)) for move in moves), [0, 1])
        self.division.action_release()
        self.work()
        self.assertEqual(moves.mapped('exact_state'), ['undone'] * 2)

    def test_many_differences_hold_the_queue(self):
        self.division.hold_after = 2
        moves = self.invoice(1) | self.invoice(2)
        self.relation(moves[0])
        self.simulator.faults.add(
            'drop', method='POST', resource=ENTRIES, times=2, properties=['YourRef'],
        )
        self.export(moves)
        self.assertTrue(self.division.hold)
        self.assertIn("2 documents", self.division.state_reason)
        self.assertEqual(len(self.division.activity_ids), 1)
        later = self.invoice(3)
        self.export(later)
        self.assertEqual(later.exact_export_id.state, 'ready')
        self.assertFalse(self.entries(later.name))
        self.division.action_release()
        self.work()
        self.assertBooked(later)
        self.assertFalse(self.division.hold, "the old differences are known")
        # Nor do they hold it when they are read once more and still differ.
        exports = moves.exact_export_ids.sudo()
        for minutes, records, name in (
            (3, exports, 'sent_at'), (2, exports, 'differs_since'),
            (1, self.division.sudo(), 'released_at'),
        ):
            records.write({name: fields.Datetime.now() - timedelta(minutes=minutes)})
        moves.action_exact_retry()
        self.work()
        self.assertEqual(moves.mapped('exact_state'), ['blocked'] * 2)
        self.assertFalse(self.division.hold, "the same differences are no new ones")

    def test_entry_in_another_division_holds_at_once(self):
        move = self.invoice()
        self.relation(move)
        get, page = ExactClient.get, ExactClient.page

        def elsewhere(rows):
            return [{**row, 'Division': 1234568} for row in rows]

        def page_elsewhere(client, resource, **kwargs):
            rows, more = page(client, resource, **kwargs)
            return elsewhere(rows), more

        move.action_exact_export()
        with patch.object(ExactClient, 'page', page_elsewhere), patch.object(
            ExactClient, 'get', lambda *args, **kwargs: elsewhere(get(*args, **kwargs)),
        ):
            self.work()
        self.assertEqual(move.exact_state, 'blocked')
        self.assertTrue(self.division.hold)
        self.assertIn("another administration", self.division.state_reason)

    # === FINISHING === #

    def test_run_at_once_finishes_all_that_is_due(self):
        """A scheduled run ends after some seconds; a person who presses Run wants all of it."""
        moves = self.env['account.move'].union(*(self.invoice(n) for n in range(1, 16)))
        moves.action_exact_export()
        with patch.object(ir_cron, 'MIN_TIME_PER_JOB', 0), patch.object(
            ir_cron, 'MIN_RUNS_PER_JOB', 1,
        ), patch.object(exact_export_send, 'TURN', -1):
            self.work()
        self.assertEqual(set(moves.mapped('exact_state')), {'verified'})

    # === READ-BACK IN BULK === #

    @mute_logger(*WORKER)
    def test_many_entries_are_read_back_with_few_calls(self):
        moves = self.env['account.move'].union(*(self.invoice(n) for n in range(1, 61)))
        self.relation(moves[0])
        ledger = [f'{kind}/Financial/TransactionLines' for kind in ('bulk', 'sync')]
        before = sum(self.requests('GET', resource) for resource in ledger)
        self.export(moves)
        for move in moves:
            self.assertEqual(move.exact_state, 'verified')
        self.assertLessEqual(
            sum(self.requests('GET', resource) for resource in ledger) - before, 2,
        )

    def test_numbers_of_exact_are_given_in_order(self):
        """Where Exact numbers, a blocked document holds back those behind it, and no others."""
        self.division.numbering = 'exact'
        first, second = self.invoice(1), self.invoice(2)
        self.relation(first)
        (first | second).action_exact_export()
        first.exact_export_id.sudo().write({'state': 'blocked'})
        bill = self.document('in_invoice', [(3, self.tax_in_21)])
        self.export(bill)
        self.assertBooked(bill)
        self.assertEqual(second.exact_export_id.state, 'ready')
        self.assertGreater(second.exact_export_id.next_try, fields.Datetime.now())
        self.assertIn("in order", second.exact_message)
        first.action_exact_retry()
        self.age(second.exact_export_id)
        self.work()
        numbers = [int(move.exact_entry_number) for move in (first, second)]
        self.assertEqual(numbers, sorted(numbers))

    def test_number_of_a_document_that_cannot_go_yet_is_kept_for_it(self):
        """Exact gives no answer for the relation of the first of two documents."""
        self.division.numbering = 'exact'
        newcomer = self.env['res.partner'].create({'name': "Eerst & Zn"})
        first, second = self.invoice(1, partner=newcomer), self.invoice(2)
        self.relation(second)
        self.simulator.faults.add('cut_before', method='POST', resource='crm/Accounts')
        (first | second).action_exact_export()
        self.work()
        self.assertEqual((first | second).mapped('exact_export_id.state'), ['ready'] * 2)
        # The second is due, the first is not yet.
        second.exact_export_id.sudo().next_try = False
        self.work()
        self.assertEqual(second.exact_export_id.state, 'ready')
        self.asked_long_ago(self.env['exact.partner.mapping'].search([
            ('partner_id', '=', newcomer.id),
        ]))
        for move in first | second:
            self.age(move.exact_export_id)
        self.work()
        self.assertLess(int(first.exact_entry_number), int(second.exact_entry_number))
