"""OAuth2 as Exact does it: consent page, token endpoint, rotation. Fact sheet 2.

Kept in the store under division 0: ``_app``, ``_user``, ``_code``, ``_chain`` (one per consent),
``_access`` and ``_refresh`` (a spent refresh token stays known as spent).
"""

import hmac
import ipaddress
import secrets
from datetime import datetime, timezone
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from .errors import HttpError
from .odata import us_time

CODE_SECONDS = 180
ACCESS_SECONDS = 600
REFRESH_AFTER = 570
IDLE_DAYS = 30


class TokenError(Exception):
    """A refusal of the token endpoint: status, JSON body (None = plain "Bad Request"), headers."""

    def __init__(self, status, error=None, description=None, headers=None):
        super().__init__(error or 'Bad Request')
        self.status, self.error, self.description = status, error, description
        self.headers = headers or {}


def is_loopback(host):
    """Whether a host name or address is this machine."""
    if host in ('localhost', 'localhost.localdomain'):
        return True
    try:
        return ipaddress.ip_address((host or '').strip('[]')).is_loopback
    except ValueError:
        return False


def redirect_allowed(uri):
    """https anywhere, http on loopback only (the real site refuses that too, a demo needs it)."""
    parts = urlsplit(uri or '')
    if parts.scheme == 'https' and parts.hostname:
        return True
    return parts.scheme == 'http' and is_loopback(parts.hostname)


def with_query(uri, values):
    """The address with further query values."""
    parts = urlsplit(uri)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *values.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))


