"""The generic REST engine: routes, reads, validates bodies, and hands writes to the rules of each
table.
"""

import itertools
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote

from . import views, wire
from .bodies import Bodies
from .errors import HttpError
from .odata import GUID, parse_filter, parse_orderby
from .reference import COLLECTIONS, PARENTS, load_endpoints
from .store import INDEXED, normal

KEYED = re.compile(r'^(?P<path>[^()]+?)(?:\((?P<key>.*?)\))?(?:/(?P<nav>[A-Za-z_]+))?$')
OPTIONS = {
    '$select',
    '$filter',
    '$orderby',
    '$top',
    '$skip',
    '$skiptoken',
    '$expand',
    '$inlinecount',
    '$format',
}


@dataclass
class Call:
    """One API request on its way through the simulator."""

    method: str
    division: int
    app: str
    user: dict
    language: str
    base: str
    endpoint: object = None
    key: str | None = None
    navigation: str | None = None
    query: list = field(default_factory=list)
    body: object = None
    as_json: bool = True

    def option(self, name):
        for key, value in self.query:
            if key == name:
                return value
        return None


@dataclass
class Answer:
    """Status, body bytes and headers of a success."""

    status: int
    body: bytes = b''
    headers: dict = field(default_factory=dict)


def find_endpoint(resource):
    """Split ``crm/Accounts(guid'..')/BankAccounts`` -> (endpoint or None, key literal,
    navigation).
    """
    match = KEYED.match(resource.strip('/'))
    if not match:
        return None, None, None
    path, key, navigation = match.group('path', 'key', 'nav')
    endpoints = load_endpoints()
    if key is None and navigation:
        # without a key the last part belongs to the path
        return endpoints.get(f'{path}/{navigation}'.lower()), None, None
    return endpoints.get(path.lower()), key, navigation


