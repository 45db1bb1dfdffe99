"""Client for Exact Online: OAuth 2, REST, limits, errors, formats. Knows nothing of Odoo."""

from . import odata, wire
from .catalog import ErrorKind, classify
from .client import Call, ExactClient
from .errors import (
    ExactError, Forbidden, MalformedAnswer, NeedsReconnect, NotFound, OAuthRefused, OutcomeUnknown,
    RateLimited, Rejected, TooEarlyToRefresh, Transient, Unreachable,
)
from .limits import RateLimits
from .oauth import OAuth, Tokens

SITES = {
    'nl': 'https://start.exactonline.nl',
    'be': 'https://start.exactonline.be',
    'de': 'https://start.exactonline.de',
    'uk': 'https://start.exactonline.co.uk',
    'fr': 'https://start.exactonline.fr',
    'es': 'https://start.exactonline.es',
    'com': 'https://start.exactonline.com',
}

__all__ = [
    'SITES', 'Call', 'ErrorKind', 'ExactClient', 'ExactError', 'Forbidden', 'MalformedAnswer',
    'NeedsReconnect', 'NotFound', 'OAuth', 'OAuthRefused', 'OutcomeUnknown', 'RateLimited',
    'RateLimits', 'Rejected', 'Tokens', 'TooEarlyToRefresh', 'Transient', 'Unreachable', 'classify',
    'odata', 'wire',
]
