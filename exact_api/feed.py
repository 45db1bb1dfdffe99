"""Going on in a feed of changes below `sync/`, page by page, from a position of one's own.

Every insert or change has a higher `Timestamp` than anything before (D): the highest one that was
seen is the position, and nothing else is. `Modified` is a time by somebody's clock, and may lie in
the future; it only says which of the last changes are looked at once more.
"""

from datetime import timedelta
from typing import NamedTuple

from . import wire
from .clock import past
from .errors import MalformedAnswer, TooMuch

# Before this one there is nothing (D).
FIRST_POSITION = 1
# Changes of one moment may become visible one after the other. Each second of it reads again what
# was booked in it.
OVERLAP = timedelta(seconds=30)


class Page(NamedTuple):
    """A page of a feed of ledger lines.

    :param list rows: to look at now, in the order of their changes
    :param int position: from which the next page is asked for
    :param modified: the latest moment, aware, at which one of the rows was changed; None if none is
        known
    """

    rows: list
    position: int
    modified: object = None


def take(rows, position, *, more, now):
    """Return the `Page` of what Exact answered.

    The lines of an entry are changed together, so they are beside each other: an entry at the end
    of a page may go on on the next one, and is left to that. Behind the last page the position
    stays before what was changed in the last moments.

    :param rows: with Timestamp, EntryID and Modified, as Exact gave them
    :param int position: from which they were asked for
    :param bool more: whether another page follows
    :param now: aware
    :raise TooMuch: if there is more, and no way to get there
    """
    rows = sorted(rows, key=_timestamp)
    if more:
        rows = _without_cut(rows)
    highest = max([position, *map(_timestamp, rows[-1:])])
    if more and highest == position:
        raise TooMuch("no end", limit='progress', method='GET')
    moments = {id(row): past(_modified(row), now) for row in rows}
    modified = max(filter(None, moments.values()), default=None)
    if not more and modified:
        late = [
            _timestamp(row) for row in rows
            if moments[id(row)] and moments[id(row)] > modified - OVERLAP
        ]
        highest = max(min(late) - 1, position)
    return Page(rows, highest, modified)


def _without_cut(rows):
    """The rows without those of the last entry; all of them if there is no other one."""
    end = len(rows)
    while end and rows[end - 1]['EntryID'] == rows[-1]['EntryID']:
        end -= 1
    return rows[:end] or rows


def _timestamp(row):
    """Where the row stands in the feed; at its head if Exact does not say."""
    try:
        return wire.as_int(row.get('Timestamp')) or 0
    except MalformedAnswer:
        return 0


def _modified(row):
    try:
        return wire.as_utc(row.get('Modified'))
    except MalformedAnswer:
        return None
