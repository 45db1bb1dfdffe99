"""Puts the master data of one division."""

from .seed_spec import CURRENCIES, DIVISIONS, load, user_id
from .store import stable_guid


class Seeder:
    """Puts the master data of one division."""

    def __init__(self, store, division):
        self.store, self.division = store, division
        self.accounts = {}

    def put(self, table, code, row, key=None):
        now = self.store.clock.wall()
        identity = stable_guid(self.division, table, code)
        self.store.put(
            table,
            self.division,
            {
                **row,
                'ID': identity,
                'Created': now,
                'Modified': now,
                'Creator': user_id('jan'),
                'Modifier': user_id('jan'),
            },
            key=key,
        )
        return identity

    def masters(self, data, chart):
        for code, (name, rate) in CURRENCIES.items():
            self.put(
                'Currencies',
                code,
                {
                    'Code': code,
                    'Description': name,
                    'AmountPrecision': 0.01,
                    'PricePrecision': 0.01,
                },
                key=code,
            )
            if code != 'EUR':
                self.put(
                    'ExchangeRates',
                    code,
                    {
                        'SourceCurrency': code,
                        'TargetCurrency': 'EUR',
                        'Rate': rate,
                        'StartDate': '2018-01-01',
                    },
                )
        for row in data.get('gl_accounts') or load(f'gl_accounts_{chart}'):
            self.accounts[row['code']] = self.put(
                'GLAccounts',
                row['code'],
                {
                    'Code': row['code'],
                    'Description': row['name'],
                    'Type': row['type'],
                    'BalanceType': row['balance'],
                    'BalanceSide': row['side'],
                    'VATCode': row.get('vat'),
                    'IsBlocked': row.get('blocked', False),
                    'UseCostcenter': row.get('costcenter', 0),
                    'UseCostunit': row.get('costunit', 0),
                    'Matching': row['type'] in (20, 22),
                    'Compress': False,
                    'SearchCode': row['name'].upper()[:30],
                },
            )
        for row in data['vat_codes']:
            self.vat_code(row)
        for row in data['journals']:
            self.put(
                'Journals',
                row['code'],
                {
                    'Code': row['code'],
                    'Description': row['description'],
                    'Type': row['type'],
                    'Currency': 'EUR',
                    'GLAccount': self.accounts.get(row.get('account')),
                    'IsBlocked': row.get('blocked', False),
                    'AllowVAT': row.get('vat', True),
                    'AllowVariableCurrency': row.get('variable_currency', True),
                    'AllowVariableExchangeRate': row.get('variable_rate', True),
                    'AutoSave': False,
                },
            )
        for row in data['payment_conditions']:
            self.put(
                'PaymentConditions',
                row['code'],
                {
                    'Code': row['code'],
                    'Description': row['description'],
                    'PaymentDays': row['days'],
                    'PaymentEndOfMonths': row.get('months', 0),
                    'PaymentMethod': row.get('method', 'B'),
                    'DiscountPaymentDays': row.get('discount_days', 0),
                    'DiscountPercentage': row.get('discount', 0.0),
                    'PaymentDiscountType': (
                        row.get('discount_type', 'B') if row.get('discount') else None
                    ),
                    'DiscountCalculation': (
                        row.get('calculation', 'E') if row.get('discount') else None
                    ),
                    'VATCalculation': row.get('vat', 'E') if row.get('discount') else None,
                    'Percentage': 1.0,
                },
            )
        for table, name in (('Costcenters', 'cost_centers'), ('Costunits', 'cost_units')):
            for row in data[name]:
                values = {
                    'Code': row['code'],
                    'Description': row['description'],
                    'EndDate': row.get('end'),
                }
                if table == 'Costcenters':
                    values['Active'] = not row.get('inactive')
                self.put(table, row['code'], values)
        for row in data['projects']:
            self.put(
                'Projects',
                row['code'],
                {
                    'Code': row['code'],
                    'Description': row['description'],
                    'Type': row['type'],
                    'StartDate': '2024-01-01',
                },
            )
        for row in data['items']:
            self.put(
                'Items',
                row['code'],
                {
                    'Code': row['code'],
                    'Description': row['description'],
                    'IsSalesItem': row['sales'],
                    'IsPurchaseItem': row['purchase'],
                    'IsStockItem': row['stock'],
                    'GLRevenue': self.accounts.get(row.get('revenue')),
                    'GLCosts': self.accounts.get(row.get('costs')),
                    'SalesVatCode': row['vat'],
                    'StandardSalesPrice': row['price'],
                    'StartDate': '2018-01-01',
                    'Unit': 'pc',
                    'UnitDescription': 'Stuk',
                },
            )
        for row in data['relations']:
            self.relation(row)
        for row in data['document_types']:
            self.put(
                'DocumentTypes',
                row['id'],
                {
                    'Description': row['description'],
                    'DocumentIsCreatable': True,
                    'DocumentIsDeletable': True,
                    'DocumentIsUpdatable': True,
                    'DocumentIsViewable': True,
                    'TypeCategory': 1,
                },
                key=str(row['id']),
            )
            kept = self.store.get('DocumentTypes', self.division, str(row['id']))
            self.store.put(
                'DocumentTypes', self.division, {**kept, 'ID': row['id']}, key=str(row['id'])
            )
        for name in ('Algemeen', 'Facturen', 'Contracten'):
            self.put('DocumentCategories', name, {'Description': name})

    def vat_code(self, row):
        identity = self.put(
            'VATCodes',
            row['code'],
            {
                'Code': row['code'],
                'Description': row['description'],
                'Type': row['type'],
                'VATTransactionType': row['transaction'],
                'Charged': row.get('charged', False),
                'EUSalesListing': row.get('listing', 'N'),
                'OssCountry': row.get('oss'),
                'IsBlocked': row.get('blocked', False),
                'GLToPay': self.accounts.get(row.get('pay')),
                'GLToClaim': self.accounts.get(row.get('claim')),
                'Percentage': row['percentages'][-1][2],
                'IntraStat': row.get('listing') == 'L',
                'CalculationBasis': 0,
                'Country': DIVISIONS.get(self.division, {}).get('Country', 'NL'),
            },
        )
        for number, (start, end, percentage) in enumerate(row['percentages'], 1):
            self.put(
                'VatPercentages',
                f"{row['code']}/{number}",
                {
                    'VATCodeID': identity,
                    'StartDate': start,
                    'EndDate': end,
                    'Percentage': percentage,
                    'LineNumber': number,
                    'Type': 0,
                },
            )

    def relation(self, row):
        address = {
            'AddressLine1': row.get('street'),
            'Postcode': row.get('zip'),
            'City': row.get('city'),
            'Country': row.get('country') or DIVISIONS.get(self.division, {}).get('Country', 'NL'),
        }
        identity = self.put(
            'Accounts',
            row['code'],
            {
                'Code': row['code'],
                'Name': row['name'],
                'Status': row.get('status', 'A'),
                'Type': 'A',
                'IsSupplier': row.get('supplier', False),
                'Blocked': row.get('blocked', False),
                'VATNumber': row.get('vat'),
                'ChamberOfCommerce': row.get('coc'),
                'Email': row.get('email'),
                'PaymentConditionSales': '30',
                'PaymentConditionPurchase': '30',
                'Language': 'NL',
                'SearchCode': row['name'].upper()[:20],
                **address,
            },
        )
        self.put(
            'Addresses', row['code'], {**address, 'Account': identity, 'Type': 1, 'Main': True}
        )
        if row.get('iban'):
            self.put(
                'BankAccounts',
                row['code'],
                {
                    'Account': identity,
                    'BankAccount': row['iban'],
                    'IBAN': row['iban'],
                    'Format': 'IBAN',
                    'Main': True,
                    'BankAccountHolderName': row['name'],
                    'Type': 'A',
                },
            )
