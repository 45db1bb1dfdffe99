from itertools import count

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from odoo.addons.account_exact.booking import fingerprint, from_dict
from odoo.addons.account_exact.models.document.exact_booking_builder import BookingBuilder

from ..export_common import ExactExportCase


class ClosedPeriodCase(ExactExportCase):
    """Documents of 15 January 2026, whose period is closed in Exact."""

    code = 1234567
    numbers = count(80000)

    @classmethod
    def create_division(cls, connection, company=None, code=None, **values):
        return super().create_division(connection, company, code or cls.code, **values)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own, cls.next, cls.after = (
            cls.env['exact.period'].search([
                ('division_id', '=', cls.division.id), ('start_date', '=', day),
            ])
            for day in ('2026-01-01', '2026-02-01', '2026-03-01')
        )
        cls.misc = cls.company_data['default_journal_misc']

    def setUp(self):
        super().setUp()
        self.addCleanup(self.close, self.own, closed=False)

    @classmethod
    def close(cls, period, closed=True, **values):
        """Close or open a period in Exact, unknown to Odoo."""
        cls.control(
            'close_period', division=cls.code, year=period.year, period=period.number,
            closed=closed, **values,
        )

    def sync(self):
        """Read the master data anew, all of it: a call that got lost is made once more."""
        begin = fields.Datetime.now()
        self.division.action_refresh()
        for _try in range(2):
            self.run_cron('ir_cron_sync')
            late = self.division.cursor_ids.filtered(
                lambda cursor: cursor._is_due() or cursor.last_success_at < begin,
            )
            if not late:
                return
            told = [(cursor.resource, cursor.state, cursor.note) for cursor in late]
            late.make_due()
        self.fail(told)

    def work(self):
        self.run_cron('ir_cron_exact_export')
        # What a refusal sends back to the check is done with the next turn.
        self.run_cron('ir_cron_exact_export')

    def policy(self, policy):
        self.env['exact.journal.mapping'].search([
            ('division_id', '=', self.division.id),
        ]).closed_period_policy = policy

    def invoice(self, price=100):
        return self.document(
            'out_invoice', [(price, self.tax_21)], name=f'INV/2026/{next(self.numbers)}',
        )

    def documents(self):
        """A sale, a purchase and a general entry."""
        number = next(self.numbers)
        # Exact's books outlive a test: a namesake there would be a question of its own.
        supplier = self.env['res.partner'].create({'name': f"Papier {number}"})
        bill = self.document(
            'in_invoice', [(40, self.tax_in_21)], ref=f'B{number}', partner=supplier,
        )
        entry = self.document('entry', [
            {'name': "Loon", 'debit': 10, 'account_id': self.expense.id},
            {'name': "Loon", 'credit': 10, 'account_id': self.revenue.id},
        ], journal_id=self.misc.id, name=f'MISC/2026/{next(self.numbers)}')
        return self.invoice() | bill | entry

    def places(self, moves):
        """(year, period) that Exact has each document in."""
        return [
            {(row['FinancialYear'], row['FinancialPeriod']) for row in self.rows(
                move.exact_export_id.exact_guid)}
            for move in moves
        ]

    def place(self, period):
        return {(period.year, period.number)}

    def blocked_by(self, moves, code):
        for move in moves:
            [finding] = move.exact_export_id.finding_ids.filtered(lambda f: f.severity == 'blocks')
            self.assertEqual((move.exact_state, finding.code), ('blocked', code), move.name)
            record = self.env[finding.res_model].browse(finding.res_id)
            self.assertEqual(
                (record._name, record.year, record.period),
                ('exact.journal.period', self.own.year, self.own.number),
            )
        return moves.exact_export_id.finding_ids.filtered(lambda f: f.severity == 'blocks')


