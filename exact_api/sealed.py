"""Secrets as they may lie in a database: each opens in its own place and nowhere else.

A sealed text is `exact1.<header>.<nonce and cipher text>`, both parts in the base64 of addresses.
The header says in the open to which database it belongs and which address may get it; connection
and field are not said, they are where it lies. All four are authenticated (AES-256-GCM, associated
data): moved to another row or field, or with another header, it does not open.
"""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX = 'exact1.'
NONCE_LENGTH = 12


class SecretClosedError(Exception):
    """A stored secret must not, or cannot, be opened here.

    `reason` is 'key' (no key at hand opens it in this place), 'copied' (it belongs to another
    database) or 'origin' (it belongs to another address than the one that would get it).
    """

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Place:
    """Where a secret belongs.

    :param str home: what identifies the database
    :param int connection: the connection
    :param str field: which of its secrets
    :param str origin: of the only address that it may be sent to, see `addresses.origin_text`; ''
        for one that is never sent
    """

    home: str
    connection: int
    field: str
    origin: str = ''


def is_sealed(stored):
    """Tell whether the text was made by `seal`."""
    return stored.startswith(PREFIX)


def seal(keys, text, place):
    """Return the text as it may be stored.

    :param list keys: of 32 bytes each; the first one is used
    """
    header = json.dumps([place.home, place.origin]).encode()
    nonce = os.urandom(NONCE_LENGTH)
    cipher = AESGCM(_derived(keys[0])).encrypt(nonce, text.encode(), _context(header, place))
    return f'{PREFIX}{_encoded(header)}.{_encoded(nonce + cipher)}'


def unseal(keys, stored, place):
    """Return the text again.

    :param list keys: of 32 bytes each; any of them may have been used
    :raise SecretClosedError: with the reason
    """
    header, sealed = _parts(stored)
    home, origin = _said(header)
    # Whoever changed the header to come past these two finds that nothing opens
    if home != place.home:
        raise SecretClosedError('copied')
    if origin != place.origin:
        raise SecretClosedError('origin')
    context = _context(header, place)
    for key in keys:
        try:
            opened = AESGCM(_derived(key)).decrypt(
                sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:], context,
            )
            return opened.decode()
        except (InvalidTag, ValueError):
            continue
    raise SecretClosedError('key')


def said_place(stored, connection, field):
    """Return the place that a sealed text says it belongs to, if it lies where it belongs. That is
    true only if it opens there.

    :raise SecretClosedError: if it says nothing
    """
    home, origin = _said(_parts(stored)[0])
    return Place(home, connection, field, origin)


def _parts(stored):
    try:
        header, sealed = stored.removeprefix(PREFIX).split('.')
        return _decoded(header), _decoded(sealed)
    except ValueError:
        raise SecretClosedError('key') from None


def _said(header):
    try:
        home, origin = json.loads(header)
    except (TypeError, ValueError):
        raise SecretClosedError('key') from None
    return home, origin


def _context(header, place):
    return json.dumps([PREFIX, header.decode(), place.connection, place.field]).encode()


def _derived(key):
    """The keys at hand are those of an older form, too: each form has its own key."""
    return HKDF(SHA256(), 32, salt=None, info=b'account_exact sealed secret').derive(key)


def _encoded(data):
    return urlsafe_b64encode(data).decode().rstrip('=')


def _decoded(text):
    return urlsafe_b64decode(text + '=' * (-len(text) % 4))
