import ast
import logging
import socket
import ssl
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
import requests
import urllib3
from exact_api_fake import GUID, NOW, Answer, Clock, Fake, business_error

import exact_api
from exact_api import (
    Call,
    ExactClient,
    Forbidden,
    MalformedAnswer,
    NeedsReconnect,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    RateLimits,
    Rejected,
    Transient,
    Unreachable,
    odata,
)

SECRET = 'secret-access-token'
LIST = {'d': {'results': []}}
WRITES = {
    'POST': lambda client: client.post('crm/Accounts', {'Name': "Private words"}),
    'PUT': lambda client: client.put('crm/Accounts', GUID, {'Name': "Private words"}),
    'DELETE': lambda client: client.delete('crm/Accounts', GUID),
}
CALLS = {
    'GET': lambda client: client.get(
        'crm/Accounts', select=['ID'], filter=odata.eq('Name', "Private"),
    ),
    **WRITES,
}


@pytest.fixture
def client(fake):
    with ExactClient(fake.url, 1234567, lambda: SECRET, clock=Clock(), timeout=(1, 0.4)) as client:
        yield client


# === WHAT IS SENT === #


def test_get_sends_select_filter_and_the_token(fake, client):
    fake.will(Answer(body=LIST))
    term = odata.all_of(odata.eq('Name', "O'Neil & Co +1 €"), odata.eq('ID', odata.guid(GUID)))
    assert client.get(
        'crm/Accounts', select=['ID', 'Name'], filter=term, orderby='Name', top=5,
    ) == []
    request = fake.requests[0]
    assert request.path == '/api/v1/1234567/crm/Accounts'
    assert request.query == {
        '$select': 'ID,Name', '$orderby': 'Name', '$top': '5',
        '$filter': f"Name eq 'O''Neil & Co +1 €' and ID eq guid'{GUID}'",
    }
    assert request.headers['Authorization'] == f'Bearer {SECRET}'
    assert request.headers['Accept'] == 'application/json'


def test_parameters_of_functions_are_literals(fake, client):
    fake.will(Answer(body=LIST), Answer(body=LIST))
    client.get(
        'read/financial/ReceivablesListByAccount', select='HID',
        params={'accountId': odata.guid(GUID), 'since': date(2026, 1, 31)},
    )
    assert fake.requests[0].query == {
        '$select': 'HID', 'accountId': f"guid'{GUID}'", 'since': "datetime'2026-01-31T00:00:00'",
    }


@pytest.mark.parametrize(('resource', 'path'), [
    ('current/Me', '/api/v1/current/Me'),
    ('system/Users', '/api/v1/system/Users'),
    ('system/Divisions', '/api/v1/1234567/system/Divisions'),
    ('beta/subscription/SubscriptionLines', '/api/v1/beta/1234567/subscription/SubscriptionLines'),
    ('sync/Cashflow/PaymentTerms', '/api/v1/1234567/sync/Cashflow/PaymentTerms'),
])
def test_the_division_is_in_the_address_where_it_belongs(fake, client, resource, path):
    fake.will(Answer(body=LIST))
    client.get(resource, select=['ID'])
    assert fake.requests[0].path == path


def test_without_a_division_only_what_has_none_can_be_called(fake):
    client = ExactClient(fake.url, None, lambda: SECRET)
    fake.will(Answer(body={'d': {'results': [{'CurrentDivision': 1}]}}))
    assert client.get('current/Me', select=['CurrentDivision']) == [{'CurrentDivision': 1}]
    with pytest.raises(ValueError, match="division"):
        client.get('crm/Accounts', select=['ID'])
    assert len(fake.requests) == 1


@pytest.mark.parametrize('resource', [
    'crm', 'crm/Accounts?x=1', '../oauth2/token', '/crm/Accounts', 'crm//A',
])
def test_a_resource_is_a_plain_path(client, resource):
    with pytest.raises(ValueError, match="path"):
        client.get(resource, select=['ID'])


def test_select_is_demanded(client):
    with pytest.raises(ValueError, match="Select"):
        client.get('crm/Accounts', select=[])


