"""What the rows of the call budget say at a moment: how many calls are left, what must wait."""

from datetime import timedelta

from ...exact_api.illness import PAUSES
from ...exact_api.limits import LONGEST, LONGEST_RETRY_AFTER
from ..base.exact_clock import CLOCKS_DIFFER, epoch, past

# Exact locks an endpoint for an hour after 10 errors; half of that is left for people.
FUSE_ERRORS = 5
FUSE_HOUR = timedelta(hours=1)
# A call without an answer for so long is dead. What it cost, the next answer tells.
CALL_LIFE = timedelta(minutes=2)


def left_of(limits, window, now):
    """Return (calls left, end) of the 'minute' or 'day'; None where nothing is known.

    :param limits: an `exact.call` without resource, or its row as a dict
    """
    end = limits[f'{window}_reset']
    # One that ends later than any window is of a clock that was ahead
    is_open = bool(end) and now < end <= now + LONGEST[window]
    left = limits[f'{window}_remaining' if is_open else f'{window}_limit']
    if left is not None:
        oldest, newest = epoch(now - CALL_LIFE), epoch(now + CLOCKS_DIFFER)
        left -= sum(
            oldest < moment <= newest for moment in (limits['under_way'] or {}).values()
        )
    return left, end if is_open else None


def closed_until(endpoint, now):
    """Return until when a resource is not called, None if it may be called.

    :param endpoint: an `exact.call` with a resource, or its row as a dict
    """
    paused_until, errors_since = endpoint['paused_until'], past(endpoint['errors_since'], now)
    ill_until = endpoint['ill_until']
    moments = []
    if paused_until and paused_until <= now + LONGEST_RETRY_AFTER['minute'] + CLOCKS_DIFFER:
        moments.append(paused_until)
    if ill_until and ill_until <= now + PAUSES[-1] + CLOCKS_DIFFER:
        moments.append(ill_until)
    if errors_since and (endpoint['errors'] or 0) >= (endpoint['fuse_errors'] or FUSE_ERRORS):
        moments.append(errors_since + FUSE_HOUR)
    return max((moment for moment in moments if moment > now), default=None)


def closed_by(endpoint, now):
    """Return why a resource is not called: 'ill' where Exact is, else 'error_fuse'."""
    until = closed_until(endpoint, now)
    return 'ill' if until and until == endpoint['ill_until'] else 'error_fuse'
