"""Stages of scripts/test side by side: no fault hides another, and nothing outlives the run."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PREAMBLE = '''
source "$ROOT/scripts/lib/common.sh"
source "$ROOT/scripts/lib/lanes.sh"
RUN=$FOLDER results=() failed=0
good() { echo "$1 works"; sleep "${EACH:-0}"; echo "$1 2 passed, 0 failed" > "$RUN/$1.line"; }
bad() { echo "why $1 failed"; echo "$1 1 passed, 1 failed" > "$RUN/$1.line"; STAGE_STATUS=1; }
broken() { echo "$1 begins"; false; echo "never said"; }
killed() { kill -KILL "$BASHPID"; }
waits() { run_child sleep 300; }
'''
END = '\nprintf "result: %s\\n" "${results[@]}"\nexit "$failed"\n'


def start(folder, script, **environment):
    return subprocess.Popen(
        ['bash', '-c', PREAMBLE + script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env={
            **os.environ, 'ROOT': str(ROOT), 'FOLDER': str(folder),
            'ACCOUNT_EXACT_CACHE': str(folder / 'cache'), **environment,
        },
    )


def run(folder, script, **environment):
    process = start(folder, script + END, **environment)
    output = process.communicate(timeout=60)[0]
    lines = output.splitlines()
    return process.returncode, output, [line[8:] for line in lines if line.startswith('result: ')]


def test_all_run_whatever_becomes_of_the_others(tmp_path):
    status, output, results = run(tmp_path, 'run_lanes 2 a:good b:bad c:broken d:killed e:good')
    assert status == 1
    assert sorted(line.split(' ')[0] for line in results) == ['a', 'b', 'c', 'd', 'e']
    assert {'a 2 passed, 0 failed', 'b 1 passed, 1 failed', 'e 2 passed, 0 failed'} < set(results)
    for name in 'cd':
        [line] = [line for line in results if line.startswith(name)]
        assert '1 errors' in line
    assert 'why b failed' in output
    assert 'c begins' in output
    assert 'a works' not in output, "what went well is not repeated"
    assert 'never said' not in output


def test_nothing_failed(tmp_path):
    status, _output, results = run(tmp_path, 'run_lanes 2 a:good b:good')
    assert (status, sorted(results)) == (0, ['a 2 passed, 0 failed', 'b 2 passed, 0 failed'])


def test_a_single_one_is_watched(tmp_path):
    status, output, _results = run(tmp_path, 'run_lanes 2 a:bad')
    assert (status, output.count('why a failed')) == (1, 1)


def test_two_at_a_time(tmp_path):
    started = time.monotonic()
    status, _output, _results = run(
        tmp_path, 'run_lanes 2 a:good b:good c:good d:good', EACH='2',
    )
    seconds = time.monotonic() - started
    assert not status
    assert seconds >= 4, "not four at a time"


@pytest.mark.parametrize('how', [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_run(tmp_path, how):
    process = start(tmp_path, 'waits() { run_child sleep 300.$$; }; run_lanes 2 a:waits b:waits')

    def left():
        found = subprocess.run(
            ['ps', '-eo', 'args'], capture_output=True, text=True, check=True,
        ).stdout.splitlines()
        return found.count(f'sleep 300.{process.pid}')

    def until(number):
        end = time.monotonic() + 40
        while left() != number and time.monotonic() < end:
            process.poll()   # as any parent would: the dead are gone when somebody has looked
            time.sleep(0.2)
        return left()

    assert until(2) == 2
    process.send_signal(how)
    assert until(0) == 0
    process.communicate(timeout=60)


def test_lines_of_the_request_log_are_whole(tmp_path):
    """All lanes append to one file; a line may be longer than any buffer."""
    log = tmp_path / 'requests.jsonl'
    script = (
        'import sys; from simulator.requestlog import RequestLog; log = RequestLog(sys.argv[1])\n'
        'for number in range(40):\n'
        '    log.write("POST", "/api", "", [], {"Text": sys.argv[2] * 300_000}, 201)'
    )
    writers = [
        subprocess.Popen([sys.executable, '-c', script, str(log), letter], cwd=ROOT)
        for letter in 'abc'
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    texts = [json.loads(line)['body']['Text'] for line in log.read_text().splitlines()]
    assert sorted(map(len, texts)) == [300_000] * 120
    assert {text[0] for text in texts if len(set(text)) == 1} == set('abc')
    assert all(len(set(text)) == 1 for text in texts)
