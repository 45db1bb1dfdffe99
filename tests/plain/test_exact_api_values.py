"""Values on the wire, filters, the catalogue of errors, links, rights."""

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings, strategies as st

from exact_api import (
    ErrorKind,
    ExactError,
    MalformedAnswer,
    catalog,
    classify,
    links,
    odata,
    wire,
)

GUID = '00000006-0000-4000-8000-000000000006'
MILLISECOND = timedelta(milliseconds=1)
EPOCH = datetime(1970, 1, 1)
dates = st.dates(date(1900, 1, 1), date(2199, 12, 31))
decimals = st.decimals(-10**12, 10**12, allow_nan=False, allow_infinity=False)
moments = st.datetimes(EPOCH, datetime(2037, 12, 31), timezones=st.just(timezone.utc))
anything = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals()
    | st.lists(st.text())
)
READERS = (
    wire.as_date, wire.as_utc, wire.as_text, wire.as_decimal, wire.as_int, wire.as_bool,
    wire.as_guid, wire.percent_of_fraction,
)


def json_date(wall):
    """Exact's own form of a wall clock."""
    return f'/Date({(wall - EPOCH) // MILLISECOND})/'


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


# === DATES AND MOMENTS === #


@given(dates)
def test_dates_come_back(day):
    assert wire.as_date(json_date(datetime(day.year, day.month, day.day))) == day
    assert wire.as_date(json.loads(wire.encode(day))) == day


@given(dates, st.integers(0, 86_399_999))
def test_a_date_is_cut_off_whatever_the_time_of_day(day, milliseconds):
    wall = datetime(day.year, day.month, day.day) + milliseconds * MILLISECOND
    assert wire.as_date(json_date(wall)) == day


@given(moments)
def test_moments_come_back(moment):
    moment = moment.replace(microsecond=0)
    local = moment.astimezone(ZoneInfo('Europe/Amsterdam'))
    assume(not local.fold)  # the second pass of an hour reads as its first
    assert wire.as_utc(json.loads(wire.encode(moment))) == moment
    assert wire.as_utc(json_date(local.replace(tzinfo=None))) == moment


@pytest.mark.parametrize(('wall', 'moment'), [
    # Winter and summer
    (datetime(2026, 1, 15, 12), utc(2026, 1, 15, 11)),
    (datetime(2026, 7, 15, 12), utc(2026, 7, 15, 10)),
    # Spring: 02:00 becomes 03:00 on 29 March 2026, at 01:00 UTC
    (datetime(2026, 3, 29, 1, 59, 59), utc(2026, 3, 29, 0, 59, 59)),
    (datetime(2026, 3, 29, 3), utc(2026, 3, 29, 1)),
    # A wall clock that never was
    (datetime(2026, 3, 29, 2, 30), utc(2026, 3, 29, 1, 30)),
    # Autumn: 03:00 becomes 02:00 on 25 October 2026, at 01:00 UTC; the first pass counts
    (datetime(2026, 10, 25, 1, 59, 59), utc(2026, 10, 24, 23, 59, 59)),
    (datetime(2026, 10, 25, 2, 30), utc(2026, 10, 25, 0, 30)),
    (datetime(2026, 10, 25, 3), utc(2026, 10, 25, 2)),
])
def test_wall_clock_in(wall, moment):
    assert wire.as_utc(json_date(wall)) == moment
    assert wire.as_utc(wall.isoformat()) == moment


@pytest.mark.parametrize(('moment', 'wall'), [
    (utc(2026, 1, 15, 11), '2026-01-15T12:00:00'),
    (utc(2026, 7, 15, 10), '2026-07-15T12:00:00'),
    (utc(2026, 3, 29, 0, 59, 59), '2026-03-29T01:59:59'),
    (utc(2026, 3, 29, 1), '2026-03-29T03:00:00'),
    (utc(2026, 10, 25, 0, 30), '2026-10-25T02:30:00'),
    (utc(2026, 10, 25, 1, 30), '2026-10-25T02:30:00'),
    (utc(2026, 12, 31, 23, 30), '2027-01-01T00:30:00'),
    (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-5))), '2026-01-01T06:00:00'),
    (utc(2026, 1, 15, 11, 0, 0, 999999), '2026-01-15T12:00:00'),
])
def test_wall_clock_out(moment, wall):
    assert json.loads(wire.encode(moment)) == wall
    assert odata.gt('Modified', moment) == f"Modified gt datetime'{wall}'"


def test_known_samples():
    assert wire.as_date('/Date(1767225600000)/') == date(2026, 1, 1)
    assert wire.as_utc('/Date(1767225600123)/') == utc(2025, 12, 31, 23, 0, 0, 123000)
    assert wire.as_date('/Date(-86400000)/') == date(1969, 12, 31)
    assert wire.as_utc('2026-01-01T12:00:00.1234567') == utc(2026, 1, 1, 11, 0, 0, 123456)
    assert wire.as_date('2026-01-31') == date(2026, 1, 31)


