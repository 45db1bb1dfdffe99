from odoo import models
from odoo.exceptions import AccessError
from odoo.service.model import get_public_method
from odoo.tests import new_test_user, tagged

from ..export_common import ExactExportCase

DOCUMENT_MODELS = [
    'exact.export', 'exact.export.line', 'exact.export.attempt', 'exact.export.entry.line',
    'exact.finding',
]


@tagged('post_install', '-at_install')
class TestExportSecurity(ExactExportCase):
    """Who may not, cannot: groups and companies on everything an export consists of."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.move = cls.document('out_invoice', [(100, cls.tax_21)])
        cls.other_company = cls.setup_other_company(name="Other B.V.")['company']

        def user(login, groups, company):
            return new_test_user(
                cls.env, login=login, groups=groups, company_id=company.id,
                company_ids=[(6, 0, company.ids)],
            )

        cls.invoicer = user('exact_invoicer', 'account.group_account_invoice', cls.company)
        cls.reader = user('exact_reader', 'account.group_account_readonly', cls.company)
        cls.employee = user('exact_employee', 'base.group_user', cls.company)
        cls.admin = user('exact_admin', 'account.group_account_manager', cls.company)
        cls.stranger = user(
            'exact_stranger', 'account.group_account_manager', cls.other_company,
        )

    def test_invoicing_user_exports_and_sees(self):
        move = self.move.with_user(self.invoicer)
        move.action_exact_export()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(move.exact_state, 'verified')
        export = move.exact_export_id
        self.assertEqual(export.user_id, self.invoicer)
        self.assertTrue(export.line_ids and export.payload and export.display_name)
        self.assertIn(
            f"Exact {export.entry_number}, journal {export.sudo().journal_id.code} of",
            move.exact_sentence,
        )
        self.assertEqual(move.exact_buttons, ['open', 'undo'])
        for reader in (self.reader, self.admin):
            theirs = move.with_user(reader)
            self.assertEqual(theirs.exact_sentence, move.exact_sentence)
            self.assertEqual('undo' in theirs.exact_buttons, reader == self.admin)
        move.action_exact_undo()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(move.exact_state, 'undone')

    def test_nobody_writes_exports_by_hand(self):
        export = self.export(self.move)
        for user in (self.invoicer, self.admin):
            for record in (export, export.line_ids[:1], export.attempt_ids[:1]):
                with self.assertRaises(AccessError):
                    record.with_user(user).write({'exact_guid': 'x'} if record == export else {})
                with self.assertRaises(AccessError):
                    record.with_user(user).unlink()
            with self.assertRaises(AccessError):
                self.env['exact.export'].with_user(user).create({
                    'move_id': self.move.id, 'division_id': self.division.id, 'kind': 'sale',
                })

    def test_reader_sees_but_does_not_act(self):
        export = self.export(self.move).with_user(self.reader)
        self.assertEqual(export.state, 'verified')
        self.assertEqual(export.move_id.exact_state, 'verified')
        for action in ('action_retry', 'action_undo', 'action_reverse', 'action_update'):
            with self.assertRaises(AccessError):
                getattr(export, action)()
        with self.assertRaises(AccessError):
            export.move_id.action_exact_export()
        with self.assertRaises(AccessError):
            export.move_id.action_exact_undo()

    def test_employee_sees_nothing(self):
        export = self.export(self.move)
        for model in DOCUMENT_MODELS:
            with self.assertRaises(AccessError):
                self.env[model].with_user(self.employee).search([])
        with self.assertRaises(AccessError):
            export.with_user(self.employee).action_undo()

    def test_second_company_sees_nothing_and_does_nothing(self):
        export = self.export(self.move)
        for model in DOCUMENT_MODELS:
            records = self.env[model].sudo().search([('company_id', '=', self.company.id)])
            self.assertTrue(records or model == 'exact.finding', model)
            self.assertFalse(
                self.env[model].with_user(self.stranger).search([('id', 'in', records.ids)]), model,
            )
        with self.assertRaises(AccessError):
            export.with_user(self.stranger).read(['payload'])
        for action in ('action_retry', 'action_undo', 'action_reverse', 'action_update'):
            with self.assertRaises(AccessError):
                getattr(export.with_user(self.stranger), action)()
        for action in ('action_exact_export', 'action_exact_undo', 'action_exact_retry'):
            with self.assertRaises(AccessError):
                getattr(self.move.with_user(self.stranger), action)()
        self.assertEqual(export.state, 'verified')

    def test_wizards_take_no_documents_of_others(self):
        self.export(self.move)
        with self.assertRaises(AccessError):
            self.env['exact.undo.wizard'].with_user(self.stranger).with_context(
                exact_move_ids=self.move.ids,
            ).create({})
        with self.assertRaises(AccessError):
            self.env['exact.export.document.wizard'].with_user(self.stranger).with_context(
                default_move_id=self.move.id,
            ).create({}).action_export()
        with self.assertRaises(AccessError):
            self.env['exact.export.wizard'].with_user(self.stranger).create({
                'division_id': self.division.id,
            })

    def test_private_methods_are_no_rpc(self):
        for name in dir(type(self.env['exact.export'])):
            if name.startswith(('_', 'action_')) or hasattr(models.BaseModel, name):
                continue
            method = getattr(type(self.env['exact.export']), name)
            if callable(method) and getattr(method, '__module__', '').startswith(
                'odoo.addons.account_exact',
            ):
                with self.assertRaises(AccessError, msg=f"{name} can be called from outside"):
                    get_public_method(self.env['exact.export'], name)
