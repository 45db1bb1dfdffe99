"""What both sides of the client share: how far a request got, and what an error body says."""

import re
import ssl

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, NewConnectionError

from . import wire

# All that sending a request may raise: `requests` lets some errors of the layers below it through.
NETWORK_ERRORS = (OSError, HTTPError)


class BearerAuth(AuthBase):
    """Sends the access token. Given as `auth`, so that no .netrc of the server replaces it."""

    def __init__(self, token):
        self.token = token

    def __call__(self, request):
        request.headers['Authorization'] = f'Bearer {self.token}'
        return request


def surely_not_sent(error):
    """Tell whether a request failed before anything of it can have reached Exact.

    That is so without a connection (name not found, refused, connect timeout, no way through the
    proxy) and without trust in the certificate. Everything else, a cut connection above all, may
    have happened after Exact read the request.
    """
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    return any(
        isinstance(cause, (NewConnectionError, ssl.SSLCertVerificationError))
        or (isinstance(cause, OSError) and str(cause).startswith('Tunnel connection failed'))
        for cause in _wrapped(error)
    )


def _wrapped(error):
    """Give the error and those that it wraps.

    Not by `__context__`: that may be an older error which the caller is just dealing with.
    """
    todo, seen = [error], set()
    while todo:
        cause = todo.pop()
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            todo += [getattr(cause, 'reason', None), *cause.args]


def json_of(response):
    """Return what the body holds, None if it is not JSON."""
    try:
        return wire.loads(response.content)
    except ValueError:
        return None


def has_form(response):
    """Whether the body of an answer can be Exact's: it is empty, or JSON (O)."""
    return not response.content.strip() or json_of(response) is not None


def error_messages(response):
    """Return the sentences of an error body of Exact as a tuple, None if the body is not one.

    The shape is {"error": {"code": "", "message": {"lang": "", "value": "..."}}}; several
    sentences are joined by line breaks (O).
    """
    body = json_of(response)
    error = body.get('error') if isinstance(body, dict) else None
    message = error.get('message') if isinstance(error, dict) else None
    if isinstance(message, dict):
        message = message.get('value')
    if not isinstance(message, str):
        return None
    return tuple(line.strip() for line in re.split(r'[\r\n]+', message) if line.strip())


def refusal(response):
    """Return (reason, scope) of a 403.

    The reason stands in the header `Reason` (D), or in the reason phrase as "Application Scope
    Violated" with the scope in quotes (O).
    """
    header = wire.clean(response.headers.get('Reason') or '')
    words = ' '.join([wire.clean(response.reason or ''), header, *(error_messages(response) or ())])
    if 'application scope violated' in words.lower():
        scope = re.search(r"""['"]([A-Za-z]+(?:\.[A-Za-z]+)+)['"]""", words)
        return 'Application Scope Violated', scope[1] if scope else ''
    return header.split(':')[0].strip(), ''
