"""What the demo divisions are: constants, data files, and GUIDs that are the same on every run."""

import functools
import json
import pathlib

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
