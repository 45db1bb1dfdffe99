"""What an accountant typed into Exact, first or as well: never booked twice, never unsaid."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.models.document.exact_booking_builder import BookingBuilder

from .test_export_faults import ENTRIES, WORKER, ExactFaultCase, die
from .test_export_once import ExactTypedMixin

LINES = 'sync/Financial/TransactionLines'


class ExactTypedCase(ExactTypedMixin, ExactFaultCase):

    def queue(self):
        return self.env['exact.export.queue'].sudo().of(self.division)

    def look_again(self):
        """Ten minutes have passed since the last look through the journals."""
        self.queue().looked_at = False

    def look(self):
        """Have the journals looked through, as before any other document is sent."""
        self.look_again()
        self.export(self.invoice(3))

    def edit(self, guid, **header):
        self.simulator.control.run('edit_entry', {'entry': guid, 'header': header})

    def delete(self, guid):
        self.simulator.control.run('delete_entry', {'entry': guid})

    def looks(self):
        """How many pages of changes were read."""
        return self.simulator.store.query(
            'SELECT COUNT(*) FROM call WHERE method = ? AND resource = ?', 'GET', LINES,
        )[0][0]

    def long_ago(self, days=0, **ago):
        """What is typed from now on was typed some days ago."""
        self.simulator.clock.freeze(self.simulator.clock() - timedelta(days=days, **ago))
        self.addCleanup(self.simulator.clock.resume)

    def memo(self):
        """A general entry of 40."""
        return self.document('entry', [
            {'name': "Memo", 'balance': 40, 'account_id': self.expense.id},
            {'name': "Memo", 'balance': -40, 'account_id': self.revenue.id},
        ], journal_id=self.company_data['default_journal_misc'].id)

    def typed_memo(self, first, second, amount=40, user='emma'):
        """An accountant books a general entry by hand, with these texts on its two lines."""
        ledgers = self.env['exact.account.mapping'].search([
            ('division_id', '=', self.division.id),
        ])
        return self.simulator.control.run('add_entry', {'kind': 'general', 'values': {
            'JournalCode': '90', 'FinancialYear': 2026, 'FinancialPeriod': 1,
            'GeneralJournalEntryLines': [{
                'GLAccount': ledgers.filtered(
                    lambda mapping, account=account: mapping.account_id == account,
                ).gl_account_id.exact_guid,
                'AmountFC': balance, 'Description': text, 'Date': '2026-01-15', 'VATCode': '',
            } for account, balance, text in (
                (self.expense, amount, first), (self.revenue, -amount, second),
            )],
        }, 'user': user})['EntryID']

    def booked_unseen(self, move, minutes=20):
        """Some minutes ago the worker died behind the POST."""
        move.action_exact_export()
        self.long_ago(minutes=minutes)
        entries = ENTRIES if move.is_invoice() else 'generaljournalentry/GeneralJournalEntries'
        with self.during('post', entries, die):
            self.killed()
        self.simulator.clock.resume()

    def know_us(self):
        """Who the user of our connection is, as read when somebody has consented."""
        with self.division.client() as client:
            self.connection._write_me(self.connection._read_me(client))

    def found_unnamed(self, move, minutes=20):
        """Time goes by, and what stands for the document is found though nothing names it."""
        self.know_us()
        self.age(move.exact_export_id)
        self.asked_long_ago(move.exact_export_id, minutes)
        # Too early for what Exact shows late.
        self.queue().looked_at = fields.Datetime.now() - timedelta(minutes=minutes - 2)
        self.work()
        self.assertAsks(move)

    def general(self):
        """GUIDs of the general entries in Exact."""
        return [
            entry['EntryID'] for entry in self.simulator.entries() if entry['kind'] == 'general'
        ]

    def reword(self, guid, line=1):
        """An accountant writes other words on a line of an entry."""
        self.simulator.control.run('edit_entry', {
            'entry': guid, 'lines': {line: {'Description': "Other words"}},
        })

    def notice(self):
        """Odoo reads what has changed in Exact."""
        self.division.action_refresh()
        self.run_cron('ir_cron_sync')
        self.work()

    def assertAsksAnyway(self, move, code='entry_exists'):
        """Whatever else has changed in Exact, and however often somebody retries."""
        self.notice()
        self.assertAsks(move, code)
        self.work()
        self.assertAsks(move, code)
        move.action_exact_retry()
        self.work()
        self.assertAsks(move, code)

    def blocking(self, move):
        return move.exact_export_id.finding_ids.filtered(
            lambda finding: finding.severity == 'blocks',
        ).mapped('code')

    def assertAsks(self, move, code='entry_exists'):
        self.assertEqual(
            (move.exact_state, self.blocking(move)), ('blocked', [code]), move.exact_message,
        )


@tagged('post_install', '-at_install')
class TestExportTyped(ExactTypedCase):
    """Typed first."""

    @mute_logger(*WORKER)
    def test_a_check_that_fails_forgets_no_entry(self):
        """Two documents were typed first; that one of them cannot be checked is no news of the
        other."""
        good, bad = self.invoice(), self.invoice(50)
        self.ready(good)
        self.ready(bad)
        guids = {move: self.typed(move) for move in (good, bad)}
        build = BookingBuilder.build

        def broken(builder, move, choices=None):
            if move == bad:
                raise KeyError('nobody foresaw this')
            return build(builder, move, choices)

        self.look_again()
        with patch.object(BookingBuilder, 'build', broken):
            self.work()
            self.work()
        self.assertEqual(list(self.entries(good.name)), [guids[good]])
        self.assertEqual((good.exact_state, good.exact_export_id.exact_guid), (
            'verified', guids[good],
        ))
        self.assertEqual(bad.exact_state, 'blocked')
        bad.action_exact_retry()
        self.work()
        self.work()
        self.assertEqual(list(self.entries(bad.name)), [guids[bad]])

    def test_reference_that_is_filled_in_later(self):
        """Without one, its relation, day and amount speak for the document: a person is asked. With
        it nobody has to be."""
        move = self.invoice()
        guid = self.typed(move, YourRef='')
        self.export(move)
        self.work()
        self.assertAsks(move)
        self.edit(guid, YourRef=move.name)
        self.look()
        self.work()
        self.assertEqual(list(self.entries(move.name)), [guid])
        self.assertEqual(move.exact_state, 'verified')

    def test_relation_that_is_mended_later(self):
        other = self.env['res.partner'].create({'name': "De Wit", 'is_company': True})
        move = self.invoice()
        guid = self.typed(move, Customer=self.relation(self.invoice(1, partner=other)))
        self.look()
        self.ready(move)
        self.edit(guid, Customer=self.relation(move))
        self.look_again()
        self.work()
        self.work()
        self.assertEqual(list(self.entries(move.name)), [guid])
        self.assertEqual(move.exact_state, 'verified')

    def test_other_punctuation_is_asked_about(self):
        """Nobody types a number as it is printed; that it is ours only a person can say."""
        move = self.invoice()
        guid = self.typed(move, YourRef=f" {move.name.lower().replace('/', '-')}")
        self.look_again()
        export = self.export(move)
        self.work()
        self.assertAsks(move)
        self.assertFalse(self.entries(move.name))
        self.assertEqual(move.exact_button_label, "Compare and Link")
        wizard = self.env['exact.link.wizard'].browse(move.action_exact_fix()['res_id'])
        self.assertEqual((wizard.line_ids.exact_guid, wizard.line_ids.how), (guid, 'reference'))
        wizard.action_link()
        self.work()
        self.assertEqual((move.exact_state, export.exact_guid), ('verified', guid))
        self.assertFalse(self.entries(move.name))

    def test_other_journal_is_asked_about(self):
        move = self.invoice()
        guid = self.typed(move, Journal='71')
        self.look_again()
        self.export(move)
        self.work()
        self.assertAsks(move)
        self.assertEqual(list(self.entries(move.name)), [guid])
        self.wizard(move).action_book_beside()
        self.work()
        self.assertBooked(move)
        self.assertEqual(len(self.entries(move.name)), 2)

    def test_entry_of_a_quite_other_date_can_be_booked_beside(self):
        """What is asked about is shown, however far its date is from the document's."""
        move = self.invoice()
        guid = self.typed(
            move, EntryDate='2026-04-15', ReportingPeriod=4, YourRef=move.name.lower(),
        )
        self.look_again()
        self.export(move)
        self.work()
        self.assertAsks(move)
        wizard = self.wizard(move)
        self.assertEqual(wizard.line_ids.exact_guid, guid)
        wizard.action_book_beside()
        self.work()
        self.assertBooked(move)

    def test_all_that_was_asked_about_can_be_booked_beside(self):
        """The likeliest one is offered; the question named the other, too, which is shown."""
        move = self.invoice()
        self.typed(move, Journal='71')
        self.typed(self.invoice(90), YourRef=move.name)
        self.look_again()
        self.export(move)
        self.work()
        self.assertAsks(move, 'several_entries')
        wizard = self.wizard(move)
        self.assertEqual(sorted(wizard.line_ids.mapped('how')), ['differs', 'reference'])
        wizard.action_book_beside()
        self.work()
        self.assertBooked(move)

    def test_new_partner_is_asked_about_the_same_amount_only(self):
        """Suppliers number alike: whose an entry is nobody can say before the relation is made."""
        first, second = (
            self.invoice(10, partner=self.env['res.partner'].create({
                'name': name, 'is_company': True, 'city': "Edam",
            }))
            for name in ("De Wit", "De Zwart")
        )
        other = self.invoice(70)
        self.typed(other, YourRef=first.name.lower())
        self.typed(other, YourRef=second.name.lower(), SalesEntryLines=[
            {**line, 'AmountFC': 10} for line in self.payload(
                self.env['exact.export'].search([('state', '=', 'verified')], limit=1),
            )['SalesEntryLines']
        ])
        self.look_again()
        self.export(first | second)
        self.work()
        self.assertBooked(first)
        self.assertAsks(second)

    def test_what_is_ready_is_asked_about_too(self):
        move = self.invoice()
        self.ready(move)
        self.typed(move, YourRef=move.name.replace('/', ' '))
        self.look_again()
        self.work()
        self.work()
        self.assertAsks(move)
        self.assertFalse(self.entries(move.name))

    def test_the_same_number_of_another_year_is_another_document(self):
        move = self.invoice()
        self.typed(
            move, YourRef=move.name.lower(), EntryDate='2025-01-15', ReportingYear=2025,
        )
        self.look_again()
        self.export(move)
        self.work()
        self.assertBooked(move)

    # === LONG AGO === #

    def test_entry_as_old_as_its_document_is_found(self):
        move = self.invoice()
        self.relation(move)
        self.long_ago(200)
        guid = self.typed(move)
        self.simulator.clock.resume()
        self.queue().write({'looked_at': False, 'looked_until': False, 'looked_since': False})
        self.export(move)
        self.work()
        self.assertEqual((move.exact_state, move.exact_export_id.exact_guid), ('verified', guid))
        self.assertEqual(list(self.entries(move.name)), [guid])

    def test_older_documents_are_looked_for_once(self):
        """The documents of this month were exported first, then those of last winter."""
        old, older = self.invoice(), self.invoice(40)
        day = fields.Date.today() - timedelta(days=5)
        self.relation(old)
        self.long_ago(200)
        guid = self.typed(old)
        self.simulator.clock.resume()
        self.queue().write({'looked_at': False, 'looked_until': False, 'looked_since': False})
        self.export(self.invoice(5, invoice_date=day, date=day))
        self.assertGreater(
            self.queue().looked_since, fields.Datetime.now() - timedelta(days=93),
        )
        self.export(old)
        self.work()
        self.assertEqual(list(self.entries(old.name)), [guid])
        self.assertEqual(self.queue().looked_since.date(), old.date)
        looks = self.looks()
        self.export(older)
        # What is new since the last document, its read-back, and nothing else.
        self.assertEqual(self.looks() - looks, 2)
        self.assertBooked(older)

    def test_entry_edited_before_it_was_found_is_asked_about_until_it_is_answered(self):
        """The worker died behind the POST, and somebody wrote other words on the first line: the
        note of the entry has lost the reference, and something else is deleted in Exact.
        """
        other = self.export(self.invoice(90))
        move = self.memo()
        self.booked_unseen(move)
        [entry] = self.general()
        self.reword(entry)
        self.age(move.exact_export_id)
        self.work()
        self.assertAsks(move)
        self.delete(other.exact_guid)
        self.assertAsksAnyway(move)
        # Gone from Exact, it asks no more.
        self.delete(entry)
        self.notice()
        self.work()
        self.assertBooked(move)

    def test_one_of_two_that_are_asked_about_may_lose_its_reference(self):
        """Neither is quite what was sent; then ours is edited once more, and the other deleted."""
        move = self.memo()
        self.booked_unseen(move)
        [entry] = self.general()
        self.reword(entry, 2)
        self.long_ago(minutes=20)
        twin = self.typed_memo(f"{move.name}: Memo", "Correction")
        self.simulator.clock.resume()
        self.age(move.exact_export_id)
        self.work()
        self.assertAsks(move, 'several_entries')
        self.reword(entry)
        self.look()
        self.assertAsks(move, 'several_entries')
        self.delete(twin)
        self.assertAsksAnyway(move)
        self.assertEqual(self.general(), [entry])

    def test_entry_that_names_nothing_any_more_is_known_by_who_made_it_when(self):
        """Every line of ours was rewritten before anybody found it."""
        move = self.memo()
        self.booked_unseen(move)
        [entry] = self.general()
        self.reword(entry)
        self.reword(entry, 2)
        self.long_ago(minutes=20)
        # Another's, and ours of another amount.
        self.typed_memo("Other words", "Other words")
        self.typed_memo("Other words", "Other words", 41, user='jan')
        self.simulator.clock.resume()
        self.found_unnamed(move)
        self.assertEqual(move.exact_export_id.finding_ids.params['guids'], [entry])
        self.assertAsksAnyway(move)
        self.wizard(move).action_book_beside()
        self.work()
        self.assertBooked(move)

    def test_sale_that_names_nothing_any_more_is_known_by_who_made_it_when(self):
        """Another document of that amount, asked for in vain at another moment, is not asked about.
        """
        other, move = self.invoice(90), self.invoice(90)
        self.relation(move)
        self.booked_unseen(move, 50)
        self.edit(*self.entries(move.name), YourRef="Other words")
        self.simulator.faults.add('cut_before', method='POST', resource='SalesEntries')
        self.age(self.export(other))
        self.assertEqual(other.exact_export_id.state, 'uncertain')
        self.found_unnamed(move, 50)
        self.assertBooked(other)

    def test_sale_that_is_another_customers_by_now_is_known_by_who_made_it_when(self):
        move = self.invoice(90)
        self.relation(move)
        another = self.relation(self.invoice(1, partner=self.env['res.partner'].create({
            'name': "Another Customer", 'is_company': True,
        })))
        self.booked_unseen(move)
        self.edit(*self.entries(move.name), Customer=another)
        self.found_unnamed(move)

    def test_what_names_it_and_is_over_is_not_what_was_missed(self):
        """An entry of before and its reversal carry the reference that ours has lost."""
        move = self.invoice(90)
        self.export(move)
        move.action_exact_reverse()
        self.work()
        before = set(self.entries(move.name))
        self.assertEqual(len(before), 2)
        self.booked_unseen(move)
        [guid] = set(self.entries(move.name)) - before
        self.edit(guid, YourRef="Other words")
        self.found_unnamed(move)
        self.assertEqual(move.exact_export_id.finding_ids.params['guids'], [guid])

    def test_entry_of_another_document_is_that_ones(self):
        """Alike in moment and amount: one was booked and the other was not, nobody knows which."""
        booked, lost = self.invoice(90), self.invoice(90)
        self.relation(booked)
        self.know_us()
        self.simulator.faults.add('cut_before', method='POST', resource='SalesEntries')
        self.export(lost)
        self.booked_unseen(booked)
        for move, state in ((lost, 'uncertain'), (booked, 'sending')):
            self.assertEqual(move.exact_export_id.state, state)
            self.age(move.exact_export_id)
        self.look_again()
        self.work()
        self.work()
        self.assertBooked(booked)
        self.assertBooked(lost)

    def test_entry_that_names_it_in_another_line_is_asked_about_until_it_is_answered(self):
        """Somebody else's, of last week: the note of it carries another reference."""
        other = self.export(self.invoice(90))
        move = self.memo()
        self.long_ago(days=7)
        guid = self.typed_memo("Correction", f"{move.name}: Memo", 50)
        self.simulator.clock.resume()
        self.simulator.faults.add('cut_before', method='POST', resource='GeneralJournalEntries')
        self.age(self.export(move))
        self.work()
        self.assertAsks(move)
        self.assertIn("EUR 50.00", move.exact_message)
        self.delete(other.exact_guid)
        self.assertAsksAnyway(move)
        self.assertEqual(self.general(), [guid])
        self.wizard(move).action_book_beside()
        self.work()
        self.assertBooked(move)

    def test_general_entry_is_offered_with_the_amount_that_people_know(self):
        move = self.memo()
        self.typed_memo(f"{move.name}: Memo", f"{move.name}: Memo")
        [line] = self.wizard(move).line_ids
        self.assertEqual((line.amount_total, line.entry_amount), (40, 40))

    def test_what_is_asked_about_is_shown_whatever_else_is_alike(self):
        """Another entry of that day and amount is likelier by what it says; it was not asked about.
        """
        move = self.memo()
        asked = self.typed_memo(f"{move.name}: Memo", f"{move.name}: Memo", 50)
        self.look_again()
        self.export(move)
        self.work()
        self.assertAsks(move)
        alike = self.typed_memo("Memo", "Memo")
        wizard = self.wizard(move)
        self.assertEqual(
            {line.exact_guid: line.how for line in wizard.line_ids},
            {alike: 'date', asked: 'differs'},
        )
        self.assertEqual(set(wizard.line_ids.mapped('date')), {move.date})
        wizard.action_book_beside()
        self.work()
        self.assertBooked(move)

    def test_what_names_nothing_any_more_can_be_linked(self):
        """On another day, too: nothing but the question says that it is the document's."""
        move = self.invoice(90)
        self.relation(move)
        self.booked_unseen(move)
        [guid] = self.entries(move.name)
        self.edit(guid, YourRef="Other words", EntryDate='2026-02-20', ReportingPeriod=2)
        self.found_unnamed(move)
        wizard = self.wizard(move)
        self.assertEqual((wizard.line_ids.exact_guid, wizard.line_ids.how), (guid, 'asked'))
        self.assertEqual(wizard.missing_count, 0)
        wizard.line_ids.is_chosen = True
        wizard.action_link()
        self.work()
        self.assertEqual(
            (move.exact_state, move.exact_export_id.exact_guid), ('verified', guid),
            move.exact_message,
        )

    # === DELETED AGAIN === #

    def asked_about(self, move, typed, **values):
        """Exact has an entry that was typed by another document, which the export of `move` finds;
        returns its GUID."""
        guid = self.typed(typed, **values)
        self.look_again()
        self.export(move)
        self.work()
        self.assertAsks(move)
        return guid

    def test_retry_sees_that_the_entry_was_deleted(self):
        move = self.invoice()
        self.delete(self.asked_about(move, self.invoice(90), YourRef=move.name))
        move.action_exact_retry()
        self.work()
        self.work()
        self.assertBooked(move)

    def test_retry_sees_that_one_typed_otherwise_was_deleted(self):
        move = self.invoice()
        guid = self.asked_about(move, move, YourRef=move.name.lower(), Journal='71')
        move.action_exact_retry()
        self.work()
        self.work()
        self.assertAsks(move)
        self.delete(guid)
        move.action_exact_retry()
        self.work()
        self.work()
        self.assertBooked(move)

    def test_deleted_entry_lets_the_document_go_by_itself(self):
        """Nobody has to press a button for what Exact tells by itself."""
        move = self.invoice()
        self.delete(self.asked_about(move, self.invoice(90), YourRef=move.name))
        self.division.action_refresh()
        self.run_cron('ir_cron_sync')
        self.work()
        self.work()
        self.assertBooked(move)


