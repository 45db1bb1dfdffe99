"""What differs between the kinds of entries, and how amounts are reckoned with."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal('0.01')
ZERO = Decimal(0)


def money(value):
    """A number of a record or body as an exact decimal, two places, half away from zero."""
    return Decimal(str(value or 0)).quantize(CENT, ROUND_HALF_UP)


def multiple(value, unit):
    """A decimal as the nearest multiple of a unit, half away from zero."""
    return (value / unit).quantize(Decimal(1), ROUND_HALF_UP) * unit


def exact(value):
    """A number as an exact decimal, not rounded."""
    return Decimal(str(value or 0))


def number(value):
    """A decimal as the float kept in records."""
    return float(value) + 0.0


class Kind:
    """What differs between the kinds of entries."""

    def __init__(self, **values):
        self.__dict__.update(values)


def _trade_entries(header, **values):
    """Entries with one customer or supplier, told in the header."""
    return _entries(
        header,
        journal='Journal',
        own_parties=False,
        year='ReportingYear',
        period='ReportingPeriod',
        rate='Rate',
        **values,
    )


def _ledger_entries(header, **values):
    """Entries whose lines each may have a party of their own."""
    return _entries(
        header,
        journal='JournalCode',
        party=None,
        own_parties=True,
        line_type=0,
        year='FinancialYear',
        period='FinancialPeriod',
        rate='ExchangeRate',
        transaction_type='B',
        vat_letters={'basis': 'I', 'pay': 'A', 'claim': 'O'},
        credit_letters={'basis': 'W', 'pay': 'Z', 'claim': 'Q'},
        **values,
    )


def _money_entries(header, **values):
    """Bank and cash entries: money in is positive on the lines, the journal's account is line 0."""
    return _ledger_entries(header, types=(40, 40), sign=-1, **values)


def _entries(header, **values):
    lines = header.replace('Entries', 'EntryLines')
    return Kind(header=header, lines=lines, collection=lines, date='EntryDate', **values)


SALES = _trade_entries(
    'SalesEntries',
    name='sale',
    journal_types=(20, 21),
    party='Customer',
    line_type=20,
    types=(20, 21),
    sign=-1,
    transaction_type='S',
    vat_letters={'basis': 'V', 'pay': 'A'},
    credit_letters={'basis': 'X', 'pay': 'Z'},
)
PURCHASES = _trade_entries(
    'PurchaseEntries',
    name='purchase',
    journal_types=(22, 23),
    party='Supplier',
    line_type=22,
    types=(30, 31),
    sign=1,
    transaction_type='P',
    vat_letters={'basis': 'I', 'pay': 'P', 'claim': 'O'},
    credit_letters={'basis': 'W', 'pay': 'Y', 'claim': 'Q'},
)
GENERAL = _ledger_entries(
    'GeneralJournalEntries', name='general', journal_types=(90,), types=(90, 90), sign=1
)
BANK = _money_entries('BankEntries', name='bank', journal_types=(12, 16))
CASH = _money_entries('CashEntries', name='cash', journal_types=(10,))
KINDS = (SALES, PURCHASES, GENERAL, BANK, CASH)
BY_HEADER = {kind.header: kind for kind in KINDS}
BY_LINES = {kind.lines: kind for kind in KINDS}
#: AR, AP and VAT accounts are refused on lines of sales and purchase entries (fact sheet 4.2)
FORBIDDEN_TYPES = (20, 22, 24)
#: optional references of headers and lines
OPTIONAL = {
    'Document': 'Documents',
    'Project': 'Projects',
    'Asset': 'Assets',
    'Subscription': 'Subscriptions',
    'TrackingNumber': 'TrackingNumbers',
    'ProjectWBS': 'ProjectWBS',
    'Item': 'Items',
}