@pytest.mark.parametrize(('resource', 'key', 'literal'), [
    ('crm/Accounts', GUID.upper(), f"guid'{GUID}'"),
    ('crm/Accounts', UUID(GUID), f"guid'{GUID}'"),
    ('sync/CRM/Accounts', 12345678901, '12345678901L'),
    ('hrm/Divisions', 7, '7'),
    ('crm/Accounts', odata.guid(GUID), f"guid'{GUID}'"),
])
def test_keys(fake, client, resource, key, literal):
    fake.will(Answer(body={'d': {'ID': GUID}}))
    assert client.get_by_key(resource, key, select=['ID']) == {'ID': GUID}
    assert fake.requests[0].path.endswith(f'/{resource}({literal})'.replace("'", '%27')) or (
        fake.requests[0].path.endswith(f'/{resource}({literal})')
    )


def test_a_key_that_is_no_guid_is_not_sent(fake, client):
    with pytest.raises(ValueError, match="UUID"):
        client.delete('crm/Accounts', "x') or (ID eq '")
    assert not fake.requests


def test_post_sends_exact_numbers_and_dates(fake, client):
    fake.will(Answer(201, {'d': {'EntryID': GUID, 'SalesEntryLines': {'__deferred': {}}}}))
    answer = client.post('salesentry/SalesEntries', {
        'EntryDate': date(2026, 1, 31), 'Customer': UUID(GUID), 'YourRef': "INV/é", 'Flag': True,
        'Moment': datetime(2026, 7, 1, 12, tzinfo=timezone.utc), 'Document': None,
        'SalesEntryLines': [{'AmountFC': Decimal('100.10'), 'Quantity': Decimal('1E+3')}],
    })
    assert answer['EntryID'] == GUID
    body = fake.requests[0].body.decode()
    assert '"AmountFC": 100.10' in body
    assert '"Quantity": 1000' in body
    assert fake.requests[0].headers['Content-Type'] == 'application/json'
    assert fake.requests[0].json == {
        'EntryDate': '2026-01-31T00:00:00', 'Customer': GUID, 'YourRef': "INV/é", 'Flag': True,
        'Moment': '2026-07-01T14:00:00', 'Document': None,
        'SalesEntryLines': [{'AmountFC': 100.1, 'Quantity': 1000}],
    }


def test_put_and_delete_answer_nothing(fake, client):
    fake.will(Answer(204), Answer(204))
    assert client.put('crm/Accounts', GUID, {'Status': 'C'}) is None
    assert client.delete('crm/Accounts', GUID) is None
    assert [request.method for request in fake.requests] == ['PUT', 'DELETE']
    assert fake.requests[1].body == b''


def test_the_language_is_a_header(fake):
    fake.will(Answer(body=LIST))
    ExactClient(fake.url, 1, lambda: SECRET, language='NL').get('crm/Accounts', select='ID')
    assert fake.requests[0].headers['CustomDescriptionLanguage'] == 'NL'


def test_a_netrc_of_the_server_does_not_replace_the_token(fake, client, monkeypatch, tmp_path):
    (tmp_path / '.netrc').write_text('machine 127.0.0.1 login a password b\n')
    monkeypatch.setenv('NETRC', str(tmp_path / '.netrc'))
    fake.will(Answer(body=LIST))
    client.get('crm/Accounts', select='ID')
    assert fake.requests[0].headers['Authorization'] == f'Bearer {SECRET}'


def test_cookies_are_not_kept(fake, client):
    fake.will(Answer(body=LIST, headers={'Set-Cookie': 'a=b; Path=/'}), Answer(body=LIST))
    client.get('crm/Accounts', select='ID')
    client.get('crm/Accounts', select='ID')
    assert 'Cookie' not in fake.requests[1].headers


# === ADDRESSES === #


@pytest.mark.parametrize('url', [
    'http://start.exactonline.nl', 'ftp://localhost', 'start.exactonline.nl', '', 'https://',
    'https://me:pw@start.exactonline.nl', 'http://127.0.0.1@evil.example', 'https://a.example/?x=1',
    'http://localhost.evil.example', 'http://10.0.0.1', 'https://a.example:port',
])
def test_addresses_that_no_token_goes_to(url):
    with pytest.raises(ValueError):
        ExactClient(url, 1, lambda: SECRET)


