import os
import pathlib

from odoo import Command
from odoo.tests import freeze_time

from odoo.addons.account_exact.tests.export_common import ExactExportCase


class ExactExpenseCase(ExactExportCase):
    """Expenses of a Dutch company against the simulator."""

    golden_folder = pathlib.Path(__file__).parent / 'test_files'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids |= cls.env.ref('hr_expense.group_hr_expense_manager')
        cls.division.auto_export_expense = True
        cls.company.partner_id.write({'vat': 'NL123456782B90', 'company_registry': '12345678'})
        cls.company.expense_journal_id = cls.company_data['default_journal_purchase']
        cls.product = cls.env['product.product'].create({
            'name': "Meals",
            'categ_id': cls.env['product.category'].create({'name': "Expenses"}).id,
            'can_be_expensed': True, 'standard_price': 0,
            'property_account_expense_id': cls.expense.id,
            'supplier_taxes_id': [Command.set(cls.tax_in_21.ids)],
        })
        cls.employee = cls.create_employee("Marc Demo", private_iban='NL91ABNA0417164300')
        cls.vendor = cls.env['res.partner'].create({
            'name': "Eetcafé De Brug", 'is_company': True,
            'country_id': cls.env.ref('base.nl').id,
        })

    @classmethod
    def create_employee(cls, name, *, private_iban='', **values):
        """An employee whose card is a contact of the company, as Odoo makes them."""
        contact = cls.env['res.partner'].create({
            'name': name, 'parent_id': cls.company.partner_id.id, 'type': 'contact',
        })
        if private_iban:
            contact.bank_ids = [Command.create({'acc_number': private_iban})]
        # sudo: accountants do not keep employees
        return cls.env['hr.employee'].sudo().create({
            'name': name, 'company_id': cls.company.id, 'work_contact_id': contact.id, **values,
        }).sudo(False)

    @classmethod
    def create_expense(cls, amount=121, *, approve=True, **values):
        expense = cls.env['hr.expense'].create({
            'name': "Lunch with a customer",
            'employee_id': cls.employee.id,
            'product_id': cls.product.id,
            'company_id': cls.company.id,
            'date': '2026-01-10',
            'total_amount_currency': amount,
            'tax_ids': [Command.set(cls.tax_in_21.ids)],
            **values,
        })
        if approve:
            cls.approve(expense)
        return expense

    @classmethod
    def approve(cls, expenses):
        expenses.action_submit()
        expenses.filtered(lambda expense: expense.state == 'submitted')._do_approve()

    @classmethod
    def create_company_expense(cls, amount=121, **values):
        journal = cls.company_data['default_journal_bank']
        return cls.create_expense(amount, **{
            'payment_mode': 'company_account',
            'payment_method_line_id': journal.outbound_payment_method_line_ids[:1].id,
            'vendor_id': cls.vendor.id,
            **values,
        })

    @classmethod
    def attach(cls, expense, name="receipt.pdf", content=b'%PDF-1.4 receipt'):
        return cls.env['ir.attachment'].create({
            'name': name, 'raw': content, 'mimetype': 'application/pdf',
            'res_model': 'hr.expense', 'res_id': expense.id,
        })

    @classmethod
    def post_by_itself(cls, day='2026-01-12'):
        """Post what is approved, on a day of the books of the tests."""
        cls.env.flush_all()
        with freeze_time(day):
            cls.env.ref('account_exact_hr_expense.ir_cron_post_expenses').method_direct_trigger()
        cls.env.invalidate_all()

    @classmethod
    def run_all(cls):
        """Both scheduled actions, as the scheduler runs them after an approval."""
        cls.post_by_itself()
        cls.run_cron('ir_cron_exact_export')

    def assertGolden(self, name, payload):
        path = self.golden_folder / f'{name}.json'
        text = self.stable(payload) + '\n'
        if os.environ.get('ACCOUNT_EXACT_SAVE_GOLDEN'):
            path.write_text(text)
        self.assertEqual(text, path.read_text(), f"payload of {name}")

    def assertBookedAs(self, expense, kind):
        export = expense.account_move_id.exact_export_id
        self.assertEqual(
            (expense.exact_state, export.kind), ('verified', kind),
            export.finding_ids.mapped('message'),
        )
        self.assertEqual(expense.exact_entry_number, str(export.entry_number))
        return export

    def documents(self, export):
        """Files that Exact has of an export: [(file name, subject of the document)]."""
        with self.division.client() as client:
            subjects = {
                row['ID']: row['Subject']
                for row in client.get('documents/Documents', select=['ID', 'Subject'])
            }
            return [
                (row['FileName'], subjects[row['Document']])
                for row in client.get(
                    'documents/DocumentAttachments', select=['ID', 'FileName', 'Document'],
                ) if row['Document'] == export.document_guid
            ]
