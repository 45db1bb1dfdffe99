"""Due dates: those of a document, those that a payment condition can express, those in Exact.

Facts about Exact: an entry is sent with one `PaymentCondition` and one `DueDate`, which is computed
from the condition unless it is given; a condition has one number of days, and for so many days
after the entry's date a discount (B: it may be taken) or a credit surcharge (K: it need not be
paid). What is open of an entry stands in its own resource, a row per due date.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from .difference import Difference
from .entry import Booking, Tranche
from .text import fit_reference

# Why a payment condition does not stand for a payment term, the weightiest first.
MISFITS = ('instalments', 'share', 'surcharge', 'discount', 'days')


class OpenItem(NamedTuple):
    """What is or was open of an entry at one due date.

    :param amount: in the entry's currency, without its sign, which no public fact settles.
    :param payment_condition: code; '' where Exact tells none. Likewise the other texts.
    """

    due_date: dt.date | None
    amount: Decimal = Decimal(0)
    payment_condition: str = ''
    discount_date: dt.date | None = None
    payment_reference: str = ''


class Condition(NamedTuple):
    """A payment condition of Exact.

    :param end_of_months: ends of months that pass before the days count.
    :param discount_percentage: a fraction; of a surcharge, too.
    :param share: the part of the total that it is for, a fraction.
    """

    days: int
    end_of_months: int = 0
    discount_days: int = 0
    discount_percentage: Decimal = Decimal(0)
    is_surcharge: bool = False
    share: Decimal = Decimal(1)

    @property
    def discount(self) -> tuple[Decimal, int] | None:
        """(fraction, days) of the discount that it gives; None without."""
        if self.is_surcharge or not self.discount_percentage:
            return None
        return self.discount_percentage, self.discount_days


class Term(NamedTuple):
    """A payment term of a document.

    :param instalments: how many due dates it has.
    :param days: None where no number of days says it (a fixed day of the month).
    :param end_of_months: ends of months that pass before the days count.
    :param discount: (fraction, days), None without.
    """

    instalments: int = 1
    days: int | None = 0
    end_of_months: int = 0
    discount: tuple[Decimal, int] | None = None


def misfits(term: Term, condition: Condition) -> tuple[str, ...]:
    """In what a payment condition does not fit a payment term: names of MISFITS; () if it fits.

    None of it stops a document: its own due date is sent with it.
    """
    found = {
        'instalments': term.instalments > 1,
        'share': condition.share not in (0, 1),
        'surcharge': condition.is_surcharge and bool(condition.discount_percentage),
        'discount': term.discount != condition.discount,
        'days': term.instalments == 1 and (
            (term.days, term.end_of_months) != (condition.days, condition.end_of_months)
        ),
    }
    return tuple(name for name in MISFITS if found[name])


def discount_date(condition: Condition, entry_date: dt.date) -> dt.date | None:
    """Until when Exact gives the discount of a condition; None without."""
    return entry_date + dt.timedelta(days=condition.discount_days) if condition.discount else None


def tranches_of(parts: Iterable[tuple[dt.date, Decimal]]) -> tuple[Tranche, ...]:
    """What is due, a tranche for each day, in their order."""
    sums: dict[dt.date, Decimal] = {}
    for day, amount in parts:
        sums[day] = sums.get(day, Decimal(0)) + amount
    return tuple(Tranche(day, sums[day]) for day in sorted(sums))


def due_dates(read) -> tuple[dt.date, ...]:
    """The due dates that Exact tells of an entry, each once, in their order."""
    told = {item.due_date for item in read.terms or ()} - {None}
    return tuple(sorted(told or {read.due_date} - {None}))


def payment_conditions(read) -> tuple[str, ...]:
    """The payment conditions that Exact tells of an entry."""
    return tuple(sorted({item.payment_condition for item in read.terms or ()} - {''}))


def payment_references(read) -> tuple[str, ...]:
    """The payment references that Exact tells of an entry."""
    told = {item.payment_reference for item in read.terms or ()} | {read.payment_reference}
    return tuple(sorted(told - {''}))


def discount_dates(read) -> tuple[dt.date, ...]:
    """Until when Exact gives a discount on an entry, as far as it tells."""
    return tuple(sorted({item.discount_date for item in read.terms or ()} - {None}))


def compare_terms(booking: Booking, read) -> Iterable[Difference]:
    """The differences in due dates, discount, payment condition and payment reference.

    Only what Exact tells is compared, and only what was meant.

    :param ReadEntry read: an entry of sales or purchases.
    """
    told = payment_conditions(read)
    if booking.payment_condition and told and told != (booking.payment_condition,):
        yield Difference('payment_condition', booking.payment_condition, ", ".join(told))
    yield from _compare_due_dates(booking, read)
    until = discount_dates(read)
    if booking.discount_date and until and until != (booking.discount_date,):
        yield Difference('discount_date', booking.discount_date, _one(until))
    meant, references = fit_reference(booking.payment_reference), payment_references(read)
    if meant and references and references != (meant,):
        other = [reference for reference in references if reference != meant]
        yield Difference('payment_reference', meant, ", ".join(other))


def _compare_due_dates(booking, read):
    told = due_dates(read)
    if not booking.due_date or not told:
        return
    if booking.tranches and told == tuple(tranche.day for tranche in booking.tranches):
        # All due dates of the document, though an entry is sent with the last one alone.
        yield from _compare_amounts(booking, read)
    elif told != (booking.due_date,):
        yield Difference('due_date', booking.due_date, _one(told))
    elif read.due_date not in (None, booking.due_date):
        yield Difference('due_date', booking.due_date, read.due_date)


def _compare_amounts(booking, read):
    if sum((item.amount for item in read.terms or ()), Decimal(0)) != abs(booking.total):
        # Part of it is paid: the open rest does not show the amounts that were asked for.
        return
    open_items = tranches_of((item.due_date, item.amount) for item in read.terms)
    for meant, actual in zip(booking.tranches, open_items, strict=True):
        if abs(meant.amount) != actual.amount:
            yield Difference(
                'due_date', (meant.day, abs(meant.amount)), (actual.day, actual.amount))


def _one(values):
    return values[0] if len(values) == 1 else values
