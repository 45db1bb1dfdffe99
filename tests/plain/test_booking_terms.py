"""When the money is due: what a payment condition can say, and what Exact tells of an entry."""

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal

import pytest
from booking_cases import GL_TYPES, books, sale

from booking import (
    Condition,
    Line,
    LinePeriod,
    OpenItem,
    PaymentCandidate,
    Term,
    Tranche,
    changes,
    compare,
    discount_date,
    fingerprint,
    from_dict,
    misfits,
    needs_terms,
    read_entry,
    suggest_payment_condition,
    to_dict,
    tranches_of,
    unproved,
)

D = Decimal
NOW, LATER = dt.date(2026, 1, 31), dt.date(2026, 4, 1)
TWO_PERCENT = (D('0.02'), 7)


def read(booking, **values):
    """The entry of a booking as Exact has it, with what is told beside the ledger."""
    return replace(read_entry(books(booking), GL_TYPES), **values)


def found(booking, entry):
    return [d.field for d in compare(booking, entry)]


# === WHAT A CONDITION CAN SAY === #


@pytest.mark.parametrize(('term', 'condition', 'expected'), [
    (Term(days=30), Condition(30), ()),
    (Term(days=30), Condition(60), ('days',)),
    (Term(days=0), Condition(0, end_of_months=1), ('days',)),
    (Term(days=0, end_of_months=1), Condition(0, end_of_months=1), ()),
    (Term(days=0, end_of_months=2), Condition(0, end_of_months=1), ('days',)),
    (Term(days=0, end_of_months=2), Condition(0, end_of_months=2), ()),
    # A fixed day of the month has no equal.
    (Term(days=None, end_of_months=1), Condition(0, end_of_months=1), ('days',)),
    # 30 % now, the rest in 60 days: no condition has two due dates.
    (Term(instalments=2, days=0), Condition(60), ('instalments',)),
    (Term(days=30, discount=TWO_PERCENT), Condition(30, 0, 7, D('0.02')), ()),
    (Term(days=30, discount=TWO_PERCENT), Condition(30, 0, 8, D('0.02')), ('discount',)),
    (Term(days=30, discount=TWO_PERCENT), Condition(30), ('discount',)),
    (Term(days=30), Condition(30, 0, 7, D('0.02')), ('discount',)),
    # A surcharge looks like a discount in all but its type.
    (Term(days=30, discount=TWO_PERCENT), Condition(30, 0, 7, D('0.02'), is_surcharge=True),
     ('surcharge', 'discount')),
    (Term(days=30), Condition(30, 0, 7, D('0.02'), is_surcharge=True), ('surcharge',)),
    (Term(days=30), Condition(30, share=D('0.3')), ('share',)),
])
def test_what_a_condition_says_otherwise(term, condition, expected):
    assert misfits(term, condition) == expected


def test_a_surcharge_is_never_suggested_for_a_discount():
    candidates = [
        PaymentCandidate('k', 'KK', "Kredietbeperking", 30, discount_days=7,
                         discount_percentage=D('0.02'), is_surcharge=True),
        PaymentCandidate('d', '30K', "2% korting", 30, discount_days=7,
                         discount_percentage=D('0.02')),
    ]
    for offered, key in ((candidates, 'd'), (candidates[:1], None)):
        suggestion = suggest_payment_condition(
            30, 0, offered, discount_days=7, discount_percentage=D('0.02'))
        assert (suggestion and suggestion.key) == key


def test_until_when_exact_gives_the_discount():
    assert discount_date(Condition(30, 0, 7, D('0.02')), NOW) == dt.date(2026, 2, 7)
    assert discount_date(Condition(30), NOW) is None
    assert discount_date(Condition(30, 0, 7, D('0.02'), is_surcharge=True), NOW) is None


def test_what_is_due_on_one_day_is_one_tranche():
    assert tranches_of([(LATER, D(40)), (NOW, D(50)), (LATER, D(31))]) == (
        Tranche(NOW, D(50)), Tranche(LATER, D(71)))


# === WHAT EXACT TELLS === #

DUE = {'due_date': LATER, 'payment_condition': '60', 'payment_reference': 'RF18 1'}


@pytest.mark.parametrize(('items', 'expected'), [
    ([OpenItem(LATER, D(121), '60')], []),
    # Exact took its default, or somebody chose another.
    ([OpenItem(LATER, D(121), '30')], ['payment_condition']),
    ([OpenItem(NOW, D(121), '60')], ['due_date']),
    ([OpenItem(NOW, D(50), '60'), OpenItem(LATER, D(71), '60')], ['due_date']),
    # A payment leaves two items with one due date.
    ([OpenItem(LATER, D(50), '60'), OpenItem(LATER, D(71), '60')], []),
    ([OpenItem(LATER, D(121), '60', payment_reference='RF99')], ['payment_reference']),
    ([OpenItem(LATER, D(121), '60', NOW)], []),
    # What is not told is not compared.
    ([OpenItem(None)], []),
    ([], []),
])
def test_what_is_open_is_compared(items, expected):
    booking = sale(**DUE)
    assert found(booking, read(booking, terms=tuple(items))) == expected


def test_what_was_left_to_exact_is_not_compared():
    booking = sale()
    items = (OpenItem(LATER, D(121), '30', NOW, 'X'),)
    assert found(booking, read(booking, terms=items)) == []


