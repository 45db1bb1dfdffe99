"""Numbers that say who somebody is, in one form however people write them.

The rules of each country are python-stdnum's, which Odoo brings along. What identifies nobody
(all zeros, one digit repeated, a word, a few digits) has no form at all.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from stdnum.exceptions import (
    InvalidChecksum,
    InvalidComponent,
    InvalidFormat,
    InvalidLength,
    ValidationError,
)
from stdnum.iso7064 import mod_97_10
from stdnum.util import get_cc_module

# Fewer digits than this are no number of anybody.
MIN_DIGITS = 5

# Country code -> what its VAT numbers begin with. Elsewhere a tax number is no VAT number.
PREFIXES = {
    **{code: code for code in (
        'AT', 'BE', 'BG', 'CH', 'CY', 'CZ', 'DE', 'DK', 'EE', 'ES', 'FI', 'FR', 'GB', 'HR', 'HU',
        'IE', 'IS', 'IT', 'LT', 'LU', 'LV', 'MT', 'NL', 'NO', 'PL', 'PT', 'RO', 'RS', 'SE', 'SI',
        'SK', 'SM',
    )},
    'GR': 'EL', 'XI': 'XI', 'LI': 'CH', 'MC': 'FR', 'IM': 'GB',
}
# Prefix -> rule, where that is not the VAT number of the code itself: of Switzerland and Norway the
# number without the word for VAT.
_RULES = {
    'EL': ('gr', 'vat'), 'XI': ('gb', 'vat'), 'CH': ('ch', 'uid'), 'NO': ('no', 'orgnr'),
}
# Prefixes of one and the same number: Northern Ireland has two.
_SAME = {'XI': 'GB', 'GR': 'EL'}

# Registers that every court or chamber keeps for itself: a number is given several times.
_LOCAL_REGISTERS = {'DE', 'ES', 'IT'}
# What is part of a number on paper only.
_SUFFIXES = {'CH': r'(MWST|TVA|IVA|VAT)$', 'NO': r'MVA$'}
_HUNGARIAN = re.compile(r'(\d{8})[1-5]\d{2}')


class VatNumber(NamedTuple):
    """A VAT number.

    :param prefix: what it begins with by its country, '' if that is not known.
    :param national: the rest, without what is punctuation.
    :param is_formed: whether it has the form that its country gives to VAT numbers. Check digits
        are not looked at: Exact looks at the form, as far as is known, and a number with a slip in
        it is still what people know the party by.
    """

    prefix: str
    national: str
    is_formed: bool = False

    @property
    def key(self):
        """The text by which the number is looked up: the prefix, if it is known, and the rest."""
        return _SAME.get(self.prefix, self.prefix) + self.national

    @property
    def keys(self):
        """All texts by which the number may be looked up: with its prefix, and without."""
        return {self.key, self.national}

    @property
    def text(self):
        """The number as it is written in full."""
        return self.prefix + self.national

    def is_same(self, other):
        """Whether two of them are one, be the prefix written or not."""
        return self.key == other.key or (
            self.national == other.national and not (self.prefix and other.prefix)
        )


def compact(text: str) -> str:
    """Letters and digits alone, in capitals."""
    return re.sub(r'[^A-Z0-9]', '', (text or '').upper())


def says_nothing(number: str) -> bool:
    """Whether what stands where a number belongs identifies nobody: too few digits, or all of
    them the same."""
    if sum(char.isdigit() for char in number) < MIN_DIGITS:
        return True
    longest = max(re.findall(r'\d+', number), key=len)
    return len(set(longest)) == 1 and len(longest) >= MIN_DIGITS


def vat_number(text: str, country: str = '') -> VatNumber | None:
    """The VAT number that is meant, completed by the country of its owner.

    :param text: as somebody wrote it.
    :param country: two letters; '' if not known.
    :return: None for what identifies nobody.
    """
    number = compact(text)
    if says_nothing(number):
        return None
    own = PREFIXES.get(country, '')
    written = _SAME.get(number[:2], number[:2]) if number[:2] == 'GR' else number[:2]
    candidates = []
    if written in PREFIXES.values():
        candidates.append((written, number[2:]))
    if own and own != written:
        candidates.append((own, number))
    for accepts in ((ValidationError,), (InvalidFormat, InvalidLength, InvalidComponent)):
        # One with check digits that are right goes before one without.
        for prefix, rest in candidates:
            national = _national(prefix, rest, accepts)
            if national:
                return VatNumber(prefix, national, is_formed=True)
    if candidates:
        prefix, rest = candidates[0]
        return VatNumber(prefix, _without_suffix(prefix, rest))
    # Of a country without VAT numbers, perhaps with its code in front all the same
    return VatNumber(country, number.removeprefix(country))


def _national(prefix, rest, errors):
    """The number by the rule of its country; '' if it is none.

    :param errors: what the rule may say of what is none; any other error is no matter.
    """
    rest = _without_suffix(prefix, rest)
    if prefix == 'HU' and (company := _HUNGARIAN.fullmatch(rest)):
        # The tax number of a company begins with its VAT number.
        rest = company[1]
    rule, whole = _rule(prefix), prefix + rest if prefix == 'CH' else rest
    if rule is None:
        return ''
    number = compact(rule.compact(whole))
    try:
        rule.validate(whole)
    except errors:
        return ''
    except InvalidChecksum:
        pass
    return _without_suffix(prefix, number.removeprefix(prefix))


@lru_cache(maxsize=128)
def _rule(prefix):
    return get_cc_module(*_RULES.get(prefix, (prefix.lower(), 'vat')))


def _without_suffix(prefix, rest):
    return re.sub(_SUFFIXES[prefix], '', rest) if prefix in _SUFFIXES else rest


def chamber_number(text: str, country: str = '') -> str:
    """A number of a trade register in one form; '' for what identifies nobody."""
    number = compact(text)
    if says_nothing(number):
        return ''
    digits = re.sub(r'\D', '', number)
    if country == 'NL':
        # Spreadsheets lose the zero in front, people write what it is.
        return digits.zfill(8) if len(digits) in (7, 8) else digits
    if country == 'BE' and len(digits) in (9, 10):
        return digits.zfill(10)
    if country == 'FR' and len(digits) == 14:
        # An establishment's number begins with that of its company.
        return digits[:9]
    return number


def chamber_text(text: str, country: str = '') -> str:
    """The number of a trade register as it is sent; '' for what is none in its country."""
    number = chamber_number(text, country)
    if country == 'NL':
        return number if len(number) == 8 else ''
    return number if country == 'BE' else number and compact(text)


def is_national_register(country: str) -> bool:
    """Whether a number of the country's trade register is given once."""
    return country not in _LOCAL_REGISTERS


def bank_account(text: str) -> str:
    """A bank account in one form; '' for what identifies nobody."""
    number = compact(text)
    return '' if says_nothing(number) else number


def is_iban(text: str) -> bool:
    """Whether it is an IBAN, with check digits that fit."""
    number = compact(text)
    # Not stdnum.iban: its list of countries cannot be read inside Odoo, which patches the package.
    return bool(re.fullmatch(r'[A-Z]{2}\d{2}[A-Z0-9]{10,30}', number)) and mod_97_10.is_valid(
        number[4:] + number[:4],
    )
