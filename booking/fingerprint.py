"""A fingerprint of what an entry says: equal for equal content, whatever the way it was built."""

import hashlib
import json
from dataclasses import fields
from datetime import date
from decimal import Decimal

from .entry import Booking
from .text import LIMITS, fit_reference, fit_text

# Not part of what the document says: ids that are learned while sending, the reason for the period,
# and values that follow from others.
_LEARNED = {'sources', 'document', 'entry_number', 'lines', 'own_total', 'own_date'}
_VERSION = 'booking 1'
# Added after the version was fixed: a booking without them keeps the fingerprint that it had.
_ADDED = {'tranches', 'discount_date'}


def fingerprint(booking: Booking) -> str:
    """SHA-256 (64 hexadecimal digits) over the canonical content.

    The order of the lines counts. 100 and 100.00 are equal; texts count as they would be sent, so
    that what Exact never sees does not count as a change. Ids of sources, the attached document
    and the number that Exact gives do not count.
    """
    header = {
        name: value for name, value in canonical(booking).items() if value or name not in _ADDED
    }
    content = [_VERSION, header, [canonical(line) for line in booking.lines]]
    text = json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode('ascii')).hexdigest()


def canonical(record) -> dict:
    """The fields of a booking (without its lines) or a line, each in its one form as text."""
    is_line = not isinstance(record, Booking)
    return {
        spec.name: _canonical_value(spec.name, getattr(record, spec.name), is_line)
        for spec in fields(record)
        if spec.name not in _LEARNED
    }


def _canonical_value(name, value, is_line):
    if isinstance(value, Decimal):
        return format(value.normalize() + 0, 'f')
    if isinstance(value, date):
        return value.isoformat()
    if name == 'tranches':
        return [
            [part.day.isoformat(), _canonical_value('amount', part.amount, is_line)]
            for part in value or ()
        ]
    if name in ('your_ref', 'payment_reference'):
        return fit_reference(value)
    if name == 'description':
        return fit_text(value, LIMITS['line_description' if is_line else 'description'])
    if name == 'notes':
        return fit_text(value, LIMITS['notes'], multiline=True)
    return value
