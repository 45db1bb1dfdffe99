"""What Exact says no to, known beforehand: nothing is asked that it must refuse, and what cannot be
known is asked once."""

import json
from datetime import timedelta
from unittest.mock import patch

from odoo import Command, fields
from odoo.tests import tagged

from odoo.addons.account_exact.exact_api import ExactClient, Forbidden, Rejected, wire

from ..work.test_refusals import ENTRIES, RefusalCase


@tagged('post_install', '-at_install')
class TestReverseChargeOnSales(RefusalCase):
    """0 % in the building trade: Exact's codes of that kind have `Charged` or have it not."""

    def setUp(self):
        super().setUp()
        self.tax_r = self.env.ref(f'account.{self.company.id}_btw_verk_0')

    def code_of(self, tax):
        self.division._refresh_mappings()
        self.division.action_accept_suggestions()
        return self.mapped('exact.tax.mapping', 'tax_id', tax, 'vat_code_id')

    def booked_with(self, tax, code):
        invoice = self.invoice(lines=[(1000, tax)])
        refund = self.document('out_refund', [(250, tax)], name=f'R{next(self.numbers)}')
        self.export(invoice | refund)
        for move in invoice | refund:
            self.assertBooked(move)
            self.assertIn(code, {row['VATCode'].strip() for row in self.rows(
                move.exact_export_id.exact_guid) if row['VATCode']})

    def test_code_that_is_not_charged(self):
        code = self.code_of(self.tax_r)
        self.assertEqual((code.code, code.charged), ('11', False))
        self.booked_with(self.tax_r, '11')

    def test_code_that_is_charged(self):
        for code, blocked in (('11C', False), ('11', True)):
            record = self.master('exact.vat.code', [('code', '=', code)])
            self.edit('VATCodes', record, IsBlocked=(not blocked, blocked))
        self.sync()
        code = self.code_of(self.tax_r)
        self.assertEqual((code.code, code.charged), ('11C', True))
        self.booked_with(self.tax_r, '11C')

    def test_tax_with_two_parts_that_cancel_out(self):
        """A tax that says it with its parts, at 0 % and at 21 %."""
        for amount in (0, 21):
            tax = self.env['account.tax'].create({
                'name': f"{amount}% verlegd bouw", 'amount': amount, 'type_tax_use': 'sale',
                'company_id': self.company.id,
                **{
                    f'{kind}_repartition_line_ids': [
                        Command.create({'repartition_type': 'base'}),
                        Command.create({'repartition_type': 'tax', 'factor_percent': 100}),
                        Command.create({'repartition_type': 'tax', 'factor_percent': -100}),
                    ]
                    for kind in ('invoice', 'refund')
                },
            })
            self.assertEqual(self.code_of(tax).code, '11')
            self.booked_with(tax, '11')


