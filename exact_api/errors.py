"""What can go wrong between us and Exact, sorted by what a caller can do about it.

The one distinction that matters most: has Exact perhaps done what we asked (`OutcomeUnknown`), or
surely not (`Unreachable`, `Rejected`, `RateLimited`)?
"""


class ExactError(Exception):
    """Base of all errors of this package.

    :param message: for logs; never holds tokens, bodies or query values.
    :param status: HTTP status, None if there was no answer.
    :param messages: Exact's own words, in the language of its user.
    :param resource: path below the division; `method` the HTTP verb.
    """

    def __init__(self, message='', *, status=None, messages=(), resource='', method=''):
        self.status = status
        self.messages = tuple(messages)
        self.resource = resource
        self.method = method
        super().__init__(message or '; '.join(self.messages) or type(self).__name__)


class NeedsReconnect(ExactError):
    """The chain of tokens is broken; only a new consent helps.

    :ivar reason: 'spent' (the refresh token was used before), 'expired', 'rejected'.
    """

    def __init__(self, message='', *, reason='rejected', **kwargs):
        self.reason = reason
        super().__init__(message, **kwargs)


class TooEarlyToRefresh(ExactError):
    """Exact refuses a refresh before 570 s; the present access token is still good."""


class OAuthRefused(ExactError):
    """The consent did not become tokens.

    :ivar reason: 'code', 'client', 'redirect', 'denied', 'other'.
    """

    def __init__(self, message='', *, reason='other', **kwargs):
        self.reason = reason
        super().__init__(message, **kwargs)


class RateLimited(ExactError):
    """A limit is used up; nothing was done.

    :ivar retry_at: aware UTC datetime from which it makes sense to try again.
    :ivar scope: 'minute', 'day' or 'error_fuse'.
    """

    def __init__(self, message='', *, retry_at, scope='minute', **kwargs):
        self.retry_at = retry_at
        self.scope = scope
        super().__init__(message, **kwargs)


class Forbidden(ExactError):
    """No right: of the user, the app or the licence.

    :ivar reason: Exact's `Reason` header, such as 'NoDivisionAccess'; '' if there is none.
    :ivar scope: the scope that the app registration lacks, dotted; '' if that is not the matter.
    """

    def __init__(self, message='', *, reason='', scope='', **kwargs):
        self.reason = reason
        self.scope = scope
        super().__init__(message, **kwargs)


class NotFound(ExactError):
    """The record or endpoint is not there."""


class Rejected(ExactError):
    """Exact understood and refused; nothing was done.

    :ivar kinds: codes of `catalog`, one per message that is known.
    """

    def __init__(self, message='', *, kinds=(), **kwargs):
        self.kinds = tuple(kinds)
        super().__init__(message, **kwargs)


class MalformedAnswer(ExactError):
    """An answer that is not what the reference promises."""


class Unreachable(ExactError):
    """Surely nothing reached Exact: no address, no connection."""


class OutcomeUnknown(ExactError):
    """The request may have been carried out: ask before sending it again."""


class Transient(ExactError):
    """A read failed for now."""
