"""Which files travel to Exact, and under which names."""

import pytest
from hypothesis import given, strategies as st

from booking import LIMITS, MAX_FILE, File, cut_name, free_name


@pytest.mark.parametrize(('file', 'why'), [
    (File('receipt.heic', b'x'), ''),
    (File('receipt.webp', b'x'), ''),
    (File('scan.tiff', b'x'), ''),
    (File('terms.docx', b'x'), ''),
    (File('mail.eml', b'x'), ''),
    (File('lines.csv', b'x'), ''),
    (File('all.zip', b'PK'), ''),
    (File('no extension', b'x'), ''),
    (File('exactly.pdf', size=MAX_FILE), ''),
    (File('more.pdf', size=MAX_FILE + 1), 'too_large'),
    (File('empty.pdf'), 'empty'),
    (File('shared folder', left_out='link', url='https://example.com/a'), 'link'),
    (File('logo.png', b'x', left_out='inline'), 'inline'),
])
def test_what_travels_and_why_not(file, why):
    assert file.why_left_out == why


def test_a_long_name_is_cut_before_its_extension():
    name = 'f' * 256 + '.pdf'
    cut = cut_name(name)
    assert len(cut) == LIMITS['file_name']
    assert cut.endswith('f.pdf')


@pytest.mark.parametrize(('name', 'cut'), [
    ('bill.pdf', 'bill.pdf'),
    ('.hidden', '.hidden'),
    ('', 'file'),
    ('two\nlines\t.pdf', 'two lines .pdf'),
    ('x' * 99 + '.' + 'y' * 99, 'x' * 99),
])
def test_names(name, cut):
    assert cut_name(name) == cut


def test_files_of_one_name_are_numbered():
    assert free_name('scan.pdf', []) == 'scan.pdf'
    assert free_name('scan.pdf', ['scan.pdf']) == 'scan (2).pdf'
    assert free_name('Scan.PDF', ['scan.pdf', 'scan (2).pdf']) == 'Scan (3).PDF'
    assert free_name('README', ['readme']) == 'README (2)'


@given(st.lists(st.text(max_size=300), max_size=6))
def test_every_file_has_a_name_of_its_own_that_fits(names):
    given_names = []
    for name in names:
        given_names.append(free_name(name, given_names))
    assert len({name.casefold() for name in given_names}) == len(names)
    assert all(0 < len(name) <= LIMITS['file_name'] for name in given_names)