@pytest.mark.parametrize('url', [
    *exact_api.SITES.values(), 'http://localhost:8070/', 'http://127.0.0.1', 'http://[::1]:80',
    'https://proxy.example:8443',
])
def test_addresses_that_a_token_goes_to(url):
    assert ExactClient(url, 1, lambda: SECRET).base_url == url.rstrip('/')


# === PAGES === #


def test_pages_are_followed_as_given_in_both_envelopes(fake, client):
    next_path = "/api/v1/1234567/crm/Accounts?$select=ID&$skiptoken=guid'{}'"
    fake.will(
        Answer(body={'d': {'results': [{'ID': 1}], '__next': fake.url + next_path.format(1)}}),
        Answer(body={'d': [{'ID': 2}], '__next': fake.url + next_path.format(2)}),
        Answer(body={'d': [{'ID': 3}]}),
    )
    pages = client.pages('crm/Accounts', select=['ID'], filter='ID ne null')
    assert not fake.requests  # nothing before it is asked for
    assert [row['ID'] for page in pages for row in page] == [1, 2, 3]
    targets = [request.target.replace('%27', "'") for request in fake.requests[1:]]
    assert targets == [next_path.format(1), next_path.format(2)]


def test_one_call_per_page(fake, client):
    row = {'ID': GUID}
    fake.will(Answer(body={'d': {'results': [row], '__next': f'{fake.url}/api/v1/x'}}))
    next(client.pages('crm/Accounts', select=['ID']))
    assert len(fake.requests) == 1


@pytest.mark.parametrize('url', [
    'https://evil.example/api/v1/1', 'http://127.0.0.1:1/x', 'https://127.0.0.1/x', '/api/v1/x',
    'http://user@127.0.0.1/x', '//evil.example/', 'http://127.0.0.1:nonsense/',
    # Read one way here and another way by whoever sends the request
    '{url}@evil.example/x', '{url}:x@evil.example/', 'http://127.0.0.1\\@evil.example/',
    'http://127.0.0.1%2eevil.example/', 'http://127.0.0.1.evil.example/', 'http://127.0.0.1\t@e.nl/',
    'http://evil.example/{url}', 'http://evil.example#{url}', 'http://[127.0.0.1/', 'file:///etc/x',
    'javascript:alert(1)', 'HTTP://127.0.0.1:1@evil.example/', ' http://evil.example/',
])
@pytest.mark.parametrize('envelope', ['nested', 'flat'])
def test_a_link_to_another_host_is_refused_before_the_page_is_used(fake, client, url, envelope):
    nested, flat = {'d': {'results': [{}], '__next': url}}, {'d': [{}], '__next': url}
    fake.will(Answer(body=nested if envelope == 'nested' else flat))
    with pytest.raises(MalformedAnswer, match="another host"):
        next(client.pages('crm/Accounts', select=['ID']))
    assert len(fake.requests) == 1


def test_pages_that_go_round_in_circles_end(fake, client):
    first, second = (
        {'d': {'results': [{'ID': key}], '__next': f'{fake.url}/api/v1/1234567/crm/Accounts?a'}}
        for key in 'ab'
    )
    fake.will(Answer(body=first), Answer(body=second))
    with pytest.raises(MalformedAnswer, match="circles"):
        client.get('crm/Accounts', select=['ID'])
    assert len(fake.requests) == 2


def test_top_ends_the_reading(fake, client):
    fake.will(Answer(body={'d': {'results': [{'ID': 1}, {'ID': 2}], '__next': f'{fake.url}/x'}}))
    assert client.get('crm/Accounts', select=['ID'], top=1) == [{'ID': 1}]
    assert len(fake.requests) == 1


@pytest.mark.parametrize('body', [
    [], {}, {'d': None}, {'d': 'x'}, {'d': {}}, {'d': {'results': None}}, {'d': [1]}, 'null', '7',
    {'d': {'results': [], '__next': 7}},
])
def test_what_is_no_list_is_malformed(fake, client, body):
    fake.will(Answer(body=body))
    with pytest.raises(MalformedAnswer):
        client.get('crm/Accounts', select=['ID'])


def test_numbers_keep_their_digits(fake, client):
    fake.will(Answer(body='{"d": [{"Rate": 0.1234567890123456789, "N": 12345678901234567890}]}'))
    row = client.get('x/Y', select=['Rate'])[0]
    assert row == {'Rate': Decimal('0.1234567890123456789'), 'N': 12345678901234567890}


