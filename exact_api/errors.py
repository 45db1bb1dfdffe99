"""What can go wrong with a call, told apart by what the caller may do next.

    surely not processed   TooEarlyToRefresh, RateLimited, Unreachable, Forbidden, NotFound,
                           Rejected, NeedsReconnect (of an API call), Transient
    perhaps processed      OutcomeUnknown: look it up before anything is sent again
    not what was expected  MalformedAnswer: after a write, look it up as well
    more than is taken     TooMuch, TooSlow: of a read; after a write, OutcomeUnknown

No text of an error holds a token, a body or a value of a query. Exact's own words are in
`messages`.
"""

# ruff: noqa: N818  the names say what happened


class ExactError(Exception):
    """Base of all errors of this package.

    :param str message: for the log; free of secrets and of business data
    :param int status: the HTTP status, None if there was no answer
    :param messages: Exact's own sentences, in the language of its user
    :param str resource: e.g. 'crm/Accounts'
    :param str method: 'GET', 'POST', 'PUT' or 'DELETE'
    """

    def __init__(self, message='', *, status=None, messages=(), resource='', method=''):
        super().__init__(message)
        self.status = status
        self.messages = tuple(messages)
        self.resource = resource
        self.method = method

    def __str__(self):
        where = f'{self.method} {self.resource}'.strip()
        what = super().__str__() or (f'HTTP {self.status}' if self.status else '')
        return ': '.join(filter(None, (where, what))) or type(self).__name__


class NeedsReconnect(ExactError):
    """The consent is gone: only a person can give a new one.

    `reason` is 'spent' (a refresh token that was used before), 'expired' (unused for 30 days) or
    'rejected'.
    """

    def __init__(self, message='', *, reason='rejected', **where):
        super().__init__(message, **where)
        self.reason = reason


class TooEarlyToRefresh(ExactError):
    """The access token is younger than 570 s. It goes on working; nothing was used up."""


class OAuthRefused(ExactError):
    """The token endpoint refuses for a reason other than a dead chain.

    `reason` is 'code' (used, or older than three minutes), 'client' (wrong client id or secret),
    'redirect' (not the registered redirect address), 'denied' or 'other'.
    """

    def __init__(self, message='', *, reason='other', **where):
        super().__init__(message, **where)
        self.reason = reason


class RateLimited(ExactError):
    """The budget of calls is used up; nothing was processed.

    `retry_at` is an aware datetime in UTC; `scope` is 'minute', 'day', 'error_fuse' or 'ill' (of
    `resource` alone) or 'token' (a refresh of the tokens has to wait).
    """

    def __init__(self, message='', *, retry_at=None, scope='minute', **where):
        super().__init__(message, **where)
        self.retry_at = retry_at
        self.scope = scope


class Forbidden(ExactError):
    """The user, the app or the licence may not do this.

    `reason` is Exact's own word, e.g. 'NoDivisionAccess', 'LicenseExpired' or 'Application Scope
    Violated', '' if it gave none. `scope` is the scope that the app lacks, e.g.
    'organization.administration', else ''.
    """

    def __init__(self, message='', *, reason='', scope='', **where):
        super().__init__(message, **where)
        self.reason = reason
        self.scope = scope


class NotFound(ExactError):
    """There is no such record or resource in this division."""


class Rejected(ExactError):
    """Exact understood and refused. `kinds` are codes of `catalog`; ('unknown',) for new words."""

    def __init__(self, message='', *, kinds=('unknown',), **where):
        super().__init__(message, **where)
        self.kinds = tuple(kinds)


class MalformedAnswer(ExactError, ValueError):
    """The answer does not have the form that the facts describe."""


class Unreachable(ExactError):
    """No connection came about, so surely nothing reached Exact."""


class OutcomeUnknown(ExactError):
    """The request left this machine and no usable answer came back: it may have been processed.

    `is_foreign`: an answer came that has not the form of Exact's, most likely of a proxy between.
    """

    def __init__(self, message='', *, is_foreign=False, **where):
        super().__init__(message, **where)
        self.is_foreign = is_foreign


class Transient(ExactError):
    """A read did not succeed for a passing reason; it may be repeated later."""


class TooSlow(Transient):
    """A read began to answer and did not come to its end within the time of a whole call."""


class TooMuch(MalformedAnswer):
    """A read was ended because it would have no end.

    `limit` is 'bytes' (an answer larger than any may be), 'progress' (pages that go on and bring
    nothing new) or 'pages' (more of them than a day has calls).
    """

    def __init__(self, message='', *, limit='bytes', **where):
        super().__init__(message, **where)
        self.limit = limit