@pytest.mark.parametrize('value', [
    'x', '/Date()/', '/Date(1)', '/Date(1+0100)/', '2026-13-01', '2026-1-1', '2026-01-01T12:00:00Z',
    '/Date(99999999999999999)/', '/Date(-99999999999999999)/', 7, True, [], {}, '\n',
])
def test_what_is_no_date(value):
    for read in (wire.as_date, wire.as_utc):
        with pytest.raises(MalformedAnswer):
            read(value)


def test_the_first_of_all_moments_has_no_utc():
    with pytest.raises(MalformedAnswer):
        wire.as_utc('0001-01-01T00:00:00')
    assert wire.as_date('0001-01-01T00:00:00') == date(1, 1, 1)


@pytest.mark.parametrize('value', [datetime(2026, 1, 1), datetime(2026, 1, 1, 12)])
def test_a_moment_without_a_zone_is_not_sent(value):
    with pytest.raises(ValueError, match="time zone"):
        wire.encode(value)
    with pytest.raises(ValueError, match="time zone"):
        odata.literal(value)


# === NUMBERS AND TEXT === #


@given(decimals)
def test_a_decimal_is_sent_with_its_digits(number):
    text = wire.encode(number)
    assert 'E' not in text.upper()
    assert wire.loads(text.encode()) == number
    assert Decimal(text).as_tuple().digits == Decimal(format(number, 'f')).as_tuple().digits


@given(decimals)
def test_a_decimal_comes_back(number):
    assert wire.as_decimal(str(number)) == number
    assert wire.as_decimal(wire.loads(wire.encode(number).encode())) == number


@pytest.mark.parametrize(('number', 'text'), [
    (Decimal('100.10'), '100.10'), (Decimal('1E+3'), '1000'), (Decimal('1E-7'), '0.0000001'),
    (Decimal('-0.00'), '0.00'), (Decimal('-5'), '-5'), (Decimal(0), '0'),
])
def test_forms_of_decimals(number, text):
    assert wire.encode(number) == text


@given(st.recursive(
    # What cannot be stored is left out, see test_exact_api_rubbish
    st.none() | st.booleans() | st.integers() | st.text().map(wire.sendable),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10,
))
@settings(max_examples=50)
def test_plain_values_are_the_json_that_everybody_writes(value):
    assert json.loads(wire.encode(value)) == value


@pytest.mark.parametrize('value', [0.1, b'x', object(), {1: 2}, {'a': [0.5]}, {'a'}])
def test_types_that_are_not_sent(value):
    with pytest.raises(TypeError):
        wire.encode(value)


@pytest.mark.parametrize('value', [Decimal('NaN'), Decimal('Infinity'), Decimal('-Infinity')])
def test_numbers_that_are_not_sent(value):
    with pytest.raises(ValueError, match="finite"):
        wire.encode(value)


@pytest.mark.parametrize(('read', 'value', 'result'), [
    (wire.as_text, '2  ', '2'),
    (wire.as_text, '               123', '123'),
    (wire.as_text, 'NL ', 'NL'),
    (wire.as_text, None, ''),
    (wire.as_text, 26700001, '26700001'),
    (wire.as_decimal, 6, Decimal(6)),
    (wire.as_decimal, ' -12.50 ', Decimal('-12.50')),
    (wire.as_decimal, '', None),
    (wire.as_decimal, None, None),
    (wire.as_int, '1000001', 1000001),
    (wire.as_int, Decimal('20.0'), 20),
    (wire.as_int, '18446744073709551615', 18446744073709551615),
    (wire.as_int, None, None),
    (wire.as_int, '', None),
    (wire.as_bool, True, True),
    (wire.as_bool, 'False', False),
    (wire.as_bool, '1', True),
    (wire.as_bool, 0, False),
    (wire.as_bool, None, None),
    (wire.as_guid, GUID.upper(), GUID),
    (wire.as_guid, f'{{{GUID}}}', GUID),
    (wire.as_guid, '', None),
    (wire.as_guid, None, None),
    (wire.percent_of_fraction, '0.21', Decimal(21)),
    (wire.percent_of_fraction, Decimal('0.055'), Decimal('5.5')),
    (wire.percent_of_fraction, None, None),
    (wire.as_date, None, None),
    (wire.as_date, '', None),
    (wire.as_utc, None, None),
])
def test_reading(read, value, result):
    found = read(value)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(('read', 'value'), [
    (wire.as_text, True), (wire.as_text, []), (wire.as_decimal, 'x'), (wire.as_decimal, True),
    (wire.as_decimal, 'NaN'), (wire.as_decimal, {}), (wire.as_int, '1.5'), (wire.as_int, '1e400'),
    (wire.as_bool, 'yes'), (wire.as_bool, 2), (wire.as_guid, 'x'), (wire.as_guid, GUID + '0'),
    (wire.as_guid, GUID.replace('-', '')), (wire.as_int, '9' * 30),
])
def test_reading_what_is_something_else(read, value):
    with pytest.raises(MalformedAnswer) as caught:
        read(value)
    assert isinstance(caught.value, ExactError)
    assert isinstance(caught.value, ValueError)


