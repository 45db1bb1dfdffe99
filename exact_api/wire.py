"""Values as Exact writes and reads them; the only place that knows Exact's wall clock.

Dates come as `/Date(ms)/` and go as `2026-01-31T00:00:00`. The milliseconds are Dutch wall clock
written as if it were UTC: a pure date is exact UTC midnight and is cut off, a moment is read as
Europe/Amsterdam. Codes come padded. Int64 and sometimes other numbers come as text.
"""

import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from uuid import UUID
from zoneinfo import ZoneInfo

EXACT_ZONE = ZoneInfo('Europe/Amsterdam')
_EPOCH = datetime(1970, 1, 1)
_DATE = re.compile(r'^/Date\((-?\d+)(?:[+-]\d{4})?\)/$')


def _wall_clock(value):
    if value in (None, ''):
        return None
    match = _DATE.match(value)
    if match:
        return _EPOCH + timedelta(milliseconds=int(match.group(1)))
    return datetime.fromisoformat(value).replace(tzinfo=None)


def as_date(value) -> date | None:
    """The calendar day of a date property."""
    moment = _wall_clock(value)
    return moment.date() if moment else None


def as_utc(value) -> datetime | None:
    """The moment of a datetime property, aware, in UTC."""
    moment = _wall_clock(value)
    return moment.replace(tzinfo=EXACT_ZONE).astimezone(timezone.utc) if moment else None


def as_text(value) -> str:
    """Text without padding; '' for nothing."""
    return '' if value is None else str(value).strip()


def as_decimal(value) -> Decimal | None:
    """A number to its last digit; None for nothing or for no number."""
    if value in (None, ''):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def as_int(value) -> int | None:
    number = as_decimal(value)
    return None if number is None else int(number)


def as_bool(value) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ('true', '1')
    return bool(value)


def as_guid(value) -> str:
    """A GUID in lower case without braces; '' for nothing."""
    return as_text(value).strip('{}').lower()


def percent_of_fraction(value) -> Decimal | None:
    """0.21 -> 21: percentages are fractions in Exact."""
    number = as_decimal(value)
    return None if number is None else number * 100


def encode(value):
    """A Python value as JSON takes it."""
    if isinstance(value, dict):
        return {name: encode(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(EXACT_ZONE).strftime('%Y-%m-%dT%H:%M:%S')
    if isinstance(value, date):
        return f'{value.isoformat()}T00:00:00'
    if isinstance(value, Decimal):
        # The shortest text that reads back as the same double: exact for every amount of money.
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, UUID):
        return str(value)
    return value
