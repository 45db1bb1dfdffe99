"""Pytest plugin: what each test came to and how long it took, as JSON for stage_result.py.

The seconds are those of a machine that has nothing else to do: the time on the clock less the time
that this process, those that its stage started beside it (Odoo, a browser) and those of PostgreSQL
that work for its databases were ready to run and waited for a processor. Where the system does not
tell that, they are the clock's. Of a slow machine they are as many as an ordinary one would need.
"""
import json
import os
import statistics
import threading
import time
from pathlib import Path

import pytest
from _pytest.subtests import SubtestReport

FILE = os.environ.get('ACCOUNT_EXACT_RESULTS')
SETUP = '(set-up of the class)'
# Between two looks at a stage.
STEP_SECONDS = 0.5
# What the loop below takes on an ordinary processor: 60 ns a turn. Virtual machines differ by a
# factor of two, from one hour to the next, and a test is not slower for that.
LOOPS, LOOP_SECONDS = 100_000, 0.006
# For shorter tests it does not matter.
CALIBRATED_SECONDS = 1


def loop_seconds():
    """How long this machine needs for a fixed piece of work, just now."""
    measured = []
    for _time in range(3):
        started, total = time.thread_time(), 0
        for number in range(LOOPS):
            total += number * number
        measured.append(time.thread_time() - started)
    return statistics.median(measured)


def of_ordinary_machine(seconds, measure=loop_seconds):
    """How many seconds these are on an ordinary machine. A quick machine is no excuse.

    :param measure: callable that says how long the loop takes here
    """
    if seconds < CALIBRATED_SECONDS:
        return seconds
    return seconds * min(1, LOOP_SECONDS / measure())


def schedule(path):
    """(seconds on a processor, seconds of waiting for one) of a process or thread."""
    try:
        with open(f'{path}/schedstat', encoding='ascii') as file:
            run, wait, _slices = file.read().split()
    except (OSError, ValueError):
        return 0, 0
    return int(run) / 1e9, int(wait) / 1e9


def threads_of(process):
    try:
        return [f'/proc/{process}/task/{name}' for name in os.listdir(f'/proc/{process}/task')]
    except OSError:    # It has just ended
        return []


def processes():
    """{process: (name, parent)}"""
    found = {}
    for process in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{process}/stat', encoding='utf-8', errors='replace') as file:
                before, _, after = file.read().rpartition(')')
        except OSError:
            continue
        found[process] = before.partition('(')[2], after.split()[1]
    return found


def of_stage(running):
    """The processes that our parent started, and theirs."""
    stage = str(os.getppid())
    found = {stage}
    while True:
        new = {process for process, (_name, parent) in running.items() if parent in found} - found
        if not new:
            return found - {stage}
        found |= new


class Meter:
    """What this process and its share of PostgreSQL have used so far.

    :param str database: the beginning of the names of its databases
    :param bool stage: with all processes of the stage
    """

    def __init__(self, database, stage=False):
        self.database = f' {database}'.encode() if database else None
        self.stage = stage

    def servers(self, running):
        """The processes of PostgreSQL that work for our databases, which begin with one name."""
        for process, (name, _parent) in running.items():
            if name != 'postgres':
                continue
            try:
                with open(f'/proc/{process}/cmdline', 'rb') as file:
                    line = file.read()
            except OSError:
                continue
            if line.startswith(b'postgres: ') and self.database in line:
                yield f'/proc/{process}'

    def read(self):
        usage = os.times()
        own = time.process_time() + usage.children_user + usage.children_system
        running = processes() if self.database else {}
        if self.stage:
            own = 0
            parts = {
                path: schedule(path)
                for process in of_stage(running) for path in threads_of(process)
            }
        else:
            parts = {path: (0, schedule(path)[1]) for path in threads_of('self')}
        if self.database:
            parts.update((path, schedule(path)) for path in self.servers(running))
        return time.monotonic(), own, parts

    @staticmethod
    def between(before, after):
        """(seconds of an idle machine, seconds on a processor)"""
        used, waited = after[1] - before[1], 0
        for path, (run, wait) in after[2].items():
            run_before, wait_before = before[2].get(path, (0, 0))
            used += max(run - run_before, 0)
            waited += max(wait - wait_before, 0)
        clock = after[0] - before[0]
        return min(clock, max(clock - waited, used)), used

    def processor(self):
        """Seconds on a processor, of all that is still there"""
        _clock, own, parts = self.read()
        return own + sum(run for run, _wait in parts.values())


