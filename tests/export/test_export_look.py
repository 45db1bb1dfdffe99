"""What others type and change in Exact is known before a document goes out, and soon after."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from odoo.addons.account_exact.models.export.exact_export_look import LOOK_AFTER

from .test_export_typed import LINES, ExactTypedCase

BILLS = 'purchaseentry/PurchaseEntries'


class ExactLookCase(ExactTypedCase):

    def setUp(self):
        super().setUp()
        # An administration that takes what looks the same: there a second entry is possible.
        self.switch(duplicate_purchase='accept')

    def bill(self, ref='T-1', price=80, **values):
        return self.document('in_invoice', [(price, self.tax_in_21)], ref=ref, **values)

    def supplier_known(self):
        """A first bill, which makes the supplier a relation of Exact."""
        first = self.bill('warm-up', 1)
        self.export(first)
        self.assertBooked(first)
        return first.exact_export_id

    def typed_bill(self, known, price=80, **values):
        """An accountant types a bill of that supplier in Exact.

        :param known: the export of another bill of it
        """
        [line] = self.payload(known)['PurchaseEntryLines']
        return self.simulator.control.run('add_entry', {'kind': 'purchase', 'values': {
            'Supplier': known.relation_id.exact_guid, 'Journal': known.journal_id.code,
            'YourRef': 'T-1', 'EntryDate': '2026-01-15', 'ReportingYear': 2026,
            'ReportingPeriod': 1, 'PurchaseEntryLines': [{
                'GLAccount': line['GLAccount'], 'AmountFC': price, 'VATCode': line['VATCode'],
            }], **values,
        }})['EntryID']

    def bills_in_exact(self):
        """GUIDs of the bills in Exact, without that which made the supplier known."""
        return {
            entry['EntryID'] for entry in self.simulator.entries() if entry['kind'] == 'purchase'
        } - set(self.env['exact.export'].search([('reference', '=', 'warm-up')]).mapped(
            'exact_guid',
        ))

    def edited_in_exact(self, export, amount):
        """Somebody changes a line of an entry."""
        self.simulator.clock.freeze(self.simulator.clock() + timedelta(minutes=1))
        self.addCleanup(self.simulator.clock.resume)
        self.simulator.control.run('edit_entry', {
            'entry': export.exact_guid, 'lines': {1: {'AmountFC': amount}},
        })

    def hour_later(self):
        """The hourly reading, and what it leaves to do."""
        self.env['exact.cursor'].search([('resource', '=', 'deleted')]).sudo().next_at = (
            fields.Datetime.now()
        )
        # All of a test may happen within a second.
        self.queue().looked_at -= timedelta(minutes=55)
        woken = [('cron_id', '=', self.env.ref('account_exact.ir_cron_exact_export').id)]
        triggers = self.env['ir.cron.trigger'].sudo()
        triggers.search(woken).unlink()
        self.run_cron('ir_cron_sync')
        self.assertTrue(triggers.search_count(woken), "the reading wakes the worker")
        self.work()


@tagged('post_install', '-at_install')
class TestExportLook(ExactLookCase):

    # === BEFORE === #

    def test_bill_typed_just_before_is_found(self):
        """A minute ago, or nine: Exact is asked before the document goes out, once."""
        known = self.supplier_known()
        guid = self.typed_bill(known)
        move = self.bill()
        before = self.requests('POST', BILLS)
        self.export(move)
        self.work()
        self.assertEqual(self.bills_in_exact(), {guid})
        self.assertEqual(self.requests('POST', BILLS), before)
        self.assertEqual((move.exact_state, move.exact_export_id.exact_guid), ('verified', guid))

    def test_what_an_export_costs(self):
        """One document: a look, the entry, its read-back. Thirty: the same two looks."""
        self.supplier_known()
        for number in (1, 30):
            with self.subTest(number=number):
                bills = self.env['account.move'].union(*(
                    self.bill(f'C-{number}-{index}', index) for index in range(1, number + 1)
                ))
                calls = self.simulator.store.query('SELECT COUNT(*) FROM call')[0][0]
                self.export(bills)
                for move in bills:
                    self.assertBooked(move)
                # (assertBooked reads each once more)
                made = self.simulator.store.query('SELECT COUNT(*) FROM call')[0][0] - calls
                self.assertEqual(made - 2 * number, 2)

    def test_typed_otherwise_just_before_is_asked_about(self):
        known = self.supplier_known()
        guid = self.typed_bill(known, YourRef=' t 01')
        move = self.bill()
        self.export(move)
        self.work()
        self.assertAsks(move)
        self.assertEqual(self.bills_in_exact(), {guid})

    def test_whole_selection_is_asked_about_at_once(self):
        known = self.supplier_known()
        guids = {self.typed_bill(known, YourRef=f'B-{n}', price=n) for n in (3, 10, 20)}
        bills = self.env['account.move'].union(*(self.bill(f'B-{n}', n) for n in range(1, 21)))
        self.export(bills)
        self.work()
        self.assertEqual(set(bills.mapped('exact_state')), {'verified'})
        self.assertEqual(len(self.bills_in_exact()), 20)
        self.assertLess(guids, set(bills.exact_export_ids.mapped('exact_guid')))

    def test_text_that_nobody_can_store_stops_nothing(self):
        """Half an emoji, or a NUL, in the reference of what somebody else has typed."""
        known = self.supplier_known()
        for number, (typed, shown) in enumerate((
            ("half \ud83d", "half \ufffd"), ("NUL \x00", "NUL \ufffd"),
        )):
            with self.subTest(shown=shown):
                guid = self.typed_bill(known, 90 + number)
                self.simulator.control.run('edit_entry', {
                    'entry': guid, 'header': {'YourRef': typed},
                })
                move = self.bill(f'R-{number}', 10 + number)
                self.export(move)
                self.assertBooked(move)
                note = self.env['exact.entry'].search([('exact_guid', '=', guid)])
                self.assertEqual(note.reference, shown)

    def test_credit_note_in_exact_is_no_double_of_its_invoice(self):
        known = self.supplier_known()
        self.typed_bill(known, -80)
        move = self.bill()
        self.export(move)
        self.assertBooked(move)

    # === WITHOUT A NUMBER === #

    def test_typed_without_its_number(self):
        """The same supplier, day and amount: asked about, and booked when a person says so."""
        known = self.supplier_known()
        self.typed_bill(known, 81, YourRef='')
        guid = self.typed_bill(known, YourRef='', Description="Office chairs 4")
        self.typed_bill(known, YourRef='', EntryDate='2026-01-16')
        self.typed_bill(known, YourRef='T-2')
        move = self.bill()
        self.export(move)
        self.work()
        self.assertAsks(move)
        self.assertEqual(move.exact_export_id.finding_ids.params['guids'], [guid])
        self.assertAsksAnyway(move)
        wizard = self.wizard(move)
        self.assertIn(guid, wizard.line_ids.mapped('exact_guid'))
        wizard.action_book_beside()
        self.work()
        self.assertBooked(move)

    def test_typed_without_its_number_while_it_waits(self):
        known = self.supplier_known()
        move = self.bill()
        move.action_exact_export()
        with patch.object(type(self.env['exact.export.send']), 'send_ready', return_value=False):
            self.work()
        self.assertEqual(move.exact_export_id.state, 'ready')
        self.typed_bill(known, YourRef='')
        self.work()
        self.work()
        self.assertAsks(move)
        self.assertEqual(len(self.bills_in_exact()), 1)

    def test_bill_without_a_number_in_odoo(self):
        """The accountant has typed it with the number that is on the paper."""
        known = self.supplier_known()
        self.typed_bill(known)
        move = self.bill(False)
        self.export(move)
        self.work()
        self.assertAsks(move)

    def test_typed_without_its_number_after_we_booked(self):
        known = self.supplier_known()
        move = self.bill()
        self.export(move)
        guid = self.typed_bill(known, YourRef='')
        self.hour_later()
        self.assertEqual(self.blocking(move), ['booked_twice'])
        self.delete(guid)
        self.notice()
        self.assertBooked(move)

    # === AFTER === #

    def test_typed_while_we_booked(self):
        """What crosses our entry is told with the read-back of it."""
        known = self.supplier_known()
        move = self.bill()
        with self.during('post', BILLS, lambda: self.typed_bill(known)):
            self.export(move)
        self.assertEqual(len(self.bills_in_exact()), 2)
        self.assertEqual((move.exact_state, self.blocking(move)), ('blocked', ['booked_twice']))

    def test_typed_some_minutes_after(self):
        """Nothing else is exported: the journals are looked through once more, by themselves."""
        known = self.supplier_known()
        move = self.bill()
        self.export(move)
        self.assertBooked(move)
        self.typed_bill(known)
        looks = self.requests('GET', LINES)
        self.work()
        self.assertBooked(move)
        self.assertEqual(self.requests('GET', LINES), looks)
        self.assertGreater(self.queue().look_at, fields.Datetime.now())
        self.queue().look_at -= LOOK_AFTER
        self.work()
        self.assertEqual(self.requests('GET', LINES), looks + 1)
        self.assertEqual((move.exact_state, self.blocking(move)), ('blocked', ['booked_twice']))
        # And then it is quiet.
        self.assertFalse(self.queue().look_at)
        self.work()
        self.assertEqual(self.requests('GET', LINES), looks + 1)

    # === EACH HOUR === #

    def test_line_changed_in_exact_is_seen_within_the_hour(self):
        """Nothing is exported for a week."""
        move = self.bill()
        export = self.export(move)
        self.assertBooked(move)
        self.edited_in_exact(export, 79)
        self.run_cron('ir_cron_sync')
        self.work()
        self.assertBookedAsMeant(move)
        looks = self.requests('GET', LINES)
        self.hour_later()
        # The look, and the entry that it shows as changed; Exact may tell of lines that are gone.
        self.assertLessEqual(self.requests('GET', LINES), looks + 3)
        self.assertChangedInExact(move)
        self.hour_later()
        self.assertChangedInExact(move)

    def assertBookedAsMeant(self, move):
        self.assertEqual(move.exact_state, 'verified')

    def assertChangedInExact(self, move):
        self.assertEqual(
            (move.exact_state, set(self.blocking(move))), ('blocked', {'read_back'}),
        )
        self.assertIn("79.00", " ".join(move.exact_export_id.finding_ids.mapped('message')))

    def test_hour_without_changes_costs_one_look(self):
        move = self.bill()
        self.export(move)
        looks = self.requests('GET', LINES)
        self.hour_later()
        self.assertEqual(self.requests('GET', LINES), looks + 1)
        self.assertBooked(move)

    def test_hour_without_the_right_to_read_deletions(self):
        self.env['exact.cursor'].search([('resource', '=', 'deleted')]).sudo().write({
            'state': 'skipped', 'last_success_at': False,
        })
        move = self.bill()
        export = self.export(move)
        self.edited_in_exact(export, 79)
        self.queue().looked_at -= timedelta(minutes=55)
        self.work()
        self.assertChangedInExact(move)

    def test_division_that_exports_nothing_is_not_looked_at(self):
        looks = self.requests('GET', LINES)
        self.queue().looked_until = False
        self.notice()
        self.assertEqual(self.requests('GET', LINES), looks)

    def test_refresh_looks(self):
        """That of the administration, and that of a document, which does not ask twice a minute."""
        move = self.bill()
        export = self.export(move)
        cursor = self.env['exact.cursor'].search([('resource', '=', 'deleted')]).sudo()
        for price, refresh in (
            (79, self.division.action_refresh), (78, move.action_exact_refresh),
        ):
            with self.subTest(price=price):
                self.edited_in_exact(export, price)
                self.queue().looked_at -= timedelta(minutes=5)
                cursor.last_success_at -= timedelta(minutes=5)
                refresh()
                self.run_cron('ir_cron_sync')
                self.work()
                self.assertEqual(move.exact_state, 'blocked')
                self.assertIn(f"{price}.00", " ".join(export.finding_ids.mapped('message')))
        next_at = cursor.next_at
        move.action_exact_refresh()
        self.assertGreater(cursor.next_at, fields.Datetime.now())
        self.assertLessEqual(cursor.next_at, next_at)

    def test_look_that_fails_is_taken_later(self):
        """It keeps nobody from his work, and is not forgotten."""
        known = self.supplier_known()
        move = self.bill()
        self.export(move)
        self.typed_bill(known)
        self.simulator.faults.add('status', method='GET', resource='TransactionLines', status=503)
        self.hour_later()
        self.assertBooked(move)
        self.assertTrue(self.queue().retry_at)
        self.work()
        self.assertEqual(self.blocking(move), ['booked_twice'])

    # === A NUMBER OF OURS === #

    def test_lost_number_goes_out_for_another_customer(self):
        """A backup was restored: Odoo gives the number of a lost invoice once more."""
        lost = self.invoice()
        self.relation(lost)
        guid = self.export(lost).exact_guid
        name = lost.name
        other = self.env['res.partner'].create({'name': "De Wit", 'is_company': True})
        known = self.invoice(1, partner=other)
        self.export(known)
        # The backup does not know the invoice.
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM exact_export WHERE move_id = %s", [lost.id])
        self.env.invalidate_all()
        lost.button_draft()
        lost.name = name.replace('INV', 'OLD')
        self.restored()
        move = self.document('out_invoice', [(55, self.tax_21)], name=name, partner=other)
        self.export(move)
        self.work()
        self.assertAsks(move, 'number_taken')
        self.assertIn("another customer", move.exact_message)
        self.assertIn(name, move.exact_message)
        self.assertEqual(list(self.entries(name)), [guid])
        self.assertAsksAnyway(move, 'number_taken')
        self.wizard(move).action_book_beside()
        self.work()
        self.assertBooked(move)
        self.assertEqual(len(self.entries(name)), 2)

    # === WHAT WAS ANSWERED === #

    def test_booked_beside_is_remembered(self):
        """Answered, blocked for another reason, adjusted: the person is not asked again; nor when
        the document is exported anew."""
        known = self.supplier_known()
        self.typed_bill(known, 88)
        move = self.bill()
        self.export(move)
        self.work()
        self.assertAsks(move)
        mapping = self.env['exact.account.mapping'].search([
            ('account_id', '=', self.expense.id), ('division_id', '=', self.division.id),
        ])
        ledger = mapping.gl_account_id
        mapping.gl_account_id = False
        self.wizard(move).action_book_beside()
        self.work()
        self.assertEqual(self.blocking(move), ['mapping_missing_account'])
        self.adjust(move, ledger)
        self.assertBooked(move)
        mapping.gl_account_id = ledger
        move.action_exact_undo()
        self.work()
        self.export(move)
        self.assertBooked(move)
