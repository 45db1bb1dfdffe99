"""A client for Exact Online in plain Python: OAuth2, REST, OData, wire formats, limits, errors.

It knows nothing of Odoo. What is said here about Exact carries a mark of certainty: documented by
the vendor (D), observed in public code, issues or support pages (O), or inferred (I).
"""

from . import catalog, feed, links, odata, sealed, wire
from .addresses import SITES, checked_base_url, is_loopback, origin_text
from .catalog import ErrorKind, classify
from .client import Call, ExactClient
from .clock import CLOCKS_DIFFER, past, utcnow
from .errors import (
    ExactError,
    Forbidden,
    MalformedAnswer,
    NeedsReconnect,
    NotFound,
    OAuthRefused,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TooEarlyToRefresh,
    TooMuch,
    TooSlow,
    Transient,
    Unreachable,
)
from .forecast import Window, finished_at
from .limits import RateLimits
from .oauth import OAuth, Tokens
from .sealed import SecretClosedError
from .webhooks import NotificationRefusedError, read_notification
