"""Bank and cash entries: lines only, money in positive; Exact books the other side by itself."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from booking_cases import VAT_CODES, line_values
from hypothesis import given, strategies as st

from booking import (
    BLOCKS,
    INFORMS,
    WARNS,
    Booking,
    Difference,
    Facts,
    GlFacts,
    JournalFacts,
    Line,
    amount_of,
    changes,
    check,
    compare,
    fingerprint,
    from_dict,
    general_description,
    has_amount_of,
    is_ledger_only,
    is_money,
    line_resource,
    payload,
    plan,
    read_entry,
    resource,
    to_dict,
)

D = Decimal
DAY = dt.date(2026, 3, 5)
BANK, COST, VAT, PAYABLE, OTHER_BANK = 'bank', 'cost', 'vat', 'payable', 'savings'
GL_TYPES = {BANK: 12, COST: 121, VAT: 24, PAYABLE: 22, OTHER_BANK: 12, 'g1': 121, 'g2': 121}

# Properties that Exact's public reference marks as accepted in a POST.
POST_HEADER = """BankEntryLines CashEntryLines BankStatementDocument ClosingBalanceFC Currency
    EntryNumber FinancialPeriod FinancialYear JournalCode OpeningBalanceFC"""
POST_LINE = """Account AmountFC AmountVATFC Asset CostCenter CostUnit Date Description Document
    EntryID ExchangeRate GLAccount ID Notes OurRef Project Quantity VATCode VATPercentage VATType"""


def bank(**values):
    lines = values.pop('lines', (
        Line(COST, D('-100.00'), description='Lunch'), Line(VAT, D('-9.00')),
    ))
    total = values.pop('total', sum((line.amount for line in lines), D(0)))
    return Booking(**{
        'kind': 'bank', 'division': 1, 'journal': '20', 'entry_date': DAY, 'currency': 'EUR',
        'year': 2026, 'period': 3, 'your_ref': 'PBNK1/2026/00001', 'description': 'Lunch',
        'lines': lines, 'total': total, **values,
    })


def books(booking, *, moved=None, account=BANK):
    """Rows of TransactionLines for a bank entry, debit positive: its lines, and the bank's own."""
    rows = []
    for number, line in enumerate(booking.lines, 1):
        rows.append({
            'GLAccount': line.gl_account.upper(), 'AmountFC': -line.amount, 'LineNumber': number,
            'Account': line.relation or None, 'CostCenter': line.cost_center or None,
            'CostUnit': line.cost_unit or None, 'Project': line.project or None,
            'VATCode': None, 'Description': general_description(booking, line),
            'Date': line.date or booking.entry_date,
            'Document': line.document or booking.document or None,
        })
    rows.append({
        'GLAccount': account, 'LineNumber': 0, 'Date': booking.entry_date, 'Description': '',
        'AmountFC': booking.total if moved is None else moved,
    })
    return [{
        'EntryID': 'E1', 'EntryNumber': 26200001, 'Division': booking.division,
        'JournalCode': booking.journal, 'Currency': booking.currency,
        'ExchangeRate': booking.rate, 'FinancialYear': booking.year,
        'FinancialPeriod': booking.period, 'Status': 20, 'Type': 40, **row,
    } for row in rows]


def read(booking, **values):
    return read_entry(books(booking, **values), GL_TYPES)


@st.composite
def bank_bookings(draw):
    lines = draw(st.lists(line_values(codes=('',)), min_size=1, max_size=5))
    return bank(
        kind=draw(st.sampled_from(['bank', 'cash'])), lines=lines,
        document=draw(st.sampled_from(['', 'd1'])),
        rate=draw(st.sampled_from([D(1), D('0.923456789')])),
        currency=draw(st.sampled_from(['EUR', 'USD'])),
    )


@given(bank_bookings())
def test_a_booking_comes_to_as_much_as_its_entry(booking):
    amount = amount_of(read(booking))
    assert has_amount_of(booking, amount)
    assert not has_amount_of(booking, amount + D('0.01').copy_sign(amount))


# === PAYLOAD === #

def test_payload_in_full():
    booking = bank(
        lines=[Line(
            '{COST}', D('-100.00'), '', None, 'Lunch', 'CC', 'CU', 'P1', D(2), notes='Marc',
            relation='R1', document='{D2}',
        )],
        currency='USD', rate=D('0.9'), document='D1', entry_number=26200007,
        due_date=DAY, payment_condition='30', payment_reference='RF12',
    )
    assert resource(booking) == 'financialtransaction/BankEntries'
    assert line_resource(booking) == 'financialtransaction/BankEntryLines'
    assert payload(booking) == {
        'JournalCode': '20', 'Currency': 'USD', 'FinancialYear': 2026, 'FinancialPeriod': 3,
        'EntryNumber': 26200007,
        'BankEntryLines': [{
            'GLAccount': 'cost', 'AmountFC': D('-100.00'), 'VATCode': '', 'CostCenter': 'CC',
            'CostUnit': 'CU', 'Project': 'p1', 'Quantity': D(2), 'Notes': 'Marc',
            'Description': 'PBNK1/2026/00001: Lunch', 'Account': 'r1', 'Date': DAY,
            'Document': 'd2', 'ExchangeRate': D('0.9'),
        }],
    }


