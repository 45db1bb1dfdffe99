"""What answers say of the limits by clocks that differ, and when a number of calls will be done."""

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from exact_api import RateLimits, Window, finished_at
from exact_api.forecast import refresh_pause

NOW = datetime(2026, 1, 1, 12, 0, 20, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def headers(reset, exact_now=None, family='-Minutely', **more):
    """Headers of an answer: 7 of 60 calls are left until `reset`, by Exact's clock."""
    prefix = f'X-RateLimit{family}'
    date = {'Date': format_datetime(exact_now, usegmt=True)} if exact_now else {}
    return {
        f'{prefix}-Limit': '60', f'{prefix}-Remaining': '7',
        f'{prefix}-Reset': str(int(reset.timestamp() * 1000)), **date, **more,
    }


@pytest.mark.parametrize('ahead', [
    timedelta(), timedelta(seconds=3), timedelta(seconds=-3), timedelta(hours=2),
    -timedelta(days=400),
])
def test_the_wait_is_counted_by_exacts_own_clock(ahead):
    exact_now = NOW + ahead
    limits = RateLimits.from_headers(headers(exact_now + timedelta(seconds=40), exact_now), NOW)
    assert limits.minute_reset == NOW + timedelta(seconds=40)
    assert (limits.minute_limit, limits.minute_remaining) == (60, 7)


@pytest.mark.parametrize(('reset', 'wait'), [
    (NOW + timedelta(seconds=40), 40),
    # Ahead of what a window can last: Exact's clock is ahead
    (NOW + timedelta(seconds=400), 120),
    # It has passed: Exact's clock is behind, so a whole window may still be to come
    (NOW - timedelta(seconds=1), 60),
    (NOW - timedelta(days=3), 60),
])
def test_without_a_time_in_the_answer_nobody_waits_long(reset, wait):
    limits = RateLimits.from_headers(headers(reset), NOW)
    assert limits.minute_reset == NOW + timedelta(seconds=wait)


def test_a_time_that_is_not_that_of_the_reset_does_not_count():
    """Something between Exact and us may have its own idea of the time."""
    reset = NOW + timedelta(seconds=40)
    for wrong in (NOW - timedelta(hours=1), NOW + timedelta(hours=1)):
        assert RateLimits.from_headers(headers(reset, wrong), NOW).minute_reset == reset
    assert RateLimits.from_headers(headers(reset, Date='soon'), NOW).minute_reset == reset


def test_a_window_that_ended_while_the_answer_came_is_over():
    reset = NOW - timedelta(seconds=2)
    assert RateLimits.from_headers(headers(reset, NOW), NOW).minute_reset == reset


def test_the_day_is_a_day():
    reset = NOW + timedelta(hours=11)
    assert RateLimits.from_headers(headers(reset, NOW, ''), NOW).day_reset == reset
    far = RateLimits.from_headers(headers(NOW + timedelta(days=9), None, ''), NOW)
    assert far.day_reset == NOW + timedelta(hours=25)


@pytest.mark.parametrize('refusing_reset', [NOW - timedelta(seconds=2), NOW])
def test_a_refusal_whose_window_is_over_is_no_loop(refusing_reset):
    said = headers(refusing_reset, NOW)
    moment, scope = RateLimits.from_headers(said, NOW).blocked_until(said, NOW)
    assert (moment, scope) == (NOW + MINUTE, 'minute')


# === FORECAST === #


def forecast(calls, minute_left=60, day_left=5000, minute=60, day=5000):
    """Minutes and seconds until so many calls are made; 40 seconds of the minute are left, and
    11 hours and some of the day.
    """
    return finished_at(
        calls, NOW, Window(minute, minute_left, NOW + timedelta(seconds=40)),
        Window(day, day_left, NOW.replace(hour=0, second=0) + DAY),
    )


def test_nothing_to_do_is_done():
    assert forecast(0) == NOW


def test_within_the_minute():
    assert forecast(30) == NOW + timedelta(seconds=15)


def test_over_several_minutes():
    # 60 now, 60 after 40 seconds, 60 a minute later, the last 5
    assert forecast(185) == NOW + timedelta(seconds=40 + 60 + 60 + 2.5)
    assert forecast(61, minute_left=0) == NOW + timedelta(seconds=40 + 60 + 0.5)
    assert forecast(1, minute_left=-3) == NOW + timedelta(seconds=40.5)


def test_over_the_days_limit():
    midnight = NOW.replace(hour=0, second=0) + DAY
    assert forecast(11, day_left=10) == midnight + timedelta(seconds=0.5)
    assert forecast(1, day_left=0) == midnight + timedelta(seconds=0.5)
    assert forecast(1, day_left=-5) == midnight + timedelta(seconds=0.5)
    # 5,000 tomorrow, and 20 on the day after
    assert forecast(5020, day_left=0) == midnight + DAY + timedelta(seconds=10)


def test_the_limit_of_the_day_before_that_of_the_minute():
    # 5,000 a day are 84 minutes at 60 a minute
    midnight = NOW.replace(hour=0, second=0) + DAY
    assert forecast(5000, day_left=0) == midnight + timedelta(minutes=83, seconds=10)


def test_unknown_windows_begin_now():
    done = finished_at(90, NOW, Window(60, 60), Window(5000, 5000))
    assert done == NOW + timedelta(seconds=60 + 15)


def test_windows_that_are_over_are_full():
    ended = NOW - timedelta(hours=30)
    done = finished_at(60, NOW, Window(60, 0, ended), Window(5000, 0, ended))
    assert done == NOW + timedelta(seconds=30)


def test_no_calls_at_all_means_never():
    assert forecast(1, minute=0) is None
    assert forecast(1, day=-25) is None


def test_a_hundred_thousand_calls_are_forecast_at_once():
    midnight = NOW.replace(hour=0, second=0) + DAY
    assert forecast(100_000) == midnight + 18 * DAY + timedelta(minutes=83, seconds=10)


def test_readings_that_are_asked_for_leave_the_day_to_the_documents():
    moment, end, count = timedelta(), timedelta(days=1), 0
    while moment < end:
        count += 1
        moment += refresh_pause(count)
    assert count * 20 <= 5000 // 5