@pytest.mark.parametrize(('body', 'row'), [
    ({'d': {'ID': GUID}}, {'ID': GUID}),
    ({'d': {'results': [{'ID': GUID}]}}, {'ID': GUID}),
    ({'d': [{'ID': GUID}]}, {'ID': GUID}),
    ({'d': {'results': []}}, None),
    ({'d': []}, None),
])
def test_one_record_in_every_envelope(fake, client, body, row):
    fake.will(Answer(body=body))
    assert client.get_by_key('crm/Accounts', GUID, select=['ID']) == row


def test_a_missing_record_is_none(fake, client):
    fake.will(Answer(404))
    assert client.get_by_key('crm/Accounts', GUID, select=['ID']) is None


@pytest.mark.parametrize('body', [{'d': [{}, {}]}, {'d': 'x'}, [], 'null'])
def test_what_is_no_record_is_malformed(fake, client, body):
    fake.will(Answer(body=body))
    with pytest.raises(MalformedAnswer):
        client.get_by_key('crm/Accounts', GUID, select=['ID'])


# === REFUSALS === #


@pytest.mark.parametrize('method', CALLS)
def test_a_business_error_is_rejected_with_its_words(fake, client, method):
    fake.will(business_error("Verplicht: Dagboek", "Ongeldige referentie: Kostendrager"))
    with pytest.raises(Rejected) as caught:
        CALLS[method](client)
    error = caught.value
    assert error.messages == ("Verplicht: Dagboek", "Ongeldige referentie: Kostendrager")
    assert error.kinds == ('mandatory', 'invalid_reference')
    assert (error.status, error.method, error.resource) == (500, method, 'crm/Accounts')
    assert "Dagboek" not in str(error)
    assert len(fake.requests) == 1


def test_unknown_words_are_rejected_too(fake, client):
    fake.will(business_error("Something new"))
    with pytest.raises(Rejected) as caught:
        WRITES['POST'](client)
    assert caught.value.kinds == ('unknown',)


@pytest.mark.parametrize('method', CALLS)
def test_other_4xx_with_words_of_exact_are_rejected(fake, client, method):
    fake.will(business_error(
        "This endpoint has mandatory filtering applied. ...:Code,ID", status=400,
    ))
    with pytest.raises(Rejected):
        CALLS[method](client)


@pytest.mark.parametrize('answer', [Answer(400, b''), Answer(400, {'error': 'odd'}), Answer(414)])
def test_a_read_without_words_is_rejected_all_the_same(fake, client, answer):
    fake.will(answer)
    with pytest.raises(Rejected):
        CALLS['GET'](client)


@pytest.mark.parametrize('body', [b'', b'<html>', {'error': 'odd'}, {}])
@pytest.mark.parametrize('status', [400, 403, 404, 405, 409, 413, 414])
@pytest.mark.parametrize('method', WRITES)
def test_a_refusal_that_is_not_exacts_is_no_answer(fake, client, method, status, body):
    """A proxy may say so after Exact did what it was asked."""
    fake.will(Answer(status, body))
    with pytest.raises(OutcomeUnknown) as caught:
        WRITES[method](client)
    assert caught.value.is_foreign
    assert caught.value.status == status


@pytest.mark.parametrize('status', [401, 429])
@pytest.mark.parametrize('method', WRITES)
def test_a_page_of_a_proxy_is_no_answer_to_a_write(fake, client, method, status):
    """Above all it is not sent once more with another token."""
    fake.will(Answer(status, b'<html>'))
    with pytest.raises(OutcomeUnknown):
        WRITES[method](client)
    assert len(fake.requests) == 1


@pytest.mark.parametrize('body', [b'<html>please log in</html>', b'OK'])
@pytest.mark.parametrize('method', ['PUT', 'DELETE'])
def test_a_login_page_is_no_success(fake, client, method, body):
    fake.will(Answer(200, body))
    with pytest.raises(OutcomeUnknown) as caught:
        WRITES[method](client)
    assert caught.value.is_foreign


