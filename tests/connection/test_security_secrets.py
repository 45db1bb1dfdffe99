import base64
import json
import logging
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.account_exact.models.connection import exact_secret

from ..common import CLIENT_SECRET, consent, query_of
from ..export_common import ExactExportCase

WEBHOOK_SECRET = 'demo-webhook-secret'


@tagged('post_install', '-at_install')
class TestSecrets(ExactExportCase, HttpCase):
    """A day in the life of a connection; afterwards no secret is anywhere but in its place."""

    # The other parent does it
    registry_test_mode = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = new_test_user(
            cls.env, login='exact_keeper', company_id=cls.company.id,
            groups='account.group_account_manager,base.group_system,base.group_allow_export',
            company_ids=[(6, 0, cls.company.ids)],
        )
        cls.request_log = Path(tempfile.mkdtemp()) / 'requests.jsonl'
        cls.addClassCleanup(cls.request_log.unlink, missing_ok=True)

    # === HELPERS === #

    def rpc(self, model, method, *args):
        return self.make_jsonrpc_request(f'/web/dataset/call_kw/{model}/{method}', {
            'model': model, 'method': method, 'args': list(args), 'kwargs': {},
        })

    def collect_tokens(self):
        """Every token that the simulator has given out and still knows."""
        for table in ('_access', '_refresh', '_code'):
            self.secrets |= {row['_key'] for row in self.simulator.store.all(table, 0)}

    def said(self, function):
        """What a person is told when something goes wrong."""
        try:
            function()
        except (UserError, AccessError) as error:
            self.told.append(f'{error} {error!r}')

    def pass_time(self):
        """The access token is used up: the next call refreshes it."""
        self.env.flush_all()
        self.env.cr.execute(SQL(
            "UPDATE exact_token SET issued_at = issued_at - interval '600 s',"
            " not_before = not_before - interval '600 s'",
        ))
        self.simulator.clock.advance(600)
        self.env.invalidate_all()

    # === THE DAY === #

    def connect_by_the_browser(self):
        self.authenticate('exact_keeper', 'exact_keeper')
        self.rpc('exact.connection', 'web_save', self.connection.ids, {
            'client_secret': CLIENT_SECRET, 'webhook_secret': WEBHOOK_SECRET,
        }, {'client_secret': {}, 'webhook_secret': {}})
        for button in ('deny', 'allow'):
            answer = urlsplit(consent(
                self.rpc('exact.connection', 'action_connect', self.connection.ids)['url'], button,
            ))
            if button == 'allow':
                self.secrets.add(query_of(answer.geturl())['code'])
            self.url_open(f'{answer.path}?{answer.query}', allow_redirects=False, timeout=60)
            # A second time, forged, and with words of somebody else
            self.url_open(f'{answer.path}?{answer.query}', allow_redirects=False, timeout=60)
        self.url_open(f'{answer.path}?code=x&state=y', allow_redirects=False, timeout=60)
        self.env.invalidate_all()
        self.assertEqual(self.connection.state, 'connected')

    def be_told_by_exact(self):
        path = urlsplit(self.connection.webhook_address).path
        message = self.simulator.notifier.message(
            {'ClientID': self.connection.client_id}, 'Accounts', 'crm/Accounts',
            self.division.code, 'k', 'Update',
        )
        for body, status in ((message, 200), (message[:-3] + 'x"}', 403), ('', 200)):
            answer = self.opener.post(self.base_url() + path, data=body.encode(), timeout=30)
            self.assertEqual(answer.status_code, status)

    def work(self):
        good = self.document('out_invoice', [(100, self.tax_21)])
        self.export(good)
        self.assertEqual(good.exact_state, 'verified')
        self.pass_time()
        self.collect_tokens()
        # Refused by Exact
        refused = self.document('out_invoice', [(50, self.tax_21)])
        self.control('close_period', year=2026, period=1)
        self.export(refused)
        self.assertEqual(refused.exact_state, 'blocked')
        self.control('close_period', year=2026, period=1, closed=False)
        self.collect_tokens()
        # Exact in trouble: of every kind, for a person and for the worker
        for fault in ('status', 'cut_before', 'broken_body'):
            self.simulator.faults.clear()
            self.simulator.faults.add(fault, times=None, status=503)
            self.said(self.connection.with_user(self.manager).action_refresh_divisions)
            self.said(self.connection.with_user(self.manager).action_probe_rights)
            self.export(self.document('out_invoice', [(10, self.tax_21)]))
            self.division._start_sync()
            self.run_cron('ir_cron_sync')
        self.simulator.faults.clear()

    def come_to_an_end(self):
        """Somebody revokes the app in Exact."""
        self.pass_time()
        self.control('revoke_access')
        self.said(self.connection.with_user(self.manager).action_refresh_divisions)
        self.run_cron('ir_cron_sync')
        self.run_cron('ir_cron_exact_export')
        self.connection.invalidate_recordset()
        self.assertEqual(self.connection.state, 'reconnect')

    def whole_log_of(self, *functions):
        """Run the functions and return everything that anybody logged, at the finest level."""
        names = ['odoo', *logging.root.manager.loggerDict]
        levels = {name: logging.getLogger(name).level for name in names}
        try:
            with self.assertLogs(level=logging.DEBUG) as logs:
                for name in names:
                    logging.getLogger(name).setLevel(logging.DEBUG)
                for function in functions:
                    function()
                    self.collect_tokens()
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
        form = logging.Formatter('%(name)s %(message)s')
        # What the browser of this test, which is no part of Odoo, says of its own requests is not
        # Odoo's log
        return '\n'.join(
            text for text in map(form.format, logs.records)
            if not (text.startswith('urllib3') and '/account_exact/' in text)
        )

    # === AFTERWARDS === #

    def assertNoSecret(self, text, where):
        for secret in self.secrets:
            if secret in text:
                at = text.index(secret)
                self.fail(f"a secret in {where}: {text[max(0, at - 200):at + len(secret)]}")

    @mute_logger('odoo.addons.base.models.ir_model')
    def test_a_day(self):
        self.secrets = {CLIENT_SECRET, WEBHOOK_SECRET}
        self.told = []
        self.simulator.app.log.path = str(self.request_log)
        self.addCleanup(self.simulator.clock.resume)
        self.addCleanup(self.simulator.faults.clear)
        self.collect_tokens()
        log = self.whole_log_of(
            self.connect_by_the_browser, self.be_told_by_exact, self.work, self.come_to_an_end,
        )
        self.secrets |= {
            cipher for option in self.keys() for cipher in (option, option.strip('='))
        }
        # Nothing was left out: all parts of the day are in it
        for part in (
            'oauth/callback', 'oauth2/token', 'salesentry/SalesEntries', 'notification',
            'urllib3', 'odoo.sql_db', 'werkzeug',
        ):
            self.assertIn(part, log)
        self.assertGreater(len(self.secrets), 8)
        self.assertNoSecret(log, "the log")
        self.assertTrue(self.told)
        self.assertNoSecret(str(self.told), "what people are told")

        requests_seen = self.request_log.read_text()
        self.assertIn('oauth2/token', requests_seen)
        self.assertNoSecret(requests_seen, "the simulator's log")
        for line in requests_seen.splitlines():
            json.loads(line)

        self.env.flush_all()
        tables = [name for [name] in self.env.execute_query(SQL(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
            " AND (table_name LIKE 'exact%%' OR table_name IN ('mail_message',"
            " 'mail_tracking_value', 'mail_activity', 'ir_logging', 'ir_config_parameter'))",
        ))]
        self.assertIn('exact_token', tables)
        for table in tables:
            rows = self.env.execute_query(SQL("SELECT t::text FROM %s t", SQL.identifier(table)))
            self.assertNoSecret(str(rows), f"the table {table}")

        boss = self.env(user=self.manager, su=False, context={})
        for model in [name for name in self.registry if name.startswith('exact.')]:
            records = boss[model]
            if records._abstract or not records.has_access('read'):
                continue
            records = records.search([])
            names = list(records.fields_get())
            self.assertNoSecret(str(records.read(names)), f"{model}.read")
            if not records._transient:
                # Odoo gives no external ids to the rows of a view, and refuses to export them.
                left_out = () if records._auto else ('id',)
                exported = records.export_data([
                    name for name in names if name in records._fields and name not in left_out
                ])
                self.assertNoSecret(str(exported), f"the export of {model}")
            self.assertNoSecret(str(records.copy_data()), f"copies of {model}")
        self.assertNoSecret(
            str(self.env['mail.message'].search([('model', 'like', 'exact.')]).mapped('body')),
            "chatter",
        )

    def keys(self):
        """The keys that open what is stored, as they may be written somewhere."""
        keys = []
        for raw in exact_secret.secret_keys():
            keys += [base64.urlsafe_b64encode(raw).decode(), raw.hex()]
        return keys
