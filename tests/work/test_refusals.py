from datetime import timedelta
from itertools import count
from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from odoo.addons.account_exact.exact_api import (
    ExactClient,
    Forbidden,
    OutcomeUnknown,
    Rejected,
)
from odoo.addons.account_exact.models.export.exact_export_refusal import TRANSIENT_ATTEMPTS
from odoo.addons.account_exact.models.work.exact_finding_text import (
    FIXERS,
    SENTENCES,
    cause,
    sentence,
)

from ..export_common import ExactExportCase

ENTRIES = 'salesentry/SalesEntries'


class RefusalCase(ExactExportCase):
    """Exact changes after Odoo's last refresh, so that only Exact itself can find out."""

    numbers = count(90000)

    def setUp(self):
        super().setUp()
        # Exact counts errors, too, and its books outlive a test.
        self.simulator.limits.reset()
        self.edits = []
        self.addCleanup(self.restore)

    def invoice(self, price=100, **values):
        return self.document(
            'out_invoice', values.pop('lines', [(price, self.tax_21)]),
            name=f'INV/2026/{next(self.numbers)}', **values,
        )

    def term_whose_condition_went(self):
        term = self.env.ref('account.account_payment_term_30days')
        condition = self.master('exact.payment.condition', [('code', '=', '30')])
        self.mapping(
            'exact.payment.term.mapping', 'payment_term_id', term, 'payment_condition_id',
            condition,
        )
        self.edit('PaymentConditions', condition, Code=('30', 'zz'))
        return term

    def work(self):
        self.run_cron('ir_cron_exact_export')

    def sync(self):
        self.division.action_refresh()
        self.run_cron('ir_cron_sync')

    def edit(self, table, record, **values):
        """Somebody in Exact edits a record, {name: (old, new)}; it is put back after the test."""
        before = {name: value for name, (value, _new) in values.items()}
        self.edits.append({'table': table, 'key': record.exact_guid, 'values': before})
        self.control('edit_record', table=table, key=record.exact_guid, values={
            name: new for name, (_old, new) in values.items()
        })

    def restore(self):
        """Somebody in Exact puts it right again."""
        while self.edits:
            self.control('edit_record', **self.edits.pop())

    def mapped(self, model, field, source, target):
        return self.env[model].search([
            ('division_id', '=', self.division.id), (field, '=', source.id),
        ])[target]

    @property
    def journal(self):
        return self.mapped(
            'exact.journal.mapping', 'journal_id', self.company_data['default_journal_sale'],
            'exact_journal_id',
        )

    @property
    def ledger(self):
        return self.mapped('exact.account.mapping', 'account_id', self.revenue, 'gl_account_id')

    @property
    def vat_code(self):
        return self.mapped('exact.tax.mapping', 'tax_id', self.tax_21, 'vat_code_id')

    def withdraw(self):
        """What was refused is withdrawn, so that nothing else is held with it."""
        self.env['exact.export'].sudo().search([
            ('division_id', '=', self.division.id), ('state', '=', 'refused'),
        ]).state = 'undone'

    def refused(self, move, code, record=None):
        """The document is refused, and its one finding leads to the record."""
        export = move.exact_export_id
        self.assertEqual(export.state, 'refused', export.finding_ids.mapped('message'))
        [finding] = export.finding_ids.filtered(lambda finding: finding.severity == 'blocks')
        self.assertEqual(finding.code, code, finding.message)
        self.assertEqual(
            (finding.res_model or False, finding.res_id or 0),
            (record._name, record.id) if record else (False, 0),
        )
        self.assertTrue(finding.fixed_by)
        return finding


