"""Which table has which rules."""

from .files import DocumentAttachments, Documents
from .masters import Rule, Simple, new_id
from .messages import refuse
from .relations import Accounts, BankAccounts


class VATCodes(Simple):
    """VAT codes with their percentages over time."""

    def create(self, call, values):
        percentages = values.pop('VATPercentages', None) or []
        row = super().create(call, values)
        for number, line in enumerate(percentages, 1):
            self.store.put(
                'VatPercentages',
                call.division,
                {
                    'StartDate': '2000-01-01',
                    'Type': 0,
                    **line,
                    'ID': new_id(),
                    'VATCodeID': row['ID'],
                    'LineNumber': number,
                    'Created': row['Created'],
                    'Modified': row['Modified'],
                },
            )
        current = percentages[-1].get('Percentage') if percentages else 0.0
        return self.store.put(self.table, call.division, {**row, 'Percentage': current})


class Currencies(Rule):
    """Known by their codes; people add them inside Exact."""

    table = 'Currencies'

    def create(self, call, values):
        code = values['Code'].strip().upper()
        if self.store.get(self.table, call.division, code):
            refuse('exists', 'Code')
        now = self.clock.wall()
        row = {
            'Description': code,
            'AmountPrecision': 0.01,
            'PricePrecision': 0.01,
            **values,
            'Code': code,
            'ID': new_id(),
            'Created': now,
            'Modified': now,
        }
        return self.store.put(self.table, call.division, row, key=code)


class Divisions(Rule):
    table = 'Divisions'

    def delete(self, call, row):
        refuse('not_allowed', 'Division')


class PaymentTerms(Rule):
    """Receivables and Payments take a PUT of description, method and reference only."""

    table = 'PaymentTerms'


def build_rules(store, switches, clock):
    """{table: rule} for all master data tables."""
    shared = (store, switches, clock)
    return {
        'Accounts': Accounts(*shared),
        'BankAccounts': BankAccounts(*shared),
        'Documents': Documents(*shared),
        'DocumentAttachments': DocumentAttachments(*shared),
        'VATCodes': VATCodes(
            *shared,
            'VATCodes',
            references={'GLToPay': 'GLAccounts', 'GLToClaim': 'GLAccounts'},
            used_by=(('TransactionLines', 'VATCode'),),
            defaults={
                'Type': 'E',
                'VATTransactionType': 'B',
                'Charged': False,
                'IsBlocked': False,
                'EUSalesListing': 'N',
            },
        ),
        'Currencies': Currencies(*shared),
        'Divisions': Divisions(*shared),
        'PaymentTerms': PaymentTerms(*shared),
        'Addresses': Simple(
            *shared,
            'Addresses',
            unique=(),
            references={'Account': 'Accounts'},
            defaults={'Type': 1, 'Main': False},
        ),
        'Contacts': Simple(*shared, 'Contacts', unique=(), references={'Account': 'Accounts'}),
        'GLAccounts': Simple(
            *shared,
            'GLAccounts',
            used_by=(('TransactionLines', 'GLAccount'),),
            defaults={
                'Type': 121,
                'BalanceType': 'W',
                'BalanceSide': 'D',
                'IsBlocked': False,
                'UseCostcenter': 0,
                'UseCostunit': 0,
                'Matching': False,
            },
        ),
        'Journals': Simple(
            *shared,
            'Journals',
            references={'GLAccount': 'GLAccounts'},
            used_by=(('TransactionLines', 'JournalCode'),),
            defaults={
                'Type': 90,
                'Currency': 'EUR',
                'IsBlocked': False,
                'AllowVAT': True,
                'AllowVariableCurrency': True,
                'AllowVariableExchangeRate': True,
            },
        ),
        'PaymentConditions': Simple(
            *shared,
            'PaymentConditions',
            defaults={'PaymentDays': 0, 'PaymentEndOfMonths': 0, 'PaymentMethod': 'B'},
        ),
        'Costcenters': Simple(*shared, 'Costcenters', defaults={'Active': True}),
        'Costunits': Simple(*shared, 'Costunits'),
        'Projects': Simple(*shared, 'Projects', references={'Account': 'Accounts'}),
        'Items': Simple(
            *shared, 'Items', references={'GLRevenue': 'GLAccounts', 'GLCosts': 'GLAccounts'}
        ),
        'ExchangeRates': Simple(
            *shared, 'ExchangeRates', unique=(), defaults={'TargetCurrency': 'EUR'}
        ),
    }
