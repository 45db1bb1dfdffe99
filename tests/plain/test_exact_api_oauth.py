import logging
import socket
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.integrations.requests_client import OAuth2Session
from exact_api_fake import NOW, Answer, Clock

from exact_api import (
    ExactError,
    Forbidden,
    NeedsReconnect,
    OAuth,
    OAuthRefused,
    OutcomeUnknown,
    RateLimited,
    Tokens,
    TooEarlyToRefresh,
    Transient,
    Unreachable,
)

REDIRECT = 'https://odoo.example/account_exact/oauth/callback'
CLIENT_SECRET = 'client+secret&=% é'
PAIR = {
    'access_token': 'stampEXAMPLEaccess', 'token_type': 'bearer', 'expires_in': '600',
    'refresh_token': 'stampEXAMPLErefresh',
}
OLD = Tokens('old-access', 'old-refresh!/+=', NOW - timedelta(seconds=570))


@pytest.fixture
def oauth(fake):
    return OAuth(fake.url, '{client-id}', CLIENT_SECRET, REDIRECT, clock=Clock(), timeout=(1, 0.4))


GRANTS = {
    'exchange': lambda oauth: oauth.exchange('code!/+='),
    'refresh': lambda oauth: oauth.refresh(OLD),
}


# === THE CONSENT === #


@pytest.mark.parametrize(('force', 'flag'), [(False, '0'), (True, '1')])
def test_consent_url(fake, oauth, force, flag):
    parts = urlsplit(oauth.consent_url('state/+=', force_login=force))
    assert f'{parts.scheme}://{parts.netloc}{parts.path}' == f'{fake.url}/api/oauth2/auth'
    assert parse_qs(parts.query) == {
        'client_id': ['{client-id}'], 'redirect_uri': [REDIRECT], 'response_type': ['code'],
        'state': ['state/+='], 'force_login': [flag],
    }
    assert not fake.requests


def test_exchange_sends_a_form(fake, oauth):
    fake.will(Answer(body=PAIR))
    tokens = oauth.exchange('code!/+=')
    request = fake.requests[0]
    assert (request.method, request.target) == ('POST', '/api/oauth2/token')
    assert request.form == {
        'grant_type': 'authorization_code', 'code': 'code!/+=', 'redirect_uri': REDIRECT,
        'client_id': '{client-id}', 'client_secret': CLIENT_SECRET,
    }
    assert 'Authorization' not in request.headers
    assert tokens == Tokens('stampEXAMPLEaccess', 'stampEXAMPLErefresh', NOW, 600, f'{fake.url}')


def test_refresh_sends_a_form(fake, oauth):
    fake.will(Answer(body=PAIR))
    assert oauth.refresh(OLD).refresh_token == 'stampEXAMPLErefresh'
    assert fake.requests[0].form == {
        'grant_type': 'refresh_token', 'refresh_token': 'old-refresh!/+=',
        'client_id': '{client-id}', 'client_secret': CLIENT_SECRET,
    }


def test_a_session_of_the_caller_is_used_and_left_without_tokens(fake):
    session = OAuth2Session('id', 'secret', token_endpoint_auth_method='client_secret_post')
    fake.will(Answer(body=PAIR), Answer(body=PAIR))
    oauth = OAuth(fake.url, 'other', 'other', REDIRECT, session=session, clock=Clock())
    oauth.exchange('code')
    oauth.refresh(OLD)
    assert [request.form['client_id'] for request in fake.requests] == ['id', 'id']
    assert session.token is None


# === TOKENS === #


@pytest.mark.parametrize(('life', 'seconds'), [
    ('600', 600), (600, 600), ('600.0', 600), (None, 600), ('', 600), ('soon', 600), (-1, 600),
    (True, 600), ('1e300', 600), ('120', 120),
])
def test_the_life_of_a_token_in_every_form(fake, oauth, life, seconds):
    fake.will(Answer(body=PAIR | {'expires_in': life}))
    assert oauth.exchange('code').expires_in == seconds


