"""OAuth 2 as Exact Online does it: authorization code, rotating refresh tokens.

Facts: access token 600 s; a refresh before 570 s is refused; a refresh token works once and dies
after 30 idle days; the secret goes as a form field.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from .errors import (
    MalformedAnswer, NeedsReconnect, OAuthRefused, OutcomeUnknown, TooEarlyToRefresh, Unreachable,
)
from .transport import checked_base_url, is_unreachable

EARLIEST_REFRESH = timedelta(seconds=570)
IDLE_LIFE = timedelta(days=30)


def utcnow() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Tokens:
    """One pair of tokens.

    :param issued_at: aware UTC datetime, by our clock, taken before the request was sent.
    :param expires_in: life of the access token in seconds.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    issued_at: datetime = None
    expires_in: int = 600

    @property
    def expires_at(self) -> datetime:
        return self.issued_at + timedelta(seconds=self.expires_in)

    @property
    def refreshable_at(self) -> datetime:
        """Exact refuses a refresh before this moment, and counts it as an error."""
        return self.issued_at + EARLIEST_REFRESH

    @property
    def idle_until(self) -> datetime:
        """Until when an unused refresh token lives."""
        return self.issued_at + IDLE_LIFE


class OAuth:
    """The token endpoint and the consent page of one app on one site.

    :param base_url: 'https://start.exactonline.nl'; plain http for loopback addresses only.
    :param redirect_uri: must equal the registered one.
    :param clock: callable that returns an aware UTC datetime.
    """

    def __init__(self, base_url: str, client_id: str, client_secret: str, redirect_uri: str, *,
                 session: OAuth2Session | None = None, clock: Callable[[], datetime] = utcnow,
                 timeout=(5, 30)):
        self._base_url = checked_base_url(base_url)
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._timeout = timeout
        self._session = session or OAuth2Session(
            client_id, client_secret, redirect_uri=redirect_uri,
            token_endpoint_auth_method='client_secret_post',
        )

    def consent_url(self, state: str, force_login: bool = False) -> str:
        """Address of Exact's consent page; it comes back to the redirect address with `state`.

        :param force_login: show the login page although the browser is logged in, so that another
            user can be chosen.
        """
        url, _state = self._session.create_authorization_url(
            f'{self._base_url}/api/oauth2/auth', state=state, force_login=int(force_login),
        )
        return url

    def exchange(self, code: str) -> Tokens:
        """The tokens for an authorization code (valid about three minutes, once).

        :raise OAuthRefused: code, secret or redirect address is not accepted.
        :raise Unreachable: nothing reached Exact.
        :raise OutcomeUnknown: the code may be spent; a new consent is needed.
        """
        return self._fetch(OAuthRefused, grant_type='authorization_code', code=code)

    def refresh(self, tokens: Tokens) -> Tokens:
        """The next pair. The old refresh token is spent as soon as this was sent.

        :raise TooEarlyToRefresh: before 570 s, without a call; or as Exact answers.
        :raise NeedsReconnect: the chain is broken.
        :raise Unreachable: nothing reached Exact, the pair is still good.
        :raise OutcomeUnknown: the old pair may be spent and the new one is lost.
        """
        if self._clock() < tokens.refreshable_at:
            raise TooEarlyToRefresh("refresh before 570 s")
        return self._fetch(
            NeedsReconnect, grant_type='refresh_token', refresh_token=tokens.refresh_token,
        )

    def _fetch(self, refusal, grant_type, **values):
        issued_at = self._clock()
        url = f'{self._base_url}/api/oauth2/token'
        answers = []
        hook = {'response': lambda response, *args, **kwargs: answers.append(response)}
        try:
            if grant_type == 'refresh_token':
                token = self._session.refresh_token(
                    url, timeout=self._timeout, hooks=hook, allow_redirects=False, **values,
                )
            else:
                token = self._session.fetch_token(
                    url, grant_type=grant_type, timeout=self._timeout, hooks=hook,
                    allow_redirects=False, **values,
                )
        except OAuthError as error:
            raise self._refusal(refusal, error, answers) from None
        except requests.HTTPError:
            raise OutcomeUnknown("the token endpoint failed") from None
        except requests.RequestException as error:
            if is_unreachable(error):
                raise Unreachable("the token endpoint cannot be reached") from error
            raise OutcomeUnknown("no answer of the token endpoint") from error
        except ValueError:
            raise self._unreadable(refusal, answers) from None
        if not isinstance(token, dict) or not token.get('refresh_token'):
            raise MalformedAnswer("the answer of the token endpoint holds no tokens")
        return Tokens(
            access_token=token['access_token'],
            refresh_token=token['refresh_token'],
            issued_at=issued_at,
            expires_in=int(token.get('expires_in') or 600),
        )

    @staticmethod
    def _unreadable(refusal, answers):
        status = answers[-1].status_code if answers else None
        if status == 400 and refusal is OAuthRefused:
            # A spent or late code is answered with a plain "Bad Request".
            return OAuthRefused("Exact does not accept the code", reason='code', status=status)
        if status is not None and 400 <= status < 500:
            return refusal("Exact refuses the tokens", status=status)
        return OutcomeUnknown("unreadable answer of the token endpoint", status=status)

    @staticmethod
    def _refusal(refusal, error, answers):
        status = answers[-1].status_code if answers else None
        reason_header = answers[-1].headers.get('Reason', '') if answers else ''
        description = (error.description or '').casefold()
        values = {'status': status, 'messages': (error.description or error.error or '',)}
        if 'access_token not expired' in description or 'TooEarly' in reason_header:
            return TooEarlyToRefresh("Exact refuses the refresh before 570 s", **values)
        if refusal is OAuthRefused:
            reason = {
                'invalid_client': 'client', 'unauthorized_client': 'client',
                'invalid_grant': 'code', 'access_denied': 'denied',
            }.get(error.error, 'other')
            if 'redirect' in description:
                reason = 'redirect'
            return OAuthRefused("Exact does not accept the consent", reason=reason, **values)
        reason = 'rejected'
        if 'old refresh token' in description:
            reason = 'spent'
        elif 'refresh token expired' in description:
            reason = 'expired'
        return NeedsReconnect("Exact does not accept the refresh token", reason=reason, **values)