class OAuth:
    def __init__(self, store, switches, clock):
        self.store, self.switches, self.clock = store, switches, clock

    # === consent === #

    def request(self, values):
        """Check the values of an authorization request.

        :return: (app record, redirect uri, state)
        :raise HttpError: 400; never redirects to an address that is not registered
        """
        app = self.store.get('_app', 0, values.get('client_id') or '')
        if app is None:
            raise HttpError(
                400,
                'Deze app is niet bekend op deze site. / This app is unknown on this site: '
                'client_id is wrong or belongs to another country site.',
            )
        uri = values.get('redirect_uri') or ''
        if not redirect_allowed(uri):
            raise HttpError(400, 'The redirect_uri must be https (or http on this machine).')
        registered = app['RedirectURI']
        if registered != '*' and uri != registered:
            raise HttpError(400, 'The redirect_uri is not the registered one.')
        if values.get('response_type', 'code') != 'code':
            raise HttpError(400, 'Only response_type=code is offered.')
        return app, uri, values.get('state')

    def grant(self, app, user_id, uri, state):
        """Consent given: the address to go to, with code and state."""
        values = {'code': self.issue_code(app['ClientID'], user_id, uri)}
        if state is not None:
            values['state'] = state
        return with_query(uri, values)

    def deny(self, uri, state):
        values = {'error': 'access_denied'}
        if state is not None:
            values['state'] = state
        return with_query(uri, values)

    def issue_code(self, client_id, user_id, uri):
        code = 'stampNL001.' + secrets.token_urlsafe(24)
        self.store.put(
            '_code',
            0,
            {
                'client_id': client_id,
                'user': user_id,
                'redirect_uri': uri,
                'at': self.now(),
                'used': False,
            },
            key=code,
        )
        return code

    # === tokens === #

    def now(self):
        return self.clock().timestamp()

    def token(self, form):
        """Answer of the token endpoint as a dict.

        :raise TokenError: refused
        """
        app = self.store.get('_app', 0, form.get('client_id') or '')
        if app is None or not hmac.compare_digest(
            (form.get('client_secret') or '').encode(), app['ClientSecret'].encode()
        ):
            raise TokenError(401, 'invalid_client', 'Client authentication failed.')
        grant = form.get('grant_type')
        with self.store.transaction():
            if grant == 'authorization_code':
                return self.exchange(app, form)
            if grant == 'refresh_token':
                return self.refresh(app, form)
        raise TokenError(400, 'unsupported_grant_type', 'The grant type is not supported.')

    def exchange(self, app, form):
        code = self.store.get('_code', 0, form.get('code') or '')
        if (
            code is None
            or code['used']
            or code['client_id'] != app['ClientID']
            or self.now() - code['at'] > CODE_SECONDS
            or code['redirect_uri'] != form.get('redirect_uri')
        ):
            raise TokenError(400)
        self.count(app, code['user'])
        self.store.put('_code', 0, {**code, 'used': True})
        if self.switches.second_consent_kills:
            for chain in self.store.all('_chain', 0):
                if chain['client_id'] == app['ClientID'] and chain['user'] == code['user']:
                    self.kill(chain)
        chain = self.store.put(
            '_chain',
            0,
            {'client_id': app['ClientID'], 'user': code['user'], 'dead': False},
            key=secrets.token_hex(12),
        )
        return self.issue(chain)

    def refresh(self, app, form):
        token = self.store.get('_refresh', 0, form.get('refresh_token') or '')
        chain = self.store.get('_chain', 0, token['chain']) if token else None
        if chain is None or chain['client_id'] != app['ClientID']:
            raise TokenError(400, 'invalid_grant', 'The refresh token is not valid.')
        if token['spent']:
            raise TokenError(401, 'unauthorized_client', 'Old refresh token used.')
        if chain['dead']:
            raise TokenError(400, 'invalid_grant', 'The refresh token is not valid.')
        now = self.now()
        expires = token['at'] + IDLE_DAYS * 86400
        if now > expires:
            moments = [
                us_time(datetime.fromtimestamp(value, timezone.utc)) for value in (expires, now)
            ]
            raise TokenError(
                400,
                'invalid_request',
                f'The refresh token expired at {moments[0]} and it is now {moments[1]}.',
            )
        if now - token['at'] < REFRESH_AFTER:
            text = 'Rate limit exceeded: access_token not expired'
            raise TokenError(
                self.switches.too_early,
                'access_denied',
                text,
                {'Reason': f'TooEarlyToRefreshTokens: {text}'},
            )
        self.count(app, chain['user'])
        self.store.put('_refresh', 0, {**token, 'spent': True})
        return self.issue(chain)

    def count(self, app, user):
        limit = self.switches.token_calls_per_day
        if not limit:
            return
        day = int(self.now() // 86400)
        key = f"{app['ClientID']}/{user}/{day}"
        row = self.store.get('_token_calls', 0, key) or {'count': 0}
        if row['count'] >= limit:
            raise TokenError(429)
        self.store.put('_token_calls', 0, {'count': row['count'] + 1}, key=key)

    def issue(self, chain):
        access = 'stampNL001.' + secrets.token_urlsafe(48)
        refresh = 'stampNL001.' + secrets.token_urlsafe(36)
        now = self.now()
        for old in self.store.by('_access', 0, 'chain', chain['_key']):
            # the last access token stays valid until its time is over; older ones are of no use
            if old['at'] + ACCESS_SECONDS < now:
                self.store.drop('_access', 0, old['_key'])
        self.store.put('_access', 0, {'chain': chain['_key'], 'at': now}, key=access)
        self.store.put(
            '_refresh', 0, {'chain': chain['_key'], 'at': now, 'spent': False}, key=refresh
        )
        seconds = ACCESS_SECONDS if self.switches.expires_in == 'number' else str(ACCESS_SECONDS)
        return {
            'access_token': access,
            'token_type': 'bearer',
            'expires_in': seconds,
            'refresh_token': refresh,
        }

    def bearer(self, header):
        """(app record, user record, expired) of an Authorization header, or (None, None, False)."""
        scheme, _, token = (header or '').partition(' ')
        access = self.store.get('_access', 0, token.strip()) if scheme.lower() == 'bearer' else None
        if access is None:
            return None, None, False
        chain = self.store.get('_chain', 0, access['chain'])
        app = self.store.get('_app', 0, chain['client_id'])
        user = self.store.get('_user', 0, chain['user'])
        expired = chain['dead'] or self.now() >= access['at'] + ACCESS_SECONDS
        return app, user, expired

    # === control === #

    def kill(self, chain):
        """The user revoked the app: access and refresh tokens are refused from now on."""
        self.store.put('_chain', 0, {**chain, 'dead': True})

    def expire_access(self):
        """Make all access tokens expired (the refresh tokens stay good and may be used at once)."""
        with self.store.transaction():
            for kind in ('_access', '_refresh'):
                for row in self.store.all(kind, 0):
                    self.store.put(kind, 0, {**row, 'at': row['at'] - ACCESS_SECONDS})
