"""Whether two documents, or a document and an entry of Exact, are one and the same.

Nothing in Odoo or Exact refuses the second entry of a bill: it may be mailed and scanned, come in
two formats, or be typed in Exact by an accountant who writes its number otherwise. What may be the
same is graded here, by what people know a document by: its number, whose it is, what it comes to
and its day.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from .compare import ReadEntry
from .entry import Booking
from .identity import (
    booked_amount,
    carries_reference,
    differs_in_size_only,
    identity_differences,
    is_equal,
)

# How an entry relates to a document:
OURS = 'ours'  # it was made from here, for this very document
EQUAL = 'equal'  # somebody else made it, and it equals what would be sent
DOUBLE = 'double'  # it is the same once more
ASK = 'ask'  # it may be the same: a person says
REVERSAL = 'reversal'  # it reverses the document
NONE = 'none'  # it is another

# A run of zeros at the head of a number, as some programs print it and nobody types it.
_LEADING_ZEROS = re.compile(r'(?<![0-9])0+(?=[0-9])')
# Kinds of entries that have a relation and a number of their own.
_INVOICES = ('sale', 'purchase')


class Grade(NamedTuple):
    """How one document relates to another.

    :param what: one of the constants above
    :param why: 'number': both have the same number; 'amount': the same number, another amount;
        'anybody': the same number, and nobody can say whose one of them is; 'another': the same
        number of a sale, another customer; 'year': nothing but the year differs; 'unnamed': the
        same relation, day and amount, and not both have a number; 'side': the same number, on the
        other side; '' where nothing is alike. Of entries that are looked up (`grade_entry`)
        'asked': Exact was asked and did not answer; 'moment': it was made then, of another
        size; 'user': our own user made it; 'books': equal to what would be sent; 'reference': it
        carries the reference, and something by which documents are told apart differs
    """

    what: str
    why: str = ''


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What people know a document or an entry by.

    :param kind: 'sale', 'purchase', 'general', or the journal of any other kind
    :param reference: the number that it carries, as it is written
    :param parties: whatever names whose it is, by keys of the caller; none: it can be anybody's
    :param amount: what it comes to (see `booked_amount`)
    :param days: the days that somebody may have dated it
    :param year: financial year, 0 if not known
    :param is_named: whether the reference is its own, not what stands in the place of one
    :param is_receipt: what is bought over a counter: several of a day may be alike
    :param in_odoo: it is a document, no entry of Exact
    :param is_ours: an entry that was made from here, of which nothing is known here
    """

    kind: str
    reference: str
    amount: Decimal
    currency: str
    parties: frozenset[str] = frozenset()
    days: frozenset[dt.date] = frozenset()
    year: int = 0
    is_named: bool = True
    is_receipt: bool = False
    in_odoo: bool = False
    is_ours: bool = False


def bare(reference: str) -> str:
    """The one normal form of a reference, the same for all who write it: without case, blanks,
    punctuation and zeros at the head of a number."""
    text = ''.join(char for char in reference.casefold() if char.isalnum())
    return _LEADING_ZEROS.sub('', text)


def is_number(reference: str) -> bool:
    """Whether a reference tells one document from another: a word, as "parking", does not."""
    return any(char.isdigit() for char in reference)


def traits_of(booking: Booking, parties: Iterable[str], *, days: Iterable[dt.date | None] = (),
              reference: str | None = None, is_receipt: bool = False) -> Traits:
    """What a document is known by.

    :param parties: see `Traits`
    :param days: on which it may be dated, beside those of the booking
    :param reference: the number that its sender gave it; None if that is what the booking says
    """
    return Traits(
        kind=booking.kind if booking.kind in (*_INVOICES, 'general') else booking.journal,
        reference=booking.your_ref,
        parties=frozenset(filter(None, parties)),
        amount=booked_amount(booking),
        currency=booking.currency,
        days=frozenset({booking.entry_date, booking.own_date, *days}) - {None},
        year=booking.year,
        is_named=bool(bare(booking.your_ref if reference is None else reference)),
        is_receipt=is_receipt,
        in_odoo=True,
    )


class Circumstances(NamedTuple):
    """What is known of an entry that was looked up, beside what it says itself.

    :param was_asked: Exact was asked for the document's entry and did not answer
    :param came_then: Exact made the entry at about the moment at which it was asked
    :param is_by_us: the user of our connection made it, and nobody here remembers it
    :param is_of_another: it belongs to another document, or a person said that it is not this one's
    """

    was_asked: bool = False
    came_then: bool = False
    is_by_us: bool = False
    is_of_another: bool = False