@given(bank_bookings())
def test_payload_has_only_properties_that_a_post_accepts(booking):
    body = payload(booking)
    assert set(body) <= set(POST_HEADER.split())
    assert not {'OpeningBalanceFC', 'ClosingBalanceFC'} & set(body)
    collection = 'BankEntryLines' if booking.kind == 'bank' else 'CashEntryLines'
    assert {'JournalCode', collection} <= set(body)
    for row, line in zip(body[collection], booking.lines, strict=True):
        assert set(row) <= set(POST_LINE.split())
        assert row['AmountFC'] == line.amount
        assert row['Description'].startswith('PBNK1/2026/00001')
        assert row.get('Document', '') == booking.document
        assert ('ExchangeRate' in row) == (booking.rate != 1)
        assert not any(value is None for value in row.values())


def test_cash_entries_have_their_own_resource():
    booking = bank(kind='cash')
    assert resource(booking) == 'financialtransaction/CashEntries'
    assert line_resource(booking) == 'financialtransaction/CashEntryLines'
    assert payload(booking)['CashEntryLines'] == payload(bank())['BankEntryLines']


def test_the_way_of_credit_notes_does_not_touch_bank_entries():
    booking = bank(is_refund=True)
    assert payload(booking, explicit_type=True) == payload(booking)


@given(bank_bookings())
def test_bank_entries_survive_json(booking):
    again = from_dict(to_dict(booking))
    assert again == booking
    assert fingerprint(again) == fingerprint(booking)


def test_which_kinds_are_ledger_lines_only():
    kinds = ('sale', 'purchase', 'general', 'bank', 'cash')
    assert [is_ledger_only(kind) for kind in kinds] == [False, False, True, True, True]
    assert [is_money(kind) for kind in kinds] == [False, False, False, True, True]


# === READING BACK === #

@given(bank_bookings())
def test_what_was_meant_is_right(booking):
    assert compare(booking, read(booking)) == ()


@pytest.mark.parametrize('kind', [10, 12, 14, 16])
def test_the_line_of_the_journals_own_account_is_no_difference(kind):
    booking = bank()
    assert compare(booking, read_entry(books(booking), GL_TYPES | {BANK: kind})) == ()


def test_a_line_of_another_account_is_one():
    booking = bank()
    found = compare(booking, read_entry(books(booking), GL_TYPES | {BANK: 121}))
    assert Difference('total', D('-109.00'), D(0)) in found
    assert [d.field for d in found] == ['total', 'line_count']


def test_the_bank_must_have_moved_by_the_sum_of_the_lines():
    assert compare(bank(), read(bank(), moved=D('-108.99'))) == (
        Difference('total', D('-109.00'), D('-108.99')),
    )


def test_money_in_is_not_money_out():
    booking = bank()
    opposite = replace(
        booking, total=-booking.total,
        lines=[replace(line, amount=-line.amount) for line in booking.lines])
    assert {d.field for d in compare(booking, read(opposite))} >= {'total', 'amount'}


def test_a_transfer_to_another_bank_account_is_a_line():
    booking = bank(lines=[Line(OTHER_BANK, D(-500))])
    assert compare(booking, read(booking)) == ()
    # The account went missing: the bank's own line must not stand in for it.
    rows = [row for row in books(booking) if row['GLAccount'] == BANK]
    assert [d.field for d in compare(booking, read_entry(rows, GL_TYPES))] == ['line_count']


def test_several_own_lines_count_together():
    booking = bank()
    rows = books(booking, moved=D(-100))
    rows.append({**rows[-1], 'AmountFC': D(-9), 'LineNumber': 9})
    assert compare(booking, read_entry(rows, GL_TYPES)) == ()


@pytest.mark.parametrize(('change', 'field'), [
    ({'GLAccount': PAYABLE}, 'gl_account'),
    ({'AmountFC': D('99.99')}, 'amount'),
    ({'CostCenter': 'CC'}, 'cost_center'),
    ({'VATCode': '2'}, 'vat_code'),
    ({'Date': dt.date(2026, 3, 6)}, 'entry_date'),
    ({'Description': 'Lunch'}, 'your_ref'),
])
def test_differences_of_a_line(change, field):
    rows = books(bank())
    rows[0] |= change
    assert field in [d.field for d in compare(bank(), read_entry(rows, GL_TYPES))]


