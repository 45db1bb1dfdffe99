"""Answers that no healthy Exact gives: what is hit is named, and it is over soon."""

import gzip
import json
import socket
import threading
import time
import tracemalloc
import zlib
from datetime import timedelta
from decimal import Decimal
from itertools import chain

import pytest
from exact_api_fake import GUID, NOW, Answer, Clock

from exact_api import (
    ExactClient,
    MalformedAnswer,
    OAuth,
    OutcomeUnknown,
    RateLimits,
    TooMuch,
    TooSlow,
    Transient,
    odata,
    wire,
)
from exact_api.bounded import MAX_BYTES

MEGABYTE = 1024 * 1024
ROWS = [{'ID': f'0000000{number}-0000-4000-8000-000000000006'} for number in range(10)]


def client_of(url, **options):
    return ExactClient(url, 1, lambda: 'token', clock=Clock(), **{'timeout': (1, 2), **options})


@pytest.fixture
def client(fake):
    with client_of(fake.url) as client:
        yield client


class Socket:
    """A server that says what a test tells it to say, byte by byte if need be."""

    def __init__(self, say):
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'http://127.0.0.1:{self._listener.getsockname()[1]}'
        self._say = say
        self.over = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection):
        with connection:
            connection.recv(65536)
            try:
                for part in self._say():
                    connection.sendall(part)
            except OSError:
                pass
        self.over.set()

    def stop(self):
        self._listener.close()


@pytest.fixture
def serve():
    servers = []

    def serve(say):
        servers.append(Socket(say))
        return servers[-1]

    yield serve
    for server in servers:
        server.stop()


HEAD = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'


# === TEXT === #


@pytest.mark.parametrize(('said', 'text'), [
    (rb'"cut \ud83d here"', 'cut \ufffd here'),
    (rb'"cut \ude00"', 'cut \ufffd'),
    (rb'"whole \ud83d\ude00"', 'whole \U0001f600'),
    (rb'"NUL \u0000 \u0001"', 'NUL \ufffd \ufffd'),
    (rb'"feed \b\f"', 'feed \ufffd\ufffd'),
    (rb'"kept \t\r\n\u0085\u00e9"', 'kept \t\r\n\u0085\u00e9'),
    (b'"raw \x01 and \x00"', 'raw \ufffd and \ufffd'),
    (b'"raw\ttab"', 'raw\ttab'),
    ('"raw half \ud83d"'.encode('utf-8', 'surrogatepass'), 'raw half \ufffd\ufffd\ufffd'),
    (b'"cut in its bytes \xf0\x9f\x98"', 'cut in its bytes \ufffd'),
    (rb'"no character \uffff \ufffe"', 'no character \ufffd \ufffd'),
    (rb'"a backslash \\u0000 \\b"', r'a backslash \u0000 \b'),
    ('"raw \U0001f600 €"'.encode(), 'raw \U0001f600 €'),
    ('"in another coding"'.encode('utf-16'), 'in another coding'),
])
def test_text_that_nobody_can_store_is_replaced(said, text):
    assert wire.loads(said) == text
    wire.loads(said).encode()


def test_it_is_replaced_wherever_it_lies():
    said = rb'{"d": {"results": [{"ID": 1, "Na\u0000me": "x\ud800", "Deep": [{"a": "\u0001"}]}]}}'
    assert wire.loads(said) == {'d': {'results': [
        {'ID': 1, 'Na\ufffdme': 'x\ufffd', 'Deep': [{'a': '\ufffd'}]},
    ]}}


def test_the_row_is_shown_and_so_are_its_neighbours(fake, client):
    fake.will(Answer(body=(
        rb'{"d": {"results": [{"ID": "1", "Name": "Good"}, {"ID": "2", "Name": "Caf\ud83d"},'
        rb' {"ID": "3", "Name": "N\u0000UL"}]}}'
    )))
    rows = client.get('crm/Accounts', select=['ID', 'Name'])
    assert [row['Name'] for row in rows] == ['Good', 'Caf\ufffd', 'N\ufffdUL']


