"""The REST client: one division, one call at a time."""

import logging
import re
import time
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

import requests

from . import catalog, odata, wire
from .addresses import checked_base_url, origin
from .bounded import AnswerTooLargeError, AnswerTooSlowError, BoundedAdapter
from .clock import utcnow
from .errors import (
    ExactError,
    Forbidden,
    MalformedAnswer,
    NeedsReconnect,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TooMuch,
    TooSlow,
    Transient,
    Unreachable,
)
from .limits import RateLimits
from .pages import READING, Progress, page_of, single_record, whole_row
from .transport import (
    NETWORK_ERRORS,
    BearerAuth,
    error_messages,
    has_form,
    refusal,
    surely_not_sent,
)

_logger = logging.getLogger(__name__)

API = '/api/v1'
# Only these have no division in their address (D).
WITHOUT_DIVISION = ('current/Me', 'system/Users')
# The words of a gateway in front of Exact, whatever the body says.
GATEWAY_STATUSES = (408, 502, 503, 504)
# For a whole call, whatever comes in between; see `timeout` for a silence.
WHOLE_CALL = 90
# Rows at once that a list in memory may have.
MAX_ROWS = 200_000


@dataclass(frozen=True)
class Call:
    """One HTTP request that was made, for the hook `after`.

    :param str method: 'GET', 'POST', 'PUT' or 'DELETE'
    :param str resource: e.g. 'crm/Accounts'
    :param int status: the HTTP status, None if no answer came
    :param float duration_s: in seconds
    :param RateLimits limits: what the answer says of the budget
    :param ExactError error: what the call raises, None if it succeeded
    :param str path: of the address, without the query
    """

    method: str
    resource: str
    status: int | None
    duration_s: float
    limits: RateLimits
    error: ExactError | None = None
    path: str = ''