@tagged('post_install', '-at_install')
class TestCurrencies(RefusalCase):
    """A currency that the administration has not is known before anything is sent."""

    def setUp(self):
        super().setUp()
        self.yen = self.rated('JPY', 160)

    def add_currency(self, code):
        """A person adds it inside Exact."""
        self.simulator.store.put('Currencies', self.division.code, {
            'Code': code, 'Description': code, 'AmountPrecision': 0.01, 'PricePrecision': 0.01,
        }, key=code)
        self.addCleanup(self.simulator.store.drop, 'Currencies', self.division.code, code)

    def abroad(self, currency, count=1):
        return self.env['account.move'].union(*(
            self.invoice(1000 + number, currency_id=currency.id, lines=[
                (1000 + number, self.env['account.tax']),
            ]) for number in range(count)
        ))

    def blocked(self, move, code):
        self.assertEqual(move.exact_export_id.state, 'blocked', move.exact_message)
        [finding] = move.exact_export_id.finding_ids.filtered(lambda one: one.severity == 'blocks')
        self.assertEqual(finding.code, code, finding.message)
        return finding

    def test_mirror_has_the_currencies(self):
        codes = self.env['exact.currency'].search([('division_id', '=', self.division.id)])
        self.assertIn('USD', codes.mapped('code'))
        self.assertNotIn('JPY', codes.mapped('code'))

    def test_documents_of_it_wait_and_all_others_go_on(self):
        moves, euro = self.abroad(self.yen, 5), self.invoice()
        self.export(moves | euro)
        self.assertBooked(euro)
        for move in moves:
            finding = self.blocked(move, 'currency_unknown')
        self.assertEqual(finding.message, (
            "Exact has no currency JPY. Add it there, then press Refresh Now on the administration."
        ))
        self.assertEqual(finding.fixed_by, 'exact')
        self.assertTrue(finding.button_label)
        action = finding.action_fix()
        self.assertEqual((action['res_model'], action['res_id']), (
            'exact.division', self.division.id,
        ))
        self.assertFalse(moves.exact_export_ids.attempt_ids.filtered(
            lambda attempt: attempt.action == 'entry'), "Exact is not asked")
        # Two currencies are two things to mend
        self.export(self.abroad(self.rated('ISK', 140)))
        groups = self.env['exact.finding.group'].search([
            ('code', '=', 'currency_unknown'), ('division_id', '=', self.division.id),
        ])
        self.assertEqual(sorted(groups.mapped('document_count')), [1, 5])
        # Added there: what waited for it goes by itself, the other goes on waiting
        self.add_currency('JPY')
        self.sync()
        self.work()
        for move in moves:
            self.assertBooked(move)
        groups.invalidate_model()
        self.assertEqual(self.env['exact.finding.group'].search([
            ('code', '=', 'currency_unknown'), ('division_id', '=', self.division.id),
        ]).mapped('document_count'), [1])

    def test_currency_that_went_and_came_back(self):
        dollar = self.rated('USD', 1.1)
        row = self.simulator.store.get('Currencies', self.division.code, 'USD')
        self.addCleanup(
            self.simulator.store.put, 'Currencies', self.division.code, dict(row), key='USD')
        self.simulator.store.drop('Currencies', self.division.code, 'USD')
        self.sync()
        move = self.abroad(dollar)
        self.export(move)
        self.blocked(move, 'currency_unknown')
        self.simulator.store.put('Currencies', self.division.code, dict(row), key='USD')
        self.sync()
        self.work()
        self.assertBooked(move)

    def test_waiting_for_a_currency_it_is_read_every_hour(self):
        cursor = self.division.cursor_ids.filtered(lambda one: one.resource == 'currency')
        self.export(self.abroad(self.yen))
        self.sync()
        self.assertLess(cursor.next_at, fields.Datetime.now() + timedelta(hours=1))

    def test_currencies_that_may_not_be_read_stop_nothing(self):
        cursor = self.division.cursor_ids.filtered(lambda one: one.resource == 'currency')
        self.control('switches', scopes=[
            'Crm accounts', 'Organization administration', 'Organization documents',
            'Financial accounting', 'Financial cashflow', 'Financial costcenters',
            'Financial generalledgers', 'Logistics items', 'Projects projects',
        ])
        self.addCleanup(self.control, 'switches', scopes=None)
        self.sync()
        self.assertEqual(cursor.state, 'skipped', cursor.message)
        dollar = self.abroad(self.rated('USD', 1.1))
        self.export(dollar)
        self.assertBooked(dollar)
        self.assertIn('currency_unread', dollar.exact_export_id.finding_ids.mapped('code'))
        own = self.invoice()
        self.export(own)
        self.assertNotIn('currency_unread', own.exact_export_id.finding_ids.mapped('code'))


class HoldingCase(RefusalCase):

    def work_refusing(self, refuse, resource=ENTRIES):
        """Let the workers work while Exact refuses what `refuse` gives an error for.

        :param refuse: function of the body of a POST.
        :return: bodies that Exact was asked to book
        """
        asked, post = [], ExactClient.post

        def posted(client, path, body):
            if path == resource:
                asked.append(body)
                error = refuse(body)
                if error:
                    raise error
            return post(client, path, body)

        with patch.object(ExactClient, 'post', posted):
            self.work()
        return asked

    def moves(self, count, **values):
        return self.env['account.move'].union(*(
            self.invoice(price, **values) for price in range(1, count + 1)
        ))

    def said(self, *words):
        return Rejected(messages=words, status=500)


