"""Decides whether an entry of Exact is the entry of a document, however well it was booked.

Reference, relation, journal, currency and amounts say which document it is; dates, ledgers, VAT
codes and dimensions say how it was booked. An entry whose identity differs is another document's,
whatever its reference.
"""

from decimal import Decimal

from .compare import ReadEntry, compare
from .difference import Difference
from .entry import Booking, is_ledger_only, is_money
from .payload import TYPES, has_reference
from .text import fit_reference

_IDENTITY = frozenset({
    'missing_entry', 'division', 'journal', 'relation', 'currency', 'total', 'your_ref',
})
# The lines identify entries that have no relation and no total of their own.
_LINE_IDENTITY = frozenset({'gl_account', 'amount', 'line_count'})
# Differences that arise where Exact took an entry but dropped part of what was sent.
_SIZE = _LINE_IDENTITY | {'total'}
# The file that travels along is sent once more when it got lost; it is no part of the entry.
_BESIDES = frozenset({'document'})


def is_identity(booking: Booking, difference: Difference) -> bool:
    """Whether the difference says that the entry is another document's."""
    return difference.field in _IDENTITY or (
        is_ledger_only(booking.kind) and difference.field in _LINE_IDENTITY
    )


def identity_differences(booking: Booking, read: ReadEntry | None) -> tuple[Difference, ...]:
    """The differences by which the entry is another document's; () if it is this document's,
    however it was booked.
    """
    return tuple(d for d in compare(booking, read) if is_identity(booking, d))


def differs_in_size_only(booking: Booking, read: ReadEntry) -> bool:
    """Whether nothing but amounts or lines would make the entry another document's."""
    return all(d.field in _SIZE for d in identity_differences(booking, read))


def is_equal(booking: Booking, read: ReadEntry | None) -> bool:
    """Whether the entry equals what would be sent, in everything that counts."""
    return all(difference.field in _BESIDES for difference in compare(booking, read))


def reference_of(read: ReadEntry) -> str:
    """The reference that an entry carries: of general, bank and cash entries, which have none of
    their own, what stands before the colon in the text of their lines."""
    return read.your_ref or fit_reference(read.description.split(': ')[0])


def carries_reference(booking: Booking, read: ReadEntry) -> bool:
    """Whether the entry carries the booking's reference."""
    reference = fit_reference(booking.your_ref)
    if not is_ledger_only(booking.kind):
        return read.your_ref == reference
    return any(has_reference(line.description, reference) for line in read.lines)


def booked_amount(booking: Booking) -> Decimal:
    """What a booking comes to, to be compared with others of its kind: its total; of entries on
    ledgers their debits, negative if the first line is a credit."""
    if not is_ledger_only(booking.kind):
        return booking.total
    rows = _rows(booking)
    return _debits(rows) * _side(rows)


def has_amount_of(booking: Booking, amount: Decimal) -> bool:
    """Whether an entry of this amount (see `amount_of`) comes to as much as the booking."""
    if not is_ledger_only(booking.kind):
        return amount * -booking.debit_sign == booking.total
    return abs(amount) == _debits(_rows(booking))


def is_reversal_of(booking: Booking, amount: Decimal) -> bool:
    """Whether an entry of this amount (see `amount_of`) takes a general booking back: its first
    line is on the other side. Copies of an entry keep the order of its lines, and its texts."""
    return booking.kind == 'general' and amount * _side(_rows(booking)) < 0


def amount_of(read: ReadEntry) -> Decimal:
    """What a person knows the entry by, counted as Odoo does: of a sales or purchase entry what is
    owed, debit positive; of any other, on which nobody need owe anything, its debits, negative if
    its first line is a credit."""
    if read.type in TYPES.values():
        return sum((line.amount for line in read.lines if line.is_control), Decimal(0))
    rows = [line.amount for line in read.lines]
    return _debits(rows) * _side(rows)


def _rows(booking):
    """Amounts of the rows of an entry on ledgers, debit positive."""
    rows = [line.amount for line in booking.lines]
    if is_money(booking.kind):
        # Lines are what moved the account; its own row is the other side.
        return [booking.total, *(-row for row in rows)]
    return rows


def _debits(rows):
    return sum((row for row in rows if row > 0), Decimal(0))


def _side(rows):
    """1 if the first row is a debit, -1 if it is a credit."""
    return -1 if next((row for row in rows if row), 0) < 0 else 1
