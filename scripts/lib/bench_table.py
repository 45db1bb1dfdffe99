"""Prints a table of the lines in a file: figure, value, target and way, separated by tabs.

Then the figures that are wanted but that no script measured: python bench_table.py TABLE [all]
"""
import re
import sys

HEADER = ['figure', 'value', 'must reach', 'measured by']

# What every release should show, and how to recognise it among the measured figures.
WANTED = [
    ("calls per exported document without PDF", r'calls per .*without pdf'),
    ("calls per exported document with PDF", r'calls per .*with pdf'),
    ("share of the calls per minute used while documents wait", r'minute|quota'),
    ("SQL queries per document", r'queries per document'),
    ("processor time per document", r'cpu per document'),
    ("pre-flight of 10,000 documents", r'pre-?flight|dry run'),
    ("first synchronisation of 50,000 relations", r'first sync'),
    ("delta synchronisation when nothing changed", r'delta'),
    ("list of invoices with the Exact column against without", r'list|column'),
]

with open(sys.argv[1], encoding='utf-8') as file:
    rows = [(line.rstrip('\n').split('\t') + [''] * 4)[:4] for line in file if line.strip()]
widths = [max(map(len, column)) for column in zip(HEADER, *rows, strict=True)]
for row in [HEADER, ['-' * width for width in widths], *rows]:
    print('  '.join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
measured = [row[0] for row in rows]
missing = [
    name for name, pattern in WANTED
    if not any(re.search(pattern, figure, re.IGNORECASE) for figure in measured)
]
if missing and sys.argv[2:] == ['all']:
    print('\nNot measured yet (no script in scripts/bench.d does it):')
    for name in missing:
        print(f'  {name}')
