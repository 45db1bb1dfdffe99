from psycopg2 import IntegrityError

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.account.tests.common import AccountTestInvoicingCommon
from odoo.addons.account_exact.tests.common import ExactConnectedCase

# What the administration of a small Dutch company holds: code, name and what matters of each.
GL_ACCOUNTS = [
    ('1300', "Debiteuren", 20, 'B'),
    ('1600', "Crediteuren", 22, 'B'),
    ('1500', "Af te dragen BTW hoog", 24, 'B'),
    ('1520', "Te vorderen BTW", 24, 'B'),
    ('1100', "Bank", 12, 'B'),
    ('1999', "Tussenrekening", 90, 'B'),
    ('8000', "Omzet hoog", 110, 'W'),
    ('8010', "Omzet laag", 110, 'W'),
    ('8400', "Installation works", 110, 'W'),
    ('7000', "Inkoop hoog", 111, 'W'),
    ('4500', "Kantoorkosten", 121, 'W'),
]
JOURNALS = [
    ('10', "Kas", '10'), ('20', "Bank", '12'), ('50', "Verkoopboek", '20'),
    ('60', "Inkoopboek", '22'), ('90', "Memoriaal", '90'), ('91', "Loonjournaal", '90'),
]
# code, name, type, used in, percentage, reverse charge, EU listing, blocked
VAT_CODES = [
    ('0', "Geen BTW", 'N', 'B', 0, False, 'N', False),
    ('1', "Verkoop hoog, inclusief", 'I', 'S', 21, False, 'N', False),
    ('2', "Verkoop hoog", 'E', 'S', 21, False, 'N', False),
    ('3', "Verkoop laag", 'E', 'S', 9, False, 'N', False),
    ('4', "Verkoop nultarief", 'B', 'S', 0, False, 'N', False),
    ('5', "Verkoop BTW verlegd", 'E', 'S', 21, True, 'N', False),
    ('6', "Levering goederen binnen EU", 'B', 'S', 0, False, 'L', False),
    ('7', "Diensten binnen EU", 'B', 'S', 0, False, 'S', False),
    ('12', "Inkoop hoog", 'E', 'P', 21, False, 'N', False),
    ('13', "Inkoop laag", 'E', 'P', 9, False, 'N', False),
    ('15', "Inkoop verlegd", 'E', 'P', 21, True, 'N', False),
    ('98', "Verkoop 21 oud", 'E', 'S', 21, False, 'N', True),
]
PAYMENT_CONDITIONS = [
    ('00', "Direct", 0, 0), ('14', "14 dagen", 14, 0), ('30', "30 dagen", 30, 0),
    ('60', "60 dagen", 60, 0),
]


class ExactMappingCase(AccountTestInvoicingCommon):
    """A Dutch company with its chart, linked to an administration whose master data is in."""

    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template('nl')
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.company_data['company']
        cls.division = cls.make_division(cls.company, 1234567)
        cls.account = cls.company_data['default_account_revenue']
        cls.tax_21 = cls.chart('btw_21')
        cls.tax_21_buy = cls.chart('btw_21_buy')
        cls.sale_journal = cls.company_data['default_journal_sale']

    @classmethod
    def chart(cls, xmlid):
        return cls.env.ref(f'account.{cls.company.id}_{xmlid}')

    @classmethod
    def make_division(cls, company, code):
        connection = cls.env['exact.connection'].create({
            'company_id': company.id, 'site': 'nl', 'client_id': f'client-{code}',
        })
        division = cls.env['exact.division'].sudo().create({
            'connection_id': connection.id, 'code': code, 'name': f"Administration {code}",
            'currency_id': company.currency_id.id,
        })
        cls.env.cr.execute(
            "UPDATE exact_division SET company_id = %s WHERE id = %s", [company.id, division.id],
        )
        division.invalidate_recordset()
        division = division.sudo(False)

        def make(model, rows, *names):
            # Master data is written by the synchronisation alone.
            cls.env[model].sudo().create([
                {
                    'division_id': division.id,
                    'exact_guid': f"{model}-{code}-{row[0]}",
                    **dict(zip(names, row, strict=True)),
                }
                for row in rows
            ])

        make('exact.gl.account', GL_ACCOUNTS, 'code', 'name', 'gl_type', 'balance_type')
        make('exact.journal', JOURNALS, 'code', 'name', 'journal_type')
        make(
            'exact.vat.code', VAT_CODES, 'code', 'name', 'vat_type', 'transaction_type',
            'percentage', 'charged', 'eu_sales_listing', 'is_blocked',
        )
        make(
            'exact.payment.condition', PAYMENT_CONDITIONS, 'code', 'name', 'payment_days',
            'payment_end_of_months',
        )
        return division

    @classmethod
    def master(cls, model, code, division=None):
        return cls.env[model].sudo().with_context(active_test=False).search([
            ('division_id', '=', (division or cls.division).id), ('code', '=', code),
        ])

    @classmethod
    def gl(cls, code):
        return cls.master('exact.gl.account', code)

    @classmethod
    def vat(cls, code):
        return cls.master('exact.vat.code', code)

    @classmethod
    def row(cls, source, field='account_id', model='exact.account.mapping', division=None):
        return cls.env[model].search([
            ('division_id', '=', (division or cls.division).id), (field, '=', source.id),
        ])

    @classmethod
    def tax_row(cls, tax, division=None):
        return cls.row(tax, 'tax_id', 'exact.tax.mapping', division)

    @classmethod
    def invoice(cls, tax=None, post=True, partner_id=None, invoice_payment_term_id=None, **line):
        return cls._create_invoice(
            move_type='out_invoice', post=post, partner_id=partner_id or cls.partner_a.id,
            invoice_payment_term_id=invoice_payment_term_id,
            invoice_line_ids=[cls._prepare_invoice_line(
                price_unit=100.0, tax_ids=tax if tax is not None else cls.tax_21, **line,
            )],
        )