@tagged('post_install', '-at_install')
class TestHolding(HoldingCase):
    """One document's refusal never spends the budget of the others."""

    def journal_of(self, name):
        """Another sales journal of Odoo, for another one of Exact."""
        journal = self.env['account.journal'].create({
            'name': name, 'type': 'sale', 'code': name[:3].upper(), 'company_id': self.company.id,
        })
        self.mapping(
            'exact.journal.mapping', 'journal_id', journal, 'exact_journal_id',
            self.master('exact.journal', [
                ('journal_type', '=', '20'), ('is_blocked', '=', False),
                ('id', '!=', self.journal.id),
            ]) or self.journal,
        )
        return journal

    def test_what_comes_later_waits_with_what_was_refused(self):
        """Not only what was in the queue: who shares the cause is not asked for either."""
        web = self.journal_of("Webshop")
        refuse = lambda body: (  # noqa: E731
            None if body['Journal'] != self.journal.code else self.said("Geblokkeerd: Dagboek")
        )
        if self.mapped('exact.journal.mapping', 'journal_id', web, 'exact_journal_id') \
                == self.journal:
            self.skipTest("the administration has one sales journal")
        first, others = self.moves(3), self.moves(2, journal_id=web.id)
        (first | others).action_exact_export()
        asked = self.work_refusing(refuse)
        self.assertEqual([body['Journal'] for body in asked].count(self.journal.code), 1)
        for move in others:
            self.assertBooked(move)
        later, other = self.moves(4), self.invoice(9, journal_id=web.id)
        (later | other).action_exact_export()
        asked = self.work_refusing(refuse)
        self.assertEqual(len(asked), 1, "only the other journal's is asked for")
        self.assertBooked(other)
        for move in first | later:
            self.refused(move, 'refused_blocked', move.journal_id)
        self.assertEqual(len(set(
            (first | later).exact_export_ids.finding_ids.filtered(
                lambda finding: finding.severity == 'blocks').mapped('cause'))), 1)
        # A person asks for one: all are asked for, the first that is refused speaks for the rest
        later[0].action_exact_export()
        asked = self.work_refusing(refuse)
        self.assertEqual(len(asked), 1)
        self.assertEqual(set((first | later).exact_export_ids.mapped('state')), {'refused'})
        later[0].action_exact_retry()
        self.work()
        for move in first | later:
            self.assertBooked(move)
        self.assertFalse(self.division.call_pauses)

    def test_a_currency_that_exact_refuses_is_asked_for_once(self):
        """The list of currencies was out of date: what the check let through."""
        dollar = self.rated('USD', 1.1)
        foreign = self.moves(6, currency_id=dollar.id)
        euro = self.moves(2)
        (foreign | euro).action_exact_export()
        asked = self.work_refusing(lambda body: (
            self.said("Ongeldige referentie: Valuta") if body['Currency'] == 'USD' else None
        ))
        self.assertEqual(sorted(body['Currency'] for body in asked), ['EUR', 'EUR', 'USD'])
        for move in euro:
            self.assertBooked(move)
        for move in foreign:
            finding = self.refused(move, 'refused_currency', self.division)
        self.assertIn("Exact does not know the currency USD.", finding.message)
        self.assertEqual(finding.fixed_by, 'exact')
        # It comes in with the next reading
        row = self.simulator.store.get('Currencies', self.division.code, 'USD')
        mirror = self.master('exact.currency', [('code', '=', 'USD')])
        self.assertTrue(row and mirror)
        mirror.sudo().active = False
        self.sync()
        self.work()
        for move in foreign:
            self.assertBooked(move)

    def test_a_right_that_lacks_is_asked_for_once(self):
        sales = self.moves(7)
        bill = self.document('in_invoice', [(40, self.tax_in_21)])
        (sales | bill).action_exact_export()
        asked = self.work_refusing(lambda body: Forbidden(
            scope='financial.accounting', status=403, resource=ENTRIES,
        ))
        self.assertEqual(len(asked), 1)
        self.assertBooked(bill)
        for move in sales:
            self.refused(move, 'refused_scope', self.connection)
        sales[3].action_exact_retry()
        self.work()
        for move in sales:
            self.assertBooked(move)

    def test_a_right_to_add_files_that_lacks_stops_no_bill_without_one(self):
        self.division.send_documents = True
        sales = self.moves(3)
        bill = self.document('in_invoice', [(40, self.tax_in_21)])
        (sales | bill).action_exact_export()
        asked = self.work_refusing(lambda body: Forbidden(
            scope='organization.documents', status=403,
        ), 'documents/Documents')
        self.assertEqual(len(asked), 1)
        self.assertBooked(bill)
        for move in sales:
            self.refused(move, 'refused_scope', self.connection)

    def test_who_is_edited_goes_by_what_he_is_now(self):
        """A document that has no more in common with the refused one is not held."""
        code = self.vat_code
        bad = self.moves(2)
        bad.action_exact_export()
        refuse = lambda body: self.said("Ongeldige referentie: Btw-code") if any(  # noqa: E731
            line['VATCode'] == code.code for line in body['SalesEntryLines']) else None
        self.assertEqual(len(self.work_refusing(refuse)), 1)
        bad[1].button_draft()
        bad[1].invoice_line_ids.tax_ids = self.tax_9
        bad[1].action_post()
        bad[1].action_exact_export()
        self.work_refusing(refuse)
        self.assertBooked(bad[1])
        self.refused(bad[0], 'refused_vat_code', self.tax_21)


