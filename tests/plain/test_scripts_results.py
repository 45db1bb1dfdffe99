"""The plugin that says what each test came to."""

import json
import os
import subprocess
import sys

import pytest_results

TESTS = '''
import time
import unittest
import pytest

class TestIt(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        time.sleep(0.3)

    def test_subtests(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertNotEqual(number, self.bad)

    bad = 1

class TestGood(TestIt):
    bad = None

    def test_skipped(self):
        self.skipTest("not here")

@pytest.fixture
def broken():
    raise ValueError

def test_set_up_fails(broken):
    pass

def test_sleeps():
    time.sleep(0.2)
'''


def test_tests_and_subtests_apart(tmp_path):
    (tmp_path / 'test_it.py').write_text(TESTS)
    subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:odoo', '-p', 'no:cacheprovider',
         '-p', 'pytest_results', 'test_it.py'],
        cwd=tmp_path, stdout=subprocess.DEVNULL, check=False, env={
            **os.environ, 'PYTHONPATH': os.path.dirname(pytest_results.__file__),
            'ACCOUNT_EXACT_RESULTS': str(tmp_path / 'it.results'),
        },
    )
    found = json.loads((tmp_path / 'it.results').read_text())
    assert {name.split('::', 1)[1]: outcome for name, outcome, *_times in found['tests']} == {
        'TestIt::test_subtests': 'failed', 'TestGood::test_subtests': 'passed',
        'TestGood::test_skipped': 'skipped', 'test_set_up_fails': 'error', 'test_sleeps': 'passed',
    }
    assert found['subtests'] == {'passed': 5, 'failed': 1, 'skipped': 0}
    seconds = {name.split('::', 1)[1]: spent for name, _outcome, spent, _used in found['tests']}
    assert seconds['test_sleeps'] >= 0.2, "sleeping is slow on an idle machine, too"
    assert seconds['TestIt::test_subtests'] < 0.3, "the class is told apart"
    assert [name for name, spent, _used in found['setups'] if spent >= 0.3] == [
        'test_it.py::TestIt (set-up of the class)', 'test_it.py::TestGood (set-up of the class)',
    ]


def test_waiting_for_a_processor_does_not_count():
    before = (100, 5, {'main': (0, 2), 'server': (1, 3)})
    after = (130, 9, {'main': (0, 12), 'server': (3, 7), 'new': (1, 1)})
    # 30 s on the clock; 4 + 2 + 1 s of processor; 10 + 4 + 1 s of waiting
    assert pytest_results.Meter.between(before, after) == (15, 7)
    # More waiting than time: threads that waited side by side
    assert pytest_results.Meter.between(before, (110, 9, after[2])) == (7, 7)


def test_what_ends_before_the_test_has_waited_too():
    class Meter:
        between = staticmethod(pytest_results.Meter.between)
        readings = iter([
            (0, 0, {'browser': (0, 0)}),
            # It starts a helper; each of them waits for 8 of 10 s, and nothing else happens
            (10, 0, {'browser': (1, 8), 'helper': (1, 8)}),
            # The helper is gone, the browser sleeps
            (20, 0, {'browser': (1, 8)}),
        ])

        def read(self):
            return next(self.readings)

    steps = pytest_results.Steps(Meter())
    before = steps.read()
    assert before == (2, 2), "in no more than 10 s, of which 2 were work"
    after = steps.read()
    assert steps.between(before, after) == (10, 0), "sleeping is slow"
    assert steps.between((0, 0), after) == (12, 2)


def test_slow_machine_makes_no_test_slow():
    ordinary = pytest_results.LOOP_SECONDS
    assert pytest_results.of_ordinary_machine(30, lambda: 2 * ordinary) == 15
    # A quick one is no excuse
    assert pytest_results.of_ordinary_machine(30, lambda: ordinary / 2) == 30
    assert 0 < pytest_results.loop_seconds() < 5