class ExactClient:
    """Calls of Exact's REST API in one division.

    A resource is the path below the division, e.g. 'crm/Accounts'. Rows are dicts with Exact's own
    names and values, fractions as Decimal; `wire` reads the rest. Nothing is ever repeated by
    itself, except once after a 401 when there is another token.

    :param str base_url: e.g. 'https://start.exactonline.nl'
    :param int division: number of the administration, or None for what has none
    :param token: called without arguments right before each request, gives the access token
    :param session: a `requests.Session` to use instead of an own one; it stays open
    :param timeout: (seconds to connect, seconds between two bytes of the answer)
    :param whole: seconds for a whole call; a large body gets more. Of an own session only
    :param before: called with (method, resource) before each request, before the token is asked
        for: may wait, or raise to prevent the request
    :param after: called with a `Call` after each request, before its error is raised. What it
        raises takes the place of the answer, so it should not
    :param str language: of descriptions, for the header `CustomDescriptionLanguage` (O)
    :param clock: gives the present moment as an aware datetime in UTC
    :raise ValueError: if tokens must not be sent to this address
    """

    def __init__(
        self, base_url, division, token, *, session=None, timeout=(5, 60), whole=WHOLE_CALL,
        before=None, after=None, language=None, clock=utcnow,
    ):
        self.base_url = checked_base_url(base_url)
        self.division = None if division is None else int(division)
        self._token = token
        self._own_session = session is None
        self._session = session or requests.Session()
        if self._own_session:
            # A cookie of Exact could tie calls to a session of somebody else
            self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            for scheme in ('https://', 'http://'):
                self._session.mount(scheme, BoundedAdapter(whole))
        self._timeout = timeout
        self._before = before
        self._after = after
        self._language = language
        self._clock = clock

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()

    def close(self):
        """Close the connections."""
        if self._own_session:
            self._session.close()

    # === READING === #

    def get(self, resource, *, select, filter=None, orderby=None, top=None, params=None):
        """Return the rows of all pages.

        :param select: names of properties; Exact demands it in many places (O)
        :param str filter: a term of `odata`
        :param str orderby: e.g. 'Modified asc'
        :param int top: stop at so many rows
        :param dict params: more of the query, e.g. for the functions below `read/`; text is taken
            as it is, so use `odata.guid` and `odata.literal`
        """
        pages = self.pages(
            resource, select=select, filter=filter, orderby=orderby, top=top, params=params,
        )
        rows = []
        for page in pages:
            rows += page
            if len(rows) > MAX_ROWS:
                raise TooMuch("too many rows", limit='pages', resource=resource, method=READING)
        return rows[:top]

    def pages(
        self, resource, *, select, filter=None, orderby=None, top=None, params=None, whole=True,
    ):
        """Give the pages one by one, a list of rows each; each is called for when it is asked for.

        A page has up to 60 rows, below `bulk/` and `sync/` up to 1,000 (D). Parameters as of `get`.

        :param bool whole: whether each row must have its key, and gets None for what else was
            selected and is missing; False for who looks at each row itself
        """
        query = {'$select': _names(select)}
        if filter:
            query['$filter'] = filter
        if orderby:
            query['$orderby'] = orderby
        if top is not None:
            query['$top'] = int(top)
        for name, value in (params or {}).items():
            query[name] = value if isinstance(value, str) else odata.literal(value)
        names = query['$select'].split(',') if whole else []
        return self._follow(resource, self._url(resource, query), top, names)

    def page(self, resource, *, select, filter):
        """Return (rows of the first page, whether another one follows), for who goes on from a
        position of his own. Parameters as of `get`.
        """
        names = _names(select)
        url = self._url(resource, {'$select': names, '$filter': filter})
        rows, link = page_of(self._request(READING, resource, url), resource)
        return [whole_row(row, names.split(','), resource) for row in rows], bool(link)

    def get_by_key(self, resource, key, *, select):
        """Return one record as a dict, None if there is none.

        :param key: a GUID, or the number of a `Timestamp` below `sync/`
        """
        url = self._url(resource, {'$select': _names(select)}, key)
        try:
            row = single_record(self._request(READING, resource, url))
        except NotFound:
            return None
        if row is None:
            raise MalformedAnswer("not a record", resource=resource, method=READING)
        return row or None

    def _follow(self, resource, url, top, names):
        seen, count, progress = set(), 0, Progress()
        while url:
            seen.add(url)
            rows, url = page_of(self._request(READING, resource, url), resource)
            count += len(rows)
            if top is not None and count >= top:
                url = None
            # Looked at before the page is given away: a bad link must not look like the end
            self._check_link(url, seen, resource)
            if url:
                limit = progress.limit_of(rows)
                if limit:
                    raise TooMuch("no end", limit=limit, resource=resource, method=READING)
            yield [whole_row(row, names, resource) for row in rows]

    def _check_link(self, url, seen, resource):
        """Refuse a link to the next page that leads to another host, or back.

        The token would go to that host; and a circle would use the day's budget up.
        """
        if url in seen:
            fault = "the pages go round in circles"
        elif url and origin(url) != origin(self.base_url):
            fault = "the link to the next page leads to another host"
        else:
            return
        raise MalformedAnswer(fault, resource=resource, method=READING)

    # === WRITING === #

    def post(self, resource, body):
        """Create a record, with its lines if the body holds them; return what Exact answers.

        :param dict body: Exact's property names with Python values, see `wire.encode`
        """
        row = single_record(self._request('POST', resource, self._url(resource), body))
        if not row:
            # It was most likely created, but as what?
            raise OutcomeUnknown("no record in the answer", resource=resource, method='POST')
        return row

    def put(self, resource, key, body):
        """Change a record. Send what changed and nothing else: a whole one may be refused (O)."""
        self._request('PUT', resource, self._url(resource, key=key), body)

    def delete(self, resource, key):
        """Delete a record.

        :raise NotFound: if there is none
        """
        self._request('DELETE', resource, self._url(resource, key=key))

    # === ONE REQUEST === #

    def _url(self, resource, query=None, key=None):
        """Return the address of a resource or, with a key, of a record in it."""
        if not re.fullmatch(r'[A-Za-z]+(/[A-Za-z0-9]+)+', resource):
            raise ValueError("A resource is a path such as 'crm/Accounts'.")
        prefix, path = API, resource
        if path.startswith('beta/'):
            prefix, path = f'{API}/beta', path.removeprefix('beta/')
        if path not in WITHOUT_DIVISION:
            if self.division is None:
                raise ValueError("This resource belongs to a division, and the client has none.")
            prefix = f'{prefix}/{self.division}'
        url = f'{self.base_url}{prefix}/{path}'
        if key is not None:
            url += f'({_key(path, key)})'
        return f"{url}?{urlencode(query, quote_via=quote, safe='$(),')}" if query else url

    def _request(self, method, resource, url, body=None):
        """Make a request; return the parsed answer of GET and POST, else None."""
        data = None if body is None else wire.encode(body).encode()
        token = self._ask_leave(method, resource)
        try:
            return self._attempt(method, resource, url, data, token)
        except NeedsReconnect:
            # Refused, so not processed: the token may have run out on the way
            fresh = self._ask_leave(method, resource)
            if fresh == token:
                raise
        return self._attempt(method, resource, url, data, fresh)

    def _ask_leave(self, method, resource):
        """Ask the hook, then for the token: one fetched before a wait is stale after it."""
        if self._before:
            self._before(method, resource)
        token = self._token()
        if not isinstance(token, str) or not re.fullmatch(r'[\x21-\x7e]+', token):
            raise ValueError("The access token must be text that fits a header.")
        return token

    def _attempt(self, method, resource, url, data, token):
        """Make one HTTP request, tell the log and the hook, return or raise what came of it."""
        headers = {'Accept': 'application/json'}
        if data is not None:
            headers['Content-Type'] = 'application/json'
        if self._language:
            headers['CustomDescriptionLanguage'] = self._language
        response = answer = error = None
        started = time.monotonic()
        try:
            response = self._session.request(
                method, url, data=data, headers=headers, auth=BearerAuth(token),
                timeout=self._timeout, allow_redirects=False,
            )
            answer = self._read(method, resource, response)
        except NETWORK_ERRORS as failure:
            # Its head may have come: the call was counted
            response = getattr(failure, 'response', None)
            error = _network_error(failure, method, resource)
        except ExactError as failure:
            error = failure
        duration = time.monotonic() - started
        status = None if response is None else response.status_code
        _logger.info(
            "%s %s: %s in %.0f ms",
            method, resource, status or type(error).__name__, duration * 1000,
        )
        if self._after:
            answered = {} if response is None else response.headers
            limits = RateLimits.from_headers(answered, self._clock())
            path = urlsplit(url).path
            self._after(Call(method, resource, status, duration, limits, error, path))
        if error:
            # Without the cause: its text holds the address with the values of the query
            raise error from None
        return answer

    def _read(self, method, resource, response):
        """Return the parsed body of a success.

        :raise ExactError: for everything else
        """
        status = response.status_code
        where = {'status': status, 'resource': resource, 'method': method}
        if 200 <= status < 300:
            if method not in (READING, 'POST'):
                # Nothing, or at most JSON (O): a page of HTML is the answer of somebody between.
                if not has_form(response):
                    raise _doubt("not an answer of Exact", where, response)
                return None
            try:
                return wire.loads(response.content)
            except ValueError:
                raise _doubt("the answer is not JSON", where, response) from None
        if status < 400:
            raise MalformedAnswer("Exact sends us to another address", **where)
        if not has_form(response) and (method != READING or status not in (401, 429)):
            raise _doubt("not an answer of Exact", where, response)
        if status == 401:
            raise NeedsReconnect("the access token is refused", reason='rejected', **where)
        if status == 429:
            now = self._clock()
            limits = RateLimits.from_headers(response.headers, now)
            retry_at, scope = limits.blocked_until(response.headers, now)
            if limits == RateLimits():
                # No window is used up, so it is this resource alone that waits: Exact's own lock
                # after too many errors may look like this (nobody has shown one), or a proxy's
                scope = 'error_fuse'
            raise RateLimited(retry_at=retry_at, scope=scope, **where)
        raise _refused(response, where)


