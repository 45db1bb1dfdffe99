"""Numbers that others issue: VAT numbers and bank accounts."""

import re

VAT_NUMBERS = {
    'NL': r'NL\d{9}B\d{2}',
    'BE': r'BE[01]?\d{9}',
    'DE': r'DE\d{9}',
    'FR': r'FR[0-9A-Z]{2}\d{9}',
    'GB': r'GB(\d{9}|\d{12})',
    'ES': r'ES[0-9A-Z]\d{7}[0-9A-Z]',
    'AT': r'ATU\d{8}',
    'IT': r'IT\d{11}',
}


def normalise_vat(number):
    return re.sub(r'[^0-9A-Z]', '', (number or '').upper())


def iban_is_valid(text):
    """Whether the ISO 13616 check digits fit."""
    text = re.sub(r'\s', '', text).upper()
    if not re.fullmatch(r'[A-Z]{2}\d{2}[A-Z0-9]{10,30}', text):
        return False
    digits = ''.join(str(int(letter, 36)) for letter in text[4:] + text[:4])
    return int(digits) % 97 == 1