@tagged('post_install', '-at_install')
class TestRefusals(RefusalCase):
    """Each refusal says what is wrong, who can mend it, and leads there."""

    def test_journal_without_vat_in_both_languages(self):
        self.edit('Journals', self.journal, AllowVAT=(True, False))
        self.addCleanup(self.control, 'set_user', LanguageCode='nl-NL')
        for language, words in (
            ('nl-NL', "Niet toegestaan: Btw-code"), ('en-GB', "Not allowed: VAT-code"),
        ):
            self.control('set_user', LanguageCode=language)
            self.withdraw()
            move = self.invoice()
            self.export(move)
            finding = self.refused(move, 'refused_vat_of_journal', move.journal_id)
            self.assertIn(self.journal.display_name, finding.message)
            self.assertIn(f"Exact says: {words}", finding.message)
            self.assertEqual(finding.fixed_by, 'manager')
            action = finding.action_fix()
            self.assertEqual(action['res_model'], 'exact.journal.mapping')
            self.assertIn(('journal_id', '=', move.journal_id.id), action['domain'])

    def test_vat_code_that_went_leads_to_the_tax(self):
        code = self.vat_code
        self.edit('VATCodes', code, Code=(code.code, 'zz'))
        move = self.invoice()
        self.export(move)
        finding = self.refused(move, 'refused_vat_code', self.tax_21)
        self.assertIn(self.tax_21.display_name, finding.message)
        self.assertEqual(finding.action_fix()['res_model'], 'exact.tax.mapping')

    def test_payment_condition_that_went_leads_to_the_term(self):
        term = self.term_whose_condition_went()
        move = self.invoice(invoice_payment_term_id=term.id)
        self.export(move)
        self.refused(move, 'refused_payment_condition', term)

    def test_cost_centre_that_went_leads_to_the_analytic_account(self):
        center = self.master('exact.cost.center', [])
        plan = self.env['account.analytic.plan'].create({'name': "Afdeling"})
        account = self.env['account.analytic.account'].create({
            'name': "Verkoop", 'plan_id': plan.id, 'company_id': self.company.id,
        })
        self.mapping(
            'exact.analytic.mapping', 'analytic_account_id', account, 'cost_center_id', center)
        self.edit('Costcenters', center, Code=(center.code, 'zz'))
        move = self.invoice(lines=[{
            'name': "Line", 'price_unit': 10, 'account_id': self.revenue.id,
            'tax_ids': [Command.set(self.tax_21.ids)],
            'analytic_distribution': {str(account.id): 100},
        }])
        self.export(move)
        self.refused(move, 'refused_cost_center', account)

    def test_ledger_of_another_type_leads_to_the_account(self):
        self.edit('GLAccounts', self.ledger, Type=(self.ledger.gl_type, 20))
        move = self.invoice()
        self.export(move)
        finding = self.refused(move, 'refused_account_type', self.revenue)
        self.assertIn(self.ledger.display_name, finding.message)

    def test_no_customer_any_more_is_made_one_by_retry(self):
        first = self.invoice()
        relation = self.export(first).relation_id
        self.edit('Accounts', relation, Status=('C', 'A'))
        move = self.invoice()
        self.export(move)
        self.refused(move, 'refused_customer', self.customer)
        move.action_exact_retry()
        self.work()
        self.assertBooked(move)

    def test_ledger_that_is_blocked_leads_to_the_account(self):
        self.edit('GLAccounts', self.ledger, IsBlocked=(False, True))
        move = self.invoice()
        self.export(move)
        finding = self.refused(move, 'refused_blocked', self.revenue)
        self.assertEqual(
            finding.message,
            f"{self.ledger.display_name} is blocked in Exact. Release it there, or choose another "
            f"for {self.revenue.display_name}. Exact says: Geblokkeerd: Grootboekrekening",
        )
        self.assertEqual(finding.fixed_by, 'exact')
        self.assertEqual(finding.action_fix()['res_model'], 'exact.account.mapping')

    def test_new_words_stay_and_lead_to_what_they_name(self):
        move = self.invoice()
        words = "Nog nooit gehoord: Grootboekrekening"
        self.answers(move, Rejected(messages=[words], status=500))
        finding = self.refused(move, 'refused_part', self.revenue)
        self.assertEqual(
            finding.message,
            f"Exact does not take {self.ledger.display_name} for this document. Put it right in "
            f"Exact, or choose another for {self.revenue.display_name}. Exact says: {words}",
        )
        self.assertEqual(finding.action_fix()['res_model'], 'exact.account.mapping')

    def test_several_sentences_are_several_findings(self):
        self.edit('Journals', self.journal, AllowVAT=(True, False))
        self.edit('GLAccounts', self.ledger, IsBlocked=(False, True))
        other = self.env['account.account'].create({
            'name': "Andere omzet", 'code': '899999', 'account_type': 'income',
        })
        other_ledger = self.master('exact.gl.account', [
            ('gl_type', '=', 110), ('is_blocked', '=', False), ('use_cost_center', '=', '0'),
            ('use_cost_unit', '=', '0'), ('id', '!=', self.ledger.id),
        ])
        self.mapping('exact.account.mapping', 'account_id', other, 'gl_account_id', other_ledger)
        move = self.invoice(lines=[
            {'name': "A", 'price_unit': 10, 'account_id': self.revenue.id, 'tax_ids': []},
            {'name': "B", 'price_unit': 20, 'account_id': other.id,
             'tax_ids': [Command.set(self.tax_21.ids)]},
        ])
        self.export(move)
        export = move.exact_export_id
        self.assertEqual(export.state, 'refused')
        self.assertEqual(
            set(export.finding_ids.mapped('code')), {'refused_blocked', 'refused_vat_of_journal'},
        )

    def answers(self, move, error, step=ENTRIES):
        """What Exact answers to the entry of this document, or to a step before it; nothing else
        waits that it could be held with."""
        self.withdraw()
        post = ExactClient.post

        def refused(client, resource, body):
            if resource == step:
                raise error
            return post(client, resource, body)

        move.action_exact_export()
        with patch.object(ExactClient, 'post', refused):
            self.work()

    def test_every_refused_right_leads_to_the_connection(self):
        for error, code in (
            (Forbidden(scope='financial.accounting', status=403), 'refused_scope'),
            (Forbidden(resource=ENTRIES, status=403), 'refused_right'),
            (Forbidden(messages=["Division not accessible"], status=400), 'refused_licence'),
        ):
            move = self.invoice()
            self.answers(move, error)
            finding = self.refused(move, code, self.connection)
            self.assertEqual(finding.action_fix()['res_id'], self.connection.id)
            self.assertNotIn('%(', finding.message)

    def test_refusals_of_the_document_lead_to_it(self):
        for words, code in (
            ("Reeds verwerkt", 'refused_processed'),
            ("The financial year cannot be changed", 'refused_year'),
            ("Verplicht: Kostenplaats", 'refused_mandatory'),
            ("Opening balance plus all lines differs", 'refused_balance'),
            ("Cannot convert a value to type 'Byte[]'", 'refused_file'),
        ):
            move = self.invoice()
            self.answers(move, Rejected(messages=[words], status=500))
            finding = self.refused(move, code, move)
            self.assertEqual(finding.button_label, "Open the Document")
            self.assertEqual(finding.action_fix()['res_id'], move.id)
            self.assertFalse(move.exact_button_label, "the document is open already")

    def test_what_exact_may_have_leads_to_comparing(self):
        for words, code in (
            ("In gebruik: Boekstuknummer", 'refused_number'),
            ("Gegeven bestaat reeds", 'refused_exists'),
        ):
            move = self.invoice()
            self.answers(move, Rejected(messages=[words], status=500))
            finding = self.refused(move, code, move)
            self.assertEqual(finding.button_label, "Compare and Link")
            self.assertEqual(move.exact_button_label, "Compare and Link")
            self.assertEqual(move.action_exact_fix()['res_model'], 'exact.link.wizard')

    def test_another_period_that_is_closed_leads_to_it(self):
        """No check of the document finds it: its own period is open."""
        period = self.master('exact.journal.period', [
            ('journal_code', '=', self.journal.code), ('year', '=', 2026), ('period', '=', 3),
        ])
        for words, record in (
            ("Periode is afgesloten: 2026-3", period),
            ("Periode is afgesloten: 2019-3", self.division),
        ):
            move = self.invoice()
            self.answers(move, Rejected(messages=[words], status=500))
            finding = self.refused(move, 'period_closed', record)
            self.assertIn(f"Exact says: {words}", finding.message)
            self.assertEqual(finding.fixed_by, 'exact')
            self.assertTrue(finding.button_label)
            self.assertTrue(move.exact_button_label)
            self.assertEqual(finding.action_fix()['res_model'], record._name)

    def test_a_refused_update_says_what_exact_said(self):
        move = self.invoice()
        export = self.export(move)
        self.assertBooked(move)
        for words, code, button in (
            ("Ongeldige referentie: Btw-code", 'refused_vat_code', "Map the Tax"),
            ("Periode is afgesloten", 'period_closed', "See the Period"),
            ("In gebruik: Boekstuknummer", 'refused', False),
        ):
            move.button_draft()
            move.invoice_line_ids.price_unit += 10
            move.action_post()
            self.work()
            self.assertEqual(export.state, 'changed')
            move.action_exact_update()
            with patch.object(
                ExactClient, 'put', side_effect=Rejected(messages=[words], status=500),
            ):
                self.work()
            self.env.invalidate_all()
            self.assertEqual((export.state, export.pending_action), ('changed', False))
            [finding] = export.finding_ids.filtered(lambda one: one.severity == 'blocks')
            self.assertEqual(finding.code, code, finding.message)
            self.assertIn(words, move.exact_message)
            self.assertNotIn("Exact keeps the entry", move.exact_message)
            self.assertEqual(move.exact_button_label, button)
        # Mended: it is done again
        move.action_exact_update()
        self.work()
        self.assertBooked(move)

    def test_a_partner_that_a_refused_update_needs(self):
        move = self.invoice()
        export = self.export(move)
        move.button_draft()
        move.partner_id = self.env['res.partner'].create({
            'name': "Nieuwkomer", 'city': "Breda", 'country_id': self.env.ref('base.nl').id,
        })
        move.action_post()
        self.work()
        move.action_exact_update()
        with patch.object(ExactClient, 'post', side_effect=Rejected(
            messages=["Verplicht: Naam"], status=500, resource='crm/Accounts',
        )):
            self.work()
        [finding] = export.finding_ids.filtered(lambda one: one.severity == 'blocks')
        self.assertEqual((finding.code, finding.res_id), ('refused_partner', move.partner_id.id))
        self.assertEqual(export.state, 'changed')

    def says(self, finding, text, words):
        """The whole sentence: what is wrong with which record, and Exact's own words."""
        self.assertEqual(finding.message, f"{text} Exact says: {words}")

    def test_each_kind_of_refusal_leads_to_its_record(self):
        """In both languages of Exact; a document each, since Exact names no record."""
        journal, relation = (
            self.company_data['default_journal_sale'], self.export(self.invoice()).relation_id,
        )
        names = {
            'tax': self.tax_21.display_name, 'vat_code': self.vat_code.display_name,
            'journal': journal.display_name, 'target': self.journal.display_name,
            'relation': relation.display_name, 'customer': self.customer.display_name,
        }
        for languages, code, record, text in (
            (
                ("Ongeldig: Btw-percentage", "Invalid: VAT percentage"),
                'refused_vat_percentage', self.tax_21,
                (
                    "The VAT percentage does not fit the VAT code in Exact. Check the tax {tax},"
                    " which is mapped to {vat_code}."
                ),
            ), (
                ("Ongeldig: Dagboek", "Invalid: Journal"), 'refused_journal_type', journal,
                (
                    "The journal {target} is of another type in Exact than this document needs. Map"
                    " the journal {journal} to another."
                ),
            ), (
                ("Ongeldige referentie: Dagboek", "Invalid reference: Journal"),
                'refused_journal', journal,
                (
                    "Exact does not know the journal {target} (any more). Map the journal {journal}"
                    " anew."
                ),
            ), (
                ("Ongeldige referentie: Klant", "Invalid reference: Customer"),
                'refused_relation', self.customer,
                (
                    "Exact does not know the relation {relation} (any more). Choose the relation of"
                    " {customer} anew."
                ),
            ), (
                ("Ongeldige referentie: Valuta", "Invalid reference: Currency"),
                'refused_currency', self.division,
                (
                    "Exact does not know the currency EUR. Add it there, then press Refresh Now on"
                    " the administration."
                ),
            ), (
                ("Ongeldige referentie: Iets", "Invalid reference: Something"),
                'refused_reference', self.division,
                (
                    "The document refers to something that this administration does not have (any"
                    " more). Refresh the master data, then retry."
                ),
            ),
        ):
            for words in languages:
                with self.subTest(words=words):
                    move = self.invoice()
                    self.answers(move, Rejected(messages=[words], status=500))
                    self.says(self.refused(move, code, record), text.format(**names), words)

    def test_ledger_that_exact_does_not_know_leads_to_the_account(self):
        for words in ("Ongeldige referentie: Grootboekrekening", "Invalid reference: G/L account"):
            with self.subTest(words=words):
                move = self.invoice()
                self.answers(move, Rejected(messages=[words], status=500))
                finding = self.refused(move, 'refused_gl_account', self.revenue)
                for part in (
                    "Exact does not know a ledger of this document (any more).", self.revenue.name,
                    self.ledger.display_name, f"Exact says: {words}",
                ):
                    self.assertIn(part, finding.message)

    def test_account_is_named_with_its_number(self):
        """As an accountant knows it; the worker, who has no rights of its own, names it too."""
        refused = self.invoice()
        self.answers(refused, Rejected(
            messages=["Ongeldige referentie: Grootboekrekening"], status=500,
        ))
        other = self.revenue.copy({'code': '899903', 'name': "Nowhere in Exact"})
        blocked = self.invoice(lines=[{
            'name': "Line", 'price_unit': 5, 'account_id': other.id,
            'tax_ids': [Command.set(self.tax_21.ids)],
        }])
        self.export(blocked)
        for move, account in ((refused, self.revenue), (blocked, other)):
            self.assertIn(f"{account.code} {account.name}", move.exact_message)

    def test_refusals_of_the_document_itself_say_what_to_do(self):
        for languages, code, text in (
            (("Verplicht: Omschrijving", "Mandatory: Description"), 'refused_mandatory',
             "Exact demands something that the document does not have. Fill it in, or map it."),
            (("Gegeven bestaat reeds", "Bestaat reeds: Uw ref.", "Already exists: Your ref.",
              "Data already exists"), 'refused_exists',
             "Exact has this already. Look it up in Exact before you retry."),
            (("Opening balance plus all lines must be equal to the closing balance",),
             'refused_balance',
             "The opening balance and the lines do not add up to the closing balance."),
        ):
            for words in languages:
                with self.subTest(words=words):
                    move = self.invoice()
                    self.answers(move, Rejected(messages=[words], status=500))
                    export = move.exact_export_id
                    self.assertEqual(export.state, 'refused')
                    [finding] = export.finding_ids.filtered(lambda one: one.severity == 'blocks')
                    self.assertEqual(finding.code, code)
                    self.says(finding, text, words)

    def test_file_that_exact_cannot_read_is_named_and_stops_no_entry(self):
        self.division.send_documents = True
        move = self.invoice()
        words = "Error converting value to type 'Byte[]'"
        self.answers(
            move, Rejected(messages=[words], status=400), 'documents/DocumentAttachments')
        self.assertBooked(move)
        export = move.exact_export_id
        [name] = self.env['exact.export.files']._uploads(export)
        [finding] = export.finding_ids.filtered(lambda one: one.code == 'attachment_refused')
        self.assertEqual(finding.severity, 'informs')
        self.says(finding, f"Exact does not take the file {name}; it is not sent.", words)

    def test_what_is_no_word_of_exact_leaves_no_file_out(self):
        self.division.send_documents = True
        move = self.invoice()
        self.answers(move, Rejected(status=400), 'documents/DocumentAttachments')
        export = move.exact_export_id
        self.assertEqual(export.state, 'refused')
        self.assertFalse(self.operation(export))
        move.action_exact_retry()
        self.work()
        self.assertBooked(move)
        self.assertEqual(
            {file.state for file in self.env['exact.export.files']._uploads(export).values()},
            {'answered'},
        )

    def test_each_dimension_leads_to_its_own_analytic_account(self):
        """One line with all three, each of another plan."""
        fields_ = {'cost_center': 'Afdeling', 'cost_unit': 'Kostendrager', 'project': 'Project'}
        accounts = {}
        for part, name in fields_.items():
            account = accounts[part] = self.env['account.analytic.account'].create({
                'name': f"{name} 1", 'company_id': self.company.id,
                'plan_id': self.env['account.analytic.plan'].create({'name': name}).id,
            })
            self.mapping(
                'exact.analytic.mapping', 'analytic_account_id', account, f'{part}_id',
                self.master(f"exact.{part.replace('_', '.')}", []),
            )
        key = ','.join(str(account.id) for account in accounts.values())
        for part, what, languages in (
            ('cost_center', "cost centre", ("Kostenplaats", "Cost center")),
            ('cost_unit', "cost unit", ("Kostendrager", "Cost unit")),
            ('project', "project", ("Project", "Project")),
        ):
            account = accounts[part]
            target = self.master(f"exact.{part.replace('_', '.')}", []).display_name
            for kind, label in zip(("Ongeldige referentie", "Invalid reference"), languages,
                                   strict=True):
                words = f"{kind}: {label}"
                with self.subTest(words=words):
                    move = self.invoice(lines=[{
                        'name': "Line", 'price_unit': 10, 'account_id': self.revenue.id,
                        'tax_ids': [Command.set(self.tax_21.ids)],
                        'analytic_distribution': {key: 100},
                    }])
                    self.answers(move, Rejected(messages=[words], status=500))
                    self.says(
                        self.refused(move, f'refused_{part}', account),
                        f"Exact does not know a {what} of this document (any more). Check the "
                        f"analytic account {account.display_name}, which is mapped to {target}.",
                        words,
                    )

    def test_no_supplier_any_more_is_made_one_by_retry(self):
        first = self.document('in_invoice', [(40, self.tax_in_21)], ref='B-1')
        relation = self.export(first).relation_id
        self.edit('Accounts', relation, IsSupplier=(True, False))
        bill = self.document('in_invoice', [(50, self.tax_in_21)], ref='B-2')
        self.export(bill)
        finding = self.refused(bill, 'refused_supplier', self.supplier)
        self.assertIn(
            f"{relation.display_name} is no supplier in Exact (any more). Retry makes it one, or "
            f"choose another relation for {self.supplier.display_name}.", finding.message,
        )
        bill.action_exact_retry()
        self.work()
        self.assertBooked(bill)

    def test_relation_that_exact_does_not_take_leads_to_the_partner(self):
        """The entry is not sent, and a kind that is the entry's elsewhere is the partner's here."""
        for words in ("Ongeldig: Btw-nummer", "Mandatory: Name", "Invalid reference: Country"):
            with self.subTest(words=words):
                number = next(self.numbers)
                partner = self.env['res.partner'].create({'name': f"Klant {number}"})
                move = self.invoice(partner=partner)
                self.answers(move, Rejected(messages=[words], status=500), 'crm/Accounts')
                finding = self.refused(move, 'refused_partner', partner)
                self.says(
                    finding,
                    f"Exact does not take {partner.display_name} as a relation. Mend the partner.",
                    words,
                )
                self.assertEqual(
                    move.exact_export_id.attempt_ids.filtered(
                        lambda one: one.outcome == 'refused',
                    ).mapped('action'), ['relation'],
                )
                self.assertFalse(self.operation(move.exact_export_id))
                move.action_exact_retry()
                self.work()
                self.assertBooked(move)

    def test_only_documents_that_would_meet_the_same_are_spared(self):
        """Those of another journal of Odoo have another mapping to be mended, and those without
        VAT are taken."""
        other = self.env['account.journal'].create({
            'name': "Webshop", 'type': 'sale', 'code': 'WEB', 'company_id': self.company.id,
        })
        self.mapping(
            'exact.journal.mapping', 'journal_id', other, 'exact_journal_id', self.journal)
        self.edit('Journals', self.journal, AllowVAT=(True, False))
        own = self.invoice(1) | self.invoice(2)
        web = self.invoice(3, journal_id=other.id) | self.invoice(4, journal_id=other.id)
        free = self.invoice(lines=[
            {'name': "A", 'price_unit': 10, 'account_id': self.revenue.id, 'tax_ids': []},
        ])
        self.export(own | free | web)
        for move in own | web:
            self.refused(move, 'refused_vat_of_journal', move.journal_id)
        for moves in (own, web):
            tried = moves.exact_export_ids.attempt_ids.filtered(lambda one: one.action == 'entry')
            self.assertEqual(len(tried), 1, moves.journal_id.name)
        self.assertBooked(free)

    def test_problem_of_exact_is_tried_three_times(self):
        move = self.invoice()
        error = OutcomeUnknown(messages=["A problem has occurred."], status=500)
        self.answers(move, error)
        export = move.exact_export_id
        for _try in range(TRANSIENT_ATTEMPTS):
            self.assertEqual(export.state, 'uncertain')
            self.asked_long_ago(export)
            export.sudo().next_try = False
            with patch.object(ExactClient, 'post', side_effect=error):
                self.work()
            if export.state == 'refused':
                break
        self.assertEqual(export.attempt_count, TRANSIENT_ATTEMPTS)
        finding = self.refused(move, 'refused_again')
        self.assertIn("A problem has occurred.", finding.message)
        move.action_exact_retry()
        self.work()
        self.assertBooked(move)

    def test_every_sentence_can_be_said(self):
        params = dict.fromkeys((
            'name', 'target', 'scope', 'resource', 'count', 'message', 'year', 'period', 'journal',
            'date', 'entry_date', 'currency', 'difference', 'document', 'reference',
        ), 'x')
        for code in SENTENCES:
            if code.startswith(('refused', 'period_', 'no_open', 'vat_in')):
                self.assertNotIn('%(', sentence(self.env, code, params | {'words': "Nee"}), code)