@pytest.mark.parametrize('answer', [Answer(204, b''), Answer(200, b''), Answer(200, {'d': {}})])
@pytest.mark.parametrize('method', ['PUT', 'DELETE'])
def test_nothing_or_json_is_a_success(fake, client, method, answer):
    fake.will(answer)
    WRITES[method](client)


@pytest.mark.parametrize('status', [400, 403, 404, 409])
def test_a_page_says_nothing_about_a_record(fake, client, status):
    """That it is not there, above all."""
    fake.will(Answer(status, b'<html>'))
    with pytest.raises(Transient):
        client.get_by_key('crm/Accounts', GUID, select=['ID'])


def test_error_text_that_is_plain_is_read(fake, client):
    fake.will(Answer(500, {'error': {'code': '', 'message': "Reeds verwerkt"}}))
    with pytest.raises(Rejected) as caught:
        WRITES['PUT'](client)
    assert caught.value.kinds == ('already_processed',)


@pytest.mark.parametrize('answer', [
    business_error("A problem has occurred. Please try again."),
    business_error(), Answer(500, b'<html>'), Answer(500, {}), Answer(500, b''), Answer(501),
    Answer(502), Answer(503), Answer(504), Answer(408),
    Answer(503, {'error': {'message': {'value': "Verplicht: Dagboek"}}}),
])
@pytest.mark.parametrize('method', CALLS)
def test_what_may_have_been_processed(fake, client, method, answer):
    fake.will(answer)
    with pytest.raises(Transient if method == 'GET' else OutcomeUnknown) as caught:
        CALLS[method](client)
    assert caught.value.status == answer.status
    assert len(fake.requests) == 1


def test_a_problem_beside_a_known_refusal_is_a_refusal(fake, client):
    fake.will(business_error("A problem has occurred.", "Verplicht: Dagboek"))
    with pytest.raises(Rejected):
        WRITES['POST'](client)


def test_missing_scope(fake, client):
    fake.will(Answer(
        403, reason="Forbidden: Application Scope Violated - 'organization.administration'",
    ))
    with pytest.raises(Forbidden) as caught:
        CALLS['GET'](client)
    assert caught.value.scope == 'organization.administration'
    assert caught.value.reason == 'Application Scope Violated'


@pytest.mark.parametrize(('header', 'reason'), [
    ('NoDivisionAccess', 'NoDivisionAccess'), ('LicenseExpired: since 2025', 'LicenseExpired'),
])
@pytest.mark.parametrize('method', CALLS)
def test_forbidden_gives_its_reason(fake, client, method, header, reason):
    fake.will(Answer(403, headers={'Reason': header}))
    with pytest.raises(Forbidden) as caught:
        CALLS[method](client)
    assert (caught.value.reason, caught.value.scope) == (reason, '')


def test_a_read_that_is_forbidden_may_say_no_reason(fake, client):
    fake.will(Answer(403))
    with pytest.raises(Forbidden) as caught:
        CALLS['GET'](client)
    assert caught.value.reason == ''


def test_a_module_outside_the_licence_is_forbidden(fake, client):
    fake.will(business_error("Division not accessible", status=400))
    with pytest.raises(Forbidden) as caught:
        CALLS['GET'](client)
    assert caught.value.reason == "Division not accessible"


@pytest.mark.parametrize('method', CALLS)
def test_not_found(fake, client, method):
    fake.will(business_error("Resource not found.", status=404))
    with pytest.raises(NotFound):
        CALLS[method](client)


@pytest.mark.parametrize('port', [None, 1])
def test_the_token_goes_to_one_place_only(fake, client, port):
    """Neither a link nor a redirect leads it to a neighbour on the same machine."""
    evil = Fake()
    try:
        url = evil.url if port is None else fake.url.replace('127.0.0.1', 'localhost')
        fake.will(
            Answer(body={'d': {'results': [{}], '__next': f'{url}/api/v1/1234567/crm/Accounts'}}),
            Answer(307, headers={'Location': f'{url}/api/v1/1234567/crm/Accounts'}),
        )
        for _time in range(2):
            with pytest.raises(MalformedAnswer):
                client.get('crm/Accounts', select=['ID'])
        assert len(fake.requests) == 2
        assert not evil.requests
    finally:
        evil.stop()