def _refused(response, where):
    """Return the error for a status from 400 on that is neither 401 nor 429."""
    status = response.status_code
    messages = error_messages(response)
    reason, scope = refusal(response)
    if where['method'] != READING and messages is None and not reason:
        # Neither Exact's error object nor its header: who answered, is not known.
        return _doubt("not an answer of Exact", where, response)
    messages = messages or ()
    kinds = catalog.classify(status, messages)
    where = {**where, 'messages': messages}
    if status == 403 or any(kind.error_class == 'rights' for kind in kinds):
        return Forbidden(reason=reason or kinds[0].fragment, scope=scope, **where)
    if status == 404:
        return NotFound(**where)
    if status in GATEWAY_STATUSES or (status >= 500 and not messages):
        return _doubt('', where, response)
    if all(kind.error_class == 'transient' for kind in kinds):
        return _doubt('', where)
    # Business errors come with HTTP 500 (O)
    return Rejected(kinds=[kind.code for kind in kinds], **where)


def _doubt(message, where, response=None):
    """Return the error of a request whose effect nobody knows; a read has none.

    :param response: an answer that is not, or may not be, Exact's own
    """
    if where['method'] == READING:
        return Transient(message, **where)
    return OutcomeUnknown(message, is_foreign=response is not None, **where)


def _network_error(failure, method, resource):
    """Return the error for a request that got no answer.

    Named by the type alone: the text of the failure holds the whole address.
    """
    where = {'resource': resource, 'method': method}
    name = type(failure).__name__
    if method == READING and isinstance(failure, AnswerTooLargeError):
        return TooMuch(name, limit='bytes', **where)
    if method == READING and isinstance(failure, AnswerTooSlowError):
        return TooSlow(name, **where)
    return Unreachable(name, **where) if surely_not_sent(failure) else _doubt(name, where)


# === FORMS OF REQUESTS === #


def _names(select):
    names = [select] if isinstance(select, str) else list(select)
    if not names:
        raise ValueError("Select at least one property.")
    return ','.join(names)


def _key(path, key):
    """Return the literal of a key: GUIDs, and numbers that are 64 bits wide below `sync/` (D)."""
    if isinstance(key, (odata.Literal, UUID)):
        return odata.literal(key)
    if isinstance(key, str):
        return odata.guid(key)
    return odata.timestamp(key) if path.startswith('sync/') else odata.literal(int(key))
