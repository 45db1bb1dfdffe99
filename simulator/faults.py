"""Faults on demand: queued one by one, or at random from a seed.

``cut_before`` (connection cut, nothing happened), ``cut_after`` (happened, no answer), ``cut_body``
(happened, half an answer), ``broken_body`` (happened, unreadable JSON), ``delay`` (``seconds``
before the work), ``delay_after`` (after the work), ``status`` (``status`` instead of the work),
``status_after`` (happened, then ``status``), ``drop`` (the ``properties`` vanish from the body
unseen), ``put`` (``values`` take the place of what the body says, unseen).

``refuse`` (nothing happened) and ``refuse_after`` (happened): Exact's envelope with a text of
:mod:`~.messages` in the user's language: ``text`` is a kind of :data:`~.messages.TEXTS` or
:data:`~.messages.KINDS`, with ``label`` and ``values``; any other text is said as it is.

What comes back wrong though nothing failed (:mod:`~.spoil`): ``alter`` (``values`` take the place
of properties in the rows of the answer, all or row number ``row``), ``strip`` (``properties`` are
missing there), ``endless`` (the same rows again, and a new ``__next``), ``huge`` (``size`` MB of
blanks before the answer), ``gzip_bomb`` (the same, compressed), ``drip`` (``size`` bytes each
``seconds``, with ``head`` the head, too).

``body`` of ``status`` and ``status_after``: '' (default), ``html``, ``login`` or a text that is
sent as it is; ``headers`` of the answer (``{"Retry-After": "315360000"}``) take the place of the
rate headers of a 429.
"""

import random
import re
import threading

KINDS = (
    'cut_before',
    'cut_after',
    'cut_body',
    'broken_body',
    'delay',
    'delay_after',
    'status',
    'status_after',
    'drop',
    'put',
    'refuse',
    'refuse_after',
    'alter',
    'strip',
    'endless',
    'huge',
    'gzip_bomb',
    'drip',
)
#: options that tell what happens: name -> default
OPTIONS = {
    'seconds': 1.0,
    'status': 503,
    'properties': (),
    'values': None,
    'row': None,
    'body': '',
    'headers': None,
    'text': 'problem',
    'label': '',
    'size': 1,
    'head': False,
}
CONVERTERS = {
    'seconds': float,
    'status': int,
    'properties': tuple,
    'values': lambda value: dict(value or {}),
    'headers': lambda value: dict(value or {}),
    'size': float,
}


def checked(options):
    """All options with their defaults.

    :raise ValueError: an unknown one
    """
    unknown = set(options) - set(OPTIONS)
    if unknown:
        raise ValueError(f'unknown option {sorted(unknown)}; known: {", ".join(OPTIONS)}')
    found = {**OPTIONS, **options}
    return {name: CONVERTERS.get(name, lambda value: value)(value) for name, value in found.items()}


class Faults:
    """The queue. Each fault serves ``times`` matching requests after skipping ``skip``."""

    def __init__(self):
        self._lock = threading.Lock()
        self._queue = []
        self._random = None
        self._chaos = None
        self.fired = []

    def add(
        self, kind, *, method=None, resource=None, division=None, times=1, skip=0, **options,
    ):
        """Queue a fault.

        :param kind: one of :data:`KINDS`
        :param method: only this HTTP method
        :param resource: regular expression searched in the resource ('salesentry/SalesEntries',
            'oauth2/token')
        :param division: only this division
        :param times: how many requests it serves; None = until cleared
        :param options: of :data:`OPTIONS`
        """
        if kind not in KINDS:
            raise ValueError(f'unknown fault {kind!r}; known: {", ".join(KINDS)}')
        fault = {
            'kind': kind,
            'method': method,
            'resource': re.compile(resource) if resource else None,
            'division': division,
            'times': times,
            'skip': skip,
            **checked(options),
        }
        with self._lock:
            self._queue.append(fault)

    def chaos(
        self, seed, rate, kinds=('cut_before', 'cut_after', 'status', 'broken_body'), **options
    ):
        """Random faults from a seed: each request is hit with probability ``rate``; rate 0 ends
        it.
        """
        for kind in kinds:
            if kind not in KINDS:
                raise ValueError(f'unknown fault {kind!r}')
        options = checked({'seconds': 0.2, **options})
        with self._lock:
            self._random = random.Random(seed)
            self._chaos = (
                {'rate': float(rate), 'kinds': tuple(kinds), 'options': options} if rate else None
            )

    def clear(self):
        with self._lock:
            self._queue.clear()
            self._chaos = None
            self.fired = []

    def pending(self):
        """What is still queued, as plain data."""
        with self._lock:
            return [
                {**fault, 'resource': fault['resource'].pattern if fault['resource'] else None}
                for fault in self._queue
            ]

    def take(self, method, resource, division=None):
        """The faults for this request, served and counted: {kind: fault}."""
        found = {}
        with self._lock:
            for fault in list(self._queue):
                if fault['method'] and fault['method'] != method:
                    continue
                if fault['resource'] and not fault['resource'].search(resource):
                    continue
                if fault['division'] and fault['division'] != division:
                    continue
                if fault['kind'] in found:
                    continue
                if fault['skip']:
                    fault['skip'] -= 1
                    continue
                found[fault['kind']] = fault
                if fault['times'] is not None:
                    fault['times'] -= 1
                    if fault['times'] <= 0:
                        self._queue.remove(fault)
            if not found and self._chaos and self._random.random() < self._chaos['rate']:
                kind = self._random.choice(self._chaos['kinds'])
                found[kind] = {'kind': kind, **self._chaos['options']}
            for kind in found:
                self.fired.append((method, resource, kind))
        return found
