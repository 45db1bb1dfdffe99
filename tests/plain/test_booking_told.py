"""What the ledger need not fill is not compared as nothing: it is proved otherwise, or named."""

from dataclasses import replace
from decimal import Decimal

import pytest
from booking_cases import GL_TYPES, books, sale

from booking import Line, compare, read_entry, unproved

D = Decimal
# Two lines that say their VAT, since Exact's rule would give other cents.
GIVEN = sale(lines=[
    Line('g1', D('8.25'), '2', vat_amount=D('1.74')),
    Line('g2', D('8.27'), '2', vat_amount=D('1.73')),
], total=D('19.99'), vat_total=D('3.47'))


def entry(booking, **values):
    """The entry of a booking, with these values in every row that is of a line."""
    rows = books(booking)
    for row in rows:
        if GL_TYPES[row['GLAccount'].lower()] not in (20, 22, 24):
            row.update(values)
    return read_entry(rows, GL_TYPES)


def found(booking, read):
    return [d.field for d in compare(booking, read)]


@pytest.mark.parametrize('values', [{'AmountVATFC': D(0)}, {'AmountVATFC': None}, {}])
@pytest.mark.parametrize('kind', ['sale', 'purchase'])
def test_vat_is_proved_by_the_vat_rows(kind, values):
    booking = replace(GIVEN, kind=kind)
    read = entry(booking, **values)
    assert compare(booking, read) == ()
    assert unproved(booking, read) == ()


def test_vat_of_lines_is_compared_where_it_is_told():
    rows = books(GIVEN)
    rows[1]['AmountVATFC'], rows[2]['AmountVATFC'] = D('-1.73'), D('-1.74')
    assert found(GIVEN, read_entry(rows, GL_TYPES)) == ['vat', 'vat']
    # 0.00 beside a line that says something is 0.00.
    rows[1]['AmountVATFC'] = D(0)
    assert 'vat' in found(GIVEN, read_entry(rows, GL_TYPES))


@pytest.mark.parametrize('told', [None, D(0)])
def test_vat_under_another_code_is_seen_though_lines_tell_none(told):
    booking = sale(lines=[
        Line('g1', D(100), '2', vat_amount=D(21)), Line('g2', D(100), '1', vat_amount=D(9)),
    ], total=D(230), vat_total=D(30))
    rows = books(booking)
    for row in rows:
        if row['GLAccount'] in ('G1', 'G2'):
            row['AmountVATFC'] = told
    assert found(booking, read_entry(rows, GL_TYPES)) == []
    # A cent of one code in the other: the total of both is as it was.
    rows[3]['AmountFC'], rows[4]['AmountFC'] = D('-21.01'), D('-8.99')
    assert found(booking, read_entry(rows, GL_TYPES)) == ['vat_of_code', 'vat_of_code']
    # Rows that name no code prove the total alone.
    for row in rows[3:]:
        row['VATCode'] = None
    assert found(booking, read_entry(rows, GL_TYPES)) == []


def test_a_line_whose_code_others_share_is_not_proved_by_the_vat_row():
    booking = sale(lines=[
        Line('g1', D(100), '2', vat_amount=D('21.01')), Line('g2', D(100), '2'),
    ], total=D('242.01'), vat_total=D('42.01'))
    read = entry(booking, AmountVATFC=None)
    assert compare(booking, read) == ()
    assert unproved(booking, read) == ('line_vat',)


@pytest.mark.parametrize(('sent', 'told', 'expected', 'open_questions'), [
    ('3', '3', [], ()),
    ('3', '-3', [], ()),
    ('3', '4', ['quantity'], ()),
    ('3', '0', [], ('quantity',)),
    ('3', None, [], ('quantity',)),
    # Many decimals: Exact keeps some.
    ('0.333333', '0.33', [], ()),
    ('0.333333', '0.34', ['quantity'], ()),
    ('12.5', '12.50000000001', [], ()),
    # Nothing was sent: what Exact makes of it is Exact's.
    (None, '1', [], ()),
])
def test_quantities(sent, told, expected, open_questions):
    booking = sale(lines=[Line('g1', D(100), '2', quantity=sent and D(sent))])
    read = entry(booking, Quantity=told and D(told))
    assert found(booking, read) == expected
    assert unproved(booking, read) == open_questions


def test_a_quantity_of_nothing_beside_one_of_something_is_a_difference():
    booking = sale(lines=[
        Line('g1', D(50), '2', quantity=D(2)), Line('g2', D(50), '2', quantity=D(5)),
    ])
    rows = books(booking)
    rows[1]['Quantity'], rows[2]['Quantity'] = D(2), D(0)
    assert found(booking, read_entry(rows, GL_TYPES)) == ['quantity']


def test_a_payment_reference_that_is_not_told_is_named():
    booking = sale(payment_reference='RF18 1')
    for told, expected, open_questions in (
        ('RF18 1', [], ()), ('26700001', ['payment_reference'], ()),
        (None, [], ('payment_reference',)),
    ):
        rows = [row | {'PaymentReference': told} for row in books(booking)]
        read = read_entry(rows, GL_TYPES)
        assert found(booking, read) == expected
        assert unproved(booking, read) == open_questions