@pytest.mark.parametrize('status', [301, 302, 303, 307, 308])
@pytest.mark.parametrize('method', CALLS)
def test_redirects_are_not_followed(fake, client, method, status):
    fake.will(Answer(status, headers={'Location': '{url}/elsewhere'}))
    with pytest.raises(MalformedAnswer):
        CALLS[method](client)
    assert len(fake.requests) == 1


# === LIMITS === #


MINUTE = {
    'X-RateLimit-Minutely-Limit': '60', 'X-RateLimit-Minutely-Remaining': '0',
    'X-RateLimit-Minutely-Reset': '1767225720000',
}
DAY = {
    'X-RateLimit-Limit': '5000', 'X-RateLimit-Remaining': '0',
    'X-RateLimit-Reset': '1767312000000',
}


@pytest.mark.parametrize(('headers', 'wait', 'scope'), [
    (MINUTE, 120, 'minute'),
    (DAY, 86400, 'day'),
    (MINUTE | DAY, 86400, 'day'),
    (MINUTE | DAY | {'X-RateLimit-Remaining': '7'}, 120, 'minute'),
    (MINUTE | {'X-RateLimit-Minutely-Remaining': '3'}, 120, 'minute'),
    # No window is named: the resource alone
    ({'Retry-After': '90'}, 90, 'error_fuse'),
    ({'Retry-After': 'Thu, 01 Jan 2026 00:01:30 GMT'}, 90, 'error_fuse'),
    ({'Retry-After': 'soon'}, 60, 'error_fuse'),
    ({'Retry-After': '315360000'}, 3600, 'error_fuse'),
    ({}, 60, 'error_fuse'),
    ({'X-RateLimit-Remaining': '0'}, 60, 'day'),
    # It has passed by our clock, so Exact's is behind, nobody knows how far
    (MINUTE | {'X-RateLimit-Minutely-Reset': '1767225500000'}, 60, 'minute'),
    # Further ahead than a window is long: Exact's clock is ahead
    (MINUTE | {'X-RateLimit-Minutely-Reset': '1767226500000'}, 120, 'minute'),
    (MINUTE | {'X-RateLimit-Minutely-Reset': 'x', 'Retry-After': '30'}, 30, 'minute'),
    (MINUTE | {'X-RateLimit-Minutely-Reset': '9' * 18}, 60, 'minute'),
])
def test_429_says_when_to_try_again(fake, client, headers, wait, scope):
    fake.will(Answer(429, headers=headers))
    with pytest.raises(RateLimited) as caught:
        WRITES['POST'](client)
    assert caught.value.retry_at == NOW + timedelta(seconds=wait)
    assert caught.value.scope == scope
    assert len(fake.requests) == 1


def test_an_absent_family_is_unknown_and_not_zero():
    limits = RateLimits.from_headers(MINUTE, NOW)
    assert (limits.day_limit, limits.day_remaining, limits.day_reset) == (None, None, None)
    assert (limits.minute_limit, limits.minute_remaining) == (60, 0)
    assert limits.minute_reset == datetime(2026, 1, 1, 0, 2, tzinfo=timezone.utc)


def test_headers_are_read_in_any_case_and_nonsense_is_unknown():
    headers = {
        'x-ratelimit-limit': ' 5000 ', 'X-RATELIMIT-REMAINING': '-1', 'X-RateLimit-Reset': '0',
    }
    assert RateLimits.from_headers(headers, NOW) == RateLimits(day_limit=5000)


# === THE TOKEN === #


@pytest.mark.parametrize('method', CALLS)
def test_401_is_tried_again_with_another_token(fake, method):
    tokens = iter(['old', 'new'])
    fake.will(
        Answer(401, headers={'WWW-Authenticate': 'access token expired'}),
        Answer(body={'d': [{'ID': 1}]}),
    )
    CALLS[method](ExactClient(fake.url, 1, lambda: next(tokens)))
    sent = [request.headers['Authorization'] for request in fake.requests]
    assert sent == ['Bearer old', 'Bearer new']
    assert fake.requests[0].body == fake.requests[1].body


def test_401_with_the_same_token_is_not_tried_again(fake, client):
    fake.will(Answer(401))
    with pytest.raises(NeedsReconnect) as caught:
        WRITES['POST'](client)
    assert (caught.value.reason, caught.value.status) == ('rejected', 401)
    assert len(fake.requests) == 1


