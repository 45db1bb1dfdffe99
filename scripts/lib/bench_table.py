"""Prints a table of the lines in a file: figure, value, target and way, separated by tabs."""
import sys

HEADER = ['figure', 'value', 'must reach', 'measured by']

with open(sys.argv[1], encoding='utf-8') as file:
    rows = [(line.rstrip('\n').split('\t') + [''] * 4)[:4] for line in file if line.strip()]
widths = [max(map(len, column)) for column in zip(HEADER, *rows, strict=True)]
for row in [HEADER, ['-' * width for width in widths], *rows]:
    print('  '.join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
