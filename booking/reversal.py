"""The opposite of an entry: what it is, whether it would take the entry back, and whether an entry
of Exact is it.
"""

from dataclasses import replace

from .compare import ReadEntry, compare
from .difference import Difference
from .entry import Booking

# What an entry and its reversal have in common, but for the sign: what is posted on which account.
_POSTED = frozenset({'total', 'line_count', 'gl_account', 'amount'})
# Properties in which the entry must still equal what was sent, so that the opposite of what was
# sent takes all of it back.
_TAKEN_BACK = _POSTED | {
    'division', 'journal', 'relation', 'currency', 'vat', 'vat_code', 'cost_center', 'cost_unit',
    'project',
}


def opposite_of(booking: Booking, description: str) -> Booking:
    """The booking that offsets an entry; its date and period are yet to be chosen."""
    return replace(
        booking, is_refund=not booking.is_refund, total=-booking.total,
        vat_total=-booking.vat_total, due_date=None, invoice_number=None, entry_number=None,
        document='', payment_reference='', description=description,
        lines=tuple(
            replace(
                line, amount=-line.amount, date=None, document='',
                vat_amount=None if line.vat_amount is None else -line.vat_amount,
                from_date=None, to_date=None,
            )
            for line in booking.lines
        ),
    )


def left_standing(booking: Booking, entry: ReadEntry) -> tuple[Difference, ...]:
    """What Exact's entry has otherwise than was sent, so that the opposite of what was sent would
    not offset it; empty if it would.
    """
    return tuple(
        difference for difference in compare(booking, entry) if difference.field in _TAKEN_BACK
    )


def is_reversal(opposite: Booking, entry: ReadEntry, *, was_named: bool = False) -> bool:
    """Whether an entry of Exact is the opposite that was to be booked. Its day and period may be
    others.

    :param opposite: of `opposite_of`
    :param was_named: Exact has named the entry in its answer. Otherwise the relation counts as
        well: several vendors may use the same number.
    """
    parts = _POSTED if was_named else _POSTED | {'relation'}
    return not parts & {difference.field for difference in compare(opposite, entry)}
