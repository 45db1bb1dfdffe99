"""Ledger entries as data: what is meant, whether Exact would take it, what it became.

Plain Python: knows neither Odoo nor how to talk to Exact.
"""

from .cents import Cents, difference_line, spread, vat_overrides
from .compare import READ_FIELDS, Difference, ReadEntry, ReadLine, compare, read_entry
from .entry import KINDS, Booking, Line, from_dict, to_dict
from .fingerprint import fingerprint
from .payload import general_description, has_reference, line_resource, payload, resource
from .text import LIMITS, fit_reference, fit_text
from .vat import Totals, VatCode, computed_vat, exact_totals, rounded

__all__ = [
    'KINDS', 'LIMITS', 'READ_FIELDS', 'Booking', 'Cents', 'Difference', 'Line', 'ReadEntry',
    'ReadLine', 'Totals', 'VatCode', 'compare', 'computed_vat', 'difference_line', 'exact_totals',
    'fingerprint', 'fit_reference', 'fit_text', 'from_dict', 'general_description',
    'has_reference', 'line_resource', 'payload', 'read_entry', 'resource', 'rounded', 'spread',
    'to_dict', 'vat_overrides',
]
