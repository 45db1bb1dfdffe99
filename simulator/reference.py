"""The table of endpoints (``reference.json``, made by ``build_reference.py``) as objects."""

import functools
import json
import pathlib

from .wire import SCALARS, padding_of

#: storage table where it is not the last part of the path
TABLES = {
    'cashflow/Receivables': 'PaymentTerms',
    'cashflow/Payments': 'PaymentTerms',
    'bulk/Cashflow/Receivables': 'PaymentTerms',
    'bulk/Cashflow/Payments': 'PaymentTerms',
    'read/financial/ReceivablesList': 'PaymentTerms',
    'read/financial/PayablesList': 'PaymentTerms',
    'sync/Financial/SalesEntries': 'SalesEntryLines',
    'sync/Financial/PurchaseEntries': 'PurchaseEntryLines',
}
#: only records with this LineType (20 receivable, 22 payable)
LINE_TYPES = {
    'cashflow/Receivables': 20,
    'bulk/Cashflow/Receivables': 20,
    'read/financial/ReceivablesList': 20,
    'cashflow/Payments': 22,
    'bulk/Cashflow/Payments': 22,
    'read/financial/PayablesList': 22,
}
#: the only properties that a filter may name where the vendor's page lists them (facts on payments)
FILTER_ONLY = dict.fromkeys(
    ('bulk/Cashflow/Receivables', 'bulk/Cashflow/Payments'),
    frozenset(
        (
            'ID',
            'Account',
            'AccountBankAccountID',
            'BankAccountID',
            'Document',
            'EndDate',
            'EndToEndID',
            'EntryDate',
            'EntryID',
            'GLAccount',
            'InvoiceDate',
            'InvoiceNumber',
            'Source',
            'Status',
            'TransactionID',
            'TransactionType',
        )
    ),
)
#: collection type -> endpoint of its members
COLLECTIONS = {
    'SalesEntryLines': 'salesentry/SalesEntryLines',
    'PurchaseEntryLines': 'purchaseentry/PurchaseEntryLines',
    'GeneralJournalEntryLines': 'generaljournalentry/GeneralJournalEntryLines',
    'BankEntryLines': 'financialtransaction/BankEntryLines',
    'CashEntryLines': 'financialtransaction/CashEntryLines',
    'BankAccounts': 'crm/BankAccounts',
    'VATPercentages': 'vat/VatPercentages',
}
#: property that ties members of a collection to their parent
PARENTS = {
    'SalesEntryLines': 'EntryID',
    'PurchaseEntryLines': 'EntryID',
    'GeneralJournalEntryLines': 'EntryID',
    'BankEntryLines': 'EntryID',
    'CashEntryLines': 'EntryID',
    'BankAccounts': 'Account',
    'VATPercentages': 'VATCodeID',
}
PAGE = {'single': 60, 'read': 60, 'bulk': 1000, 'sync': 1000}


class Endpoint:
    """One row of the reference.

    ``types``: property name -> Edm type; ``table``: where its records are kept; ``key``: its
    primary key.
    """

    def __init__(self, path, data):
        self.path = path
        self.kind = data['kind']
        self.methods = data['methods']
        self.scope = data['scope']
        self.type = data['type']
        self.filter_restricted = bool(data['filter_restricted'])
        self.properties = data['properties']
        self.types = {name: prop['t'] for name, prop in self.properties.items()}
        self.table = TABLES.get(path, path.rsplit('/', 1)[-1])
        keys = [name for name, prop in self.properties.items() if prop.get('pk')]
        self.key = keys[0] if keys else 'ID'
        self.page = PAGE[self.kind]
        self.line_type = LINE_TYPES.get(path)
        self.filter_only = FILTER_ONLY.get(path)
        self.filterable = {
            name for name, prop in self.properties.items() if prop.get('flt') or prop.get('pk')
        }
        self.widths = {
            name: padding_of(self.table, name)
            for name in self.types
            if padding_of(self.table, name)
        }
        self._orders = {}
        self.mandatory = [name for name, prop in self.properties.items() if prop.get('m')]

    def names(self, select):
        """The selected properties (a set, or None for all) in the order of the reference."""
        if select is None:
            return list(self.types)
        wanted = frozenset(select)
        if wanted not in self._orders:
            if len(self._orders) > 200:
                self._orders.clear()
            self._orders[wanted] = [name for name in self.types if name in wanted]
        return self._orders[wanted]

    def accepts(self, name, operation):
        """Whether POST ('p') or PUT ('u') takes the property; unknown flags count as yes."""
        return operation in self.properties[name].get('ops', 'gpu')

    def is_collection(self, name):
        return self.types[name] not in SCALARS


@functools.lru_cache(maxsize=1)
def load_endpoints():
    """{lower-case path: Endpoint}."""
    text = pathlib.Path(__file__).with_name('reference.json').read_text(encoding='utf-8')
    return {path.lower(): Endpoint(path, data) for path, data in json.loads(text).items()}