class Steps:
    """A meter that is read in short steps, for stages of many processes.

    A browser has processes and threads that end before the test does, and take along what they had
    waited for; and many of them wait at the same time, which is no more than that time.
    """

    def __init__(self, meter):
        self.meter, self.lock = meter, threading.Lock()
        self.seconds = self.used = 0
        self.last = meter.read()

    def start(self):
        threading.Thread(target=self.walk, daemon=True).start()
        return self

    def walk(self):
        while True:
            time.sleep(STEP_SECONDS)
            self.read()

    def read(self):
        """(seconds of an idle machine, seconds on a processor) so far"""
        with self.lock:
            now = self.meter.read()
            seconds, used = self.meter.between(self.last, now)
            self.seconds, self.used, self.last = self.seconds + seconds, self.used + used, now
            return self.seconds, self.used

    @staticmethod
    def between(before, after):
        return after[0] - before[0], after[1] - before[1]

    def processor(self):
        return self.read()[1]


class Results:
    def __init__(self, config):
        self.config = config
        database = config.getoption('--odoo-database', None)
        served = os.environ.get('ACCOUNT_EXACT_DATABASE')
        meter = Meter(database or served, stage=bool(served))
        self.meter = Steps(meter).start() if served else meter
        self.outcomes, self.times, self.setups = {}, {}, {}
        self.subtests = {'passed': 0, 'failed': 0, 'skipped': 0}
        self.setup_time = (0, 0)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem):
        self.setup_time = (0, 0)
        before = self.meter.read()
        try:
            return (yield)
        finally:
            seconds, used = self.meter.between(before, self.meter.read())
            self.times[item.nodeid] = (
                of_ordinary_machine(max(seconds - self.setup_time[0], 0)),
                max(used - self.setup_time[1], 0),
            )

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        """What is made for many tests is not the time of the first of them."""
        if fixturedef.scope == 'function':
            return (yield)
        before, inner = self.meter.read(), self.setup_time
        try:
            return (yield)
        finally:
            spent = self.meter.between(before, self.meter.read())
            self.setup_time = tuple(max(a, b + c) for a, b, c in zip(
                self.setup_time, inner, spent, strict=True,
            ))
            if fixturedef.scope == 'class':
                name = f'{request.node.nodeid} {SETUP}'
                self.setups[name] = tuple(
                    map(sum, zip(self.setups.get(name, (0, 0)), spent, strict=True)),
                )

    def pytest_runtest_logreport(self, report):
        if isinstance(report, SubtestReport):
            self.subtests[report.outcome] += 1
            if report.outcome != 'failed':
                return
        kind = report.outcome
        if kind == 'failed' and report.when != 'call':
            kind = 'error'
        order = ('passed', 'skipped', 'failed', 'error')
        if report.when == 'call' or kind != 'passed':
            before = self.outcomes.get(report.nodeid, 'passed')
            self.outcomes[report.nodeid] = max(kind, before, key=order.index)

    def pytest_collectreport(self, report):
        if report.failed:
            self.outcomes[report.nodeid] = 'error'

    def pytest_sessionfinish(self):
        if not FILE:
            return
        Path(FILE).write_text(json.dumps({
            'tests': [
                [name, outcome, *self.times.get(name, (0, 0))]
                for name, outcome in self.outcomes.items()
            ],
            'setups': [
                [name, of_ordinary_machine(seconds), used]
                for name, (seconds, used) in self.setups.items()
            ],
            'subtests': self.subtests,
            'processor': self.meter.processor(),
        }), encoding='utf-8')


def pytest_configure(config):
    config.pluginmanager.register(Results(config), 'results')
