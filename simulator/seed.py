"""Demo divisions: a Dutch one, one with a broken financial year, a Belgian one, and one without
access.

Everything is made from the data files in ``seed_data`` with GUIDs that are the same on every run.
"""

import functools
import json
import pathlib
from datetime import date, timedelta

from .store import stable_guid

DATA = pathlib.Path(__file__).with_name('seed_data')
MAIN, BROKEN_YEAR, BELGIAN, FORBIDDEN = 1234567, 1234568, 1234569, 1234570
CLIENT_ID, CLIENT_SECRET, WEBHOOK_SECRET = (
    'demo-client-id',
    'demo-client-secret',
    'demo-webhook-secret',
)
FIRST_YEAR = 2018
#: periods up to and including this year are closed in the seed
CLOSED_UNTIL = 2022
DIVISIONS = {
    MAIN: {
        'Description': 'Demo Nederland B.V.',
        'Country': 'NL',
        'Legislation': 'Nederland',
        'City': 'Delft',
        'VATNumber': 'NL819901230B01',
        'ChamberOfCommerceNumber': '27123456',
        'year_start': 1,
        'data': 'nl',
    },
    BROKEN_YEAR: {
        'Description': 'Demo Gebroken Boekjaar B.V.',
        'Country': 'NL',
        'Legislation': 'Nederland',
        'City': 'Zwolle',
        'VATNumber': 'NL819901242B01',
        'ChamberOfCommerceNumber': '05123457',
        'year_start': 7,
        'data': 'nl',
    },
    BELGIAN: {
        'Description': 'Demo België BV',
        'Country': 'BE',
        'Legislation': 'België',
        'City': 'Antwerpen',
        'VATNumber': 'BE0403170701',
        'ChamberOfCommerceNumber': '',
        'year_start': 1,
        'data': 'be',
    },
    FORBIDDEN: {
        'Description': 'Geheime Administratie B.V.',
        'Country': 'NL',
        'Legislation': 'Nederland',
        'City': 'Utrecht',
        'VATNumber': '',
        'ChamberOfCommerceNumber': '',
        'year_start': 1,
        'data': 'nl',
        'closed_to_all': True,
    },
}
USERS = {
    'jan': {
        'FirstName': 'Jan',
        'MiddleName': 'de',
        'LastName': 'Vries',
        'FullName': 'Jan de Vries',
        'UserName': 'jan.devries',
        'Email': 'jan.devries@demo-holding.example',
        'Gender': 'M',
        'Initials': 'J.',
        'Language': 'NL',
        'LanguageCode': 'nl-NL',
    },
    'emma': {
        'FirstName': 'Emma',
        'LastName': 'Smith',
        'FullName': 'Emma Smith',
        'UserName': 'emma.smith',
        'Email': 'emma.smith@demo-holding.example',
        'Gender': 'V',
        'Initials': 'E.',
        'Language': 'EN',
        'LanguageCode': 'en-GB',
    },
}
OWNER = 'Demo Holding B.V.'
CURRENCIES = {
    'EUR': ('Euro', 1.0),
    'USD': ('Amerikaanse dollar', 0.92),
    'GBP': ('Britse pond', 1.16),
    'CHF': ('Zwitserse frank', 1.04),
    'SEK': ('Zweedse kroon', 0.088),
    'PLN': ('Poolse zloty', 0.23),
}


@functools.lru_cache(maxsize=64)
def user_id(name):
    return stable_guid('user', name)


def load(name):
    return json.loads((DATA / f'{name}.json').read_text(encoding='utf-8'))


def fill(store, divisions=None):
    """Fill empty books.

    :param divisions: numbers of :data:`DIVISIONS` to make; the forbidden one is always there
    """
    wanted = list(divisions or [MAIN, BROKEN_YEAR, BELGIAN])
    with store.transaction():
        store.put(
            '_app',
            0,
            {
                'ClientID': CLIENT_ID,
                'ClientSecret': CLIENT_SECRET,
                'WebhookSecret': WEBHOOK_SECRET,
                'Name': 'Odoo (demo)',
                'RedirectURI': '*',
            },
            key=CLIENT_ID,
        )
        open_divisions = [number for number in wanted if not DIVISIONS[number].get('closed_to_all')]
        for name, values in USERS.items():
            store.put(
                '_user',
                0,
                {
                    **values,
                    'ID': user_id(name),
                    'Name': name,
                    'CurrentDivision': open_divisions[0],
                    'divisions': open_divisions,
                    'Blocked': False,
                },
                key=user_id(name),
            )
        for number in dict.fromkeys([*wanted, FORBIDDEN]):
            add_division(store, number, DIVISIONS[number])


