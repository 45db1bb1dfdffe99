"""How entries are booked: sales, purchase and general journal entries, their lines and what follows
from them.

An entry is a header record, its lines, the TransactionLines (the ledger's own lines, debit
positive) and the payment terms. After every change the last two are made anew from the first two.
"""

from .entries import Ledger, entry_rules
from .kinds import BANK, BY_HEADER, BY_LINES, KINDS, exact, money, number
from .matching import RUN_PROPERTIES, MatchError

__all__ = [
    'BANK',
    'BY_HEADER',
    'BY_LINES',
    'KINDS',
    'RUN_PROPERTIES',
    'Ledger',
    'MatchError',
    'entry_rules',
    'exact',
    'money',
    'number',
]