@tagged('post_install', '-at_install')
class TestWordsOfVendors(HoldingCase):
    """Exact's words as those list them who build on it: cause, owner, button."""

    def setUp(self):
        super().setUp()
        self.export(self.invoice())

    def check(self, words, code, record, owner, *parts, **values):
        for one in words:
            self.withdraw()
            move = self.invoice(**values)
            move.action_exact_export()
            self.work_refusing(lambda body, one=one: self.said(one))
            with self.subTest(words=one):
                target = move if record is None else record
                finding = self.refused(move, code, target)
                self.assertEqual(finding.fixed_by, owner, finding.message)
                self.assertTrue(finding.button_label)
                self.assertTrue(finding.action_fix())
                self.assertTrue(finding.message.endswith(f"Exact says: {one}"), finding.message)
                self.assertNotIn('%(', finding.message)
                own, _says, _words = finding.message.partition(" Exact says: ")
                for part in parts:
                    self.assertIn(part, own)

    def test_not_in_balance(self):
        self.check((
            "De boeking is niet in evenwicht op: 2022 / 4 (Type: Inkoop) - Verschil: EUR -0,01",
            "Entry is out of balance on: 2022 / 4 (Type: sales entry) - difference: EUR -0,01",
        ), 'refused_not_in_balance', None, 'user', "EUR -0,01")

    def test_financial_year_unknown(self):
        self.check((
            "Onbekend: Boekjaar (Periode-datumtabel)",
            "Unknown: Financial year (Period-date table)",
        ), 'refused_year_unknown', self.division, 'exact', "2026-01-15")

    def test_ledger_blocked(self):
        self.check(
            ("Geblokkeerd: Grootboekrekening", "Blocked: G/L account"), 'refused_blocked',
            self.revenue, 'exact', self.ledger.display_name,
        )

    def test_vat_amount_not_allowed(self):
        self.check((
            'Een btw bedrag is niet toegestaan bij een btw-code van het type "geen btw"',
            "Not allowed: VAT amount",
        ), 'refused_vat_amount', self.tax_21, 'manager', self.vat_code.display_name)

    def test_currency_and_rate_not_allowed(self):
        journal = self.company_data['default_journal_sale']
        for words, code in (
            (("Niet toegestaan: Valuta", "Not allowed: Currency"), 'refused_currency_of_journal'),
            (("Niet toegestaan: Wisselkoers", "Not allowed: Exchange rate"),
             'refused_rate_of_journal'),
        ):
            self.check(words, code, journal, 'manager', self.journal.display_name)
        self.check(
            ("Verplicht: Wisselkoers", "Mandatory: Exchange rate"), 'refused_rate_missing',
            self.division, 'exact', "EUR",
        )

    def test_account_of_the_relation(self):
        self.check((
            "Ongeldig: Verzamelrekening debiteuren",
            "De klantenrekening van deze relatie is niet gelijk aan de rekening van het dagboek",
            "Invalid: Accounts receivable account",
        ), 'refused_relation_account', self.customer, 'exact', self.customer.display_name)

    def test_payment_condition_missing_on_all_sides(self):
        term = self.env.ref('account.account_payment_term_30days')
        words = ("Verplicht: Betalingsconditie", "Mandatory: Payment condition")
        self.check(words, 'refused_condition_missing', self.customer, 'user')
        self.env['exact.payment.term.mapping'].search([
            ('payment_term_id', '=', term.id),
        ]).unlink()
        self.check(
            words, 'refused_condition_missing', term, 'manager', invoice_payment_term_id=term.id)
        # Asked once: whoever has none either waits with it, and who has one goes on
        mapped = self.env.ref('account.account_payment_term_15days')
        self.mapping(
            'exact.payment.term.mapping', 'payment_term_id', mapped, 'payment_condition_id',
            self.master('exact.payment.condition', [('code', '=', '14')])
            or self.master('exact.payment.condition', []),
        )
        bare, good = self.moves(3), self.invoice(5, invoice_payment_term_id=mapped.id)
        (bare | good).action_exact_export()
        asked = self.work_refusing(
            lambda body: None if body.get('PaymentCondition') else self.said(words[0]))
        self.assertEqual(len(asked), 1, "those wait with what was refused before")
        self.assertBooked(good)

    def test_cost_centre_link(self):
        center = self.master('exact.cost.center', [])
        account = self.env['account.analytic.account'].create({
            'name': "Verkoop", 'company_id': self.company.id,
            'plan_id': self.env['account.analytic.plan'].create({'name': "Afdeling"}).id,
        })
        self.mapping(
            'exact.analytic.mapping', 'analytic_account_id', account, 'cost_center_id', center)
        self.check(
            ("Ongeldig: Kostenplaatskoppeling", "Invalid: Cost center link"),
            'refused_cost_center_link', account, 'exact', center.display_name,
            lines=[{
                'name': "Line", 'price_unit': 10, 'account_id': self.revenue.id,
                'tax_ids': [Command.set(self.tax_21.ids)],
                'analytic_distribution': {str(account.id): 100},
            }],
        )

    def test_no_payment_condition_anywhere(self):
        """Exact itself says it: neither the entry nor the relation nor the administration."""
        self.simulator.switches.update({'default_payment_condition': ''})
        self.addCleanup(self.simulator.switches.update, {'default_payment_condition': '30'})
        moves = self.moves(3)
        self.export(moves)
        for move in moves:
            self.refused(move, 'refused_condition_missing', self.customer)
        self.assertEqual(len(moves.exact_export_ids.attempt_ids.filtered(
            lambda one: one.action == 'entry')), 1)
        self.simulator.switches.update({'default_payment_condition': '30'})
        moves[1].action_exact_retry()
        self.work()
        for move in moves:
            self.assertBooked(move)

    def test_document_type(self):
        self.division.send_documents = True
        move = self.invoice()
        move.action_exact_export()
        self.work_refusing(
            lambda body: self.said("Document Type not allowed"), 'documents/Documents')
        finding = self.refused(move, 'refused_document_type', self.division)
        self.assertEqual(finding.fixed_by, 'manager')

    def test_number_that_is_there_is_looked_up(self):
        words = "Already exists - Entry number: 26700001, Journal: 70"
        asked, sent = [], []
        post, get = ExactClient.post, ExactClient.get

        def posted(client, path, body):
            if path == ENTRIES:
                sent.append(body)
                # What was asked before is the look that is taken before anything is sent.
                asked.clear()
                self.assertLess(len(sent), 3, "sent again and again")
                raise self.said(words)
            return post(client, path, body)

        def got(client, path, **values):
            asked.append(path)
            return get(client, path, **values)

        lost = self.invoice(70)
        lost.action_exact_export()
        with patch.object(ExactClient, 'post', posted), patch.object(ExactClient, 'get', got):
            self.work()
            self.assertIn('bulk/Financial/TransactionLines', asked, "it is looked up")
            count = len(asked)
            self.work()
            self.assertEqual(len(asked), count, "once")
        self.assertEqual(len(sent), 1)
        finding = self.refused(lost, 'refused_number', lost)
        self.assertIn(words, finding.message)
        self.assertEqual(finding.button_label, "Compare and Link")

    def test_number_that_is_there_is_the_document(self):
        """Somebody typed the very same entry between our look and our question."""
        move = self.invoice(80)
        export = move.exact_export_id
        move.action_exact_export()
        post = ExactClient.post

        def typed(client, path, body):
            if path == ENTRIES:
                self.control('add_entry', kind='sale', values=json.loads(wire.encode(body)))
                raise self.said("Bestaat reeds - Boekstuknummer: 26700001, Dagboek: 70")
            return post(client, path, body)

        with patch.object(ExactClient, 'post', typed):
            self.work()
        export = move.exact_export_id
        self.assertTrue(export.is_linked, export.finding_ids.mapped('message'))
        self.assertBooked(move)
        self.assertEqual(len(self.simulator.entries()), 2, "it is there once")


