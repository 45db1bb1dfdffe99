"""The machine that a rehearsal runs on: its clock, its processes, its way to Exact.

Odoo, the addon and the simulator are the real ones, in one process, on a real database with real
commits. What is replaced is only what they stand on: time, chance, and the moment at which a
process dies.
"""

import contextlib
import random
import signal
from datetime import timezone
from types import SimpleNamespace

import freezegun
import psycopg2
import requests
from requests.adapters import HTTPAdapter

from odoo import sql_db

from odoo.addons.account_exact.simulator import app as simulator_app, masters, oauth
from odoo.addons.account_exact.simulator.server import SimulatorServer

# A lock that another process of this one thread holds will never be given: waiting is of no use.
LOCK_TIMEOUT = '30ms'
# Nobody is there to wait for but oneself, in another transaction: in real life that is for ever.
DEADLOCK_TIMEOUT = '5s'


class KilledError(BaseException):
    """The process is killed: nobody catches this, and nothing is written after it."""


class HangsError(BaseException):
    """A step takes so long in real time that it will not come to an end."""


class VirtualClock:
    """Time that moves when something takes time, or when nothing is left to do until later."""

    def __init__(self, start):
        self._freezer = freezegun.freeze_time(start)
        self._frozen = self._freezer.start()
        self.start = self()

    def __call__(self):
        """The present moment, aware, in UTC; also the clock of the simulator."""
        return self._frozen.time_to_freeze.replace(tzinfo=timezone.utc)

    def naive(self):
        return self._frozen.time_to_freeze

    def tick(self, seconds):
        self._frozen.tick(seconds)

    def move_to(self, moment):
        """Jump ahead; time never goes back."""
        if moment > self.naive():
            self._frozen.move_to(moment)


class Process:
    """A worker, or a person's request: what dies together, with the cursors that it opened.

    :param str kind: 'worker' or 'person'
    :param bool guest: runs while another process waits for Exact, in the same thread
    """

    def __init__(self, kind, guest=False):
        self.kind, self.guest = kind, guest
        self.dead = False
        self.calls = 0
        self.commits = 0
        self.cursors = []

    def die(self):
        """Be gone: what was not committed is lost, and all locks are free."""
        self.dead = True
        for cursor in self.cursors:
            if not cursor._closed and not cursor._cnx.closed:
                # The connection, not the cursor: locks of the session go with it
                cursor._cnx.close()
        raise KilledError


class Machine:
    """Clock, processes and network of one run.

    :param int seed: of everything that is left to chance here
    """

    def __init__(self, seed, start):
        self.random = random.Random(f'machine {seed}')
        self.clock = VirtualClock(start)
        self.processes = []
        # Called with (process, where) at each point at which a process can die or be overtaken
        self.on_point = lambda process, where, query=None: None
        self.on_call = lambda process, request, moment: None
        self.on_answer = lambda request, response: None
        self.on_deadlock = lambda process, query: None
        self._real = {}
        self._patch(seed)

    @property
    def process(self):
        return self.processes[-1] if self.processes else None

    @contextlib.contextmanager
    def run(self, kind):
        """Be another process for a while.

        :return: the process; it may be dead at the end, which is not an error.
        """
        process = Process(kind, guest=bool(self.processes))
        self.processes.append(process)
        try:
            yield process
        except KilledError:
            pass
        finally:
            self.processes.pop()

    @contextlib.contextmanager
    def watch(self, seconds, what):
        """Raise if this takes longer in real time: something goes round in circles."""
        def late(_number, _frame):
            raise HangsError(f"{what} did not come to an end in {seconds} s")

        before = signal.signal(signal.SIGALRM, late)
        signal.alarm(seconds)
        try:
            yield
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)

    # === WHAT IS REPLACED === #

    def _patch(self, seed):
        machine = self
        chance = random.Random(f'ids {seed}')

        def uuid4():
            return '{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}'.format(*(
                chance.getrandbits(bits) for bits in (32, 16, 12, 12, 48)
            ))

        # Chance of the simulator: GUIDs and tokens
        masters.uuid = SimpleNamespace(uuid4=uuid4)
        oauth.secrets = SimpleNamespace(
            token_urlsafe=lambda size: f'{chance.getrandbits(size * 8):0{size * 2}x}',
            token_hex=lambda size: f'{chance.getrandbits(size * 8):0{size * 2}x}',
        )
        # A delay takes virtual time; how long the simulator works is nobody's business
        simulator_app.time = SimpleNamespace(
            sleep=self.clock.tick, perf_counter=lambda: 0.0,
        )
        # Connections do not grow old while time jumps
        sql_db.MAX_IDLE_TIMEOUT = float('inf')
        self._patch_cursor()

        send = HTTPAdapter.send

        def send_in_virtual_time(adapter, request, stream=False, timeout=None, **options):
            process, clock = machine.process, machine.clock
            started = clock()
            machine.on_call(process, request, 'before')
            clock.tick(machine.random.uniform(0.05, 0.4))
            response = send(adapter, request, stream=stream, timeout=timeout, **options)
            patience = timeout[1] if isinstance(timeout, tuple) else timeout
            if patience and (clock() - started).total_seconds() > patience:
                raise requests.exceptions.ReadTimeout(request=request)
            machine.on_call(process, request, 'after')
            machine.on_answer(request, response)
            return response

        HTTPAdapter.send = send_in_virtual_time

    def _patch_cursor(self):
        machine, cursor_class = self, sql_db.Cursor
        init, execute = cursor_class.__init__, cursor_class.execute
        commit, rollback = cursor_class.commit, cursor_class.rollback

        def patched_init(cursor, *args, **kwargs):
            process = machine.process
            if process and process.dead:
                raise KilledError
            init(cursor, *args, **kwargs)
            cursor._rehearsed = process
            if process:
                process.cursors.append(cursor)
                timeout = LOCK_TIMEOUT if process.guest else DEADLOCK_TIMEOUT
                execute(cursor, f"SET lock_timeout = '{timeout}'")
                cursor._cnx.commit()

        def patched_execute(cursor, query, params=None, log_exceptions=True):
            process = cursor._rehearsed
            if process is None:
                return execute(cursor, query, params, log_exceptions)
            if process.dead:
                raise KilledError
            text = str(getattr(query, 'code', query))
            machine.on_point(process, 'execute', text)
            try:
                return execute(cursor, query, params, log_exceptions)
            except psycopg2.errors.LockNotAvailable:
                if 'NOWAIT' not in text:
                    if process.guest:
                        # It would wait for whom it interrupted: let it die there instead
                        process.die()
                    machine.on_deadlock(process, text)
                raise

        def patched_commit(cursor):
            process = cursor._rehearsed
            if process is None:
                return commit(cursor)
            if process.dead:
                raise KilledError
            machine.on_point(process, 'before commit')
            result = commit(cursor)
            process.commits += 1
            machine.on_point(process, 'after commit')
            return result

        def patched_rollback(cursor):
            process = cursor._rehearsed
            if process is not None and process.dead:
                # Nothing is left to take back: the connection is gone
                cursor.clear()
                return None
            return rollback(cursor)

        cursor_class.__init__ = patched_init
        cursor_class.now = lambda cursor: machine.clock.naive()
        cursor_class.execute = patched_execute
        cursor_class.commit = patched_commit
        cursor_class.rollback = patched_rollback


def start_simulator(books, clock, switches=None, log=None):
    """The simulator with its books in a file, on the clock of the machine."""
    return SimulatorServer(database=str(books), clock=clock, switches=switches, log=log).start()
