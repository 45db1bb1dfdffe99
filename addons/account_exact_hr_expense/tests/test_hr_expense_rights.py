from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import ExactExpenseCase


@tagged('post_install', '-at_install')
class TestHrExpenseRights(ExactExpenseCase):
    """People who see expenses see how far they are in Exact, and nothing else of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plain = cls.create_user('plain', 'base.group_user')
        cls.approver = cls.create_user('approver', 'hr_expense.group_hr_expense_team_approver')
        cls.bookkeeper = cls.create_user('bookkeeper', 'account.group_account_invoice')
        cls.plain_employee = cls.create_employee("Plain Employee", user_id=cls.plain.id)
        cls.plain_employee.sudo().expense_manager_id = cls.approver

    @classmethod
    def create_user(cls, login, group):
        return cls.env['res.users'].create({
            'name': login.title(), 'login': login, 'email': f'{login}@example.com',
            'company_id': cls.company.id, 'company_ids': [Command.set(cls.company.ids)],
            'group_ids': [Command.set(cls.env.ref(group).ids)],
        })

    def submitted(self):
        expense = self.create_expense(employee_id=self.plain_employee.id, approve=False)
        expense.with_user(self.plain).action_submit()
        self.assertEqual(expense.state, 'submitted')
        return expense

    def test_approval_needs_no_accounting_rights_and_never_waits(self):
        expense = self.submitted()
        with self.assertNothingPosted(expense):
            expense.with_user(self.approver).action_approve()
        self.run_all()
        self.assertBookedAs(expense, 'purchase')

    def assertNothingPosted(self, expense):
        """Posting is the scheduled action's, in transactions of its own."""
        test = self

        class Check:
            def __enter__(self):
                self.triggers = test.env['ir.cron.trigger'].search_count([])

            def __exit__(self, *args):
                test.assertEqual(expense.state, 'approved')
                test.assertFalse(expense.account_move_id)
                test.assertEqual(test.env['ir.cron.trigger'].search_count([]), self.triggers + 1)
        return Check()

    def test_approval_stands_when_posting_fails(self):
        expense = self.submitted()
        expense.account_id = self.expense.copy({'code': '4997', 'name': "Old costs"})
        expense.account_id.active = False
        expense.with_user(self.approver).action_approve()
        self.run_all()
        self.assertEqual(expense.state, 'approved')
        [activity] = expense.activity_ids
        self.assertNotEqual(activity.user_id, self.approver)
        self.assertTrue(activity.user_id.has_group('account.group_account_invoice'))

    def test_an_employee_sees_the_state_alone(self):
        expense = self.submitted()
        expense.with_user(self.approver).action_approve()
        self.run_all()
        for user in (self.plain, self.approver):
            with self.subTest(user=user.login):
                own = self.env['hr.expense'].with_user(user).search([('id', '=', expense.id)])
                own.invalidate_recordset()
                self.assertEqual(own.exact_state, 'verified')
                self.assertEqual(own.read(['exact_state'])[0]['exact_state'], 'verified')
                found = self.env['hr.expense'].with_user(user).search([
                    ('exact_state', '=', 'verified'),
                ])
                self.assertIn(own, found)
                for field in ('exact_entry_number', 'exact_message'):
                    with self.assertRaises(AccessError):
                        own.read([field])
                with self.assertRaises(AccessError):
                    self.env['exact.export'].with_user(user).search([])

    def test_searching_shows_nobody_more_expenses(self):
        theirs = self.create_expense()
        self.run_all()
        found = self.env['hr.expense'].with_user(self.plain).search([
            ('exact_state', '=', 'verified'),
        ])
        self.assertNotIn(theirs, found)

    def test_views_open_for_everyone(self):
        for user in (self.plain, self.approver, self.bookkeeper):
            expenses = self.env['hr.expense'].with_user(user)
            views = expenses.get_views([
                (False, 'list'),
                (self.env.ref('hr_expense.hr_expense_view_form').id, 'form'),
                (self.env.ref('hr_expense.hr_expense_view_search').id, 'search'),
            ])
            for name, view in views['views'].items():
                with self.subTest(user=user.login, view=name):
                    accountant = user == self.bookkeeper
                    self.assertEqual('exact_entry_number' in view['arch'], accountant)
                    if name != 'search':
                        self.assertIn('exact_state', view['arch'])
            fields = [
                name for name in views['models']['hr.expense']['fields']
                if name.startswith('exact_')
            ]
            expenses.web_search_read([], {name: {} for name in fields})

    def test_the_button_leads_to_the_export(self):
        expense = self.create_expense()
        self.run_all()
        export = expense.account_move_id.exact_export_id
        action = expense.action_exact_open_export()
        self.assertEqual((action['res_model'], action['res_id']), ('exact.export', export.id))

    # Public methods of ours that RPC can call on expenses, and who may
    METHODS = {'action_exact_open_export': {'accountant'}}

    def test_every_method_is_decided(self):
        """Of any model: a method that this addon adds to others' models is an answer to RPC."""
        found = {}
        for model, cls in self.registry.items():
            for base in cls.mro():
                if base.__module__.startswith('odoo.addons.account_exact_hr_expense.'):
                    # What extends Odoo's own keeps Odoo's own rights
                    found.setdefault(model, set()).update(
                        name for name, value in vars(base).items()
                        if callable(value) and not name.startswith('_')
                        and not getattr(value, '_api_private', False) and not any(
                            name in vars(other) for other in cls.mro()
                            if not other.__module__.startswith('odoo.addons.account_exact')
                            and other.__name__ != cls.__name__
                        )
                    )
        found = {model: names for model, names in found.items() if names}
        self.assertEqual(found, {'hr.expense': set(self.METHODS)})

    def test_who_may_not_calls_nothing(self):
        """Not with the id of a colleague's expense, nor of the own one."""
        expense = self.submitted()
        expense.with_user(self.approver).action_approve()
        self.run_all()
        accountant = self.create_user('accountant', 'account.group_account_invoice')
        accountant.group_ids |= self.env.ref('hr_expense.group_hr_expense_user')
        stranger = new_test_user(
            self.env, login='exact_expense_stranger', groups='account.group_account_manager',
            company_id=self.env['res.company'].create({'name': "Elders"}).id,
        )
        portal = new_test_user(
            self.env, login='exact_expense_portal', groups='base.group_portal',
        )
        for method, allowed in self.METHODS.items():
            for user in (
                accountant, self.plain, self.approver, self.bookkeeper, stranger, portal,
            ):
                with self.subTest(method=method, who=user.login):
                    self.env.invalidate_all()
                    own = expense.with_env(self.env(user=user, su=False, context={}))
                    if user.login in allowed:
                        self.assertEqual(
                            getattr(own, method)()['res_id'],
                            expense.account_move_id.exact_export_id.id,
                        )
                    else:
                        with self.assertRaises(AccessError):
                            getattr(own, method)()

    def test_what_was_taken_back_is_not_for_the_employee_to_post_again(self):
        expense = self.submitted()
        expense.with_user(self.approver).action_approve()
        self.run_all()
        self.assertTrue(expense.exact_was_posted)
        with self.assertRaises(UserError):
            expense.with_user(self.plain).write({'exact_was_posted': False})
        self.assertTrue(expense.exact_was_posted)

    def test_only_administrators_turn_the_switch(self):
        with self.assertRaises(AccessError):
            self.division.with_user(self.bookkeeper).auto_export_expense = False

    def test_another_companys_expenses_are_left_alone(self):
        other = self.company_data_2['company'] if hasattr(self, 'company_data_2') else (
            self.setup_other_company()['company']
        )
        self.env.user.company_ids |= other
        journal = self.env['account.journal'].search([
            ('company_id', '=', other.id), ('type', '=', 'purchase'),
        ], limit=1)
        self.assertTrue(journal)
        employee = self.env['hr.employee'].sudo().create({
            'name': "Over There", 'company_id': other.id,
        }).sudo(False)
        expense = self.env['hr.expense'].with_company(other).create({
            'name': "Elsewhere", 'employee_id': employee.id, 'company_id': other.id,
            'product_id': self.product.id, 'total_amount_currency': 10, 'date': '2026-01-10',
            'tax_ids': [Command.clear()],
        })
        self.approve(expense)
        self.run_all()
        self.assertEqual((expense.state, expense.exact_state), ('approved', False))
        self.assertFalse(expense.exact_is_linked)
