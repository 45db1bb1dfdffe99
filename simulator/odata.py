"""The OData dialect that Exact speaks (v2): filters, ordering, literals. Fact sheet 3.4 and 3.5.

A filter is parsed to a small tree; each node can be evaluated on a record and can name the
candidate values of an indexed property, so that equality filters need no scan.
"""

import re
from datetime import date, datetime, timedelta, timezone

from .clock import DUTCH
from .errors import HttpError

TOKEN = re.compile(
    r"""
    \s*(?:
      (?P<guid>guid'[^']*') | (?P<datetime>datetime(?:offset)?'[^']*') | (?P<text>'(?:[^']|'')*')
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?[LlMmDdFf]?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?:/[A-Za-z_][A-Za-z0-9_]*)*)
    | (?P<open>\() | (?P<close>\)) | (?P<comma>,)
    )""",
    re.VERBOSE,
)
COMPARISONS = ('eq', 'ne', 'gt', 'ge', 'lt', 'le')
GUID = re.compile(r'[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}')
DATE_MS = re.compile(r'/Date\((-?\d+)\)/')
ISO_DATE = re.compile(r'\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[+-]\d\d:\d\d)?)?')
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the wall clock has no zone
INTEGERS = {'Byte': 2**8, 'Int16': 2**15, 'Int32': 2**31, 'Int64': 2**63}
NUMBERS = {*INTEGERS, 'Double', 'Decimal'}
FUNCTIONS = {
    'substringof': 2,
    'startswith': 2,
    'endswith': 2,
    'trim': 1,
    'tolower': 1,
    'toupper': 1,
    'length': 1,
    'concat': 2,
    'replace': 3,
    'year': 1,
    'month': 1,
    'day': 1,
}
BOOLEAN_FUNCTIONS = ('substringof', 'startswith', 'endswith')


def syntax_error(detail=''):
    """The answer to a filter that cannot be read."""
    return HttpError(400, 'Error in query syntax.' + (f' {detail}' if detail else ''))


