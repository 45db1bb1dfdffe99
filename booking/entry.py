"""A ledger entry as data: what is meant to stand in Exact's books, before anything is sent.

Amounts are Decimals in the entry's currency (FC in Exact's words), dates are plain dates, GUIDs are
lower-case strings, an absent text is ''. Signs are those of the entry's kind:

========== ============================================ =====================================
kind       line amount is positive for                  total is positive for
========== ============================================ =====================================
sale       revenue (Exact books it as credit)           an invoice (the customer owes)
purchase   cost (Exact books it as debit)               a bill (we owe)
general    debit                                        nothing: lines sum to zero, total is 0
bank, cash money that came in (Exact books it as        money in: the sum of the lines is what
           credit)                                      moved on the account of the journal
========== ============================================ =====================================

Credit notes have negative amounts and a negative total in sales and purchases; money that went out
of a bank or cash account is negative there.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import NamedTuple

KINDS = ('sale', 'purchase', 'general', 'bank', 'cash')
# The headers of these kinds have no relation and no reference: the lines have them.
_LEDGER_ONLY = frozenset({'general', 'bank', 'cash'})
_MONEY = frozenset({'bank', 'cash'})

_DECIMALS = {'amount', 'vat_amount', 'quantity', 'rate', 'total', 'vat_total', 'own_total'}
_DATES = {
    'entry_date', 'due_date', 'from_date', 'to_date', 'date', 'own_date', 'discount_date',
}
_GUIDS = {'gl_account', 'project', 'relation', 'document'}


def is_ledger_only(kind: str) -> bool:
    """Whether entries of this kind are lines on ledgers and nothing else: the header knows no
    relation, no reference, no due date; Exact computes no VAT, has no PUT, and keeps no lines that
    could be changed one by one."""
    return kind in _LEDGER_ONLY


def is_money(kind: str) -> bool:
    """Whether entries of this kind belong to an account that holds money: their lines are what
    moved it, and Exact books the other side, on the account of the journal, by itself."""
    return kind in _MONEY


def _settle(record):
    """Bring the fields of a frozen dataclass into their one form; refuse floats and datetimes.

    :raise TypeError: an amount is a float (its cents are already lost), or a date is a datetime.
    """
    for spec in fields(record):
        value = getattr(record, spec.name)
        if spec.name in _DECIMALS and value is not None:
            if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
                raise TypeError(f"{spec.name} must be a Decimal, not {type(value).__name__}")
            value = Decimal(value)
            # 0 and -0 are the same money, and only one of them may reach a payload.
            object.__setattr__(record, spec.name, value if value else abs(value))
        elif spec.name in _DATES and value is not None:
            if isinstance(value, dt.datetime) or not isinstance(value, dt.date):
                raise TypeError(f"{spec.name} must be a date, not {type(value).__name__}")
        elif spec.name in _GUIDS:
            object.__setattr__(record, spec.name, (value or '').strip().strip('{}').lower())


class Tranche(NamedTuple):
    """A part of the total and the day on which it is due."""

    day: dt.date
    amount: Decimal


@dataclass(frozen=True)
class Line:
    """One line of an entry.

    :param gl_account: GUID of the G/L account.
    :param amount: net of VAT, in the entry's currency, sign as the table above says.
    :param vat_code: Exact's code; '' = explicitly no VAT; None = not given, Exact takes the
        default of the G/L account.
    :param vat_amount: VAT of this line in the entry's currency, same sign rule as `amount`;
        None = Exact computes it.
    :param cost_center: code, not GUID; likewise `cost_unit`. `project` is a GUID.
    :param from_date: first day of the deferral, with `to_date` its last.
    :param relation: GUID; general, bank and cash entries only, as is `date`.
    :param sources: ids of the lines this one came from; never sent, never compared.
    :param document: GUID; likewise (others carry it in the header).
    """

    gl_account: str
    amount: Decimal
    vat_code: str | None = ''
    vat_amount: Decimal | None = None
    description: str = ''
    cost_center: str = ''
    cost_unit: str = ''
    project: str = ''
    quantity: Decimal | None = None
    from_date: dt.date | None = None
    to_date: dt.date | None = None
    notes: str = ''
    relation: str = ''
    sources: tuple[int, ...] = ()
    date: dt.date | None = None
    document: str = ''

    def __post_init__(self):
        _settle(self)
        object.__setattr__(self, 'sources', tuple(self.sources))


@dataclass(frozen=True, kw_only=True)
class Booking:
    """One entry of one division.

    :param relation: GUID of the customer or supplier; '' for general, bank and cash entries.
    :param rate: value of one unit of `currency` in the division's currency; 1 in that currency.
    :param year: reporting year and `period` as Exact's financial periods number them.
    :param total: including VAT, what the relation owes or is owed; 0 for general entries, what
        moved on the account of the journal for bank and cash entries.
    :param vat_total: the VAT that is part of `total` (self-assessed VAT of a reverse charge,
        which Exact books twice with opposite signs, is not).
    :param own_total: what `total` is in the division's currency; None in that currency, and where
        it is not known. Exact converts by itself: this is compared, never sent.
    :param document: GUID of the Exact document that is attached, '' for none.
    :param entry_number: the number that Exact shall use; None = Exact gives one.
    :param own_date: the day that decides the document's own period, where it is booked in another;
        None = it is booked in its own. Never sent, never compared.
    :param tranches: where the total is due in parts: all of them, in their order. An entry is sent
        with one due date, the last of them. None = not known (it was kept before they were).
    :param discount_date: until when who pays early pays less, where the payment condition says so,
        too; Exact computes it from that.
    """

    kind: str
    division: int
    journal: str
    entry_date: dt.date
    currency: str
    year: int
    period: int
    lines: tuple[Line, ...]
    relation: str = ''
    due_date: dt.date | None = None
    rate: Decimal = Decimal(1)
    your_ref: str = ''
    description: str = ''
    payment_condition: str = ''
    payment_reference: str = ''
    order_number: int | None = None
    invoice_number: int | None = None
    is_refund: bool = False
    total: Decimal = Decimal(0)
    vat_total: Decimal = Decimal(0)
    own_total: Decimal | None = None
    document: str = ''
    entry_number: int | None = field(default=None)
    own_date: dt.date | None = None
    tranches: tuple[Tranche, ...] | None = ()
    discount_date: dt.date | None = None

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of entry: {self.kind!r}")
        _settle(self)
        object.__setattr__(self, 'lines', tuple(self.lines))
        if self.tranches is not None:
            object.__setattr__(self, 'tranches', tuple(Tranche(*part) for part in self.tranches))

    @property
    def debit_sign(self) -> int:
        """What a line amount is multiplied with to make debit positive."""
        return -1 if self.kind == 'sale' or is_money(self.kind) else 1

    def with_lines(self, lines) -> 'Booking':
        return replace(self, lines=tuple(lines))


def to_dict(booking: Booking) -> dict:
    """The booking as a dict that json can write: Decimals and dates become text."""
    result = _plain(booking)
    result['lines'] = [_plain(line) for line in booking.lines]
    result['tranches'] = None if booking.tranches is None else [
        [part.day.isoformat(), format(part.amount, 'f')] for part in booking.tranches
    ]
    return result


def from_dict(data: Mapping) -> Booking:
    """The booking that `to_dict` made. Unknown keys (of a later version) are left out."""
    values = _rich(Booking, data)
    values['lines'] = tuple(Line(**_rich(Line, row)) for row in data['lines'])
    parts = data.get('tranches')
    values['tranches'] = None if parts is None else tuple(
        Tranche(dt.date.fromisoformat(day), Decimal(amount)) for day, amount in parts
    )
    return Booking(**values)


def _plain(record):
    result = {}
    for spec in fields(record):
        value = getattr(record, spec.name)
        if isinstance(value, Decimal):
            value = format(value, 'f')
        elif isinstance(value, dt.date):
            value = value.isoformat()
        elif isinstance(value, tuple):
            value = list(value)
        result[spec.name] = value
    return result


def _rich(kind, data):
    result = {}
    for spec in fields(kind):
        if spec.name not in data:
            continue
        value = data[spec.name]
        if value is not None and spec.name in _DECIMALS:
            value = Decimal(value)
        elif value is not None and spec.name in _DATES:
            value = dt.date.fromisoformat(value)
        result[spec.name] = value
    return result
