"""What the headers of an answer say about the budget of calls."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# On a 429 that does not say when: the length of the minute window.
FALLBACK_WAIT = timedelta(seconds=60)
# A reset that has passed by our clock: the clocks differ, so do not knock again at once.
SHORTEST_WAIT = timedelta(seconds=5)


@dataclass(frozen=True)
class RateLimits:
    """The call budget after an answer. None means that Exact did not say; it never means zero.

    On a 429 only the headers of the used-up family are present (O). The daily family is
    `X-RateLimit-Limit|-Remaining|-Reset`, the other one `X-RateLimit-Minutely-...`; both count
    calls per app and division, resets are epoch milliseconds in UTC (D).
    """

    day_limit: int | None = None
    day_remaining: int | None = None
    day_reset: datetime | None = None
    minute_limit: int | None = None
    minute_remaining: int | None = None
    minute_reset: datetime | None = None

    @classmethod
    def from_headers(cls, headers):
        """Read the headers of an answer.

        :param headers: mapping of names in any case to values
        """
        lowered = {str(name).lower(): value for name, value in headers.items()}

        def number(name):
            return _number(lowered.get(f'x-ratelimit-{name}'))

        return cls(
            number('limit'), number('remaining'), _moment(number('reset')),
            number('minutely-limit'), number('minutely-remaining'),
            _moment(number('minutely-reset')),
        )

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
            moment = _retry_after(headers, now) or now + FALLBACK_WAIT
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


def _retry_after(headers, now):
    """Return the moment of a `Retry-After` header, in seconds or as a date, None without one."""
    lowered = {str(name).lower(): value for name, value in headers.items()}
    text = lowered.get('retry-after')
    seconds = _number(text)
    try:
        if seconds is not None:
            return now + timedelta(seconds=seconds)
        moment = parsedate_to_datetime(text)
    except (OverflowError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
