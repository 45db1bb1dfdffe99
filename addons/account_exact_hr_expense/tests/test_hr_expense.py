from unittest.mock import patch

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import ExactExpenseCase


@tagged('post_install', '-at_install')
class TestHrExpense(ExactExpenseCase):
    """Expenses that employees paid: from the approval to Exact without a click."""

    # === WHAT EMPLOYEES PAID === #

    def test_approved_expense_is_booked_by_itself(self):
        expense = self.create_expense(supplier_reference="F-0042", vendor_id=self.vendor.id)
        self.assertEqual(expense.state, 'approved')
        self.run_all()
        move = expense.account_move_id
        self.assertEqual(
            (move.move_type, move.state, expense.state), ('in_receipt', 'posted', 'posted'),
        )
        export = self.assertBookedAs(expense, 'purchase')
        self.assertTrue(export.is_automatic)
        self.assertBooked(move)
        self.assertGolden('own_account', self.payload(export))

    def test_the_employee_is_the_supplier_never_the_company(self):
        """The card of an employee carries the numbers of the company that it belongs to."""
        contact = self.employee.sudo().work_contact_id
        self.assertEqual(contact.vat, self.company.vat)
        # sudo: relations are Exact's to make
        own_card = self.env['exact.relation'].sudo().create({
            'division_id': self.division.id, 'name': self.company.name, 'status': 'C',
            'exact_guid': '11111111-2222-4333-8444-555555555555',
            'vat_number': self.company.vat, 'vat_key': self.company.vat,
            'chamber_of_commerce': '12345678',
        })
        expense = self.create_expense()
        self.run_all()
        relation = self.assertBookedAs(expense, 'purchase').relation_id
        self.assertNotEqual(relation, own_card)
        self.assertEqual(relation.name, "Marc Demo")
        self.assertTrue(relation.is_supplier)
        self.assertFalse(relation.vat_number)
        mapping = self.env['exact.partner.mapping'].search([('relation_id', '=', relation.id)])
        self.assertEqual(mapping.partner_id, contact)
        self.assertFalse(own_card.is_supplier)

    def test_a_bank_account_alone_only_suggests_the_employee(self):
        relation = self.env['exact.relation.bank'].search([
            ('division_id', '=', self.division.id), ('iban_key', '!=', False),
            ('relation_id.is_blocked', '=', False), ('relation_id.is_supplier', '=', True),
        ], limit=1)
        self.assertTrue(relation, "no supplier of the simulator has a bank account")
        employee = self.create_employee("Somebody Else", private_iban=relation.iban_key)
        expense = self.create_expense(employee_id=employee.id)
        self.run_all()
        move = expense.account_move_id
        self.assertEqual(
            (move.exact_state, move.exact_export_id.finding_ids.mapped('code')),
            ('blocked', ['relation_same_iban']),
        )
        # A person says that it is.
        self.env['exact.partner.mapping'].create({
            'division_id': self.division.id, 'partner_id': move.exact_export_id.finding_ids.res_id,
            'relation_id': relation.relation_id.id,
        })
        self.run_all()
        self.assertEqual(
            self.assertBookedAs(expense, 'purchase').relation_id, relation.relation_id,
        )

    def test_employees_with_and_without_a_user(self):
        user = self.env['res.users'].create({
            'name': "Ulla User", 'login': 'ulla', 'company_id': self.company.id,
            'company_ids': [Command.set(self.company.ids)],
        })
        with_user = self.create_employee("Ulla User", user_id=user.id)
        expenses = self.create_expense(employee_id=with_user.id) | self.create_expense()
        self.run_all()
        for expense, employee in zip(expenses, with_user | self.employee, strict=True):
            export = self.assertBookedAs(expense, 'purchase')
            self.assertEqual(export.relation_id.name, employee.name)

    def test_one_receipt_per_employee(self):
        other = self.create_employee("Tina Taxi")
        expenses = (
            self.create_expense(121, approve=False) | self.create_expense(60.5, approve=False)
            | self.create_expense(10, approve=False, employee_id=other.id)
        )
        self.attach(expenses[2], "private.pdf")
        self.approve(expenses)
        self.run_all()
        moves = expenses.account_move_id
        self.assertEqual(len(moves), 2)
        self.assertEqual(expenses[0].account_move_id, expenses[1].account_move_id)
        self.assertEqual(set(moves.mapped('exact_state')), {'verified'})
        self.assertFalse(
            expenses[0].account_move_id.attachment_ids,
            "the receipt of a colleague went to somebody else's entry",
        )

    def test_the_same_lunch_twice(self):
        """The text of an expense is no reference: it may repeat, and be long."""
        first = self.create_expense(name="Lunch " * 20)
        self.run_all()
        second = self.create_expense(name="Lunch " * 20)
        self.run_all()
        self.assertBookedAs(first, 'purchase')
        self.assertBookedAs(second, 'purchase')

    def test_mappings_decide_ledger_vat_and_dimensions(self):
        center = self.master('exact.cost.center', [('active', '=', True)])
        unit = self.master('exact.cost.unit', [('active', '=', True)])
        plan = self.env['account.analytic.plan'].create({'name': "Departments in Exact"})
        account = self.env['account.analytic.account'].create({
            'name': "Sales", 'plan_id': plan.id, 'company_id': self.company.id,
        })
        self.env['exact.analytic.mapping'].create({
            'division_id': self.division.id, 'analytic_account_id': account.id,
            'cost_center_id': center.id, 'cost_unit_id': unit.id,
        })
        ledger = self.master('exact.gl.account', [
            ('gl_type', 'in', [120, 121]), ('is_blocked', '=', False),
            ('use_cost_center', '=', '0'), ('use_cost_unit', '=', '0'),
            ('code', '!=', self.expense.code),
        ])
        self.env['exact.account.mapping'].create({
            'division_id': self.division.id, 'product_category_id': self.product.categ_id.id,
            'gl_account_id': ledger.id,
        })
        expense = self.create_expense(approve=False)
        expense.analytic_distribution = {str(account.id): 100}
        self.approve(expense)
        self.run_all()
        export = self.assertBookedAs(expense, 'purchase')
        [line] = self.payload(export)['PurchaseEntryLines']
        self.assertEqual(line['GLAccount'], ledger.exact_guid)
        self.assertEqual((line['CostCenter'], line['CostUnit']), (center.code, unit.code))
        self.assertTrue(line['VATCode'])
        self.assertEqual(line['AmountFC'], '100.00')

    def test_receipts_travel(self):
        self.division.send_documents = True
        expense = self.create_expense(approve=False)
        self.attach(expense, "taxi.pdf")
        self.attach(expense, "lunch.pdf")
        self.approve(expense)
        self.run_all()
        export = self.assertBookedAs(expense, 'purchase')
        self.assertEqual(
            sorted(self.documents(export)),
            [("lunch.pdf", export.move_id.name), ("taxi.pdf", export.move_id.name)],
        )
        self.assertEqual(self.payload(export)['Document'], export.document_guid)

    def test_foreign_currency_is_booked_as_odoo_booked_it(self):
        dollar = self.rated('USD', 1.25)
        expense = self.create_expense(125, currency_id=dollar.id)
        self.run_all()
        self.assertEqual(expense.total_amount, 100)
        self.assertBookedAs(expense, 'purchase')
        self.assertBooked(expense.account_move_id)

    # === WHEN NOT === #

    def test_nothing_happens_with_the_switch_off(self):
        self.division.auto_export_expense = False
        expense = self.create_expense()
        self.run_all()
        self.assertEqual((expense.state, expense.exact_state), ('approved', False))
        self.division.auto_export_expense = True
        self.run_all()
        self.assertBookedAs(expense, 'purchase')

    def test_only_approved_expenses(self):
        draft = self.create_expense(approve=False)
        refused = self.create_expense()
        refused._do_refuse("no")
        self.run_all()
        self.assertFalse((draft | refused).account_move_id)

    def test_what_people_take_back_is_not_done_again(self):
        expense = self.create_expense()
        self.post_by_itself()
        expense.account_move_id.button_draft()
        expense.account_move_id.button_cancel()
        self.assertEqual(expense.state, 'approved')
        self.post_by_itself()
        self.assertFalse(expense.account_move_id)
        expense.action_reset()
        self.assertEqual(expense.state, 'draft')
        self.approve(expense)
        self.run_all()
        self.assertBookedAs(expense, 'purchase')

    def test_a_reversal_of_what_went_by_itself_goes_by_itself(self):
        expense = self.create_expense()
        self.run_all()
        move = expense.account_move_id
        reversal = move._reverse_moves([{'invoice_date': '2026-01-13'}], cancel=True)
        self.run_all()
        self.assertEqual(expense.state, 'approved')
        self.assertEqual(
            reversal.exact_state, 'verified',
            reversal.exact_export_id.finding_ids.mapped('message'),
        )
        self.assertBooked(reversal)

    def test_a_person_may_be_faster(self):
        expense = self.create_expense()
        expense._post_without_wizard()
        self.run_all()
        self.assertEqual(
            len(self.env['account.move.line'].search([('expense_id', '=', expense.id)]).move_id), 1,
        )
        # Posted by hand, exported by itself all the same.
        self.assertEqual(expense.exact_state, 'verified')

    def test_before_the_start_date_nothing_is_posted_for_the_company(self):
        self.division.export_start_date = '2026-01-11'
        paid = self.create_company_expense()
        own = self.create_expense()
        self.run_all()
        self.assertFalse(paid.account_move_id)
        # The employee's is booked on the day of posting.
        self.assertBookedAs(own, 'purchase')

    # === WHAT GOES WRONG === #

    def test_failure_becomes_an_activity_and_stops_nobody_else(self):
        account = self.expense.copy({'code': '4998', 'name': "Old costs"})
        bad = self.create_expense(account_id=account.id)
        good = self.create_expense(employee_id=self.create_employee("Tina Taxi").id)
        account.active = False
        self.run_all()
        self.assertEqual(bad.state, 'approved')
        self.assertFalse(bad.account_move_id)
        self.assertBookedAs(good, 'purchase')
        activity = self.activities(bad)
        self.assertEqual(len(activity), 1)
        self.assertIn("could not be posted", activity.note)
        self.assertTrue(activity.user_id.has_group('account.group_account_invoice'))
        self.assertFalse(self.activities(good))
        # Not tried again, and not told again, before somebody has looked at it.
        account.active = True
        self.map_ledger(account, self.expense.code)
        self.run_all()
        self.assertEqual((bad.state, self.activities(bad)), ('approved', activity))
        activity.action_feedback()
        self.run_all()
        self.assertBookedAs(bad, 'purchase')
        self.assertFalse(self.activities(bad))

    def activities(self, expense):
        return expense.activity_search(
            ['account_exact_hr_expense.mail_activity_type_not_posted'],
        )

    def test_after_a_day_it_is_tried_again(self):
        expense = self.create_expense()
        with self.failing(UserError("The year is locked.")):
            self.post_by_itself()
        activity = self.activities(expense)
        self.assertIn("The year is locked.", activity.note)
        self.env.cr.execute(
            "UPDATE mail_activity SET write_date = write_date - interval '2 years' WHERE id = %s",
            [activity.id],
        )
        activity.invalidate_recordset()
        self.run_all()
        self.assertBookedAs(expense, 'purchase')
        self.assertFalse(self.activities(expense))

    def failing(self, error):
        return patch.object(
            type(self.env['hr.expense']), '_post_without_wizard', side_effect=error, autospec=True,
        )

    def test_one_bad_expense_of_an_employee_does_not_keep_the_others(self):
        good = self.create_expense(approve=False)
        bad = self.create_expense(approve=False)
        self.approve(good | bad)
        original = type(bad)._post_without_wizard

        reason = "Not this one."

        def post(expenses):
            if bad in expenses:
                raise UserError(reason)
            return original(expenses)

        with patch.object(type(bad), '_post_without_wizard', post):
            self.run_all()
        self.assertBookedAs(good, 'purchase')
        self.assertFalse(bad.account_move_id)
        self.assertTrue(self.activities(bad))
        self.assertFalse(self.activities(good))

    def test_the_unexpected_is_told_too(self):
        expense = self.create_expense()
        with (
            self.failing(ZeroDivisionError()),
            self.assertLogs('odoo.addons.account_exact_hr_expense.models.hr_expense', 'ERROR'),
        ):
            self.post_by_itself()
        self.assertIn("unexpected", self.activities(expense).note)

    def test_an_employee_without_a_card_is_told(self):
        nobody = self.create_employee("No Card")
        nobody.sudo().work_contact_id = False
        expense = self.create_expense(employee_id=nobody.id)
        self.run_all()
        self.assertEqual((expense.state, expense.exact_state), ('posted', 'blocked'))
        self.assertIn("no partner", expense.exact_message)

    def test_blocked_in_exact_is_shown_on_the_expense(self):
        self.env['exact.tax.mapping'].search([
            ('division_id', '=', self.division.id), ('tax_id', '=', self.tax_in_21.id),
        ]).vat_code_id = False
        expense = self.create_expense()
        self.run_all()
        self.assertEqual((expense.state, expense.exact_state), ('posted', 'blocked'))
        self.assertIn(self.tax_in_21.name, expense.exact_message)

    # === STATE ON THE EXPENSE === #

    def test_state_is_shown_and_searched(self):
        draft = self.create_expense(approve=False)
        booked = self.create_expense()
        self.run_all()
        self.division.auto_export_expense = False
        posted = self.create_expense()
        posted._post_without_wizard()
        expenses = draft | booked | posted
        self.assertEqual(expenses.mapped('exact_state'), [False, 'verified', 'not_exported'])
        for state, expected in (
            ('verified', booked), ('not_exported', posted), (False, draft),
        ):
            with self.subTest(state=state):
                found = self.env['hr.expense'].search([('exact_state', '=', state)])
                self.assertEqual(found & expenses, expected)
                rest = self.env['hr.expense'].search([('exact_state', '!=', state)])
                self.assertEqual(rest & expenses, expenses - expected)
        number = booked.exact_entry_number
        self.assertEqual(
            self.env['hr.expense'].search([('exact_entry_number', '=', number)]), booked,
        )

    def test_a_list_takes_no_query_per_expense(self):
        expenses = self.env['hr.expense'].union(*(self.create_expense() for _ in range(6)))
        self.run_all()
        few, many = expenses[:2].ids, expenses.ids
        counts = []
        for ids in (few, many):
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            self.env['hr.expense'].browse(ids).mapped('exact_state')
            counts.append(self.env.cr.sql_log_count - start)
        self.assertEqual(*counts)
