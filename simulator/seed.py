"""Demo divisions: a Dutch one, one with a broken financial year, a Belgian one, and one without
access.

Everything is made from the data files in ``seed_data``.
"""

from datetime import date, timedelta

from .seed_spec import (
    BELGIAN,
    BROKEN_YEAR,
    CLIENT_ID,
    CLIENT_SECRET,
    CLOSED_UNTIL,
    DIVISIONS,
    FIRST_YEAR,
    FORBIDDEN,
    MAIN,
    OWNER,
    USERS,
    WEBHOOK_SECRET,
    load,
    user_id,
)
from .seeder import Seeder
from .store import stable_guid

__all__ = [
    'CLIENT_ID',
    'DIVISIONS',
    'MAIN',
    'WEBHOOK_SECRET',
    'add_division',
    'fill',
    'generate_relations',
    'user_id',
]


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
    for year in range(FIRST_YEAR, last_year + 1):
        periods_of(store, number, start_month, year, closed=year <= CLOSED_UNTIL)


def periods_of(store, number, start_month, year, closed=False):
    """The twelve periods of a financial year, closed for every journal or open."""
    now = store.clock.wall()
    with store.transaction():
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
            if closed:
                for journal in store.all('Journals', number):
                    store.put(
                        '_closed', number, {'value': True}, key=f"{journal['Code']}/{year}/{period}"
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
