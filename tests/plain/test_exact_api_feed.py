"""Going on in a feed of changes, from a position that is kept with each page."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, strategies as st

from exact_api import TooMuch, odata, wire
from exact_api.feed import FIRST_POSITION, take

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=timezone.utc)


def row(timestamp, entry='a', ago=3600):
    """A ledger line as Exact gives it, changed so many seconds ago."""
    return {
        'Timestamp': str(timestamp), 'EntryID': entry,
        'Modified': wire.wall_clock(NOW - timedelta(seconds=ago)),
    }


def stamps(page):
    return [int(line['Timestamp']) for line in page.rows]


def read(feed, size, position=FIRST_POSITION):
    """Give the pages up to the last one, each asked for from the position of the one before."""
    more = True
    while more:
        rows = [line for line in feed if int(line['Timestamp']) > position]
        more = len(rows) > size
        page = take(rows[:size], position, more=more, now=NOW)
        assert page.position > position or not more
        position = page.position
        yield page


@given(st.lists(st.integers(1, 9), max_size=30), st.integers(9, 20))
def test_each_entry_is_seen_whole_wherever_pages_end(sizes, size):
    entries = [str(number) for number, lines in enumerate(sizes) for _line in range(lines)]
    feed = [row(10 + number, entry) for number, entry in enumerate(entries)]
    pages = list(read(feed, size))
    seen = [stamp for page in pages for stamp in stamps(page)]
    assert seen == [10 + number for number in range(len(feed))], "each line once"
    for page in pages:
        for entry in {line['EntryID'] for line in page.rows}:
            assert [line['EntryID'] for line in page.rows].count(entry) == sizes[int(entry)]


@given(st.integers(1, 60), st.integers(1, 9))
def test_an_entry_longer_than_a_page_stops_nobody(lines, size):
    feed = [row(10 + number) for number in range(lines)] + [row(100, 'b')]
    assert {stamp for page in read(feed, size) for stamp in stamps(page)} == {
        int(line['Timestamp']) for line in feed
    }


def test_an_entry_at_the_end_of_a_page_is_left_to_the_next():
    page = take([row(5), row(6, 'b'), row(7, 'c'), row(8, 'c')], 4, more=True, now=NOW)
    assert (stamps(page), page.position) == ([5, 6], 6)


def test_the_last_changes_are_looked_at_once_more():
    """Not for ever: only what is as late as the latest."""
    rows = [row(5, 'a', 600), row(6, 'b', 20), row(7, 'c', 10)]
    page = take(rows, 4, more=False, now=NOW)
    assert (stamps(page), page.position) == ([5, 6, 7], 5)
    assert page.modified == NOW - timedelta(seconds=10)
    assert take([row(8, 'd', 5)], 7, more=False, now=NOW).position == 7


def test_more_of_one_moment_than_fits_into_a_page():
    feed = [row(10 + number, str(number), 1) for number in range(50)]
    assert [page.position for page in read(feed, 20)][:2] == [28, 47]


def test_a_moment_in_the_future_is_none():
    future = {**row(6, 'b'), 'Modified': '2099-01-01T00:00:00'}
    page = take([row(5, 'a', 600), future, row(7, 'c', 10)], 4, more=False, now=NOW)
    assert (page.position, page.modified) == (6, NOW - timedelta(seconds=10))
    assert take([future], 4, more=False, now=NOW) == ([future], 6, None)


@pytest.mark.parametrize('modified', [None, '', 'soon', 7])
def test_a_moment_that_is_none(modified):
    assert take([{**row(6), 'Modified': modified}], 4, more=False, now=NOW).position == 6


def test_timestamps_wider_than_a_fraction_holds():
    high = 2**62 + 1
    assert take([row(high)], 4, more=True, now=NOW).position == high


@pytest.mark.parametrize('rows', [[], [row(4)], [{'EntryID': 'a', 'Timestamp': None}]])
def test_a_feed_that_leads_nowhere_ends(rows):
    with pytest.raises(TooMuch):
        take(rows, 4, more=True, now=NOW)
    assert take([], 4, more=False, now=NOW) == ([], 4, None)


def test_one_of_some_terms():
    terms = [odata.startswith('Description', "O'N"), odata.eq('YourRef', 'x')]
    assert odata.one_of(terms) == (
        "(startswith(Description,'O''N') eq true or YourRef eq 'x')"
    )
    assert odata.one_of(terms[1:]) == "YourRef eq 'x'"
    with pytest.raises(ValueError):
        odata.one_of([])
