from datetime import datetime, timedelta, timezone

# So much the clocks of Exact, of this machine and of its neighbours may differ.
CLOCKS_DIFFER = timedelta(minutes=1)


def utcnow():
    """Return the present moment, aware, in UTC; tests put another function in its place."""
    return datetime.now(timezone.utc)


def past(moment, now):
    """Return the moment at which something happened, None if it lies in the future: a clock was
    wrong then or is wrong now, and nobody knows when it was.

    :param moment: with a zone if `now` has one; None or False if nothing happened
    """
    return moment if moment and moment <= now + CLOCKS_DIFFER else None