class Engine(Bodies):
    """Serves a :class:`Call` from the store.

    :param rules: {table: object with create(call, values), update(call, row, values), delete(call,
        row)}
    """

    def __init__(self, store, switches, clock, rules):
        self.store, self.switches, self.clock, self.rules = store, switches, clock, rules
        self.views = views.Views(store, switches, clock)

    def serve(self, call):
        endpoint = call.endpoint
        if call.method not in endpoint.methods:
            raise HttpError(
                405,
                f'The method {call.method} is not allowed.',
                headers={'Allow': ', '.join(endpoint.methods)},
            )
        if call.method == 'GET':
            return self.get(call)
        if call.method == 'POST':
            return self.post(call)
        if call.key is None:
            raise HttpError(400, 'A key is needed.')
        row = self.find(call, endpoint, call.key)
        if row is None:
            raise HttpError(404, 'Resource not found.')
        rule = self.rules[endpoint.table]
        if call.method == 'PUT':
            values = self.validate(call, endpoint, call.body, 'u')
            with self.store.transaction():
                rule.update(call, row, values)
        else:
            with self.store.transaction():
                rule.delete(call, row)
        return Answer(204)

    # === reading === #

    def find(self, call, endpoint, literal):
        """The record of a key literal, or None."""
        text = unquote(literal).strip()
        if '=' in text:
            text = text.split('=', 1)[1].strip()
        if text.startswith("guid'"):
            key = text[5:-1].lower()
            if not GUID.fullmatch(key):
                raise HttpError(400, 'Bad Request - Error in query syntax.')
        else:
            key = text.strip("'").rstrip('Ll')
        for row in self.views.rows(call, endpoint, {key}):
            if str(row.get(endpoint.key)) == key or row.get('_key') == key:
                return row
        return None

    def get(self, call):
        endpoint = call.endpoint
        for name, _value in call.query:
            if name.startswith('$') and name not in OPTIONS:
                raise HttpError(
                    400,
                    f"The query parameter '{name}' begins with a system-reserved '$' "
                    'character but is not recognized.',
                )
        select = self.select(call, endpoint)
        if call.key is not None:
            row = self.find(call, endpoint, call.key)
            if row is None:
                raise HttpError(404, 'Resource not found.')
            if call.navigation:
                return self.navigate(call, endpoint, row)
            item = self.render(call, endpoint, row, select)
            return self.answer(call, 200, {'d': item}, [item], single=True)
        return self.get_list(call, endpoint, select)

    def select(self, call, endpoint):
        text = call.option('$select')
        if not text or text.strip() == '*':
            return None
        names = [name.strip().split('/')[0] for name in text.split(',') if name.strip()]
        for name in names:
            if name not in endpoint.types and name != '*':
                raise HttpError(
                    400, f"Could not find a property named '{name}' on type '{endpoint.type}'."
                )
        return None if '*' in names else set(names)

    def navigate(self, call, endpoint, row):
        name = call.navigation
        target = endpoint.types.get(name)
        if target not in COLLECTIONS:
            raise HttpError(404, 'Resource not found.')
        member = load_endpoints()[COLLECTIONS[target].lower()]
        rows = self.store.by(member.table, call.division, PARENTS[target], row['_key'])
        rows.sort(key=lambda line: line.get('LineNumber') or 0)
        items = [self.render(call, member, line, None) for line in rows]
        return self.answer(call, 200, {'d': {'results': items}}, items)

    def get_list(self, call, endpoint, select):
        top = self.integer(call, '$top')
        skip = self.integer(call, '$skip') or 0
        token = call.option('$skiptoken')
        text = call.option('$filter')
        if (
            self.switches.mandatory_select
            and endpoint.kind in ('single', 'bulk', 'sync')
            and (
                not call.option('$select')
                and top != 1
                and not token
                and endpoint.path != 'current/Me'
            )
        ):
            raise HttpError(400, 'Please add a $select or a $top=1 statement to the query string.')
        if skip and endpoint.kind != 'single':
            raise HttpError(400, '$skip is not supported for this endpoint, use $skiptoken.')

        def read(row, name):
            value = self.views.value(call, endpoint, row, name)
            return wire.pad(endpoint.widths.get(name), value) if self.switches.padding else value

        node, names = None, set()
        if text:
            node, names = parse_filter(text, endpoint.types, read)
        self.check_filter(endpoint, names, token)
        limit = endpoint.page if top is None else min(top, endpoint.page)
        rows = self.candidates(call, endpoint, node, text, token)
        if node is not None:
            found = (row for row in rows if node.evaluate(row))
            if endpoint.kind == 'sync' and not call.option('$inlinecount'):
                # already in order: one page and a row more will do
                found = itertools.islice(found, limit + 1)
            rows = list(found)
        count = len(rows) if call.option('$inlinecount') == 'allpages' else None
        order = (
            parse_orderby(call.option('$orderby'), endpoint.types)
            if call.option('$orderby')
            else []
        )
        rows, page_token = self.arrange(endpoint, rows, order, token, skip, read)
        page, rest = rows[:limit], len(rows) > limit
        items = [self.render(call, endpoint, row, select) for row in page]
        payload = {'d': {'results': items}}
        if count is not None:
            payload['d']['__count'] = str(count)
        if rest and (top is None or top > limit):
            payload['d']['__next'] = self.next_link(call, endpoint, page_token(page), top, limit)
        if top == 1 and self.switches.envelope_top1 == 'flat':
            payload = {'d': items}
        return self.answer(call, 200, payload, items)

    def check_filter(self, endpoint, names, token):
        allowed = endpoint.filter_only
        if endpoint.kind == 'sync':
            allowed = (
                {'Timestamp', 'EntityType'} if endpoint.path == 'sync/Deleted' else {'Timestamp'}
            )
        if allowed is not None and names - allowed:
            raise HttpError(
                400,
                'Filtering on these fields is not supported: '
                + ', '.join(sorted(names - allowed))
                + '.',
            )
        if (
            endpoint.filter_restricted
            and self.switches.mandatory_filter
            and not token
            and (not names & endpoint.filterable)
        ):
            raise HttpError(
                400,
                'This endpoint has mandatory filtering applied. Please add a $filter on at '
                'least one of these fields:' + ','.join(sorted(endpoint.filterable)),
            )

    def candidates(self, call, endpoint, node, text, token):
        """Records to look at: by index or Timestamp where the filter allows."""
        if endpoint.kind == 'sync':
            found = re.findall(r'Timestamp\s+g[te]\s+(\d+)L?', text or '')
            plain = found and ' or ' not in text and 'not' not in text
            after = min(int(value) for value in found) - 1 if plain else 0
            if token:
                after = max(after, self.stamp(token))
            return self.views.rows(call, endpoint, after=after)
        if node is not None and node.candidates:
            name, values = node.candidates
            guid_key = endpoint.types.get(name) == 'Guid'
            if guid_key and name == endpoint.key and endpoint.kind in ('single', 'bulk'):
                return self.views.rows(call, endpoint, keys=values)
            if name in INDEXED and not self.views.is_virtual(endpoint):
                if any(isinstance(value, str) and not GUID.fullmatch(value) for value in values):
                    name, values = f'~{name}', {normal(value) for value in values}
                return self.views.rows(call, endpoint, by=(name, values))
        return self.views.rows(call, endpoint)

    @staticmethod
    def stamp(token):
        """The Timestamp of a skip token of a sync endpoint."""
        if not re.fullmatch(r'\d+L?', token):
            raise HttpError(400, 'Error in query syntax. $skiptoken')
        return int(token.rstrip('L'))

    def arrange(self, endpoint, rows, order, token, skip, read):
        """Sort, skip; returns (rows, function from page to its skip token)."""
        if endpoint.kind == 'sync':
            return rows, lambda page: f"{page[-1]['Timestamp']}L"
        if order or endpoint.kind == 'read':
            start = skip
            for name, descending in reversed(order):
                rows.sort(key=lambda row, name=name: sort_key(read(row, name)), reverse=descending)
            if token:
                start = int(token)
            return rows[start:], lambda page: str(start + len(page))
        name = endpoint.key
        rows.sort(key=lambda row: sort_key(row.get(name)))
        if token:
            last = token[5:-1] if token.startswith("guid'") else token.strip("'")
            rows = (
                [row for row in rows if str(row.get(name)) > last]
                if endpoint.types.get(name) == 'Guid'
                else (
                    [
                        row
                        for row in rows
                        if sort_key(row.get(name)) > sort_key(type(row.get(name))(last))
                    ]
                )
            )
        if skip:
            rows = rows[skip:]

        def page_token(page):
            value = page[-1].get(name)
            return f"guid'{value}'" if endpoint.types.get(name) == 'Guid' else str(value)

        return rows, page_token

    def next_link(self, call, endpoint, token, top, given):
        parts = [
            (name, value)
            for name, value in call.query
            if name not in ('$skiptoken', '$skip', '$top')
        ]
        if top is not None:
            parts.append(('$top', str(top - given)))
        parts.append(('$skiptoken', token))
        query = '&'.join(f"{name}={quote(value, safe=chr(39) + '(),$:/')}" for name, value in parts)
        return f'{call.base}{endpoint.path}?{query}'

    @staticmethod
    def integer(call, name):
        text = call.option(name)
        if text is None:
            return None
        if not text.isdigit():
            raise HttpError(400, f'Incorrect format for {name} argument \'{text}\'.')
        return int(text)

    def render(self, call, endpoint, row, select):
        def value(name):
            return self.views.value(call, endpoint, row, name)

        return wire.render(
            endpoint,
            value(endpoint.key),
            value,
            call.base,
            endpoint.names(select),
            self.switches.padding,
        )

    def answer(self, call, status, payload, items, single=False):
        if call.as_json:
            return Answer(
                status, wire.dumps(payload), {'Content-Type': 'application/json; charset=utf-8'}
            )
        return Answer(
            status,
            wire.atom(items, single),
            {'Content-Type': 'application/atom+xml; charset=utf-8'},
        )

    # === writing === #

    def post(self, call):
        endpoint = call.endpoint
        if call.key is not None:
            raise HttpError(405, 'The method POST is not allowed on a key.')
        values = self.validate(call, endpoint, call.body, 'p')
        rule = self.rules[endpoint.table]
        if hasattr(rule, 'prepare'):
            # work that talks to others (webhook validation) happens outside of the transaction
            rule.prepare(call, values)
        with self.store.transaction():
            row = rule.create(call, values)
        row = self.store.get(endpoint.table, call.division, row['_key']) or row
        item = self.render(call, endpoint, row, None)
        answer = self.answer(call, 201, {'d': item}, [item], single=True)
        answer.headers['Location'] = item['__metadata']['uri']
        return answer


def sort_key(value):
    """Orders None first and texts without regard to case."""
    if value is None:
        return (0, '')
    if isinstance(value, bool):
        return (1, int(value))
    if isinstance(value, (int, float)):
        return (1, value)
    return (2, str(value).casefold())


def parse_query(raw):
    """Raw query string -> list of (name, value); a plus sign stays a blank as in forms."""
    return parse_qsl(raw, keep_blank_values=True)
