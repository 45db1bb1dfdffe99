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


SALES = Kind(
    name='sale',
    header='SalesEntries',
    lines='SalesEntryLines',
    collection='SalesEntryLines',
    journal='Journal',
    journal_types=(20, 21),
    party='Customer',
    own_parties=False,
    line_type=20,
    types=(20, 21),
    sign=-1,
    year='ReportingYear',
    period='ReportingPeriod',
    date='EntryDate',
    rate='Rate',
    transaction_type='S',
    vat_letters={'basis': 'V', 'pay': 'A'},
    credit_letters={'basis': 'X', 'pay': 'Z'},
)
PURCHASES = Kind(
    name='purchase',
    header='PurchaseEntries',
    lines='PurchaseEntryLines',
    collection='PurchaseEntryLines',
    journal='Journal',
    journal_types=(22, 23),
    party='Supplier',
    own_parties=False,
    line_type=22,
    types=(30, 31),
    sign=1,
    year='ReportingYear',
    period='ReportingPeriod',
    date='EntryDate',
    rate='Rate',
    transaction_type='P',
    vat_letters={'basis': 'I', 'pay': 'P', 'claim': 'O'},
    credit_letters={'basis': 'W', 'pay': 'Y', 'claim': 'Q'},
)
GENERAL = Kind(
    name='general',
    header='GeneralJournalEntries',
    lines='GeneralJournalEntryLines',
    collection='GeneralJournalEntryLines',
    journal='JournalCode',
    journal_types=(90,),
    party=None,
    own_parties=True,
    line_type=0,
    types=(90, 90),
    sign=1,
    year='FinancialYear',
    period='FinancialPeriod',
    date='EntryDate',
    rate='ExchangeRate',
    transaction_type='B',
    vat_letters={'basis': 'I', 'pay': 'A', 'claim': 'O'},
    credit_letters={'basis': 'W', 'pay': 'Z', 'claim': 'Q'},
)


def _money_entries(name, header, journal_types):
    """Bank and cash entries: money in is positive on the lines, the journal's account is line 0."""
    return Kind(
        name=name,
        header=header,
        lines=header.replace('Entries', 'EntryLines'),
        collection=header.replace('Entries', 'EntryLines'),
        journal='JournalCode',
        journal_types=journal_types,
        party=None,
        own_parties=True,
        line_type=0,
        types=(40, 40),
        sign=-1,
        year='FinancialYear',
        period='FinancialPeriod',
        date='EntryDate',
        rate='ExchangeRate',
        transaction_type='B',
        vat_letters=GENERAL.vat_letters,
        credit_letters=GENERAL.credit_letters,
    )


BANK = _money_entries('bank', 'BankEntries', (12, 16))
CASH = _money_entries('cash', 'CashEntries', (10,))
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
