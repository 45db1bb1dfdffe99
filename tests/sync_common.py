import uuid

from odoo import fields

from odoo.addons.account_exact.models.master import exact_sync_resources

from .common import DIVISION, ExactTransactionCase

RESOURCES = {resource.key: resource for resource in exact_sync_resources.RESOURCES}
TABLES = {
    'gl_account': 'GLAccounts',
    'journal': 'Journals',
    'vat_code': 'VATCodes',
    'payment_condition': 'PaymentConditions',
    'cost_center': 'Costcenters',
    'cost_unit': 'Costunits',
    'project': 'Projects',
    'item': 'Items',
    'relation': 'Accounts',
    'relation_bank': 'BankAccounts',
    'period': 'FinancialPeriods',
}


class SyncCase(ExactTransactionCase):
    """A company that is linked to an administration; helpers to read it and to change it."""

    simulator_switches = {'rate_limits': False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env['res.company'].create({
            'name': "Mirror B.V.", 'currency_id': cls.env.ref('base.EUR').id,
        })
        cls.connection = cls.create_connection(cls.company)
        cls.connect(cls.connection)
        cls.division = cls.create_division(cls.connection, cls.company)

    def setUp(self):
        super().setUp()
        self.store = self.simulator.store
        self.seen = self._last_call()

    # === HELPERS === #

    def _last_call(self):
        return self.store.query('SELECT COALESCE(MAX(id), 0) FROM call')[0][0]

    def _calls(self):
        """Resources called since the last time, in order."""
        rows = self.store.query('SELECT id, resource FROM call WHERE id > ? ORDER BY id', self.seen)
        if rows:
            self.seen = rows[-1][0]
        return [resource for _id, resource in rows]

    def _run(self):
        result = self.env.ref('account_exact.ir_cron_sync').method_direct_trigger()
        self.assertIs(result, True, result)
        self.env.invalidate_all()

    def _first_sync(self):
        self.division._start_sync()
        self._run()
        self.assertEqual(set(self.division.cursor_ids.mapped('state')), {'done'}, self._messages())
        self._calls()

    def _refresh(self, *keys):
        """Read the given resources again, or all."""
        if keys:
            self._cursor(*keys).next_at = fields.Datetime.now()
        else:
            self.division._start_sync()
        self._run()

    def _messages(self):
        return [(c.resource, c.state, c.message) for c in self.division.cursor_ids]

    def _cursor(self, *keys):
        return self.division.cursor_ids.filtered(lambda cursor: cursor.resource in keys)

    def _mirror(self, key):
        return (
            self.env[RESOURCES[key].model]
            .with_context(active_test=False)
            .search(
                [('division_id', '=', self.division.id)],
            )
        )

    def _put(self, key, like=None, **values):
        """Let Exact have one more record, like an existing one."""
        table = TABLES[key]
        rows = self.store.all(table, DIVISION)
        row = {name: value for name, value in (like or rows[0]).items() if name != '_key'}
        return self.store.put(table, DIVISION, {**row, 'ID': str(uuid.uuid4()), **values})

    def _record(self, key, row):
        return self._mirror(key).filtered(lambda record: record.exact_guid == row['ID'])
