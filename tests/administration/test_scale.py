from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.exact_api import wire
from odoo.addons.account_exact.models.export import exact_export_send

from ..common import CLIENT_ID, DIVISION, clone_rows
from ..export_common import ExactExportCase
from ..token_common import TOKEN_LOGGER

COUNT = 100
FIRST = 2000001
ENTRIES = 'salesentry/SalesEntries'


@tagged('post_install', '-at_install')
class TestScale(ExactExportCase):
    """A hundred administrations of a hundred companies in one database."""

    numbers = count(1)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.move = cls.document('out_invoice', [(100, cls.tax_21)])
        cls.sample = cls.export(cls.move)
        cls.accounts = cls.env['exact.gl.account'].search([('division_id', '=', cls.division.id)])
        cls.companies = clone_rows(cls.env, 'res_company', cls.company.id, [
            {'name': f"Company {number}", 'partner_id': partner.id}
            for number, partner in enumerate(cls.env['res.partner'].create([
                {'name': f"Company {number}"} for number in range(COUNT)
            ]))
        ])
        cls.divisions = cls.env['exact.division'].sudo()
        for number, company_id in enumerate(cls.companies):
            code = FIRST + number
            cls.simulator.control.run('add_division', {'code': code})
            cls.divisions |= cls.create_division(
                cls.connection, cls.env['res.company'].browse(company_id), code=code,
                send_documents=False,
            )

    def setUp(self):
        super().setUp()
        # What was exported for all tests is no matter of theirs: no look at it is due.
        self.env['exact.export.queue'].sudo().search([]).looked_until = False
        # As for the one administration: the books would outlive a test.
        for division in self.divisions:
            for entry in self.simulator.entries(division.code):
                self.simulator.control.run('delete_entry', {
                    'division': division.code, 'entry': entry['EntryID'],
                })

    def exports(self, divisions):
        """A checked document of each administration, ready to be sent.

        :param divisions: one that comes several times gets several documents
        """
        store = self.simulator.store
        names = [f"S/{division.code}/{next(self.numbers)}" for division in divisions]
        moves = clone_rows(self.env, 'account_move', self.move.id, [
            {'company_id': division.company_id.id, 'name': name}
            for division, name in zip(divisions, names, strict=True)
        ])
        moves_sudo = self.env['account.move'].sudo()
        values, booking = [], self.sample.booking
        for division, move_id, name in zip(divisions, moves, names, strict=True):
            def there(kind, guid, code=division.code):
                """What has the same code in the other administration."""
                row = store.get(kind, DIVISION, guid)
                return store.one(kind, code, 'Code', row['Code'])['ID']

            relation = self.simulator.control.run('add_record', {
                'table': 'Accounts', 'division': division.code,
                'values': {'Name': "De Vries", 'Status': 'C'},
            })['ID']
            values.append({
                'move_id': move_id, 'division_id': division.id, 'kind': 'sale', 'state': 'ready',
                'name': name, 'reference': name,
                'document_written_at': moves_sudo.browse(move_id).write_date,
                'booking': {
                    **booking, 'division': division.code, 'relation': relation, 'your_ref': name,
                    'lines': [
                        {**line, 'gl_account': there('GLAccounts', line['gl_account'])}
                        for line in booking['lines']
                    ],
                },
            })
        known = self.env['exact.gl.account'].sudo().search([]).division_id
        self.env['exact.gl.account'].sudo().create([
            {
                'division_id': division.id, 'code': account.code, 'name': account.name,
                'gl_type': account.gl_type, 'exact_guid': row['ID'],
            }
            for division in dict.fromkeys(divisions)
            if division not in known
            for account in self.accounts.filtered(lambda one: one.gl_type in (20, 22, 24))
            if (row := store.one('GLAccounts', division.code, 'Code', wire.as_text(account.code)))
        ])
        return self.env['exact.export'].sudo().create(values)

    def run_lanes(self, runs=2):
        """Runs of the scheduled action, as the scheduler does them: each serves who is due."""
        for _run in range(runs):
            self.env.flush_all()
            with self.registry.cursor() as cr:
                api.Environment(cr, SUPERUSER_ID, {})['exact.export']._cron_process()
            self.env.invalidate_all()

    def entries(self):
        """What Exact has in all of these administrations."""
        return [
            row for division in self.divisions
            for row in self.simulator.store.all('SalesEntries', division.code)
        ]

    # === NOBODY WAITS FOR ANOTHER === #

    def test_one_division_in_trouble_delays_no_other(self):
        divisions = self.divisions[:30]
        exports = self.exports(divisions)
        outage, limited, slow = divisions[5], divisions[10], divisions[15]
        self.simulator.faults.add('status', division=outage.code, status=503, times=None)
        self.simulator.faults.add('cut_before', division=slow.code, times=None)
        self.addCleanup(self.simulator.faults.clear)
        # One that has used up its calls of the day
        switches = {'rate_limits': True, 'minute_limit': 10_000, 'day_limit': 200}
        self.addCleanup(self.simulator.switches.update, {
            name: self.simulator.switches[name] for name in switches
        })
        self.simulator.switches.update(switches)
        for _call in range(200):
            self.simulator.limits.check(CLIENT_ID, limited.code)
        # One whose consent was taken away a moment ago, and one that has to connect again
        revoked, gone = divisions[20], divisions[25]
        for division in (revoked, gone):
            division.connection_id = self.create_connection(self.company, name="Somebody who left")
            self.connect(division.connection_id)
        self.simulator.control.run('revoke_access', {'client_id': CLIENT_ID})
        self.connect(self.connection)
        gone.connection_id.sudo().state = 'reconnect'

        with mute_logger(TOKEN_LOGGER):
            self.run_lanes()
        troubled = outage | limited | slow | revoked | gone
        waiting = exports.filtered(lambda export: export.division_id in troubled)
        self.assertEqual(
            set((exports - waiting).mapped('state')), {'verified'},
            (exports - waiting).finding_ids.mapped('message'),
        )
        self.assertLessEqual(set(waiting.mapped('state')), {'ready', 'uncertain'})
        self.assertEqual(len(self.entries()), len(divisions) - len(troubled))
        # What is asked for while some are in trouble waits for nobody's pause
        for other in (divisions[6], divisions[29]):
            export = self.exports(other)
            self.run_lanes(1)
            self.assertEqual(export.state, 'verified', export.finding_ids.mapped('message'))
        self.assertLessEqual(set(waiting.mapped('state')), {'ready', 'uncertain'})

        # Each goes on when its own trouble is over
        self.simulator.faults.clear()
        for division in (revoked, gone):
            self.connect(division.connection_id)
        later = fields.Datetime.now() + timedelta(minutes=5)
        with patch.object(fields.Datetime, 'now', lambda: later):
            self.run_lanes()
        still = waiting.filtered(lambda export: export.state != 'verified')
        self.assertEqual(still.division_id, limited)
        self.assertEqual(len(self.entries()), len(divisions) + 2 - 1, "each once")
        midnight = fields.Datetime.now().replace(hour=0, minute=0, second=0) + timedelta(days=1)
        self.assertAlmostEqual(
            self.env['exact.export'].next_moment(limited), midnight, delta=timedelta(minutes=1),
        )

    def test_a_long_queue_leaves_the_others_their_turn(self):
        """After a minute, though nobody stops the run: one that a person started never ends."""
        long, *others = self.divisions[:3]
        exports = self.exports([long] * 10 + others)
        start = self.simulator.store.query('SELECT MAX(id) FROM call')[0][0]

        def sent():
            """Whose documents were sent, one after the other."""
            return [row[0] for row in self.simulator.store.query(
                "SELECT division FROM call WHERE method = 'POST' AND resource = ? AND id > ?"
                " ORDER BY id", ENTRIES, start,
            )]

        # A document takes twenty seconds
        clock = SimpleNamespace(monotonic=lambda: 20 * len(sent()))
        with patch.object(exact_export_send, 'time', clock):
            self.run_lanes(1)
            self.assertEqual(sent(), [long.code] * 4 + [other.code for other in others])
            self.run_lanes(1)
            self.assertEqual(sent()[6:], [long.code] * 4)
            self.run_lanes(2)
        self.assertEqual(sent()[10:], [long.code] * 2)
        self.assertEqual(set(exports.mapped('state')), {'verified'})

    def test_who_waited_longest_is_served_first(self):
        self.exports(self.divisions)
        served = []
        exports = self.env['exact.export'].sudo()

        def turn(_exports, division):
            served.append(division)
            queue = exports.env['exact.export.queue'].of(division)
            queue.served_at = start + timedelta(seconds=len(served))
            queue.flush_recordset()

        start = fields.Datetime.now()
        seconds = iter([9] + [9] * 39 + [0] + [9] * 200)
        with (
            patch.object(self.registry['exact.export.turn'], 'serve', turn),
            patch.object(
                self.registry['ir.cron'], '_commit_progress',
                lambda *args, **kwargs: next(seconds),
            ),
        ):
            exports._cron_process()
            self.assertEqual(len(served), 40, "the time of the run was over")
            exports._cron_process()
        self.assertEqual(len(served), 140)
        self.assertEqual(
            set(served[40:100]), set(self.divisions) - set(served[:40]),
            "the others come first now",
        )
        self.assertEqual(served[100:], served[:40])

    # === WHO HAS NOTHING TO DO COSTS NOTHING === #

    def test_idle_divisions_cost_no_queries(self):
        """The same for ten administrations as for a hundred."""
        counts = []
        for divisions in (self.divisions[:10], self.divisions[10:]):
            self.exports(divisions).state = 'verified'
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            with patch.object(self.registry['ir.cron'], '_commit_progress', lambda *a, **kw: 9):
                self.env['exact.export'].sudo()._cron_process()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts, [1, 1])
