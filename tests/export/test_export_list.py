from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from ..export_common import ExactExportCase


@tagged('post_install', '-at_install')
class TestExportList(ExactExportCase):
    """What the list of documents shows of Exact, and what that costs."""

    def columns(self, moves):
        self.env.invalidate_all()
        moves.mapped('state')
        return moves.web_read({'exact_state': {}, 'exact_entry_number': {}, 'exact_message': {}})

    def test_one_query_for_the_whole_list(self):
        moves = self.env['account.move'].union(*(
            self.document('out_invoice', [(price, self.tax_21)]) for price in range(1, 6)
        ))
        self.export(moves)
        rows = self.columns(moves)
        self.assertEqual({row['exact_state'] for row in rows}, {'verified'})
        self.assertEqual(
            [row['exact_entry_number'] for row in rows],
            [str(move.exact_export_id.entry_number) for move in moves],
        )
        self.assertEqual({row['exact_message'] for row in rows}, {False})
        # The documents themselves, and one more
        self.env.invalidate_all()
        with self.assertQueryCount(2):
            moves.mapped('state')
            moves.web_read({'exact_state': {}, 'exact_entry_number': {}, 'exact_message': {}})

    def test_the_bars_of_many_cost_no_more_queries_than_one(self):
        moves = self.env['account.move'].union(*(
            self.document('out_invoice', [(price, self.tax_21)]) for price in range(1, 6)
        ))
        moves.action_exact_export()
        # Put off: whether a fuse is in the way is asked as well.
        moves.exact_export_id.sudo().write({
            'state': 'ready', 'next_try': fields.Datetime.now() + timedelta(hours=1),
        })

        def queries(moves):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.assertEqual(set(moves.mapped('exact_bar')), {'waiting'})
            moves.mapped('exact_message')
            return self.env.cr.sql_log_count - before

        queries(moves)
        self.assertEqual(queries(moves), queries(moves[:1]))

    def test_the_latest_export_speaks(self):
        move = self.document('out_invoice', [(10, self.tax_21)])
        first = self.export(move)
        move.action_exact_undo()
        self.run_cron('ir_cron_exact_export')
        [row] = self.columns(move)
        self.assertEqual((row['exact_state'], row['exact_entry_number']), ('undone', False))
        second = self.export(move)
        self.assertNotEqual(first, second)
        [row] = self.columns(move)
        self.assertEqual(
            (row['exact_state'], row['exact_entry_number']),
            ('verified', str(second.entry_number)),
        )

    def shown_as(self, move):
        """The state by which lists find the document and count it, once each."""
        domain, states = [('id', '=', move.id)], dict(move._fields['exact_state'].selection)
        found = [
            state for state in (*states, False)
            if move.search([*domain, ('exact_state', '=', state)])
        ]
        groups = move._read_group(domain, ['exact_state'], ['__count'])
        self.assertEqual([(found[0], 1)], groups)
        [state] = found
        return state

    def test_lists_know_one_export_of_a_document(self):
        move = self.document('out_invoice', [(10, self.tax_21)])
        self.assertEqual(self.shown_as(move), 'not_exported')
        self.export(move)
        self.assertEqual(self.shown_as(move), 'verified')
        move.action_exact_undo()
        self.run_cron('ir_cron_exact_export')
        self.assertEqual(self.shown_as(move), 'undone')
        self.export(move)
        self.assertEqual(self.shown_as(move), 'verified')
        move.action_exact_undo()
        self.run_cron('ir_cron_exact_export')
        first, second = move.exact_export_ids.sudo().sorted('id')
        self.assertEqual((first.is_latest, second.is_latest), (False, True))
        first.display_state = 'deleted'  # to tell it from the other
        second.unlink()
        self.assertEqual(self.shown_as(move), 'deleted')
        first.unlink()
        self.assertEqual(self.shown_as(move), 'not_exported')
        move.button_draft()
        self.assertFalse(self.shown_as(move))

    def test_a_verified_document_tells_what_blocks(self):
        move = self.document('out_invoice', [(10, self.tax_21)])
        export = self.export(move)
        self.control('process_entry', entry=export.exact_guid)
        move.action_exact_undo()
        self.run_cron('ir_cron_exact_export')
        other = self.document('out_invoice', [(20, self.tax_21)])
        self.export(other)
        told, silent = self.columns(move | other)
        self.assertEqual(told['exact_state'], 'verified')
        self.assertEqual(told['exact_message'], export.finding_ids.filtered(
            lambda finding: finding.severity == 'blocks',
        )[:1].message)
        self.assertTrue(told['exact_message'])
        self.assertFalse(silent['exact_message'])
