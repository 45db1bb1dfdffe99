"""Pytest plugin: what each test came to and how long it took, as JSON for stage_result.py.

The seconds are those of a machine that has nothing else to do: the time on the clock less the time
that this process, those that its stage started beside it (Odoo, a browser) and those of PostgreSQL
that work for its databases were ready to run and waited for a processor. Where the system does not
tell that, they are the clock's.
"""
import json
import os
import time
from pathlib import Path

import pytest
from _pytest.subtests import SubtestReport

FILE = os.environ.get('ACCOUNT_EXACT_RESULTS')
SETUP = '(set-up of the class)'


def schedule(path):
    """(seconds on a processor, seconds of waiting for one) of a process or thread."""
    try:
        run, wait, _slices = path.read_text().split()
    except (OSError, ValueError):
        return 0, 0
    return int(run) / 1e9, int(wait) / 1e9


def of_stage():
    """The processes that our parent started, and theirs."""
    parents = {}
    for path in Path('/proc').glob('[0-9]*/stat'):
        try:
            parents[path.parent] = path.read_text().rpartition(')')[2].split()[1]
        except (OSError, IndexError):
            continue
    found = {str(os.getppid())}
    added = True
    while added:
        new = {path.name for path, parent in parents.items() if parent in found} - found
        found |= new
        added = bool(new)
    return [Path('/proc', name) for name in found - {str(os.getppid())}]


class Meter:
    """What this process and its share of PostgreSQL have used so far.

    :param str database: the beginning of the names of its databases
    :param bool stage: with all processes of the stage
    """

    def __init__(self, database, stage=False):
        self.database = f' {database}'.encode() if database else None
        self.stage = stage

    def servers(self):
        """The processes of PostgreSQL that work for our databases, which begin with one name."""
        for path in Path('/proc').glob('[0-9]*'):
            try:
                line = (path / 'cmdline').read_bytes()
            except OSError:
                continue
            if line.startswith(b'postgres: ') and self.database in line:
                yield path

    def read(self):
        usage = os.times()
        own = time.process_time() + usage.children_user + usage.children_system
        threads = Path('/proc/self/task').glob('*/schedstat')
        parts = {path: (0, schedule(path)[1]) for path in threads}
        if self.stage:
            own = 0
            parts = {
                path: schedule(path)
                for process in of_stage() for path in process.glob('task/*/schedstat')
            }
        if self.database:
            parts.update((path, schedule(path / 'schedstat')) for path in self.servers())
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


class Results:
    def __init__(self, config):
        self.config = config
        database = config.getoption('--odoo-database', None)
        served = os.environ.get('ACCOUNT_EXACT_DATABASE')
        self.meter = Meter(database or served, stage=bool(served))
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
                max(seconds - self.setup_time[0], 0), max(used - self.setup_time[1], 0),
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
        _clock, own, parts = self.meter.read()
        Path(FILE).write_text(json.dumps({
            'tests': [
                [name, outcome, *self.times.get(name, (0, 0))]
                for name, outcome in self.outcomes.items()
            ],
            'setups': [[name, *times] for name, times in self.setups.items()],
            'subtests': self.subtests,
            'processor': own + sum(run for run, _wait in parts.values()),
        }), encoding='utf-8')


def pytest_configure(config):
    config.pluginmanager.register(Results(config), 'results')
