"""Call limits: 60 a minute and 5,000 a day per app and division, 10 errors per endpoint and hour.

Fact sheet 3.1 and 3.2. Windows are clock minutes, UTC days and clock hours (assumption). Counters
are rebuilt from the call table, so that a restart does not reset them.
"""

import threading

from .errors import HttpError

MINUTE, HOUR, DAY = 60, 3600, 86400


class Limits:
    def __init__(self, store, switches, clock):
        self.store, self.switches, self.clock = store, switches, clock
        self._lock = threading.Lock()
        self._windows = {}
        self._errors = {}
        now = clock().timestamp()
        for at, app, user, division, resource, status, counted in store.query(
            'SELECT at, app, user, division, resource, status, counted FROM call WHERE at >= ?',
            now - now % DAY,
        ):
            if counted:
                self._bump(app, division, at)
            if self._is_error(status):
                self._bump_error(app, user, division, resource, at)

    @staticmethod
    def _is_error(status):
        # a 429 is no error of the caller's data; gateway failures neither (assumption)
        return status >= 400 and status not in (429, 502, 503, 504)

    def _counter(self, app, division, span, now):
        window = int(now // span)
        key = (app, division, span)
        entry = self._windows.get(key)
        if entry is None or entry[0] != window:
            entry = self._windows[key] = [window, 0]
        return entry

    def _bump(self, app, division, now):
        for span in (MINUTE, DAY):
            self._counter(app, division, span, now)[1] += 1

    def _bump_error(self, app, user, division, resource, now):
        key = (app, user, division, resource)
        hour = int(now // HOUR)
        entry = self._errors.get(key)
        if entry is None or entry[0] != hour:
            entry = self._errors[key] = [hour, 0]
        entry[1] += 1

    def check(self, app, division):
        """Count one call. Returns the rate headers.

        :raise HttpError: 429 with the headers of the exceeded family only, empty body
        """
        if not self.switches.rate_limits:
            return {}
        now = self.clock().timestamp()
        families = (
            ('X-RateLimit-Minutely', MINUTE, self.switches.minute_limit),
            ('X-RateLimit', DAY, self.switches.day_limit),
        )
        with self._lock:
            for prefix, span, limit in families:
                entry = self._counter(app, division, span, now)
                if entry[1] >= limit:
                    raise HttpError(429, headers=self._family(prefix, span, limit, 0, now))
            self._bump(app, division, now)
            headers = {}
            for prefix, span, limit in reversed(families):
                left = limit - self._counter(app, division, span, now)[1]
                headers.update(self._family(prefix, span, limit, left, now))
            return headers

    @staticmethod
    def _family(prefix, span, limit, remaining, now):
        reset = (int(now // span) + 1) * span * 1000
        return {
            f'{prefix}-Limit': str(limit),
            f'{prefix}-Remaining': str(remaining),
            f'{prefix}-Reset': str(reset),
        }

    def check_errors(self, app, user, division, resource):
        """Refuse when the endpoint had its 10 errors this hour; the shape is a switch
        (assumption).
        """
        mode = self.switches.error_fuse
        if mode == 'off':
            return
        with self._lock:
            entry = self._errors.get((app, user, division, resource))
            hour = int(self.clock().timestamp() // HOUR)
            if entry and entry[0] == hour and entry[1] >= self.switches.error_limit:
                headers = {'Reason': 'ErrorLimitExceeded'} if mode == '403' else {}
                message = 'Error limit exceeded for this endpoint.' if mode == '500' else ''
                raise HttpError(int(mode), message, headers=headers)

    def count_error(self, app, user, division, resource, status):
        if self._is_error(status):
            with self._lock:
                self._bump_error(app, user, division, resource, self.clock().timestamp())

    def meters(self):
        """What is used now: list of dicts app, division, minute, day (for the page)."""
        now = self.clock().timestamp()
        with self._lock:
            pairs = sorted({(app, division) for app, division, _span in self._windows})
            return [
                {
                    'app': app,
                    'division': division,
                    'minute': self._counter(app, division, MINUTE, now)[1],
                    'day': self._counter(app, division, DAY, now)[1],
                }
                for app, division in pairs
            ]

    def errors(self):
        """Errors this hour: {(app, user, division, resource): count}."""
        hour = int(self.clock().timestamp() // HOUR)
        with self._lock:
            return {key: count for key, (window, count) in self._errors.items() if window == hour}

    def reset(self):
        with self._lock:
            self._windows.clear()
            self._errors.clear()
