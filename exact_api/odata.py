"""Filters in the dialect of Exact: OData version 2.

A term is plain text. Values are written by their Python type: text is quoted, a date becomes
`datetime'...'`, an aware datetime the Dutch wall clock, numbers stay as they are. What Python
cannot tell apart is marked: `guid(...)` and `timestamp(...)`.
"""

from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from uuid import UUID

from . import wire

# 300 terms made an address of 12 kB; a library that works sends 40 (O).
BATCH_SIZE = 40


class Literal(str):
    """Text that is OData already."""

    __slots__ = ()


def guid(value):
    """Return the literal of a GUID.

    :raise ValueError: if it is none
    """
    return Literal(f"guid'{UUID(str(value))}'")


def timestamp(value):
    """Return the literal of a 64-bit number, as the `Timestamp` of `sync/` has: '123L'."""
    return Literal(f'{int(value)}L')


def literal(value):
    """Return the literal of a Python value.

    :raise TypeError: if OData has none for it
    """
    match value:
        case Literal():
            return value
        case None:
            return Literal('null')
        case bool():
            return Literal('true' if value else 'false')
        case str():
            return Literal("'{}'".format(wire.sendable(value).replace("'", "''")))
        case int():
            return Literal(str(int(value)))
        case Decimal():
            return Literal(wire.encode(value))
        case UUID():
            return guid(value)
        case datetime():
            return Literal(f"datetime'{wire.wall_clock(value)}'")
        case date():
            return Literal(f"datetime'{wire.date_text(value)}'")
    raise TypeError(f"{type(value).__name__} has no form in a filter.")


def eq(field, value):
    return f'{field} eq {literal(value)}'


def ne(field, value):
    return f'{field} ne {literal(value)}'


def gt(field, value):
    return f'{field} gt {literal(value)}'


def ge(field, value):
    return f'{field} ge {literal(value)}'


def lt(field, value):
    return f'{field} lt {literal(value)}'


def le(field, value):
    return f'{field} le {literal(value)}'


def startswith(field, text):
    """The function of version 2; `like` is refused (O)."""
    return f'startswith({field},{literal(str(text))}) eq true'


def substringof(field, text):
    """The function of version 2, which has the text first; `contains` is refused (O)."""
    return f'substringof({literal(str(text))},{field}) eq true'


def any_of(field, values):
    """Return the term for one field with any of the values.

    :raise ValueError: if there are none: no filter at all would ask for everything
    """
    return one_of(eq(field, value) for value in values)


def one_of(terms):
    """Return the term that is true where one of these is.

    :raise ValueError: if there are none
    """
    terms = list(terms)
    if not terms:
        raise ValueError("A filter on none of the terms finds nothing; do not ask.")
    return terms[0] if len(terms) == 1 else f'({" or ".join(terms)})'


def all_of(*terms):
    """Return the conjunction of the terms; empty ones are left out.

    :raise ValueError: if none is left
    """
    terms = [term for term in terms if term]
    if not terms:
        raise ValueError("A filter needs a term.")
    return ' and '.join(terms)


def batches(values, size=BATCH_SIZE):
    """Cut many values into lists that fit an address; one `any_of` and one call each."""
    values = iter(values)
    while batch := list(islice(values, size)):
        yield batch