def add_division(store, number, spec):
    """One division with its master data (the forbidden one has none)."""
    now = store.clock.wall()
    this_year = int(now[:4])
    store.put(
        'Divisions',
        0,
        {
            'ID': str(number),
            'Code': number,
            'Description': spec['Description'],
            'Country': spec['Country'],
            'Currency': spec.get('Currency', 'EUR'),
            'Legislation': spec['Legislation'],
            'City': spec['City'],
            'VATNumber': spec['VATNumber'],
            'ChamberOfCommerceNumber': spec['ChamberOfCommerceNumber'],
            'Customer': stable_guid('customer', OWNER),
            'CustomerCode': '5001',
            'CustomerName': OWNER,
            'Status': 1,
            'BlockingStatus': 0,
            'IsMainDivision': number == MAIN,
            'IsHRDivision': False,
            'StartDate': f'{FIRST_YEAR}-01-01',
            'Created': now,
            'Modified': now,
            'DivisionMoveDate': None,
            'DivisionHRLinkUnlinkDate': None,
            'TemplateCode': spec['Country'],
        },
        key=str(number),
    )
    if spec.get('closed_to_all'):
        return
    Seeder(store, number).masters(load(f"masters_{spec['data']}"), spec['data'])
    periods(store, number, spec['year_start'], this_year + 1)


def periods(store, number, start_month, last_year):
    """Monthly periods from 2018; a broken year starts in its month of the year before (year named
    by its end).
    """
    now = store.clock.wall()
    for year in range(FIRST_YEAR, last_year + 1):
        for period in range(1, 13):
            month = start_month + period - 1
            first_year = year if start_month == 1 else year - 1
            start = date(first_year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
            end = date(start.year + start.month // 12, start.month % 12 + 1, 1) - timedelta(days=1)
            store.put(
                'FinancialPeriods',
                number,
                {
                    'ID': stable_guid(number, 'period', year, period),
                    'FinYear': year,
                    'FinPeriod': period,
                    'StartDate': start.isoformat(),
                    'EndDate': end.isoformat(),
                    'Created': now,
                    'Modified': now,
                },
            )
            if year <= CLOSED_UNTIL:
                for journal in store.all('Journals', number):
                    store.put(
                        '_closed', number, {'value': True}, key=f"{journal['Code']}/{year}/{period}"
                    )


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
                    'PaymentDiscountType': 'B' if row.get('discount') else None,
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


def generate_relations(store, count, division=MAIN):
    """Many relations, quickly (50,000 take a few seconds): every fifth a supplier, most with VAT
    numbers.
    """
    towns = (
        'Amsterdam',
        'Rotterdam',
        'Utrecht',
        'Delft',
        'Zwolle',
        'Breda',
        'Arnhem',
        'Assen',
        'Venlo',
        'Hoorn',
    )
    trades = (
        'Bakkerij',
        'Bouwbedrijf',
        'Handelsonderneming',
        'Garage',
        'Adviesbureau',
        'Schildersbedrijf',
    )
    first = 100_000
    while store.by('Accounts', division, 'Code', str(first)):
        first += 100_000
    now = store.clock.wall()
    with store.transaction():
        for number in range(first, first + count):
            store.put(
                'Accounts',
                division,
                {
                    'ID': stable_guid(division, 'generated', number),
                    'Code': str(number),
                    'Name': f'{trades[number % len(trades)]} {number}',
                    'Status': 'A' if number % 5 == 0 else 'C',
                    'Type': 'A',
                    'IsSupplier': number % 5 == 0,
                    'Blocked': False,
                    'Country': 'NL',
                    'VATNumber': f'NL{number:09d}B01' if number % 3 else None,
                    'ChamberOfCommerce': f'{number:08d}',
                    'City': towns[number % len(towns)],
                    'AddressLine1': f'Dorpsstraat {number % 200 + 1}',
                    'Postcode': f'{1000 + number % 9000} AB',
                    'PaymentConditionSales': '30',
                    'PaymentConditionPurchase': '30',
                    'Created': now,
                    'Modified': now,
                    'Creator': user_id('jan'),
                    'Modifier': user_id('jan'),
                },
            )
