from datetime import timedelta, timezone
from itertools import count
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo import SUPERUSER_ID, api, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.exact_api import ExactClient, RateLimited, odata
from odoo.addons.account_exact.models.administration.exact_call_limits import FUSE_ERRORS
from odoo.addons.account_exact.models.document.exact_booking_builder import BookingBuilder
from odoo.addons.account_exact.models.export.exact_export_step import MAX_ATTEMPTS

from ..common import DIVISION
from ..export_common import ExactExportCase

WORKER = [
    f'odoo.addons.account_exact.models.export.exact_export_{part}'
    for part in ('step', 'turn', 'send', 'read_back', 'change')
]
ENTRIES = 'salesentry/SalesEntries'
FILES = 'documents/DocumentAttachments'


class Killed(BaseException):
    """The process ends here; what was committed stays."""


def die():
    raise Killed


class ExactFaultCase(ExactExportCase):
    """Exports that something happens to on their way."""

    numbers = count(70000)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.simulator.faults.clear)

    def age(self, export):
        """Let time pass for an export: 20 minutes since Exact was asked for it, and it is due."""
        self.env['exact.export.queue'].sudo().search([]).retry_at = False
        self.asked_long_ago(export)
        export.sudo().next_try = False

    def forget_files(self, exports):
        """Put back what is known of exports to where Exact was asked for the entry."""
        exports = exports.sudo()
        self.env['exact.export.files'].files_operations(exports).unlink()
        exports.operation_ids.write({'state': 'unknown'})

    def soon(self, export):
        """Let the worker look again at once, before Exact need show what it was asked for."""
        self.env['exact.export.queue'].sudo().search([]).retry_at = False
        export.sudo().next_try = False
        self.work()

    def work(self):
        self.run_cron('ir_cron_exact_export')

    def killed(self):
        """Let the worker run to its death. Not assertRaises: that takes back what was committed."""
        try:
            self.work()
        except Killed:
            self.env.invalidate_all(flush=False)
        else:
            self.fail("the worker lives")

    def during(self, method, resource, do):
        """Let something happen during the first call of a kind, when Exact has done its part."""
        call, done = getattr(ExactClient, method), []

        def overtaken(client, path, *args, **kwargs):
            answer = call(client, path, *args, **kwargs)
            if path == resource and not done:
                done.append(True)
                do()
                self.env.flush_all()
            return answer

        return patch.object(ExactClient, method, overtaken)

    def written_later(self, move):
        """All of a test is one transaction, which gives all writing one moment."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE account_move SET write_date = write_date + interval '1 hour' WHERE id = %s",
            [move.id],
        )
        move.invalidate_recordset()

    def requests(self, method, resource):
        """How many calls of a kind Exact has had."""
        return self.simulator.store.query(
            'SELECT COUNT(*) FROM call WHERE method = ? AND resource = ?', method, resource,
        )[0][0]

    def lost(self, action, resource=ENTRIES):
        """Do something that Exact neither answers nor shows yet.

        :return: what Exact was asked for
        """
        asked = []
        post = ExactClient.post

        def kept(client, path, body):
            if path == resource:
                asked.append(body)
            return post(client, path, body)

        self.simulator.faults.add('cut_before', method='POST', resource=resource)
        with patch.object(ExactClient, 'post', kept):
            action()
            self.work()
        return asked[0]

    def edited_with_a_line_more_in_exact(self, move):
        """Exact has a line more than was sent, and the document is edited."""
        export = move.exact_export_id
        with self.division.client() as client:
            client.post('salesentry/SalesEntryLines', {
                'EntryID': export.exact_guid, 'AmountFC': 1, 'VATCode': '',
                'GLAccount': export.line_ids.gl_account_id.exact_guid,
            })
        move.button_draft()
        move.invoice_line_ids.price_unit = 120
        move.action_post()
        self.work()

    def entries(self, reference):
        """Entries that Exact has under a reference, by id."""
        with self.division.client() as client:
            rows = client.get(
                ENTRIES, select=['EntryID', 'AmountFC'], filter=odata.eq('YourRef', reference),
            )
        return {row['EntryID']: row['AmountFC'] for row in rows}

    def invoice(self, price=100, **values):
        # Exact's books outlive a test, Odoo's do not: no number may come twice.
        number = next(self.numbers)
        return self.document(
            'out_invoice', [(price, self.tax_21)], name=f'INV/2026/{number:05}', **values,
        )


@tagged('post_install', '-at_install')
class TestExportFaults(ExactFaultCase):
    """One document's failure stops no other, and nothing is done for ever unseen."""

    @mute_logger(*WORKER)
    def test_a_document_that_cannot_be_checked_stops_no_other(self):
        good, bad = self.invoice(1), self.invoice(2)
        build = BookingBuilder.build

        def broken(builder, move, choices=None):
            if move == bad:
                raise KeyError('nobody foresaw this')
            return build(builder, move, choices)

        (good | bad).action_exact_export()
        with patch.object(BookingBuilder, 'build', broken):
            self.work()
        self.assertBooked(good)
        self.assertEqual(bad.exact_state, 'blocked')
        self.assertIn("nobody foresaw this", bad.exact_message)
        bad.action_exact_retry()
        self.work()
        self.assertBooked(bad)

    @mute_logger(*WORKER)
    def test_a_document_that_cannot_be_compared_stops_no_other(self):
        good, bad = self.invoice(1), self.invoice(2)
        self.export(good | bad)
        for move in good | bad:
            move.button_draft()
            move.invoice_line_ids.price_unit += 1
            move.action_post()
        build = BookingBuilder.build

        def broken(builder, move, choices=None):
            if move == bad:
                raise KeyError('nobody foresaw this')
            return build(builder, move, choices)

        with patch.object(BookingBuilder, 'build', broken):
            self.work()
        self.assertEqual(good.exact_state, 'changed')
        self.assertEqual(bad.exact_state, 'changed')
        self.assertFalse(bad.exact_export_id.pending_action)

    def breaks(self, service, method, bad):
        """Let a step of the engine fail for these documents, in a way that nobody foresaw."""
        works = getattr(self.registry[service], method)

        def broken(step, export, *args):
            if export.move_id in bad:
                self.tries += 1
                raise KeyError('nobody foresaw this')
            return works(step, export, *args)

        self.tries = 0
        return patch.object(self.registry[service], method, broken)

    def assertStopsNoOther(self, bad, state):
        """It waits with a sentence and is not tried with each turn; a person can have it tried."""
        export = bad.exact_export_id
        self.assertEqual(export.state, state)
        self.assertIn("nobody foresaw this", bad.exact_message)
        queue = self.env['exact.export.queue'].sudo().of(self.division)
        self.assertFalse(queue.failures, "the administration goes on")
        tries = self.tries
        self.work()
        self.assertEqual(self.tries, tries)
        self.assertGreater(export.next_try, fields.Datetime.now())

    @mute_logger(*WORKER)
    def test_an_entry_that_cannot_be_adopted_stops_no_other(self):
        self.simulator.faults.add('cut_after', method='POST', resource=ENTRIES, times=2)
        bad, good = self.invoice(1), self.invoice(2)
        for export in self.export(bad | good):
            self.age(export)
        third = self.invoice(3)
        third.action_exact_export()
        with self.breaks('exact.export.doubt', '_settle_doubt', bad):
            self.work()
            self.assertStopsNoOther(bad, 'uncertain')
        self.assertBooked(good)
        self.assertBooked(third)
        bad.action_exact_retry()
        self.work()
        self.assertBooked(bad)
        for move in bad | good:
            self.assertEqual(len(self.entries(move.name)), 1)

    @mute_logger(*WORKER)
    def test_twins_of_which_one_breaks_never_share_an_entry(self):
        """Settled one by one, too, they know which entry the other took."""
        bill_entries = 'purchaseentry/PurchaseEntries'
        self.export(self.document('in_invoice', [(1, self.tax_in_21)], ref='the vendor is known'))
        bad = self.invoice(1)
        twins = self.env['account.move'].union(*(
            self.document('in_receipt', [(3, self.tax_in_21)], ref='parking') for _each in '12'
        ))
        # Where Exact refuses what looks the same there would be no second entry
        self.switch(duplicate_purchase='accept')
        self.simulator.faults.add('cut_after', method='POST', resource=ENTRIES)
        self.simulator.faults.add('cut_after', method='POST', resource=bill_entries)
        self.simulator.faults.add('cut_before', method='POST', resource=bill_entries, skip=1)
        exports = self.export(bad | twins)
        self.assertEqual(set(exports.mapped('state')), {'uncertain'})
        for export in exports:
            self.age(export)
        with self.breaks('exact.export.doubt', '_settle_doubt', bad):
            for _look in range(3):
                for export in twins.exact_export_ids.filtered(lambda one: one.state == 'uncertain'):
                    self.age(export)
                self.work()
        self.assertEqual(twins.exact_export_ids.mapped('state'), ['verified'] * 2)
        self.assertEqual(len(set(twins.exact_export_ids.mapped('exact_guid'))), 2)

    @mute_logger(*WORKER)
    def test_an_entry_that_cannot_be_verified_stops_no_other(self):
        bad, good = self.invoice(1), self.invoice(2)
        (bad | good).action_exact_export()
        with self.breaks('exact.export.proof', '_differences', bad):
            self.work()
            self.assertStopsNoOther(bad, 'sent')
        self.assertBooked(good)
        # Somebody in Exact deletes it: what was read of its lines is kept, and says so
        self.assertTrue(good.exact_export_id.entry_line_ids)
        bad.action_exact_retry()
        self.work()
        self.assertBooked(bad)

    @mute_logger(*WORKER)
    def test_a_pdf_that_breaks_stops_no_other(self):
        self.division.send_documents = True
        bad, good = self.invoice(2), self.invoice(1)
        files = type(bad)._exact_files

        def broken(move):
            if move == bad:
                raise ValueError('the report is broken')
            return files(move)

        (good | bad).action_exact_export()
        with patch.object(type(bad), '_exact_files', broken):
            self.work()
        self.assertBooked(good)
        self.assertEqual(bad.exact_export_id.state, 'refused')
        self.assertIn("the report is broken", bad.exact_message)
        bad.action_exact_retry()
        self.work()
        self.assertBooked(bad)

    def test_refusals_of_one_kind_hold_up_no_other_kind(self):
        """The fuse of sales entries lets purchases go, and what was sent is read back."""
        self.simulator.faults.add('status', method='POST', resource=ENTRIES, status=500, times=1)
        invoices = self.invoice(1) | self.invoice(2)
        bill = self.document('in_invoice', [(3, self.tax_in_21)])
        self.env['exact.call'].sudo().create({
            'division_id': self.division.id, 'resource': ENTRIES, 'errors': 9,
            'errors_since': fields.Datetime.now(),
        })
        self.export(invoices | bill)
        self.assertBooked(bill)
        self.assertEqual(set(invoices.exact_export_ids.mapped('state')), {'ready'})

    def fuse(self, resource):
        return self.env['exact.call'].sudo().create({
            'division_id': self.division.id, 'resource': resource, 'errors': 9,
            'errors_since': fields.Datetime.now(),
        })

    def test_fuse_of_relations_holds_up_new_relations_alone(self):
        self.export(self.invoice())
        self.fuse('crm/Accounts')
        new = self.invoice(partner=self.env['res.partner'].create({
            'name': "Nieuwkomer", 'city': "Breda", 'country_id': self.env.ref('base.nl').id,
        }))
        known = self.invoice()
        self.export(new | known)
        self.assertBooked(known)
        self.assertEqual(new.exact_export_id.state, 'ready')
        self.assertIn("pauses them until", new.exact_message)

    def test_fuse_of_files_holds_up_documents_with_files_alone(self):
        self.export(self.invoice() | self.document('in_invoice', [(1, self.tax_in_21)]))
        self.division.send_documents = True
        self.fuse('documents/Documents')
        invoices = self.invoice(1) | self.invoice(2) | self.invoice(3)
        bill = self.document('in_invoice', [(4, self.tax_in_21)])
        scanned = self.document('in_invoice', [(5, self.tax_in_21)])
        self.env['ir.attachment'].create({
            'name': 'scan.pdf', 'raw': b'%PDF-1.4', 'mimetype': 'application/pdf',
            'res_model': 'account.move', 'res_id': scanned.id,
        })
        printed = []
        files = type(bill)._exact_files

        def counted(move):
            if move.is_sale_document():
                printed.append(move)
                return [('invoice.pdf', b'%PDF-1.4')]
            return files(move)

        with patch.object(type(bill), '_exact_files', counted):
            self.export(scanned | invoices | bill)
        self.assertBooked(bill)
        waiting = (invoices | scanned).exact_export_ids
        self.assertEqual(set(waiting.mapped('state')), {'ready'})
        self.assertTrue(all(waiting.mapped('next_try')))
        self.assertEqual(len(printed), 1, "nothing is printed to be thrown away")

    def test_what_waits_for_a_fuse_says_so(self):
        """Where Exact gives the numbers, too: no earlier document is in the way."""
        self.division.numbering = 'exact'
        fuse = self.fuse(ENTRIES)
        move = self.invoice()
        self.export(move)
        self.assertEqual(move.exact_export_id.state, 'ready')
        self.assertIn("Exact refused several requests", move.exact_message)
        self.assertIn("pauses them until", move.exact_message)
        self.assertNotIn("earlier", move.exact_message)
        # After the hour it says what it then waits for
        fuse.errors_since = fields.Datetime.now() - timedelta(hours=2)
        move.exact_export_id.sudo().next_try = fields.Datetime.now() + timedelta(minutes=10)
        self.env.invalidate_all()
        self.assertIn("earlier document", move.exact_message)

    def test_a_change_behind_a_fuse_goes_when_a_person_says_so(self):
        """Retry, and Go On Now of the administration: what people asked for waits in no other
        way than what is to be sent.
        """
        for name in ('retry', 'go on now'):
            with self.subTest(name):
                move = self.invoice()
                export = self.export(move)
                fuse = self.fuse(ENTRIES)
                fuse.errors = FUSE_ERRORS
                move.action_exact_undo()
                self.work()
                self.assertEqual(export.pending_action, 'undo')
                self.assertGreater(export.next_try, fields.Datetime.now())
                if name == 'retry':
                    move.action_exact_retry()
                else:
                    self.division.action_reset_fuse()
                self.work()
                self.assertEqual(export.state, 'undone')
                self.assertFalse(self.entries(move.name))
                fuse.unlink()

    def test_no_answer_again_and_again_ends_with_a_person(self):
        self.simulator.faults.add('cut_before', method='POST', resource=ENTRIES, times=None)
        move = self.invoice()
        export = self.export(move)
        for _try in range(MAX_ATTEMPTS):
            self.assertEqual(export.state, 'uncertain')
            self.age(export)
            self.work()
            if export.state == 'refused':
                break
        self.assertEqual(export.state, 'refused')
        self.assertIn("gave no answer", move.exact_message)
        self.assertFalse(self.entries(move.name))
        self.simulator.faults.clear()
        move.action_exact_retry()
        self.work()
        self.assertBooked(move)

    def test_who_wakes_the_queue_in_its_pause_does_not_end_it(self):
        """Jobs wake one administration; after failures that is left alone all the same."""
        move = self.invoice()
        move.action_exact_export()
        queue = self.env['exact.export.queue'].sudo().of(self.division)
        for _failure in range(3):
            queue.note_served(None)
        self.env.flush_all()
        self.simulator.faults.add('status', status=503, times=None)

        def job():
            with self.registry.cursor() as cr:
                moment = api.Environment(cr, SUPERUSER_ID, {})['exact.export.turn'].work(
                    self.division.with_env(api.Environment(cr, SUPERUSER_ID, {})),
                )
            self.env.invalidate_all()
            return moment

        self.assertEqual(job(), queue.retry_at)
        self.assertFalse(self.simulator.faults.fired, "Exact is left alone")
        self.assertEqual(queue.failures, 3)
        self.simulator.faults.clear()
        queue.retry_at = fields.Datetime.now() - timedelta(seconds=1)
        self.env.flush_all()
        job()
        self.assertBooked(move)

    def test_pause_ends_at_a_full_second(self):
        """Scheduled actions are woken at full seconds: one that comes a moment too early does
        nothing, and the next comes minutes later.
        """
        full = fields.Datetime.now() + timedelta(hours=1)
        moment = (full - timedelta(microseconds=105154)).replace(tzinfo=timezone.utc)
        move = self.invoice()
        with patch.object(
            type(self.env['exact.export.turn']), '_process_division',
            side_effect=RateLimited("wait", retry_at=moment, scope='token'),
        ):
            self.export(move)
        queue = self.env['exact.export.queue'].sudo().search([
            ('division_id', '=', self.division.id),
        ])
        self.assertEqual(queue.retry_at, full)

    def test_document_says_which_limit_it_waits_for(self):
        move = self.invoice()
        until = fields.Datetime.now().replace(tzinfo=timezone.utc) + timedelta(hours=1)
        with patch.object(
            type(self.env['exact.export.turn']), '_process_division',
            side_effect=RateLimited("wait", retry_at=until, scope='day'),
        ):
            self.export(move)
        self.assertEqual(move.exact_message.split(" Odoo goes on")[0], (
            "Waiting to be booked in Exact. Today's calls to Exact for this administration are "
            "used up."
        ))
        # Its time has come, and the worker with it.
        self.env['exact.export.queue'].sudo().of(self.division).retry_at = fields.Datetime.now()
        self.env.invalidate_all()
        self.assertEqual(move.exact_message, "Waiting to be booked in Exact.")
        self.work()
        self.assertBooked(move)

    def test_look_up_that_fails_stops_no_other(self):
        self.simulator.faults.add('cut_before', method='POST', resource=ENTRIES)
        doubtful = self.invoice(1)
        export = self.export(doubtful)
        self.assertEqual(export.state, 'uncertain')
        self.age(export)
        self.simulator.faults.add('status', method='GET', resource='TransactionLines', status=400)
        other = self.invoice(2)
        self.export(other)
        self.assertBooked(other)
        self.assertEqual(export.state, 'uncertain')
        self.assertIn("cannot be looked up", doubtful.exact_message)
        self.age(export)
        self.work()
        self.assertBooked(doubtful)

    def test_entry_of_a_new_relation_is_adopted_and_equal(self):
        """The worker died after Exact had booked: found again with relation and document."""
        partner = self.env['res.partner'].create({'name': "Nieuw & Co", 'is_company': True})
        move = self.invoice(partner=partner)
        move.action_exact_export()
        with self.during('post', ENTRIES, die):
            self.killed()
        export = move.exact_export_id
        self.assertEqual(export.state, 'sending')
        self.age(export)
        self.work()
        self.assertBooked(move)
        self.assertEqual(len(self.entries(move.name)), 1)

    def test_entry_of_a_reversed_export_is_not_adopted(self):
        move = self.invoice()
        first = self.export(move)
        move.action_exact_reverse()
        self.work()
        self.assertTrue(first.reversal_guid)
        self.simulator.faults.add('cut_before', method='POST', resource=ENTRIES)
        export = self.export(move)
        self.assertEqual(export.state, 'uncertain')
        self.age(export)
        self.work()
        self.assertBooked(move)
        self.assertNotIn(export.exact_guid, (first.exact_guid, first.reversal_guid))
        self.assertEqual(sum(self.entries(move.name).values()), 121)

    def in_doubt(self):
        """A document whose entry Exact does not have, which nobody knows yet."""
        self.simulator.faults.add('cut_before', method='POST', resource=ENTRIES)
        move = self.invoice()
        self.assertEqual(self.export(move).state, 'uncertain')
        return move

    def test_edited_while_in_doubt_is_sent_as_it_is_now(self):
        move = self.in_doubt()
        move.button_draft()
        move.invoice_line_ids.price_unit = 120
        move.action_post()
        self.written_later(move)
        self.age(move.exact_export_id)
        self.work()
        self.assertBooked(move)
        self.assertEqual(float(sum(self.entries(move.name).values())), 145.2)

    def test_draft_again_while_in_doubt_is_not_sent(self):
        move = self.in_doubt()
        move.button_draft()
        self.age(move.exact_export_id)
        self.work()
        self.assertEqual((move.exact_export_id.state, self.entries(move.name)), ('undone', {}))

    def test_what_exact_made_of_our_request_is_ours_whatever_its_amount(self):
        """The VAT code was lost, and the answer too: it must not be orphaned for that."""
        self.simulator.faults.add('drop', method='POST', resource=ENTRIES, properties=['VATCode'])
        self.simulator.faults.add('cut_after', method='POST', resource=ENTRIES)
        # Not the rate that Exact takes when none is given
        move = self.document(
            'out_invoice', [(100, self.tax_9)], name=f'INV/2026/{next(self.numbers):05}',
        )
        export = self.export(move)
        self.assertEqual(export.state, 'uncertain')
        self.env['exact.export.queue'].sudo().search([]).retry_at = False
        export.sudo().next_try = False
        self.work()
        [guid] = self.entries(move.name)
        self.assertEqual((export.exact_guid, export.state), (guid, 'sent'))
        self.assertTrue(export.has_difference)
        self.assertEqual(move.exact_state, 'blocked')
        move.action_exact_undo()
        self.work()
        self.assertEqual((export.state, self.entries(move.name)), ('undone', {}))

    def test_edited_while_under_way_is_not_called_verified(self):
        move = self.invoice()

        def edit():
            move.button_draft()
            move.invoice_line_ids.price_unit = 120
            move.action_post()
            self.written_later(move)

        move.action_exact_export()
        with self.during('post', ENTRIES, edit):
            self.work()
        self.work()
        self.assertEqual(move.exact_state, 'changed')
        self.assertIn('121.00 → 145.20', move.exact_message)

    def test_what_exact_booked_otherwise_is_never_verified_by_an_edit(self):
        self.simulator.faults.add('drop', method='POST', resource=ENTRIES, properties=['YourRef'])
        move = self.invoice()
        export = self.export(move)
        self.assertEqual((export.state, move.exact_state), ('sent', 'blocked'))
        move.button_draft()
        move.invoice_line_ids.price_unit = 120
        move.action_post()
        self.work()
        self.assertEqual(export.state, 'changed')
        move.button_draft()
        move.invoice_line_ids.price_unit = 100
        move.action_post()
        self.work()
        self.assertEqual((export.state, move.exact_state), ('sent', 'blocked'))

    def test_reversal_without_answer_is_booked_once(self):
        move = self.invoice()
        export = self.export(move)
        move.action_exact_reverse()
        with self.during('post', ENTRIES, die):
            self.killed()
        self.work()
        self.assertEqual(export.state, 'undone')
        self.assertTrue(export.reversal_guid)
        self.assertEqual(sorted(self.entries(move.name).values()), [-121, 121])

    def test_second_reversal_is_not_the_first_one(self):
        move = self.invoice()
        first = self.export(move)
        move.action_exact_reverse()
        self.work()
        second = self.export(move)
        self.simulator.faults.add('cut_before', method='POST', resource=ENTRIES)
        move.action_exact_reverse()
        self.work()
        self.age(second)
        self.work()
        self.assertEqual(second.state, 'undone')
        self.assertNotEqual(second.reversal_guid, first.reversal_guid)
        self.assertEqual(sorted(self.entries(move.name).values()), [-121, -121, 121, 121])

    def test_undo_without_answer_ends_with_a_person(self):
        move = self.invoice()
        export = self.export(move)
        self.simulator.faults.add('cut_before', method='DELETE', resource=ENTRIES, times=None)
        move.action_exact_undo()
        for _try in range(MAX_ATTEMPTS):
            self.work()
            self.age(export)
        self.work()
        self.assertFalse(export.pending_action)
        self.assertEqual(move.exact_state, 'verified')
        self.assertIn("do not show that it was done", move.exact_message)
        self.simulator.faults.clear()
        move.action_exact_undo()
        for _turn in range(2):
            # What Exact did not answer is looked up before it is asked once more.
            self.age(export)
            self.work()
        self.assertEqual(move.exact_state, 'undone')

    def test_undo_that_exact_did_without_ever_answering_is_seen(self):
        """Exact tells of the deletion while the undo still waits for its answer."""
        move = self.invoice()
        export = self.export(move)
        lines = export.entry_line_ids.mapped('exact_guid')
        self.simulator.faults.add('cut_after', method='DELETE', resource=ENTRIES)
        self.simulator.faults.add(
            'cut_before', method='DELETE', resource=ENTRIES, skip=1, times=None,
        )
        move.action_exact_undo()
        for number in range(MAX_ATTEMPTS):
            self.work()
            if not number:
                self.division.sudo().on_deleted(1, lines)
            self.age(export)
        self.work()
        self.assertEqual((export.state, move.exact_state), ('undone', 'undone'))

    def test_file_without_answer_goes_with_the_withdrawal(self):
        """Exact took the file, its answer was lost, and then the document is withdrawn."""
        self.division.send_documents = True
        move = self.invoice()
        self.simulator.faults.add('cut_after', method='POST', resource='documents/Documents')
        export = self.export(move)
        self.assertEqual((export.state, export.document_guid), ('ready', False))
        self.assertTrue(self.documents(move.name))
        move.action_exact_undo()
        self.work()
        self.assertEqual(move.exact_state, 'undone')
        self.assertFalse(self.documents(move.name))

    def test_file_without_answer_is_no_orphan_when_files_are_switched_off(self):
        entries = 'salesentry/SalesEntries'
        for is_withdrawn in (False, True):
            with self.subTest(is_withdrawn=is_withdrawn):
                self.division.send_documents = True
                move = self.invoice()
                self.simulator.faults.add(
                    'cut_after', method='POST', resource='documents/Documents',
                )
                export = self.export(move)
                self.assertEqual((export.state, export.document_guid), ('ready', False))
                [document] = self.documents(move.name)
                self.division.send_documents = False
                if is_withdrawn:
                    move.action_exact_undo()
                self.age(export)
                posts = self.requests('POST', entries)
                self.work()
                if is_withdrawn:
                    self.assertFalse(self.documents(move.name))
                    continue
                self.assertBooked(move)
                self.assertEqual(self.requests('POST', entries), posts + 1)
                self.assertEqual(export.document_guid, document['ID'])
                self.assertEqual(self.payload(export)['Document'], document['ID'])
                move.action_exact_undo()
                self.work()
                self.assertFalse(self.documents(move.name))

    def test_file_that_a_restored_backup_does_not_know_goes_with_its_entry(self):
        self.division.send_documents = True
        ours, theirs, other = self.invoice(), self.invoice(), self.invoice()
        for move in (ours, theirs, other):
            self.assertEqual(self.export(move).state, 'verified')
        # Somebody in Exact gave the second entry a file of theirs, the third has another's.
        store = self.simulator.store
        ours_there = store.get('Documents', 1234567, ours.exact_export_id.document_guid)
        self.division.connection_id.sudo().exact_user_guid = ours_there['Creator']
        for move, values in (
            (theirs, {'Subject': "Scan of the contract"}),
            (other, {'Creator': '11111111-2222-4333-8444-555555555555'}),
        ):
            row = store.get('Documents', 1234567, move.exact_export_id.document_guid)
            store.put('Documents', 1234567, {**row, **values})
        exports = (ours | theirs | other).exact_export_id
        exports.sudo().write({
            'state': 'uncertain', 'exact_guid': False, 'document_guid': False,
            'read_back': False, 'next_try': False,
        })
        self.forget_files(exports)
        self.work()
        self.assertEqual(exports.mapped('state'), ['verified'] * 3, "found again")
        for move in (ours, theirs, other):
            move.action_exact_undo()
        self.work()
        self.assertEqual(exports.mapped('state'), ['undone'] * 3)
        self.assertFalse(self.documents(ours.name))
        self.assertTrue(self.documents("Scan of the contract"))
        self.assertTrue(self.documents(other.name))

    def test_entry_that_was_found_is_replaced_with_the_file_it_has(self):
        self.division.send_documents = True
        move = self.invoice()
        export = self.export(move)
        export.sudo().write({
            'state': 'uncertain', 'exact_guid': False, 'document_guid': False,
            'read_back': False, 'next_try': False, 'attempt_count': 0,
        })
        self.forget_files(export)
        self.work()
        move.button_draft()
        move.invoice_line_ids.price_unit = 120
        move.action_post()
        self.work()
        move.action_exact_update()
        # Exact has other lines than were sent, so that the entry comes anew.
        with patch.object(
            type(self.env['exact.export.change']), '_line_guids', return_value=[],
        ):
            self.work()
        self.assertBooked(move)
        self.assertEqual(
            [row['ID'] for row in self.documents(move.name)], [export.document_guid],
        )

    def documents(self, subject):
        """Documents that Exact has under a subject."""
        with self.division.client() as client:
            return client.get(
                'documents/Documents', select=['ID'], filter=odata.eq('Subject', subject),
            )

    def files(self, move):
        """Files that Exact has of a document: (name, content)."""
        document = move.exact_export_id.document_guid
        with self.division.client() as client:
            rows = client.get(
                FILES, select=['ID', 'FileName'],
                filter=odata.eq('Document', odata.guid(document)),
            )
        return sorted(
            (row['FileName'], self.simulator.store.blob(row['ID'])) for row in rows
        )

    def attach(self, move, name, content):
        return self.env['ir.attachment'].create({
            'name': name, 'raw': content, 'mimetype': 'application/pdf',
            'res_model': 'account.move', 'res_id': move.id,
        })

    def test_file_that_was_replaced_meanwhile_is_not_the_old_one(self):
        self.division.send_documents = True
        bill = self.document('in_invoice', [(10, self.tax_in_21)])
        scan = self.attach(bill, 'scan.pdf', b'%PDF-1.4 the wrong page')
        other = self.attach(bill, 'other.pdf', b'%PDF-1.4 of another bill')
        stays = self.attach(bill, 'stays.pdf', b'%PDF-1.4 the terms')
        entries = 'purchaseentry/PurchaseEntries'
        self.simulator.faults.add('cut_before', method='POST', resource=entries)
        export = self.export(bill)
        self.assertEqual((export.state, len(self.files(bill))), ('uncertain', 3))
        before = self.env['exact.export.files']._uploads(export)[stays.name]
        scan.raw = b'%PDF-1.4 the right page'
        other.unlink()
        self.age(export)
        self.work()
        self.assertBooked(bill)
        self.assertEqual(self.files(bill), [
            ('scan.pdf', b'%PDF-1.4 the right page'), ('stays.pdf', b'%PDF-1.4 the terms'),
        ])
        self.assertEqual(
            self.env['exact.export.files']._uploads(export)[stays.name],
            before,
            "what is the same stays",
        )

    def test_page_of_the_old_amount_does_not_travel_with_the_new_one(self):
        self.division.send_documents = True
        move = self.invoice()
        self.simulator.faults.add('cut_before', method='POST', resource=ENTRIES)
        pages = patch.object(type(move), '_exact_files', autospec=True, side_effect=lambda move: [
            ('invoice.pdf', f'%PDF-1.4 {move.amount_total}'.encode()),
        ])
        with pages:
            export = self.export(move)
            self.assertEqual(self.files(move), [('invoice.pdf', b'%PDF-1.4 121.0')])
            move.button_draft()
            move.invoice_line_ids.price_unit = 120
            move.action_post()
            self.written_later(move)
            self.age(export)
            self.work()
            self.work()
        self.assertBooked(move)
        self.assertEqual(self.files(move), [('invoice.pdf', b'%PDF-1.4 145.2')])

    def test_file_without_answer_is_sent_once(self):
        self.division.send_documents = True
        bill = self.document('in_invoice', [(10, self.tax_in_21)])
        self.attach(bill, 'scan.pdf', b'%PDF-1.4 a page')
        self.simulator.faults.add('cut_after', method='POST', resource=FILES)
        export = self.export(bill)
        self.assertEqual(export.state, 'ready')
        posts = self.requests('POST', FILES)
        self.age(export)
        self.work()
        self.assertBooked(bill)
        self.assertEqual(self.files(bill), [('scan.pdf', b'%PDF-1.4 a page')])
        self.assertEqual(self.requests('POST', FILES), posts)

    def test_draft_is_not_deleted_before_its_file(self):
        self.division.send_documents = True
        move = self.invoice()
        self.simulator.faults.add('cut_before', method='POST', resource=ENTRIES)
        export = self.export(move)
        self.age(export)
        move.button_draft()
        self.division.hold = True
        self.work()
        self.assertEqual(export.state, 'ready')
        with self.assertRaisesRegex(UserError, "are being taken out of Exact"):
            move.unlink()
        self.division.hold = False
        for _turn in range(2):
            self.work()
        self.assertFalse(self.documents(export.name))
        move.unlink()

    # === RELATIONS WITHOUT ANSWER === #

    def relations(self, name):
        with self.division.client() as client:
            return client.get('crm/Accounts', select=['ID'], filter=odata.eq('Name', name))

    def test_relation_without_answer_is_made_once(self):
        """Two documents of a partner of whom nothing but the name is known."""
        partner = self.env['res.partner'].create({'name': "Nieuwkomer"})
        first = self.invoice(partner=partner)
        self.simulator.faults.add('cut_after', method='POST', resource='crm/Accounts')
        self.export(first)
        self.assertEqual(first.exact_export_id.state, 'ready')
        second = self.invoice(2, partner=partner)
        self.export(second)
        self.assertBooked(second)
        self.age(first.exact_export_id)
        self.work()
        self.assertBooked(first)
        self.assertEqual(len(self.relations("Nieuwkomer")), 1)

    def test_relation_that_may_still_come_is_waited_for(self):
        partner = self.env['res.partner'].create({'name': "Laatkomer"})
        first, second = self.invoice(partner=partner), self.invoice(2, partner=partner)
        self.simulator.faults.add('cut_before', method='POST', resource='crm/Accounts')
        exports = self.export(first | second)
        self.assertEqual(set(exports.mapped('state')), {'ready'})
        self.assertFalse(self.relations("Laatkomer"))
        mapping = self.env['exact.partner.mapping'].search([('partner_id', '=', partner.id)])
        self.assertEqual(self.operation(mapping, part='relation').state, 'unknown')
        self.asked_long_ago(mapping)
        for export in exports:
            self.age(export)
        self.work()
        for move in first | second:
            self.assertBooked(move)
        self.assertEqual(len(self.relations("Laatkomer")), 1)
        self.assertFalse(self.operation(mapping, part='relation').to_look_up())

    def test_relation_that_the_refresh_reads_in_the_same_moment(self):
        """Between our look at the mirror and our row in it, the refresh writes that very row."""
        partner = self.env['res.partner'].create({'name': "Gelijktijdig"})
        move = self.invoice(partner=partner)
        relations = self.env.registry['exact.relation']
        create, refreshed = relations.create, []

        def refresh_first(model, vals):
            if not refreshed:
                refreshed.append(create(model, vals))
                model.env['exact.export'].commit_half()
            return create(model, vals)

        with patch.object(relations, 'create', refresh_first), mute_logger('odoo.sql_db'):
            self.export(move)
        self.assertBooked(move)
        self.assertEqual(len(self.relations("Gelijktijdig")), 1)
        mapping = self.env['exact.partner.mapping'].search([('partner_id', '=', partner.id)])
        self.assertEqual(mapping.relation_id, refreshed[0])
        self.assertFalse(self.operation(mapping, part='relation').to_look_up())

    def test_document_that_exact_keeps_is_told(self):
        self.division.send_documents = True
        move = self.invoice()
        export = self.export(move)
        self.no_right('DELETE', 'documents/Documents')
        move.action_exact_undo()
        self.work()
        self.assertFalse(self.rows(export.exact_guid))
        self.assertEqual(export.state, 'undone')
        self.assertEqual(export.finding_ids.mapped('code'), ['document_kept'])

    def test_files_of_one_name_travel_both(self):
        self.division.send_documents = True
        bill = self.document('in_invoice', [(30, self.tax_in_21)], ref='two scans')
        self.env['ir.attachment'].create([
            {'name': "scan.pdf", 'raw': raw, 'res_model': 'account.move', 'res_id': bill.id,
             'mimetype': 'application/pdf'}
            for raw in (b'%PDF-1.4 one', b'%PDF-1.4 two')
        ])
        export = self.export(bill)
        self.assertEqual(
            set(self.env['exact.export.files']._uploads(export)), {"scan.pdf", "scan (2).pdf"}
        )

    def test_update_of_an_entry_with_other_lines_books_it_anew(self):
        """A line more in Exact than was sent: lines cannot be told apart, so none is changed."""
        move = self.invoice()
        self.export(move)
        self.edited_with_a_line_more_in_exact(move)
        move.action_exact_update()
        self.work()
        self.assertBooked(move)
        self.assertEqual(len(self.entries(move.name)), 1)

    def test_line_ids_of_a_replaced_entry_delete_nothing(self):
        """Exact reports the lines of the old entry as deleted while the new one is on its way."""
        move = self.invoice()
        export = self.export(move)
        old = set(export.entry_line_ids.mapped('exact_guid'))
        move.button_draft()
        move.invoice_line_ids.price_unit = 120
        move.action_post()
        self.work()
        # The answer to the read-back is lost, the deletions come first.
        self.simulator.faults.add(
            'status', method='GET', resource='TransactionLines', status=503, times=None,
        )
        move.action_exact_update()
        self.work()
        self.assertEqual(export.state, 'sent')
        self.env['exact.export.journals'].note_deleted(self.division, old)
        self.assertEqual(export.state, 'sent')
        self.simulator.faults.clear()
        self.age(export)
        self.work()
        self.assertBooked(move)