@tagged('post_install', '-at_install')
class TestRetryOfAllThatWaited(RefusalCase):
    """One fix, one press: whatever waited for it goes on."""

    def setUp(self):
        super().setUp()
        self.invoicer = new_test_user(
            self.env, login='exact_fixer', groups='account.group_account_invoice',
            company_id=self.company.id, company_ids=[(6, 0, self.company.ids)],
        )
        self.reader = new_test_user(
            self.env, login='exact_looker', groups='account.group_account_readonly',
            company_id=self.company.id, company_ids=[(6, 0, self.company.ids)],
        )

    def two_refused(self):
        self.edit('Journals', self.journal, AllowVAT=(True, False))
        moves = self.invoice(1) | self.invoice(2)
        self.export(moves)
        for move in moves:
            self.refused(move, 'refused_vat_of_journal', move.journal_id)
        # What Exact says of a journal it need not say twice: errors are scarce.
        tried = moves.exact_export_ids.attempt_ids.filtered(lambda one: one.action == 'entry')
        self.assertEqual(len(tried), 1)
        return moves

    # === ONE CAUSE, MANY DOCUMENTS === #

    def tried(self, moves):
        """How often Exact was asked to book these."""
        return len(moves.exact_export_ids.attempt_ids.filtered(
            lambda one: one.action == 'entry' and one.outcome != 'later',
        ))

    def seven(self):
        """Seven invoices with a VAT code that Exact has no more, one without VAT, and a bill."""
        code = self.vat_code
        self.edit('VATCodes', code, Code=(code.code, 'zz'))
        bad = self.env['account.move'].union(*(self.invoice(price) for price in range(1, 8)))
        good = self.invoice(lines=[(8, self.env['account.tax'])])
        self.export(bad | good)
        return bad, good

    def test_a_bad_vat_code_is_tried_once(self):
        bad, good = self.seven()
        self.assertBooked(good)
        for move in bad:
            self.refused(move, 'refused_vat_code', self.tax_21)
        self.assertEqual(self.tried(bad), 1)
        self.assertFalse(self.division.call_pauses)
        # One fix releases them all
        code = self.vat_code
        self.restore()
        mapping = self.env['exact.tax.mapping'].search([
            ('division_id', '=', self.division.id), ('tax_id', '=', self.tax_21.id),
        ])
        mapping.vat_code_id = False
        mapping.vat_code_id = code
        self.work()
        for move in bad:
            self.assertBooked(move)

    def test_only_what_has_the_same_is_spared(self):
        """The same VAT code by another tax is another mapping to mend."""
        code = self.vat_code
        twin = self.tax_21.copy({'name': "21% twin"})
        self.mapping('exact.tax.mapping', 'tax_id', twin, 'vat_code_id', code)
        self.edit('VATCodes', code, Code=(code.code, 'zz'))
        first, other = self.invoice(1), self.invoice(lines=[(2, twin)])
        self.export(first | other)
        self.refused(first, 'refused_vat_code', self.tax_21)
        self.refused(other, 'refused_vat_code', twin)
        self.assertEqual(self.tried(first | other), 2)

    def test_who_has_two_candidates_speaks_for_himself_alone(self):
        """Which of its two VAT codes Exact means, the sentence does not say."""
        code = self.vat_code
        self.edit('VATCodes', code, Code=(code.code, 'zz'))
        first = self.invoice(lines=[(1, self.tax_21), (2, self.tax_9)])
        other = self.invoice(lines=[(3, self.tax_9)])
        self.export(first | other)
        self.assertEqual(first.exact_export_id.state, 'refused')
        self.assertEqual(
            set(first.exact_export_id.finding_ids.mapped('res_id')), set(
                (self.tax_21 | self.tax_9).ids),
        )
        self.assertBooked(other)

    def test_a_bad_ledger_is_tried_once(self):
        self.edit('GLAccounts', self.ledger, Type=(self.ledger.gl_type, 20))
        moves = self.invoice(1) | self.invoice(2)
        other = self.env['account.account'].create({
            'name': "Andere omzet", 'code': '899998', 'account_type': 'income',
        })
        self.mapping('exact.account.mapping', 'account_id', other, 'gl_account_id', self.master(
            'exact.gl.account', [
                ('gl_type', '=', 110), ('is_blocked', '=', False), ('use_cost_center', '=', '0'),
                ('use_cost_unit', '=', '0'), ('id', '!=', self.ledger.id),
            ],
        ))
        good = self.invoice(lines=[{
            'name': "A", 'price_unit': 10, 'account_id': other.id,
            'tax_ids': [Command.set(self.tax_21.ids)],
        }])
        self.export(moves | good)
        self.assertBooked(good)
        for move in moves:
            self.refused(move, 'refused_account_type', self.revenue)
        self.assertEqual(self.tried(moves), 1)

    def test_a_bad_condition_is_tried_once(self):
        term = self.term_whose_condition_went()
        # the administration's own condition is another one, else nothing could be booked
        self.switch(default_payment_condition='14')
        moves = self.invoice(invoice_payment_term_id=term.id) | self.invoice(
            invoice_payment_term_id=term.id,
        )
        good = self.invoice()
        self.export(moves | good)
        self.assertBooked(good)
        for move in moves:
            self.refused(move, 'refused_payment_condition', term)
        self.assertEqual(self.tried(moves), 1)

    def test_a_bad_cost_centre_is_tried_once(self):
        center = self.master('exact.cost.center', [])
        plan = self.env['account.analytic.plan'].create({'name': "Afdeling"})
        accounts = self.env['account.analytic.account'].create([
            {'name': name, 'plan_id': plan.id, 'company_id': self.company.id}
            for name in ("Verkoop", "Verhuur")
        ])
        other_center = self.master('exact.cost.center', [('id', '!=', center.id)])
        for account, target in zip(accounts, center | other_center, strict=True):
            self.mapping(
                'exact.analytic.mapping', 'analytic_account_id', account, 'cost_center_id', target)
        self.edit('Costcenters', center, Code=(center.code, 'zz'))

        def invoice(account):
            return self.invoice(lines=[{
                'name': "Line", 'price_unit': 10, 'account_id': self.revenue.id,
                'tax_ids': [Command.set(self.tax_21.ids)],
                'analytic_distribution': {str(account.id): 100},
            }])

        moves, good = invoice(accounts[0]) | invoice(accounts[0]), invoice(accounts[1])
        self.export(moves | good)
        self.assertBooked(good)
        for move in moves:
            self.refused(move, 'refused_cost_center', accounts[0])
        self.assertEqual(self.tried(moves), 1)

    def test_a_relation_that_went_is_tried_once(self):
        """A refusal of a relation is met by all of its documents, and by no other's."""
        relation = self.export(self.invoice()).relation_id
        moves = self.invoice(1) | self.invoice(2)
        good = self.invoice(partner=self.env['res.partner'].create({
            'name': "Bakker", 'vat': 'NL853746333B01', 'city': "Breda",
            'country_id': self.env.ref('base.nl').id, 'is_company': True,
        }))
        post = ExactClient.post

        def refused(client, resource, body):
            if resource == ENTRIES and body['Customer'] == relation.exact_guid:
                raise Rejected(messages=["Ongeldige referentie: Klant"], status=500)
            return post(client, resource, body)

        (moves | good).action_exact_export()
        with patch.object(ExactClient, 'post', refused):
            self.work()
        self.assertBooked(good)
        for move in moves:
            self.refused(move, 'refused_relation', self.customer)
        self.assertEqual(self.tried(moves), 1)

    # === RETRY AND OUR OWN FUSE === #

    def fuse(self, errors=5, **values):
        """Let so many calls have been refused a moment ago."""
        values = {
            'division_id': self.division.id, 'resource': ENTRIES, 'errors': errors,
            'errors_since': fields.Datetime.now(), **values,
        }
        calls = self.env['exact.call'].sudo()
        known = calls.search([(name, '=', values[name]) for name in ('division_id', 'resource')])
        known.write(values)
        return known or calls.create(values)

    def test_retry_passes_our_own_fuse(self):
        """What was refused is mended, and a person asks for it: nobody waits for an hour."""
        moves = self.two_refused()
        fuse = self.fuse()
        waiting = self.invoice(3)
        self.export(waiting)
        # It would meet the same, so it waits with them, whatever the fuse says
        self.refused(waiting, 'refused_vat_of_journal', waiting.journal_id)
        self.restore()
        moves[0].with_user(self.invoicer).action_exact_retry()
        self.work()
        for move in moves | waiting:
            self.assertBooked(move)
        self.assertEqual(fuse.errors, 5, "they stay counted")

    def test_retry_of_what_waits_for_the_fuse(self):
        fuse = self.fuse()
        move = self.invoice()
        self.export(move)
        self.assertEqual(move.exact_export_id.state, 'ready')
        # Not mended: one more error, and the fuse is open again
        self.edit('Journals', self.journal, AllowVAT=(True, False))
        move.with_user(self.invoicer).action_exact_retry()
        self.work()
        self.refused(move, 'refused_vat_of_journal', move.journal_id)
        self.assertEqual(fuse.errors, 6)
        self.assertIn(ENTRIES, self.division.call_pauses)

    def test_retry_does_not_come_near_the_limit_of_exact(self):
        later = fields.Datetime.now() + timedelta(hours=1)
        for values in ({'errors': 8}, {'errors': 5, 'paused_until': later}):
            fuse = self.fuse(**values)
            move = self.invoice()
            self.export(move)
            move.with_user(self.invoicer).action_exact_retry()
            self.work()
            self.assertEqual(move.exact_export_id.state, 'ready')
            self.assertFalse(self.tried(move))
            fuse.unlink()

    def test_retry_leaves_the_fuses_of_others(self):
        fuse = self.fuse(resource='purchaseentry/PurchaseEntries')
        move = self.two_refused()[0]
        self.restore()
        move.action_exact_retry()
        self.work()
        self.assertBooked(move)
        self.assertIn('purchaseentry', self.division.call_pauses)
        self.assertEqual(fuse.fuse_errors, 5)

    def test_retry_of_one_sends_all(self):
        moves = self.two_refused()
        self.restore()
        finding = moves[0].exact_export_id.finding_ids
        message = finding.with_user(self.invoicer).action_retry()['params']['message']
        self.assertEqual(message, "2 documents are checked and sent again.")
        self.work()
        for move in moves:
            self.assertBooked(move)

    def test_retry_on_the_document_sends_all(self):
        moves = self.two_refused()
        self.restore()
        moves[1].with_user(self.invoicer).action_exact_retry()
        self.work()
        for move in moves:
            self.assertBooked(move)

    def test_to_fix_shows_each_cause_once(self):
        moves = self.two_refused()
        groups = self.env['exact.finding.group'].search([('company_id', '=', self.company.id)])
        [group] = groups.with_user(self.invoicer)
        self.assertEqual((group.document_count, group.fixed_by), (2, 'manager'))
        self.assertIn(self.journal.display_name, group.message)
        self.assertEqual(group.action_fix()['res_model'], 'exact.journal.mapping')
        documents = group.action_open_documents()
        self.assertEqual(
            self.env['exact.export'].search(documents['domain']), moves.exact_export_ids)
        with self.assertRaises(AccessError):
            group.with_user(self.reader).action_retry()
        self.restore()
        group.action_retry()
        self.work()
        self.assertEqual(set(moves.mapped('exact_state')), {'verified'})
        self.env['exact.finding.group'].invalidate_model()
        self.assertFalse(groups.exists())

    def test_to_fix_is_of_the_own_company(self):
        self.two_refused()
        stranger = new_test_user(
            self.env, login='exact_other_fixer', groups='account.group_account_manager',
            company_id=self.env['res.company'].create({'name': "Elders"}).id,
        )
        self.assertFalse(self.env['exact.finding.group'].with_user(stranger).search([]))
        finding = self.env['exact.finding'].search([('division_id', '=', self.division.id)])[0]
        with self.assertRaises(AccessError):
            finding.with_user(stranger).action_retry()

    def test_mapping_that_is_mended_releases_what_was_refused(self):
        code = self.vat_code
        self.edit('VATCodes', code, Code=(code.code, 'zz'))
        move = self.invoice()
        self.export(move)
        self.refused(move, 'refused_vat_code', self.tax_21)
        self.restore()
        mapping = self.env['exact.tax.mapping'].search([
            ('division_id', '=', self.division.id), ('tax_id', '=', self.tax_21.id),
        ])
        mapping.vat_code_id = False
        self.assertEqual(move.exact_export_id.state, 'refused')
        mapping.vat_code_id = code
        self.work()
        self.assertBooked(move)

    def test_relation_that_is_released_in_exact_releases_its_documents(self):
        relation = self.export(self.invoice()).relation_id
        self.edit('Accounts', relation, Blocked=(False, True))
        self.sync()
        move = self.invoice()
        self.export(move)
        self.assertEqual(move.exact_state, 'blocked')
        self.restore()
        self.sync()
        self.work()
        self.assertBooked(move)

    def test_connection_that_is_back_releases_what_it_stopped(self):
        post = ExactClient.post

        def refused(client, resource, body):
            if resource == ENTRIES:
                raise Forbidden(scope='financial.accounting', status=403)
            return post(client, resource, body)

        move = self.invoice()
        move.action_exact_export()
        with patch.object(ExactClient, 'post', refused):
            self.work()
        self.refused(move, 'refused_scope', self.connection)
        self.connection.sudo().write({'state': 'connected'})
        self.work()
        self.assertBooked(move)

    def test_causes_of_documents_alone_are_told_apart_by_their_words(self):
        self.assertEqual(cause('no_lines', {}, False, 0), cause('no_lines', {}, 'account.move', 7))
        self.assertNotEqual(
            cause('refused', {'message': "a"}, False, 0),
            cause('refused', {'message': "b"}, False, 0),
        )
        self.assertNotEqual(
            cause('refused_vat_code', {}, 'account.tax', 1),
            cause('refused_vat_code', {}, 'account.tax', 2),
        )
        self.assertEqual([key for key, _label in FIXERS], ['user', 'manager', 'exact'])
