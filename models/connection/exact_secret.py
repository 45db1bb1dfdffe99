"""The key that is not in the database, and what it protects there."""

import hashlib
import logging
import os
import tempfile
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from odoo.tools import SQL, config

from ...exact_api import SecretClosedError
from ...exact_api.sealed import Place, is_sealed, said_place, seal, unseal

_logger = logging.getLogger(__name__)


def _read_key_file(make):
    """Return the key of the key file.

    The file appears whole (mode 600) or not at all: two workers that start together end up with one
    key.

    :param bool make: whether to make one if there is none. Never to open what another key closed.
    """
    path = Path(config['data_dir']) / 'account_exact.key'
    if make and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes the file with mode 600
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix='.account_exact.key.')
        try:
            with os.fdopen(handle, 'wb') as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
            # If another worker was first, its key counts
            with suppress(FileExistsError):
                os.link(temporary, path)
                _logger.info("Made the key of the secrets of Exact: %s. Keep a copy of it.", path)
        finally:
            os.unlink(temporary)
    if path.stat().st_mode & 0o077:
        _logger.warning("The key file %s can be read by other system users; closing it.", path)
        path.chmod(0o600)
    return path.read_bytes().strip()


def secret_keys(make=False):
    """Return the keys, 32 bytes each. Several may be given, separated by commas: the first one
    closes, all open.

    :param bool make: whether to make a key if there is none
    :raise SecretClosedError: if there is no key, or none that can be used
    """
    option = (config.get('account_exact_secret_key') or '').strip()
    if not option:
        try:
            return [_key_bytes(_read_key_file(make))]
        except (OSError, ValueError) as error:
            _logger.warning("The key of the secrets of Exact: %s", type(error).__name__)
            raise SecretClosedError('key') from None
    keys = []
    for text in filter(None, (part.strip() for part in option.split(','))):
        try:
            keys.append(_key_bytes(text.encode()))
        except ValueError:
            # Any passphrase will do
            keys.append(hashlib.sha256(text.encode()).digest())
    if not keys:
        raise SecretClosedError('key')
    return keys


def _key_bytes(text):
    Fernet(text)  # checks the form
    return urlsafe_b64decode(text)


def home_expression(cr):
    """Return the SQL of what identifies this database, for `home_digest`: the same for all its
    workers and hosts, before and after a restart or a switch to its standby; another one for a
    copy, however it was made.

    Odoo gives a new `database.uuid` to what it duplicates or restores as a copy. A copy made past
    Odoo has another name, or lies in another cluster of PostgreSQL.
    """
    cr.execute("SELECT has_function_privilege('pg_control_system()', 'execute')")
    # Everybody may, unless somebody forbade it
    cluster = SQL(
        "(SELECT system_identifier FROM pg_control_system())",
    ) if cr.fetchone()[0] else SQL("''")
    return SQL(
        "concat_ws('/', (SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'),"
        " current_database(), %s)", cluster,
    )


def home_digest(text):
    """The database tells no more of itself than whether it is the same."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class SecretBox:
    """What is closed for one connection of this database.

    :param str home: what identifies the database
    """

    def __init__(self, home, connection_id):
        self.home = home
        self.connection_id = connection_id

    def _place(self, field, origin):
        return Place(self.home, self.connection_id, field, origin)

    def close(self, field, text, origin=''):
        """Return the text as it may lie in the database, False if there is none.

        :param str origin: the only address that may get it
        :raise SecretClosedError: if there is no key that can be used
        """
        return seal(secret_keys(make=True), text, self._place(field, origin)) if text else False

    def open(self, field, stored, origin=''):
        """Return the text, '' if there is none.

        :param str origin: the address that would get it
        :raise SecretClosedError: with the reason
        """
        if not stored:
            return ''
        if not is_sealed(stored):
            return _open_older(stored)
        return unseal(secret_keys(), stored, self._place(field, origin))

    def check(self, field, stored):
        """Raise unless the key at hand opens it, whatever address it is for.

        :raise SecretClosedError: with the reason
        """
        if not stored:
            return
        if is_sealed(stored):
            self.open(field, stored, said_place(stored, self.connection_id, field).origin)
        else:
            _open_older(stored)

    def close_anew(self, field, stored, origin, moved=False):
        """Return the stored text, closed with the first of the keys, for this database. It stays
        for the address that it is for.

        :param str origin: for what was closed in the older form, which said none
        :param bool moved: whether it may come from another database: a person said that this one is
            the original
        :raise SecretClosedError: if it cannot be opened
        """
        if not stored:
            return False
        if not is_sealed(stored):
            return self.close(field, _open_older(stored), origin)
        place = said_place(stored, self.connection_id, field)
        if not moved:
            place = replace(place, home=self.home)
        return self.close(field, unseal(secret_keys(), stored, place), place.origin)


def _open_older(stored):
    """Open the form of release 19.0.1.0.0, which said nothing of where it belongs. An upgrade
    closes it anew, see `migrations`; without the key at hand then, the next refresh does.
    """
    ciphers = MultiFernet([Fernet(urlsafe_b64encode(key)) for key in secret_keys()])
    try:
        return ciphers.decrypt(stored.encode()).decode()
    except InvalidToken:
        raise SecretClosedError('key') from None


def digest_of(text):
    """Return a digest that may be stored in the open: secrets of Exact are long and random."""
    return hashlib.sha256(text.encode()).hexdigest()
