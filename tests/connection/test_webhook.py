import json
import re
from datetime import timedelta
from urllib.parse import urlsplit

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, new_test_user, tagged

from odoo.addons.account_exact.models.master.exact_sync import HINT_PAUSE
from odoo.addons.account_exact.simulator.webhooks import sign
from odoo.addons.account_exact.tests.common import DIVISION, ExactSimulatorMixin

SECRET = 'demo-webhook-secret'
NOBODYS = 1234570


@tagged('post_install', '-at_install')
class TestWebhook(ExactSimulatorMixin, HttpCase):
    """What Exact calls: closed to everybody else, and a hint to those who may."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_simulator()
        cls.company = cls.env['res.company'].create({
            'name': "Hooked B.V.", 'currency_id': cls.env.ref('base.EUR').id,
        })
        cls.connection = cls.create_connection(cls.company, webhook_secret=SECRET)
        cls.division = cls.create_division(cls.connection, cls.company)
        cls.subscription = {'ClientID': cls.connection.client_id, 'CallbackURL': ''}

    def setUp(self):
        super().setUp()
        self.path = urlsplit(self.connection.webhook_address).path
        self.cron = self.env.ref('account_exact.ir_cron_sync')
        self.rest()

    # === HELPERS === #

    def rest(self):
        """All was read an hour ago and comes again in an hour."""
        now = fields.Datetime.now()
        self.division.sudo()._sync_cursors().write({
            'state': 'done', 'last_success_at': now - timedelta(hours=1),
            'next_at': now + timedelta(hours=1), 'is_complete': True,
        })
        self.env['ir.cron.trigger'].search([('cron_id', '=', self.cron.id)]).unlink()
        self.env.flush_all()

    def message(self, topic='Accounts', division=DIVISION, action='Update'):
        """A notification as Exact writes it."""
        return self.simulator.notifier.message(
            self.subscription, topic, 'crm/Accounts', division,
            '00000002-0000-4000-8000-000000000002', action,
        ).encode()

    def post(self, body, path=None, **headers):
        answer = self.opener.post(
            self.base_url() + (path or self.path), data=body, allow_redirects=False, timeout=30,
            headers={'Content-Type': 'application/json', **headers},
        )
        self.env.invalidate_all()
        self.assertTrue(answer.status_code == 413 or answer.content == b'', answer.content)
        self.assertNotIn('session_id', answer.cookies)
        return answer.status_code

    def sooner(self):
        """What is read sooner than it was going to be."""
        soon = fields.Datetime.now() + HINT_PAUSE
        return set(self.division.cursor_ids.filtered(
            lambda cursor: cursor.next_at <= soon,
        ).mapped('resource'))

    def triggers(self):
        return self.env['ir.cron.trigger'].search_count([('cron_id', '=', self.cron.id)])

    # === TRUE ONES === #

    def test_a_notification_makes_the_reading_come_sooner(self):
        for topic, action, resources in (
            ('Accounts', 'Update', {'relation'}),
            ('GLAccounts', 'Create', {'gl_account'}),
            ('Items', 'Delete', {'item', 'deleted'}),
            ('SalesEntries', 'Delete', {'deleted'}),
            ('SalesEntries', 'Create', set()),
            ('Unheard', 'Of', set()),
            ('', '', set()),
        ):
            with self.subTest(topic=topic, action=action):
                self.rest()
                self.assertEqual(self.post(self.message(topic, action=action)), 200)
                self.assertEqual(self.sooner(), resources)
                self.assertEqual(bool(self.triggers()), bool(resources))

    def test_a_burst_is_one_reading(self):
        for _time in range(5):
            self.assertEqual(self.post(self.message()), 200)
        self.assertEqual(self.triggers(), 1)
        # Right after a reading, the next one waits a little
        now = fields.Datetime.now()
        self.division.cursor_ids.write({
            'last_success_at': now, 'next_at': now + timedelta(hours=1),
        })
        self.env.flush_all()
        self.assertEqual(self.post(self.message()), 200)
        [relation] = self.division.cursor_ids.filtered(lambda c: c.resource == 'relation')
        self.assertEqual(relation.next_at, now.replace(microsecond=0) + HINT_PAUSE)

    def test_what_is_being_read_or_failed_is_left_alone(self):
        for state in ('running', 'error', 'skipped'):
            self.rest()
            self.division.cursor_ids.write({'state': state})
            self.env.flush_all()
            self.assertEqual(self.post(self.message()), 200)
            self.assertFalse(self.sooner(), state)

    def test_the_trial_of_the_address(self):
        """Exact posts nothing, unsigned, and wants to hear that it came."""
        self.assertEqual(self.post(b''), 200)
        self.assertFalse(self.sooner())

    def test_the_answer_tells_nothing_of_divisions(self):
        unlinked = self.create_division(self.connection, code=NOBODYS)
        other = self.create_connection(self.env['res.company'].create({'name': "Other"}))
        elsewhere = self.create_division(other, other.company_id, code=7654321)
        elsewhere.sudo()._sync_cursors().next_at = fields.Datetime.now() + timedelta(hours=1)
        self.env.flush_all()
        for code in (DIVISION, unlinked.code, elsewhere.code, 5):
            self.assertEqual(self.post(self.message(division=code)), 200)
        self.assertEqual(self.sooner(), {'relation'})
        self.assertTrue(all(
            cursor.next_at > fields.Datetime.now() for cursor in elsewhere.sudo().cursor_ids
        ))

    # === ALL OTHERS === #

    def test_whoever_is_not_exact_is_refused(self):
        true = self.message()
        content = re.match(rb'\{"Content":(.*),"HashCode"', true)[1].decode()
        self.simulator.clock.advance(-2 * 3600)
        self.addCleanup(self.simulator.clock.resume)
        old = self.message()
        self.simulator.clock.resume()
        other_app = content.replace('demo-client-id', 'another-app')
        for name, body in {
            'unsigned': json.dumps({'Content': json.loads(content)}).encode(),
            'wrongly signed': true[:-4] + (b'0' if true[-4:-3] != b'0' else b'1') + true[-3:],
            'signed with another secret':
                f'{{"Content":{content},"HashCode":"{sign(content, "x")}"}}'.encode(),
            'signed with nothing':
                f'{{"Content":{content},"HashCode":"{sign(content, "")}"}}'.encode(),
            'in lower case': true.replace(true[-66:-2], true[-66:-2].lower()),
            'of another app':
                f'{{"Content":{other_app},"HashCode":"{sign(other_app, SECRET)}"}}'.encode(),
            'changed': true.replace(str(DIVISION).encode(), str(NOBODYS).encode(), 1),
            'a recording': old,
            'too large': true.replace(b'"Key":', b'"Pad":"' + b'x' * 20_000 + b'","Key":'),
            'no JSON': b'hello',
            'JSON of another kind': b'[]',
        }.items():
            with self.subTest(name):
                self.assertEqual(self.post(body), 413 if name == 'too large' else 403)
        for content_type in ('application/x-www-form-urlencoded', 'multipart/form-data', ''):
            with self.subTest(content_type):
                self.assertEqual(self.post(b'a=b', **{'Content-Type': content_type}), 403)
        self.assertFalse(self.sooner())
        self.assertFalse(self.triggers())

    def test_other_addresses(self):
        base = self.path.rpartition('/')[0]
        true = self.message()
        for token in (
            'x', str(self.connection.id), '%C3%A9', self.path.rpartition('/')[2][:-6] + 'AAAAAA',
            urlsplit(self.connection.action_connect()['url']).query.partition('state=')[2][:120],
        ):
            with self.subTest(token):
                self.assertEqual(self.post(true, f'{base}/{token}'), 404)
                self.assertEqual(self.post(b'', f'{base}/{token}'), 404)
        gone = self.create_connection(webhook_secret=SECRET)
        path = urlsplit(gone.webhook_address).path
        gone.unlink()
        self.env.flush_all()
        self.assertEqual(self.post(true, path), 404)
        self.assertFalse(self.sooner())

    def test_closed_without_a_secret(self):
        bare = self.create_connection()
        self.create_division(bare, code=99)
        path = urlsplit(bare.webhook_address).path
        content = re.match(rb'\{"Content":(.*),"HashCode"', self.message(division=99))[1].decode()
        unkeyed = f'{{"Content":{content},"HashCode":"{sign(content, "")}"}}'.encode()
        for body in (self.message(division=99), unkeyed, b''):
            self.assertEqual(self.post(body, path), 404)

    def test_only_by_post(self):
        for method in ('get', 'put', 'delete'):
            answer = getattr(self.opener, method)(self.base_url() + self.path, timeout=30)
            self.assertEqual(answer.status_code, 405, method)

    # === THE FORM === #

    def test_who_sees_the_address_and_writes_the_secret(self):
        def user(login, group):
            return new_test_user(
                self.env, login=login, groups=group, company_id=self.company.id,
                company_ids=[(6, 0, self.company.ids)],
            )

        manager = self.connection.with_user(user('hook_manager', 'account.group_account_manager'))
        clerk = self.connection.with_user(user('hook_clerk', 'account.group_account_invoice'))
        self.assertIn('/account_exact/webhook/', manager.webhook_address)
        self.assertNotIn(SECRET, str(manager.read()))
        manager.webhook_secret = ' a new one '
        self.assertEqual(self.env['exact.token'].secret_of_webhook(self.connection), 'a new one')
        manager.webhook_secret = ''
        self.assertEqual(self.env['exact.token'].secret_of_webhook(self.connection), 'a new one')
        self.assertFalse(manager.webhook_secret)
        self.assertTrue(manager.webhook_secret_placeholder)
        self.env.cr.execute(
            'SELECT webhook_secret FROM exact_token WHERE connection_id = %s',
            [self.connection.id],
        )
        self.assertNotIn('a new one', self.env.cr.fetchone()[0])
        for name in ('webhook_address', 'webhook_secret'):
            with self.assertRaises(AccessError):
                clerk.read([name])
        with self.assertRaises(AccessError):
            clerk.webhook_secret = 'mine'
