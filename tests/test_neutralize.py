from datetime import datetime, timezone

from odoo.modules import neutralize
from odoo.tests import TransactionCase, tagged

from odoo.addons.account_exact.exact_api import Tokens


@tagged('post_install', '-at_install')
class TestNeutralize(TransactionCase):

    def test_a_copied_database_loses_its_connections(self):
        """Two databases with one token chain end it for both."""
        connection = self.env['exact.connection'].create({
            'site': 'nl', 'client_id': 'an-app', 'client_secret': 'a-secret',
        })
        connection._consented(Tokens('access', 'refresh', datetime.now(timezone.utc)))
        draft = self.env['exact.connection'].create({'site': 'be'})
        division = self.env['exact.division'].create({
            'connection_id': connection.id, 'code': 1, 'name': "Books",
        })
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
