"""What no healthy Exact sends: one row or one resource is hit and named, all others come in."""

import json
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.account_exact.exact_api import bounded, client as exact_client, wire

from ..common import DIVISION
from ..sync_common import RESOURCES, SyncCase

SYNC_LOGGER = 'odoo.addons.account_exact.models.master.exact_sync_engine'


@tagged('post_install', '-at_install')
class TestSyncRubbish(SyncCase):

    def answer(self, change):
        """Let Exact's answers be changed on the way.

        :param change: called with (resource, page body as Python), returns what comes instead: a
            Python value, or bytes
        """
        loads = wire.loads
        read = exact_client.ExactClient._read

        def changed(client, method, resource, response):
            body = read(client, method, resource, response)
            if method != 'GET':
                return body
            new = change(resource, body)
            return loads(new) if isinstance(new, bytes) else new

        return patch.object(exact_client.ExactClient, '_read', changed)

    def rows_of(self, body):
        return body['d']['results'] if isinstance(body['d'], dict) else body['d']

    def assertOthersDone(self, *keys):
        others = self.division.cursor_ids - self._cursor(*keys)
        self.assertEqual(set(others.mapped('state')), {'done'}, self._messages())

    # === TEXT === #

    def test_half_a_surrogate_pair_and_nul_cost_nothing(self):
        def change(resource, body):
            if resource != RESOURCES['relation'].endpoint:
                return body
            rows = self.rows_of(body)
            for row, name in zip(rows, ("Caf\ud83d", "N\x00UL", "Bell\x07"), strict=False):
                row['Name'] = name
            return json.dumps(body, default=str).encode()

        with self.answer(change):
            self._first_sync()
        names = self._mirror('relation').mapped('name')
        for name in ("Caf\ufffd", "N\ufffdUL", "Bell\ufffd"):
            self.assertIn(name, names)
        self.assertEqual(len(names), len(self.store.all('Accounts', DIVISION)))

    # === ROWS === #

    def test_a_row_without_a_key_costs_its_row_alone(self):
        self._first_sync()
        sound = self._put('gl_account', Code='9001', Description="Sound")
        broken = self._put('gl_account', Code='9002', Description="Broken")
        last = self._put('gl_account', Code='9003', Description="Last")
        for lost in ('ID', 'Timestamp', 'Description', 'Type'):
            with self.subTest(lost=lost):
                for code, row in zip(('9001', '9002', '9003'), (sound, broken, last), strict=True):
                    self._put('gl_account', like=row, Code=f'{code}{lost}')

                def change(resource, body, lost=lost):
                    if resource == RESOURCES['gl_account'].endpoint:
                        for row in self.rows_of(body):
                            if row['Code'].strip() == f'9002{lost}':
                                del row[lost]
                    return body

                with self.answer(change):
                    self._refresh()
                self.assertOthersDone()
                codes = self._mirror('gl_account').mapped('code')
                self.assertIn(f'9001{lost}', codes)
                self.assertIn(f'9003{lost}', codes)
                cursor = self._cursor('gl_account')
                if lost == 'Timestamp':
                    # Its own counter is not needed to read it
                    self.assertIn(f'9002{lost}', codes)
                else:
                    self.assertNotIn(f'9002{lost}', codes)
                    self.assertIn(f'{lost}?', cursor.broken_text)
        self.assertEqual(cursor.broken_count, 3)
        # Read anew and whole, nothing is left out
        cursor.write({'is_full': True, 'position': False, 'is_complete': False})
        self._refresh()
        self.assertFalse(cursor.broken_text)
        self.assertEqual(cursor.broken_count, 0)
        self.assertIn('9002Type', self._mirror('gl_account').mapped('code'))

    def test_a_row_that_cannot_be_read_is_not_gone(self):
        """What is compared whole: a row that is there is no reason to archive its record."""
        self._first_sync()
        journals = self._mirror('journal')
        known = journals[0]

        def spoil(name, value):
            def change(resource, body):
                if resource == RESOURCES['journal'].endpoint:
                    for row in self.rows_of(body):
                        if row['ID'] == known.exact_guid:
                            row[name] = value
                return body
            return change

        for name, value in (('AllowVAT', "perhaps"), ('ID', "no key"), ('ID', None)):
            with self.subTest(name=name, value=value), self.answer(spoil(name, value)):
                self._refresh()
                self.assertEqual(self._cursor('journal').state, 'done')
                self.assertTrue(self._cursor('journal').broken_text)
                self.assertTrue(all(journals.mapped('active')))
        # Sound again, conclusions are drawn again
        gone = self.store.all('Journals', DIVISION)[-1]
        self.store.drop('Journals', DIVISION, gone['_key'])
        self._refresh()
        self.assertFalse(self._cursor('journal').broken_text)
        self.assertFalse(self._record('journal', gone).active)

    def test_a_resource_without_one_sound_row_keeps_no_other(self):
        def change(resource, body):
            if resource == RESOURCES['journal'].endpoint:
                for row in self.rows_of(body):
                    row.pop('Code')
            return body

        with self.answer(change):
            self.division._start_sync()
            self._run()
        self.assertEqual(self._cursor('journal').state, 'error')
        self.assertTrue(self._cursor('journal').message)
        self.assertOthersDone('journal')

    def test_numbers_that_no_column_holds(self):
        def change(resource, body):
            if resource == RESOURCES['payment_condition'].endpoint:
                self.rows_of(body)[0]['PaymentDays'] = 2 ** 40
            if resource == RESOURCES['vat_code'].endpoint:
                self.rows_of(body)[0]['Percentage'] = 1e30
            return body

        with self.answer(change):
            self._first_sync()
        for key in ('payment_condition', 'vat_code'):
            self.assertEqual(self._cursor(key).broken_count, 1)
            self.assertIn("too large", self._cursor(key).broken_text)

    def test_deletions_without_a_key(self):
        self._first_sync()
        account, relation = self._mirror('gl_account')[0], self._mirror('relation')[0]

        def change(resource, body):
            if resource == RESOURCES['deleted'].endpoint:
                body['d'] = {'results': [
                    {'Timestamp': 10 ** 9 + number, 'ID': None, **values}
                    for number, values in enumerate((
                        {'EntityKey': account.exact_guid}, {'EntityType': 7},
                        {'EntityType': 2, 'EntityKey': relation.exact_guid},
                    ))
                ]}
            return body

        with self.answer(change):
            self._refresh('deleted')
        self.assertEqual(self._cursor('deleted').state, 'done', self._messages())
        self.assertTrue(account.active)
        self.assertFalse(relation.active)
        self.assertEqual(self._cursor('deleted').broken_count, 2)

    # === PAGES, TIME, BYTES === #

    def test_pages_without_end_keep_no_other_resource(self):
        calls = []

        def change(resource, body):
            if resource == RESOURCES['gl_account'].endpoint:
                calls.append(resource)
                body['d'] = {
                    'results': self.rows_of(body),
                    '__next': f'{self.simulator.url}/api/v1/{DIVISION}/{resource}'
                              f'?$select=ID,Timestamp&$skiptoken={len(calls)}',
                }
            return body

        first = []

        def same(resource, body):
            body = change(resource, body)
            if resource == RESOURCES['gl_account'].endpoint:
                first.append(body['d']['results'])
                body['d']['results'] = first[0]
            return body

        with self.answer(same):
            self.division._start_sync()
            self._run()
        self.assertEqual(len(calls), 2)
        cursor = self._cursor('gl_account')
        self.assertEqual(cursor.state, 'error')
        self.assertIn("have no end", cursor.message)
        self.assertIn(RESOURCES['gl_account'].endpoint, cursor.message)
        self.assertGreater(cursor.next_at, fields.Datetime.now())
        self.assertOthersDone('gl_account')
        self._refresh()
        self.assertOthersDone()

    def test_a_drip_or_a_flood_keeps_no_other_resource(self):
        for error, words in (
            (bounded.AnswerTooSlowError, "in time"), (bounded.AnswerTooLargeError, "larger than"),
        ):
            send = bounded.BoundedAdapter.send

            def hit(adapter, request, error=error, send=send, **kwargs):
                if 'financial/Journals' in request.url:
                    raise error(request=request)
                return send(adapter, request, **kwargs)

            with patch.object(bounded.BoundedAdapter, 'send', hit), self.subTest(words=words):
                self.division._start_sync()
                self._run()
                self.assertEqual(self._cursor('journal').state, 'error')
                self.assertIn(words, self._cursor('journal').message)
                self.assertIn('financial/Journals', self._cursor('journal').message)
                self.assertOthersDone('journal')

    def test_what_the_database_does_not_take_keeps_no_other_resource(self):
        """Whatever it is that nobody thought of."""
        resource = RESOURCES['journal']
        values = type(resource).values

        def odd(resource, row, extra):
            return {**values(resource, row, extra), 'name': "NUL \x00"}

        with patch.object(type(resource), 'values', odd), mute_logger('odoo.sql_db', SYNC_LOGGER):
            self.division._start_sync()
            self._run()
        self.assertEqual(self._cursor('journal').state, 'error')
        self.assertOthersDone('journal')

    # === FROM EXACT ITSELF: the simulator does what a broken gateway does === #

    def fault(self, kind, **options):
        self.simulator.faults.add(kind, times=None, **options)
        self.addCleanup(self.simulator.faults.clear)

    def test_a_pause_of_ten_years_is_an_hour_of_one_resource(self):
        endpoint = RESOURCES['journal'].endpoint
        self.fault(
            'status', status=429, resource=f'^{endpoint}$', headers={'Retry-After': '315360000'},
        )
        self.division._start_sync()
        self._run()
        cursor = self._cursor('journal')
        self.assertEqual(cursor.state, 'waiting')
        self.assertLessEqual(cursor.next_at, fields.Datetime.now() + timedelta(hours=1, seconds=1))
        self.assertOthersDone('journal')
        self.simulator.faults.clear()
        with self.division.client('master') as client:
            self.assertTrue(client.get('financial/GLAccounts', select=['ID'], top=1))

    def test_a_packed_bomb_keeps_no_other_resource(self):
        self.fault('gzip_bomb', size=100, resource=f"^{RESOURCES['journal'].endpoint}$")
        self.division._start_sync()
        self._run()
        self.assertEqual(self._cursor('journal').state, 'error')
        self.assertIn("larger than", self._cursor('journal').message)
        self.assertOthersDone('journal')

    def test_a_slow_drip_keeps_no_other_resource(self):
        """A byte now and then: no silence is long, the whole call is."""
        patience = patch.dict(exact_client.ExactClient.__init__.__kwdefaults__, {'whole': 1.5})
        self.fault('drip', seconds=0.25, size=1, resource=f"^{RESOURCES['journal'].endpoint}$")
        self.division._start_sync()
        with patience:
            self._run()
        self.assertEqual(self._cursor('journal').state, 'error')
        self.assertIn("in time", self._cursor('journal').message)
        self.assertOthersDone('journal')

    def test_a_row_that_comes_without_its_key_costs_its_row_alone(self):
        self.fault(
            'strip', properties=['ID', 'Timestamp'], row=1,
            resource=f"^{RESOURCES['relation'].endpoint}$",
        )
        self.division._start_sync()
        self._run()
        cursor = self._cursor('relation')
        self.assertEqual((cursor.state, cursor.broken_count), ('done', 1), cursor.message)
        self.assertIn("ID?", cursor.broken_text)
        self.assertEqual(
            len(self._mirror('relation')), len(self.store.all('Accounts', DIVISION)) - 1,
        )
        self.assertOthersDone()

    def test_endless_pages_keep_no_other_resource(self):
        self.fault('endless', resource=f"^{RESOURCES['gl_account'].endpoint}$")
        self.division._start_sync()
        self._run()
        self.assertEqual(self._cursor('gl_account').state, 'error')
        self.assertIn("no end", self._cursor('gl_account').message)
        self.assertEqual(self._calls().count(RESOURCES['gl_account'].endpoint), 2)
        self.assertOthersDone('gl_account')
