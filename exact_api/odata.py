"""Filters in the dialect that Exact speaks: OData of version 2.

Every function returns text; values become literals by their type, so that no value can end a
literal early.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from .wire import EXACT_ZONE, as_guid


class Literal(str):
    """A value that is written as it should stand in a filter."""

    __slots__ = ()


def guid(value) -> Literal:
    """guid'...'

    :raise ValueError: no GUID.
    """
    return Literal(f"guid'{UUID(as_guid(value))}'")


def timestamp(value) -> Literal:
    """The 64-bit row version of a sync endpoint: 123L."""
    return Literal(f'{int(value)}L')


def literal(value) -> str:
    """A value as it stands in a filter: moments in Dutch wall clock without zone."""
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, UUID):
        return guid(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        value = value.astimezone(EXACT_ZONE)
        return value.strftime("datetime'%Y-%m-%dT%H:%M:%S'")
    if isinstance(value, date):
        return f"datetime'{value.isoformat()}T00:00:00'"
    if isinstance(value, (int, Decimal)):
        return str(value)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise TypeError(f"no literal for {type(value).__name__}")


def _compare(field, operator, value):
    return f'{field} {operator} {literal(value)}'


def eq(field: str, value) -> str:
    return _compare(field, 'eq', value)


def ne(field: str, value) -> str:
    return _compare(field, 'ne', value)


def gt(field: str, value) -> str:
    return _compare(field, 'gt', value)


def ge(field: str, value) -> str:
    return _compare(field, 'ge', value)


def lt(field: str, value) -> str:
    return _compare(field, 'lt', value)


def le(field: str, value) -> str:
    return _compare(field, 'le', value)


def startswith(field: str, value: str) -> str:
    return f'startswith({field},{literal(value)}) eq true'


def substringof(field: str, value: str) -> str:
    return f'substringof({literal(value)},{field}) eq true'


def all_of(*terms: str) -> str:
    """All terms at once; empty ones are left out."""
    given = [term for term in terms if term]
    return ' and '.join(f'({term})' if ' or ' in term else term for term in given)


def any_of(field: str, values: Iterable) -> str:
    """The field is one of the values.

    :raise ValueError: no values, for that filter would say "all".
    """
    terms = [eq(field, value) for value in values]
    if not terms:
        raise ValueError("no values to filter on")
    return ' or '.join(terms)


def batches(values: Sequence, size: int = 40) -> Iterator[Sequence]:
    """Values in portions that keep the address of a call short enough."""
    for start in range(0, len(values), size):
        yield values[start:start + size]
