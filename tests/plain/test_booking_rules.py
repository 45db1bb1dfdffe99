"""Rules applied before anything is sent: each one found, named, placed, and nothing else."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from booking_cases import ACCOUNTS, VAT_CODES, booked_totals, bookings, sale
from hypothesis import given

from booking import (
    Booking,
    Facts,
    GlFacts,
    JournalFacts,
    Line,
    LineTax,
    Period,
    RelationFacts,
    VatCode,
    blocks,
    check,
    next_open_period,
    period_of,
)

D = Decimal
YEAR = [
    Period(2026, month, dt.date(2026, month, 1),
           dt.date(2026 + month // 12, month % 12 + 1, 1) - dt.timedelta(1))
    for month in range(1, 13)
]
FACTS = Facts(
    division=1,
    journals={
        '70': JournalFacts('20'), '60': JournalFacts('22'), '90': JournalFacts('90'),
        '10': JournalFacts('12'),
        'USD': JournalFacts('20', currency='USD', allow_variable_currency=False),
        'FIX': JournalFacts('20', allow_variable_rate=False),
        'OFF': JournalFacts('20', allow_vat=False),
        'OLD': JournalFacts('20', blocked=True),
    },
    gl_accounts={
        'g1': GlFacts('8000', 110), 'g2': GlFacts('4000', 121), 'g3': GlFacts('2000', 90),
        'ar': GlFacts('1300', 20), 'ap': GlFacts('1600', 22), 'vat': GlFacts('1500', 24),
        'old': GlFacts('8001', 110, blocked=True),
        'must': GlFacts('4001', 121, use_cost_center='1', use_cost_unit='1'),
        'never': GlFacts('4002', 121, use_cost_center='2', use_cost_unit='2'),
    },
    vat_codes=VAT_CODES | {
        'I': VatCode('I', D('0.21'), 'I'),
        'P': VatCode('P', D('0.21'), transaction_type='P'),
        'S': VatCode('S', D('0.21'), transaction_type='S'),
        'X': VatCode('X', D('0.21'), blocked=True),
    },
    cost_centers={'CC': True, 'OLD': False},
    cost_units={'CU': True, 'OLD': False},
    projects={'p1': True, 'p0': False},
    periods=YEAR,
    closed={('70', 2026, 2), ('', 2026, 3)},
    relations={
        'r1': RelationFacts('Both'), 'c': RelationFacts('Customer', is_supplier=False),
        's': RelationFacts('Supplier', is_customer=False),
        'b': RelationFacts('Blocked', blocked=True),
    },
    payment_conditions={'30'},
    known_numbers={('70', 26700001)},
)


def codes(booking, facts=FACTS, **options):
    return [(f.code, f.severity, f.line) for f in check(booking, facts, **options)]


def with_line(**values):
    """A sale of one line, its totals those that Exact would make."""
    line = Line(**({'gl_account': 'g1', 'amount': D(100), 'vat_code': '2'} | values))
    code = FACTS.vat_codes.get(line.vat_code)
    if code and code.percentage and code.code not in VAT_CODES:
        return sale(lines=[line], total=D(121), vat_total=D(21))
    vat, total = booked_totals([line] if line.vat_code in VAT_CODES else
                               [replace(line, vat_code='')])
    return sale(lines=[line], total=total, vat_total=vat)


def general(*lines, **values):
    values = {'kind': 'general', 'division': 1, 'journal': '90', 'currency': 'EUR', 'year': 2026,
              'entry_date': dt.date(2026, 1, 31), 'period': 1, 'your_ref': 'MISC/1'} | values
    return Booking(lines=lines, **values)


def test_right_entries_have_no_findings():
    assert check(sale(), FACTS) == ()
    assert check(sale(kind='purchase', journal='60', lines=[Line('g2', D(100), 'P')]), FACTS) == ()
    assert check(general(Line('g1', D(5)), Line('vat', D(-5))), FACTS) == ()


HEADER = [
    ({'division': 2}, 'division_differs', 'blocks'),
    ({'journal': ''}, 'journal_missing', 'blocks'),
    ({'journal': 'ZZ'}, 'journal_unknown', 'blocks'),
    ({'journal': 'OLD'}, 'journal_blocked', 'blocks'),
    ({'journal': '10'}, 'journal_type', 'blocks'),
    ({'journal': 'OFF'}, 'journal_without_vat', 'blocks'),
    ({'journal': 'USD'}, 'journal_currency', 'blocks'),
    ({'journal': 'FIX', 'currency': 'USD', 'rate': D('0.9')}, 'journal_rate', 'blocks'),
    ({'currency': 'USD', 'rate': D(0)}, 'rate_missing', 'blocks'),
    ({'currency': 'USD'}, 'rate_is_one', 'warns'),
    ({'rate': D('1.1')}, 'rate_of_own_currency', 'blocks'),
    ({'year': 2030}, 'period_unknown', 'blocks'),
    ({'period': 4}, 'period_differs_from_date', 'informs'),
    ({'entry_date': dt.date(2026, 2, 1), 'period': 2}, 'period_closed', 'blocks'),
    ({'entry_date': dt.date(2026, 3, 1), 'period': 3}, 'period_closed', 'blocks'),
    ({'due_date': dt.date(2026, 1, 1)}, 'due_before_entry', 'warns'),
    ({'relation': ''}, 'relation_missing', 'blocks'),
    ({'relation': 'zz'}, 'relation_unknown', 'blocks'),
    ({'relation': 's'}, 'relation_not_customer', 'blocks'),
    ({'relation': 'b'}, 'relation_blocked', 'blocks'),
    ({'kind': 'purchase', 'journal': '60', 'relation': 'c'}, 'relation_not_supplier', 'blocks'),
    ({'payment_condition': '14'}, 'payment_condition_unknown', 'blocks'),
    ({'your_ref': ' '}, 'reference_missing', 'blocks'),
    ({'your_ref': 'R' * 31}, 'reference_too_long', 'blocks'),
    ({'your_ref': 'A  B'}, 'reference_cleaned', 'informs'),
    ({'payment_reference': 'R' * 31}, 'payment_reference_too_long', 'blocks'),
    ({'description': 'x' * 61}, 'description_shortened', 'informs'),
    ({'invoice_number': 2**31}, 'number_out_of_range', 'blocks'),
    ({'order_number': 0}, 'number_out_of_range', 'blocks'),
    ({'entry_number': 26700001}, 'entry_number_used', 'blocks'),
    ({'lines': []}, 'no_lines', 'blocks'),
    ({'total': D('121.01')}, 'total_differs', 'blocks'),
    ({'is_refund': True}, 'refund_sign', 'warns'),
    ({'lines': [Line('g1', D(100), '2'), Line('g1', D(-100), '2')], 'total': D(0),
      'vat_total': D(0)}, 'zero_total', 'informs'),
]


@pytest.mark.parametrize(('change', 'code', 'severity'), HEADER)
def test_findings_of_the_header(change, code, severity):
    assert codes(sale(**change)) == [(code, severity, None)]


def test_a_vat_total_that_exact_would_not_make():
    assert codes(sale(vat_total=D('21.01'), total=D('121.01'))) == [
        ('vat_total_differs', 'blocks', None), ('total_differs', 'blocks', None)]


def test_the_supplier_of_another_number_is_no_duplicate():
    booking = sale(kind='purchase', journal='60', relation='s', your_ref='F-1')
    assert codes(booking) == []


LINE = [
    ({'gl_account': ''}, 'account_missing', 'blocks'),
    ({'gl_account': 'zz'}, 'account_unknown', 'blocks'),
    ({'gl_account': 'old'}, 'account_blocked', 'blocks'),
    ({'gl_account': 'ar'}, 'account_type', 'blocks'),
    ({'gl_account': 'ap'}, 'account_type', 'blocks'),
    ({'gl_account': 'vat'}, 'account_type', 'blocks'),
    ({'gl_account': 'must', 'cost_unit': 'CU'}, 'cost_center_mandatory', 'blocks'),
    ({'gl_account': 'must', 'cost_center': 'CC'}, 'cost_unit_mandatory', 'blocks'),
    ({'gl_account': 'never', 'cost_center': 'CC'}, 'cost_center_not_allowed', 'blocks'),
    ({'gl_account': 'never', 'cost_unit': 'CU'}, 'cost_unit_not_allowed', 'blocks'),
    ({'cost_center': 'ZZ'}, 'cost_center_unknown', 'blocks'),
    ({'cost_center': 'OLD'}, 'cost_center_inactive', 'blocks'),
    ({'cost_unit': 'ZZ'}, 'cost_unit_unknown', 'blocks'),
    ({'cost_unit': 'OLD'}, 'cost_unit_inactive', 'blocks'),
    ({'project': 'zz'}, 'project_unknown', 'blocks'),
    ({'project': 'p0'}, 'project_inactive', 'blocks'),
    ({'vat_code': None}, 'vat_code_of_account', 'informs'),
    ({'vat_code': 'ZZ'}, 'vat_code_unknown', 'blocks'),
    ({'vat_code': 'X'}, 'vat_code_blocked', 'blocks'),
    ({'vat_code': 'P'}, 'vat_code_direction', 'blocks'),
    ({'vat_code': 'I'}, 'vat_code_including', 'blocks'),
    ({'vat_code': '', 'vat_amount': D(1)}, 'vat_without_code', 'blocks'),
    ({'vat_code': '0', 'vat_amount': D('0.01')}, 'vat_amount_not_possible', 'blocks'),
    ({'vat_amount': D(0)}, 'vat_amount_zero', 'warns'),
    ({'vat_amount': D(9)}, 'vat_amount_far_off', 'warns'),
    ({'from_date': dt.date(2026, 1, 1)}, 'deferral_incomplete', 'blocks'),
    ({'from_date': dt.date(2026, 2, 1), 'to_date': dt.date(2026, 1, 1)}, 'deferral_reversed',
     'blocks'),
    ({'description': 'x' * 61}, 'description_shortened', 'informs'),
]


@pytest.mark.parametrize(('change', 'code', 'severity'), LINE)
def test_findings_of_a_line(change, code, severity):
    booking = with_line(**change)
    found = [finding for finding in codes(booking) if finding[2] is not None]
    assert found == [(code, severity, 0)]


@pytest.mark.parametrize(('kind', 'own', 'journal', 'blocked'), [
    ('sale', {'receivable': 'g3'}, 'ar', True),
    ('sale', {'receivable': 'ar'}, 'ar', False),
    ('sale', {'payable': 'g3'}, 'ar', False),
    ('purchase', {'payable': 'g3'}, 'ap', True),
    ('purchase', {'payable': 'ap', 'receivable': 'g3'}, 'ap', False),
    # What nobody knows is not checked
    ('sale', {'receivable': 'g3'}, '', False),
])
def test_control_account_of_the_relation(kind, own, journal, blocked):
    code = '70' if kind == 'sale' else '60'
    facts = replace(
        FACTS, relations={'r1': RelationFacts('Both', **own)},
        journals={code: JournalFacts('20' if kind == 'sale' else '22', gl_account=journal)},
    )
    found = check(sale(kind=kind, journal=code, lines=[Line('g1', D(100), '2')]), facts)
    assert [finding.code for finding in found] == ['relation_account'] * blocked
    for finding in found:
        assert finding.severity == 'blocks'
        assert finding.params['account'] == '2000'


@pytest.mark.parametrize(('currency', 'known', 'unread', 'expected'), [
    ('JPY', {'EUR', 'USD'}, (), [('currency_unknown', 'blocks')]),
    ('USD', {'EUR', 'USD'}, (), []),
    # Its own currency an administration has, and what is not known is not checked
    ('EUR', {'USD'}, (), []),
    ('JPY', None, (), []),
    ('JPY', None, {'currencies'}, [('currency_unread', 'informs')]),
    ('EUR', None, {'currencies'}, []),
])
def test_currencies_of_the_administration(currency, known, unread, expected):
    facts = replace(FACTS, currencies=known, unread=frozenset(unread))
    rate = D(1) if currency == 'EUR' else D('0.9')
    found = check(sale(currency=currency, rate=rate), facts)
    assert [finding[:2][::-1] for finding in found] == expected
    assert all(finding.params == {'currency': currency} for finding in found)


def test_a_line_has_whole_cents():
    booking = with_line(amount=D('100.001'), vat_code='')
    assert codes(booking) == [('amount_decimals', 'blocks', 0)]
    yen = sale(currency='JPY', rate=D('0.006'), lines=[Line('g1', D('10.5'), '')],
               total=D('10.5'), vat_total=D(0))
    assert codes(yen, replace(FACTS, decimals=0)) == [('amount_decimals', 'blocks', 0)]


def test_findings_name_their_line():
    booking = sale(lines=[Line('g1', D(100), '2'), Line('zz', D(0), '')])
    assert codes(booking) == [('account_unknown', 'blocks', 1)]


@pytest.mark.parametrize(('kind', 'code', 'tax', 'expected'), [
    ('sale', '2', LineTax(D('0.21')), []),
    ('sale', '2', LineTax(D('0.09')), ['vat_percentage_differs']),
    ('sale', '0', LineTax(D(0)), []),
    ('sale', '', LineTax(D('0.21')), ['vat_code_missing']),
    ('sale', '', LineTax(D(0)), []),
    ('purchase', 'V', LineTax(D('0.21'), True), []),
    ('purchase', 'V', LineTax(D('0.21')), ['reverse_charge_differs']),
    ('purchase', '0', LineTax(D(0), True), ['reverse_charge_differs']),
    ('sale', 'V', LineTax(D(0), True), []),
    ('purchase', 'V', LineTax(D(0), True), ['vat_percentage_differs']),
])
def test_the_code_does_what_the_tax_does(kind, code, tax, expected):
    line = Line('g1', D(100), code)
    vat, total = booked_totals([line])
    booking = sale(kind=kind, journal='70' if kind == 'sale' else '60', lines=[line],
                   vat_total=vat, total=total)
    assert [f[0] for f in codes(booking, taxes={0: tax})] == expected


def test_general_entries():
    assert codes(general(Line('g1', D(5)), Line('g2', D(-4)))) == [
        ('entry_not_balanced', 'blocks', None)]
    assert codes(general(Line('ar', D(5)), Line('g2', D(-5)))) == [
        ('line_without_relation', 'warns', 0)]
    assert codes(general(Line('ar', D(5), relation='r1'), Line('g2', D(-5), relation='zz'))) == [
        ('relation_unknown', 'blocks', 1)]
    deferred = Line('g1', D(0), from_date=dt.date(2026, 1, 1), to_date=dt.date(2026, 2, 1))
    assert codes(general(deferred)) == [
        ('zero_total', 'informs', None), ('deferral_not_possible', 'warns', 0)]


def test_all_problems_are_told_at_once():
    booking = sale(journal='', relation='', your_ref='', lines=[Line('', D(100), 'ZZ')])
    assert [f[0] for f in codes(booking)] == [
        'journal_missing', 'relation_missing', 'reference_missing', 'account_missing',
        'vat_code_unknown']
    assert blocks(check(booking, FACTS))
    assert not blocks(check(sale(description='x' * 61), FACTS))


def test_what_is_not_known_is_not_checked():
    facts = Facts(division=1, journals=FACTS.journals, gl_accounts=FACTS.gl_accounts,
                  vat_codes=FACTS.vat_codes)
    booking = sale(lines=[Line('g1', D(100), '2', cost_center='Q', project='q')], relation='q',
                   payment_condition='q', year=1999)
    assert check(booking, facts) == ()


@given(bookings())
def test_check_never_fails_and_params_are_plain(booking):
    for facts in (FACTS, Facts(division=booking.division), replace(FACTS,
                                                                  division=booking.division)):
        for finding in check(booking, facts):
            assert finding.severity in ('blocks', 'warns', 'informs')
            assert finding.line is None or 0 <= finding.line < len(booking.lines)
            assert all(isinstance(value, (str, int, D, dt.date, list, type(None)))
                       for value in finding.params.values())


@given(bookings(kinds=('sale', 'purchase')))
def test_entries_with_right_masters_only_meet_rules_about_themselves(booking):
    facts = Facts(
        division=booking.division, vat_codes=VAT_CODES,
        journals={booking.journal: JournalFacts('20' if booking.kind == 'sale' else '22')},
        gl_accounts={guid: GlFacts(guid, 110) for guid in ACCOUNTS})
    assert {f.code for f in check(booking, facts)} <= {
        'zero_total', 'rate_of_own_currency', 'rate_is_one', 'description_shortened',
        'vat_amount_far_off', 'vat_amount_zero'}


def test_periods():
    assert period_of(YEAR, dt.date(2026, 5, 31)).number == 5
    assert period_of(YEAR, dt.date(2027, 1, 1)) is None
    closing = [*YEAR, Period(2026, 13, dt.date(2026, 12, 31), dt.date(2026, 12, 31))]
    assert period_of(closing, dt.date(2026, 12, 31)).number == 12
    assert next_open_period(FACTS, '70', dt.date(2026, 1, 5)).number == 1
    assert next_open_period(FACTS, '70', dt.date(2026, 2, 5)).number == 4
    assert next_open_period(FACTS, '60', dt.date(2026, 2, 5)).number == 2
    closed = replace(FACTS, closed={('', 2026, n) for n in range(1, 13)})
    assert next_open_period(closed, '70', dt.date(2026, 2, 5)) is None
