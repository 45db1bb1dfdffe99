import pytest

from booking.vat_words import VatUse, candidates_for, use_of

CODES = {
    '2': use_of("Btw hoog verkoop, exclusief"),
    '6': use_of("Btw 0% verkoop"),
    '7': use_of("Levering goederen binnen de EU (ICP)", listing='L'),
    '7D': use_of("Diensten binnen de EU (ICP)", listing='S'),
    '7A': use_of("Installatie/afstandsverkopen binnen de EU"),
    '8': use_of("Export buiten de EU"),
    '9': use_of("Inkoop goederen binnen de EU hoog, verlegd", charged=True),
    '9D': use_of("Inkoop diensten binnen de EU hoog, verlegd", charged=True),
    '10': use_of("Btw verlegd inkoop binnenland hoog", charged=True),
    '11': use_of("Btw verlegd verkoop binnenland"),
    '12': use_of("Invoer goederen buiten de EU hoog, verlegd", charged=True),
    '16': use_of("OSS België 21%", country='BE'),
}


@pytest.mark.parametrize(('name', 'place', 'nature'), [
    ("Inkoop goederen binnen de EU hoog, verlegd", 'eu', 'goods'),
    ("Inkoop diensten buiten de EU laag", 'world', 'services'),
    ("Export sales within EU (services)", 'eu', 'services'),
    ("Export sales outside EU", 'world', ''),
    ("Export", 'world', ''),
    ("Btw verlegd binnenland", 'home', ''),
    ("A-B-C supply chain transactions within the EU", 'eu', 'triangulation'),
    ("Installation/remote sales outside EU", 'world', 'installation'),
    ("Btw hoog verkoop", '', ''),
    ("Neutraal tarief", '', ''),
])
def test_what_a_name_tells(name, place, nature):
    assert use_of(name)[:2] == (place, nature)


@pytest.mark.parametrize(('tax', 'keys'), [
    (VatUse('eu', 'goods', True), ['9']),
    (VatUse('eu', 'services', True), ['9D']),
    (VatUse('world', 'goods', True), ['12']),
    # Nothing says services from elsewhere, and goods from elsewhere are something else.
    (VatUse('world', 'services', True), []),
    (VatUse('home', '', True), ['10', '11']),
    (VatUse('world', 'goods', False), ['8']),
    (VatUse('eu', 'installation', False), ['7A']),
    (VatUse('home', '', False), ['2', '6']),
    (VatUse('home', '', False, frozenset({'BE'})), ['16']),
])
def test_candidates(tax, keys):
    assert candidates_for(tax, CODES.items()) == keys


@pytest.mark.parametrize(('place', 'keys'), [('home', ['x']), ('eu', []), ('world', [])])
def test_a_code_that_says_nothing_is_for_home(place, keys):
    assert candidates_for(VatUse(place, 'goods', True), [('x', VatUse(reverse=True))]) == keys