@given(anything)
def test_reading_anything_gives_a_value_or_its_one_error(value):
    for read in READERS:
        try:
            read(value)
        except MalformedAnswer as error:
            assert len(str(value)) < 12 or str(value) not in str(error)


def test_codes_of_relations_are_padded_to_18():
    assert wire.pad_relation_code('123') == '               123'
    assert wire.pad_relation_code(123) == ' ' * 15 + '123'
    assert wire.as_text(wire.pad_relation_code('42')) == '42'


# === FILTERS === #


@given(st.text().map(wire.sendable))
def test_text_cannot_leave_its_quotes(text):
    literal = odata.literal(text)
    assert (literal[0], literal[-1]) == ("'", "'")
    inner = literal[1:-1]
    assert inner.replace("''", '') == text.replace("'", '')
    assert inner.replace("''", "'") == text


@given(st.uuids())
def test_guids(value):
    for form in (value, str(value), str(value).upper(), f'{{{value}}}'):
        assert odata.guid(form) == f"guid'{value}'"


@pytest.mark.parametrize(('term', 'text'), [
    (odata.eq('YourRef', "INV/1"), "YourRef eq 'INV/1'"),
    (odata.eq('Year', 2026), 'Year eq 2026'),
    (odata.eq('IsBlocked', False), 'IsBlocked eq false'),
    (odata.eq('Rate', Decimal('1.50')), 'Rate eq 1.50'),
    (odata.eq('EndDate', None), 'EndDate eq null'),
    (odata.eq('ID', UUID(GUID)), f"ID eq guid'{GUID}'"),
    (odata.gt('Timestamp', odata.timestamp('123')), 'Timestamp gt 123L'),
    (odata.ge('EntryDate', date(2026, 1, 31)), "EntryDate ge datetime'2026-01-31T00:00:00'"),
    (odata.lt('A', 1), 'A lt 1'), (odata.le('A', 1), 'A le 1'), (odata.ne('A', 1), 'A ne 1'),
    (odata.startswith('Name', "O'N"), "startswith(Name,'O''N') eq true"),
    (odata.substringof('Name', "x"), "substringof('x',Name) eq true"),
    (odata.any_of('A', [1]), 'A eq 1'),
    (odata.any_of('A', iter(['x', 'y'])), "(A eq 'x' or A eq 'y')"),
    (odata.all_of('A eq 1', None, '', 'B eq 2'), 'A eq 1 and B eq 2'),
    (odata.all_of('A eq 1'), 'A eq 1'),
    (odata.all_of(odata.any_of('A', [1, 2]), 'B eq 2'), '(A eq 1 or A eq 2) and B eq 2'),
])
def test_terms(term, text):
    assert term == text


@pytest.mark.parametrize('make', [
    lambda: odata.any_of('A', []), odata.all_of, lambda: odata.all_of(''),
])
def test_a_filter_that_would_ask_for_everything(make):
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize('value', [1.5, b'x', [], {}])
def test_types_without_a_literal(value):
    with pytest.raises(TypeError):
        odata.literal(value)


@pytest.mark.parametrize('value', ['x', '', "x' or '1' eq '1", None])
def test_what_is_no_guid(value):
    with pytest.raises(ValueError):
        odata.guid(value)


@given(st.lists(st.integers(), max_size=200), st.integers(1, 60))
def test_batches_lose_nothing(values, size):
    batches = list(odata.batches(iter(values), size))
    assert [value for batch in batches for value in batch] == values
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(0 < len(batch) <= size for batch in batches)


def test_a_batch_of_guids_fits_an_address():
    [batch] = odata.batches([odata.guid(GUID)] * 40)
    assert len(odata.any_of('EntryID', batch)) < 4000


# === THE CATALOGUE === #


