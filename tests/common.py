import os
import unittest
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from lxml import html

from odoo.tests import TransactionCase
from odoo.tools import SQL

from odoo.addons.account.tests.common import AccountTestInvoicingCommon
from odoo.addons.account_exact.models.connection.exact_connection_address import BASE_URL_PARAMETER

# For tests that need more than 20 s of an idle machine and cannot be split
takes_long = unittest.skipUnless(
    os.environ.get('ACCOUNT_EXACT_ALL_TESTS'), "takes long: scripts/test --all runs it",
)
CLIENT_ID = 'demo-client-id'
CLIENT_SECRET = 'demo-client-secret'
DIVISION = 1234567


def consent(url, button='allow', session=None):
    """Do what a person does on the consent page of Exact.

    :param str url: the address of the consent page, with its parameters
    :param str button: the id of the button to press, 'allow' or 'deny'
    :return: the address that Exact sends the person back to (nobody goes there)
    """
    session = session or requests.Session()
    response = session.get(url, timeout=10)
    response.raise_for_status()
    page = html.fromstring(response.content)
    [element] = page.xpath(f'//*[@id="{button}"]')
    if element.tag == 'a':
        answer = session.get(urljoin(url, element.get('href')), allow_redirects=False, timeout=10)
    else:
        form = next(element.iterancestors('form'))
        values = dict(form.form_values())
        if element.get('name'):
            values[element.get('name')] = element.get('value') or ''
        answer = session.request(
            form.method, urljoin(url, form.get('action') or url), allow_redirects=False, timeout=10,
            **({'data': values} if form.method == 'POST' else {'params': values}),
        )
    assert answer.is_redirect, f"the consent page answered {answer.status_code}"
    return answer.headers['Location']


def query_of(url):
    """Return the parameters of an address as a dict."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def clone_rows(env, table, record_id, rows):
    """Copy a row of the database, with other values each time.

    For records that are slow to make as people make them: a hundred companies take minutes.

    :return: the ids of the copies
    """
    env.flush_all()
    columns = [
        name for [name] in env.execute_query(SQL(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_name = %s AND column_name <> 'id'", table,
        ))
    ]
    return [
        env.execute_query(SQL(
            "INSERT INTO %s (%s) SELECT %s FROM %s WHERE id = %s RETURNING id",
            SQL.identifier(table), SQL(", ").join(map(SQL.identifier, columns)),
            SQL(", ").join(
                SQL("%s", row[name]) if name in row else SQL.identifier(name) for name in columns
            ),
            SQL.identifier(table), record_id,
        ))[0][0]
        for row in rows
    ]


class ExactSimulatorMixin:
    """A simulator for the whole class, and what a connection to it needs.

    Its books are the same for all tests of the class: tests look at what they added themselves. Set
    `simulator_switches` on the class for other answers to the open questions about Exact.
    """

    simulator_switches = {}
    simulator_books = ':memory:'
    # A request log of their own for those that send what no reference has
    request_log_suffix = ''

    @classmethod
    def _request_handler(cls, s, r, /, **kw):
        # Odoo's own handler knows a single number only, not (connect, read)
        if isinstance(kw.get('timeout'), tuple):
            kw['timeout'] = max(kw['timeout'])
        return super()._request_handler(s, r, **kw)

    @classmethod
    def start_simulator(cls):
        # Here, so that tests which need no simulator run without it
        from odoo.addons.account_exact.simulator.server import SimulatorServer

        log = os.environ.get('ACCOUNT_EXACT_REQUEST_LOG')
        cls.simulator = SimulatorServer(
            database=cls.simulator_books, switches=dict(cls.simulator_switches),
            log=log and f'{log}{cls.request_log_suffix}',
        ).start()
        cls.addClassCleanup(cls.simulator.stop)
        cls.env['ir.config_parameter'].set_param(BASE_URL_PARAMETER, cls.simulator.url)

    def switch(self, **values):
        """Set switches of the simulator until the end of the test."""
        switches = self.simulator.switches
        self.addCleanup(switches.update, {name: switches[name] for name in values})
        switches.update(values)

    @classmethod
    def create_connection(cls, company=None, **values):
        """Make a connection that nobody consented to yet."""
        return cls.env['exact.connection'].create({
            'company_id': (company or cls.env.company).id,
            'site': 'nl',
            'client_id': CLIENT_ID,
            'client_secret': CLIENT_SECRET,
            **values,
        })

    @classmethod
    def tokens(cls, connection):
        """Consent, by the real client and the real consent page."""
        oauth = connection.oauth()
        answer = query_of(consent(oauth.consent_url('state')))
        return oauth.exchange(answer['code'])

    @classmethod
    def connect(cls, connection):
        """Consent and keep the tokens."""
        tokens = cls.tokens(connection)
        connection._consented(tokens)
        return tokens

    @classmethod
    def consent_again(cls, connection):
        """Tokens that this simulator has just given out, for what was connected in the database
        that this one is a copy of, and to another simulator.
        """
        # sudo: secrets are the engine's
        tokens_sudo = cls.env['exact.token'].sudo()
        # Secrets open in the database that they were stored in, for the address they are for
        tokens_sudo._store_client_secret(connection, CLIENT_SECRET)
        tokens_sudo._store_tokens(connection, cls.tokens(connection))

    @classmethod
    def create_division(cls, connection, company=None, code=DIVISION, **values):
        """Make a division without asking the simulator for it, linked to the company but not
        synchronised.
        """
        # sudo: administrations are the engine's to make
        division = cls.env['exact.division'].sudo().create({
            'connection_id': connection.id,
            'code': code,
            'name': f"Division {code}",
            'currency_id': (company or cls.env.company).currency_id.id,
            **values,
        })
        if company:
            # Linking wakes the synchronisation; tests that want it run it themselves
            cls.env.cr.execute(
                'UPDATE exact_division SET company_id = %s WHERE id = %s',
                [company.id, division.id],
            )
            division.invalidate_recordset(['company_id'])
        return division.sudo(False)


class ExactTransactionCase(ExactSimulatorMixin, TransactionCase):
    """For tests of the connection: a simulator, no chart of accounts."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_simulator()

    def setUp(self):
        super().setUp()
        self.simulator.limits.reset()
        # The token and the call budget work in cursors of their own: they must see the test's data
        self.enterContext(self.enter_registry_test_mode())


class ExactCase(AccountTestInvoicingCommon):
    """For tests of documents that need no Exact: a Dutch company with its chart of accounts."""

    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template('nl')
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.company_data['company']


class ExactConnectedCase(ExactSimulatorMixin, ExactCase):
    """For tests of documents against the simulator: connected, division 1234567 linked, nothing
    synchronised.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_simulator()
        cls.connection = cls.create_connection(cls.company)
        cls.connect(cls.connection)
        cls.division = cls.create_division(cls.connection, cls.company)

    def setUp(self):
        super().setUp()
        self.simulator.limits.reset()
        self.enterContext(self.enter_registry_test_mode())
