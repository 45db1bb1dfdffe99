"""The opposite of an entry takes all of it back, and is known again."""

from dataclasses import replace

from booking_cases import GL_TYPES, bookings, books, sale
from hypothesis import given

from booking import compare, read_entry
from booking.reversal import is_reversal, left_standing, opposite_of


def read(booking, **changes):
    return replace(read_entry(books(booking), GL_TYPES), **changes)


@given(bookings())
def test_the_opposite_takes_all_back(booking):
    opposite = opposite_of(booking, "Reversal")
    assert opposite.total + booking.total == 0
    assert sum(line.amount for line in opposite.lines + booking.lines) == 0
    assert opposite.is_refund != booking.is_refund
    assert opposite_of(opposite, booking.description).lines == tuple(
        replace(line, date=None, document='', from_date=None, to_date=None)
        for line in booking.lines
    )


@given(bookings())
def test_it_is_known_again_and_the_entry_itself_is_not_it(booking):
    opposite = opposite_of(booking, "Reversal")
    assert is_reversal(opposite, read(opposite))
    if booking.total:
        assert not is_reversal(opposite, read(booking))


def test_another_relation_counts_unless_exact_named_the_entry():
    opposite = opposite_of(sale(), "Reversal")
    entry = read(opposite, relation='somebody else')
    assert not is_reversal(opposite, entry)
    assert is_reversal(opposite, entry, was_named=True)


def test_what_would_be_left_standing():
    booking = sale()
    assert not left_standing(booking, read(booking))
    # Its texts and days take nothing back.
    assert not left_standing(booking, read(booking, your_ref='another'))
    line = replace(booking.lines[0], amount=booking.lines[0].amount + 1, vat_amount=None)
    more = replace(booking, lines=(line, *booking.lines[1:]), total=booking.total + 1)
    fields = {difference.field for difference in left_standing(booking, read(more))}
    assert fields <= {difference.field for difference in compare(booking, read(more))}
    assert 'total' in fields