@tagged('post_install', '-at_install')
class TestMappingRows(ExactMappingCase):

    def test_rows_for_what_is_used(self):
        self.division._refresh_mappings()
        taxes = self.env['exact.tax.mapping'].search([('division_id', '=', self.division.id)])
        self.assertIn(self.tax_21, taxes.tax_id)
        self.assertIn(self.tax_21_buy, taxes.tax_id)
        self.assertNotIn('group', taxes.tax_id.mapped('amount_type'))
        journals = self.env['exact.journal.mapping'].search([
            ('division_id', '=', self.division.id),
        ])
        self.assertLessEqual(
            set(journals.mapped('journal_id.type')), {'sale', 'purchase', 'general'},
        )
        self.assertIn(self.sale_journal, journals.journal_id)
        self.assertTrue(self.row(
            self.pay_terms_a, 'payment_term_id', 'exact.payment.term.mapping',
        ))
        # Accounts come when documents, or their defaults, use them.
        account = self.company_data['default_account_revenue'].copy({'code': '812345'})
        self.assertFalse(self.row(account))
        self.invoice(account_id=account, post=False)
        self.division._refresh_mappings()
        self.assertTrue(self.row(account))
        # Exact finds the receivable account and the VAT accounts of an invoice by itself.
        self.assertFalse(self.row(self.company_data['default_account_receivable']))
        self.assertFalse(self.row(self.company_data['default_account_tax_sale']))

    def test_rows_of_journal_entries(self):
        receivable = self.company_data['default_account_receivable']
        self.env['account.move'].create({
            'journal_id': self.company_data['default_journal_misc'].id,
            'line_ids': [
                Command.create({
                    'account_id': receivable.id, 'debit': 10, 'partner_id': self.partner_a.id,
                }),
                Command.create({'account_id': self.account.id, 'credit': 10}),
            ],
        }).action_post()
        self.division._refresh_mappings()
        row = self.row(receivable)
        self.assertEqual(row.ledger_use, 'partner')
        self.assertEqual(row.suggested_gl_account_id, self.gl('1300'))

    def test_rows_of_analytic_accounts(self):
        plan = self.env['account.analytic.plan'].create({'name': "Mapped departments"})
        other_plan = self.env['account.analytic.plan'].create({'name': "Mapped works"})
        first, second, third, unused = self.env['account.analytic.account'].create([
            {'name': name, 'plan_id': number.id}
            for name, number in [
                ("First", plan), ("Second", other_plan), ("Third", plan), ("Unused", plan),
            ]
        ])
        self.invoice(analytic_distribution={f'{first.id},{second.id}': 40, str(third.id): 60})
        self.division._refresh_mappings()
        rows = self.env['exact.analytic.mapping'].search([
            ('division_id', '=', self.division.id),
        ])
        self.assertEqual(rows.analytic_account_id, first | second | third)
        self.assertNotIn(unused, rows.analytic_account_id)
        # Exact has no dimensions: to leave them out is all that fits.
        self.assertEqual(set(rows.mapped('suggestion_reason')), {'no_dimensions'})
        rows.action_accept()
        index = self.division.mapping_index()['analytic']
        self.assertEqual(index[first.id], (rows[0].id, None, None, None))

    def test_second_refresh_changes_nothing(self):
        self.division._refresh_mappings()
        row = self.row(self.account)
        row.gl_account_id = self.gl('8010')
        before = self.env['exact.account.mapping'].search_count([])
        self.division._refresh_mappings()
        self.assertEqual(self.env['exact.account.mapping'].search_count([]), before)
        self.assertEqual(row.gl_account_id, self.gl('8010'))
        self.assertEqual(row.state, 'mapped')
        self.assertEqual(row.suggestion_reason, 'manual')

    def test_refresh_survives_a_clone_of_the_sync(self):
        """The hook of the synchronisation, and the button, do the same."""
        self.division._after_sync()
        self.assertTrue(self.row(self.account))
        self.row(self.account).unlink()
        notification = self.env['exact.account.mapping'].action_look_for_new()
        self.assertIn("1", notification['params']['message'])
        self.assertTrue(self.row(self.account))

    def test_group_of_taxes(self):
        children = self.env['account.tax'].create([
            {
                'name': f"Part {amount}", 'amount': amount, 'type_tax_use': 'none',
                'company_id': self.company.id,
            }
            for amount in (9, 21)
        ])
        group = self.env['account.tax'].create({
            'name': "Both", 'amount_type': 'group', 'type_tax_use': 'sale',
            'children_tax_ids': children.ids, 'company_id': self.company.id,
        })
        self.division._refresh_mappings()
        self.assertFalse(self.tax_row(group))
        low, high = (self.tax_row(tax) for tax in children)
        self.assertEqual(low.tax_use, 'sale')
        self.assertEqual(low.suggested_vat_code_id, self.vat('3'))
        self.assertEqual(high.suggested_vat_code_id, self.vat('2'))
        with self.assertRaisesRegex(ValidationError, "group of taxes"):
            self.env['exact.tax.mapping'].create({
                'division_id': self.division.id, 'tax_id': group.id,
            })

    def test_one_row_per_source(self):
        self.division._refresh_mappings()
        with mute_logger('odoo.sql_db'), self.assertRaises(IntegrityError), self.cr.savepoint():
            self.env['exact.account.mapping'].create({
                'division_id': self.division.id, 'account_id': self.account.id,
            })
        with mute_logger('odoo.sql_db'), self.assertRaises(IntegrityError), self.cr.savepoint():
            self.env['exact.account.mapping'].create({'division_id': self.division.id})

    def test_defaults_where_there_is_no_choice(self):
        self.division._refresh_mappings()
        self.assertEqual(self.division.default_sale_journal_id.code, '50')
        self.assertEqual(self.division.default_purchase_journal_id.code, '60')
        # Two general journals, three revenue ledgers: a person chooses.
        self.assertFalse(self.division.default_general_journal_id)
        self.assertFalse(self.division.default_sale_gl_account_id)
        # What a person emptied stays empty.
        self.division.default_sale_journal_id = False
        self.division._refresh_mappings()
        self.assertFalse(self.division.default_sale_journal_id)

    def test_defaults_of_another_type_are_refused(self):
        for field, target in (
            ('default_sale_journal_id', self.master('exact.journal', '60')),
            ('default_sale_gl_account_id', self.gl('1300')),
            ('default_purchase_gl_account_id', self.gl('1520')),
        ):
            with self.subTest(field=field), self.assertRaises(ValidationError):
                self.division[field] = target


