"""The result of one kind of tests.

python stage_result.py NAME EXIT_STATUS SECONDS JUNIT_XML PYTEST_ARGUMENTS [LOG...]

Prints the warnings and errors found in Odoo's logs, then one line with the counts. Exit status 1 if
anything failed.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

LOG_LINE = re.compile(r'^(?:\d{4}-\d\d-\d\d [\d:,]+ \d+ )?(WARNING|ERROR|CRITICAL) ')


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


def counts(path):
    try:
        suites = ElementTree.parse(path).getroot().iter('testsuite')
    except (OSError, ElementTree.ParseError):
        return None
    total = dict.fromkeys(('tests', 'failures', 'errors', 'skipped'), 0)
    for suite in suites:
        for key in total:
            total[key] += int(suite.get(key, 0))
    return {
        'passed': total['tests'] - total['failures'] - total['errors'] - total['skipped'],
        'failed': total['failures'],
        'errors': total['errors'],
        'skipped': total['skipped'],
    }


def main():
    name, status, seconds, junit, arguments, *logs = sys.argv[1:]
    status = int(status)
    result = counts(junit)
    if result is None:
        result = {'passed': 0, 'failed': 0, 'errors': 1, 'skipped': 0}
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
    print(f'{name:8} {numbers} in {seconds} s')
    sys.exit(bad)


main()
