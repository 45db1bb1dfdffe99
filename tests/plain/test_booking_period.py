"""Entries in another period than their own: calendar years, and years from July to June."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from booking_cases import sale

from booking import (
    Booking,
    Facts,
    Line,
    Period,
    book_in,
    changes,
    fingerprint,
    from_dict,
    next_open_period,
    payload,
    period_of,
    to_dict,
)

D = Decimal
JANUARY = dt.date(2026, 1, 15)


def years(first_month):
    """Monthly periods of the years 2025 to 2027; a broken year is named by its end."""
    result = []
    for year in (2025, 2026, 2027):
        for number in range(1, 13):
            month = first_month + number - 2
            start_year = (year if first_month == 1 else year - 1) + month // 12
            start = dt.date(start_year, month % 12 + 1, 1)
            end = dt.date(start.year + start.month // 12, start.month % 12 + 1, 1)
            result.append(Period(year, number, start, end - dt.timedelta(1)))
    return result


@pytest.mark.parametrize(('first_month', 'own', 'later'), [
    (1, (2026, 1), (2026, 2)),
    (7, (2026, 7), (2026, 8)),
])
def test_the_next_open_period_is_that_of_exact_never_the_month(first_month, own, later):
    periods = years(first_month)
    assert period_of(periods, JANUARY)[:2] == own
    facts = Facts(1, periods=periods, closed={('70', *own)})
    assert next_open_period(facts, '70', JANUARY)[:2] == later
    # Another journal is open, and one that is closed for all is closed for each.
    assert next_open_period(facts, '60', JANUARY)[:2] == own
    assert next_open_period(
        replace(facts, closed={('', *own), ('70', *later)}), '70', JANUARY,
    )[:2] == (later[0], later[1] + 1)


@pytest.mark.parametrize(('first_month', 'day', 'first_of_year'), [
    (1, dt.date(2026, 12, 31), (2027, 1)),
    (7, dt.date(2026, 6, 30), (2027, 1)),
])
def test_the_next_open_period_may_be_in_the_next_year(first_month, day, first_of_year):
    periods = years(first_month)
    own = period_of(periods, day)
    facts = Facts(1, periods=periods, closed={('70', own.year, own.number)})
    assert next_open_period(facts, '70', day)[:2] == first_of_year
    closed = {('70', period.year, period.number) for period in periods}
    assert next_open_period(replace(facts, closed=closed), '70', day) is None


FEBRUARY = Period(2026, 8, dt.date(2026, 2, 1), dt.date(2026, 2, 28))


def test_dates_move_into_the_period_and_the_entry_says_so():
    own = sale(entry_date=JANUARY, due_date=dt.date(2026, 2, 14), description="Order 12")
    moved = book_in(own, FEBRUARY, JANUARY, "(dated 15-01-2026)")
    body = payload(moved)
    assert (body['ReportingYear'], body['ReportingPeriod']) == (2026, 8)
    assert body['EntryDate'] == dt.date(2026, 2, 1)
    # The customer pays when the document says.
    assert body['DueDate'] == dt.date(2026, 2, 14)
    assert body['Description'] == "Order 12 (dated 15-01-2026)"
    assert moved.own_date == JANUARY
    assert from_dict(to_dict(moved)) == moved


def test_the_note_is_never_what_is_cut_off():
    moved = book_in(sale(description="x" * 80), FEBRUARY, JANUARY, "(dated 15-01-2026)")
    text = payload(moved)['Description']
    assert len(text) <= 60
    assert text.endswith("… (dated 15-01-2026)")


def test_entries_without_a_description_say_so_on_each_line():
    entry = Booking(
        kind='general', division=1, journal='90', currency='EUR', year=2026, period=7,
        entry_date=JANUARY, your_ref='MISC/1',
        lines=[Line('g1', D(5), notes="Own"), Line('g2', D(-5), date=JANUARY)],
    )
    body = payload(book_in(entry, FEBRUARY, JANUARY, "(dated 15-01-2026)"))
    assert (body['FinancialYear'], body['FinancialPeriod']) == (2026, 8)
    lines = body['GeneralJournalEntryLines']
    assert [line['Date'] for line in lines] == [dt.date(2026, 2, 1)] * 2
    assert [line['Notes'] for line in lines] == ["Own\n(dated 15-01-2026)", "(dated 15-01-2026)"]


def test_a_later_period_moves_dates_no_further_than_it_must():
    earlier = Period(2026, 6, dt.date(2025, 12, 1), dt.date(2025, 12, 31))
    assert book_in(sale(entry_date=JANUARY), earlier, JANUARY).entry_date == earlier.end
    inside = dt.date(2026, 2, 10)
    assert book_in(sale(entry_date=inside), FEBRUARY, JANUARY).entry_date == inside


def test_why_an_entry_is_where_it_is_says_nothing_about_the_document():
    moved = book_in(sale(entry_date=JANUARY), FEBRUARY, JANUARY, "note")
    unknown = replace(moved, own_date=None)
    assert fingerprint(moved) == fingerprint(unknown)
    assert changes(moved, unknown) == ()