@tagged('post_install', '-at_install')
class TestMappingSuggestions(ExactMappingCase):

    def suggested(self, tax):
        return self.tax_row(tax).suggested_vat_code_id.code

    def test_taxes_of_the_dutch_chart(self):
        self.division._refresh_mappings()
        expected = {
            'btw_21': '2', 'btw_21_d': '2', 'btw_overig': '2', 'btw_9': '3', 'btw_9_d': '3',
            'btw_21_buy': '12', 'btw_21_buy_d': '12', 'btw_9_buy': '13', 'btw_9_buy_d': '13',
            'btw_ink_0': '15', 'btw_verk_0': '5',
            'btw_X0_producten': '6', 'btw_X0_diensten': '7',
            # Purchases from the EU have boxes of their own in the VAT return, and no code here.
            'btw_I_21': False, 'btw_E2': False, 'btw_X1': False,
            # The 0 % of a sale at home could be 0, 4: the name tells.
            'btw_0': '4',
        }
        found = {name: self.suggested(self.chart(name)) for name in expected}
        self.assertEqual(found, expected)
        for row in self.env['exact.tax.mapping'].search([
            ('division_id', '=', self.division.id), ('state', '=', 'suggested'),
        ]):
            # Whatever is suggested can be accepted.
            self.assertFalse(row._problem_with('vat_code_id', row.suggested_vat_code_id))
        row = self.tax_row(self.tax_21)
        self.assertEqual(row.suggestion_reason, 'vat')
        self.assertEqual(row.suggestion_detail, "21% sales, excluding")
        self.assertIn("reverse charge", self.tax_row(self.chart('btw_ink_0')).suggestion_detail)

    def test_tax_included_in_the_price(self):
        """Lines are sent net: an including code would take the VAT out twice."""
        tax = self.tax_21.copy({'name': "21% incl", 'price_include_override': 'tax_included'})
        self.division._refresh_mappings()
        row = self.tax_row(tax)
        self.assertEqual(row.suggested_vat_code_id, self.vat('2'))
        with self.assertRaisesRegex(ValidationError, "including"):
            row.vat_code_id = self.vat('1')

    def test_tax_as_part_of_the_price(self):
        tax = self.env['account.tax'].create({
            'name': "21% of the net, as division", 'amount_type': 'division',
            'amount': 17.355372, 'type_tax_use': 'sale', 'company_id': self.company.id,
        })
        fixed = self.env['account.tax'].create({
            'name': "Levy", 'amount_type': 'fixed', 'amount': 5, 'type_tax_use': 'sale',
            'company_id': self.company.id,
        })
        self.division._refresh_mappings()
        self.assertEqual(self.suggested(tax), '2')
        self.assertFalse(self.suggested(fixed))
        with self.assertRaisesRegex(ValidationError, "no percentage"):
            self.tax_row(fixed).vat_code_id = self.vat('2')

    def test_account_by_code(self):
        account = self.account.copy({'code': '4500', 'account_type': 'expense'})
        padded = self.account.copy({'code': '801000', 'name': "Revenue reduced"})
        self.invoice(account_id=account)
        self.invoice(account_id=padded)
        self.division._refresh_mappings()
        row = self.row(account)
        self.assertEqual(row.suggested_gl_account_id, self.gl('4500'))
        self.assertEqual(row.suggestion_reason, 'same_code')
        self.assertEqual(row.suggestion_detail, "Same code 4500")
        # Odoo fills codes up with zeros.
        self.assertEqual(self.row(padded).suggested_gl_account_id, self.gl('8010'))

    def test_account_by_name(self):
        same = self.account.copy({'code': '899001', 'name': "Kantoorkosten",
                                  'account_type': 'expense'})
        alike = self.account.copy({'code': '899002', 'name': "Installation work"})
        # Same name, but a cost is no revenue.
        other_kind = self.account.copy({'code': '899003', 'name': "Kantoorkosten"})
        for account in (same, alike, other_kind):
            self.invoice(account_id=account)
        self.division._refresh_mappings()
        self.assertEqual(self.row(same).suggestion_reason, 'same_name')
        self.assertEqual(self.row(same).suggestion_detail, "Same name “Kantoorkosten”")
        self.assertEqual(self.row(alike).suggested_gl_account_id, self.gl('8400'))
        self.assertEqual(self.row(alike).suggestion_reason, 'name_likeness')
        self.assertFalse(self.row(other_kind).suggested_gl_account_id)
        self.assertEqual(self.row(other_kind).state, 'missing')

    def test_control_accounts_are_not_suggested(self):
        account = self.account.copy({'code': '1300', 'name': "Debiteuren"})
        self.invoice(account_id=account)
        self.division._refresh_mappings()
        self.assertFalse(self.row(account).suggested_gl_account_id)

    def test_journals(self):
        self.sale_journal.name = "Whatever we call it"
        self.division._refresh_mappings()
        row = self.row(self.sale_journal, 'journal_id', 'exact.journal.mapping')
        self.assertEqual(row.suggested_exact_journal_id.code, '50')
        self.assertEqual(row.suggestion_reason, 'only_one')
        self.assertEqual(row.suggestion_detail, "The only one of type “Sales”")

    def test_journal_of_the_default(self):
        self.division.default_general_journal_id = self.master('exact.journal', '91')
        self.division._refresh_mappings()
        row = self.row(
            self.company_data['default_journal_misc'], 'journal_id', 'exact.journal.mapping',
        )
        self.assertEqual(row.suggested_exact_journal_id.code, '91')
        self.assertEqual(row.suggestion_reason, 'journal_type')

    def test_payment_terms(self):
        self.division._refresh_mappings()
        for xmlid, code in (
            ('account.account_payment_term_immediate', '00'),
            ('account.account_payment_term_30days', '30'),
            ('account.account_payment_term_15days', False),
        ):
            row = self.row(
                self.env.ref(xmlid), 'payment_term_id', 'exact.payment.term.mapping',
            )
            self.assertEqual(row.suggested_payment_condition_id.code, code, xmlid)
        # Tranches have no equal in Exact.
        row = self.row(self.pay_terms_b, 'payment_term_id', 'exact.payment.term.mapping')
        self.assertEqual(row.state, 'missing')

    def test_analytic_accounts(self):
        plan = self.env['account.analytic.plan'].create({'name': "Mapped all"})
        self.env['exact.cost.center'].sudo().create([
            {'division_id': self.division.id, 'exact_guid': 'c1', 'code': 'C1', 'name': "Sales"},
            {
                'division_id': self.division.id, 'exact_guid': 'c2', 'code': 'C2',
                'name': "Old dept", 'end_date': '2020-01-01',
            },
        ])
        self.env['exact.project'].sudo().create({
            'division_id': self.division.id, 'exact_guid': 'p1', 'code': 'P1',
            'name': "Bridge Rotterdam",
        })
        accounts = self.env['account.analytic.account'].create([
            {'name': "Whatever", 'code': 'C1', 'plan_id': plan.id},
            {'name': "Bridge Rotterdam", 'plan_id': plan.id},
            {'name': "Old dept", 'plan_id': plan.id},
        ])
        self.invoice(analytic_distribution={str(a.id): 30 for a in accounts})
        self.division._refresh_mappings()
        by_code, by_name, ended = (
            self.row(a, 'analytic_account_id', 'exact.analytic.mapping') for a in accounts
        )
        self.assertEqual(by_code.suggested_cost_center_id.code, 'C1')
        self.assertEqual(by_code.suggestion_label, "Cost Centre C1 Sales")
        self.assertEqual(by_name.suggested_project_id.code, 'P1')
        self.assertEqual(ended.state, 'missing')
        with self.assertRaisesRegex(ValidationError, "ended"), self.cr.savepoint():
            ended.cost_center_id = self.master('exact.cost.center', 'C2')
        by_code.action_accept()
        self.assertEqual(by_code.state, 'mapped')
        with self.assertRaisesRegex(ValidationError, "at once"), self.cr.savepoint():
            by_code.is_left_out = True
        ended.is_left_out = True
        self.assertEqual(ended.state, 'mapped')

    def test_partners(self):
        self.env['exact.relation'].sudo().create([
            {
                'division_id': self.division.id, 'exact_guid': 'r1', 'code': '1', 'name': "By VAT",
                'vat_number': 'NL 123', 'vat_key': 'NL123456782B90',
            },
            {'division_id': self.division.id, 'exact_guid': 'r2', 'code': '2', 'name': "Twin"},
            {'division_id': self.division.id, 'exact_guid': 'r3', 'code': '3', 'name': "Twin"},
        ])
        self.partner_a.vat = 'NL123456782B90'
        self.partner_b.name = "Twin"
        rows = self.env['exact.partner.mapping'].create([
            {'division_id': self.division.id, 'partner_id': partner.id}
            for partner in (self.partner_a, self.partner_b)
        ])
        self.assertEqual(rows[0].suggested_relation_id.exact_guid, 'r1')
        self.assertEqual(rows[0].suggestion_reason, 'vat')
        self.assertEqual(rows[1].state, 'missing')

    def test_partners_of_waiting_documents(self):
        self.env['exact.relation'].sudo().create([
            {'division_id': self.division.id, 'exact_guid': guid, 'code': guid, 'name': name}
            for guid, name in [('r1', "Known by name"), ('r2', "Of nobody")]
        ])
        self.partner_a.name = "Known by name"
        self.invoice(partner_id=self.partner_a.id)
        self.invoice(partner_id=self.partner_b.id)
        self.division._refresh_mappings()
        row = self.env['exact.partner.mapping'].search([('division_id', '=', self.division.id)])
        self.assertEqual(row.partner_id, self.partner_a)
        self.assertEqual(row.suggested_relation_id.exact_guid, 'r1')
        # A name alone is a question to a person, and the document waits for the answer.
        self.assertEqual(row.suggestion_reason, 'same_name')
        self.assertEqual(row.move_count, 1)
        row.action_accept()
        self.assertEqual(row.move_count, 0)
        self.assertEqual(
            self.division.mapping_index()['partner'],
            {self.partner_a.id: (row.id, row.relation_id.id)},
        )

    def test_as_in_another_administration(self):
        term = self.pay_terms_b
        term.company_id = False
        other = self.setup_other_company()['company']
        second = self.make_division(other, 2345678)
        self.env['exact.payment.term.mapping'].sudo().create({
            'division_id': second.id, 'payment_term_id': term.id,
            'payment_condition_id': self.master('exact.payment.condition', '60', second).id,
        })
        self.division._refresh_mappings()
        row = self.row(term, 'payment_term_id', 'exact.payment.term.mapping')
        self.assertEqual(
            row.suggested_payment_condition_id, self.master('exact.payment.condition', '60'),
        )
        self.assertEqual(row.suggestion_reason, 'previous')


