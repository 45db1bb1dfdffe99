"""Where and what a VAT code is for, read from its name.

Exact's VAT codes say their percentage and direction in fields; whether one is for goods from the
EU or for services from elsewhere stands in their names alone. Taxes and codes that contradict each
other in this are never a suggestion for each other, however alike they look otherwise.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

HOME, EU, WORLD = 'home', 'eu', 'world'
GOODS, SERVICES, INSTALLATION, TRIANGULATION = 'goods', 'services', 'installation', 'triangulation'

# What Exact's EUSalesListing letters say (facts: VATCodes.EUSalesListing).
_LISTINGS = {'L': (EU, GOODS), 'S': (EU, SERVICES), 'T': (EU, TRIANGULATION)}

# Dutch, English, French and German. The first that is found counts.
_PLACES = (
    (WORLD, (
        r'buiten (de )?(eu|eg)\b|niet[- ]eu\b|non[- ]?eu\b|outside (the )?(eu|europe)'
        r'|hors (ue|cee)|drittl|third countr|derde land|export(?!.*\beu\b)|uitvoer|\binvoer'
    )),
    (EU, r'\beu\b|\beg\b|\bicp\b|\bicl\b|\bicv\b|intracom|intra-com|innergemeinschaft|\bue\b'),
    (HOME, r'binnenland|domestic|inland|national'),
)
_NATURES = (
    (TRIANGULATION, r'\ba-?b-?c\b|triang|dreieck'),
    (INSTALLATION, r'installat|afstand|distance|remote|montage'),
    (SERVICES, r'dienst|service|leistung'),
    (GOODS, r'goederen|goods|products?\b|producten|marchandise|lieferung|levering'),
)
_REVERSE = (
    r'reverse|verlegd|transferred|steuerschuld|autoliquid|inversi[oó]n|medecontractant|\bcocontr'
)


class VatUse(NamedTuple):
    """What a tax or a VAT code is for; '' where nothing says so.

    :param place: home, eu or world: where the other party is.
    :param nature: goods, services, installation or triangulation.
    :param reverse: whether the customer pays the VAT.
    :param countries: codes of the countries whose VAT it is (one-stop-shop), none for the own.
    """

    place: str = ''
    nature: str = ''
    reverse: bool = False
    countries: frozenset[str] = frozenset()


def use_of(name: str, *, listing: str = '', charged: bool = False, country: str = '') -> VatUse:
    """What a name tells, and Exact's fields where there are such.

    :param listing: Exact's EUSalesListing letter, which wins over the name.
    :param country: of a one-stop-shop code.
    """
    text = name.casefold()
    place, nature = _LISTINGS.get(listing, ('', ''))
    return VatUse(
        place or _first(_PLACES, text),
        nature or _first(_NATURES, text),
        charged or bool(re.search(_REVERSE, text)),
        frozenset({country} - {''}),
    )


def candidates_for(tax: VatUse, codes: Iterable[tuple[object, VatUse]]) -> list:
    """The keys of the codes that may stand for a tax: none that contradicts it, and where some say
    expressly what the tax is for, only those.

    What is not at home has to be said: a VAT return has boxes of its own for it.

    :param codes: pairs of key and VatUse.
    """
    left = [
        (key, use) for key, use in codes
        if use.reverse == tax.reverse and use.countries == tax.countries
        and (use.place == tax.place or (not use.place and tax.place not in (EU, WORLD)))
        and not (tax.nature and use.nature and tax.nature != use.nature)
    ]
    for field in ('place', 'nature'):
        wanted = getattr(tax, field)
        express = [pair for pair in left if wanted and getattr(pair[1], field) == wanted]
        left = express or left
    return [key for key, _use in left]


def _first(table, text):
    return next((value for value, pattern in table if re.search(pattern, text)), '')
