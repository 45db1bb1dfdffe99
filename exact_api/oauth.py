"""The consent of an Exact user and the chain of tokens that follows from it.

An access token lives 600 s and may be refreshed from 570 s on, every refresh answers a new refresh
token and kills the old one, an unused one dies after 30 days (D). So there is one chain per app and
user, and a refresh whose answer is lost is the end of it.
"""

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from authlib.integrations.requests_client import OAuth2Session

from . import wire
from .addresses import checked_base_url, origin_text
from .bounded import BoundedAdapter
from .clock import utcnow
from .errors import (
    ExactError,
    Forbidden,
    MalformedAnswer,
    NeedsReconnect,
    OAuthRefused,
    OutcomeUnknown,
    RateLimited,
    TooEarlyToRefresh,
    Transient,
    Unreachable,
)
from .limits import RateLimits
from .transport import NETWORK_ERRORS, json_of, refusal, surely_not_sent

_logger = logging.getLogger(__name__)

CONSENT_PATH = '/api/oauth2/auth'
TOKEN_PATH = '/api/oauth2/token'  # noqa: S105
WHERE = {'resource': 'oauth2/token', 'method': 'POST'}
EARLIEST_REFRESH = timedelta(seconds=570)
IDLE_LIFE = timedelta(days=30)
DEFAULT_LIFE = 600
# For a whole call, and the largest answer that can be about tokens.
WHOLE_CALL = 40
MAX_BYTES = 256 * 1024
# Of a healthy token endpoint; anything else with 4xx comes from a proxy or a maintenance page.
OAUTH_STATUSES = (400, 401)


