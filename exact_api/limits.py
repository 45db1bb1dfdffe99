"""What the headers of an answer say about the budget of calls."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# On a 429 that does not say when: the length of the minute window.
FALLBACK_WAIT = timedelta(seconds=60)
# Never knock again sooner after a 429.
SHORTEST_WAIT = timedelta(seconds=5)
# No window is longer: a reset that lies further ahead comes from a clock that differs from ours.
# (One developer measured two minutes instead of one, after an overrun (O).)
LONGEST = {'minute': timedelta(minutes=2), 'day': timedelta(hours=25)}
# A `Retry-After` that wants more is cut: nobody shows one of Exact (O), and a wrong one would keep
# an administration away for years. Who knocks too early is told so again.
LONGEST_RETRY_AFTER = {'minute': timedelta(hours=1), 'day': LONGEST['day']}


@dataclass(frozen=True)
class RateLimits:
    """The call budget after an answer. None means that Exact did not say; it never means zero.

    On a 429 only the headers of the used-up family are present (O). The daily family is
    `X-RateLimit-Limit|-Remaining|-Reset`, the other one `X-RateLimit-Minutely-...`; both count
    calls per app and division, resets are epoch milliseconds in UTC (D).

    The resets are told by our own clock, see `from_headers`.
    """

    day_limit: int | None = None
    day_remaining: int | None = None
    day_reset: datetime | None = None
    minute_limit: int | None = None
    minute_remaining: int | None = None
    minute_reset: datetime | None = None

    @classmethod
    def from_headers(cls, headers, now):
        """Read the headers of an answer.

        Exact says by its own clock when a window ends. Only how long that is from now can be
        carried over to ours, so it is counted from the `Date` of the same answer (HTTP, RFC 9110
        6.6.1). Where that is absent or cannot be meant, the two clocks are taken as equal.

        :param headers: mapping of names in any case to values
        :param datetime now: when the answer came, aware
        """
        lowered = {str(name).lower(): value for name, value in headers.items()}
        exact_now = _http_date(lowered.get('date'))

        def family(prefix, window):
            limit, remaining, reset = (
                _number(lowered.get(f'{prefix}-{name}')) for name in ('limit', 'remaining', 'reset')
            )
            return limit, remaining, _by_our_clock(_moment(reset), exact_now, now, LONGEST[window])

        return cls(*family('x-ratelimit', 'day'), *family('x-ratelimit-minutely', 'minute'))

    def blocked_until(self, headers, now):
        """Return (moment, scope) of a 429: when to try again, and which budget is used up.

        :param headers: of the same answer, for `Retry-After` where no family says when
        :param datetime now: aware
        """
        families = [
            (reset, scope, remaining)
            for reset, scope, remaining in (
                (self.minute_reset, 'minute', self.minute_remaining),
                (self.day_reset, 'day', self.day_remaining),
            )
            if reset
        ]
        used_up = [family for family in families if not family[2]]
        if used_up:
            moment, scope, _remaining = max(used_up, key=lambda family: family[0])
        elif families:
            moment, scope, _remaining = families[0]
        else:
            scope = 'day' if self.day_remaining == 0 != self.minute_remaining else 'minute'
            moment = min(
                _retry_after(headers, now) or now + FALLBACK_WAIT,
                now + LONGEST_RETRY_AFTER[scope],
            )
        if moment <= now:
            # Exact says that the window is over and refuses nevertheless: wait for a whole window
            moment = now + FALLBACK_WAIT
        return max(moment, now + SHORTEST_WAIT), scope


def _number(text):
    """Return a whole number of at least 0, None if it is none."""
    text = str(text if text is not None else '').strip()
    return int(text) if re.fullmatch(r'[0-9]{1,18}', text) else None


def _moment(milliseconds):
    try:
        return EPOCH + timedelta(milliseconds=milliseconds) if milliseconds else None
    except OverflowError:
        return None


def _http_date(text):
    """Return the moment of a date in a header, None if it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (OverflowError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _by_our_clock(reset, exact_now, now, longest):
    """Return when our clock will show the end of a window, at most `longest` from now.

    With the time of the answer it may have passed: then the window is over.

    :param exact_now: when the answer was given, by Exact's clock; None if unknown
    """
    if reset is None:
        return None
    wait = reset - (exact_now or now)
    if exact_now and not -longest < wait <= longest:
        # Not the same clock as that of the reset
        exact_now, wait = None, reset - now
    if not exact_now and wait <= timedelta():
        # Exact's clock is behind ours, nobody knows how much of the window is left
        wait = FALLBACK_WAIT
    return now + min(wait, longest)


def _retry_after(headers, now):
    """Return the moment of a `Retry-After` header, in seconds or as a date, None without one."""
    lowered = {str(name).lower(): value for name, value in headers.items()}
    text = lowered.get('retry-after')
    seconds = _number(text)
    if seconds is None:
        return _http_date(text)
    return now + timedelta(seconds=min(seconds, LONGEST['day'].total_seconds()))
