"""What is the same document once more, what may be, and what is not."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from booking import Booking, Line
from booking.likeness import (
    ASK,
    DOUBLE,
    NONE,
    REVERSAL,
    Grade,
    Traits,
    bare,
    grade,
    is_number,
    traits_of,
)

DAY, NEXT_DAY = date(2026, 3, 5), date(2026, 3, 6)


def bill(**values):
    """A bill in Odoo; with `in_odoo` False an entry of Exact."""
    return Traits(**{
        'kind': 'purchase', 'reference': 'F-77', 'parties': frozenset({'supplier'}),
        'amount': Decimal('96.80'), 'currency': 'EUR', 'days': frozenset({DAY}), 'year': 2026,
        'in_odoo': True, **values,
    })


def sale(**values):
    return bill(**{'kind': 'sale', 'reference': 'INV/2026/00005', **values})


OTHER = {'parties': frozenset({'another'})}
ANYBODY = {'parties': frozenset()}
UNNAMED = {'is_named': False}


@pytest.mark.parametrize('left, right', [
    ('INV/2026/00005', 'inv 2026-00005'),
    ('T-1', ' t1 '),
    ('0012345', '12345'),
    ('F-0012', 'f12'),
    ('000', '0'),
    ('STRASSE 1', 'straße 1'),
])
def test_one_normal_form(left, right):
    assert bare(left) == bare(right) != ''


@pytest.mark.parametrize('left, right', [
    ('INV/2026/00005', 'INV/2026/00050'),
    ('F-10', 'F-100'),
    ('T-1', 'T-11'),
    ('2026-100', '2026-001'),
])
def test_other_numbers_stay_others(left, right):
    assert bare(left) != bare(right)


@given(st.text())
def test_normal_form_is_stable(text):
    assert bare(bare(text)) == bare(text)


def test_words_are_no_numbers():
    assert is_number('F-77')
    assert not is_number('parking')
    assert not is_number('')


@pytest.mark.parametrize('meant, other, expected', [
    # In Odoo twice
    (bill(), bill(), (DOUBLE, 'number')),
    (bill(), bill(reference=' f 0077 '), (DOUBLE, 'number')),
    (bill(), bill(days=frozenset({NEXT_DAY})), (DOUBLE, 'number')),
    (bill(), bill(parties=frozenset({'supplier', 'another'})), (DOUBLE, 'number')),
    (bill(), bill(currency='USD'), (ASK, 'amount')),
    (bill(), bill(amount=Decimal('7.26')), (ASK, 'amount')),
    (bill(), bill(year=2025), (ASK, 'year')),
    (bill(), bill(year=2025, amount=Decimal('7.26')), (NONE, '')),
    (bill(), bill(**OTHER), (NONE, '')),
    (bill(), bill(reference='F-78'), (NONE, '')),
    (bill(), sale(reference='F-77'), (NONE, '')),
    # A credit note with the number of its invoice, and the invoice beside it
    (bill(), bill(amount=Decimal('-96.80')), (REVERSAL, 'side')),
    (bill(amount=Decimal('-96.80')), bill(), (REVERSAL, 'side')),
    (bill(amount=Decimal('-10')), bill(amount=Decimal('-10')), (DOUBLE, 'number')),
    # Without a number: mailed and scanned
    (bill(**UNNAMED, reference='BILL/2026/03/0001'), bill(), (ASK, 'unnamed')),
    (bill(), bill(**UNNAMED, reference='BILL/2026/03/0001'), (ASK, 'unnamed')),
    (bill(**UNNAMED, reference='BILL/1'), bill(**UNNAMED, reference='BILL/2'), (ASK, 'unnamed')),
    (bill(**UNNAMED), bill(reference='x1', days=frozenset({NEXT_DAY})), (NONE, '')),
    (bill(**UNNAMED), bill(reference='x1', amount=Decimal(1)), (NONE, '')),
    (bill(**UNNAMED), bill(reference='x1', **OTHER), (NONE, '')),
    # Words are no numbers, and receipts of a day are alike; with a number they are not
    (bill(reference='rent'), bill(reference='Rent'), (ASK, 'unnamed')),
    (bill(reference='rent'), bill(reference='Rent', days=frozenset({NEXT_DAY})), (NONE, '')),
    (bill(reference='rent'), bill(reference='F-77'), (NONE, '')),
    (bill(reference='parking', is_receipt=True), bill(reference='parking', is_receipt=True),
     (NONE, '')),
    (bill(**UNNAMED, reference='B1', is_receipt=True),
     bill(**UNNAMED, reference='B2', is_receipt=True), (NONE, '')),
    (bill(**UNNAMED, reference='B1', is_receipt=True), bill(is_receipt=True), (ASK, 'unnamed')),
    (bill(is_receipt=True), bill(is_receipt=True), (DOUBLE, 'number')),
    # Sales
    (sale(), sale(), (DOUBLE, 'number')),
    (sale(), sale(**OTHER), (ASK, 'another')),
])
def test_documents(meant, other, expected):
    assert grade(meant, other) == Grade(*expected)


@pytest.mark.parametrize('meant, other, expected', [
    (bill(), bill(), (DOUBLE, 'number')),
    (bill(), bill(amount=Decimal(5)), (ASK, 'amount')),
    (bill(), bill(year=2025), (NONE, '')),
    (bill(), bill(year=0), (DOUBLE, 'number')),
    (bill(), bill(**OTHER), (NONE, '')),
    (bill(**ANYBODY), bill(**OTHER), (ASK, 'anybody')),
    (bill(**ANYBODY), bill(**OTHER, reference='f77', amount=Decimal(5)), (NONE, '')),
    (bill(**ANYBODY), bill(**OTHER, reference='f77'), (ASK, 'anybody')),
    # Typed without its number
    (bill(), bill(**UNNAMED, reference=''), (ASK, 'unnamed')),
    (bill(), bill(**UNNAMED, reference='Office chairs 4'), (ASK, 'unnamed')),
    (bill(), bill(**UNNAMED, reference='', **OTHER), (NONE, '')),
    (bill(**ANYBODY), bill(**UNNAMED, reference=''), (NONE, '')),
    (bill(**UNNAMED, is_receipt=True), bill(**UNNAMED, reference=''), (ASK, 'unnamed')),
    (sale(), sale(**UNNAMED, reference=''), (ASK, 'unnamed')),
    # A number of ours that went to another customer, and is forgotten here
    (sale(), sale(**OTHER), (NONE, '')),
    (sale(), sale(**OTHER, is_ours=True), (ASK, 'another')),
    (sale(), sale(**OTHER, is_ours=True, year=2025), (NONE, '')),
    (bill(), bill(**OTHER, is_ours=True), (NONE, '')),
    # A word of ours
    (bill(reference='parking'), bill(reference='parking'), (DOUBLE, 'number')),
    # Journal entries have no relation
    (bill(kind='general', **ANYBODY), bill(kind='general', **ANYBODY), (DOUBLE, 'number')),
    (bill(kind='general', **ANYBODY), bill(kind='general', amount=Decimal('-96.80')),
     (REVERSAL, 'side')),
    (bill(kind='general', **ANYBODY, **UNNAMED), bill(kind='general', reference=''), (NONE, '')),
])
def test_entries_of_exact(meant, other, expected):
    assert grade(meant, replace(other, in_odoo=False)) == Grade(*expected)


def test_traits_of_a_booking():
    booking = Booking(
        kind='purchase', division=1, journal='60', entry_date=NEXT_DAY, own_date=DAY,
        currency='EUR', year=2026, period=3, relation='r', your_ref='F-77',
        lines=(Line(gl_account='g', amount=Decimal(80)),), total=Decimal('96.80'),
    )
    assert traits_of(booking, ('r', ''), days=(None,)) == bill(
        parties=frozenset({'r'}), days=frozenset({DAY, NEXT_DAY}),
    )
    assert not traits_of(booking, (), reference='').is_named
    memo = replace(booking, kind='general', total=Decimal(0), lines=(
        Line(gl_account='g', amount=Decimal(-40)), Line(gl_account='h', amount=Decimal(40)),
    ))
    assert (traits_of(memo, ()).kind, traits_of(memo, ()).amount) == ('general', -40)
    money = replace(memo, kind='bank', journal='20', total=Decimal(-40), lines=memo.lines[:1])
    assert (traits_of(money, ()).kind, traits_of(money, ()).amount) == ('20', -40)