@dataclass(frozen=True)
class Tokens:
    """A pair of tokens. Its text form does not show them.

    :param datetime issued_at: aware, in UTC: when the answer had come in, so that 570 s from there
        are never too early for Exact
    :param int expires_in: seconds
    :param str origin: of the address that gave them, the only one that may get them back
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    issued_at: datetime
    expires_in: int = DEFAULT_LIFE
    origin: str = ''

    @property
    def expires_at(self):
        return self.issued_at + timedelta(seconds=self.expires_in)

    @property
    def refreshable_at(self):
        return self.issued_at + EARLIEST_REFRESH

    @property
    def idle_until(self):
        return self.issued_at + IDLE_LIFE


class OAuth:
    """One app registration on one site.

    :param str base_url: e.g. 'https://start.exactonline.nl'
    :param str redirect_uri: the registered address, to the letter
    :param session: an `OAuth2Session` of authlib instead of an own one per call; it stays open
    :param clock: gives the present moment as an aware datetime in UTC
    :param timeout: (seconds to connect, seconds to wait for the answer)
    :param whole: seconds for a whole call, of an own session
    :raise ValueError: if secrets must not be sent to this address
    """

    def __init__(
        self, base_url, client_id, client_secret, redirect_uri, *, session=None, clock=utcnow,
        timeout=(5, 30), whole=WHOLE_CALL,
    ):
        self.base_url = checked_base_url(base_url)
        self.redirect_uri = redirect_uri
        self._client_id = client_id
        self._client_secret = client_secret
        self._session = session
        self._clock = clock
        self._timeout = timeout
        self._whole = whole

    def consent_url(self, state, force_login=False):
        """Return the page where a person allows access.

        :param str state: comes back with the code
        :param bool force_login: ask who it is even if somebody is logged in to Exact, so that
            another user can be picked (O)
        """
        with self._new_session() as session:
            url, _state = session.create_authorization_url(
                self.base_url + CONSENT_PATH, state=state, force_login=str(int(force_login)),
            )
        return url

    def exchange(self, code):
        """Return the first tokens, for the code of the callback, which lives three minutes (O).

        :raise OAuthRefused: with the reason
        :raise OutcomeUnknown: no usable answer; begin the consent anew
        :raise Unreachable: nothing was sent
        """
        return self._ask('authorization_code', lambda session, url, options: session.fetch_token(
            url, grant_type='authorization_code', code=code, redirect_uri=self.redirect_uri,
            **options,
        ))

    def refresh(self, tokens):
        """Return the next pair. To be called under a lock with the youngest pair; store the result
        before using it.

        :param Tokens tokens: the pair that is at its end
        :raise TooEarlyToRefresh: before 570 s, mostly without a call
        :raise NeedsReconnect: the chain is dead
        :raise OAuthRefused: reason 'client': a wrong client id or secret; the chain may be alive
        :raise OutcomeUnknown: the refresh token may be used up, the new one unknown
        :raise Forbidden, RateLimited, Transient, Unreachable: nothing was used up
        """
        if self._clock() < tokens.refreshable_at:
            raise TooEarlyToRefresh("younger than 570 s", **WHERE)
        return self._ask('refresh_token', lambda session, url, options: session.refresh_token(
            url, refresh_token=tokens.refresh_token, **options,
        ))

    # === THE TOKEN ENDPOINT === #

    def _new_session(self):
        # Exact takes the secret as a form field; a Basic header is recorded not to work (O)
        session = OAuth2Session(
            self._client_id, self._client_secret, redirect_uri=self.redirect_uri,
            token_endpoint_auth_method='client_secret_post',  # noqa: S106
        )
        for scheme in ('https://', 'http://'):
            session.mount(scheme, BoundedAdapter(self._whole, MAX_BYTES))
        return session

    def _ask(self, grant, ask):
        """Ask the token endpoint once and return the tokens of its answer.

        authlib writes the request. Its answer is read here, before authlib reads it: the errors of
        Exact are not those of the standard, and what they mean for the chain is the point. Tokens
        that came are never lost to a parser.
        """
        statuses, pairs = [], []

        def read(response):
            statuses.append(response.status_code)
            pairs.append(self._read(response, grant))
            return response

        session = self._session or self._new_session()
        for name in ('access_token_response', 'refresh_token_response'):
            session.compliance_hook[name] = {read}
        options = {'timeout': self._timeout, 'allow_redirects': False}
        started = time.monotonic()
        error = None
        try:
            ask(session, self.base_url + TOKEN_PATH, options)
        except ExactError as failure:
            error = failure
        except NETWORK_ERRORS as failure:
            # Named by the type alone: texts of failures hold more than a log may show
            kind = Unreachable if surely_not_sent(failure) else OutcomeUnknown
            error = kind(type(failure).__name__, **WHERE)
        except ValueError:
            error = OutcomeUnknown("an answer that cannot be read", **WHERE)
        finally:
            session.token = None
            if session is not self._session:
                session.close()
        error = None if pairs else error
        _logger.info(
            "POST oauth2/token (%s): %s in %.0f ms", grant,
            statuses[0] if statuses else type(error).__name__, (time.monotonic() - started) * 1000,
        )
        if error:
            raise error from None
        return pairs[0]

    def _read(self, response, grant):
        """Return the tokens of an answer.

        :raise ExactError: if it holds none
        """
        status = response.status_code
        where = {**WHERE, 'status': status}
        body = json_of(response)
        body = body if isinstance(body, dict) else {}
        if status == 429:
            now = self._clock()
            limits = RateLimits.from_headers(response.headers, now)
            retry_at, scope = limits.blocked_until(response.headers, now)
            raise RateLimited(retry_at=retry_at, scope=scope, **where)
        if status >= 500:
            raise OutcomeUnknown(**where)
        if 200 <= status < 300 and not body.get('error'):
            if not (_is_token(body.get('access_token')) and _is_token(body.get('refresh_token'))):
                raise OutcomeUnknown("no tokens in the answer", **where)
            return Tokens(
                body['access_token'], body['refresh_token'], self._clock(), _life(body),
                origin_text(self.base_url),
            )
        if status == 403:
            reason, scope = refusal(response)
            raise Forbidden(reason=reason, scope=scope, **where)
        if status not in OAUTH_STATUSES and not body.get('error'):
            raise Transient(**where)
        raise _refused(
            grant, str(body.get('error') or ''), str(body.get('error_description') or ''),
            response.headers.get('Reason') or '', where,
        )


def _refused(grant, error, description, reason, where):
    """Return the error for what the token endpoint says (O, where nothing else is noted)."""
    words = f'{description} {reason}'.lower()
    if 'tooearlytorefresh' in words or 'access_token not expired' in words:
        return TooEarlyToRefresh("Exact says so", **where)
    if error == 'invalid_client' or 'client_secret' in words or 'client secret' in words:
        # I: the standard's word, and the parameter by its name
        return OAuthRefused("wrong client id or secret", reason='client', **where)
    if grant == 'refresh_token':
        return _dead_chain(words, where)
    if 'redirect' in words:
        return OAuthRefused("not the registered redirect address", reason='redirect', **where)
    if error == 'unauthorized_client':
        return OAuthRefused("the app may not do this", reason='client', **where)
    if error == 'access_denied':
        return OAuthRefused("access was denied", reason='denied', **where)
    if error in ('', 'invalid_grant'):
        # A code that was used or is too old answers a plain "Bad Request"
        return OAuthRefused("the code was used before or is too old", reason='code', **where)
    return OAuthRefused("refused", reason='other', **where)


def _dead_chain(words, where):
    if 'old refresh token' in words:
        return NeedsReconnect("the refresh token was used before", reason='spent', **where)
    if 'refresh token expired' in words:
        return NeedsReconnect("the refresh token expired", reason='expired', **where)
    return NeedsReconnect("the refresh token is rejected", reason='rejected', **where)


def _is_token(text):
    """Tell whether this can be sent as a token."""
    return (
        isinstance(text, str) and text.isascii() and text.isprintable()
        and bool(text) and ' ' not in text
    )


def _life(body):
    """Return the life of the access token in seconds; it comes as text or as a number (O)."""
    try:
        seconds = wire.as_int(body.get('expires_in'))
    except MalformedAnswer:
        seconds = None
    return seconds if seconds and 0 < seconds <= 86400 else DEFAULT_LIFE
