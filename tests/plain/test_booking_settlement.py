"""What Exact has of the payment of a document, from its terms and the lines matched with it."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from booking.settlement import (
    DOCUMENT,
    EXCHANGE_DIFFERENCE,
    PAYMENT,
    UNKNOWN,
    WRITE_OFF,
    Difference,
    MatchedLine,
    PaidTerm,
    Settled,
    is_touched,
    payable_parts,
    settlement,
    steps,
    with_differences,
)

NOV_3, NOV_10 = dt.date(2026, 11, 3), dt.date(2026, 11, 10)


def term(amount, status=20, total='1210.00', guid='t', **values):
    return PaidTerm(guid, 'line', status, Decimal(amount), Decimal(total), **values)


def line(amount, guid='a', day=NOV_3, kind=40, currency='EUR', **values):
    values.setdefault('amount_dc', Decimal(amount))
    return MatchedLine(
        guid, f"entry-{guid}", kind, day, Decimal(amount), currency=currency, **values,
    )


def decided(terms, lines=(), side=1, currency='EUR'):
    return settlement(terms, lines, side=side, currency=currency)


def shown(result):
    return [(part.kind, part.date, part.amount, part.discount) for part in result.parts]


def test_nothing_is_paid():
    result = decided([term('1210.00')])
    assert (result.state, result.open, result.parts) == ('open', Decimal('1210.00'), ())
    assert not is_touched([term('1210.00')])


# Case 1, in both settings of what a part does: a term of its own, or a smaller one.
@pytest.mark.parametrize('terms', [
    [term('710.00'), term('500.00', 50, paid_on=NOV_3)], [term('710.00', paid_on=NOV_3)],
])
def test_a_part_is_paid(terms):
    assert is_touched(terms)
    result = decided(terms, [line('-500.00')])
    assert (result.state, result.open, result.paid) == (
        'partly', Decimal('710.00'), Decimal('500.00'),
    )
    assert shown(result) == [(PAYMENT, NOV_3, Decimal('500.00'), 0)]


def test_two_parts_have_their_own_dates():
    result = decided(
        [term('710.00', 50), term('500.00', 50)],
        [line('-710.00', 'b', NOV_10), line('-500.00', 'a', NOV_3)],
    )
    assert result.state == 'paid'
    assert [(part.key, part.date, part.amount) for part in result.parts] == [
        ('a', NOV_3, Decimal('500.00')), ('b', NOV_10, Decimal('710.00')),
    ]


# Case 2: the line is the whole, or what came in.
@pytest.mark.parametrize('amount', ['-1210.00', '-1190.00'])
def test_a_discount_was_taken(amount):
    result = decided([term('1210.00', 50)], [line(amount, discount=Decimal('20.00'))])
    assert shown(result) == [(PAYMENT, NOV_3, Decimal('1210.00'), Decimal('20.00'))]


def test_without_the_discount_a_rest_is_open():
    result = decided([term('20.00'), term('1190.00', 50)], [line('-1190.00')])
    assert (result.state, result.open) == ('partly', Decimal('20.00'))


# Case 3
def test_a_payment_difference_is_written_off():
    result = decided(
        [term('1234.20', 50, '1234.20')],
        [line('-1214.20'), line('-20.00', 'b', kind=83)],
    )
    assert shown(result) == [
        (PAYMENT, NOV_3, Decimal('1214.20'), 0), (WRITE_OFF, NOV_3, Decimal('20.00'), 0),
    ]


# Case 4
def test_a_payment_run():
    result = decided([term('605.00', 30, '605.00', batch='77')], side=-1)
    assert (result.state, result.run, result.batch) == ('open', 'selected', '77')
    assert decided([term('605.00', 40, '605.00', batch='77')]).run == 'sent'
    paid = decided(
        [term('605.00', 50, '605.00', batch='77')], [line('605.00', day=dt.date(2026, 11, 7))],
        side=-1,
    )
    assert (paid.state, paid.run, paid.parts[0].date) == ('paid', '', dt.date(2026, 11, 7))


# Case 5: the line in the document's currency, or in that of the bank.
@pytest.mark.parametrize('payment', [
    line('-1100.00', currency='USD', amount_dc=Decimal('-985.00')), line('-985.00'),
])
def test_another_currency(payment):
    result = decided(
        [term('1100.00', 50, '1100.00')],
        [payment, line('0.00', 'b', kind=82, currency='USD', amount_dc=Decimal('-15.00'))],
        currency='USD',
    )
    assert [(part.kind, part.amount, part.amount_dc) for part in result.parts] == [
        (PAYMENT, Decimal('1100.00'), Decimal('985.00')),
        (EXCHANGE_DIFFERENCE, Decimal(0), Decimal('15.00')),
    ]


def test_amounts_are_never_computed_from_a_rate():
    result = decided(
        [term('1100.00', 50, '1100.00', paid_on=NOV_10)],
        [line('-500.00'), line('-485.00', 'b')], currency='USD',
    )
    assert shown(result) == [(UNKNOWN, NOV_10, Decimal('1100.00'), 0)]
    assert not result.is_known


def test_a_credit_note():
    result = decided([term('1210.00', 50)], [line('-1210.00', kind=21)])
    assert shown(result) == [(DOCUMENT, NOV_3, Decimal('1210.00'), 0)]


def test_what_the_ledger_does_not_tell_is_unknown():
    changed = dt.date(2026, 11, 12)
    result = decided([term('605.00', 50, '605.00', changed_on=changed)], side=-1)
    assert shown(result) == [(UNKNOWN, changed, Decimal('605.00'), 0)]
    assert shown(decided([term('1210.00', 50, paid_on=NOV_3)], [line('-999.00')])) == [
        (UNKNOWN, NOV_3, Decimal('1210.00'), 0),
    ]


def test_parts_that_the_ledger_does_not_tell_have_the_dates_of_their_terms():
    terms = [
        term('500.00', 50, guid='a', paid_on=NOV_3), term('710.00', 50, guid='b', paid_on=NOV_10),
    ]
    expected = [(UNKNOWN, NOV_3, Decimal('500.00'), 0), (UNKNOWN, NOV_10, Decimal('710.00'), 0)]
    assert shown(decided(terms)) == expected
    assert shown(decided(reversed(terms))) == expected
    [rest] = decided([term('710.00', paid_on=NOV_3)]).parts
    assert (rest.key, rest.date, rest.amount) == ('rest', NOV_3, Decimal('500.00'))


def difference(amount, kind=83, entry='entry-a', about=(), amount_dc=None):
    return Difference(
        entry, kind, Decimal(amount), Decimal(amount if amount_dc is None else amount_dc), about,
    )


@pytest.mark.parametrize('side', [1, -1])
def test_differences_beside_the_line(side):
    lines = with_differences(
        {'line': [line(Decimal('-1210.00') * side)]}, [difference(Decimal('0.50') * side)],
    )
    [part] = decided([term('1210.00', 50)], lines['line'], side).parts
    assert (part.amount, part.write_off, part.money) == (
        Decimal('1210.00'), Decimal('0.50'), Decimal('1209.50'),
    )


def test_an_exchange_difference_beside_the_line():
    payment = line('-1100.00', currency='USD', amount_dc=Decimal('-1000.00'))
    lines = with_differences(
        {'line': [payment]}, [difference('0.00', 82, amount_dc='15.00')],
    )
    [part] = decided([term('1100.00', 50, '1100.00')], lines['line'], currency='USD').parts
    assert (part.amount, part.amount_dc) == (Decimal('1100.00'), Decimal('985.00'))


def test_differences_of_several_documents_are_told_apart():
    lines = {
        'one': [line('-100.00', about=('A', '1', ''))],
        'two': [line('-200.00', about=('A', '2', ''))],
    }
    shared = {name: [some[0]._replace(entry='e')] for name, some in lines.items()}
    found = with_differences(shared, [difference('5.00', entry='e', about=('A', '2', ''))])
    assert [found[name][0].write_off for name in ('one', 'two')] == [0, Decimal('5.00')]
    unclear = with_differences(shared, [difference('5.00', entry='e', about=('A', '', ''))])
    assert not any(unclear[name][0].is_clear for name in ('one', 'two'))
    result = decided([term('100.00', 50, '100.00')], unclear['one'])
    assert [part.kind for part in result.parts] == [UNKNOWN]


def test_what_exact_does_not_tell_to_be_gone():
    result = decided([term('1210.00'), term('1000.00', 50, paid_on=NOV_3)])
    assert (result.state, result.parts) == ('open', ())
    [part] = decided([
        term('710.00'), term('500.00', 50, guid='b', paid_on=NOV_10),
        term('1000.00', 50, paid_on=NOV_3),
    ]).parts
    assert (part.key, part.date, part.amount) == ('rest', NOV_10, Decimal('500.00'))


def test_steps():
    first = Settled('a', PAYMENT, NOV_3, Decimal('500.00'))
    later = first._replace(date=NOV_10)
    other = Settled('b', PAYMENT, NOV_10, Decimal('710.00'))
    assert steps([first, other], {}) == ((), (first, other))
    assert not steps([other, first], {'a': first, 'b': other})
    assert not steps([first._replace(number='1')], {'a': first})
    assert steps([later], {'a': first, 'b': other}) == (('a', 'b'), (later,))


def test_what_somebody_has_registered_is_not_made():
    first = Settled('a', PAYMENT, NOV_3, Decimal('500.00'))
    second = Settled('b', PAYMENT, NOV_10, Decimal('710.00'))
    assert payable_parts([first, second], Decimal('1210.00')) == {'a', 'b'}
    assert payable_parts([first, second], Decimal('710.00')) == {'b'}
    assert payable_parts([first, second], Decimal('500.00')) == {'a'}
    assert payable_parts([first, second], Decimal('499.99')) == set()
    assert payable_parts([first, second], Decimal('-1.00')) == set()
    many = [first._replace(key=str(number)) for number in range(11)]
    assert payable_parts(many, Decimal('5499.99')) == set()
    assert len(payable_parts(many, Decimal('5500.00'))) == 11


def test_of_a_document_a_part_was_matched():
    result = decided([term('610.00'), term('600.00', 50)], [line('-1210.00', kind=21)])
    assert shown(result) == [(DOCUMENT, NOV_3, Decimal('600.00'), 0)]


cents = st.integers(min_value=1, max_value=500_000).map(lambda number: Decimal(number) / 100)


@given(st.lists(cents, min_size=1, max_size=6), st.lists(cents, max_size=4), st.booleans(),
       st.sampled_from([1, -1]), st.randoms())
def test_parts_add_up_to_what_is_paid(paid, left, splits, side, random):
    """Whatever the order, in both ways to keep a part that was paid."""
    total = sum(paid + left)
    rest = [term(amount, total=total) for amount in left]
    if splits:
        terms = [*rest, *(term(amount, 50, total) for amount in paid)]
    else:
        terms = rest or [term('0', 50, total)]
    lines = [
        line(-side * amount, str(number), NOV_3 + dt.timedelta(days=number))
        for number, amount in enumerate(paid)
    ]
    result = decided(terms, lines, side)
    assert result.is_known
    assert sum(part.amount for part in result.parts) == result.paid == sum(paid)
    assert result.open == sum(left)
    assert result.state == ('partly' if left else 'paid')
    random.shuffle(lines)
    random.shuffle(terms)
    again = decided(terms, lines, side)
    assert again == result
    made = {part.key: part for part in result.parts}
    assert not steps(again.parts, made)
    assert steps((), made).remove == tuple(made)
