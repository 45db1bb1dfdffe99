from decimal import Decimal

import pytest

from booking.reverse_charge import disagreements, is_reverse_charge
from booking.suggest import Tax, suggest_vat, vat_fits
from booking.vat import VatCode

D = Decimal
HIGH = D('0.21')
# Codes of the same domestic reverse charge on sales, as administrations have them
SALES_CODES = [
    VatCode('11', D(0), 'E', transaction_type='S'),
    VatCode('11', D(0), 'B', transaction_type='S'),
    VatCode('11', D(0), 'E', charged=True, transaction_type='S'),
    VatCode('11', HIGH, 'E', charged=True, transaction_type='S'),
]


@pytest.mark.parametrize(('factors', 'expected'), [
    ([100, -100], True), ([100.0], False), ([], False), ([0, 0], False), ([60, 40, -100], True),
    ([50, 50], False), ([33.33, 66.67, -100], True),
])
def test_what_comes_to_nothing_is_a_reverse_charge(factors, expected):
    assert is_reverse_charge(factors) is expected


@pytest.mark.parametrize('code', SALES_CODES)
@pytest.mark.parametrize(('percentage', 'reverse'), [
    (D(0), False), (D(0), True), (HIGH, True),
])
def test_a_seller_charges_nothing_whichever_way_it_is_said(percentage, reverse, code):
    assert disagreements('sale', percentage, reverse, code) == ()
    assert vat_fits(Tax(percentage, 'sale', reverse_charge=reverse), code) == ()


@pytest.mark.parametrize(('direction', 'percentage', 'reverse', 'code', 'expected'), [
    # Vat that the customer pays is no reverse charge, and the other way round
    ('sale', HIGH, False, SALES_CODES[3], ('reverse_charge',)),
    ('sale', HIGH, True, VatCode('2', HIGH), ('reverse_charge',)),
    ('sale', D(0), False, VatCode('2', HIGH), ('percentage',)),
    ('sale', D('0.09'), False, VatCode('2', HIGH), ('percentage',)),
    # A buyer pays and claims it: there it shows in the books
    ('purchase', HIGH, True, VatCode('V', HIGH, charged=True), ()),
    ('purchase', HIGH, False, VatCode('V', HIGH, charged=True), ('reverse_charge',)),
    ('purchase', D(0), True, VatCode('0', D(0), 'B'), ('reverse_charge',)),
    ('purchase', D('0.09'), True, VatCode('V', HIGH, charged=True), ('percentage',)),
])
def test_what_disagrees(direction, percentage, reverse, code, expected):
    assert disagreements(direction, percentage, reverse, code) == expected


def test_the_code_that_says_itself_that_it_is_one_comes_first():
    tax = Tax(D(0), 'sale', reverse_charge=True, eu='N', name="Btw verlegd")
    codes = [(number, code) for number, code in enumerate(SALES_CODES) if number in (0, 2)]
    assert suggest_vat(tax, codes).key == 2