class ClosedPeriodTests:
    """For each administration, whatever month its financial year begins in."""

    def test_hold_waits_until_the_period_is_open(self):
        self.close(self.own)
        self.sync()
        moves = self.documents()
        self.export(moves)
        findings = self.blocked_by(moves, 'period_closed')
        self.assertEqual(set(findings.mapped('fixed_by')), {'exact'})
        action = findings[0].action_fix()
        self.assertEqual(action['res_model'], 'exact.journal.period')
        self.close(self.own, closed=False)
        self.sync()
        self.work()
        self.assertEqual(set(moves.mapped('exact_state')), {'verified'})
        self.assertEqual(self.places(moves), [self.place(self.own)] * 3)
        self.assertFalse(any(moves.exact_export_ids.mapped('own_date')))

    def test_closed_after_the_check_ends_in_the_same_place(self):
        """Exact refuses what the check let through; a second document is not even tried."""
        moves = self.invoice(1) | self.invoice(2)
        self.close(self.own)
        self.export(moves)
        self.work()
        late = self.blocked_by(moves, 'period_closed')
        refused = moves.exact_export_ids.attempt_ids.filtered(lambda a: a.outcome == 'refused')
        self.assertEqual(len(refused), 1)
        self.sync()
        known = self.invoice(3)
        self.export(known)
        early = self.blocked_by(known, 'period_closed')
        self.assertEqual(set(late.mapped('cause')), {early.cause})
        self.assertEqual(late[0].params, early.params)
        self.close(self.own, closed=False)
        self.sync()
        self.work()
        self.assertEqual(set((moves | known).mapped('exact_state')), {'verified'})

    def test_next_open_period(self):
        self.policy('next_open')
        self.close(self.own)
        self.sync()
        moves = self.documents()
        self.export(moves)
        self.moved(moves)
        self.stays(moves)

    def test_next_open_period_closed_after_the_check(self):
        self.policy('next_open')
        moves = self.documents()
        self.close(self.own)
        self.export(moves)
        self.work()
        self.moved(moves)

    def moved(self, moves):
        """Booked in February, saying so in Exact and in Odoo."""
        self.assertEqual(
            moves.mapped('exact_state'), ['verified'] * 3,
            moves.exact_export_ids.finding_ids.mapped('message'),
        )
        self.assertEqual(self.places(moves), [self.place(self.next)] * 3)
        for move in moves:
            export = move.exact_export_id
            booking = from_dict(export.booking)
            self.assertEqual(str(booking.entry_date), '2026-02-01')
            self.assertEqual(str(export.own_date), '2026-01-15')
            codes = set(export.finding_ids.mapped('code'))
            self.assertIn('period_moved', codes)
            # An entry without VAT is no matter of the VAT return.
            self.assertEqual('vat_in_other_period' in codes, move.move_type != 'entry')
            self.assertIn('dated 01/15/2026', export.payload)
        found = self.env['exact.export'].search([('own_date', '!=', False)])
        self.assertEqual(found.move_id & moves, moves)

    def stays(self, moves):
        """Confirmed once more without a change, and even with its own period open again, nothing
        is called changed."""
        for closed in (True, False):
            self.close(self.own, closed=closed)
            self.sync()
            for move in moves:
                move.button_draft()
                move.action_post()
            self.work()
            self.assertEqual(moves.mapped('exact_state'), ['verified'] * 3)
        for move in moves:
            export = move.exact_export_id
            one = BookingBuilder(self.division, move).build(move, export._choices())
            self.assertEqual(fingerprint(one.booking), fingerprint(from_dict(export.booking)))
        # A change is still one: the amount alone, not the period.
        invoice = moves[0]
        invoice.button_draft()
        invoice.invoice_line_ids.price_unit = 120
        invoice.action_post()
        self.work()
        self.assertEqual(invoice.exact_state, 'changed')
        differences = [row[0] for row in invoice.exact_export_id.difference_ids]
        self.assertFalse({'period', 'year', 'entry_date', 'description'} & set(differences))
        invoice.action_exact_update()
        self.work()
        self.assertBooked(invoice)
        self.assertEqual(self.places(invoice), [self.place(self.next)])

    def test_reversal_of_a_moved_entry_is_in_its_period(self):
        """The period that the entry was moved out of is open again by now."""
        self.policy('next_open')
        self.close(self.own)
        self.sync()
        move = self.invoice()
        move.action_exact_export()
        self.work()
        self.assertEqual(self.places(move), [self.place(self.next)])
        self.close(self.own, closed=False)
        self.sync()
        move.action_exact_reverse()
        self.work()
        [row, *_rows] = self.rows(move.exact_export_id.reversal_guid)
        self.assertEqual(
            (row['FinancialYear'], row['FinancialPeriod']), (self.next.year, self.next.number),
        )

    def test_booked_before_its_period_was_closed_stays(self):
        """Neither the closing nor the rule of the journal makes a change of it."""
        move = self.invoice()
        self.export(move)
        for policy in ('next_open', 'ask'):
            self.policy(policy)
            self.close(self.own)
            self.sync()
            move.button_draft()
            move.action_post()
            self.work()
            self.assertEqual(move.exact_state, 'verified')
        move.button_draft()
        move.invoice_line_ids.price_unit = 120
        move.action_post()
        self.work()
        differences = [row[0] for row in move.exact_export_id.difference_ids]
        self.assertEqual(move.exact_state, 'changed')
        self.assertFalse({'period', 'year', 'entry_date', 'description'} & set(differences))
        # What Exact has cannot change while the period is closed, and Odoo says so.
        move.action_exact_update()
        self.work()
        self.assertIn('period_closed', move.exact_export_id.finding_ids.mapped('code'))
        self.assertEqual(self.places(move), [self.place(self.own)])

    def test_ask_lets_a_person_choose_for_all_or_for_one(self):
        self.policy('ask')
        self.close(self.own)
        self.sync()
        moves = self.invoice(1) | self.invoice(2) | self.invoice(3)
        self.export(moves)
        findings = self.blocked_by(moves, 'period_ask')
        action = findings[0].action_fix()
        self.assertEqual(action['res_model'], 'exact.period.wizard')
        wizard = self.env[action['res_model']].with_context(**action['context']).create({})
        self.assertEqual(wizard.period_id, self.next)
        self.assertNotIn(self.own, wizard.open_period_ids)
        wizard.write({'scope': 'one', 'period_id': self.after.id})
        self.assertEqual(wizard.document_count, 1)
        wizard.action_apply()
        self.work()
        one = findings[0].exists().move_id or moves.filtered(
            lambda move: move.exact_state == 'verified')
        self.assertEqual(self.places(one), [self.place(self.after)])
        rest = moves - one
        self.blocked_by(rest, 'period_ask')
        wizard = self.env['exact.period.wizard'].with_context(
            default_finding_id=rest[0].exact_export_id.finding_ids[:1].id,
        ).create({})
        self.assertEqual(wizard.document_count, 2)
        wizard.action_apply()
        self.work()
        self.assertEqual(self.places(rest), [self.place(self.next)] * 2)

    def test_ask_closed_after_the_check(self):
        self.policy('ask')
        move = self.invoice()
        self.close(self.own)
        self.export(move)
        self.work()
        self.blocked_by(move, 'period_ask')

    def test_no_open_period_waits_for_one(self):
        self.policy('next_open')
        journal = self.env['exact.journal.mapping'].search([
            ('division_id', '=', self.division.id),
            ('journal_id', '=', self.company_data['default_journal_sale'].id),
        ]).exact_journal_id.code
        later = self.env['exact.period'].search([
            ('division_id', '=', self.division.id), ('start_date', '>', '2026-01-01'),
        ])
        for period in self.own | later:
            self.addCleanup(self.close, period, closed=False)
        for year in set((self.own | later).mapped('year')):
            self.control('close_period', division=self.code, year=year, journal=journal)
        self.sync()
        move = self.invoice()
        self.export(move)
        self.assertEqual(move.exact_export_id.finding_ids[:1].code, 'no_open_period')
        self.close(self.after, closed=False)
        self.sync()
        self.work()
        self.assertEqual(self.places(move), [self.place(self.after)])


