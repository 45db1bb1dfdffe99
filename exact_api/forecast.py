"""When a number of calls will have been made, within the limits of a minute and of a day."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

# What Exact gives where it has not said yet: calls a minute and a day, per app and division (D).
USUAL = {'minute': 60, 'day': 5000}
LENGTH = {'minute': timedelta(minutes=1), 'day': timedelta(days=1)}
# A call takes about so long; at 60 a minute it hardly matters.
CALL_TIME = timedelta(seconds=0.5)


def refresh_pause(count):
    """Return how long nobody may ask for another reading of Exact, after so many within a day.

    People who mend something in Exact look several times in a row; an automation that asks all day
    long gets one an hour. Some 40 readings a day at most, of some 20 calls each: a sixth of the
    calls of a day (D).
    """
    for until, minutes in ((5, 0), (10, 1), (20, 15)):
        if count < until:
            return timedelta(minutes=minutes)
    return timedelta(hours=1)


@dataclass(frozen=True)
class Window:
    """A window of time with a number of calls in it.

    :param int limit: calls in a whole window
    :param int left: calls that are left in the present one
    :param datetime end: of the present one; None if no call was made in it yet
    """

    limit: int
    left: int
    end: datetime | None = None

    def at(self, moment, length):
        """Return the window that is open at a moment: this one, or a fresh one after its end."""
        if self.end is None:
            return replace(self, end=moment + length)
        if moment < self.end:
            return self
        gone = (moment - self.end) // length + 1
        return replace(self, left=self.limit, end=self.end + gone * length)


def finished_at(calls, now, minute, day):
    """Return when so many calls have been made one after the other, None if never.

    :param Window minute: what there is for them: without what is kept for others
    :param Window day: likewise
    """
    if calls > 0 and (minute.limit <= 0 or day.limit <= 0):
        return None
    moment = now
    while calls > 0:
        day = day.at(moment, LENGTH['day'])
        minute = minute.at(moment, LENGTH['minute'])
        if day.left <= 0:
            moment = day.end
            continue
        made = min(calls, day.left, max(minute.left, 0))
        calls -= made
        moment += made * CALL_TIME
        day = replace(day, left=day.left - made)
        minute = replace(minute, left=minute.left - made)
        if calls > 0 and day.left > 0:
            moment = max(moment, minute.end)
    return moment