def test_401_twice_is_enough(fake):
    tokens = iter(['a', 'b', 'c'])
    fake.will(Answer(401), Answer(401))
    with pytest.raises(NeedsReconnect):
        WRITES['POST'](ExactClient(fake.url, 1, lambda: next(tokens)))
    assert len(fake.requests) == 2


def test_the_token_is_asked_for_after_the_hook_and_before_each_page(fake):
    events = []
    first = {'d': {'results': [{'ID': GUID}], '__next': f'{fake.url}/next'}}
    fake.will(Answer(body=first), Answer(body=LIST))
    client = ExactClient(
        fake.url, 1, lambda: events.append('token') or SECRET,
        before=lambda method, resource: events.append((method, resource)),
        after=lambda call: events.append(call.status),
    )
    client.get('crm/Accounts', select=['ID'])
    assert events == [('GET', 'crm/Accounts'), 'token', 200] * 2


def test_a_hook_that_refuses_prevents_the_call(fake):
    def refuse(_method, _resource):
        raise RateLimited("not now", retry_at=NOW, scope='error_fuse')

    client = ExactClient(fake.url, 1, pytest.fail, before=refuse, after=pytest.fail)
    with pytest.raises(RateLimited):
        WRITES['POST'](client)
    assert not fake.requests


@pytest.mark.parametrize('token', ['', 'a\r\nX: y', 'a b', 'é', None])
def test_a_token_that_fits_no_header_is_not_sent(fake, token):
    with pytest.raises(ValueError, match="header") as caught:
        WRITES['POST'](ExactClient(fake.url, 1, lambda: token))
    assert not fake.requests
    assert not token or token not in str(caught.value)


# === THE NETWORK === #


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize('method', CALLS)
def test_a_refused_connection_reached_nobody(method):
    with pytest.raises(Unreachable):
        CALLS[method](ExactClient(f'http://127.0.0.1:{free_port()}', 1, lambda: SECRET))


def test_a_name_that_does_not_exist_reached_nobody(monkeypatch):
    def unknown(*_args, **_kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, 'getaddrinfo', unknown)
    with pytest.raises(Unreachable):
        WRITES['POST'](ExactClient('https://start.exactonline.nl', 1, lambda: SECRET))


def test_without_trust_in_the_certificate_nothing_is_sent():
    failure = requests.exceptions.SSLError(urllib3.exceptions.MaxRetryError(
        None, '/x', urllib3.exceptions.SSLError(ssl.SSLCertVerificationError(1, "self-signed")),
    ))
    assert isinstance(raised_by(failure), Unreachable)


@pytest.mark.parametrize('failure', [
    requests.ConnectTimeout(),
    requests.exceptions.ProxyError(OSError("Tunnel connection failed: 407")),
    requests.ConnectionError(urllib3.exceptions.MaxRetryError(
        None, '/x', urllib3.exceptions.NewConnectionError(None, "no route"),
    )),
])
def test_failures_before_anything_was_sent(failure):
    assert isinstance(raised_by(failure), Unreachable)


@pytest.mark.parametrize('failure', [
    requests.ReadTimeout(), requests.ConnectionError("reset"),
    requests.exceptions.ChunkedEncodingError(),
    requests.exceptions.ContentDecodingError(), requests.exceptions.SSLError("eof"), OSError("raw"),
    requests.exceptions.ProxyError(OSError("reset")), ssl.SSLError("raw"),
    urllib3.exceptions.ProtocolError("raw"), requests.exceptions.RequestException(),
])
def test_failures_after_which_nobody_knows(failure):
    assert isinstance(raised_by(failure), OutcomeUnknown)
    assert isinstance(raised_by(failure, 'GET'), Transient)


def raised_by(failure, method='POST'):
    class Session:
        def request(self, *_args, **_kwargs):
            raise failure

    with pytest.raises(exact_api.ExactError) as caught:
        CALLS[method](ExactClient('https://a.example', 1, lambda: SECRET, session=Session()))
    return caught.value