def parse_datetime(text):
    """Text of a date or instant -> record text ``2026-01-31T00:00:00.000`` (Dutch wall clock).

    A zone, which Exact does not want, is converted to Dutch time (assumption).

    :raise ValueError: no date
    """
    milliseconds = DATE_MS.fullmatch(text)
    if milliseconds:
        moment = EPOCH + timedelta(milliseconds=int(milliseconds.group(1)))
        return moment.isoformat(timespec='milliseconds')
    if text.endswith(('Z', 'z')):
        text = text[:-1] + '+00:00'
    if not ISO_DATE.fullmatch(text):
        raise ValueError('not an ISO date')
    text = re.sub(r'(\.\d{1,6})\d*', lambda match: match.group(1).ljust(7, '0'), text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(DUTCH).replace(tzinfo=None)
    if not 1753 <= moment.year <= 9999:
        raise ValueError('year out of range')
    return moment.isoformat(timespec='milliseconds')


def comparable_date(value):
    """Record text of a date or instant, widened so that texts compare as instants."""
    return value + 'T00:00:00.000' if len(value) == 10 else value


def to_milliseconds(value):
    """Record text -> milliseconds since 1970 of the wall clock taken as if it were UTC."""
    moment = datetime.fromisoformat(value)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_date(value):
    """A ``date`` of the record text."""
    return date.fromisoformat(value[:10])


def utc_to_wall(moment):
    """Aware datetime -> record text in Dutch wall clock."""
    wall = moment.astimezone(DUTCH).replace(tzinfo=None)
    return wall.isoformat(timespec='milliseconds')


class Node:
    """A part of a filter: ``kind`` is an Edm kind ('Boolean', 'String', 'Guid', 'DateTime',
    'Number', 'Null').
    """

    def __init__(self, kind, evaluate, *, prop=None, constant=False, candidates=None):
        self.kind, self.evaluate, self.prop = kind, evaluate, prop
        self.constant, self.candidates = constant, candidates


def kind_of(edm):
    if edm in NUMBERS:
        return 'Number'
    return edm if edm in ('Guid', 'DateTime', 'Boolean') else 'String'


class Parser:
    """Recursive descent over one ``$filter`` text.

    :param types: property name -> Edm type of the endpoint
    :param read: callable(record, name) -> value as a client sees it, so that padding counts in
        filters
    """

    def __init__(self, text, types, read):
        self.types, self.read = types, read
        self.names = set()
        self.tokens = []
        position, end = 0, len(text.rstrip())
        while position < end:
            match = TOKEN.match(text, position)
            if not match or match.end() == position:
                raise syntax_error(f'Position {position}.')
            self.tokens.append((match.lastgroup, match.group(match.lastgroup)))
            position = match.end()
        self.place = 0

    def parse(self):
        node = self.either()
        if self.place != len(self.tokens):
            raise syntax_error()
        if node.kind != 'Boolean':
            raise HttpError(400, "Expression of type 'System.Boolean' expected.")
        return node

    def peek(self):
        return self.tokens[self.place] if self.place < len(self.tokens) else (None, None)

    def take(self, group=None):
        token = self.peek()
        if token[0] is None or (group and token[0] != group):
            raise syntax_error()
        self.place += 1
        return token

    def either(self):
        node = self.both()
        while self.peek() == ('word', 'or'):
            self.take()
            node = self._or(node, self.both())
        return node

    def both(self):
        node = self.negated()
        while self.peek() == ('word', 'and'):
            self.take()
            node = self._and(node, self.negated())
        return node

    @staticmethod
    def _check_boolean(*nodes):
        for node in nodes:
            if node.kind != 'Boolean':
                raise HttpError(400, "Expression of type 'System.Boolean' expected.")

    def _or(self, left, right):
        self._check_boolean(left, right)
        candidates = None
        if left.candidates and right.candidates and left.candidates[0] == right.candidates[0]:
            candidates = (left.candidates[0], left.candidates[1] | right.candidates[1])
        return Node(
            'Boolean', lambda row: left.evaluate(row) or right.evaluate(row), candidates=candidates
        )

    def _and(self, left, right):
        self._check_boolean(left, right)
        return Node(
            'Boolean',
            lambda row: left.evaluate(row) and right.evaluate(row),
            candidates=left.candidates or right.candidates,
        )

    def negated(self):
        if self.peek() == ('word', 'not'):
            self.take()
            inner = self.negated()
            self._check_boolean(inner)
            return Node('Boolean', lambda row: not inner.evaluate(row))
        return self.comparison()

    def comparison(self):
        left = self.operand()
        group, word = self.peek()
        if group == 'word' and word in COMPARISONS:
            self.take()
            return self.compare(word, left, self.operand())
        return left

    def compare(self, operator, left, right):
        kinds = {left.kind, right.kind} - {'Null'}
        if len(kinds) > 1:
            raise HttpError(
                400,
                f"Operator '{operator}' incompatible with operand types "
                f"'{left.kind}' and '{right.kind}'.",
            )
        kind = kinds.pop() if kinds else 'Null'

        def value(node, row):
            found = node.evaluate(row)
            if found is None:
                return None
            if kind == 'String':
                # the database compares without regard to case and trailing blanks (assumption)
                return found.rstrip().casefold()
            if kind == 'DateTime':
                return comparable_date(found)
            return found

        def evaluate(row):
            one, two = value(left, row), value(right, row)
            if operator == 'eq':
                return one == two
            if operator == 'ne':
                return one != two
            if one is None or two is None:
                return False
            if operator == 'gt':
                return one > two
            if operator == 'ge':
                return one >= two
            if operator == 'lt':
                return one < two
            return one <= two

        candidates = None
        if operator == 'eq' and kind in ('Guid', 'Number', 'String'):
            if left.prop and right.constant:
                candidates = (left.prop, {right.evaluate(None)})
            elif right.prop and left.constant:
                candidates = (right.prop, {left.evaluate(None)})
        return Node('Boolean', evaluate, candidates=candidates)

    def operand(self):
        group, text = self.take()
        if group == 'open':
            node = self.either()
            self.take('close')
            return node
        if group == 'guid':
            value = text[5:-1]
            if not GUID.fullmatch(value):
                raise syntax_error()
            return constant('Guid', value.lower())
        if group == 'datetime':
            try:
                return constant('DateTime', parse_datetime(text[text.index("'") + 1 : -1]))
            except ValueError:
                raise syntax_error() from None
        if group == 'text':
            return constant('String', text[1:-1].replace("''", "'"))
        if group == 'number':
            digits = text.rstrip('LlMmDdFf')
            return constant(
                'Number', float(digits) if '.' in digits or 'e' in digits.lower() else int(digits)
            )
        if group == 'word':
            if text in ('true', 'false'):
                return constant('Boolean', text == 'true')
            if text == 'null':
                return constant('Null', None)
            if self.peek()[0] == 'open':
                return self.function(text)
            return self.property(text)
        raise syntax_error()

    def property(self, name):
        edm = self.types.get(name)
        if edm is None:
            raise HttpError(
                400, f"No property '{name}' exists in type at position {self.place - 1}."
            )
        self.names.add(name)
        read = self.read
        return Node(kind_of(edm), lambda row: read(row, name), prop=name)

    def function(self, name):
        if name not in FUNCTIONS:
            # contains and like are no functions of this dialect (fact sheet 3.4)
            raise HttpError(
                400, f"Unknown function '{name}'. Expression of type 'System.Boolean' expected."
            )
        self.take('open')
        arguments = [self.either()]
        while self.peek()[0] == 'comma':
            self.take()
            arguments.append(self.either())
        self.take('close')
        if len(arguments) != FUNCTIONS[name]:
            raise syntax_error()

        def texts(row):
            return [str(argument.evaluate(row) or '').casefold() for argument in arguments]

        def boolean(row):
            one, two = texts(row)
            if name == 'substringof':
                return one in two
            return one.startswith(two) if name == 'startswith' else one.rstrip().endswith(two)

        if name in BOOLEAN_FUNCTIONS:
            return Node('Boolean', boolean)
        first = arguments[0]
        if name in ('year', 'month', 'day'):
            cut = {'year': slice(0, 4), 'month': slice(5, 7), 'day': slice(8, 10)}[name]
            return Node('Number', lambda row: int((first.evaluate(row) or '0001-01-01')[cut]))
        if name == 'length':
            return Node('Number', lambda row: len(first.evaluate(row) or ''))
        simple = {'trim': str.strip, 'tolower': str.lower, 'toupper': str.upper}
        if name in simple:
            # blanks and case do not count in an index, so the property still names candidates
            return Node(
                'String', lambda row: simple[name](first.evaluate(row) or ''), prop=first.prop
            )
        if name == 'concat':
            return Node(
                'String',
                lambda row: ''.join(argument.evaluate(row) or '' for argument in arguments),
            )
        return Node(
            'String',
            lambda row: (first.evaluate(row) or '').replace(
                arguments[1].evaluate(row) or '', arguments[2].evaluate(row) or ''
            ),
        )


def constant(kind, value):
    return Node(kind, lambda row: value, constant=True)


def parse_filter(text, types, read):
    """Parse ``$filter``; returns (node, names used).

    :raise HttpError: 400, unreadable or unknown property
    """
    parser = Parser(text, types, read)
    return parser.parse(), parser.names


def parse_orderby(text, types):
    """``'Modified desc,ID'`` -> [(name, descending)].

    :raise HttpError: 400
    """
    terms = []
    for part in text.split(','):
        words = part.split()
        if not words or len(words) > 2 or (len(words) == 2 and words[1] not in ('asc', 'desc')):
            raise syntax_error()
        if words[0] not in types:
            raise HttpError(400, f"No property '{words[0]}' exists in type at position 0.")
        terms.append((words[0], len(words) == 2 and words[1] == 'desc'))
    return terms


def iso_now(clock):
    """The clock's time as text with milliseconds and zone (webhook notifications)."""
    return clock().astimezone(DUTCH).isoformat(timespec='milliseconds')


def us_time(moment):
    """``1/31/2026 9:00:00 AM``, as the token endpoint writes times."""
    moment = moment.astimezone(timezone.utc)
    hour = moment.hour % 12 or 12
    half = 'AM' if moment.hour < 12 else 'PM'
    return f'{moment.month}/{moment.day}/{moment.year} {hour}:{moment:%M:%S} {half}'
