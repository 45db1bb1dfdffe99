"""Notifications of Exact: whether one is true, and what it says.

The body is `{"Content":{...},"HashCode":"..."}`. The signature is the HMAC-SHA256 of the raw text
between `{"Content":` and `,"HashCode"` in upper-case hex, the key is the webhook secret of the app
(O). It covers the text and not the values: whoever parses first and writes anew compares something
else. A notification holds no data of the books; it says where to look.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from . import wire

# The largest one in public is below 1 kB.
MAX_SIZE = 16 * 1024
# Usually minutes, more after an outage at Exact (O). Older ones say nothing that a reading by
# itself has not found, and may be a recording.
MAX_AGE = timedelta(hours=1)
# Clocks differ.
MAX_AHEAD = timedelta(minutes=5)

_BODY = re.compile(rb'\{"Content":(\{.*\}),"HashCode":"([0-9A-F]{64})"\}', re.DOTALL)
_ZONED = re.compile(r'([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8})(?:\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})')


class NotificationRefusedError(Exception):
    """What came is not a fresh notification of Exact for this app. Its text is for the log."""


@dataclass(frozen=True)
class Notification:
    """What changed, as Exact tells it.

    :param str topic: e.g. 'Accounts'
    :param str action: 'Create', 'Update' or 'Delete'
    :param int division: number of the administration
    :param str key: of what changed
    :param datetime created_at: aware, in UTC
    """

    topic: str
    action: str
    division: int
    key: str
    created_at: datetime


def read_notification(body, secret, client_id, now):
    """Return the notification that a request brought.

    :param bytes body: as it came
    :param str secret: the webhook secret of the app; nothing is true without one
    :param str client_id: of the app
    :param datetime now: aware
    :rtype: Notification
    :raise NotificationRefusedError: unsigned, wrongly signed, not of this app, too old, no JSON
    """
    if len(body) > MAX_SIZE:
        raise NotificationRefusedError("too large")
    match = _BODY.fullmatch(body.strip())
    if not match:
        raise NotificationRefusedError("not signed")
    content, signature = match.groups()
    expected = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest().upper()
    if not secret or not hmac.compare_digest(expected.encode(), signature):
        raise NotificationRefusedError("wrong signature")
    # From here on nothing but what was signed is looked at
    try:
        values = wire.loads(content)
        notification = Notification(
            topic=wire.as_text(values['Topic']),
            action=wire.as_text(values['Action']),
            division=int(wire.as_int(values['Division'])),
            key=wire.as_text(values['Key']),
            created_at=_moment(values['EventCreatedOn']),
        )
        app = wire.as_text(values['ClientId'])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise NotificationRefusedError("not a notification") from None
    if app.strip('{}').lower() != client_id.strip('{}').lower():
        raise NotificationRefusedError("of another app")
    if not notification.created_at:
        raise NotificationRefusedError("without a time")
    if not -MAX_AHEAD <= now - notification.created_at <= MAX_AGE:
        raise NotificationRefusedError("too old")
    return notification


def _moment(value):
    """Return the moment in UTC. It comes with its zone (O); without one it is Dutch."""
    match = _ZONED.fullmatch(wire.as_text(value))
    if not match:
        return wire.as_utc(value)
    zone = match[2].replace('Z', '+00:00')
    return datetime.fromisoformat(match[1] + zone).astimezone(timezone.utc)