def test_the_discount_is_compared():
    booking = sale(discount_date=dt.date(2026, 2, 7), due_date=LATER)
    for day, expected in ((dt.date(2026, 2, 7), []), (NOW, ['discount_date']), (None, [])):
        entry = read(booking, terms=(OpenItem(LATER, D(121), '30K', day),))
        assert found(booking, entry) == expected


INSTALMENTS = (Tranche(NOW, D(50)), Tranche(LATER, D(71)))


@pytest.mark.parametrize(('items', 'expected'), [
    # An entry is sent with the last due date; more Exact does not take.
    ([OpenItem(LATER, D(121))], []),
    # Whoever splits it in Exact as the document says does no wrong.
    ([OpenItem(LATER, D(71)), OpenItem(NOW, D(50))], []),
    ([OpenItem(LATER, D(50)), OpenItem(NOW, D(71))], ['due_date', 'due_date']),
    # Half paid: what is left says nothing of what was asked.
    ([OpenItem(LATER, D(71)), OpenItem(NOW, D(20))], []),
    ([OpenItem(NOW, D(121))], ['due_date']),
    ([OpenItem(NOW, D(50)), OpenItem(dt.date(2026, 5, 1), D(71))], ['due_date']),
])
def test_instalments_are_compared(items, expected):
    booking = sale(due_date=LATER, tranches=INSTALMENTS)
    entry = read(booking, terms=tuple(items))
    assert found(booking, entry) == expected


def test_a_ledger_that_tells_no_due_date_is_no_difference():
    booking = sale(due_date=LATER)
    entry = read(booking, due_date=None)
    assert found(booking, entry) == []
    assert unproved(booking, entry) == ('due_date',)
    entry = read(booking, due_date=None, terms=(OpenItem(NOW),))
    assert found(booking, entry) == ['due_date']


# === DEFERRALS === #

SPREAD = Line('g1', D(100), '2', from_date=dt.date(2026, 1, 1), to_date=dt.date(2026, 12, 31))


@pytest.mark.parametrize(('periods', 'expected'), [
    ([('g1', D(100), SPREAD.from_date, SPREAD.to_date)], []),
    ([('g1', D(100), None, None)], ['deferral']),
    ([('g1', D(100), SPREAD.from_date, dt.date(2026, 6, 30))], ['deferral']),
    ([], ['deferral']),
])
@pytest.mark.parametrize('sign', [1, -1])
def test_deferrals_are_compared(periods, expected, sign):
    line = replace(SPREAD, amount=SPREAD.amount * sign)
    booking = sale(lines=[line], total=D(121) * sign, vat_total=D(21) * sign)
    entry = read(booking, periods=tuple(LinePeriod(*period) for period in periods))
    assert found(booking, entry) == expected


def test_two_lines_alike_are_two_deferrals():
    booking = sale(lines=[SPREAD, SPREAD], total=D(242), vat_total=D(42))
    period = LinePeriod('g1', D(100), SPREAD.from_date, SPREAD.to_date)
    plain = LinePeriod('g1', D(100), None, None)
    assert found(booking, read(booking, periods=(period, period))) == []
    assert found(booking, read(booking, periods=(period, plain))) == ['deferral']


# === WHAT NOTHING PROVES === #


def test_what_is_not_told_is_named():
    booking = sale(
        **DUE, discount_date=NOW, lines=[replace(SPREAD, quantity=D(2))],
    )
    bare = read(booking)
    assert unproved(booking, bare) == (
        'payment_condition', 'discount_date', 'payment_reference', 'deferral', 'quantity')
    told = read(
        booking, terms=(OpenItem(LATER, D(121), '60', NOW, 'RF18 1'),),
        periods=(LinePeriod('g1', D(100), SPREAD.from_date, SPREAD.to_date),),
    )
    assert unproved(booking, told) == ('quantity',)
    assert unproved(sale(), read(sale())) == ()


def test_what_has_to_be_read_beside_the_ledger():
    assert needs_terms(sale(payment_condition='30'))
    assert needs_terms(sale(tranches=INSTALMENTS, due_date=LATER))
    assert not needs_terms(sale(due_date=LATER))


# === KEPT, AND CHANGED SINCE === #


def test_instalments_survive_json():
    booking = sale(tranches=INSTALMENTS, due_date=LATER, discount_date=NOW)
    assert from_dict(json.loads(json.dumps(to_dict(booking)))) == booking


def test_another_instalment_is_a_change():
    old = sale(tranches=INSTALMENTS, due_date=LATER)
    new = replace(old, tranches=(Tranche(NOW, D(60)), Tranche(LATER, D(61))))
    assert [d.field for d in changes(old, new)] == ['tranches']
    assert fingerprint(old) != fingerprint(new)
    assert [d.field for d in changes(sale(due_date=LATER), old)] == ['tranches']


def test_what_was_kept_before_instalments_were_known_did_not_change():
    new = sale(tranches=INSTALMENTS, due_date=LATER, discount_date=NOW)
    data = to_dict(replace(new, due_date=None))
    del data['tranches'], data['discount_date']
    assert changes(from_dict(data), new) == ()
    # A due date that was sent and is another now is a change all the same.
    data['due_date'] = '2026-02-28'
    assert [d.field for d in changes(from_dict(data), new)] == ['due_date']


def test_the_fingerprint_of_plain_bookings_is_what_it_was():
    assert fingerprint(sale(tranches=None)) == fingerprint(sale())
