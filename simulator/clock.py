"""Time of the simulator: the machine's clock, or one that a test holds in its hand."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

#: Exact writes instants as Dutch wall clock (fact sheet 3.7)
DUTCH = ZoneInfo('Europe/Amsterdam')


class Clock:
    """A callable that returns an aware UTC datetime; it can be frozen, set and moved forward.

    :param source: callable returning an aware UTC datetime; default is the machine's clock
    """

    def __init__(self, source=None):
        self._source = source or (lambda: datetime.now(timezone.utc))
        self._frozen = None
        self._offset = timedelta()

    def __call__(self):
        return (self._frozen or self._source()) + self._offset

    def freeze(self, at=None):
        """Stop the clock, at ``at`` (aware datetime) or now."""
        now = at or self()
        self._frozen = now
        self._offset = timedelta()

    def resume(self):
        """Let the clock run again with the source's time."""
        self._frozen = None
        self._offset = timedelta()

    def advance(self, seconds):
        """Move the clock forward by ``seconds``, frozen or running."""
        self._offset += timedelta(seconds=seconds)

    def epoch_ms(self):
        return int(self().timestamp() * 1000)

    def wall(self):
        """Dutch wall clock now, as the text kept in records: ``2026-01-31T12:00:00.123``."""
        return self().astimezone(DUTCH).replace(tzinfo=None).isoformat(timespec='milliseconds')

    def today(self):
        """Dutch calendar date as text ``2026-01-31``."""
        return self.wall()[:10]
