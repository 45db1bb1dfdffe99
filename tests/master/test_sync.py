import uuid
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.exact_api import MalformedAnswer, RateLimited
from odoo.addons.account_exact.models.master import exact_sync, exact_sync_engine
from odoo.addons.account_exact.models.master.exact_sync_resource import (
    AMSTERDAM,
    TIMESTAMP,
    modified_since,
)
from odoo.addons.account_exact.tests.common import DIVISION
from odoo.addons.account_exact.tests.sync_common import RESOURCES, TABLES, SyncCase


@tagged('post_install', '-at_install')
class TestSync(SyncCase):
    """Master data comes in by itself, completely, and stays right."""

    # === FIRST READING === #

    def test_everything_is_mirrored(self):
        self._first_sync()
        self.assertEqual(self.division.sync_state, 'done')
        self.assertEqual(self.division.sync_progress, 100)
        for key, table in TABLES.items():
            with self.subTest(resource=key):
                guids = {row['ID'] for row in self.store.all(table, DIVISION)}
                self.assertEqual(set(self._mirror(key).mapped('exact_guid')), guids)
                self.assertEqual(self._cursor(key).row_count, len(guids))
        self._calls()
        self.assertTrue(
            self.env['exact.journal.period'].search_count(
                [('division_id', '=', self.division.id)],
            )
        )

    def test_values_are_right(self):
        self._first_sync()
        vat_codes = {row['ID']: row for row in self.store.all('VATCodes', DIVISION)}
        for code in self._mirror('vat_code'):
            row = vat_codes[code.exact_guid]
            self.assertEqual(code.code, row['Code'].strip())
            self.assertAlmostEqual(code.percentage, row['Percentage'] * 100, 4)
            self.assertEqual(code.vat_type, row['Type'])
        relations = {row['ID']: row for row in self.store.all('Accounts', DIVISION)}
        for relation in self._mirror('relation'):
            row = relations[relation.exact_guid]
            self.assertEqual(relation.code, row['Code'].strip())
            self.assertEqual(relation.is_customer, row['Status'] == 'C')
        for bank in self._mirror('relation_bank'):
            self.assertEqual(bank.relation_id.exact_guid, bank.relation_guid)
        for period in self._mirror('period'):
            self.assertTrue(period.start_date <= period.end_date)

    def test_linking_a_company_starts_it(self):
        division = self.create_division(self.connection, code=7654321)
        company = self.env['res.company'].create(
            {'name': "Second", 'currency_id': division.currency_id.id}
        )
        division.company_id = company
        self.assertEqual(set(division.cursor_ids.mapped('resource')), set(RESOURCES))
        self.assertEqual(division.sync_state, 'running')
        self.assertFalse(self._calls(), "linking waits for Exact")

    def test_only_linked_divisions_are_read(self):
        free = self.create_division(self.connection, code=7654321)
        self._first_sync()
        self.assertFalse(free.cursor_ids)

    # === CHANGES === #

    def test_nothing_changed_is_one_call_per_resource(self):
        self._first_sync()
        delta = [r for r in RESOURCES.values() if r.how == TIMESTAMP]
        for cursor in self.division.cursor_ids:
            if RESOURCES[cursor.resource] in delta:
                cursor.next_at = fields.Datetime.now()
        self._run()
        self.assertEqual(sorted(self._calls()), sorted(r.endpoint for r in delta))

    def test_nothing_is_due_is_no_call(self):
        self._first_sync()
        self._run()
        self.assertFalse(self._calls())

    def test_nothing_changed_is_nothing_written(self):
        self._first_sync()
        before = {key: self._mirror(key).mapped('write_date') for key in TABLES}
        writes = []
        write = type(self.env['exact.gl.account']).write
        with patch.object(
            type(self.env['exact.gl.account']),
            'write',
            lambda records, vals: writes.append(vals) or write(records, vals),
        ):
            self._refresh()
        self.assertFalse(writes)
        self.assertEqual({key: self._mirror(key).mapped('write_date') for key in TABLES}, before)
        self.assertEqual(set(self.division.cursor_ids.mapped('has_changes')), {False})

    def test_new_and_changed_codes_come_in(self):
        self._first_sync()
        account = self._put('gl_account', Code='8999', Description='Sundry')
        journal = self._put('journal', Code='79', Description='New journal', IsBlocked=True)
        self._refresh('gl_account', 'journal')
        self.assertEqual(self._record('gl_account', account).name, 'Sundry')
        self.assertTrue(self._record('journal', journal).is_blocked)
        self.store.put(
            'GLAccounts', DIVISION, {**account, 'Description': 'Other', 'IsBlocked': True}
        )
        self._refresh('gl_account', 'journal')
        record = self._record('gl_account', account)
        self.assertEqual((record.name, record.is_blocked, record.active), ('Other', True, True))

    def test_timestamps_beyond_what_a_float_holds(self):
        self._first_sync()
        self.store.last_stamp = 2**60 + 1
        self._put('gl_account', Code='8998')
        self._refresh('gl_account')
        self.assertEqual(self._cursor('gl_account').position, str(self.store.last_stamp))
        self._put('gl_account', Code='8997')
        self._refresh('gl_account')
        self.assertIn('8997', self._mirror('gl_account').mapped('code'))

    def test_new_bank_accounts_by_modified(self):
        self._first_sync()
        self.assertFalse(self._cursor('relation_bank').is_full)
        relation = self.store.all('Accounts', DIVISION)[0]
        modified = (
            datetime.now(tz=AMSTERDAM)
            .replace(tzinfo=None)
            .isoformat(timespec='milliseconds')
        )
        row = self._put(
            'relation_bank',
            Account=relation['ID'],
            BankAccount='NL02ABNA0123456789',
            IBAN='NL02ABNA0123456789',
            Modified=modified,
        )
        self._refresh('relation_bank')
        bank = self._record('relation_bank', row)
        self.assertEqual(bank.relation_id.exact_guid, relation['ID'])
        self.assertEqual(bank.iban_key, 'NL02ABNA0123456789')

    def test_bank_account_before_its_relation(self):
        """Read between two pages: the relation comes in with the next delta, and gets it."""
        self._first_sync()
        relation = self._put('relation', Code='99998', Name='Late')
        orphan = self.env['exact.relation.bank'].create(
            {
                'division_id': self.division.id,
                'exact_guid': 'orphan',
                'relation_guid': relation['ID'],
            }
        )
        self._refresh('relation')
        self.assertEqual(orphan.relation_id.name, 'Late')

    # === DELETIONS === #

    def test_deleted_is_archived_and_comes_back(self):
        self._first_sync()
        row = self._put('gl_account', Code='8996')
        self._refresh('deleted', 'gl_account')
        record = self._record('gl_account', row)
        with self.division.client() as client:
            client.delete('financial/GLAccounts', row['ID'])
        self._refresh('deleted', 'gl_account')
        self.assertFalse(record.active)
        self.store.put(
            'GLAccounts', DIVISION, {name: v for name, v in row.items() if name != '_key'}
        )
        self._refresh('deleted', 'gl_account')
        self.assertTrue(record.active)
        self.assertEqual(
            self._record('gl_account', row), record, "the same record, so mappings live on"
        )

    def test_archiving_reaches_stored_computes(self):
        """Archiving goes through the ORM: what depends on `active` is computed anew."""
        self._first_sync()
        row = self._put('gl_account', Code='8995')
        self._refresh('deleted', 'gl_account')
        seen = []
        write = type(self.env['exact.gl.account']).write
        with patch.object(
            type(self.env['exact.gl.account']),
            'write',
            lambda records, vals: seen.append((records.ids, vals)) or write(records, vals),
        ):
            with self.division.client() as client:
                client.delete('financial/GLAccounts', row['ID'])
            self._refresh('deleted', 'gl_account')
        self.assertIn((self._record('gl_account', row).ids, {'active': False}), seen)

    def test_relation_takes_its_bank_accounts_along(self):
        self._first_sync()
        relation = self._put('relation', Code='99997', Name='Gone')
        self._refresh('relation')
        record = self._record('relation', relation)
        bank = self.env['exact.relation.bank'].create(
            {
                'division_id': self.division.id,
                'exact_guid': 'bank',
                'relation_id': record.id,
            }
        )
        self.division.on_deleted(2, [relation['ID']])
        self.assertFalse(record.active or bank.active)
        self.store.put('Accounts', DIVISION, relation)
        self._refresh('relation')
        self.assertTrue(record.active and bank.active)

    def test_absent_is_archived_where_deletions_are_not_told(self):
        self._first_sync()
        row = self._put('cost_center', Code='TEMP')
        self._refresh('cost_center')
        record = self._record('cost_center', row)
        self.assertTrue(record.active)
        self.store.drop('Costcenters', DIVISION, row['_key'])
        self._refresh('cost_center')
        self.assertFalse(record.active)

    def test_nothing_is_absent_before_everything_was_read(self):
        self._first_sync()
        rows = [self._put('cost_center', Code=f'C{number:03}') for number in range(130)]
        self._refresh('cost_center')
        gone = sorted(rows, key=lambda row: row['ID'])[-1]
        self.store.drop('Costcenters', DIVISION, gone['_key'])
        record = self._record('cost_center', gone)
        with patch.object(type(self.division), '_sync_commit', lambda *args: None):
            self._one_page('cost_center')
            self.assertTrue(self._cursor('cost_center').is_full)
            self.assertTrue(record.active)
            pages = 1
            while self._cursor('cost_center').is_full and pages < 10:
                self._one_page('cost_center')
                pages += 1
        self.assertGreater(pages, 2)
        self.assertEqual(self._mirror('cost_center').filtered(lambda r: not r.active), record)
        for row in rows:
            self.store.drop('Costcenters', DIVISION, row['_key'])

    # === HOW OFTEN === #

    def _next_after(self, key, **values):
        """How soon a resource is read again, of which that is known."""
        cursor = self._cursor(key)
        cursor.write(values)
        self._refresh(key)
        return cursor.next_at - cursor.last_success_at

    def test_what_had_no_change_for_days_is_read_less_often(self):
        self._first_sync()
        now, every = fields.Datetime.now(), RESOURCES['cost_center'].every
        self.assertEqual(self._next_after('cost_center'), every)
        long_ago = now - timedelta(days=4)
        self.assertEqual(self._next_after('cost_center', changed_at=long_ago), every * 4)
        # Exact tells of changes itself, by what it is notified of.
        hinted = self._next_after('cost_center', changed_at=long_ago, hinted_at=now)
        self.assertEqual(hinted, timedelta(hours=23))
        self.assertEqual(
            self._next_after('cost_center', hinted_at=now - timedelta(days=8)), every * 4,
        )
        # A change, and it is read as often as before.
        row = self._put('cost_center', Code='QUIET')
        self.assertEqual(self._next_after('cost_center'), every)
        self.store.drop('Costcenters', DIVISION, row['_key'])
        # With the deletions, the journals are looked through: never less often.
        self.assertEqual(
            self._next_after('deleted', changed_at=long_ago), RESOURCES['deleted'].every,
        )

    def test_a_notification_is_kept(self):
        self._first_sync()
        cursor = self._cursor('gl_account')
        self.assertFalse(cursor.hinted_at)
        self.division.wake_sync('GLAccounts', 'Update')
        self.assertTrue(cursor.hinted_at)

    def test_nothing_due_is_one_query_however_many_administrations(self):
        self._first_sync()
        others = self.env['exact.division'].union(*(
            self.create_division(self.connection, self.env['res.company'].create({
                'name': f"Mirror {number} B.V.", 'currency_id': self.env.ref('base.EUR').id,
            }), DIVISION + number)
            for number in range(1, 4)
        ))
        later = fields.Datetime.now() + timedelta(hours=1)
        others._sync_cursors().write({'next_at': later, 'state': 'done', 'has_changes': False})
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertQueryCount(1):
            self.env['exact.division']._cron_sync()
        self.assertFalse(self._calls())
        # What is due of one is read, nothing of the others.
        others[1].cursor_ids.filtered(
            lambda cursor: cursor.resource == 'cost_center',
        ).next_at = fields.Datetime.now()
        self.env.flush_all()
        self._run()
        self.assertEqual(len(self._calls()), 1)

    # === INTERRUPTIONS === #

    def _one_page(self, key):
        """Read one page of a resource, as a run that has no time for more."""
        self._cursor(key).next_at = fields.Datetime.now()
        with self.division.client(priority='master') as client:
            self.division._sync_resource(client, self._cursor(key), deadline=0)

    def test_reading_by_key_goes_on_where_it_was(self):
        rows = [self._put('cost_center', Code=f'D{number:03}') for number in range(130)]
        total = len(self.store.all('Costcenters', DIVISION))
        self.division._sync_cursors()
        with patch.object(type(self.division), '_sync_commit', lambda *args: None):
            self._one_page('cost_center')
            self.assertEqual(len(self._mirror('cost_center')), 60)
            self.assertEqual(self._cursor('cost_center').state, 'running')
            self.assertFalse(self._cursor('cost_center').is_complete)
            self._one_page('cost_center')
            self._one_page('cost_center')
            self.assertEqual(len(self._mirror('cost_center')), total)
        calls = self._calls()
        self.assertEqual(calls, ['hrm/Costcenters'] * 3, "pages are not read twice")
        for row in rows:
            self.store.drop('Costcenters', DIVISION, row['_key'])

    def test_first_reading_by_timestamp_goes_on_where_it_was(self):
        template = self.store.all('Items', DIVISION)[0]
        with self.store.transaction():
            rows = [self._put('item', like=template, Code=f'I{number}') for number in range(1005)]
        total = len(self.store.all('Items', DIVISION))
        self.division._sync_cursors()
        with patch.object(type(self.division), '_sync_commit', lambda *args: None):
            self._one_page('item')
            self.assertEqual(len(self._mirror('item')), 1000)
            self.assertFalse(self._cursor('item').is_complete)
            run = self._cursor('item').run
            self._one_page('item')
        self.assertEqual(len(self._mirror('item')), total)
        self.assertEqual(self._cursor('item').run, run, "one reading, not two")
        with self.store.transaction():
            for row in rows:
                self.store.drop('Items', DIVISION, row['_key'])

    def test_cursor_moves_only_with_its_page(self):
        """A page that cannot be written is read again."""
        self._first_sync()
        row = self._put('gl_account', Code='8994')
        position = self._cursor('gl_account').position
        with (
            patch.object(
                type(self.division),
                'upsert',
                side_effect=MalformedAnswer("broken"),
            ),
            self.assertNoLogs('odoo.addons.account_exact', 'WARNING'),
        ):
            self._refresh('gl_account')
        cursor = self._cursor('gl_account')
        self.assertEqual((cursor.position, cursor.state), (position, 'error'))
        self.assertTrue(cursor.message)
        self.assertGreater(cursor.next_at, fields.Datetime.now())
        self._refresh('gl_account')
        self.assertEqual(self._record('gl_account', row).code, '8994')

    def test_nobody_comes_too_early(self):
        """A moment within a second is not cut off: the next full one counts."""
        self._first_sync()
        self._put('gl_account', Code='8994')
        open_at = (fields.Datetime.now() + timedelta(minutes=1)).replace(microsecond=250_000)
        limited = RateLimited(
            "limited", scope='minute', retry_at=open_at.replace(tzinfo=timezone.utc),
        )
        with patch.object(type(self.division), 'upsert', side_effect=limited):
            self._refresh('gl_account')
        cursor = self._cursor('gl_account')
        self.assertEqual(cursor.state, 'waiting')
        self.assertEqual(
            cursor.next_at, open_at.replace(microsecond=0) + timedelta(seconds=1),
        )

    def test_malformed_rows_are_named(self):
        resource = RESOURCES['gl_account']
        cursor = self.env['exact.cursor'].create(
            {'division_id': self.division.id, 'resource': resource.key}
        )
        with self.assertRaises(MalformedAnswer):
            self.division.upsert(resource, cursor, [{'ID': 'x'}], None)

    # === MOVED === #

    def test_moved_division_is_read_anew(self):
        self._first_sync()
        ghost = self.env['exact.gl.account'].create(
            {
                'division_id': self.division.id,
                'exact_guid': 'ghost',
                'code': 'GHOST',
            }
        )
        self.env.cr.execute(
            "UPDATE exact_gl_account SET create_date = '2026-01-01' WHERE id = %s",
            [ghost.id],
        )
        division = self.store.get('Divisions', 0, str(DIVISION))
        self.store.put('Divisions', 0, {**division, 'DivisionMoveDate': '2026-03-01T03:00:00.000'})
        # After a move the counters start anew
        self._cursor('gl_account').position = str(2**50)
        self._refresh()
        self.assertTrue(self.division.move_date)
        self.assertEqual(set(self.division.cursor_ids.mapped('state')), {'done'}, self._messages())
        self.assertFalse(ghost.active, "not seen in the complete reading")
        self.assertLess(int(self._cursor('gl_account').position), 2**50)
        self._calls()
        self._run()
        self.assertFalse(self._calls(), "the same date starts nothing again")
        self.store.put('Divisions', 0, {**division, 'DivisionMoveDate': None})

    def test_linked_to_hr_is_read_anew(self):
        self._first_sync()
        self.division.hr_link_date = '2026-01-01 10:00:00'
        self.assertEqual(set(self.division.cursor_ids.mapped('is_complete')), {False})
        self.assertEqual(self.division.sync_state, 'running')

    def test_made_here_meanwhile_is_not_absent(self):
        """A relation that an export created after its page was read stays."""
        self._first_sync()
        self.division.reset_sync()
        relation = self.env['exact.relation'].create(
            {
                'division_id': self.division.id,
                'exact_guid': 'made-here',
                'code': '99996',
            }
        )
        self._run()
        self.assertTrue(relation.active)

    def test_made_here_in_the_same_moment(self):
        """An export's row comes between our look and ours: the page is written over it."""
        self._first_sync()
        row = self._put('relation', Code='             99997')
        relations = self.env.registry['exact.relation']
        create, made = relations.create, []

        def export_first(model, vals_list):
            if not made:
                made.append(create(model, [
                    {'division_id': self.division.id, 'exact_guid': row['ID'], 'name': "Made Here"},
                ]))
                model.env['exact.export'].commit_half()
            return create(model, vals_list)

        with patch.object(relations, 'create', export_first), mute_logger('odoo.sql_db'):
            self._refresh('relation')
        cursor = self._cursor('relation')
        self.assertEqual((cursor.state, cursor.failure_count), ('done', 0), self._messages())
        self.assertEqual(self._record('relation', row).code, '99997', "what Exact says is kept")
        self.assertEqual(self._calls(), ['sync/CRM/Accounts'], "the page is not read again")

    # === ERRORS === #

    def _consent_without(self, scope):
        """The app may do everything but this."""
        switches = self.simulator.switches
        self.addCleanup(setattr, switches, 'scopes', switches.scopes)
        switches.scopes = sorted({
            'Crm accounts',
            'Financial accounting',
            'Financial generalledgers',
            'Financial cashflow',
            'Financial costcenters',
            'Financial currencies',
            'Logistics items',
            'Organization administration',
            'Projects projects',
        } - {scope})

    def test_missing_scope_is_skipped_and_said(self):
        self._consent_without('Logistics items')
        self.division._start_sync()
        self._run()
        cursor = self._cursor('item')
        self.assertEqual(cursor.state, 'skipped')
        self.assertIn('logistics', cursor.message.lower())
        others = self.division.cursor_ids - cursor
        self.assertEqual(set(others.mapped('state')), {'done'}, self._messages())
        self.assertEqual(self.division.sync_progress, 100)
        self._calls()
        self._run()
        self.assertFalse(self._calls(), "not asked again at once")
        self.simulator.switches.scopes = None
        self._refresh()
        self.assertEqual(cursor.state, 'done')

    def test_bank_accounts_wait_for_relations(self):
        self._consent_without('Crm accounts')
        self.division._start_sync()
        self._run()
        both = self._cursor('relation', 'relation_bank')
        self.assertEqual(set(both.mapped('state')), {'skipped'})
        self.assertNotIn('crm/BankAccounts', self._calls(), "a refusal is not asked for twice")
        self.simulator.switches.scopes = None
        self._refresh()
        self.assertEqual(set(both.mapped('state')), {'done'})

    def test_used_up_budget_waits_and_goes_on(self):
        triggers = self.env['ir.cron.trigger']
        cron = self.env.ref('account_exact.ir_cron_sync')
        switches = self.simulator.switches
        self.addCleanup(
            switches.update, {'rate_limits': False, 'minute_limit': switches.minute_limit}
        )
        # Six of a minute's calls are left to those who matter more
        switches.update({'rate_limits': True, 'minute_limit': 13})
        self.division._start_sync()
        self._run()
        waiting = self.division.cursor_ids.filtered(lambda c: c.state == 'waiting')
        self.assertTrue(waiting, self._messages())
        self.assertFalse(self.division.cursor_ids.filtered(lambda c: c.state == 'error'))
        limited = waiting.filtered('message')
        self.assertEqual(len(limited), 1)
        self.assertGreater(limited.next_at, fields.Datetime.now())
        self.assertTrue(
            triggers.search_count(
                [('cron_id', '=', cron.id), ('call_at', '>', fields.Datetime.now())]
            )
        )
        self._calls()
        self._run()
        self.assertFalse(self._calls(), "waits until Exact allows it")
        switches.rate_limits = False
        self.env.cr.execute('DELETE FROM exact_call')
        self._refresh()
        self.assertEqual(set(self.division.cursor_ids.mapped('state')), {'done'}, self._messages())

    def test_one_division_does_not_stop_the_other(self):
        company = self.env['res.company'].create(
            {'name': "Second", 'currency_id': self.company.currency_id.id}
        )
        # Sorted before the good one; Exact gives no access to it
        other = self.create_division(self.connection, company, code=1000)
        other._start_sync()
        self._first_sync()
        self.assertEqual(self.division.sync_state, 'done')
        self.assertEqual(other.sync_state, 'attention')
        self.assertTrue(other.cursor_ids.filtered('message'))
        self._run()
        self.assertFalse(self._calls(), "no storm of calls to a closed administration")

    def test_large_division_leaves_its_share_to_the_other(self):
        """A run is not long enough for both; each call takes minutes here."""
        other_company = self.env['res.company'].create(
            {'name': "Second", 'currency_id': self.company.currency_id.id}
        )
        other = self.create_division(self.connection, other_company, code=1234568)
        (self.division | other)._start_sync()
        clock = SimpleNamespace(monotonic=lambda: 240 * self._last_call())
        with (
            patch.object(exact_sync, 'time', clock),
            patch.object(exact_sync_engine, 'time', clock),
            patch.object(
                type(self.division), '_sync_deadline', lambda _divisions: clock.monotonic() + 2700,
            ),
        ):
            self.env.flush_all()
            with self.registry.cursor() as cr:
                api.Environment(cr, SUPERUSER_ID, {})['exact.division']._cron_sync()
            self.env.invalidate_all()
        calls = dict(self.store.query(
            'SELECT division, COUNT(*) FROM call WHERE id > ? GROUP BY division', self.seen,
        ))
        # That is time for eleven calls
        self.assertEqual(sorted(calls), [DIVISION, 1234568])
        self.assertGreaterEqual(min(calls.values()), 5)
        self.assertLessEqual(sum(calls.values()), 13)
        # What is left of both is still due, and comes with the next run
        self._run()
        self.assertEqual((self.division | other).mapped('sync_state'), ['done'] * 2)

    def test_administration_that_hangs_is_asked_once(self):
        """Each question costs a minute, and the others wait for all of them."""
        faults = self.simulator.faults
        self.addCleanup(faults.clear)
        self.division._start_sync()
        faults.add('cut_before', division=DIVISION, times=None)
        self._run()
        self.assertEqual(len(faults.fired), 1, faults.fired)
        now = fields.Datetime.now()
        self.assertTrue(all(cursor.next_at > now for cursor in self.division.cursor_ids))
        faults.clear()
        self._refresh()
        self.assertEqual(set(self.division.cursor_ids.mapped('state')), {'done'}, self._messages())

    def test_resource_that_hangs_keeps_no_other_from_being_read(self):
        self._first_sync()
        key = 'vat_code'
        self.simulator.faults.add(
            'cut_before', resource=f"^{RESOURCES[key].endpoint}$", times=None,
        )
        self.addCleanup(self.simulator.faults.clear)
        long_ago = fields.Datetime.now() - timedelta(days=1)
        self.division.cursor_ids.last_success_at = long_ago
        for _run in range(2):
            self._refresh()
        behind = self.division.cursor_ids.filtered(lambda c: c.last_success_at == long_ago)
        self.assertEqual(behind.mapped('resource'), [key])

    def test_what_failed_long_ago_is_read_in_its_turn(self):
        """Where the calls of the day end early, what comes last is never read."""
        self._first_sync()
        order = []
        read = type(self.division)._sync_resource

        def kept(division, client, cursor, deadline):
            order.append(cursor.resource)
            return read(division, client, cursor, deadline)

        deleted = self.division.cursor_ids.filtered(lambda c: c.resource == 'deleted')
        for hours, is_last in ((1, True), (13, False)):
            order.clear()
            deleted.sudo().write({
                'failure_count': 1,
                'failed_at': fields.Datetime.now() - timedelta(hours=hours),
            })
            self.env.flush_all()
            with patch.object(type(self.division), '_sync_resource', kept):
                self._refresh()
            self.assertEqual(order[-1] == 'deleted', is_last, order)

    def test_programming_error_does_not_stop_the_other(self):
        company = self.env['res.company'].create(
            {'name': "Second", 'currency_id': self.company.currency_id.id}
        )
        other = self.create_division(self.connection, company, code=1000)
        other._start_sync()
        sync = type(self.division)._sync

        def broken(division, deadline):
            if division.code == 1000:
                raise ZeroDivisionError
            return sync(division, deadline)

        with (
            patch.object(type(self.division), '_sync', broken),
            self.assertLogs('odoo.addons.account_exact.models.master.exact_sync', 'ERROR'),
        ):
            self._first_sync()
        self.assertEqual(self.division.sync_state, 'done')

    def test_not_connected_is_not_asked(self):
        self.division._start_sync()
        self.connection.state = 'reconnect'
        self._run()
        self.assertFalse(self._calls())

    # === PEOPLE === #

    def test_refresh_asks_exact_later(self):
        self._first_sync()
        user = new_test_user(
            self.env,
            'exact_invoicing',
            groups='account.group_account_invoice',
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        action = self.division.with_user(user).action_refresh()
        self.assertEqual(action['tag'], 'display_notification')
        self.assertFalse(self._calls(), "no call while a person waits")
        self.assertEqual(set(self.division.cursor_ids.mapped('state')), {'waiting'})
        self.assertEqual(self.division.sync_progress, 100, "complete stays complete")

    def test_refresh_is_for_invoicing_users(self):
        auditor = new_test_user(
            self.env,
            'exact_auditor',
            groups='account.group_account_readonly',
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        with self.assertRaises(AccessError):
            self.division.with_user(auditor).action_refresh()

    def test_refresh_needs_a_company(self):
        free = self.create_division(self.connection, code=7654321)
        with self.assertRaises(UserError):
            free.action_refresh()

    def test_cursors_of_another_company_are_invisible(self):
        self.division._sync_cursors()
        other = self.env['res.company'].create({'name': "Other"})
        user = new_test_user(
            self.env,
            'exact_other',
            groups='account.group_account_manager',
            company_id=other.id,
            company_ids=[(6, 0, other.ids)],
        )
        self.assertFalse(self.env['exact.cursor'].with_user(user).search([]))

    def test_after_sync_only_when_something_changed(self):
        calls = []
        with patch.object(
            type(self.division), '_after_sync', lambda division: calls.append(division.code)
        ):
            self._first_sync()
            self.assertEqual(calls, [DIVISION])
            self._refresh('gl_account', 'item')
            self.assertEqual(calls, [DIVISION])
            self._put('gl_account', Code='8993')
            self._refresh('gl_account', 'item')
            self.assertEqual(calls, [DIVISION, DIVISION])
            # The run before ended for lack of time, after its last page
            self._cursor('gl_account').has_changes = True
            self._run()
            self.assertEqual(calls, [DIVISION] * 3)
            self._run()
            self.assertEqual(calls, [DIVISION] * 3)

    # === SCALE === #

    def test_queries_of_a_page_do_not_grow(self):
        resource = RESOURCES['relation']
        cursor = self.env['exact.cursor'].create(
            {'division_id': self.division.id, 'resource': 'relation'}
        )

        def page(size, name):
            return [
                {
                    **dict.fromkeys(resource.select),
                    'ID': str(uuid.UUID(int=number)),
                    'Code': f'{number:>18}',
                    'Name': name,
                    'Timestamp': number,
                }
                for number in range(1, size + 1)
            ]

        def queries(size, name):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.division.upsert(resource, cursor, page(size, name), None)
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        queries(10, "First")
        changed_few = queries(10, "Changed")
        created_many = queries(300, "Changed")
        changed_many = queries(300, "Again")
        self.assertLessEqual(changed_many, changed_few + 3)
        self.assertLessEqual(created_many, changed_few + 5)

    # === DUTCH TIME === #

    def test_changes_are_asked_with_the_repeated_hour(self):
        """On 25 October 2026, 2:00 to 3:00 comes twice in the Netherlands."""

        def since(text):
            return modified_since(text)

        utc = timezone.utc
        self.assertEqual(since('2026-07-01 10:00:00'), datetime(2026, 7, 1, 10, tzinfo=utc))
        # 2:30 of the first pass: 2:10 of the second is later, yet smaller on the clock
        self.assertEqual(since('2026-10-25 00:30:00'), datetime(2026, 10, 24, 23, 30, tzinfo=utc))
        self.assertEqual(since('2026-10-25 01:30:00'), datetime(2026, 10, 25, 1, 30, tzinfo=utc))
        self.assertLess(exact_sync_engine.MODIFIED_OVERLAP, timedelta(hours=1))