def test_tokens_that_came_are_not_lost_to_a_parser(fake, oauth):
    """authlib reads the answer after us and stumbles over this one."""
    fake.will(Answer(body=PAIR | {'expires_in': '600.0', 'expires_at': 'never'}))
    assert oauth.refresh(OLD).access_token == 'stampEXAMPLEaccess'


def test_moments_of_a_pair():
    tokens = Tokens('a', 'r', NOW, 600)
    assert tokens.expires_at == NOW + timedelta(seconds=600)
    assert tokens.refreshable_at == NOW + timedelta(seconds=570)
    assert tokens.idle_until == NOW + timedelta(days=30)
    assert 'secret' not in repr(Tokens('secret', 'secret', NOW))


def test_a_pair_counts_from_when_its_answer_came(fake):
    clock = Clock()
    oauth = OAuth(fake.url, 'id', 'secret', REDIRECT, clock=clock)
    fake.will(Answer(body=PAIR))
    original = fake.answers.pop

    def late(index):
        clock.forward(20)
        return original(index)

    class Answers(list):
        pop = staticmethod(late)

    fake.answers = Answers(fake.answers)
    assert oauth.exchange('code').issued_at == NOW + timedelta(seconds=20)


@pytest.mark.parametrize(('age', 'allowed'), [
    (0, False), (569.999, False), (570, True), (10 ** 6, True),
])
def test_no_refresh_before_570_s(fake, oauth, age, allowed):
    tokens = Tokens('a', 'r', NOW - timedelta(seconds=age))
    fake.will(Answer(body=PAIR))
    if allowed:
        oauth.refresh(tokens)
    else:
        with pytest.raises(TooEarlyToRefresh):
            oauth.refresh(tokens)
    assert len(fake.requests) == allowed


# === REFUSALS === #


def refusal(status, error='', description='', **headers):
    return Answer(status, {'error': error, 'error_description': description}, headers=headers)


@pytest.mark.parametrize(('answer', 'reason'), [
    (refusal(401, 'unauthorized_client', "Old refresh token used."), 'spent'),
    (refusal(400, 'invalid_request', (
        "The refresh token expired at 1/31/2026 9:00:00 AM and it is now 2/2/2026 10:00:00 AM."
    )), 'expired'),
    (Answer(400, {'error': 'invalid_grant'}), 'rejected'),
    (Answer(401, {'error': 'invalid_grant'}), 'rejected'),
    (Answer(200, {'error': 'invalid_grant'}), 'rejected'),
    (refusal(400, 'unsupported_grant_type'), 'rejected'),
    (Answer(400, b'Bad Request'), 'rejected'),
    (Answer(401), 'rejected'),
])
def test_a_dead_chain(fake, oauth, answer, reason):
    fake.will(answer)
    with pytest.raises(NeedsReconnect) as caught:
        oauth.refresh(OLD)
    assert (caught.value.reason, caught.value.status) == (reason, answer.status)
    assert len(fake.requests) == 1


@pytest.mark.parametrize('answer', [
    refusal(400, 'access_denied', "Rate limit exceeded: access_token not expired"),
    refusal(401, 'access_denied', "Rate limit exceeded: access_token not expired"),
    refusal(400, 'access_denied', Reason='TooEarlyToRefreshTokens: Rate limit exceeded'),
    Answer(400, b'', headers={'Reason': 'TooEarlyToRefreshTokens: Rate limit exceeded'}),
])
def test_exact_says_too_early(fake, oauth, answer):
    fake.will(answer)
    with pytest.raises(TooEarlyToRefresh):
        oauth.refresh(OLD)


@pytest.mark.parametrize('grant', GRANTS)
@pytest.mark.parametrize('answer', [
    refusal(401, 'invalid_client'), refusal(400, 'invalid_request', "Invalid client_secret"),
])
def test_a_wrong_client_secret_does_not_end_the_chain(fake, oauth, grant, answer):
    fake.will(answer)
    with pytest.raises(OAuthRefused) as caught:
        GRANTS[grant](oauth)
    assert caught.value.reason == 'client'


