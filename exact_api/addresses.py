"""Where Exact lives, and which addresses a secret may be sent to."""

import ipaddress
from urllib.parse import urlsplit

# Apps, users, tokens and divisions of one site mean nothing on another (O).
SITES = {
    'nl': 'https://start.exactonline.nl',
    'be': 'https://start.exactonline.be',
    'de': 'https://start.exactonline.de',
    'uk': 'https://start.exactonline.co.uk',
    'fr': 'https://start.exactonline.fr',
    'es': 'https://start.exactonline.es',
    'com': 'https://start.exactonline.com',
}
DEFAULT_PORTS = {'http': 80, 'https': 443}


def is_loopback(host):
    """Tell whether a host name or address is this machine."""
    if not host:
        return False
    if host.lower() == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_base_url(url):
    """Return the base address without a slash at its end.

    Plain http is for this machine only: anywhere else it would show tokens to the network.

    :raise ValueError: if tokens must not be sent there
    """
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError("The base address of Exact must begin with https:// and a host name.")
    if parts.scheme == 'http' and not is_loopback(parts.hostname):
        raise ValueError(
            "The base address of Exact must be https; plain http is for this machine only.",
        )
    if '@' in parts.netloc or parts.query or parts.fragment:
        raise ValueError("The base address of Exact must have no user, query or fragment.")
    if origin(url) is None:
        raise ValueError("The port of the base address of Exact is no number.")
    return url.rstrip('/')


def origin(url):
    """Return (scheme, host, port) of an address, None if it is none or carries a user name.

    Two addresses may get the same token only if their origins are equal.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname or '@' in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS.get(parts.scheme)


def origin_text(url):
    """Return the origin of an address in one form, e.g. 'https://start.exactonline.nl:443', ''
    if it has none. Upper case, a slash at the end and a port that goes without saying make no
    difference.
    """
    parts = origin(url)
    if not parts:
        return ''
    scheme, host, port = parts
    return f'{scheme}://[{host}]:{port}' if ':' in host else f'{scheme}://{host}:{port}'
