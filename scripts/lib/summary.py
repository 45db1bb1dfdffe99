"""The end of scripts/test: python summary.py SECONDS FOLDER LIMIT STAGE_LINE...

FOLDER: with the results of the stages (pytest_results.py). Tells the slowest tests and the number
of subtests; the last line counts the tests, as pytest writes it. Exit status 1 if anything failed
or a test took more than LIMIT seconds (0: no limit).
"""
import json
import re
import sys
from pathlib import Path

SHOWN = 25
# Nothing to gain below.
WORTH_SECONDS = 1


def read(folder):
    """([(seconds, name)], number of subtests per outcome)"""
    times, subtests = [], {}
    for path in sorted(Path(folder).glob('*.results')):
        results = json.loads(path.read_text(encoding='utf-8'))
        times += [(test[2], test[0]) for test in results['tests']]
        times += [(setup[1], setup[0]) for setup in results['setups']]
        for outcome, number in results['subtests'].items():
            subtests[outcome] = subtests.get(outcome, 0) + number
    return sorted(times, reverse=True), subtests


def total_of(lines):
    total = {}
    for line in lines:
        for number, what in re.findall(r'(\d+) (passed|failed|errors|skipped)\b', line):
            total[what] = total.get(what, 0) + int(number)
    return total


def main(seconds, folder, limit, *lines):
    times, subtests = read(folder)
    total, limit = total_of(lines), float(limit)
    slow = [(spent, name) for spent, name in times if limit and spent > limit]
    shown = [time for time in times[:SHOWN] if time[0] >= WORTH_SECONDS]
    if shown:
        print('\nThe slowest, in seconds of an ordinary machine that does nothing else:')
        for spent, name in shown:
            print(f'{spent:8.1f}  {name}')
    if slow:
        print(
            f'\n{len(slow)} took more than {limit:.0f} s: make them faster, split them, or leave'
            ' them to scripts/test --all:',
        )
        for spent, name in slow:
            print(f'{spent:8.1f}  {name}')
    if any(subtests.values()):
        print('\nSubtests: ' + ', '.join(f'{number} {what}' for what, number in subtests.items()))
    if not total.get('passed', 0) + total.get('failed', 0) + total.get('errors', 0):
        print('No test was run.')
    if slow:
        total['errors'] = total.get('errors', 0) + len(slow)
    parts = [
        f'{total[what]} {what}'
        for what in ('failed', 'passed', 'skipped', 'errors') if total.get(what)
    ]
    text = f" {', '.join(parts) or 'no tests ran'} in {float(seconds):.2f}s "
    print(text.center(80, '='))
    return bool(total.get('failed') or total.get('errors'))


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
