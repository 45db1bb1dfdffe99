"""What HTTP client and OAuth share: which addresses are allowed, and whether a request left."""

import ipaddress
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError


def checked_base_url(base_url: str) -> str:
    """The address without a trailing slash.

    :raise ValueError: not https, and not http on this very machine: tokens would travel readable.
    """
    parts = urlsplit(base_url)
    if parts.scheme == 'https' and parts.hostname:
        return base_url.rstrip('/')
    if parts.scheme == 'http' and _is_loopback(parts.hostname):
        return base_url.rstrip('/')
    raise ValueError("Exact is spoken to over https only")


def _is_loopback(host):
    if host == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host or '').is_loopback
    except ValueError:
        return False


def is_unreachable(error: requests.RequestException) -> bool:
    """Whether surely nothing of the request reached the other side.

    Only a connection that was never made is that sure; a cut one is not.
    """
    if isinstance(error, (requests.ConnectTimeout, requests.exceptions.SSLError,
                          requests.exceptions.InvalidURL, requests.exceptions.ProxyError)):
        return True
    if not isinstance(error, requests.ConnectionError):
        return False
    cause = error.args[0] if error.args else None
    cause = getattr(cause, 'reason', cause)
    return isinstance(cause, (NewConnectionError, NameResolutionError, ConnectTimeoutError))
