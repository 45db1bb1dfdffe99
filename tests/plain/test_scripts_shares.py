"""How scripts/test shares out the tests inside Odoo, and what it says of the results."""

import json

import pytest
import stage_result
import summary
from shares import judged, record, split


def test_the_longest_first_each_to_who_has_least():
    seconds = {'a': 9, 'b': 8, 'c': 3, 'd': 2, 'e': 1}
    assert split(seconds, 2) == [['a', 'd', 'e'], ['b', 'c']]
    assert split(seconds, 1) == [['a', 'b', 'c', 'd', 'e']]


def test_every_file_runs_once():
    seconds = {f'test_{number}.py': number % 7 for number in range(40)}
    shares = split(seconds, 3)
    assert sorted(name for share in shares for name in share) == sorted(seconds)
    totals = [sum(seconds[name] for name in share) for share in shares]
    assert max(totals) - min(totals) <= 6


def test_what_is_not_recorded_is_judged_by_its_size():
    sizes = {'known.py': 1000, 'new.py': 3000}
    assert judged(sizes, {'known.py': 20, 'gone.py': 500}) == {'known.py': 20, 'new.py': 60}
    assert judged({'new.py': 20_000}, {}) == {'new.py': 10}


def results(folder, name, tests, setups=(), subtests=(0, 0)):
    path = folder / f'{name}.results'
    path.write_text(json.dumps({
        'tests': tests, 'setups': list(setups), 'processor': 3,
        'subtests': dict(zip(('passed', 'failed'), subtests, strict=True)),
    }))
    return path


@pytest.fixture
def run(tmp_path):
    results(tmp_path, 'odoo-1', [
        ['tests/test_a.py::A::test_1', 'passed', 2, 1],
        ['tests/test_b.py::B::test_1', 'passed', 5, 1],
    ], [['tests/test_a.py::A (set-up of the class)', 3, 1]], (7, 0))
    results(tmp_path, 'plain', [['test_c.py::test_1', 'passed', 1.5, 1]], (), (4, 0))
    return tmp_path


def test_seconds_of_a_file_are_those_of_its_tests_and_their_classes(run):
    assert record([run / 'odoo-1.results']) == {'tests/test_a.py': 5, 'tests/test_b.py': 5}


LINES = ('odoo-1   2 passed, 0 failed, 0 errors, 1 skipped in 9 s (subtests: 7 good, 0 bad)',
         'plain    1 passed, 0 failed, 0 errors, 0 skipped in 2 s')


def test_the_last_line_counts_tests_alone(run, capsys):
    assert not summary.main('11', run, '20', *LINES)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].strip('= ') == '3 passed, 1 skipped in 11.00s'
    assert lines[-2] == 'Subtests: 11 passed, 0 failed'


def test_a_test_that_takes_too_long_fails_the_run(run, capsys):
    assert summary.main('11', run, '4', *LINES)
    output = capsys.readouterr().out
    assert output.count('tests/test_b.py::B::test_1') == 2
    assert output.splitlines()[-1].strip('= ') == '3 passed, 1 skipped, 1 errors in 11.00s'
    assert not summary.main('11', run, '0', *LINES), "--all has no limit"


def test_one_stage_that_failed_fails_the_run(run, capsys):
    assert summary.main('11', run, '20', *LINES, 'kills    0 passed, 1 failed, 0 errors, 0 skipped')
    assert '1 failed, 3 passed' in capsys.readouterr().out


@pytest.mark.parametrize(('outcomes', 'counts'), [
    (['passed', 'passed', 'skipped'], {'passed': 2, 'failed': 0, 'errors': 0, 'skipped': 1}),
    (['failed', 'error', 'passed'], {'passed': 1, 'failed': 1, 'errors': 1, 'skipped': 0}),
])
def test_counts_of_a_stage(tmp_path, outcomes, counts):
    tests = [[str(number), kind, 1, 1] for number, kind in enumerate(outcomes)]
    path = results(tmp_path, 'x', tests, (), (2, 1))
    assert stage_result.read(path) == (counts, " (subtests: 2 good, 1 bad; 3 s of processor)")
    assert stage_result.read(tmp_path / 'none') is None
