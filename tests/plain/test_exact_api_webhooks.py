import hashlib
import hmac
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from exact_api import wire
from exact_api.webhooks import MAX_AGE, MAX_SIZE, NotificationRefusedError, read_notification

SECRET = 'example-webhook-secret'
CLIENT_ID = '0000000a-0000-4000-8000-00000000000a'
NOW = datetime(2026, 1, 1, 11, 5, tzinfo=timezone.utc)
# Computed for this content and this secret by another program: `openssl dgst -sha256 -hmac`
SAMPLE = (
    b'{"Content":{"Topic":"Accounts","ClientId":"{0000000a-0000-4000-8000-00000000000a}",'
    b'"Division":1234567,"Action":"Update","Key":"00000002-0000-4000-8000-000000000002",'
    b'"ExactOnlineEndpoint":"https://start.exactonline.nl/api/v1/1234567/crm/Accounts'
    b"(guid'00000002-0000-4000-8000-000000000002')\","
    b'"EventCreatedOn":"2026-01-01T12:00:00.000+01:00"},'
    b'"HashCode":"77F557AC98C8CB48D20CCD9CC8053CC702F25F42F06C7215EC41EF7F872A7401"}'
)
FACTS = Path(__file__).parents[3] / 'shared/exact/samples/webhook_notification.json'


def signed(content, secret=SECRET):
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    code = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest().upper().encode()
    return b'{"Content":%s,"HashCode":"%s"}' % (raw, code)


def content(**values):
    return {
        'Topic': 'Accounts', 'ClientId': f'{{{CLIENT_ID}}}', 'Division': 1234567,
        'Action': 'Update', 'Key': 'k', 'EventCreatedOn': '2026-01-01T12:00:00.000+01:00', **values,
    }


def read(body, secret=SECRET, client_id=CLIENT_ID, now=NOW):
    return read_notification(body, secret, client_id, now)


def refused(*args, **kwargs):
    with pytest.raises(NotificationRefusedError):
        read(*args, **kwargs)


def test_the_sample():
    notification = read(SAMPLE)
    assert (notification.topic, notification.action) == ('Accounts', 'Update')
    assert notification.division == 1234567
    assert notification.created_at == datetime(2026, 1, 1, 11, 0, tzinfo=timezone.utc)


@pytest.mark.skipif(not FACTS.is_file(), reason="the collection of facts is not here")
def test_the_sample_of_the_facts():
    facts = json.loads(FACTS.read_text())
    assert read(facts['raw_body'].encode(), secret=facts['secret']).division == 1234567


@pytest.mark.parametrize('body', [
    b'', b'{}', b'null', b'[]', b'x', b'\xff\xfe', b'{"Content":{}}',
    SAMPLE[:-1], SAMPLE + b'}', SAMPLE + SAMPLE,
    SAMPLE.replace(b'Update', b'Delete'),
    SAMPLE.replace(b'1234567,', b'1234568,'),
    SAMPLE.replace(b'"Topic":', b'"Topic": '),
    SAMPLE.replace(b'77F557', b'77f557'),
    SAMPLE.replace(b'77F557AC98C8CB48D20CCD9CC8053CC702F25F42F06C7215EC41EF7F872A7401', b''),
    SAMPLE.replace(b'"HashCode"', b'"hashcode"'),
    # A true one wrapped up in one that is not
    SAMPLE.replace(b'}', b',"Content":{"Division":1}}', 1),
    SAMPLE[:-1] + b',"Content":{"Division":1},"HashCode":"' + b'A' * 64 + b'"}',
    b'{"Content":{"Division":1},"HashCode":"' + b'A' * 64 + b'"}',
    # Signed, but no notification
    signed(b'{not json}'), signed(b'{"Division":1}'), signed(content(Division=None)),
    signed(content(Division='x')), signed(content(Topic=[1])), signed(content(EventCreatedOn=None)),
    signed(content(EventCreatedOn='soon')), signed(content(EventCreatedOn=5)),
    signed(content(EventCreatedOn='2026-99-01T12:00:00+01:00')),
    signed(content(ClientId='{0000000b-0000-4000-8000-00000000000b}')),
    signed(content(ClientId='')),
    signed(b'{"a":' + b'[' * 5000 + b'}'),
])
def test_what_is_refused(body):
    refused(body)


def test_nothing_is_true_without_a_secret():
    refused(signed(content(), secret=''), secret='')
    refused(SAMPLE, secret='another')


def test_size():
    refused(signed(content(Key='k' * MAX_SIZE)))


@pytest.mark.parametrize(('ago', 'accepted'), [
    (timedelta(0), True), (MAX_AGE - timedelta(seconds=1), True),
    (MAX_AGE + timedelta(seconds=1), False), (timedelta(days=365), False),
    (timedelta(minutes=-4), True), (timedelta(minutes=-6), False),
])
@pytest.mark.parametrize('form', ['zone', 'utc', 'dutch', 'no fraction'])
def test_age(ago, accepted, form):
    moment = (NOW - ago).astimezone(timezone(timedelta(hours=1)))
    text = {
        'zone': moment.isoformat(timespec='milliseconds'),
        'utc': moment.astimezone(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ'),
        'dutch': moment.replace(tzinfo=None).isoformat(timespec='milliseconds'),
        'no fraction': moment.isoformat(timespec='seconds'),
    }[form]
    body = signed(content(EventCreatedOn=text))
    if accepted:
        assert read(body).created_at == NOW - ago
    else:
        refused(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8,
)
SPACES = st.sampled_from([(',', ':'), (', ', ': '), (' ,\n', ' :\t')])


@given(key=st.text(max_size=200), extra=st.dictionaries(st.text(), JSON, max_size=3), form=SPACES,
       ascii_only=st.booleans())
def test_whatever_exact_writes_and_however_it_writes_it(key, extra, form, ascii_only):
    raw = json.dumps(
        {**extra, **content(Key=key)}, separators=form, ensure_ascii=ascii_only,
    ).encode(errors='surrogatepass')
    if not ascii_only:
        try:
            raw.decode()
        except UnicodeDecodeError:
            refused(signed(raw))
            return
    assert read(signed(raw)).key == wire.clean(key).strip()


@given(position=st.integers(0, len(SAMPLE) - 1), byte=st.integers(0, 255))
def test_one_changed_byte(position, byte):
    body = SAMPLE[:position] + bytes([byte]) + SAMPLE[position + 1:]
    if body != SAMPLE:
        refused(body)


@given(st.binary(max_size=300))
def test_noise(body):
    refused(body)


@given(JSON, st.text(alphabet='0123456789ABCDEF', min_size=64, max_size=64))
def test_other_json(value, code):
    refused(json.dumps({'Content': value, 'HashCode': code}, separators=(',', ':')).encode())
