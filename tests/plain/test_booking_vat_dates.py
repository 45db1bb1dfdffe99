"""VAT percentages change: the date of the entry decides, the mapping counts every day."""

import datetime as dt
from decimal import Decimal

import pytest
from booking_cases import sale
from test_booking_rules import FACTS

from booking import (
    Facts,
    Line,
    LineTax,
    Rate,
    Tax,
    VatCode,
    check,
    codes_on,
    exact_totals,
    suggest_vat,
    vat_fits,
    vat_overrides,
)

D = Decimal
LOW = VatCode('1', D('0.09'), rates=(
    Rate(dt.date(2000, 1, 1), dt.date(2018, 12, 31), D('0.06')),
    Rate(dt.date(2019, 1, 1), None, D('0.09')),
))
THEN, LAST, FIRST, BEFORE = (
    dt.date(2018, 11, 20), dt.date(2018, 12, 31), dt.date(2019, 1, 1), dt.date(1999, 12, 31))


@pytest.mark.parametrize(('day', 'percentage'), [
    (THEN, D('0.06')), (LAST, D('0.06')), (FIRST, D('0.09')), (dt.date(2026, 11, 30), D('0.09')),
    (BEFORE, None),
])
def test_the_percentage_of_a_day(day, percentage):
    assert LOW.on(day).percentage == percentage
    # Where no history is told, today's is all that is known.
    assert VatCode('1', D('0.09')).on(day).percentage == D('0.09')
    assert VatCode('0', D(0), 'N', rates=LOW.rates).on(day).percentage == 0


@pytest.mark.parametrize(('percentage', 'expected'), [
    ('0.06', ()), ('0.09', ()), ('0.21', ('percentage',)), ('0', ('percentage',)),
])
def test_a_tax_fits_a_code_if_it_did_on_any_day(percentage, expected):
    assert vat_fits(Tax(D(percentage), 'sale'), LOW) == expected


def test_who_has_the_percentage_now_goes_first():
    now = VatCode('3', D('0.06'), rates=(Rate(None, None, D('0.06')),))
    codes = [('1', LOW), ('3', now)]
    assert suggest_vat(Tax(D('0.06'), 'sale'), codes).key == '3'
    assert suggest_vat(Tax(D('0.09'), 'sale'), codes).key == '1'
    assert suggest_vat(Tax(D('0.06'), 'sale'), codes[:1]).key == '1'


@pytest.mark.parametrize(('day', 'vat'), [(THEN, '0.60'), (FIRST, '0.90')])
def test_what_exact_computes_is_of_the_day(day, vat):
    lines = [Line('g1', D(10), '1')]
    codes = codes_on({'1': LOW}, lines, day)
    assert exact_totals(lines, codes).total == D(10) + D(vat)
    # The cents are of the day, too: where Exact's own rule is right, the line says nothing.
    assert vat_overrides(lines, codes, {'1': D(vat)}).lines[0].vat_amount is None


def checked(day, percentage, vat, **values):
    booking = sale(
        entry_date=day, lines=[Line('g1', D(10), '1')], total=D(10) + D(vat), vat_total=D(vat),
        **values)
    facts = Facts(division=1, journals=FACTS.journals, gl_accounts=FACTS.gl_accounts,
                  vat_codes={'1': LOW})
    return check(booking, facts, taxes={0: LineTax(D(percentage))})


@pytest.mark.parametrize(('day', 'percentage', 'vat'), [
    (THEN, '0.06', '0.60'), (LAST, '0.06', '0.60'), (FIRST, '0.09', '0.90'),
])
def test_the_tax_of_the_time_goes(day, percentage, vat):
    # The period that it is booked in is another matter.
    assert checked(day, percentage, vat) == ()


@pytest.mark.parametrize(('day', 'percentage', 'vat'), [
    # A bill of 2018 at the rate of today: Exact would book 10.60.
    (THEN, '0.09', '0.90'),
    # A credit note of 2019 for an invoice of 2018, at its rate.
    (FIRST, '0.06', '0.60'),
])
def test_the_tax_of_another_time_is_told_before(day, percentage, vat):
    findings = {finding.code: finding.params for finding in checked(day, percentage, vat)}
    own, other = ('9%', '6%') if percentage == '0.09' else ('6%', '9%')
    assert findings['vat_percentage_differs'] == {
        'vat_code': '1', 'percentage': own, 'code_percentage': other, 'date': day}


def test_a_day_on_which_the_code_has_no_percentage():
    assert [(f.code, f.severity) for f in checked(BEFORE, '0.06', '0.60')] == [
        ('vat_code_without_percentage', 'blocks')]