@tagged('post_install', '-at_install')
class TestClosedPeriods(ClosedPeriodTests, ClosedPeriodCase):
    """Financial years of the calendar."""

    def one_policy_each(self):
        """Sales move on, purchases wait, and for general entries a person is asked."""
        for kind, policy in (('sale', 'next_open'), ('purchase', 'hold'), ('misc', 'ask')):
            self.env['exact.journal.mapping'].search([
                ('division_id', '=', self.division.id),
                ('journal_id', '=', self.company_data[f'default_journal_{kind}'].id),
            ]).closed_period_policy = policy

    def each_as_its_journal_says(self, moves):
        sale, bill, entry = moves
        self.assertEqual(sale.exact_state, 'verified', sale.exact_message)
        self.assertEqual(self.places(sale), [self.place(self.next)])
        self.blocked_by(bill, 'period_closed')
        self.blocked_by(entry, 'period_ask')

    def test_each_journal_has_a_policy_of_its_own(self):
        self.one_policy_each()
        self.close(self.own)
        self.sync()
        moves = self.documents()
        self.export(moves)
        self.each_as_its_journal_says(moves)

    def test_each_journal_has_a_policy_of_its_own_after_the_check_too(self):
        self.one_policy_each()
        moves = self.documents()
        self.close(self.own)
        self.export(moves)
        self.work()
        self.each_as_its_journal_says(moves)

    def asked(self):
        """A document of which a person is asked in what period it belongs."""
        self.policy('ask')
        self.close(self.own)
        self.sync()
        move = self.invoice()
        self.export(move)
        return move, self.blocked_by(move, 'period_ask')

    def choice(self, finding, user=None, **values):
        """The wizard of a finding, as its button opens it."""
        return self.env['exact.period.wizard'].with_user(user or self.env.user).with_context(
            default_finding_id=finding.id,
        ).create(values)

    def test_chosen_is_an_open_period_of_this_administration(self):
        move, finding = self.asked()
        free = self.create_division(self.connection, code=1234568)
        # sudo: master data is the engine's to make
        theirs = self.env['exact.period'].sudo().create({
            'division_id': free.id, 'exact_guid': 'theirs', 'code': '2026/2', 'year': 2026,
            'number': 2, 'start_date': '2026-02-01', 'end_date': '2026-02-28',
        })
        late = self.choice(finding)
        self.assertEqual(late.period_id, self.next)
        self.addCleanup(self.close, self.next, closed=False)
        self.close(self.next)
        self.sync()
        for wizard in (late, self.choice(finding, period_id=self.own.id)):
            with self.assertRaisesRegex(UserError, "Choose an open period of this administration"):
                wizard.action_apply()
        with self.assertRaises(UserError):
            self.choice(finding, period_id=theirs.id).action_apply()
        self.assertEqual(move.exact_state, 'blocked')
        self.assertFalse(move.exact_export_id.overrides)

    def test_there_is_no_choice_where_the_rule_decides(self):
        self.close(self.own)
        self.sync()
        move = self.invoice()
        self.export(move)
        finding = self.blocked_by(move, 'period_closed')
        with self.assertRaisesRegex(UserError, "The rule of the journal decides"):
            self.choice(finding, period_id=self.next.id).action_apply()
        self.assertFalse(move.exact_export_id.overrides)

    def test_choice_that_comes_too_late_moves_nothing(self):
        """The period was opened meanwhile, and the document is in Exact."""
        move, finding = self.asked()
        wizard = self.choice(finding)
        self.close(self.own, closed=False)
        self.sync()
        self.work()
        self.assertBooked(move)
        with self.assertRaises(UserError):
            wizard.action_apply()
        self.work()
        self.assertEqual(move.exact_state, 'verified')
        self.assertEqual(self.places(move), [self.place(self.own)])

    def test_who_only_reads_chooses_nothing(self):
        move, finding = self.asked()
        reader = new_test_user(
            self.env, login='exact_period_reader', groups='account.group_account_readonly',
            company_id=self.company.id, company_ids=[(6, 0, self.company.ids)],
        )
        with self.assertRaises(AccessError):
            self.choice(finding, reader).action_apply()
        self.assertFalse(move.exact_export_id.overrides)

    def test_a_journal_that_is_closed_stops_no_other(self):
        """Exact closes a period by journal: the others book in it as before."""
        journal = self.env['exact.journal.mapping'].search([
            ('division_id', '=', self.division.id),
            ('journal_id', '=', self.company_data['default_journal_purchase'].id),
        ]).exact_journal_id.code
        self.addCleanup(self.close, self.own, closed=False, journal=journal)
        self.close(self.own, journal=journal)
        self.sync()
        sale, bill, entry = moves = self.documents()
        self.export(moves)
        self.assertEqual(
            (sale | entry).mapped('exact_state'), ['verified'] * 2, sale.exact_message,
        )
        self.assertEqual(self.places(sale | entry), [self.place(self.own)] * 2)
        self.blocked_by(bill, 'period_closed')


@tagged('post_install', '-at_install')
class TestClosedPeriodsOfABrokenYear(ClosedPeriodTests, ClosedPeriodCase):
    """Financial years from July to June: January is the seventh period."""

    code = 1234568

    def test_january_is_the_seventh_period(self):
        self.assertEqual((self.own.year, self.own.number), (2026, 7))
        self.assertEqual((self.next.year, self.next.number), (2026, 8))
