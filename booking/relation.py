"""What is sent to Exact of a new relation: only what Exact would take.

Whatever is merely nice to have is left out where Exact would refuse it, and named: an invoice
never waits for a telephone number. Lengths are assumptions, Exact publishes none.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from .party import NAME_LIMIT
from .party_numbers import chamber_text, vat_number
from .text import fit_text

# Property of crm/Accounts -> (field of Contact, most characters); cut where a part is of use.
_CUT = {
    'Name': ('name', NAME_LIMIT),
    'AddressLine1': ('street', 100),
    'AddressLine2': ('street2', 100),
    'City': ('city', 50),
}
_WHOLE = {
    'Postcode': ('postcode', 50),
    'Phone': ('phone', 50),
    'Website': ('website', 100),
}
_EMAIL_LIMIT = 255
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
# Odoo's code of a country -> Exact's
_COUNTRIES = {'XI': 'GB'}
# How Odoo says that there is no VAT number.
_NO_VAT = '/'


@dataclass(frozen=True)
class Contact:
    """What the sender knows of a party, as people wrote it.

    :param country: two letters, '' if not known.
    :param home: country of the books, for numbers of those without country.
    """

    name: str
    country: str = ''
    home: str = ''
    street: str = ''
    street2: str = ''
    postcode: str = ''
    city: str = ''
    email: str = ''
    phone: str = ''
    website: str = ''
    vat: str = ''
    chamber: str = ''


class Omission(NamedTuple):
    """A field of a contact that is sent shortened, or not at all.

    :param field: of `Contact`.
    :param text: what stands there.
    :param limit: characters that are sent; 0 if none of it is.
    """

    field: str
    text: str
    limit: int = 0


def relation_body(contact: Contact, kind: str) -> tuple[dict, list[Omission]]:
    """The body of the POST of crm/Accounts, and the fields of the contact that it lacks.

    A supplier needs no status, a customer has status C.

    :param kind: of the entry that the relation is for.
    """
    values, omissions = {}, []
    values['Status'] = 'C' if kind == 'sale' else 'A'
    values['IsSupplier'] = kind == 'purchase'
    for name, (field, limit) in _CUT.items():
        text = fit_text(getattr(contact, field))
        values[name] = fit_text(text, limit)
        if len(text) > limit:
            omissions.append(Omission(field, text, limit))
    for name, (field, limit) in _WHOLE.items():
        text = fit_text(getattr(contact, field))
        values[name] = text if len(text) <= limit else ''
        if len(text) > limit:
            omissions.append(Omission(field, text))
    country = contact.country.upper()
    values['Country'] = _COUNTRIES.get(country, country)
    checked = {
        'Email': ('email', _email(contact.email)),
        'VATNumber': ('vat', _vat(contact.vat, country or contact.home)),
        'ChamberOfCommerce': (
            'chamber_of_commerce', chamber_text(contact.chamber, country or contact.home),
        ),
    }
    given = {'email': contact.email, 'vat': contact.vat, 'chamber_of_commerce': contact.chamber}
    for name, (field, text) in checked.items():
        values[name] = text
        written = fit_text(given[field])
        if written and not text and written != _NO_VAT:
            omissions.append(Omission(field, written))
    return (
        {name: value for name, value in values.items() if value or name == 'IsSupplier'},
        omissions,
    )


def _vat(text, country):
    number = vat_number(text, country)
    return number.text if number and number.is_formed else ''


def _email(text):
    """The first address of those that somebody wrote; '' if Exact would take none of them."""
    for written in re.split(r'[,;\s]+', text or ''):
        address = written.strip('<>"')
        if _EMAIL.fullmatch(address) and len(address) <= _EMAIL_LIMIT:
            return address.lower()
    return ''
