"""Books an entry in another period, because its own is closed and the entry shall not wait."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace

from .entry import Booking, is_ledger_only
from .facts import Period
from .text import LIMITS, fit_text


def book_in(booking: Booking, period: Period, own_date: dt.date, note: str = '') -> Booking:
    """The booking as it is booked in a period that is not that of its own date.

    Its dates move into the period, since Exact derives the period of an entry from its date (I) and
    refuses a closed one. The due date stays: the customer pays when the document says.

    :param own_date: the day that decides the document's own period.
    :param note: what the entry says about it, for people who look at Exact: at the end of the
        description, where a long description gives way; in entries without one in the notes of
        each line.
    """
    ledger_only = is_ledger_only(booking.kind)
    lines = tuple(
        replace(
            line,
            date=None if line.date is None else within(line.date, period),
            notes='\n'.join(filter(None, [line.notes, note])) if ledger_only else line.notes,
        )
        for line in booking.lines
    )
    description = booking.description
    if note and not ledger_only:
        room = LIMITS['description'] - len(note) - 1
        description = f'{fit_text(description, room)} {note}'.strip() if room > 0 else note
    return replace(
        booking, lines=lines, description=description, own_date=own_date,
        entry_date=within(booking.entry_date, period), year=period.year, period=period.number,
    )


def unread(wanted: Iterable[tuple[str, int]], since: int,
           read: Mapping[tuple[str, int], dt.datetime], now: dt.datetime,
           lasts: dt.timedelta) -> set[tuple[str, int]]:
    """The journals and years of these entries of which the closed periods are not known.

    :param wanted: (journal, year) of entries.
    :param since: from this year on all is known.
    :param read: when others were asked for.
    :param lasts: how long an answer counts.
    """
    return {
        (journal, year) for journal, year in wanted
        if year < since
        # A moment in the future is none
        and not (read.get((journal, year)) and now - lasts < read[journal, year] <= now)
    }


def within(day, period):
    """The day itself if the period has it, else the nearest that it has."""
    return min(max(day, period.start), period.end)