@tagged('post_install', '-at_install')
class TestExportDouble(ExactTypedCase):
    """Typed as well."""

    def double(self, move, **values):
        """Booked by us, and typed by an accountant."""
        self.export(move)
        self.assertBooked(move)
        guid = self.typed(move, **values)
        self.look()
        self.assertTold(move)
        return guid

    def assertTold(self, move):
        export = move.exact_export_id
        self.assertEqual((export.state, move.exact_state), ('verified', 'blocked'))
        self.assertEqual(self.blocking(move), ['booked_twice'])
        self.assertIn("twice", move.exact_message)
        self.assertIn(str(export.entry_number), move.exact_message)
        self.assertEqual(export.blocking_reason, move.exact_message)

    def test_general_entry_is_told_by_its_amount(self):
        move = self.memo()
        self.export(move)
        self.assertBooked(move)
        texts = [f"{move.name}: Memo", f"{move.name}: Memo"]
        self.typed_memo(*texts, amount=41)
        # What takes it back in Exact keeps its texts.
        self.typed_memo(*texts, amount=-40)
        self.look()
        self.assertFalse(self.blocking(move))
        guid = self.typed_memo(*texts)
        self.look()
        self.assertTold(move)
        self.assertIn("EUR 40.00", move.exact_message)
        self.delete(guid)
        self.notice()
        self.assertFalse(self.blocking(move))
        self.assertBooked(move)

    def notes(self, move):
        return move.message_ids.filtered(lambda message: "twice" in (message.body or ''))

    def test_typed_while_we_booked(self):
        """After our question: nobody could know. It is told as soon as ours is read back."""
        move = self.invoice()
        self.relation(move)
        typed = []
        with self.during('post', ENTRIES, lambda: typed.append(self.typed(move))):
            self.export(move)
        [guid] = typed
        self.assertEqual(len(self.entries(move.name)), 2)
        self.assertTold(move)
        self.assertEqual(len(self.notes(move)), 1)
        self.assertEqual(
            self.env['exact.entry'].search([('exact_guid', '=', guid)]).reference, move.name,
        )
        # Told once, however often Exact is looked through and the entry paid.
        self.simulator.control.run('register_payment', {'entry': guid})
        self.look()
        self.assertTold(move)
        self.assertEqual(len(self.notes(move)), 1)

    def test_typed_after_we_booked(self):
        move = self.invoice()
        self.double(move, YourRef=move.name.lower(), Journal='71')
        self.assertEqual(move.exact_button_label, "Open in Exact")
        self.assertEqual(move.action_exact_fix()['type'], 'ir.actions.act_url')

    def test_what_is_not_the_same_is_not_told(self):
        move = self.invoice()
        self.export(move)
        self.typed(self.invoice(90), YourRef=move.name)
        other = self.env['res.partner'].create({'name': "De Wit", 'is_company': True})
        self.typed(move, Customer=self.relation(self.invoice(1, partner=other)))
        self.look()
        self.assertBooked(move)

    def test_our_own_entries_are_no_doubles(self):
        """A document that was booked anew, its old entry left in Exact; and one that was
        reversed."""
        anew, reversed_ = self.invoice(), self.invoice(50)
        self.export(anew | reversed_)
        anew.button_draft()
        anew.invoice_date_due = '2026-03-01'
        anew.action_post()
        self.work()
        anew.action_exact_create_new()
        reversed_.action_exact_reverse()
        self.work()
        self.export(reversed_)
        self.queue().write({'looked_until': False})
        self.look()
        self.assertEqual(len(self.entries(anew.name)), 2)
        self.assertEqual(len(self.entries(reversed_.name)), 3)
        for move in anew | reversed_:
            self.assertBooked(move)

    def test_keep_both_is_remembered(self):
        move = self.invoice()
        guid = self.double(move)
        move.action_exact_keep_both()
        self.assertBooked(move)
        self.assertFalse(self.blocking(move))
        self.edit(guid, Description="Looked at")
        self.look()
        self.assertBooked(move)
        # A third one is another matter.
        self.typed(move)
        self.look()
        self.assertTold(move)

    def test_retry_sees_that_one_of_them_was_deleted(self):
        move = self.invoice()
        guid = self.double(move)
        move.action_exact_retry()
        self.work()
        self.assertTold(move)
        self.delete(guid)
        move.action_exact_retry()
        self.work()
        self.assertBooked(move)
        self.assertEqual(len(self.notes(move)), 1)

    def test_deleted_double_is_told_no_more(self):
        move = self.invoice()
        guid = self.double(move)
        self.delete(guid)
        self.division.action_refresh()
        self.run_cron('ir_cron_sync')
        self.work()
        self.assertBooked(move)

    def test_entry_that_turns_out_to_be_ours_is_told_no_more(self):
        """Two receipts that are alike; the answer for one is lost, and its entry seen first."""
        self.export(self.document('in_invoice', [(1, self.tax_in_21)], ref='the vendor is known'))
        bills = self.env['account.move'].union(*(
            self.document('in_receipt', [(3, self.tax_in_21)], ref='parking') for _each in '12'
        ))
        # Where Exact refuses what looks the same there would be no second entry
        self.switch(duplicate_purchase='accept')
        self.simulator.faults.add(
            'cut_after', method='POST', resource='purchaseentry/PurchaseEntries', skip=1,
        )
        first, second = self.export(bills).sorted('state', reverse=True)
        self.assertEqual((first.state, second.state), ('verified', 'uncertain'))
        self.look()
        self.assertTold(first.move_id)
        self.age(second)
        self.work()
        self.assertEqual(bills.mapped('exact_state'), ['verified'] * 2)

    def test_undo_leaves_the_entry_of_the_accountant(self):
        move = self.invoice()
        guid = self.double(move)
        move.action_exact_undo()
        self.work()
        self.assertEqual((move.exact_state, list(self.entries(move.name))), ('undone', [guid]))
        self.export(move)
        self.work()
        self.assertEqual((move.exact_state, move.exact_export_id.exact_guid), ('verified', guid))

    def test_update_to_another_amount_is_no_double(self):
        move = self.invoice()
        self.double(move)
        move.button_draft()
        move.invoice_line_ids.price_unit = 70
        move.action_post()
        self.work()
        self.assertEqual(move.exact_state, 'changed')
        self.assertIn("twice", move.exact_message)
        move.action_exact_update()
        self.work()
        self.assertBooked(move)

    def test_double_is_to_be_fixed(self):
        move = self.invoice()
        self.double(move)
        self.assertIn('booked_twice', self.env['exact.finding.group'].search([]).mapped('code'))
        self.assertIn(move, self.env['account.move'].search([('exact_state', '=', 'blocked')]))
