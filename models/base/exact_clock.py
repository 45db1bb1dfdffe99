"""Moments, as code and database write them. The database keeps them naive, in UTC."""

from datetime import timedelta, timezone

from ...exact_api import CLOCKS_DIFFER, past, utcnow

__all__ = [
    'CLOCKS_DIFFER', 'LONGEST_WAIT', 'VISIBILITY', 'aware', 'ceil', 'epoch', 'floor', 'naive',
    'past', 'utcnow',
]

# From when on what cannot be found in Exact does not exist. A whole call ends after 90 s, however
# its worker ended; the rest is for Exact to finish and to show it.
VISIBILITY = timedelta(minutes=3)
# No document waits longer than this for a moment of its own: the longest wait is that for a kind of
# call which Exact refuses, an hour.
LONGEST_WAIT = timedelta(hours=2)


def aware(moment):
    """Return a moment of the database, None if there is none."""
    return moment and moment.replace(tzinfo=timezone.utc)


def naive(moment):
    """Return the moment as the database keeps it, None if there is none."""
    return moment and moment.astimezone(timezone.utc).replace(tzinfo=None)


def floor(moment):
    """Return the moment as the database keeps it, at its full second: what was asked about until
    then was asked about whole. False if there is none.
    """
    return naive(moment).replace(microsecond=0) if moment else False


def ceil(moment):
    """Return the moment as the database keeps it, at the next full second: scheduled actions know
    no fractions, and nobody is to come too early.
    """
    moment = naive(moment)
    return moment + timedelta(microseconds=-moment.microsecond % 1_000_000)


def epoch(moment):
    """Return a moment of the database as seconds, the way JSON can hold it."""
    return moment.replace(tzinfo=timezone.utc).timestamp()