@tagged('post_install', '-at_install')
class TestExactIsIll(HoldingCase):
    """Answers 500, 502, 503 without a sentence of Exact are no refusals."""

    def later(self, exports):
        """The pauses are over, and what Exact was asked for would be seen by now."""
        self.asked_long_ago(exports)
        exports.sudo().next_try = False
        self.calls.ill_until = False
        self.env.flush_all()
        self.env['exact.export.queue'].sudo().search([]).retry_at = False

    @property
    def calls(self):
        return self.env['exact.call'].sudo().search([
            ('division_id', '=', self.division.id), ('resource', '=', ENTRIES),
        ])

    def test_on_top_of_earlier_refusals_the_fuse_stays_closed(self):
        self.env['exact.call'].sudo().create({
            'division_id': self.division.id, 'resource': ENTRIES, 'errors': 4,
            'errors_since': fields.Datetime.now(),
        })
        moves = self.moves(4)
        for status in (500, 502, 503):
            self.simulator.faults.add(
                'status_after', method='POST', resource=ENTRIES, status=status)
        moves.action_exact_export()
        self.work()
        exports = moves.exact_export_ids
        self.assertEqual(self.calls.errors, 4, "nothing was refused")
        self.assertEqual(self.calls.ill_count, 2)
        # Two in a row: a minute's pause for that kind, the rest of it waits unasked
        self.assertEqual(sorted(exports.mapped('state')), [
            'ready', 'ready', 'uncertain', 'uncertain',
        ])
        pause = self.calls.ill_until - fields.Datetime.now()
        self.assertLess(pause, timedelta(minutes=2))
        waiting = exports.filtered(lambda export: export.state == 'ready')[0]
        self.assertIn("Exact fails at this itself", waiting.move_id.exact_message)
        self.assertIn(ENTRIES, self.division.call_pauses)
        # Looked up: what it booked all the same is not asked for again; the third is a 503
        self.later(exports)
        self.work()
        self.later(exports)
        self.work()
        for move in moves:
            self.assertBooked(move)
        self.assertEqual(len(self.simulator.entries()), 4)
        self.assertEqual((self.calls.errors, self.calls.ill_count), (4, 0))

    def test_other_kinds_go_on(self):
        self.simulator.faults.add(
            'status_after', method='POST', resource=ENTRIES, status=503, times=2)
        sales = self.moves(3)
        bill = self.document('in_invoice', [(40, self.tax_in_21)])
        (sales | bill).action_exact_export()
        self.work()
        self.assertBooked(bill)
        self.assertEqual(sales[2].exact_export_id.state, 'ready')

    def test_a_sentence_is_a_refusal(self):
        self.edit('Journals', self.journal, AllowVAT=(True, False))
        self.export(self.invoice())
        self.assertEqual((self.calls.errors, self.calls.ill_count or 0), (1, 0))
        self.assertFalse(self.calls.ill_until)


