"""Which entry of Exact stands for a document that is looked up there."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from booking_cases import GL_TYPES, bookings, books, sale
from hypothesis import given, strategies as st

from booking import read_entry
from booking.likeness import ASK, EQUAL, NONE, OURS, Circumstances, Grade, choose_entry, grade_entry

ASKED = Circumstances(was_asked=True)
THEN = Circumstances(was_asked=True, came_then=True)
BY_US = Circumstances(is_by_us=True)
STRANGER = Circumstances()
LATER = dt.date(2026, 3, 1)


def entry_of(booking, entry_id='e1', **changes):
    return replace(read_entry(books(booking), GL_TYPES), entry_id=entry_id, **changes)


def other_amount(booking):
    line = replace(booking.lines[0], amount=booking.lines[0].amount + 1, vat_amount=None)
    more = replace(booking, lines=(line, *booking.lines[1:]))
    return entry_of(replace(more, total=more.total + 1))


@pytest.mark.parametrize(('changes', 'known', 'graded'), [
    # Made from here, however it was booked.
    ({}, ASKED, (OURS, 'asked')),
    ({'entry_date': LATER}, ASKED, (OURS, 'asked')),
    ({'entry_date': LATER}, BY_US, (OURS, 'user')),
    # Somebody else's stands for it only if it is equal.
    ({}, STRANGER, (EQUAL, 'books')),
    ({'entry_date': LATER}, STRANGER, (ASK, 'reference')),
    ({'relation': 'somebody else'}, ASKED, (ASK, 'reference')),
    ({'relation': 'somebody else'}, THEN, (ASK, 'reference')),
    ({'your_ref': 'another'}, THEN, (NONE, '')),
    ({}, Circumstances(was_asked=True, is_of_another=True), (NONE, '')),
])
def test_one_entry(changes, known, graded):
    booking = sale()
    assert grade_entry(booking, entry_of(booking, **changes), known) == graded


def test_another_size_is_ours_only_if_it_came_when_exact_was_asked():
    booking = sale()
    entry = other_amount(booking)
    assert grade_entry(booking, entry, THEN) == Grade(OURS, 'moment')
    for known in (ASKED, BY_US, STRANGER):
        assert grade_entry(booking, entry, known) == Grade(ASK, 'reference')


def chosen(booking, *entries):
    return choose_entry(booking, {entry.entry_id: (entry, known) for entry, known in entries})


def test_which_of_several():
    booking = sale()
    equal = entry_of(booking, 'equal')
    dated = entry_of(booking, 'dated', entry_date=LATER)
    larger = replace(other_amount(booking), entry_id='larger')
    assert chosen(booking) == ''
    assert chosen(booking, (dated, STRANGER)) == ''
    assert chosen(booking, (dated, ASKED)) == 'dated'
    assert chosen(booking, (equal, STRANGER), (dated, BY_US)) == 'dated', "ours before an equal one"
    assert chosen(booking, (equal, ASKED), (dated, ASKED)) == 'equal', "of two the one as sent"
    assert chosen(booking, (dated, ASKED), (replace(dated, entry_id='more'), ASKED)) == ''
    assert chosen(booking, (larger, THEN)) == 'larger'
    assert chosen(booking, (larger, THEN), (equal, ASKED)) == 'equal'
    assert chosen(booking, (larger, THEN), (replace(larger, entry_id='more'), THEN)) == ''
    assert chosen(booking, (equal, STRANGER), (replace(equal, entry_id='more'), STRANGER)) == ''


@given(
    bookings(kinds=('sale', 'purchase')),
    st.builds(Circumstances, st.booleans(), st.booleans(), st.booleans(), st.booleans()),
    st.sampled_from([{}, {'entry_date': LATER}, {'relation': 'x'}, {'currency': 'XXX'}]),
)
def test_nobodys_entry_is_taken_unless_it_is_equal(booking, known, changes):
    entry = entry_of(booking, **changes)
    graded = grade_entry(booking, entry, known)
    if known.is_of_another:
        assert graded.what == NONE
    if graded.what == OURS:
        assert known.was_asked or known.is_by_us
    if graded.what == EQUAL:
        assert not changes
    if 'currency' in changes:
        assert graded.what in (ASK, NONE), "Exact makes no dollars of euros"
    assert choose_entry(booking, {'e': (entry, known)}) == (
        'e' if graded.what in (OURS, EQUAL) else ''
    )


def test_amounts_are_compared_to_the_cent():
    booking = sale()
    total = booking.total + Decimal('0.01')
    assert grade_entry(booking, entry_of(replace(booking, total=total)), ASKED).what == ASK
