"""Exact's rate limits as its headers tell them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone


@dataclass(frozen=True)
class RateLimits:
    """What one answer says of the quotas; None = not said.

    The reset values are epoch milliseconds. On a 429 only the family that is used up is present, so
    that an absent value never means 0.
    """

    day_limit: int | None = None
    day_remaining: int | None = None
    day_reset: datetime | None = None
    minute_limit: int | None = None
    minute_remaining: int | None = None
    minute_reset: datetime | None = None

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> 'RateLimits':
        day, minute = 'X-RateLimit-', 'X-RateLimit-Minutely-'
        return cls(
            _number(headers.get(day + 'Limit')),
            _number(headers.get(day + 'Remaining')),
            _moment(headers.get(day + 'Reset')),
            _number(headers.get(minute + 'Limit')),
            _number(headers.get(minute + 'Remaining')),
            _moment(headers.get(minute + 'Reset')),
        )


def _number(text):
    try:
        return int(text)
    except (TypeError, ValueError):
        return None


def _moment(text):
    milliseconds = _number(text)
    if not milliseconds or milliseconds < 0:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
