import sys
import threading
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from cryptography.fernet import Fernet

from odoo.tests import TransactionCase, new_test_user
from odoo.tools import config, mute_logger

from odoo.addons.account_exact.exact_api import (
    NeedsReconnect,
    Tokens,
    TooEarlyToRefresh,
)

START = datetime(2026, 11, 20, 12, 0, 0, 400_000, tzinfo=timezone.utc)
ROOM = 'odoo.addons.account_exact.models.connection'
TOKEN_LOGGER = f'{ROOM}.exact_token_access'
SECRET_LOGGER = f'{ROOM}.exact_secret'


@contextmanager
def told_by(clock):
    """Whatever knows the time in the room of the connection, knows it from this clock."""
    with ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            if name.startswith(f'{ROOM}.') and hasattr(module, 'utcnow'):
                stack.enter_context(patch.object(module, 'utcnow', clock))
        yield


class FakeOAuth:
    """The token endpoint: gives pair after pair, refuses a spent one, does as told.

    :ivar answers: what the next refreshes raise; None means a new pair
    :ivar sent: the refresh tokens that it was sent
    """

    def __init__(self, clock, lives=600):
        self.clock = clock
        self.lives = lives
        self.answers = []
        self.sent = []
        self.good = 'refresh-0'
        self.issued_at = None
        self._lock = threading.Lock()

    def refresh(self, tokens):
        with self._lock:
            self.sent.append(tokens.refresh_token)
            answer = self.answers.pop(0) if self.answers else None
            if answer:
                raise answer
            return self.next_pair(tokens.refresh_token)

    def next_pair(self, refresh_token):
        """Use the token up and give the next pair."""
        if refresh_token != self.good:
            raise NeedsReconnect("Old refresh token used.", reason='spent', status=401)
        now = self.clock()
        if self.issued_at and now < self.issued_at + timedelta(seconds=570):
            raise TooEarlyToRefresh
        self.issued_at = now
        number = int(self.good.rsplit('-', maxsplit=1)[1]) + 1
        self.good = f'refresh-{number}'
        return Tokens(f'access-{number}', self.good, now, self.lives)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    def at(self, seconds):
        self.now = START + timedelta(seconds=seconds)


@contextmanager
def secret_key(value):
    """Let the option of odoo.conf hold this key."""
    with patch.dict(config._runtime_options, {'account_exact_secret_key': value}):
        yield


class TokenCase(TransactionCase):
    """A connection whose token endpoint is a fake one, on a clock of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.enterClassContext(secret_key(Fernet.generate_key().decode()))
        cls.manager = new_test_user(
            cls.env, 'exact_manager', groups='account.group_account_manager',
        )
        cls.connection = cls.env['exact.connection'].create({
            'site': 'nl', 'client_id': 'an-app', 'client_secret': 'a-secret',
            'user_id': cls.manager.id,
        })

    def setUp(self):
        super().setUp()
        self.clock = Clock()
        self.enterContext(told_by(self.clock))
        self.oauth = FakeOAuth(self.clock)
        self.startPatch(patch.object(
            self.env.registry['exact.connection'], 'oauth',
            lambda connection, *_address: self.oauth,
        ))
        self.connection._consented(Tokens('access-0', 'refresh-0', START))
        self.enterContext(self.enter_registry_test_mode())

    def startPatch(self, patcher):
        patcher.start()
        self.addCleanup(patcher.stop)

    def token(self):
        return self.connection._access_token()

    def refused(self):
        """Ask in vain. `assertRaises` would roll the workers' cursors back as well."""
        try:
            with mute_logger(TOKEN_LOGGER):
                token = self.token()
        except NeedsReconnect as error:
            return error
        self.fail(f"a reconnect was expected, not {token}")
        return None

    def assertRaisesKept(self, kind):
        """Ask in vain, keeping what the workers wrote; see `refused`."""
        try:
            with mute_logger(TOKEN_LOGGER):
                token = self.token()
        except kind as error:
            return error
        self.fail(f"{kind.__name__} was expected, not {token}")
        return None

    def row(self):
        self.env.cr.execute(
            "SELECT * FROM exact_token WHERE connection_id = %s", [self.connection.id],
        )
        return self.env.cr.dictfetchone()

    def opened(self, name):
        """A secret of the connection in clear text."""
        box = self.env['exact.token']._box(self.connection)
        return box.open(name, self.row()[name], self.connection._exact_origin())
