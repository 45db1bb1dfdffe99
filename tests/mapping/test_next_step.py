"""Whatever stops a document can be answered where it is asked: no question leads in a circle."""

from odoo.tests import new_test_user, tagged

from ..export.test_export_same import ExactSameCase
from ..export_common import ExactExportCase
from .test_relations import RelationCase


@tagged('post_install', '-at_install')
class TestRelationAnswers(RelationCase):

    def asked_about(self):
        """Two invoices of a partner that only seems to be a relation of Exact, and its row."""
        # The books of Exact keep what other tests made in them.
        self.name = f"Looks Alike {next(self.numbers)}"
        self.card(self.name, VATNumber='US12345679', Country='US', Status='C')
        partner = self.contact(self.name, vat='NL002065538B01')
        moves = self.invoice(partner) | self.invoice(partner)
        self.export(moves)
        self.assertAsked(moves[0], 'relation_contradicts')
        self.division._refresh_mappings()
        return moves, self.row(partner)

    def test_none_of_them_is_answered_once_for_all_documents(self):
        moves, row = self.asked_about()
        row.is_new = True
        self.assertEqual((row.state, row.contradiction), ('mapped', False))
        self.work()
        relations = moves.exact_export_ids.relation_id
        self.assertEqual(len(relations), 1)
        self.assertEqual(relations.vat_number, 'NL002065538B01')
        self.assertOn(moves[0], relations.exact_guid)
        self.assertOn(moves[1], relations.exact_guid)
        self.assertEqual(len(self.cards(self.name)), 2)
        # It is that relation from now on, and no new one again.
        self.assertEqual((row.relation_id, row.is_new), (relations, False))
        self.assertEqual(row.suggestion_reason, 'created')

    def test_answer_given_before_anything_is_exported(self):
        moves, row = self.asked_about()
        moves.action_exact_undo()
        row.is_new = True
        wizard = self.env['exact.export.wizard'].create({'division_id': self.division.id})
        wizard.action_check()
        self.assertFalse(wizard.line_ids.filtered(lambda line: self.name in line.message))

    def test_a_relation_or_a_new_one(self):
        _moves, row = self.asked_about()
        row.is_new = True
        row.relation_id = row.relation_id.search([('name', '=', self.name)])
        self.assertFalse(row.is_new)
        row.is_new = True
        self.assertFalse(row.relation_id)

    def test_accepting_all_says_what_is_left_to_look_at(self):
        self.asked_about()
        first = self.division.action_accept_suggestions()['params']['message']
        self.assertIn("1 relation waits for a look of yours", first)
        # The button does not invite to what it cannot do.
        self.division.invalidate_recordset()
        self.assertFalse(self.division.mapping_suggested_count)

    def test_accepting_all_is_offered_for_what_a_number_proves(self):
        self.card("By Number", VATNumber='NL002065538B02', Status='C')
        self.division.action_accept_suggestions()
        self.env['exact.partner.mapping'].create({
            'division_id': self.division.id,
            'partner_id': self.contact("By Number B.V.", vat='NL002065538B02').id,
        })
        self.division.invalidate_recordset()
        self.assertEqual(self.division.mapping_suggested_count, 1)


@tagged('post_install', '-at_install')
class TestSameBillAnswers(ExactSameCase):

    def test_kept_both_and_refused_names_the_other(self):
        """Exact takes no second one with that number: nothing to link, a number to mend."""
        self.switch(duplicate_purchase='refuse')
        first, second = self.bill(), self.bill()
        self.export(first | second)
        second.action_exact_keep_both()
        self.run_cron('ir_cron_exact_export')
        [finding] = self.findings(second)
        self.assertEqual(finding.code, 'refused_same')
        self.assertIn(first.name, second.exact_message)
        self.assertIn("Bestaat reeds", second.exact_message)
        self.assertEqual(second.exact_button_label, "Open the Other")
        self.assertEqual(second.action_exact_fix()['res_id'], first.id)
        second.ref = 'T-1-2'
        self.run_cron('ir_cron_exact_export')
        self.assertBooked(second)


@tagged('post_install', '-at_install')
class TestExportWindow(ExactExportCase):

    def test_what_was_exported_is_no_result_any_more(self):
        self.document('out_invoice', [(100, self.tax_21)])
        wizards = self.env['exact.export.wizard']
        wizard = wizards.create({'division_id': self.division.id})
        wizard.action_check()
        self.assertEqual(wizards._open_latest()['res_id'], wizard.id)
        wizard.action_export()
        self.assertFalse(wizards._open_latest()['res_id'])

    def test_nearly_all_is_not_all(self):
        wizard = self.env['exact.export.wizard'].create({'division_id': self.division.id})
        wizard.write({'checked_count': 1056, 'ready_count': 1053})
        self.assertEqual(wizard.ready_percentage, 99)
        wizard.ready_count = 1056
        self.assertEqual(wizard.ready_percentage, 100)

    def test_what_cannot_be_linked_is_told(self):
        """Typed with another amount: the window says what to do about it."""
        move = self.document('out_invoice', [(100, self.tax_21)])
        wizard = self.env['exact.link.wizard'].sudo().create({'division_id': self.division.id})
        line = self.env['exact.link.wizard.line'].sudo().create({
            'wizard_id': wizard.id, 'move_id': move.id, 'how': 'equal',
        })
        self.assertFalse(wizard.has_other)
        line.how = 'differs'
        self.assertTrue(wizard.has_other)

    def test_readers_are_offered_nothing_that_they_may_not_do(self):
        def buttons(user, model, kind):
            arch = self.env[model].with_user(user).get_view(view_type=kind)['arch']
            return [name for name in ('action_exact_fix', 'action_fix') if f'"{name}"' in arch]

        users = [
            new_test_user(
                self.env, login, groups=f'base.group_user,account.{group}',
                company_id=self.company.id, company_ids=self.company.ids,
            ) for login, group in (
                ('reading', 'group_account_readonly'), ('booking', 'group_account_invoice'),
            )
        ]
        for model, kind in (
            ('account.move', 'form'), ('exact.finding.group', 'list'),
            ('exact.finding.group', 'kanban'), ('exact.export', 'form'),
        ):
            with self.subTest(model=model, kind=kind):
                self.assertFalse(buttons(users[0], model, kind))
                self.assertTrue(buttons(users[1], model, kind))

    def test_document_on_hold_says_why(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        move.action_exact_export()
        self.division.action_hold()
        self.assertIn(self.env.user.name, move.exact_message)
        action = self.division.action_open_connection()
        self.assertEqual(action['res_id'], self.division.connection_id.id)