def test_an_older_failure_in_hand_does_not_make_a_new_one_harmless(fake, client):
    """Who deals with a refused connection and then writes must not learn that nothing was sent."""
    fake.will(Answer(fault='cut'))
    try:
        requests.get(f'http://127.0.0.1:{free_port()}', timeout=1)
    except requests.ConnectionError:
        with pytest.raises(OutcomeUnknown):
            WRITES['POST'](client)


@pytest.mark.parametrize('answer', [
    Answer(fault='cut'), Answer(fault='silent'), Answer(201, {'d': {'ID': GUID}}, fault='short'),
    Answer(201, b'<html>'), Answer(201, b''), Answer(201, b'{"d": NaN}'), Answer(201, b'\xff'),
    Answer(201, '[' * 100000), Answer(201, '{"d": [{"x": 1e99999999999999999999}]}'),
])
def test_no_usable_answer_leaves_the_outcome_unknown(fake, client, answer):
    fake.will(answer, answer)
    with pytest.raises(OutcomeUnknown):
        WRITES['POST'](client)
    with pytest.raises(Transient):
        CALLS['GET'](client)
    assert len(fake.requests) == 2


@pytest.mark.parametrize('body', [
    {}, {'d': None}, {'d': []}, {'d': {}}, {'d': [{}, {}]}, [], 'null',
])
def test_a_created_record_that_is_not_told_leaves_the_outcome_unknown(fake, client, body):
    fake.will(Answer(201, body))
    with pytest.raises(OutcomeUnknown):
        WRITES['POST'](client)


# === WHAT IS TOLD === #


def test_each_request_is_told_to_the_hook(fake):
    calls = []
    fake.will(
        Answer(401), Answer(500, b''), Answer(200, LIST, headers=MINUTE),
    )
    tokens = iter(['a', 'b', 'c'])
    client = ExactClient(
        fake.url, 1, lambda: next(tokens), after=calls.append, clock=lambda: NOW,
    )
    with pytest.raises(OutcomeUnknown):
        client.put('crm/Accounts', GUID, {})
    client.get('crm/Accounts', select='ID')
    assert [type(call.error) for call in calls] == [NeedsReconnect, OutcomeUnknown, type(None)]
    assert [call.status for call in calls] == [401, 500, 200]
    assert calls[0].path == f"/api/v1/1/crm/Accounts(guid'{GUID}')"
    assert calls[2] == Call(
        'GET', 'crm/Accounts', 200, calls[2].duration_s, RateLimits.from_headers(MINUTE, NOW), None,
        '/api/v1/1/crm/Accounts',
    )
    assert all(0 <= call.duration_s < 5 for call in calls)


def test_a_request_without_an_answer_is_told_too():
    calls = []
    client = ExactClient(f'http://127.0.0.1:{free_port()}', 1, lambda: SECRET, after=calls.append)
    with pytest.raises(Unreachable) as caught:
        CALLS['GET'](client)
    assert (calls[0].status, calls[0].error, calls[0].limits) == (None, caught.value, RateLimits())


@pytest.mark.parametrize('answer', [
    Answer(201, {'d': [{'ID': GUID}]}), business_error("Verplicht: Private words"),
    Answer(fault='cut'), Answer(401),
])
def test_log_and_errors_keep_secrets(fake, client, caplog, answer):
    caplog.set_level(logging.DEBUG, 'exact_api')
    fake.will(answer, answer)
    texts = []
    for method in ('POST', 'GET'):
        try:
            CALLS[method](client)
        except exact_api.ExactError as error:
            texts += [str(error), repr(error)]
            assert error.__cause__ is None
            assert error.__suppress_context__
    own = [record for record in caplog.records if record.name.startswith('exact_api')]
    assert len(own) == 2
    assert 'POST crm/Accounts' in own[0].getMessage()
    for text in [*texts, *(record.getMessage() for record in own)]:
        assert SECRET not in text
        assert "Private" not in text


# === THE PACKAGE === #


def test_the_package_knows_nothing_of_odoo_and_its_neighbours():
    files = list(Path(exact_api.__file__).parent.rglob('*.py'))
    assert len(files) > 10
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level < 2, f"{file} reaches out of the package"
                names = [] if node.level else [node.module]
            else:
                continue
            roots = {name.split('.')[0] for name in names}
            assert not roots & {'odoo', 'booking', 'simulator', 'exact_api'}, file
