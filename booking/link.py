"""Which entries of Exact are documents that were never sent: typed by an accountant, or by a former
connector.

A link is only offered where relation, currency and total are equal to the cent. The reference tells
which document it is; without one, the date has to.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace

from .compare import ReadEntry, compare
from .difference import Difference
from .entry import Booking, is_ledger_only
from .identity import is_equal, is_identity, reference_of
from .likeness import bare

# How an entry was found, the surest first.
EQUAL, REFERENCE, DATE = 'equal', 'reference', 'date'
# Why an entry is shown but not offered.
SEVERAL, DIFFERS = 'several', 'differs'
# The entry was found by none of these ways, but people were asked about it.
ASKED = 'asked'
OFFERED = (EQUAL, REFERENCE, DATE)

# Transaction.Type of what a kind of booking becomes (facts: 20/21 sales, 30/31 purchase entries).
_TYPES = {'sale': (20, 21), 'purchase': (30, 31)}


@dataclass(frozen=True)
class Match:
    """What Exact has for one document.

    :param how: one of the constants above.
    :param entries: the entry, or all of them where it is not clear which.
    :param differences: what the entry has otherwise than would be sent.
    """

    how: str
    entries: tuple[ReadEntry, ...]
    differences: tuple[Difference, ...] = ()


def match(bookings: Mapping[Hashable, Booking], entries: Iterable[ReadEntry],
          unknown_relations: Iterable[str] = ()) -> dict[Hashable, Match]:
    """Find for each document the entry that stands for it; each entry serves one document.

    :param bookings: what would be sent, by a key of the caller.
    :param entries: that belong to no document yet.
    :param unknown_relations: stand-ins of relations that are yet to be made: any relation may be
        theirs, so only a reference counts for them.
    :return: by the same keys; documents that Exact does not have are left out.
    """
    entries, unknown = list(entries), frozenset(unknown_relations)
    result, used = {}, set()
    for how in OFFERED:
        wanted = {
            key: [
                entry for entry in entries
                if entry.entry_id not in used and _fits(how, booking, entry, unknown)
            ]
            for key, booking in bookings.items() if key not in result
        }
        rivals = defaultdict(int)
        for found in wanted.values():
            for entry in found:
                rivals[entry.entry_id] += 1
        for key, found in wanted.items():
            if len(found) == 1 and rivals[found[0].entry_id] == 1:
                result[key] = Match(how, tuple(found), _differences(bookings[key], found[0]))
                used.add(found[0].entry_id)
            elif found:
                result[key] = Match(SEVERAL, tuple(found))
    for key, booking in bookings.items():
        if key in result:
            continue
        # The same reference with another amount or relation is worth a look, not a link.
        found = [
            entry for entry in entries
            if entry.entry_id not in used and _is_kind(booking, entry)
            and _same_reference(booking, entry)
        ]
        if found:
            result[key] = Match(DIFFERS, tuple(found), _differences(booking, found[0]))
    return result


def judge(booking: Booking, entry: ReadEntry, unknown_relations: Iterable[str] = ()) -> Match:
    """How an entry that people were asked about is shown: where it differs, and whether it can be
    linked.

    :param unknown_relations: see `match`
    """
    meant = _for_relation_of(entry, booking, unknown_relations)
    fits = _is_kind(meant, entry) and not link_differences(meant, entry)
    return Match(ASKED if fits else DIFFERS, (entry,), _differences(meant, entry))


def link_differences(booking: Booking, entry: ReadEntry | None) -> tuple[Difference, ...]:
    """The differences by which a linked entry cannot be this document's. Journal and reference do
    not count: the accountant may have chosen them.
    """
    return tuple(
        difference for difference in compare(booking, entry)
        if is_identity(booking, difference) and difference.field not in ('journal', 'your_ref')
    )


def _fits(how, booking, entry, unknown):
    if not _is_kind(booking, entry):
        return False
    stranger = booking.relation in unknown
    booking = _for_relation_of(entry, booking, unknown)
    if link_differences(booking, entry):
        return False
    if how == EQUAL:
        return not stranger and is_equal(booking, entry)
    if how == REFERENCE:
        return _same_reference(booking, entry)
    return not stranger and booking.entry_date == entry.entry_date


def _for_relation_of(entry, booking, unknown):
    """The booking, with the relation of the entry in the place of one that is yet to be made."""
    return replace(booking, relation=entry.relation) if booking.relation in unknown else booking


def _is_kind(booking, entry):
    if is_ledger_only(booking.kind):
        return entry.type not in (20, 21, 30, 31)
    return entry.type in _TYPES[booking.kind]


def _same_reference(booking, entry):
    return bare(booking.your_ref) == bare(reference_of(entry)) != ''


def _differences(booking, entry):
    return tuple(d for d in compare(booking, entry) if d.field != 'document')