@tagged('post_install', '-at_install')
class TestOlderYears(HoldingCase):
    """What is closed in the years that documents have is known before one is sent."""

    def close(self, year, journal, months=range(1, 13), closed=True):
        for month in months:
            self.control('close_period', year=year, period=month, journal=journal, closed=closed)
            self.addCleanup(
                self.control, 'close_period', year=year, period=month, journal=journal,
                closed=False)

    def bills(self, year, months):
        return self.env['account.move'].union(*(
            self.document(
                'in_invoice', [(100 + month, self.tax_in_21)], ref=f'OLD-{year}-{month}',
                invoice_date=f'{year}-{month:02}-15', date=f'{year}-{month:02}-15',
                invoice_date_due=f'{year}-{month:02}-28',
            ) for month in months
        ))

    @property
    def purchases(self):
        return self.mapped(
            'exact.journal.mapping', 'journal_id', self.company_data['default_journal_purchase'],
            'exact_journal_id',
        ).code

    def asked(self):
        return self.simulator.store.query(
            "SELECT COUNT(*) FROM call WHERE resource = 'read/financial/JournalStatusList'",
        )[0][0]

    def test_no_refusal_a_month(self):
        self.close(2023, self.purchases)
        moves, sale = self.bills(2023, range(3, 8)), self.invoice()
        (moves | sale).action_exact_export()
        before = self.asked()
        asked = self.work_refusing(lambda body: None, 'purchaseentry/PurchaseEntries')
        self.work()
        self.assertFalse(asked, "Exact is not asked for one of them")
        self.assertEqual(self.asked() - before, 1, "one call for all months")
        self.assertBooked(sale)
        for move in moves:
            [finding] = move.exact_export_id.finding_ids.filtered(
                lambda one: one.severity == 'blocks')
            self.assertEqual(
                (move.exact_export_id.state, finding.code, finding.fixed_by),
                ('blocked', 'period_closed', 'exact'),
            )
            self.assertEqual(finding.res_model, 'exact.journal.period')
        # Opened in Exact: the regular reading sees it, as long as documents wait for that year
        self.close(2023, self.purchases, [3], closed=False)
        self.sync()
        self.work()
        self.assertBooked(moves[0])
        self.assertEqual(set(moves[1:].mapped('exact_state')), {'blocked'})

    def test_open_for_purchases_and_closed_for_sales(self):
        self.close(2023, self.journal.code)
        bill = self.bills(2023, [4])
        sale = self.document(
            'out_invoice', [(100, self.tax_21)], name=f'INV/2023/{next(self.numbers)}',
            invoice_date='2023-04-15', date='2023-04-15', invoice_date_due='2023-05-15',
        )
        (bill | sale).action_exact_export()
        asked = self.work_refusing(lambda body: None)
        self.work()
        self.assertFalse(asked)
        self.assertBooked(bill)
        self.assertEqual(sale.exact_export_id.finding_ids[:1].code, 'period_closed')
        # Known by now: not asked for again within the day
        before = self.asked()
        other = self.bills(2023, [5])
        self.export(other)
        self.assertBooked(other)
        self.assertEqual(self.asked(), before)

    def test_what_is_known_outlasts_the_regular_reading(self):
        """Which leaves the year out when nothing waits for it any more."""
        self.close(2023, self.purchases)
        first = self.bills(2023, [4])
        self.export(first)
        self.work()
        self.assertEqual(first.exact_export_id.state, 'blocked')
        first.exact_export_id.action_withdraw()
        self.sync()
        second = self.bills(2023, [5])
        second.action_exact_export()
        self.assertFalse(self.work_refusing(lambda body: None, 'purchaseentry/PurchaseEntries'))
        self.work()
        # (Exact's books keep what other tests made in them: there may be a namesake, too.)
        self.assertIn('period_closed', second.exact_export_id.finding_ids.mapped('code'))

    def test_years_that_may_not_be_read_stop_nothing(self):
        bill = self.bills(2023, [6])
        get = ExactClient.get

        def got(client, path, **values):
            if path == 'read/financial/JournalStatusList':
                raise Forbidden(scope='financial.accounting', status=403)
            return get(client, path, **values)

        with patch.object(ExactClient, 'get', got):
            self.export(bill)
        self.assertBooked(bill)

    def test_documents_of_this_year_cost_no_call(self):
        before = self.asked()
        self.export(self.invoice())
        self.assertEqual(self.asked(), before)


