"""The last line of scripts/test, as pytest writes it: python summary.py SECONDS STAGE_LINE..."""
import re
import sys

seconds, *lines = sys.argv[1:]
total = {}
for line in lines:
    for number, what in re.findall(r'(\d+) (passed|failed|errors|skipped)\b', line):
        total[what] = total.get(what, 0) + int(number)
if not total.get('passed', 0) + total.get('failed', 0) + total.get('errors', 0):
    print('No test was run.')
parts = [
    f'{total[what]} {what}'
    for what in ('failed', 'passed', 'skipped', 'errors') if total.get(what)
]
text = f" {', '.join(parts) or 'no tests ran'} in {float(seconds):.2f}s "
print(text.center(80, '='))
sys.exit(bool(total.get('failed') or total.get('errors')))
