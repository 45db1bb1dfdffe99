"""Which files of tests inside Odoo run in which share: python shares.py CHECKOUT SHARE SHARES

Prints the files of one share, counted from 1, the longest first in each. The seconds of each file
were recorded by scripts/test --record (durations.json); what is not in there is judged by its size.

python shares.py CHECKOUT --record RESULTS...: writes them.
"""
import json
import sys
from collections import defaultdict
from pathlib import Path

RECORDED = Path(__file__).with_name('durations.json')
# Of a start with nothing recorded: some 20 kB of tests take this long.
SECONDS_PER_BYTE = 10 / 20_000
# Tests that run without Odoo, or against a running one.
OTHER_KINDS = ('plain', 'browser')


def files(checkout):
    """Paths below the checkout, with their bytes."""
    found = [
        path for tests in (checkout / 'tests', *checkout.glob('addons/*/tests'))
        for path in tests.rglob('test_*.py')
        if path.relative_to(tests).parts[0] not in OTHER_KINDS
    ]
    return {path.relative_to(checkout).as_posix(): path.stat().st_size for path in found}


def judged(sizes, recorded):
    """Seconds for each file."""
    known = [(sizes[name], recorded[name]) for name in sizes if name in recorded]
    rate = SECONDS_PER_BYTE
    if known:
        rate = sum(seconds for _size, seconds in known) / sum(size for size, _seconds in known)
    return {name: recorded.get(name, size * rate) for name, size in sizes.items()}


def split(seconds, shares):
    """The longest file first, each to the share that has least to do."""
    result = [[0, []] for _ in range(shares)]
    for name in sorted(seconds, key=lambda name: (-seconds[name], name)):
        share = min(result, key=lambda share: share[0])
        share[0] += seconds[name]
        share[1].append(name)
    return [names for _total, names in result]


def record(results):
    """Seconds per file of what was run."""
    total = defaultdict(float)
    for path in results:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
        for name, *_outcome, seconds, _used in content['tests'] + content['setups']:
            total[name.split('::')[0]] += seconds
    return {name: round(seconds, 1) for name, seconds in sorted(total.items())}


def main(checkout, first, *rest):
    if first == '--record':
        RECORDED.write_text(json.dumps(record(rest), indent=1) + '\n', encoding='utf-8')
        return
    recorded = json.loads(RECORDED.read_text(encoding='utf-8')) if RECORDED.exists() else {}
    skipped = set(rest[1:])
    sizes = {
        name: size for name, size in files(Path(checkout)).items()
        if not any(name.startswith(f'addons/{addon}/') for addon in skipped)
    }
    print(*split(judged(sizes, recorded), int(rest[0]))[int(first) - 1], sep='\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
