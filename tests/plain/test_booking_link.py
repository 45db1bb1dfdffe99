"""Entries that Exact has already are linked to the right document, or to none."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from booking import Booking, Line, ReadEntry, ReadLine
from booking.link import (
    ASKED,
    DATE,
    DIFFERS,
    EQUAL,
    REFERENCE,
    SEVERAL,
    judge,
    link_differences,
    match,
)

DEBTOR, REVENUE, VAT = (f'0000000{n}-0000-4000-8000-000000000000' for n in range(3))
CUSTOMER, OTHER = (f'1000000{n}-0000-4000-8000-000000000000' for n in range(2))
DAY = date(2026, 3, 5)


def booking(amount=100, **values):
    amount = Decimal(amount)
    vat = (amount * 21 / 100).quantize(Decimal('0.01'))
    return Booking(**{
        'kind': 'sale', 'division': 1, 'journal': '70', 'entry_date': DAY, 'currency': 'EUR',
        'year': 2026, 'period': 3, 'relation': CUSTOMER, 'your_ref': 'INV/2026/0007',
        'lines': (Line(gl_account=REVENUE, amount=amount, vat_code='2'),),
        'total': amount + vat, 'vat_total': vat, **values,
    })


def entry(meant, guid='e1', **values):
    """What Exact has when it has booked this."""
    sign = meant.debit_sign
    lines = (
        ReadLine(DEBTOR, -sign * meant.total, gl_type=20),
        *(ReadLine(line.gl_account, sign * line.amount, gl_type=110, vat_code=line.vat_code)
          for line in meant.lines),
        ReadLine(VAT, sign * meant.vat_total, gl_type=24),
    )
    return ReadEntry(**{
        'entry_id': guid, 'entry_number': 26700001, 'division': 1, 'journal': meant.journal,
        'relation': meant.relation, 'entry_date': meant.entry_date, 'due_date': None,
        'currency': 'EUR', 'rate': Decimal(1), 'year': meant.year, 'period': meant.period,
        'your_ref': meant.your_ref, 'description': '', 'document': '', 'lines': lines, 'type': 20,
        **values,
    })


def test_what_would_be_sent_is_equal():
    meant = booking()
    found = match({'doc': meant}, [entry(meant)])
    assert (found['doc'].how, found['doc'].differences) == (EQUAL, ())


@pytest.mark.parametrize('typed', ['INV-2026-0007', 'inv 2026/0007', 'INV20260007'])
def test_a_reference_typed_anew_is_the_same(typed):
    meant = booking()
    found = match({'doc': meant}, [entry(meant, your_ref=typed, journal='71')])['doc']
    assert found.how == REFERENCE
    assert {d.field for d in found.differences} == {'your_ref', 'journal'}


def test_without_reference_the_date_has_to_tell():
    meant = booking()
    assert match({'doc': meant}, [entry(meant, your_ref='')])['doc'].how == DATE
    later = entry(meant, your_ref='', entry_date=DAY + timedelta(days=1))
    assert match({'doc': meant}, [later]) == {}


@pytest.mark.parametrize('values', [
    {'relation': OTHER}, {'currency': 'USD'}, {'type': 30}, {'division': 2},
])
def test_another_relation_currency_kind_or_division_is_never_offered(values):
    meant = booking()
    found = match({'doc': meant}, [entry(meant, **values)])
    assert not found or found['doc'].how == DIFFERS


def test_a_cent_more_is_shown_not_offered():
    meant = booking()
    found = match({'doc': meant}, [entry(booking('100.01'))])['doc']
    assert found.how == DIFFERS
    assert 'total' in {d.field for d in found.differences}


def test_two_entries_that_could_be_it_are_both_shown():
    meant = booking()
    found = match({'doc': meant}, [entry(meant, 'e1'), entry(meant, 'e2')])['doc']
    assert found.how == SEVERAL
    assert {one.entry_id for one in found.entries} == {'e1', 'e2'}


def test_what_was_asked_about_is_shown_whatever_it_is():
    meant = booking()
    lost = entry(meant, your_ref='Other words', entry_date=DAY + timedelta(days=60))
    assert match({'doc': meant}, [lost]) == {}
    assert judge(meant, lost).how == ASKED
    assert {one.field for one in judge(meant, lost).differences} >= {'your_ref', 'entry_date'}
    for other in (replace(lost, relation=OTHER), replace(lost, type=30), entry(booking(101))):
        assert judge(meant, other).how == DIFFERS
    # Of a relation that is yet to be made it can be anybody's.
    assert judge(meant, replace(lost, relation=OTHER), [meant.relation]).how == ASKED


def test_one_entry_serves_one_document():
    """Two documents of one day and amount, one entry without a reference: it can be either's."""
    first, second = booking(), booking(your_ref='INV/2026/0008')
    found = match({1: first, 2: second}, [entry(first, your_ref='')])
    assert {one.how for one in found.values()} == {SEVERAL}
    # With its reference it is the first one's, and the second has none.
    found = match({1: first, 2: second}, [entry(first)])
    assert (found[1].how, 2 in found) == (EQUAL, False)


def test_a_relation_that_is_yet_to_be_made_needs_the_reference():
    meant = booking()
    new = replace(meant, relation=OTHER)
    assert match({1: new}, [entry(meant)], unknown_relations=[OTHER])[1].how == REFERENCE
    assert match({1: new}, [entry(meant, your_ref='')], unknown_relations=[OTHER]) == {}


def test_what_a_person_linked_is_held_to_relation_and_amounts():
    meant = booking()
    typed = entry(meant, journal='71', your_ref='', period=4)
    assert link_differences(meant, typed) == ()
    assert [d.field for d in link_differences(meant, replace(typed, relation=OTHER))] == [
        'relation',
    ]
    assert [d.field for d in link_differences(meant, None)] == ['missing_entry']