@tagged('post_install', '-at_install')
class TestAccountOfTheRelation(RefusalCase):
    """A relation with a receivable account of its own, another than that of the journal."""

    def setUp(self):
        super().setUp()
        self.relation = self.export(self.invoice()).relation_id
        self.other = self.master('exact.gl.account', [
            ('gl_type', '=', 20), ('exact_guid', '!=', self.journal.gl_account_guid),
        ]) or self.master('exact.gl.account', [('gl_type', '=', 21)])

    def test_known_beforehand(self):
        self.edit('Accounts', self.relation, GLAR=(None, self.other.exact_guid))
        self.sync()
        move, free = self.invoice(), self.invoice(partner=self.env['res.partner'].create({
            'name': "Bakker", 'city': "Breda", 'is_company': True,
        }))
        self.export(move | free)
        self.assertBooked(free)
        export = move.exact_export_id
        self.assertEqual(export.state, 'blocked', move.exact_message)
        self.assertFalse(self.operation(export))
        [finding] = export.finding_ids.filtered(lambda one: one.severity == 'blocks')
        self.assertEqual((finding.code, finding.fixed_by), ('relation_account', 'exact'))
        self.assertIn(self.other.code, finding.message)
        self.assertTrue(finding.button_label)
        # Mended in Exact: it goes by itself
        self.restore()
        self.sync()
        self.work()
        self.assertBooked(move)

    def test_what_the_mirror_does_not_have_yet_is_asked_once(self):
        self.edit('Accounts', self.relation, GLAR=(None, self.other.exact_guid))
        moves = self.invoice(1) | self.invoice(2)
        self.export(moves)
        for move in moves:
            finding = self.refused(move, 'refused_relation_account', self.customer)
        self.assertEqual(finding.fixed_by, 'exact')
        self.assertEqual(len(moves.exact_export_ids.attempt_ids.filtered(
            lambda one: one.action == 'entry')), 1)


