from datetime import datetime, timezone

from odoo.modules import neutralize
from odoo.tests import TransactionCase, tagged

from odoo.addons.account_exact.exact_api import Tokens

from ..common import ExactSimulatorMixin


@tagged('post_install', '-at_install')
class TestNeutralize(ExactSimulatorMixin, TransactionCase):

    def test_a_copied_database_loses_its_connections(self):
        """Two databases with one token chain end it for both."""
        connection = self.env['exact.connection'].create({
            'site': 'nl', 'client_id': 'an-app', 'client_secret': 'a-secret',
        })
        connection._consented(Tokens('access', 'refresh', datetime.now(timezone.utc)))
        draft = self.env['exact.connection'].create({'site': 'be'})
        division = self.create_division(connection, self.env.company, code=1)
        free = self.create_division(connection, code=2)
        self.env.flush_all()
        for query in neutralize.get_neutralization_queries(['account_exact']):
            self.env.cr.execute(query)
        self.env.invalidate_all()

        self.env.cr.execute(
            "SELECT count(*) FROM exact_token UNION SELECT count(*) FROM exact_token_refresh",
        )
        self.assertEqual(self.env.cr.fetchall(), [(0,)])
        self.assertEqual(connection.state, 'disconnected')
        self.assertFalse(connection.has_client_secret)
        self.assertIn("copy", connection.state_reason)
        self.assertEqual(draft.state, 'draft')
        self.assertTrue(division.exists(), "mappings and history stay")
        # What waits in the copy is the original's to send, even if somebody connects it again.
        self.assertTrue(division.hold)
        self.assertEqual(division.hold_reason, 'neutralized')
        # Nothing waits for who has no company: linking it later is a decision, not a mistake.
        self.assertEqual((free.hold, free.hold_reason), (False, False))