@tagged('post_install', '-at_install')
class TestExportWaysOut(ExactFaultCase):
    """No state is a dead end, and nothing that is asked for disappears unseen."""

    def test_undo_while_sending_says_so(self):
        move = self.invoice()
        move.action_exact_export()
        export = move.exact_export_id
        export.sudo().state = 'sending'
        with self.assertRaisesRegex(UserError, "being sent to Exact just now"):
            move.action_exact_undo()
        self.assertEqual(export.state, 'sending')

    def test_waiting_is_withdrawn(self):
        move = self.invoice()
        move.action_exact_export()
        self.assertIn('withdraw', move.exact_buttons)
        move.action_exact_undo()
        self.work()
        self.assertEqual((move.exact_state, self.entries(move.name)), ('undone', {}))

    def test_file_of_a_refused_document_leaves_exact_too(self):
        self.division.send_documents = True
        self.no_right('POST', ENTRIES)
        move = self.invoice()
        export = self.export(move)
        self.assertEqual(export.state, 'refused')
        self.assertTrue(export.document_guid)
        move.button_draft()
        self.assertEqual(export.state, 'undone')
        move.action_post()
        move.action_exact_export()
        self.work()
        self.assertBooked(move)
        with self.division.client() as client:
            guids = [row['ID'] for row in client.get(
                'documents/Documents', select=['ID'], filter=odata.eq('Subject', move.name),
            )]
        self.assertEqual(guids, [move.exact_export_id.document_guid])

    def test_difference_is_undone(self):
        self.simulator.faults.add('drop', method='POST', resource=ENTRIES, properties=['YourRef'])
        move = self.invoice()
        self.export(move)
        self.assertEqual(move.exact_state, 'blocked')
        self.assertIn('undo', move.exact_buttons)
        with self.assertRaisesRegex(UserError, "exported already"):
            self.document_wizard(move).action_export()
        move.action_exact_undo()
        self.work()
        self.export(move)
        self.assertBooked(move)

    def test_cancelled_document_leads_to_undo(self):
        move = self.invoice()
        export = self.export(move)
        move.button_cancel()
        self.work()
        self.assertEqual(move.exact_state, 'changed')
        self.assertIn("cancelled", move.exact_message)
        # Neither of these makes sense now, and neither gives the entry up.
        move.action_exact_create_new()
        move.action_exact_update()
        self.work()
        self.assertEqual(export.state, 'changed')
        self.assertIn("Post it first", move.exact_message)
        move.action_exact_undo()
        self.work()
        self.assertEqual((move.exact_state, self.entries(move.name)), ('undone', {}))

    def test_create_new_of_a_draft_gives_nothing_up(self):
        move = self.invoice()
        export = self.export(move)
        move.button_draft()
        move.invoice_line_ids.price_unit = 50
        move.action_post()
        self.work()
        move.button_draft()
        move.action_exact_create_new()
        self.assertEqual(export.state, 'changed')

    def test_choices_reach_what_still_waits(self):
        move = self.invoice()
        move.action_exact_export()
        ledger = self.master('exact.gl.account', [
            ('gl_type', '=', 110), ('is_blocked', '=', False), ('use_cost_center', '=', '0'),
            ('use_cost_unit', '=', '0'), ('code', '!=', self.revenue.code),
        ])
        self.adjust(move, ledger)
        self.assertBooked(move)
        self.assertEqual(move.exact_export_id.line_ids.gl_account_id, ledger)

    def test_many_are_undone_by_administrators_only(self):
        moves = self.invoice(1) | self.invoice(2)
        exports = self.export(moves)
        invoicer = new_test_user(
            self.env, login='exact_undo_invoicer', groups='account.group_account_invoice',
            company_id=self.company.id, company_ids=[(6, 0, self.company.ids)],
        )
        for action in ('action_undo', 'action_reverse'):
            with self.assertRaises(AccessError):
                getattr(exports.with_user(invoicer), action)()
        with self.assertRaises(AccessError):
            moves.with_user(invoicer).action_exact_undo()
        moves[0].with_user(invoicer).action_exact_undo()
        self.work()
        self.assertEqual(moves.mapped('exact_state'), ['undone', 'verified'])

    def test_asked_for_by_two_people_is_one_export(self):
        """What the second one's transaction cannot see, the database does."""
        move = self.invoice()
        move.action_exact_export()
        with mute_logger('odoo.sql_db'), self.assertRaises(IntegrityError):
            self.env['exact.export'].sudo().create({
                'move_id': move.id, 'division_id': self.division.id, 'kind': 'sale',
            }).flush_recordset()
        self.work()
        self.assertEqual(len(self.entries(move.name)), 1)

    def test_new_relation_is_made_where_a_person_wants_a_new_one(self):
        """A namesake with the very same card is not taken for the partner."""
        body = {'Name': "Tweeling B.V.", 'City': "Ons Dorp", 'Status': 'C'}
        with self.division.client() as client:
            namesake = client.post('crm/Accounts', body)['ID']
        self.division.action_refresh()
        self.run_cron('ir_cron_sync')
        partner = self.env['res.partner'].create({'name': "Tweeling B.V.", 'city': "Ons Dorp"})
        move = self.invoice(partner=partner)
        self.export(move)
        self.assertEqual(move.exact_export_id.finding_ids[:1].code, 'relation_same_name')
        # Something else is in the way: the choice is kept, and shown when the window opens again.
        self.division.export_start_date = move.date + timedelta(days=1)
        self.adjust(move, create_relation=True)
        self.assertEqual(move.exact_state, 'blocked')
        wizard = self.document_wizard(move)
        self.assertEqual((wizard.create_relation, wizard.relation_id.id), (True, False))
        self.division.export_start_date = False
        wizard.action_export()
        self.work()
        self.assertBooked(move)
        self.assertNotEqual(move.exact_export_id.relation_id.exact_guid, namesake)

    def test_a_name_alone_is_no_relation(self):
        """A namesake that came into Exact after the last refresh, and nothing else is known."""
        with self.division.client() as client:
            namesake = client.post('crm/Accounts', {'Name': "J. Jansen", 'Status': 'C'})['ID']
        partner = self.env['res.partner'].create({'name': "J. Jansen"})
        move = self.invoice(partner=partner)
        self.export(move)
        self.assertBooked(move)
        self.assertNotEqual(move.exact_export_id.relation_id.exact_guid, namesake)

    def test_what_was_asked_for_waits_for_a_closed_administration(self):
        """Exact closes the administration for a while: an undo is not forgotten by that."""
        move = self.invoice()
        export = self.export(move)
        self.simulator.control.run('set_division', {'code': DIVISION, 'BlockingStatus': 1})
        move.action_exact_undo()
        self.work()
        self.assertEqual(
            (export.pending_action, export.finding_ids.filtered(
                lambda finding: finding.severity == 'blocks',
            ).mapped('code')), ('undo', []),
        )
        self.simulator.control.run('set_division', {'code': DIVISION, 'BlockingStatus': 0})
        # As with any call that succeeds.
        self.division.sudo()._note_reachable(False)
        self.env['exact.export.queue'].sudo().of(self.division).try_now()
        self.work()
        self.assertEqual(export.state, 'undone')