@pytest.mark.parametrize(('answer', 'reason'), [
    (Answer(400, b'Bad Request'), 'code'),
    (refusal(400, 'invalid_grant'), 'code'),
    (refusal(400, 'invalid_request', "redirect_uri does not match"), 'redirect'),
    (refusal(401, 'unauthorized_client'), 'client'),
    (refusal(400, 'access_denied', "The user said no"), 'denied'),
    (refusal(400, 'unsupported_response_type'), 'other'),
])
def test_a_consent_that_does_not_become_tokens(fake, oauth, answer, reason):
    fake.will(answer)
    with pytest.raises(OAuthRefused) as caught:
        oauth.exchange('code')
    assert caught.value.reason == reason


@pytest.mark.parametrize('grant', GRANTS)
@pytest.mark.parametrize('answer', [
    Answer(302, headers={'Location': '{url}/login'}), Answer(404, b'<html>'), Answer(407),
    Answer(405),
])
def test_answers_of_something_else_use_nothing_up(fake, oauth, grant, answer):
    fake.will(answer)
    with pytest.raises(Transient):
        GRANTS[grant](oauth)
    assert len(fake.requests) == 1


def test_a_limit_of_the_token_endpoint(fake, oauth):
    fake.will(Answer(429, headers={'Retry-After': '30'}))
    with pytest.raises(RateLimited) as caught:
        oauth.refresh(OLD)
    assert caught.value.retry_at == NOW + timedelta(seconds=30)


def test_a_blocked_user(fake, oauth):
    fake.will(Answer(403, headers={'Reason': 'BlockedUser'}))
    with pytest.raises(Forbidden) as caught:
        oauth.refresh(OLD)
    assert caught.value.reason == 'BlockedUser'


# === THE NETWORK === #


@pytest.mark.parametrize('grant', GRANTS)
@pytest.mark.parametrize('answer', [
    Answer(500), Answer(502), Answer(503), Answer(504, {'error': 'invalid_grant'}),
    Answer(fault='cut'), Answer(fault='silent'), Answer(200, PAIR, fault='short'),
    Answer(200, b''), Answer(200, b'<html>'), Answer(200, []), Answer(200, {}), Answer(204),
    Answer(200, PAIR | {'refresh_token': ''}), Answer(200, PAIR | {'access_token': None}),
    Answer(200, PAIR | {'access_token': 'a\r\nb'}), Answer(200, PAIR | {'refresh_token': 7}),
])
def test_a_lost_answer_may_have_used_the_token_up(fake, oauth, grant, answer):
    fake.will(answer)
    with pytest.raises(OutcomeUnknown) as caught:
        GRANTS[grant](oauth)
    assert caught.value.status == (None if answer.fault else answer.status)
    assert len(fake.requests) == 1


@pytest.mark.parametrize('grant', GRANTS)
def test_no_connection_uses_nothing_up(grant):
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
    oauth = OAuth(f'http://127.0.0.1:{port}', 'id', 'secret', REDIRECT, clock=Clock())
    with pytest.raises(Unreachable):
        GRANTS[grant](oauth)


@pytest.mark.parametrize('url', ['http://start.exactonline.nl', 'http://192.168.1.1', 'exact'])
def test_no_secret_over_plain_http(url):
    with pytest.raises(ValueError):
        OAuth(url, 'id', 'secret', REDIRECT)


@pytest.mark.parametrize('answer', [
    Answer(body=PAIR), refusal(401, 'unauthorized_client', "Old refresh token used."),
    Answer(fault='cut'), Answer(500, PAIR), Answer(200, PAIR | {'refresh_token': ''}),
])
@pytest.mark.parametrize('grant', GRANTS)
def test_log_and_errors_keep_secrets(fake, oauth, caplog, grant, answer):
    caplog.set_level(logging.DEBUG)
    fake.will(answer)
    text = ''
    try:
        text = repr(GRANTS[grant](oauth))
    except ExactError as error:
        text = f'{error} {error!r}'
        assert error.__cause__ is None
    text += caplog.text
    assert 'oauth2/token' in caplog.text
    for secret in ('stampEXAMPLE', 'old-refresh', 'client+secret', 'client%2Bsecret', 'code!'):
        assert secret not in text
