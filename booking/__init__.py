"""Ledger entries as data: what is meant, whether Exact would take it, what it became.

Plain Python: knows neither Odoo nor how to talk to Exact.
"""

from .cents import Cents, difference_line, spread, vat_overrides
from .changes import Plan, changes, match_lines, plan
from .compare import READ_FIELDS, Difference, ReadEntry, ReadLine, compare, read_entry
from .entry import KINDS, Booking, Line, from_dict, is_ledger_only, is_money, to_dict
from .fingerprint import fingerprint
from .payload import general_description, has_reference, line_resource, payload, resource
from .rules import (
    BLOCKS,
    INFORMS,
    WARNS,
    Facts,
    Finding,
    GlFacts,
    JournalFacts,
    LineTax,
    Period,
    RelationFacts,
    blocks,
    check,
    is_closed,
    next_open_period,
    period_of,
    reference_key,
)
from .split import Share, split_line
from .suggest import (
    ACCOUNT_TYPES,
    REASONS,
    AccountCandidate,
    Candidate,
    JournalCandidate,
    NameIndex,
    PaymentCandidate,
    Suggestion,
    Tax,
    likeness,
    suggest_account,
    suggest_by_name,
    suggest_journal,
    suggest_payment_condition,
    suggest_vat,
    vat_fits,
)
from .text import LIMITS, fit_reference, fit_text
from .vat import Totals, VatCode, computed_vat, exact_totals, rounded

__all__ = [
    'ACCOUNT_TYPES', 'BLOCKS', 'INFORMS', 'KINDS', 'LIMITS', 'READ_FIELDS', 'REASONS', 'WARNS',
    'AccountCandidate', 'Booking', 'Candidate', 'Cents', 'Difference', 'Facts', 'Finding',
    'GlFacts', 'JournalCandidate', 'JournalFacts', 'Line', 'LineTax', 'NameIndex',
    'PaymentCandidate', 'Period', 'Plan', 'ReadEntry', 'ReadLine', 'RelationFacts', 'Share',
    'Suggestion', 'Tax', 'Totals', 'VatCode', 'blocks', 'changes', 'check', 'compare',
    'computed_vat', 'difference_line', 'exact_totals', 'fingerprint', 'fit_reference', 'fit_text',
    'from_dict', 'general_description', 'has_reference', 'is_closed', 'is_ledger_only', 'is_money',
    'likeness', 'line_resource', 'match_lines', 'next_open_period', 'payload', 'period_of', 'plan',
    'read_entry', 'reference_key', 'resource', 'rounded', 'split_line', 'spread', 'suggest_account',
    'suggest_by_name', 'suggest_journal', 'suggest_payment_condition', 'suggest_vat', 'to_dict',
    'vat_fits', 'vat_overrides',
]