@tagged('post_install', '-at_install')
class TestMappingChoices(ExactMappingCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.division._refresh_mappings()

    def refused(self, row, field, target, reason):
        self.assertNotIn(target, self.env[target._name].search(row.target_domain))
        with self.assertRaisesRegex(ValidationError, reason), self.cr.savepoint():
            row[field] = target
        row.invalidate_recordset()

    def test_ledgers_that_do_not_fit(self):
        row = self.row(self.account)
        self.refused(row, 'gl_account_id', self.gl('1300'), "receivable")
        self.refused(row, 'gl_account_id', self.gl('1600'), "payable")
        self.refused(row, 'gl_account_id', self.gl('1500'), "VAT")
        self.gl('8010').is_blocked = True
        self.refused(row, 'gl_account_id', self.gl('8010'), "blocked")
        self.gl('4500').active = False
        self.refused(row, 'gl_account_id', self.gl('4500'), "not in Exact any more")
        self.assertIn(self.gl('8000'), self.gl('8000').search(row.target_domain))
        row.gl_account_id = self.gl('8000')

    def test_ledgers_of_another_administration(self):
        second = self.make_division(self.setup_other_company()['company'], 2345678)
        foreign = self.master('exact.gl.account', '8000', second)
        self.refused(self.row(self.account), 'gl_account_id', foreign, "another administration")

    def test_control_accounts_of_journal_entries(self):
        rows = self.env['exact.account.mapping'].create([
            {'division_id': self.division.id, 'account_id': self.company_data[name].id}
            for name in ('default_account_receivable', 'default_account_tax_sale')
        ])
        receivable, vat = rows
        self.assertEqual(rows.mapped('ledger_use'), ['partner', 'vat'])
        receivable.gl_account_id = self.gl('1300')
        vat.gl_account_id = self.gl('1500')
        self.assertEqual(set(rows.mapped('state')), {'mapped'})
        self.refused(receivable, 'gl_account_id', self.gl('1500'), "VAT")
        self.refused(vat, 'gl_account_id', self.gl('1600'), "payable")

    def test_vat_codes_that_do_not_fit(self):
        row = self.tax_row(self.tax_21)
        for code, reason in (
            ('12', "for purchases only"), ('3', "it is 9%, the tax is 21%"), ('1', "including"),
            ('5', "reverse charge"), ('98', "blocked"), ('0', "it is 0%, the tax is 21%"),
        ):
            with self.subTest(code=code):
                self.refused(row, 'vat_code_id', self.vat(code), reason)
        self.assertEqual(self.env['exact.vat.code'].search(row.target_domain).mapped('code'), ['2'])
        self.refused(
            self.tax_row(self.chart('btw_ink_0')), 'vat_code_id', self.vat('12'),
            "no reverse charge",
        )
        self.refused(
            self.tax_row(self.tax_21_buy), 'vat_code_id', self.vat('2'), "for sales only",
        )

    def test_vat_codes_of_zero(self):
        row = self.tax_row(self.chart('btw_0'))
        allowed = self.env['exact.vat.code'].search(row.target_domain).mapped('code')
        self.assertEqual(set(allowed), {'0', '4', '5', '6', '7'})
        row.vat_code_id = self.vat('4')
        self.assertEqual(row.state, 'mapped')
        reverse = self.tax_row(self.chart('btw_verk_0'))
        reverse.vat_code_id = self.vat('5')
        self.assertEqual(reverse.state, 'mapped')

    def test_journals_that_do_not_fit(self):
        row = self.row(self.sale_journal, 'journal_id', 'exact.journal.mapping')
        for code in ('60', '90', '20'):
            self.refused(
                row, 'exact_journal_id', self.master('exact.journal', code), "of the type",
            )
        bank = self.env['exact.journal.mapping'].create({
            'division_id': self.division.id,
            'journal_id': self.company_data['default_journal_bank'].id,
        })
        self.assertEqual(bank.suggested_exact_journal_id.code, '20')
        self.refused(
            bank, 'exact_journal_id', self.master('exact.journal', '50'), "of the type",
        )

    def test_journals_kept_in_odoo(self):
        exchange = self.company.currency_exchange_journal_id
        row = self.row(exchange, 'journal_id', 'exact.journal.mapping')
        self.assertEqual(row.suggestion_reason, 'own_entries')
        self.assertTrue(row.suggestion_detail)
        row.action_accept()
        self.assertEqual(row.state, 'mapped')
        index = self.division.mapping_index()
        self.assertNotIn(exchange.id, index['journal'])
        self.assertEqual(index['left_out']['journal'], {exchange.id: row.id})
        with self.assertRaisesRegex(ValidationError, "at once"), self.cr.savepoint():
            row.exact_journal_id = self.master('exact.journal', '90')
        row.write({
            'exact_journal_id': self.master('exact.journal', '90').id, 'is_left_out': False,
        })
        self.assertIn(exchange.id, self.division.mapping_index()['journal'])
        sales = self.row(self.sale_journal, 'journal_id', 'exact.journal.mapping')
        with self.assertRaisesRegex(ValidationError, "invoices or bills"):
            sales.is_left_out = True

    def test_domain_in_the_form(self):
        row = self.tax_row(self.tax_21)
        with Form(row) as form:
            form.vat_code_id = self.vat('2')
        self.assertEqual(row.state, 'mapped')
        self.assertEqual(
            self.env['exact.vat.code'].name_search('', row.target_domain),
            [(self.vat('2').id, "2 Verkoop hoog")],
        )

    def test_overrides(self):
        category = self.env['product.category'].create({'name': "Services"})
        self.product_a.categ_id = category
        mapping_model = self.env['exact.account.mapping']
        rows = mapping_model.create([
            {
                'division_id': self.division.id,
                'product_tmpl_id': self.product_a.product_tmpl_id.id,
                'gl_account_id': self.gl('8400').id,
            },
            {
                'division_id': self.division.id, 'product_category_id': category.id,
                'gl_account_id': self.gl('8010').id,
            },
        ])
        index = self.division.mapping_index()
        self.assertEqual(
            index['product'][self.product_a.product_tmpl_id.id],
            (rows[0].id, self.gl('8400').id),
        )
        self.assertEqual(index['category'][category.id], (rows[1].id, self.gl('8010').id))
        self.assertEqual(rows.mapped('suggestion_reason'), ['manual', 'manual'])
        with mute_logger('odoo.sql_db'), self.assertRaises(IntegrityError), self.cr.savepoint():
            rows[0].product_category_id = category
        self.refused(rows[1], 'gl_account_id', self.gl('1300'), "receivable")

    def test_accept_one(self):
        row = self.tax_row(self.tax_21)
        self.assertEqual(row.state, 'suggested')
        notification = row.action_accept()
        self.assertEqual(notification['params']['message'], "1 mapping accepted.")
        self.assertEqual(row.vat_code_id, self.vat('2'))
        self.assertEqual(row.state, 'mapped')
        # The reason stays as provenance, the suggestion has served.
        self.assertEqual(row.suggestion_reason, 'vat')
        self.assertEqual(row.suggestion_detail, "21% sales, excluding")
        self.assertFalse(row.suggested_vat_code_id)
        self.assertEqual(row.mapped_by_id, self.env.user)
        self.assertTrue(row.mapped_on)
        self.assertEqual(
            row.action_accept()['params']['message'], "There was no suggestion to accept.",
        )

    def test_accept_all(self):
        tax_rows = self.env['exact.tax.mapping'].search([('division_id', '=', self.division.id)])
        without = tax_rows.filtered(lambda row: row.state == 'missing')
        self.assertTrue(without)
        count = self.division.mapping_suggested_count
        notification = self.division.action_accept_suggestions()
        self.assertIn(f"{count} mappings accepted", notification['params']['message'])
        self.assertEqual(without.mapped('state'), ['missing'] * len(without))
        self.assertEqual(set((tax_rows - without).mapped('state')), {'mapped'})
        self.division.invalidate_recordset()
        self.assertEqual(self.division.mapping_suggested_count, 0)
        self.assertEqual(self.division.tax_mapping_count, len(tax_rows))
        self.assertEqual(self.division.tax_mapping_open_count, len(without))

    def test_accept_all_of_a_kind(self):
        journals = self.env['exact.journal.mapping'].search([
            ('division_id', '=', self.division.id), ('state', '=', 'suggested'),
        ])
        self.assertTrue(journals)
        # The list calls it with what is selected: nothing.
        self.env['exact.journal.mapping'].action_accept_all()
        self.assertEqual(set(journals.mapped('state')), {'mapped'})
        self.assertEqual(self.tax_row(self.tax_21).state, 'suggested')

    def test_lists_of_the_administration(self):
        for kind in (
            'account', 'override', 'tax', 'journal', 'payment_term', 'analytic', 'partner',
        ):
            action = self.division.with_context(mapping_kind=kind).action_open_mappings()
            rows = self.env[action['res_model']].search(action['domain'])
            self.assertEqual(len(rows), self.division[f'{kind}_mapping_count'], kind)
            self.assertEqual(
                len(rows.filtered(lambda row: row.state != 'mapped')),
                self.division[f'{kind}_mapping_open_count'],
            )

    def test_empty_list_says_what_comes_first(self):
        help_text = self.env['exact.tax.mapping'].get_empty_list_help("as written")
        self.assertEqual(help_text, "as written")
        other = self.setup_other_company()['company']
        help_text = self.env['exact.tax.mapping'].with_context(
            allowed_company_ids=other.ids,
        ).get_empty_list_help("as written")
        self.assertIn("Connect to Exact first", help_text)

    def test_a_suggestion_gone_stale_is_not_accepted(self):
        row = self.tax_row(self.tax_21)
        self.vat('2').is_blocked = True
        row.action_accept()
        self.assertFalse(row.vat_code_id)
        self.division._refresh_mappings()
        self.assertEqual(row.state, 'missing')

    def test_empty_again(self):
        row = self.tax_row(self.tax_21)
        row.action_accept()
        row.vat_code_id = False
        self.assertEqual(row.state, 'suggested')
        self.assertEqual(row.suggestion_reason, 'vat')

    def test_own_choice(self):
        row = self.row(self.account)
        row.gl_account_id = self.gl('8400')
        self.assertEqual(row.suggestion_reason, 'manual')
        self.assertEqual(row.suggestion_detail, "Chosen by hand")

    def test_changes_are_tracked(self):
        row = self.row(self.account).with_context(tracking_disable=False, mail_notrack=False)
        row.gl_account_id = self.gl('8000')
        self.cr.flush()
        before = row.message_ids
        row.gl_account_id = self.gl('8010')
        self.cr.flush()
        row.invalidate_recordset()
        [message] = row.message_ids - before
        [value] = message.tracking_value_ids
        self.assertEqual(value.old_value_char, "8000 Omzet hoog")
        self.assertEqual(value.new_value_char, "8010 Omzet laag")
        self.assertEqual(message.author_id, self.env.user.partner_id)

    def test_rows_made_by_themselves_leave_no_note(self):
        self.assertFalse(self.tax_row(self.tax_21).message_ids)
        self.assertFalse(self.tax_row(self.tax_21).message_follower_ids)


@tagged('post_install', '-at_install')
class TestMappingLife(ExactMappingCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.division._refresh_mappings()

    def test_broken_when_the_target_vanishes(self):
        row = self.tax_row(self.tax_21)
        row.action_accept()
        for change, back, reason in (
            ({'active': False}, {'active': True}, "not in Exact any more"),
            ({'is_blocked': True}, {'is_blocked': False}, "blocked"),
            (
                {'percentage': 20, 'percentages': [[None, None, 20.0]]},
                {'percentage': 21, 'percentages': False}, "20%",
            ),
            ({'vat_type': 'I'}, {'vat_type': 'E'}, "including"),
        ):
            with self.subTest(change=change):
                self.vat('2').write(change)
                self.assertEqual(row.state, 'broken')
                self.assertIn(reason, row.problem)
                index = self.division.mapping_index()
                self.assertNotIn(self.tax_21.id, index['tax'])
                self.assertEqual(index['broken']['tax'], {self.tax_21.id: row.id})
                self.vat('2').write(back)
                self.assertEqual(row.state, 'mapped')
                self.assertFalse(row.problem)

    def test_broken_when_the_tax_changes(self):
        row = self.tax_row(self.tax_21)
        row.action_accept()
        # (19 % the code had once: of documents of that time the tax is.)
        self.tax_21.amount = 18
        self.assertEqual(row.state, 'broken')

    def test_broken_is_offered_another(self):
        row = self.row(self.account)
        row.gl_account_id = self.gl('8000')
        self.account.code = '8010'
        self.gl('8000').active = False
        self.division._refresh_mappings()
        self.assertEqual(row.state, 'broken')
        self.assertEqual(row.gl_account_id, self.gl('8000'))
        self.assertEqual(row.suggested_gl_account_id, self.gl('8010'))
        row.action_accept()
        self.assertEqual(row.state, 'mapped')
        self.assertEqual(row.gl_account_id, self.gl('8010'))

    def test_broken_found_without_the_orm(self):
        """A bulk update of master data may bypass the ORM; the refresh sees it nevertheless."""
        row = self.tax_row(self.tax_21)
        row.action_accept()
        self.env.flush_all()
        self.cr.execute(
            "UPDATE exact_vat_code SET active = FALSE WHERE id = %s", [self.vat('2').id],
        )
        self.env.invalidate_all()
        self.division._refresh_mappings()
        self.assertEqual(row.state, 'broken')

    def test_what_a_row_stops(self):
        account = self.account.copy({'code': '899009', 'name': "Something else"})
        row = self.env['exact.account.mapping'].create({
            'division_id': self.division.id, 'account_id': account.id,
        })
        self.assertEqual(row.move_count, 0)
        move = self.invoice(account_id=account)
        self.invoice(account_id=account, post=False)
        tax_row = self.tax_row(self.tax_21)
        journal_row = self.row(self.sale_journal, 'journal_id', 'exact.journal.mapping')
        rows = [row, tax_row, journal_row]

        def counts():
            self.env.invalidate_all()
            return [record.move_count for record in rows]

        # The default journal of sales serves the journal's documents meanwhile.
        self.assertEqual(counts(), [1, 1, 0])
        self.division.default_sale_journal_id = False
        self.assertEqual(counts(), [1, 1, 1])
        tax_row.action_accept()
        self.assertEqual(counts(), [1, 0, 1])
        # A default ledger takes what is not mapped.
        self.division.default_sale_gl_account_id = self.gl('8000')
        self.assertEqual(counts(), [0, 0, 1])
        self.division.default_sale_gl_account_id = False
        export = self.env['exact.export'].sudo().create({
            'move_id': move.id, 'division_id': self.division.id, 'kind': 'sale',
            'state': 'verified',
        })
        self.assertEqual(counts(), [0, 0, 0])
        export.state = 'undone'
        self.assertEqual(counts(), [1, 0, 1])
        self.division.export_start_date = '2100-01-01'
        self.assertEqual(counts(), [0, 0, 0])

    def test_what_a_payment_term_stops(self):
        """A single due date is sent as it is; only tranches wait for a condition."""
        single = self.env.ref('account.account_payment_term_15days')
        for term, count in ((single, 0), (self.pay_terms_b, 1)):
            row = self.row(term, 'payment_term_id', 'exact.payment.term.mapping')
            self.invoice(invoice_payment_term_id=term.id)
            self.assertEqual(row.state, 'missing')
            self.assertEqual(row.move_count, count)

    def test_an_override_frees_the_account(self):
        account = self.account.copy({'code': '899010', 'name': "Something else"})
        row = self.env['exact.account.mapping'].create({
            'division_id': self.division.id, 'account_id': account.id,
        })
        self.product_a.property_account_income_id = account
        self.invoice(product_id=self.product_a, account_id=account)
        self.assertEqual(row.move_count, 1)
        self.env['exact.account.mapping'].create({
            'division_id': self.division.id,
            'product_category_id': self.product_a.categ_id.id,
            'gl_account_id': self.gl('8400').id,
        })
        self.env.invalidate_all()
        self.assertEqual(row.move_count, 0)

    def test_counts_of_a_list_take_one_query(self):
        rows = self.env['exact.tax.mapping'].search([('division_id', '=', self.division.id)])
        self.invoice()
        self.env.flush_all()
        self.env.invalidate_all()
        rows.mapped('state')
        rows.division_id.mapped('company_id')
        with self.assertQueryCount(1):
            rows.mapped('move_count')

    def test_index_takes_the_same_queries_for_any_number(self):
        self.division.action_accept_suggestions()

        def queries():
            self.env.flush_all()
            self.env.invalidate_all()
            self.division.fetch(['code'])
            before = self.cr.sql_log_count
            self.division.mapping_index()
            return self.cr.sql_log_count - before

        few = queries()
        accounts = self.env['account.account'].create([
            {'code': f'88{number:04}', 'name': f"Bulk {number}", 'account_type': 'income'}
            for number in range(100)
        ])
        self.env['exact.account.mapping'].create([
            {
                'division_id': self.division.id, 'account_id': account.id,
                'gl_account_id': self.gl('8000').id,
            }
            for account in accounts
        ])
        self.assertEqual(queries(), few)
        self.assertLessEqual(few, 8)
        index = self.division.mapping_index()
        self.assertEqual(index['account'][accounts[5].id][1], self.gl('8000').id)
        self.assertEqual(
            set(index),
            {'account', 'product', 'category', 'tax', 'journal', 'payment_term', 'analytic',
             'partner', 'broken', 'left_out', 'new'},
        )


@tagged('post_install', '-at_install')
class TestMappingRights(ExactMappingCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.division._refresh_mappings()
        cls.invoicing_user = new_test_user(
            cls.env, 'exact_invoicing', groups='account.group_account_invoice',
            company_id=cls.company.id, company_ids=[Command.set(cls.company.ids)],
        )
        cls.manager = new_test_user(
            cls.env, 'exact_manager', groups='account.group_account_manager',
            company_id=cls.company.id, company_ids=[Command.set(cls.company.ids)],
        )
        cls.other_company = cls.setup_other_company()['company']
        cls.outsider = new_test_user(
            cls.env, 'exact_outsider', groups='account.group_account_manager',
            company_id=cls.other_company.id, company_ids=[Command.set(cls.other_company.ids)],
        )

    MODELS = (
        'exact.account.mapping', 'exact.tax.mapping', 'exact.journal.mapping',
        'exact.payment.term.mapping', 'exact.analytic.mapping', 'exact.partner.mapping',
    )

    def test_invoicing_users_see_and_do_not_touch(self):
        row = self.tax_row(self.tax_21).with_user(self.invoicing_user)
        self.assertEqual(row.state, 'suggested')
        self.assertTrue(row.suggestion_detail)
        self.assertEqual(row.move_count, 0)
        self.assertTrue(row.display_name)
        for act in (
            lambda: row.write({'vat_code_id': self.vat('2').id}),
            row.action_accept,
            row.unlink,
            self.division.with_user(self.invoicing_user).action_accept_suggestions,
            self.division.with_user(self.invoicing_user).action_look_for_new,
            self.env['exact.tax.mapping'].with_user(self.invoicing_user).action_look_for_new,
        ):
            with self.assertRaises(AccessError), self.cr.savepoint():
                act()
        for model in self.MODELS:
            self.assertFalse(self.env[model].with_user(self.invoicing_user).has_access('create'))
        # The export of an invoicing user reads them all.
        self.tax_row(self.tax_21).action_accept()
        index = self.division.with_user(self.invoicing_user).mapping_index()
        self.assertEqual(index['tax'][self.tax_21.id][1], self.vat('2').id)

    def test_administrators_map(self):
        row = self.tax_row(self.tax_21).with_user(self.manager)
        row.action_accept()
        self.assertEqual(row.state, 'mapped')
        self.assertEqual(row.mapped_by_id, self.manager)
        row.vat_code_id = False
        self.division.with_user(self.manager).action_look_for_new()
        self.division.with_user(self.manager).action_accept_suggestions()
        self.assertEqual(row.state, 'mapped')

    def test_other_companies_see_nothing(self):
        for model in self.MODELS:
            rows = self.env[model].with_user(self.outsider).search([])
            self.assertFalse(rows.filtered(lambda row: row.company_id == self.company), model)
        with self.assertRaises(AccessError):
            self.tax_row(self.tax_21).with_user(self.outsider).read(['state'])
        with self.assertRaises(AccessError):
            self.tax_row(self.tax_21).with_user(self.outsider).action_accept()

    def test_sources_of_the_own_company(self):
        foreign = self.env['account.tax'].with_company(self.other_company).search([
            ('company_id', '=', self.other_company.id), ('type_tax_use', '=', 'sale'),
        ], limit=1)
        self.assertTrue(foreign)
        with self.assertRaises(Exception) as caught, self.cr.savepoint():
            self.env['exact.tax.mapping'].create({
                'division_id': self.division.id, 'tax_id': foreign.id,
            })
        self.assertIn("company", str(caught.exception).lower())


@tagged('post_install', '-at_install')
class TestMappingSimulator(ExactConnectedCase):

    def test_dutch_chart_against_a_dutch_administration(self):
        """What a person gets after choosing the administration: rows, and suggestions for most."""
        self._create_invoice(post=True)
        self.division._start_sync()
        self.env.ref('account_exact.ir_cron_sync').method_direct_trigger()
        taxes = self.env['exact.tax.mapping'].search([('division_id', '=', self.division.id)])
        rows = {row.tax_id: row for row in taxes}
        chart = {
            name: rows[self.env.ref(f'account.{self.company.id}_{name}')]
            for name in (
                'btw_21', 'btw_21_d', 'btw_overig', 'btw_9', 'btw_0', 'btw_verk_0', 'btw_21_buy',
                'btw_9_buy_d', 'btw_ink_0', 'btw_I_9', 'btw_I_21', 'btw_I_9_d', 'btw_I_21_d',
                'btw_E1_9', 'btw_E2', 'btw_E1_d_9', 'btw_E2_d', 'btw_X0_producten',
                'btw_X0_diensten', 'btw_X0_ABC_levering', 'btw_X1', 'btw_X2', 'btw_X3',
            )
        }
        found = {name: row.suggested_vat_code_id.code for name, row in chart.items()}
        self.assertEqual(found, {
            'btw_21': '2', 'btw_21_d': '2', 'btw_overig': '3', 'btw_9': '1', 'btw_0': '6',
            'btw_verk_0': '11', 'btw_21_buy': '4', 'btw_9_buy_d': '5', 'btw_ink_0': '10',
            'btw_I_9': '9L', 'btw_I_21': '9', 'btw_I_9_d': '9E', 'btw_I_21_d': '9D',
            'btw_E1_9': '12L', 'btw_E2': '12', 'btw_E1_d_9': '13L', 'btw_E2_d': '13',
            'btw_X0_producten': '7', 'btw_X0_diensten': '7D', 'btw_X0_ABC_levering': '7T',
            'btw_X1': '8', 'btw_X2': '7A', 'btw_X3': '8A',
        })
        self.division.action_accept_suggestions()
        self.assertEqual({row.state for row in chart.values()}, {'mapped'})
        revenue = self.env['exact.account.mapping'].search([
            ('division_id', '=', self.division.id),
            ('account_id', '=', self.company_data['default_account_revenue'].id),
        ])
        self.assertEqual(revenue.gl_account_id.code, revenue.account_id.code)
        self.assertEqual(revenue.suggestion_reason, 'same_code')
        index = self.division.mapping_index()
        self.assertIn(self.company_data['default_journal_sale'].id, index['journal'])
        self.assertFalse(any(index['broken'].values()))
