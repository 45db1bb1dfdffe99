"""Deferrals: the time over which Exact spreads a line. The ledger does not show it.

Only the lines of sales and purchase entries say their `From` and `To`.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from .difference import Difference
from .entry import Booking


class LinePeriod(NamedTuple):
    """A line of an entry and the time that it is for.

    :param gl_account: GUID.
    :param amount: in the entry's currency, without its sign: that depends on the style of credit
        notes.
    """

    gl_account: str
    amount: Decimal
    start: dt.date | None
    end: dt.date | None


def has_deferral(booking: Booking) -> bool:
    """Whether a line is for a time of its own."""
    return any(line.from_date or line.to_date for line in booking.lines)


def compare_deferrals(booking: Booking, read) -> Iterable[Difference]:
    """Deferrals that Exact has otherwise than meant, as `deferral` with (first, last) day.

    :param ReadEntry read: without `periods` nothing is told, and nothing compared.
    """
    if read.periods is None:
        return
    left = list(read.periods)
    waiting = []
    for index, line in enumerate(booking.lines):
        if not (line.from_date or line.to_date):
            continue
        meant = LinePeriod(line.gl_account, abs(line.amount), line.from_date, line.to_date)
        if meant in left:
            left.remove(meant)
        else:
            waiting.append((index, meant))
    for index, meant in waiting:
        # The line of the entry with the same account and amount, deferred or not.
        other = next((row for row in left if row[:2] == meant[:2]), None)
        if other is not None:
            left.remove(other)
        days = (other.start, other.end) if other and (other.start or other.end) else None
        yield Difference('deferral', (meant.start, meant.end), days, index)
