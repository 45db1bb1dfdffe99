"""Numbers that others issue: VAT numbers and bank accounts."""

import re

#: what follows the prefix of a country (formats that the tax authorities publish)
VAT_NUMBERS = {
    'AT': r'U\d{8}',
    'BE': r'[01]\d{9}',
    'BG': r'\d{9,10}',
    'CH': r'E\d{9}(MWST|TVA|IVA|TPV)?',
    'CY': r'\d{8}[A-Z]',
    'CZ': r'\d{8,10}',
    'DE': r'\d{9}',
    'DK': r'\d{8}',
    'EE': r'\d{9}',
    'EL': r'\d{9}',
    'ES': r'[0-9A-Z]\d{7}[0-9A-Z]',
    'FI': r'\d{8}',
    'FR': r'[0-9A-HJ-NP-Z]{2}\d{9}',
    'GB': r'\d{9}|\d{12}|(GD|HA)\d{3}',
    'HR': r'\d{11}',
    'HU': r'\d{8}',
    'IE': r'\d{7}[A-W][A-IW]?|\d[A-Z]\d{5}[A-W]',
    'IT': r'\d{11}',
    'LT': r'\d{9}|\d{12}',
    'LU': r'\d{8}',
    'LV': r'\d{11}',
    'MT': r'\d{8}',
    'NL': r'\d{9}B\d{2}',
    'NO': r'\d{9}(MVA)?',
    'PL': r'\d{10}',
    'PT': r'\d{9}',
    'RO': r'\d{2,10}',
    'SE': r'\d{12}',
    'SI': r'\d{8}',
    'SK': r'\d{10}',
    'XI': r'\d{9}|\d{12}|(GD|HA)\d{3}',
}
#: countries outside this list: letters of the country, then letters and at least one digit
OTHER_VAT_NUMBERS = r'(?=.*\d)[0-9A-Z]{2,13}'
EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def vat_is_valid(number, mode='format'):
    """Whether a normalised VAT number fits its country.

    :param mode: ``format``, ``digits`` (check digits too) or ``loose`` (any two letters before)
    """
    country, rest = number[:2], number[2:]
    if not re.fullmatch('[A-Z]{2}', country):
        return False
    if mode == 'loose':
        return bool(rest)
    if not re.fullmatch(VAT_NUMBERS.get(country, OTHER_VAT_NUMBERS), rest):
        return False
    return mode != 'digits' or digits_fit(country, rest)


def digits_fit(country, rest):
    """Whether the check digits fit, as far as python-stdnum knows them."""
    from stdnum import get_cc_module

    module = get_cc_module({'EL': 'GR', 'XI': 'GB'}.get(country, country).lower(), 'vat')
    return module is None or module.is_valid(rest)


def email_is_valid(text):
    return bool(EMAIL.fullmatch(text.strip())) and '..' not in text


def normalise_vat(number):
    return re.sub(r'[^0-9A-Z]', '', (number or '').upper())


def iban_is_valid(text):
    """Whether the ISO 13616 check digits fit."""
    text = re.sub(r'\s', '', text).upper()
    if not re.fullmatch(r'[A-Z]{2}\d{2}[A-Z0-9]{10,30}', text):
        return False
    digits = ''.join(str(int(letter, 36)) for letter in text[4:] + text[:4])
    return int(digits) % 97 == 1
