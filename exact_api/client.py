"""The REST client of Exact Online: one request at a time, every outcome told apart."""

import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

import requests

from .catalog import classify
from .errors import (
    ExactError, Forbidden, MalformedAnswer, NeedsReconnect, NotFound, OutcomeUnknown, RateLimited,
    Rejected, Transient, Unreachable,
)
from .limits import RateLimits
from .oauth import utcnow
from .odata import guid
from .transport import checked_base_url, is_unreachable
from .wire import encode

_logger = logging.getLogger(__name__)

_GATEWAY = (502, 503, 504)
_SCOPE = re.compile(r"'([a-z]+\.[a-z]+)'")


@dataclass(frozen=True)
class Call:
    """One request and what came of it, for budgets and logs."""

    method: str
    resource: str
    status: int | None
    duration_s: float
    limits: RateLimits
    error: ExactError | None = None
    path: str = ''


class ExactClient:
    """Calls to one division.

    :param base_url: 'https://start.exactonline.nl'; plain http for loopback addresses only.
    :param division: number of the division; None for `current/Me` alone.
    :param token: callable that returns an access token; called right before each request.
    :param before: hook (method, resource) that may raise `RateLimited` instead of letting a call
        go out.
    :param after: hook that is told each `Call`.
    :param timeout: seconds to connect, seconds to wait for the answer.
    """

    def __init__(self, base_url: str, division: int | None, token: Callable[[], str], *,
                 session: requests.Session | None = None, timeout=(5, 60),
                 before: Callable[[str, str], None] | None = None,
                 after: Callable[[Call], None] | None = None,
                 language: str | None = None, clock: Callable[[], datetime] = utcnow):
        self._base_url = checked_base_url(base_url)
        self._division = division
        self._token = token
        self._session = session or requests.Session()
        self._timeout = timeout
        self._before = before
        self._after = after
        self._language = language
        self._clock = clock

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._session.close()

    # === READING === #

    def get(self, resource: str, *, select: Sequence[str], filter: str | None = None,
            orderby: str | None = None, top: int | None = None, params=None) -> list[dict]:
        """All rows, following the pages."""
        return [
            row
            for page in self.pages(resource, select=select, filter=filter, orderby=orderby,
                                   top=top, params=params)
            for row in page
        ]

    def pages(self, resource: str, *, select: Sequence[str], filter: str | None = None,
              orderby: str | None = None, top: int | None = None,
              params=None) -> Iterator[list[dict]]:
        """Pages of rows, one request each."""
        query = {
            '$select': ','.join(select) if select else None,
            '$filter': filter,
            '$orderby': orderby,
            '$top': top,
            **(params or {}),
        }
        query = {name: value for name, value in query.items() if value is not None}
        url = self._url(resource)
        if query:
            url += '?' + urlencode(query, quote_via=quote, safe="$,'()")
        while url:
            rows, url = self._rows(self._request('GET', resource, url), resource)
            yield rows

    def get_by_key(self, resource: str, key, *, select: Sequence[str]) -> dict | None:
        """One record by its key; None if it is not there."""
        url = f'{self._keyed(resource, key)}?' + urlencode(
            {'$select': ','.join(select)}, quote_via=quote, safe="$,'()")
        try:
            rows, _next = self._rows(self._request('GET', resource, url), resource)
        except NotFound:
            return None
        return rows[0] if rows else None

    # === WRITING === #

    def post(self, resource: str, body: dict) -> dict:
        """Create a record; the created one as Exact tells it.

        :raise OutcomeUnknown: it may have been created.
        """
        answer = self._request('POST', resource, self._url(resource), body)
        record = answer.get('d') if isinstance(answer, dict) else None
        if isinstance(record, dict) and 'results' in record:
            record = record['results'][0] if record['results'] else None
        if not isinstance(record, dict):
            raise OutcomeUnknown("answer without the record", resource=resource, method='POST')
        return record

    def put(self, resource: str, key, body: dict) -> None:
        """Change the given properties of a record, and no others."""
        self._request('PUT', resource, self._keyed(resource, key), body)

    def delete(self, resource: str, key) -> None:
        self._request('DELETE', resource, self._keyed(resource, key))

    # === INNER === #

    def _url(self, resource):
        if resource == 'current/Me':
            return f'{self._base_url}/api/v1/current/Me'
        if self._division is None:
            raise ValueError(f"{resource} needs a division")
        return f'{self._base_url}/api/v1/{self._division}/{resource}'

    def _keyed(self, resource, key):
        if isinstance(key, (str, UUID)):
            key = guid(key)
        return f'{self._url(resource)}({key})'

    def _request(self, method, resource, url, body=None):
        """One request, once more only after a 401 with another token.

        :return: the decoded answer, None without one.
        """
        if self._before:
            self._before(method, resource)
        token = self._token()
        try:
            return self._send(method, resource, url, body, token)
        except NeedsReconnect:
            fresh = self._token()
            if fresh == token:
                raise
            return self._send(method, resource, url, body, fresh)

    def _send(self, method, resource, url, body, token):
        headers = {'Accept': 'application/json', 'Authorization': f'Bearer {token}'}
        data = None
        if body is not None:
            headers['Content-Type'] = 'application/json'
            data = json.dumps(encode(body)).encode()
        if self._language:
            headers['CustomDescriptionLanguage'] = self._language
        started, response, error = time.monotonic(), None, None
        try:
            response = self._session.request(
                method, url, data=data, headers=headers, timeout=self._timeout,
                allow_redirects=False,
            )
            return self._decoded(method, resource, response)
        except requests.RequestException as cause:
            error = self._network_error(method, resource, cause)
            raise error from cause
        except ExactError as cause:
            error = cause
            raise
        finally:
            self._tell(method, resource, response, error, time.monotonic() - started, url)

    def _tell(self, method, resource, response, error, duration, url):
        status = response.status_code if response is not None else None
        _logger.debug(
            "%s %s: %s in %.3f s", method, resource, status or type(error).__name__, duration,
        )
        if self._after:
            limits = RateLimits.from_headers(response.headers if response is not None else {})
            self._after(Call(
                method, resource, status, duration, limits, error, urlsplit(url).path,
            ))

    @staticmethod
    def _network_error(method, resource, cause):
        where = {'resource': resource, 'method': method}
        if is_unreachable(cause):
            return Unreachable("Exact cannot be reached", **where)
        if method == 'GET':
            return Transient("no answer", **where)
        return OutcomeUnknown("no answer", **where)

    def _decoded(self, method, resource, response):
        status = response.status_code
        where = {'resource': resource, 'method': method, 'status': status}
        if status in (200, 201):
            try:
                return json.loads(response.content, parse_float=Decimal)
            except ValueError:
                if method == 'GET':
                    raise Transient("unreadable answer", **where) from None
                raise OutcomeUnknown("unreadable answer", **where) from None
        if status == 204:
            return None
        if status == 429:
            raise self._rate_limited(response, where)
        messages = self._messages(response)
        if status == 401:
            raise NeedsReconnect("the access token is not accepted", messages=messages, **where)
        if status == 403:
            text = f'{response.reason or ""} {" ".join(messages)}'
            scope = _SCOPE.search(text) if 'scope' in text.casefold() else None
            raise Forbidden(
                "no right", reason=response.headers.get('Reason', ''),
                scope=scope.group(1) if scope else '', messages=messages, **where,
            )
        if status == 404:
            raise NotFound("not there", messages=messages, **where)
        if status in (400, 405, 409, 500) and messages:
            kinds = classify(status, messages)
            if status == 500 and any(kind.error_class == 'transient' for kind in kinds):
                raise self._failed(method, "Exact has a problem", messages=messages, **where)
            raise Rejected(messages=messages, kinds=[kind.code for kind in kinds], **where)
        if 400 <= status < 500:
            raise Rejected(f"refused with status {status}", **where)
        if status >= 500:
            raise self._failed(method, f"failed with status {status}", **where)
        raise MalformedAnswer(f"unexpected status {status}", **where)

    @staticmethod
    def _failed(method, message, **values):
        kind = Transient if method == 'GET' else OutcomeUnknown
        return kind(message, **values)

    def _rate_limited(self, response, where):
        limits = RateLimits.from_headers(response.headers)
        if limits.minute_reset or limits.minute_remaining is not None:
            scope, moment = 'minute', limits.minute_reset
        elif limits.day_reset or limits.day_remaining is not None:
            scope, moment = 'day', limits.day_reset
        else:
            scope, moment = 'minute', None
        now = self._clock()
        if moment is None:
            try:
                seconds = int(response.headers.get('Retry-After', ''))
            except ValueError:
                seconds = 3600 if scope == 'day' else 60
            moment = now + timedelta(seconds=seconds)
        return RateLimited("limit used up", retry_at=max(moment, now), scope=scope, **where)

    @staticmethod
    def _messages(response):
        """Exact's own words, one per line of its error body."""
        try:
            value = response.json()['error']['message']
        except (ValueError, KeyError, TypeError):
            return ()
        text = value.get('value') if isinstance(value, dict) else value
        return tuple(line.strip() for line in str(text or '').splitlines() if line.strip())

    def _rows(self, answer, resource):
        """Rows and the address of the next page, of both envelopes.

        :raise MalformedAnswer: no envelope, or a next page on another host.
        """
        data = answer.get('d') if isinstance(answer, dict) else None
        following = answer.get('__next') if isinstance(answer, dict) else None
        if isinstance(data, dict) and 'results' in data:
            following = data.get('__next') or following
            data = data['results']
        elif isinstance(data, dict):
            data = [data]
        if not isinstance(data, list):
            raise MalformedAnswer("answer without rows", resource=resource, method='GET')
        if following:
            ours, theirs = urlsplit(self._base_url), urlsplit(following)
            if (ours.scheme, ours.netloc.lower()) != (theirs.scheme, theirs.netloc.lower()):
                # The bearer token must not go there.
                raise MalformedAnswer("next page on another host", resource=resource, method='GET')
        return data, following