@tagged('post_install', '-at_install')
class TestKnownAsProcessed(HoldingCase):
    """What Exact no longer lets go is not asked for: the opposite is offered at once."""

    def deleted(self):
        return self.simulator.store.query(
            "SELECT COUNT(*) FROM call WHERE method = 'DELETE' AND resource = ?", ENTRIES,
        )[0][0]

    def processed(self, count):
        self.control('switches', entry_status=50)
        self.addCleanup(self.control, 'switches', entry_status=20)
        moves = self.moves(count)
        self.export(moves)
        for move in moves:
            self.assertBooked(move)
        self.control('switches', entry_status=20)
        return moves

    def test_five_undos_ask_nothing(self):
        moves = self.processed(5)
        before = self.deleted()
        for move in moves:
            move.action_exact_undo()
            # At once, without a worker
            [finding] = move.exact_export_id.finding_ids.filtered(
                lambda one: one.severity == 'blocks')
            self.assertEqual(finding.code, 'already_processed')
            move.invalidate_recordset()
            self.assertIn("Reverse it instead", move.exact_message)
            self.assertIn('reverse', move.exact_buttons)
        self.work()
        self.assertEqual(self.deleted(), before)
        self.assertFalse(self.division.call_pauses)
        self.assertEqual(set(moves.mapped('exact_state')), {'verified'})
        moves.exact_export_ids.action_reverse()
        self.work()
        self.assertEqual(set(moves.exact_export_ids.mapped('state')), {'undone'})

    def test_update_asks_nothing_either(self):
        move = self.processed(1)
        move.button_draft()
        move.invoice_line_ids.price_unit = 50
        move.action_post()
        self.work()
        move.action_exact_update()
        with patch.object(ExactClient, 'put', side_effect=AssertionError("asked")), \
                patch.object(ExactClient, 'delete', side_effect=AssertionError("asked")):
            self.work()
        self.assertIn('already_processed', move.exact_export_id.finding_ids.mapped('code'))
        self.assertEqual(move.exact_state, 'changed')

    def test_entry_in_a_closed_period_is_not_asked_for(self):
        move = self.invoice()
        self.export(move)
        period = {'year': 2026, 'period': 1, 'journal': self.journal.code}
        self.control('close_period', **period)
        self.addCleanup(self.control, 'close_period', closed=False, **period)
        self.sync()
        before = self.deleted()
        move.action_exact_undo()
        self.work()
        self.assertEqual(self.deleted(), before)
        finding = move.exact_export_id.finding_ids.filtered(lambda one: one.severity == 'blocks')
        self.assertEqual(finding.code, 'kept_by_period')
        self.assertIn('reverse', move.exact_buttons)
        self.control('close_period', closed=False, **period)
        self.sync()
        move.action_exact_undo()
        self.work()
        self.assertEqual(move.exact_export_id.state, 'undone')


    def test_what_is_learned_while_the_undo_waits_counts(self):
        move = self.invoice()
        self.export(move)
        self.division.action_hold()
        move.action_exact_undo()
        period = {'year': 2026, 'period': 1, 'journal': self.journal.code}
        self.control('close_period', **period)
        self.addCleanup(self.control, 'close_period', closed=False, **period)
        self.sync()
        before = self.deleted()
        self.division.action_release()
        self.work()
        self.assertEqual(self.deleted(), before)
        self.assertIn('kept_by_period', move.exact_export_id.finding_ids.mapped('code'))
        self.assertFalse(move.exact_export_id.pending_action)
        self.assertIn('reverse', move.exact_buttons)


@tagged('post_install', '-at_install')
class TestStyleOfCreditNotes(HoldingCase):
    """The administration wants the other style: its switch is named, with its button."""

    # `Type` in a POST is read-only in the reference
    request_log_suffix = '.explicit'

    def test_the_switch_is_named(self):
        self.control('switches', credit_note='explicit')
        self.addCleanup(self.control, 'switches', credit_note='sign')
        refunds = self.env['account.move'].union(*(
            self.document('out_refund', [(price, self.tax_21)], name=f'R{next(self.numbers)}')
            for price in (10, 20, 30)
        ))
        invoice = self.invoice()
        (refunds | invoice).action_exact_export()
        for words in ("Ongeldig: Bedrag", "Invalid: Amount"):
            asked = self.work_refusing(lambda body, words=words: (
                self.said(words) if body['SalesEntryLines'][0]['AmountFC'] < 0 else None
            ))
            self.assertEqual(len([
                body for body in asked if body['SalesEntryLines'][0]['AmountFC'] < 0]), 1)
            for move in refunds:
                finding = self.refused(move, 'refused_credit_note_style', self.division)
            self.assertIn("Choose the other style of credit notes", finding.message)
            self.assertEqual(finding.fixed_by, 'manager')
            self.assertEqual(finding.button_label, "Open the Administration")
            self.assertEqual(finding.action_fix()['res_id'], self.division.id)
            refunds[0].action_exact_retry()
        self.assertBooked(invoice)
        self.work_refusing(lambda body: (
            self.said(words) if body['SalesEntryLines'][0]['AmountFC'] < 0 else None
        ))
        # The switch is turned: they go by themselves
        self.division.credit_note_style = 'explicit'
        self.work()
        for move in refunds:
            self.assertBooked(move)

    def test_the_other_way_round(self):
        """Exact does not take the type of a credit note where it wants a sign."""
        self.division.credit_note_style = 'explicit'
        refund = self.document('out_refund', [(10, self.tax_21)], name=f'R{next(self.numbers)}')
        self.export(refund)
        self.refused(refund, 'refused_credit_note_style', self.division)
        self.division.credit_note_style = 'sign'
        self.work()
        self.assertBooked(refund)
