"""What is known of a division when an entry is checked: journals, ledgers, relations, periods."""

import datetime as dt
from collections.abc import Iterable, Mapping, Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from .vat import VatCode


@dataclass(frozen=True)
class JournalFacts:
    type: str
    currency: str = ''
    allow_vat: bool = True
    allow_variable_currency: bool = True
    allow_variable_rate: bool = True
    blocked: bool = False
    gl_account: str = ''
    name: str = ''


@dataclass(frozen=True)
class GlFacts:
    """use_cost_center and use_cost_unit: '0' optional, '1' mandatory, '2' not allowed."""

    code: str
    type: int
    blocked: bool = False
    use_cost_center: str = '0'
    use_cost_unit: str = '0'
    name: str = ''


@dataclass(frozen=True)
class RelationFacts:
    """receivable and payable: GUIDs of control accounts of its own, '' for those of the journal."""

    name: str = ''
    is_customer: bool = True
    is_supplier: bool = True
    blocked: bool = False
    receivable: str = ''
    payable: str = ''


class Period(NamedTuple):
    """A financial period: first and last day."""

    year: int
    number: int
    start: dt.date
    end: dt.date


class LineTax(NamedTuple):
    """What the sender computed on a line: a fraction, and whether it is a reverse charge."""

    percentage: Decimal
    reverse_charge: bool = False


@dataclass(frozen=True)
class Facts:
    """What is known of a division. None = not known: what depends on it is not checked.

    :param journals: by code; likewise vat_codes, cost_centers and cost_units (code -> active).
    :param gl_accounts: by lower-case GUID; likewise relations and projects (GUID -> active).
    :param closed: (journal code, year, period); '' as journal closes it for all.
    :param known_numbers: (journal code, entry number) already in use.
    :param decimals: of the currency of the entry.
    :param currencies: codes of those that the division has.
    :param unread: names of facts that Exact does not let us read: what depends on them is not
        checked, and that is told.
    """

    division: int
    currency: str = 'EUR'
    journals: Mapping[str, JournalFacts] = field(default_factory=dict)
    gl_accounts: Mapping[str, GlFacts] = field(default_factory=dict)
    vat_codes: Mapping[str, VatCode] = field(default_factory=dict)
    cost_centers: Mapping[str, bool] | None = None
    cost_units: Mapping[str, bool] | None = None
    projects: Mapping[str, bool] | None = None
    periods: Iterable[Period] | None = None
    closed: AbstractSet[tuple[str, int, int]] = frozenset()
    relations: Mapping[str, RelationFacts] | None = None
    payment_conditions: AbstractSet[str] | None = None
    known_numbers: AbstractSet[tuple[str, int]] = frozenset()
    decimals: int = 2
    currencies: AbstractSet[str] | None = None
    unread: AbstractSet[str] = frozenset()


def period_of(periods: Iterable[Period], day: dt.date) -> Period | None:
    """The period that a day falls in; of overlapping ones (closing periods) the first."""
    return min((p for p in periods if p.start <= day <= p.end), default=None)


def is_closed(closed: AbstractSet[tuple[str, int, int]], journal: str, period: Period) -> bool:
    return ((journal, period.year, period.number) in closed
            or ('', period.year, period.number) in closed)


def next_open_period(facts: Facts, journal: str, day: dt.date) -> Period | None:
    """The period of the day if open, else the first open one that begins later."""
    current = period_of(facts.periods or (), day)
    later = sorted(p for p in facts.periods or () if p.start > day)
    return next(
        (p for p in ([current] if current else []) + later
         if not is_closed(facts.closed, journal, p)),
        None)