def test_words_of_a_refusal_can_be_stored(fake, client):
    fake.will(Answer(500, rb'{"error": {"message": {"value": "Ongeldig: \ud83d\u0000"}}}'))
    with pytest.raises(Exception, match=r'.') as caught:
        client.get('crm/Accounts', select=['ID'])
    assert caught.value.messages == ('Ongeldig: \ufffd\ufffd',)


def test_what_is_sent_can_be_stored(fake, client):
    fake.will(Answer(201, {'d': {'ID': GUID}}), Answer(body={'d': []}))
    client.post('crm/Accounts', {'Name': "Caf\ud83d\x00 \x1fB\tV\U0001f600", 'N': Decimal('1.20')})
    assert fake.requests[0].json == {'Name': "Caf B\tV\U0001f600", 'N': 1.2}
    client.get('crm/Accounts', select=['ID'], filter=odata.eq('Name', "It\ud83d's\x00"))
    assert fake.requests[1].query['$filter'] == "Name eq 'It''s'"


# === BYTES === #


def bomb(size):
    """A list that is mostly blanks, and what it is packed. (Its checksum is wrong: nobody comes
    so far.)
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(b'{"d": {"results": [') + packer.flush(zlib.Z_FULL_FLUSH)
    blanks = packer.compress(b' ' * MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + blanks * (size // MEGABYTE) + packer.compress(b']}}') + packer.flush()


def test_a_packed_bomb_is_not_unpacked(fake, client):
    packed = bomb(600 * MEGABYTE)
    assert len(packed) < MEGABYTE
    fake.will(Answer(body=packed, headers={'Content-Encoding': 'gzip'}), Answer(body={'d': []}))
    tracemalloc.start()
    try:
        with pytest.raises(TooMuch) as caught:
            client.get('crm/Accounts', select=['ID'])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * MAX_BYTES, f"{peak / MEGABYTE:.0f} MB"
    assert (caught.value.limit, caught.value.resource) == ('bytes', 'crm/Accounts')
    # The next call is another matter
    assert client.get('crm/Accounts', select=['ID']) == []


def test_an_endless_answer_ends(serve):
    def say():
        yield HEAD + b'Transfer-Encoding: chunked\r\n\r\n'
        while True:
            yield b'10000\r\n' + b' ' * 0x10000 + b'\r\n'

    server = serve(say)
    with client_of(server.url) as client:
        with pytest.raises(TooMuch):
            client.get('crm/Accounts', select=['ID'])
        assert server.over.wait(5), "the connection is closed, not drained"


def test_an_answer_that_says_it_is_too_large_is_not_read(serve):
    server = serve(lambda: [HEAD + b'Content-Length: 99999999999\r\n\r\n'])
    with client_of(server.url) as client, pytest.raises(TooMuch):
        client.get('crm/Accounts', select=['ID'])


def test_a_write_that_is_answered_too_much_is_looked_up(fake, client):
    fake.will(Answer(201, bomb(40 * MEGABYTE), headers={'Content-Encoding': 'gzip'}))
    with pytest.raises(OutcomeUnknown):
        client.post('crm/Accounts', {'Name': "A"})


def test_the_budget_learns_from_the_head(fake):
    calls = []
    with client_of(fake.url, after=calls.append) as client:
        fake.will(Answer(body=bomb(40 * MEGABYTE), headers={
            'Content-Encoding': 'gzip', 'X-RateLimit-Minutely-Remaining': '17',
        }))
        with pytest.raises(TooMuch):
            client.get('crm/Accounts', select=['ID'])
    assert (calls[0].status, calls[0].limits.minute_remaining) == (200, 17)


@pytest.mark.parametrize('body', [
    json.dumps({'d': ROWS}).encode(), b'{"d": []}',
    b' ' * 100_000 + json.dumps({'d': ROWS}).encode(),
])
def test_a_packed_answer_is_read(fake, client, body):
    two = gzip.compress(body[:7]) + gzip.compress(body[7:])
    for packed in (gzip.compress(body), two):
        fake.will(Answer(body=packed, headers={'Content-Encoding': 'gzip'}))
        assert client.get('crm/Accounts', select=['ID']) == json.loads(body)['d']
    assert fake.requests[0].headers['Accept-Encoding'] == 'gzip'


@pytest.mark.parametrize(('packed', 'coding'), [
    (gzip.compress(b'{"d": []}')[:-9], 'gzip'), (b'no gzip at all', 'gzip'), (b'{"d": []}', 'br'),
    (gzip.compress(b'{"d": []}'), 'gzip, gzip'),
])
def test_a_packing_that_is_broken_is_no_answer(fake, client, packed, coding):
    fake.will(
        Answer(body=packed, headers={'Content-Encoding': coding}), Answer(body={'d': []}),
    )
    with pytest.raises(Transient):
        client.get('crm/Accounts', select=['ID'])
    assert client.get('crm/Accounts', select=['ID']) == []


def test_a_large_page_is_read(fake, client):
    rows = [{'ID': str(number), 'Description': "x" * 4000} for number in range(1000)]
    fake.will(Answer(body={'d': {'results': rows}}))
    assert len(client.get('sync/Financial/TransactionLines', select=['ID', 'Description'])) == 1000


# === TIME === #


def drip(text, pause=0.05):
    for number in range(len(text)):
        yield text[number:number + 1]
        time.sleep(pause)


@pytest.mark.parametrize('say', [
    lambda: drip(HEAD + b'X-A: ' + b'a' * 1000),
    lambda: chain([HEAD + b'Content-Length: 1000\r\n\r\n'], drip(b' ' * 1000)),
    lambda: chain([HEAD + b'Transfer-Encoding: chunked\r\n\r\n'], drip(b'1\r\n \r\n' * 99)),
])
def test_a_slow_drip_ends(serve, say):
    server = serve(say)
    started = time.monotonic()
    with client_of(server.url, whole=0.6) as client:
        with pytest.raises(TooSlow) as caught:
            client.get('crm/Accounts', select=['ID'])
        assert caught.value.resource == 'crm/Accounts'
        with pytest.raises(OutcomeUnknown):
            client.post('crm/Accounts', {'Name': "A"})
    assert 1.1 < time.monotonic() - started < 3


def test_a_silence_is_still_a_silence(fake):
    """Who says nothing at all would say nothing to the next question, either."""
    fake.will(Answer(fault='silent'))
    with client_of(fake.url, timeout=(1, 0.3)) as client:
        with pytest.raises(Transient) as caught:
            client.get('crm/Accounts', select=['ID'])
    assert not isinstance(caught.value, TooSlow)


def test_a_connection_is_used_again_after_a_call(fake, client):
    """The time of one call is not that of the next one."""
    fake.will(*[Answer(body={'d': []})] * 3)
    for _call in range(3):
        client.get('crm/Accounts', select=['ID'])
        assert client._session.adapters['http://'].poolmanager.pools


def test_a_drip_of_the_token_endpoint_ends(serve):
    server = serve(lambda: drip(HEAD + b'X-A: ' + b'a' * 1000))
    oauth = OAuth(server.url, 'an-app', 'a-secret', 'https://odoo.example.com', whole=0.5)
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        oauth.exchange('code')
    assert time.monotonic() - started < 2


def test_a_bomb_of_the_token_endpoint_is_not_unpacked(fake):
    fake.will(Answer(body=bomb(100 * MEGABYTE), headers={'Content-Encoding': 'gzip'}))
    oauth = OAuth(fake.url, 'an-app', 'a-secret', 'https://odoo.example.com')
    tracemalloc.start()
    try:
        with pytest.raises(OutcomeUnknown):
            oauth.exchange('code')
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * MEGABYTE, f"{peak / MEGABYTE:.0f} MB"


# === PAGES === #


def endless(rows_of, limit=2000):
    """Pages that always name a new next one."""
    return [
        Answer(body={'d': {
            'results': rows_of(number),
            '__next': f'{{url}}/api/v1/1/crm/Accounts?$select=ID&$skiptoken={number}',
        }})
        for number in range(limit)
    ]


@pytest.mark.parametrize(('rows_of', 'calls'), [
    (lambda number: ROWS, 2),
    (lambda number: ROWS[::-1] if number % 2 else ROWS, 2),
    (lambda number: ROWS[number:], 2),
    (lambda number: [], 1),
    (lambda number: [ROWS[number % 7]], 8),
    (lambda number: [{'Code': "1", 'Name': "The same"}], 4),
])
def test_pages_that_bring_nothing_new_end(fake, client, rows_of, calls):
    fake.will(*endless(rows_of, 50))
    with pytest.raises(TooMuch) as caught:
        client.get('crm/Accounts', select=['Name'])
    assert (caught.value.limit, caught.value.resource) == ('progress', 'crm/Accounts')
    assert len(fake.requests) == calls


def test_pages_that_bring_something_new_go_on(fake, client):
    fake.will(*endless(lambda number: [{'ID': str(number)}, {'ID': 'again'}], 30))
    fake.will(Answer(body={'d': {'results': [{'ID': 'last'}, {'ID': 'again'}]}}))
    assert len(client.get('crm/Accounts', select=['ID'])) == 62


def test_a_last_page_may_repeat(fake, client):
    fake.will(*endless(lambda number: ROWS, 1), Answer(body={'d': {'results': ROWS}}))
    assert len(client.get('crm/Accounts', select=['ID'])) == 20


def test_there_are_no_more_pages_than_a_day_has_calls(fake, client, monkeypatch):
    monkeypatch.setattr('exact_api.pages.MAX_PAGES', 20)
    fake.will(*endless(lambda number: [{'ID': str(number)}], 50))
    with pytest.raises(TooMuch) as caught:
        client.get('crm/Accounts', select=['ID'])
    assert (caught.value.limit, len(fake.requests)) == ('pages', 20)


# === ROWS === #


def test_what_is_missing_in_a_row_is_nothing(fake, client):
    fake.will(Answer(body={'d': [{'ID': '1', 'More': 1}, {'ID': '2', 'Name': "B"}]}))
    assert client.get('crm/Accounts', select=['ID', 'Name']) == [
        {'ID': '1', 'Name': None, 'More': 1}, {'ID': '2', 'Name': "B"},
    ]


@pytest.mark.parametrize('row', [{'Name': "A"}, {'ID': None, 'Name': "A"}, {'ID': '', 'Name': "A"}])
def test_a_row_without_its_key_is_no_record(fake, client, row):
    """Who looks something up must not take it for "not there" and make it once more."""
    fake.will(Answer(body={'d': [{'ID': '1', 'Name': "B"}, row]}))
    with pytest.raises(MalformedAnswer) as caught:
        client.get('crm/Accounts', select=['ID', 'Name'])
    assert caught.value.resource == 'crm/Accounts'
    fake.will(Answer(body={'d': [row]}))
    [page] = client.pages('crm/Accounts', select=['ID', 'Name'], whole=False)
    assert page == [row]


# === PAUSES === #


@pytest.mark.parametrize(('said', 'seconds'), [
    ('315360000', 3600), ('9' * 18, 3600), ('9' * 30, 60), ('3601', 3600), ('120', 120),
    ('-5', 60), ('soon', 60), ('1e9', 60), ('', 60), ('0', 60), ('1.5', 60), ('\x00', 60),
    ('Fri, 01 Jan 2038 00:00:00 GMT', 3600), ('Thu, 01 Jan 2026 00:10:00 GMT', 600),
    ('Mon, 01 Jan 1990 00:00:00 GMT', 60),
])
def test_a_pause_has_an_end(said, seconds):
    headers = {'Retry-After': said}
    moment, scope = RateLimits.from_headers(headers, NOW).blocked_until(headers, NOW)
    assert (moment - NOW, scope) == (timedelta(seconds=seconds), 'minute')


def test_the_day_ends_within_a_day():
    headers = {'Retry-After': '315360000', 'X-RateLimit-Remaining': '0'}
    moment, scope = RateLimits.from_headers(headers, NOW).blocked_until(headers, NOW)
    assert (moment - NOW, scope) == (timedelta(hours=25), 'day')


def test_the_windows_own_end_wins():
    headers = {
        'Retry-After': '315360000', 'X-RateLimit-Minutely-Remaining': '0',
        'X-RateLimit-Minutely-Reset': str(int((NOW.timestamp() + 30) * 1000)),
    }
    moment, _scope = RateLimits.from_headers(headers, NOW).blocked_until(headers, NOW)
    assert moment == NOW + timedelta(seconds=30)