def test_relation_and_document_of_a_line_are_compared_where_given():
    booking = bank(lines=[Line(COST, D(-100), relation='r1')], document='d1')
    rows = books(booking)
    rows[0] |= {'Account': 'r2', 'Document': None}
    assert {d.field for d in compare(booking, read_entry(rows, GL_TYPES))} == {
        'relation', 'document',
    }
    rows = books(bank())
    rows[0] |= {'Account': 'r2'}
    assert compare(bank(), read_entry(rows, GL_TYPES)) == ()


# === CHANGES === #

def test_a_change_means_deleting_and_booking_anew():
    old = bank()
    new = replace(old, lines=[replace(old.lines[0], description='Dinner'), old.lines[1]])
    assert [d.field for d in changes(old, new)] == ['description']
    assert plan(old, new).action == 'replace'
    assert plan(old, old).action == 'none'


def test_a_general_entry_that_becomes_a_bank_entry_is_replaced():
    old = bank(kind='general', total=D(0))
    assert plan(old, bank()).reasons == ('kind',)


# === RULES === #

FACTS = Facts(
    division=1, currency='EUR',
    journals={
        '20': JournalFacts('12'), '10': JournalFacts('10'), '16': JournalFacts('16'),
        '90': JournalFacts('90'), '60': JournalFacts('22'),
        'nv': JournalFacts('12', allow_vat=False),
    },
    gl_accounts={
        guid: GlFacts(guid, gl_type) for guid, gl_type in GL_TYPES.items()
    },
    vat_codes=VAT_CODES,
    relations={},
)


def codes(booking, facts=FACTS, **kwargs):
    return [(finding.severity, finding.code) for finding in check(booking, facts, **kwargs)]


@pytest.mark.parametrize(('kind', 'journal'), [
    ('bank', '20'), ('bank', '16'), ('bank', 'nv'), ('cash', '10'),
])
def test_journals_that_fit(kind, journal):
    assert codes(bank(kind=kind, journal=journal)) == []


@pytest.mark.parametrize(('kind', 'journal'), [
    ('bank', '90'), ('bank', '60'), ('bank', '10'), ('cash', '20'), ('cash', '90'),
])
def test_other_journals_do_not(kind, journal):
    assert codes(bank(kind=kind, journal=journal)) == [(BLOCKS, 'journal_type')]


def test_no_relation_is_asked_for_and_lines_need_no_balance():
    assert codes(bank(lines=[Line(COST, D(-1))])) == []


def test_the_total_must_be_the_sum_of_the_lines():
    assert codes(bank(total=D('-108.00'))) == [(BLOCKS, 'total_differs')]


def test_what_adds_up_to_nothing_is_told():
    assert codes(bank(lines=[Line(COST, D(0))])) == [(INFORMS, 'zero_total')]
    assert codes(bank(lines=[])) == [(BLOCKS, 'no_lines')]


def test_payables_want_a_relation():
    assert codes(bank(lines=[Line(PAYABLE, D(-1))])) == [(WARNS, 'line_without_relation')]


def test_an_unknown_relation_of_a_line_blocks():
    assert codes(bank(lines=[Line(COST, D(-1), relation='r9')])) == [(BLOCKS, 'relation_unknown')]


def test_vat_and_cost_lines_go_on_their_ledgers():
    assert codes(bank(lines=[Line(VAT, D(-9)), Line(COST, D(-100))])) == []


def test_vat_of_a_line_is_part_of_what_moved():
    """A hotel of 121.00 with 21 %: the code is on the line, Exact books the VAT."""
    hotel = bank(
        lines=[Line(COST, D('-100.00'), '2')], total=D('-121.00'), vat_total=D('-21.00'),
    )
    assert codes(hotel) == []
    assert codes(replace(hotel, journal='nv')) == [(BLOCKS, 'journal_without_vat')]
    assert codes(replace(hotel, total=D('-100.00'))) == [(BLOCKS, 'total_differs')]
    assert codes(replace(hotel, vat_total=D(0))) == [(BLOCKS, 'vat_total_differs')]
    rows = books(hotel)
    rows[0]['VATCode'] = '2'
    rows.append({
        **rows[0], 'GLAccount': VAT, 'AmountFC': D('21.00'), 'LineNumber': 0,
        'Description': '',
    })
    assert compare(hotel, read_entry(rows, GL_TYPES)) == ()
    assert compare(hotel, read_entry(rows[:-1], GL_TYPES)) == (
        Difference('vat', D('-21.00'), D('0.00')),
    )


def test_cents_of_a_bank_line_are_said():
    line = Line(COST, D('-1.93'), '2', D('-0.40'))
    sent = bank(lines=[line], total=D('-2.33'), vat_total=D('-0.40'))
    assert codes(sent) == []
    assert payload(sent)['BankEntryLines'][0]['AmountVATFC'] == D('-0.40')


def test_deferrals_are_not_possible():
    line = Line(COST, D(-1), from_date=DAY, to_date=DAY)
    assert codes(bank(lines=[line])) == [(WARNS, 'deferral_not_possible')]
