"""OAuth2 of the simulator: consent page, codes, rotation, errors. In virtual time."""

import re
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from simulator_client import switched

from simulator.clock import Clock
from simulator.server import SimulatorServer

CALLBACK = 'https://odoo.example.com/account_exact/oauth/callback'
NOW = datetime(2026, 3, 10, 9, 0, tzinfo=timezone.utc)
APP = {'client_id': 'demo-client-id', 'client_secret': 'demo-client-secret'}


@pytest.fixture(scope='module')
def server():
    with SimulatorServer(clock=Clock(lambda: NOW)) as running:
        yield running


def token(server, **form):
    return requests.post(f'{server.url}/api/oauth2/token', data={**APP, **form}, timeout=10)


def new_code(server, callback=CALLBACK):
    location = server.authorize(callback, 'xyz')
    return parse_qs(urlsplit(location).query)['code'][0]


def new_tokens(server):
    answer = token(
        server, grant_type='authorization_code', code=new_code(server), redirect_uri=CALLBACK
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def refresh(server, refresh_token, **extra):
    return token(server, grant_type='refresh_token', refresh_token=refresh_token, **extra)


def consent(server, method='GET', **values):
    data = {
        'client_id': 'demo-client-id',
        'redirect_uri': CALLBACK,
        'response_type': 'code',
        **values,
    }
    url = f'{server.url}/api/oauth2/auth'
    if method == 'GET':
        return requests.get(url, params=data, timeout=10, allow_redirects=False)
    return requests.post(url, data=data, timeout=10, allow_redirects=False)


def test_consent_page_shows_owner_and_keeps_the_question(server):
    page = consent(server, state='a"b<c>')
    assert page.status_code == 200
    assert 'Demo Holding B.V.' in page.text
    assert 'Demo Nederland B.V.' in page.text
    assert 'Geheime Administratie' not in page.text
    assert re.search(r'id="allow"', page.text) and re.search(r'id="deny"', page.text)
    assert 'a&#34;b&lt;c&gt;' in page.text


def test_allow_redirects_with_code_and_state(server):
    answer = consent(server, 'POST', state='s1', decision='allow')
    assert answer.status_code == 302
    query = parse_qs(urlsplit(answer.headers['Location']).query)
    assert answer.headers['Location'].startswith(CALLBACK + '?')
    assert query['state'] == ['s1']
    answer = token(
        server, grant_type='authorization_code', code=query['code'][0], redirect_uri=CALLBACK
    )
    assert answer.status_code == 200


def test_deny_redirects_with_error(server):
    answer = consent(server, 'POST', state='s1', decision='deny')
    query = parse_qs(urlsplit(answer.headers['Location']).query)
    assert query == {'error': ['access_denied'], 'state': ['s1']}


@pytest.mark.parametrize(
    'values',
    [
        {'client_id': 'nobody'},
        {'redirect_uri': 'http://odoo.example.com/callback'},
        {'redirect_uri': 'javascript:alert(1)'},
        {'response_type': 'token'},
    ],
)
def test_a_wrong_question_never_redirects(server, values):
    for method in ('GET', 'POST'):
        answer = consent(server, method, decision='allow', **values)
        assert answer.status_code == 400
        assert 'Location' not in answer.headers


def test_loopback_http_is_accepted(server):
    assert consent(server, redirect_uri='http://localhost:8069/x').status_code == 200
    assert consent(server, redirect_uri='http://127.0.0.1:8069/x').status_code == 200


def test_a_registered_address_must_be_equal(server):
    server.control.run(
        'add_app', {'client_id': 'strict', 'client_secret': 's', 'redirect_uri': CALLBACK}
    )
    assert consent(server, client_id='strict').status_code == 200
    assert consent(server, client_id='strict', redirect_uri=CALLBACK + '/x').status_code == 400


def test_success_answer(server):
    tokens = new_tokens(server)
    assert tokens['token_type'] == 'bearer'
    assert tokens['expires_in'] == '600'
    with switched(server, expires_in='number'):
        assert new_tokens(server)['expires_in'] == 600


def test_a_code_serves_once(server):
    code = new_code(server)
    form = {'grant_type': 'authorization_code', 'code': code, 'redirect_uri': CALLBACK}
    assert token(server, **form).status_code == 200
    again = token(server, **form)
    assert (again.status_code, again.text) == (400, 'Bad Request')


def test_a_code_lives_three_minutes_and_for_one_address(server):
    code = new_code(server)
    other = token(server, grant_type='authorization_code', code=code, redirect_uri=CALLBACK + '2')
    assert other.status_code == 400
    server.clock.advance(181)
    late = token(server, grant_type='authorization_code', code=code, redirect_uri=CALLBACK)
    assert (late.status_code, late.text) == (400, 'Bad Request')


def test_wrong_secret_and_basic_header(server):
    wrong = token(
        server,
        client_secret='wrong',
        grant_type='authorization_code',
        code=new_code(server),
        redirect_uri=CALLBACK,
    )
    assert (wrong.status_code, wrong.json()['error']) == (401, 'invalid_client')
    basic = requests.post(
        f'{server.url}/api/oauth2/token',
        auth=('demo-client-id', 'demo-client-secret'),
        timeout=10,
        data={
            'grant_type': 'authorization_code',
            'code': new_code(server),
            'redirect_uri': CALLBACK,
        },
    )
    assert basic.status_code == 401


def test_too_early_refresh(server):
    tokens = new_tokens(server)
    server.clock.advance(569)
    answer = refresh(server, tokens['refresh_token'])
    assert answer.status_code == 400
    assert answer.json() == {
        'error': 'access_denied',
        'error_description': 'Rate limit exceeded: access_token not expired',
    }
    assert answer.headers['Reason'].startswith('TooEarlyToRefreshTokens')
    with switched(server, too_early=401):
        assert refresh(server, tokens['refresh_token']).status_code == 401
    server.clock.advance(1)
    assert refresh(server, tokens['refresh_token']).status_code == 200


def test_rotation_kills_the_old_token(server):
    tokens = new_tokens(server)
    server.clock.advance(571)
    fresh = refresh(server, tokens['refresh_token']).json()
    assert fresh['refresh_token'] != tokens['refresh_token']
    answer = refresh(server, tokens['refresh_token'])
    assert answer.status_code == 401
    assert answer.json() == {
        'error': 'unauthorized_client',
        'error_description': 'Old refresh token used.',
    }
    server.clock.advance(571)
    assert refresh(server, fresh['refresh_token']).status_code == 200


def test_idle_for_thirty_days(server):
    tokens = new_tokens(server)
    server.clock.advance(timedelta(days=30, seconds=5).total_seconds())
    answer = refresh(server, tokens['refresh_token'])
    assert (answer.status_code, answer.json()['error']) == (400, 'invalid_request')
    assert re.fullmatch(
        r'The refresh token expired at \d+/\d+/\d{4} \d+:\d\d:\d\d [AP]M and it is now '
        r'\d+/\d+/\d{4} \d+:\d\d:\d\d [AP]M\.',
        answer.json()['error_description'],
    )


def test_unknown_token_and_grant(server):
    assert refresh(server, 'nonsense').json()['error'] == 'invalid_grant'
    answer = token(server, grant_type='client_credentials')
    assert answer.json()['error'] == 'unsupported_grant_type'


def test_access_token_dies_after_600_seconds(server):
    tokens = new_tokens(server)
    headers = {'Authorization': f"Bearer {tokens['access_token']}", 'Accept': 'application/json'}
    url = f'{server.url}/api/v1/current/Me'
    server.clock.advance(599)
    assert requests.get(url, headers=headers, timeout=10).status_code == 200
    server.clock.advance(1)
    answer = requests.get(url, headers=headers, timeout=10)
    assert answer.status_code == 401
    assert 'access token expired' in answer.headers['WWW-Authenticate']
    assert answer.content == b''


def test_revoked_by_the_user(server):
    tokens = new_tokens(server)
    server.control.run('revoke_access', {'user': 'jan'})
    server.clock.advance(600)
    assert refresh(server, tokens['refresh_token']).json()['error'] == 'invalid_grant'


def test_second_consent_is_a_switch(server):
    first = new_tokens(server)
    new_tokens(server)
    server.clock.advance(600)
    assert refresh(server, first['refresh_token']).status_code == 200
    with switched(server, second_consent_kills=True):
        first = new_tokens(server)
        new_tokens(server)
        server.clock.advance(600)
        assert refresh(server, first['refresh_token']).status_code == 400


def test_token_calls_a_day_is_a_switch(server):
    with switched(server, token_calls_per_day=1):
        server.control.run('clock', {'advance': 86400})
        new_tokens(server)
        answer = token(
            server, grant_type='authorization_code', code=new_code(server), redirect_uri=CALLBACK
        )
        assert answer.status_code == 429


def test_expire_tokens_allows_a_refresh_at_once(server):
    tokens = new_tokens(server)
    server.control.run('expire_tokens')
    assert refresh(server, tokens['refresh_token']).status_code == 200


def test_a_lost_refresh_answer_kills_the_chain(server):
    tokens = new_tokens(server)
    server.clock.advance(600)
    server.faults.add('cut_after', resource='oauth2/token')
    with pytest.raises(requests.ConnectionError):
        refresh(server, tokens['refresh_token'])
    assert refresh(server, tokens['refresh_token']).status_code == 401
