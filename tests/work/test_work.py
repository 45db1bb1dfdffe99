from odoo.tests import tagged
from odoo.tools import SQL

from odoo.addons.account_exact.booking.life import LifeError

from ..export_common import ExactExportCase


@tagged('post_install', '-at_install')
class TestWork(ExactExportCase):
    """What is due is said in one place; index, search and turn follow from it."""

    def create_export(self, **values):
        return self.env['exact.export'].sudo().create({
            'move_id': self.init_invoice('out_invoice', amounts=[10], post=True).id,
            'division_id': self.division.id, 'kind': 'sale', **values,
        })

    def test_what_is_due_in_each_state(self):
        for values, work in (
            ({'state': 'proposed'}, 'check'),
            ({'state': 'sending'}, 'recover'),
            ({'state': 'uncertain'}, 'look_up'),
            ({'state': 'ready'}, 'send'),
            ({'state': 'sent'}, 'read_back'),
            ({'state': 'sent', 'has_difference': True}, False),
            ({'state': 'sent', 'pending_action': 'undo'}, 'change'),
            ({'state': 'verified'}, False),
            ({'state': 'verified', 'pending_action': 'update'}, 'change'),
            ({'state': 'verified', 'pending_action': 'recheck'}, 'compare'),
            ({'state': 'undone', 'pending_action': 'undo'}, 'change'),
            ({'state': 'blocked'}, False), ({'state': 'refused'}, False),
            ({'state': 'superseded'}, False), ({'state': 'deleted'}, False),
        ):
            with self.subTest(**values):
                export = self.create_export(**values)
                self.assertEqual(export.work, work)
                kinds = [kind.name for kind in export._work_kinds()]
                self.assertEqual(
                    export.search([('id', '=', export.id), ('work', 'in', kinds)]),
                    export if work else export.browse(),
                )

    def test_what_cannot_happen_changes_nothing(self):
        ready, verified = (self.create_export(state=state) for state in ('ready', 'verified'))
        with self.assertRaises(LifeError):
            (ready | verified)._go('claimed')
        self.assertEqual((ready.state, verified.state), ('ready', 'verified'))
        ready._go('claimed', attempt_count=1)
        self.assertEqual((ready.state, ready.attempt_count), ('sending', 1))

    def plan(self, condition, *, joined=False):
        """How PostgreSQL would look for rows, if it reads no table as a whole.

        :param joined: with what the condition of all work asks for beside the rows
        """
        export = self.env['exact.export']
        export.flush_model()
        with self.env.cr.savepoint():
            self.env.cr.execute("SET LOCAL enable_seqscan = off")
            rows = self.env.execute_query(SQL(
                "EXPLAIN SELECT export.id FROM exact_export export %s WHERE %s",
                SQL(
                    "JOIN exact_division division ON division.id = export.division_id"
                    " JOIN exact_connection connection ON connection.id = division.connection_id"
                ) if joined else SQL(""), condition,
            ))
            self.env.cr.execute("SET LOCAL enable_seqscan = on")
        return '\n'.join(row[0] for row in rows)

    def test_history_is_not_read_to_find_what_is_due(self):
        """The conditions are those of the index, or it would be of no use."""
        exports = self.env['exact.export']
        self.assertIn('exact_export_due_idx', self.plan(exports.due_sql('export'), joined=True))
        for name in ('compare', 'change'):
            with self.subTest(work=name):
                self.assertIn('exact_export_due_idx', self.plan(
                    exports.work_sql('export', lambda kind, name=name: kind.name == name),
                ))

    def test_hold_keeps_back_what_is_sent_and_nothing_else(self):
        self.division.sudo().hold = True
        for values, due in (
            ({'state': 'ready'}, False),
            ({'state': 'verified', 'pending_action': 'undo'}, False),
            ({'state': 'proposed'}, True),
            ({'state': 'uncertain'}, True),
            ({'state': 'sent'}, True),
        ):
            with self.subTest(**values):
                export = self.create_export(**values)
                self.assertEqual(bool(export.next_moment(self.division)), due)
                export.unlink()
