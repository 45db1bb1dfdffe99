"""The result of one kind of tests.

python stage_result.py NAME EXIT_STATUS SECONDS RESULTS PYTEST_ARGUMENTS [LOG...]

RESULTS: what pytest_results.py wrote. Prints the warnings and errors found in Odoo's logs, then one
line with the counts. Exit status 1 if anything failed.
"""
import json
import re
import sys
from collections import Counter
from pathlib import Path

LOG_LINE = re.compile(r'^(?:\d{4}-\d\d-\d\d [\d:,]+ \d+ )?(WARNING|ERROR|CRITICAL) ')
WORDS = {'passed': 'passed', 'failed': 'failed', 'error': 'errors', 'skipped': 'skipped'}


def allowed():
    text = Path(__file__).with_name('log_allowed.txt').read_text(encoding='utf-8')
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith('#'))
    return [re.compile(line) for line in lines]


def log_findings(logs):
    patterns = allowed()
    for log in map(Path, logs):
        if not log.exists():
            yield f'{log.name} is missing'
            continue
        for line in log.read_text(encoding='utf-8', errors='replace').splitlines():
            if LOG_LINE.match(line) and not any(pattern.search(line) for pattern in patterns):
                yield line


def read(path):
    """(number of tests per outcome, what else is worth a word); None: pytest did not get so far."""
    try:
        results = json.loads(Path(path).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None
    outcomes = Counter(test[1] for test in results['tests'])
    counts = {word: outcomes[outcome] for outcome, word in WORDS.items()}
    subtests, rest = results['subtests'], []
    if any(subtests.values()):
        rest.append(f"subtests: {subtests['passed']} good, {subtests['failed']} bad")
    rest.append(f"{results['processor']:.0f} s of processor")
    return counts, f" ({'; '.join(rest)})"


def main():
    name, status, seconds, path, arguments, *logs = sys.argv[1:]
    status = int(status)
    result, rest = read(path) or ({'passed': 0, 'failed': 0, 'errors': 1, 'skipped': 0}, None)
    if rest is None:
        rest = ''
        print(f'{name}: pytest ended with exit status {status} before it could write its results.')
    findings = list(log_findings(logs))
    if findings:
        print(f"{name}: {len(findings)} warnings and errors in Odoo's log that nobody expected:")
        for finding in findings[:50]:
            print(f'  {finding[:600]}')
        if len(findings) > 50:
            print(f'  … and {len(findings) - 50} more')
        result['errors'] += len(findings)
    # 5: no test was selected, which is right when somebody selects by -k.
    bad = bool(status and not (status == 5 and arguments))
    bad = bad or bool(result['failed'] or result['errors'])
    if bad and not (result['failed'] or result['errors']):
        print(f'{name}: pytest ended with exit status {status}.')
        result['errors'] = 1
    numbers = ', '.join(f'{number} {what}' for what, number in result.items())
    print(f'{name:8} {numbers} in {seconds} s{rest}')
    sys.exit(bad)


if __name__ == '__main__':
    main()
