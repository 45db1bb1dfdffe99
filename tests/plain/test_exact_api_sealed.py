"""Secrets that open in their own place only."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace

import pytest

from exact_api.addresses import origin_text
from exact_api.sealed import Place, SecretClosedError, is_sealed, said_place, seal, unseal

KEY, OTHER_KEY = b'k' * 32, b'o' * 32
PLACE = Place('this database', 7, 'refresh_token', 'https://start.exactonline.nl:443')


def reason(keys, stored, place):
    with pytest.raises(SecretClosedError) as caught:
        unseal(keys, stored, place)
    return caught.value.reason


def with_header(stored, **changes):
    """The text with another header, as somebody writes it who has the database but not the key."""
    prefix, header, sealed = stored.split('.')
    text = header + '=' * (-len(header) % 4)
    values = dict(zip(('home', 'origin'), json.loads(urlsafe_b64decode(text)), strict=True))
    other = json.dumps(list((values | changes).values())).encode()
    return f'{prefix}.{urlsafe_b64encode(other).decode().rstrip("=")}.{sealed}'


def test_opens_in_its_place():
    stored = seal([KEY], 'a secret: é', PLACE)
    assert is_sealed(stored)
    assert 'a secret' not in stored
    assert unseal([KEY], stored, PLACE) == 'a secret: é'
    assert said_place(stored, 7, 'refresh_token') == PLACE
    assert seal([KEY], 'a secret: é', PLACE) != stored, "never twice with the same nonce"


def test_an_older_key_opens_and_the_first_one_closes():
    stored = seal([OTHER_KEY], 'text', PLACE)
    assert unseal([KEY, OTHER_KEY], stored, PLACE) == 'text'
    assert reason([KEY], stored, PLACE) == 'key'
    assert reason([OTHER_KEY], seal([KEY, OTHER_KEY], 'text', PLACE), PLACE) == 'key'


@pytest.mark.parametrize(('change', 'why'), [
    ({'connection': 8}, 'key'),
    ({'field': 'client_secret'}, 'key'),
    ({'home': 'a copy'}, 'copied'),
    ({'origin': 'https://evil.example:443'}, 'origin'),
    ({'origin': 'https://start.exactonline.nl:8443'}, 'origin'),
    ({'origin': ''}, 'origin'),
])
def test_does_not_open_elsewhere(change, why):
    assert reason([KEY], seal([KEY], 'text', PLACE), replace(PLACE, **change)) == why


@pytest.mark.parametrize('change', [
    {'home': 'a copy'}, {'origin': 'https://evil.example:443'}, {'origin': ''},
])
def test_a_changed_header_opens_nothing(change):
    forged = with_header(seal([KEY], 'text', PLACE), **change)
    assert reason([KEY], forged, replace(PLACE, **change)) == 'key'


@pytest.mark.parametrize('stored', [
    'exact1.', 'exact1.x', 'exact1.e30.AAAA', 'exact1.WyJhIl0.AAAA', 'exact1.ÿ.ÿ',
    'exact1.bnVsbA.AAAA',
])
def test_what_was_never_sealed_does_not_open(stored):
    assert reason([KEY], stored, PLACE) == 'key'


def test_what_was_cut_or_changed_does_not_open():
    stored = seal([KEY], 'a secret', PLACE)
    for end in (1, 10, 30):
        assert reason([KEY], stored[:-end], PLACE) == 'key'
    changed = stored[:-5] + ('A' if stored[-5] != 'A' else 'B') + stored[-4:]
    assert reason([KEY], changed, PLACE) == 'key'


@pytest.mark.parametrize(('address', 'same'), [
    ('https://start.exactonline.nl', 'https://start.exactonline.nl:443'),
    ('https://start.exactonline.nl/', 'https://start.exactonline.nl:443'),
    ('HTTPS://Start.ExactOnline.NL:443/api', 'https://start.exactonline.nl:443'),
    ('https://start.exactonline.nl:8443', 'https://start.exactonline.nl:8443'),
    ('http://127.0.0.1', 'http://127.0.0.1:80'),
    ('http://[::1]:8070/', 'http://[::1]:8070'),
    ('https://start.exactonline.nl.evil.example', 'https://start.exactonline.nl.evil.example:443'),
    ('https://start.exactonline.nl@evil.example', ''),
    ('https://start.exactonline.nl:x', ''),
    ('nonsense', ''),
])
def test_one_form_of_an_origin(address, same):
    assert origin_text(address) == same
