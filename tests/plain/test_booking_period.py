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
    check,
    fingerprint,
    from_dict,
    next_open_period,
    payload,
    period_of,
    to_dict,
)
from booking.period import unread

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


def four_weeks():
    """Three years of thirteen periods of four weeks, as shops have them; from a Monday on."""
    start, result = dt.date(2024, 12, 30), []
    for year in (2025, 2026, 2027):
        for number in range(1, 14):
            result.append(Period(year, number, start, start + dt.timedelta(27)))
            start += dt.timedelta(28)
    return result


def long_year():
    """A first year of eighteen months, from July on; then one of the calendar."""
    months = [(2025, month) for month in range(7, 13)] + [
        (year, month) for year in (2026, 2027) for month in range(1, 13)
    ]
    return [
        Period(
            *((2026, position) if position <= 18 else (2027, position - 18)),
            dt.date(year, month, 1),
            dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(1),
        )
        for position, (year, month) in enumerate(months, 1)
    ]


@pytest.mark.parametrize(('periods', 'day', 'own', 'later'), [
    (four_weeks(), dt.date(2025, 12, 28), (2025, 13), (2026, 1)),
    (four_weeks(), dt.date(2025, 12, 29), (2026, 1), (2026, 2)),
    # The last day of January is the second period's already
    (four_weeks(), dt.date(2026, 1, 31), (2026, 2), (2026, 3)),
    (four_weeks(), dt.date(2026, 12, 1), (2026, 13), (2027, 1)),
    (long_year(), dt.date(2025, 7, 1), (2026, 1), (2026, 2)),
    # January comes twice in the books of the company, once in this year
    (long_year(), dt.date(2026, 1, 15), (2026, 7), (2026, 8)),
    (long_year(), dt.date(2026, 7, 15), (2026, 13), (2026, 14)),
    (long_year(), dt.date(2026, 12, 31), (2026, 18), (2027, 1)),
    (long_year(), dt.date(2027, 1, 1), (2027, 1), (2027, 2)),
])
def test_years_have_as_many_periods_as_exact_says(periods, day, own, later):
    assert period_of(periods, day)[:2] == own
    facts = Facts(1, periods=periods, closed={('70', *own)})
    assert next_open_period(facts, '70', day)[:2] == later
    # The same number in another year is another period
    facts = replace(facts, closed={('70', own[0] - 1, own[1]), ('70', own[0] + 1, own[1])})
    assert next_open_period(facts, '70', day)[:2] == own


@pytest.mark.parametrize(('periods', 'last'), [(four_weeks(), 13), (long_year(), 18)])
def test_the_last_period_of_a_year_is_booked_in_as_any_other(periods, last):
    period = next(p for p in periods if (p.year, p.number) == (2026, last))
    facts = Facts(1, periods=periods)

    def found(number, day=period.end, closed=()):
        booking = sale(year=2026, period=number, entry_date=day)
        return {
            finding.code: finding.severity
            for finding in check(booking, replace(facts, closed=frozenset(closed)))
            if finding.code.startswith('period_')
        }

    assert found(last) == {}
    assert found(last - 1) == {'period_differs_from_date': 'informs'}
    assert found(last + 1) == {'period_unknown': 'blocks'}
    assert found(last, closed={('70', 2026, last)}) == {'period_closed': 'blocks'}
    assert found(last, closed={('70', 2026, 1)}) == {}
    body = payload(sale(year=2026, period=last, entry_date=period.end))
    assert (body['ReportingYear'], body['ReportingPeriod']) == (2026, last)


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


def test_which_older_years_are_not_known():
    now, day = dt.datetime(2026, 11, 30, 12), dt.timedelta(days=1)
    wanted = {('60', 2023), ('60', 2022), ('70', 2023), ('60', 2025), ('90', 2023)}
    read = {
        ('60', 2022): now - dt.timedelta(hours=2), ('70', 2023): now - 2 * day,
        # A moment in the future is none
        ('90', 2023): now + day,
    }
    assert unread(wanted, 2025, read, now, day) == {('60', 2023), ('70', 2023), ('90', 2023)}
    assert unread(set(), 2025, read, now, day) == set()
