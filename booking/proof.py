"""Names the properties that were sent but cannot be proved, since nothing that was read shows them.
"""

from .compare import ReadEntry, codes_with_given_vat, told_by
from .deferrals import has_deferral
from .entry import Booking, is_ledger_only
from .terms import (
    discount_dates,
    due_dates,
    payment_conditions,
    payment_references,
)

# In the order in which people are told.
UNPROVED = (
    'payment_condition', 'due_date', 'discount_date', 'payment_reference', 'deferral', 'quantity',
    'line_vat',
)


def unproved(booking: Booking, read: ReadEntry) -> tuple[str, ...]:
    """Names of UNPROVED: properties that the booking has and that Exact does not show of its entry.
    """
    if is_ledger_only(booking.kind):
        return ()
    told = told_by(read)
    given = codes_with_given_vat(booking)
    open_questions = {
        'payment_condition': booking.payment_condition and not payment_conditions(read),
        'due_date': booking.due_date and not due_dates(read),
        'discount_date': booking.discount_date and not discount_dates(read),
        'payment_reference': booking.payment_reference and not payment_references(read),
        'deferral': has_deferral(booking) and read.periods is None,
        'quantity': not told.quantity and any(line.quantity for line in booking.lines),
        # Where every line of a code says its VAT, the VAT row of the code proves it.
        'line_vat': not told.vat and any(
            line.vat_amount is not None and line.vat_code not in given for line in booking.lines
        ),
    }
    return tuple(name for name in UNPROVED if open_questions[name])


def needs_terms(booking: Booking) -> bool:
    """Whether only the open items of the entry, and not its ledger rows, show what is meant."""
    return not is_ledger_only(booking.kind) and bool(
        booking.payment_condition or booking.discount_date or booking.tranches
    )