def grade_entry(booking: Booking, entry: ReadEntry, known: Circumstances) -> Grade:
    """How an entry of Exact relates to the document for which it was looked up.

    An entry that we sent may have been booked differently: the read-back tells. An entry that
    somebody else made stands for the document only if it equals what would be sent.
    """
    if known.is_of_another:
        return Grade(NONE)
    if not identity_differences(booking, entry):
        if known.was_asked:
            return Grade(OURS, 'asked')
        if known.is_by_us:
            return Grade(OURS, 'user')
        return Grade(EQUAL, 'books') if is_equal(booking, entry) else Grade(ASK, 'reference')
    if known.was_asked and known.came_then and differs_in_size_only(booking, entry):
        return Grade(OURS, 'moment')
    return Grade(ASK, 'reference') if carries_reference(booking, entry) else Grade(NONE)


def choose_entry(booking: Booking, entries: Mapping[str, tuple[ReadEntry, Circumstances]]) -> str:
    """The entry that stands for the document, '' if that is not certain.

    :param entries: by a key of the caller
    """
    grades = {
        key: grade_entry(booking, entry, known) for key, (entry, known) in entries.items()
    }
    # What says of itself that it is ours goes before what only came at that moment, or is equal.
    ranks = [
        {Grade(OURS, 'asked'), Grade(OURS, 'user')}, {Grade(OURS, 'moment')},
        {Grade(EQUAL, 'books')},
    ]
    for rank in ranks:
        found = [key for key, graded in grades.items() if graded in rank]
        if len(found) == 1:
            return found[0]
        if found:
            # Several of ours: the one that is as it was sent.
            equal = [key for key in found if is_equal(booking, entries[key][0])]
            return equal[0] if len(equal) == 1 else ''
    return ''


def grade(meant: Traits, other: Traits) -> Grade:
    """How a document or entry relates to a document that is to be booked."""
    if meant.kind != other.kind:
        return Grade(NONE)
    of_invoice = meant.kind in _INVOICES
    # Journal entries have no relation that could differ. None: nobody can say whose one of them is
    same_party = True
    if of_invoice:
        known = meant.parties and other.parties
        same_party = bool(meant.parties & other.parties) if known else None
    same_amount = (meant.amount, meant.currency) == (other.amount, other.currency)
    result = Grade(NONE)
    if _same_number(meant, other):
        if meant.amount * other.amount < 0:
            # A credit note may carry the number of its invoice.
            return Grade(NONE if same_party is False else REVERSAL, 'side')
        result = _grade_number(meant, other, same_party, same_amount)
    if (
        result.what == NONE and of_invoice and same_party and same_amount
        and meant.days & other.days and _lacks_number(meant, other)
    ):
        return Grade(ASK, 'unnamed')
    return result


def _same_number(meant, other):
    key = bare(meant.reference)
    # Documents may share a word, as receipts do. An entry with our very words is worth a look.
    return key != '' and key == bare(other.reference) and (
        not other.in_odoo or is_number(meant.reference)
    )


def _grade_number(meant, other, same_party, same_amount):
    if 0 not in (meant.year, other.year) and meant.year != other.year:
        # Who starts to number anew each year uses each number once a year. In Odoo, a wrong year
        # may as well be a slip of whoever dated it.
        slip = other.in_odoo and same_party and same_amount
        return Grade(ASK, 'year') if slip else Grade(NONE)
    if same_party:
        return Grade(DOUBLE, 'number') if same_amount else Grade(ASK, 'amount')
    if same_party is None:
        # Many suppliers use the same numbers: without the relation, more has to be equal.
        close = same_amount or meant.reference == other.reference
        return Grade(ASK, 'anybody') if close else Grade(NONE)
    if meant.kind == 'sale' and (other.in_odoo or other.is_ours):
        # We alone give these numbers, each once.
        return Grade(ASK, 'another')
    return Grade(NONE)


def _lacks_number(meant, other):
    unnamed = not meant.is_named and not other.is_named
    same_word = (
        not is_number(meant.reference) and bare(meant.reference) == bare(other.reference)
    )
    if other.in_odoo and (unnamed or same_word) and (meant.is_receipt or other.is_receipt):
        # Receipts of one day look alike, and several of them are several purchases.
        return False
    return same_word or not (meant.is_named and other.is_named)