@pytest.mark.parametrize(('message', 'code'), [
    ("Verplicht: Dagboek", 'mandatory'),
    ("Mandatory: Journal", 'mandatory'),
    ("Ongeldige referentie: Kostendrager", 'invalid_reference'),
    ("Ongeldig: Grootboekrekeningtype", 'gl_account_type'),
    ("Ongeldig: Dagboek 70", 'journal_type'),
    ("Ongeldig: Btw-percentage", 'vat_percentage'),
    ("Niet toegestaan: Btw-code", 'vat_code_not_allowed'),
    ("Not allowed: VAT-code", 'vat_code_not_allowed'),
    ("NOT ALLOWED:  VAT code", 'vat_code_not_allowed'),
    ("Ongeldig: Klant (Type)", 'customer_type'),
    ("Gegeven bestaat reeds", 'duplicate_code'),
    ("Bestaat reeds: Code", 'duplicate_code'),
    ("In gebruik: Boekstuknummer", 'duplicate_number'),
    ("Reeds verwerkt", 'already_processed'),
    ("Periode is afgesloten: 2026 - 1", 'period_closed'),
    ("The financial year cannot be changed.", 'financial_year'),
    ("Opening balance plus all lines ...", 'opening_balance'),
    ("Post to callback URL endpoint returns 404", 'webhook_callback'),
    ("A problem has occurred.", 'transient'),
    ("Binding to new entities is not supported", 'binding_new_entities'),
    ("cannot convert to type 'Byte[]'", 'not_base64'),
    ("This endpoint has mandatory filtering applied. ...:Code", 'mandatory_filter'),
    ("Please add a $select or a $top=1 statement", 'select_required'),
    ("The $filter parameter is not supported", 'filter_not_supported'),
    ("Filtering on these fields is not supported", 'filter_not_supported'),
    ("Error in query syntax", 'query_syntax'),
    ("Expression of type 'System.Boolean' expected.", 'query_syntax'),
    ("Division not accessible", 'division_not_accessible'),
    ("Niemand kent dit", 'unknown'),
    ("", 'unknown'),
])
def test_known_sentences(message, code):
    [kind] = classify(500, [message])
    assert kind.code == code
    assert kind.retry == (code == 'transient')


def test_each_kind_once_in_the_order_of_the_messages():
    kinds = classify(500, ["Reeds verwerkt", "new words", "Verplicht: A", "Verplicht: B"])
    assert [kind.code for kind in kinds] == ['already_processed', 'mandatory']


def test_no_words_no_kind():
    assert classify(500, []) == (catalog.UNKNOWN,)
    assert classify(429, [])[0].error_class == 'quota'


def test_every_fragment_is_found_has_a_source_and_a_code_of_one_class():
    classes = {}
    for kind in catalog.KINDS:
        assert isinstance(kind, ErrorKind)
        assert kind.source
        assert classify(500, [f"x {kind.fragment.upper()} x"]) == (kind,)
        assert classes.setdefault(kind.code, kind.error_class) == kind.error_class


# === LINKS AND RIGHTS === #


@pytest.mark.parametrize(('url', 'page', 'parameters'), [
    (links.entry_url('https://a.example', 12, 'sale', GUID, 26700001), 'MenuPortal.aspx', {}),
    (
        links.relation_url('https://a.example', 12, GUID.upper()), 'CRMAccountCard.aspx',
        {'AccountID': GUID},
    ),
    (links.document_url('https://a.example', 12, GUID), 'DocView.aspx', {'DocumentID': GUID}),
])
def test_links_name_the_division(url, page, parameters):
    parts = urlsplit(url)
    assert f'{parts.scheme}://{parts.netloc}{parts.path}' == f'https://a.example/docs/{page}'
    assert parse_qs(parts.query) == {
        '_Division_': ['12'], **{name: [f'{{{value}}}'] for name, value in parameters.items()},
    }


def test_links_take_nothing_but_guids():
    with pytest.raises(MalformedAnswer):
        links.document_url('https://a.example', 1, 'x&y=z')


# === NAMES OF FILES === #


@pytest.mark.parametrize(('given_name', 'sent'), [
    ('invoice.pdf', 'invoice.pdf'), ('F/2026/00012.pdf', 'F_2026_00012.pdf'),
    ('../../etc/passwd', 'etc_passwd'), ('..\\..\\x<img onerror=y>.pdf', 'x_img onerror=y_.pdf'),
    ('C:\\scans\\bill.pdf', 'C__scans_bill.pdf'), ('a\x00b\r\nc\t.pdf', 'abc.pdf'),
    ('evil\u202efdp.exe', 'evilfdp.exe'), ('  .hidden. ', 'hidden'), ('café €.pdf', 'café €.pdf'),
    ('', 'file'), ('../..', 'file'), ('\x07', 'file'), ('?', '_'),
])
def test_file_names(given_name, sent):
    assert wire.file_name(given_name) == sent


@given(st.text())
def test_file_names_are_clean_whatever_is_given(text):
    name = wire.file_name(text)
    assert name
    assert name.isprintable()
    assert not set(name) & set('/\\<>:"|?*')
    assert name not in ('.', '..')
    assert wire.file_name(name) == name
