"""What a test or a rehearsal does to the simulator from outside: ``POST /_control/<action>`` with
JSON.

Loopback only. The same actions are reachable in Python as ``server.control.run(action, values)``.
They stand for people working inside Exact (closing a period, deleting an entry) and for the world
going wrong (faults).
"""

import json
from datetime import datetime, timezone
from types import SimpleNamespace

from werkzeug.wrappers import Response

from .. import seed
from ..ledger import BY_HEADER
from ..messages import BusinessError
from ..oauth import is_loopback
from .access import Access
from .bank import Bank
from .books import Books
from .error import ControlError
from .payment_runs import PaymentRuns
from .payments import Payments


class Control(Access, Books, Payments, Bank, PaymentRuns):
    def __init__(self, app):
        self.app, self.store = app, app.store

    def serve(self, request):
        if not is_loopback(request.remote_addr):
            return Response('Only from this machine.', 403, mimetype='text/plain')
        action = request.path[len('/_control') :].strip('/')
        if request.method == 'GET' and action in ('', 'state'):
            return self.answer(self.run('state', {}))
        if request.method != 'POST':
            return Response('POST with JSON.', 405, mimetype='text/plain')
        if request.mimetype != 'application/json':
            # a web page cannot send this type across sites without asking first
            return Response('Content-Type: application/json is needed.', 415, mimetype='text/plain')
        try:
            values = json.loads(request.get_data() or b'{}')
            return self.answer(self.run(action, values))
        except (ControlError, BusinessError, ValueError, KeyError, TypeError) as error:
            text = (
                error.text('en') if isinstance(error, BusinessError) else str(error) or repr(error)
            )
            return self.answer({'error': text}, 400)

    @staticmethod
    def answer(values, status=200):
        return Response(json.dumps(values, default=str), status, mimetype='application/json')

    def run(self, action, values=None):
        """Do one action; returns plain data.

        :raise ControlError: unknown action or record
        """
        method = getattr(self, f'do_{action}', None)
        if method is None:
            known = sorted(name[3:] for name in dir(self) if name.startswith('do_'))
            raise ControlError(f'unknown action {action!r}; known: {", ".join(known)}')
        with self.store.lock:
            return method(**(values or {})) or {}

    def call(self, division, user='jan'):
        """A stand-in for the API call of somebody working inside Exact."""
        row = self.store.get('_user', 0, seed.user_id(user))
        return SimpleNamespace(
            division=division,
            user=row,
            app='exact',
            method='',
            language='nl',
            base='',
            endpoint=None,
        )

    def entry(self, division, entry):
        """(kind, header) of an entry by GUID or by number."""
        for kind in BY_HEADER.values():
            header = (
                self.store.get(kind.header, division, str(entry).lower())
                if isinstance(entry, str)
                else None
            )
            header = header or (
                self.store.one(kind.header, division, 'EntryNumber', int(entry))
                if str(entry).isdigit()
                else None
            )
            if header is not None:
                return kind, header
        raise ControlError(f'no entry {entry} in division {division}')

    # === state, switches, faults, clock === #

    def do_state(self):
        """Switches, queued faults, meters, counts per division."""
        counts = {}
        for (kind, division), table in self.store.tables.items():
            if division and not kind.startswith('_') and len(table):
                counts.setdefault(division, {})[kind] = len(table)
        return {
            'switches': self.app.switches.as_dict(),
            'faults': self.app.faults.pending(),
            'fired': self.app.faults.fired,
            'limits': self.app.limits.meters(),
            'counts': counts,
            'now': self.app.clock().isoformat(),
            'timestamp': self.store.last_stamp,
        }

    def do_switches(self, **values):
        """Set switches; answers all of them."""
        self.app.switches.update(values)
        return self.app.switches.as_dict()

    def do_faults(self, faults=(), clear=False, chaos=None):
        """Queue faults: ``{"faults": [{"kind": "cut_after", "method": "POST", ...}], "clear":
        false, "chaos": {...}}``.
        """
        if clear:
            self.app.faults.clear()
        for fault in faults:
            self.app.faults.add(**fault)
        if chaos is not None:
            self.app.faults.chaos(**chaos)
        return {'faults': self.app.faults.pending()}

    def do_clock(self, freeze=None, advance=0, resume=False):
        """Freeze at an ISO instant (or ``"now"``), advance by seconds, or resume."""
        clock = self.app.clock
        if resume:
            clock.resume()
        if freeze:
            at = None if freeze == 'now' else datetime.fromisoformat(freeze)
            clock.freeze(at if at is None or at.tzinfo else at.replace(tzinfo=timezone.utc))
        if advance:
            clock.advance(advance)
        return {'now': clock().isoformat()}

    def do_reset_limits(self):
        self.app.limits.reset()
