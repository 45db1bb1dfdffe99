"""Entries as data: their form, what is sent for them, their fingerprint."""

import ast
import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from booking_cases import bookings, sale
from hypothesis import given, strategies as st

from booking import (
    LIMITS,
    Booking,
    Line,
    fingerprint,
    fit_reference,
    fit_text,
    from_dict,
    has_reference,
    line_resource,
    payload,
    resource,
    to_dict,
)

D = Decimal

# Properties that Exact's public reference marks as accepted in a POST.
POST = {
    'salesentry/SalesEntries': """BatchNumber Currency Customer Description Document DueDate
        EntryDate EntryNumber ExternalLinkReference GAccountAmountFC InvoiceNumber IsExtraDuty
        Journal OrderNumber PaymentCondition PaymentReference ProcessNumber Rate ReportingPeriod
        ReportingYear Reversal SalesEntryLines YourRef""",
    'purchaseentry/PurchaseEntries': """BatchNumber Currency Description Document DueDate
        EntryDate EntryNumber ExternalLinkReference GAccountAmountFC InvoiceNumber Journal
        OrderNumber PaymentCondition PaymentReference ProcessNumber PurchaseEntryLines Rate
        ReportingPeriod ReportingYear Reversal Supplier YourRef""",
    'generaljournalentry/GeneralJournalEntries': """Currency EntryNumber ExchangeRate
        FinancialPeriod FinancialYear GeneralJournalEntryLines JournalCode Reversal""",
    'salesentry/SalesEntryLines': """AmountFC Asset CostCenter CostUnit Description EntryID From
        GLAccount Notes Project Quantity SerialNumber Subscription To TrackingNumber VATAmountFC
        VATCode VATPercentage""",
    'purchaseentry/PurchaseEntryLines': """AmountFC Asset CostCenter CostUnit Description EntryID
        From GLAccount Notes Project Quantity SerialNumber Subscription To TrackingNumber
        VATAmountFC VATCode VATPercentage VATNonDeductiblePercentage""",
    'generaljournalentry/GeneralJournalEntryLines': """Account AmountFC AmountVATFC Asset
        CostCenter CostUnit Date Description Document EntryID GLAccount Notes OffsetID OurRef
        Project Quantity VATCode VATPercentage""",
}
MANDATORY = {
    'sale': {'Customer', 'Journal', 'SalesEntryLines'},
    'purchase': {'Supplier', 'Journal', 'PurchaseEntryLines'},
    'general': {'JournalCode', 'GeneralJournalEntryLines'},
}


@given(bookings())
def test_payload_has_only_properties_that_a_post_accepts(booking):
    body = payload(booking)
    assert set(body) <= set(POST[resource(booking)].split())
    assert MANDATORY[booking.kind] <= set(body)
    (lines,) = [value for value in body.values() if isinstance(value, list)]
    assert len(lines) == len(booking.lines)
    for row, line in zip(lines, booking.lines, strict=True):
        assert set(row) <= set(POST[line_resource(booking)].split())
        assert row['AmountFC'] == line.amount
        assert row['GLAccount'] == line.gl_account
        assert not any(value is None for value in row.values())
        assert {name for name, value in row.items() if value == ''} <= {'VATCode'}


def test_payload_of_a_sale_in_full():
    booking = sale(
        lines=[Line('G1', D('100.00'), '2', D('21.01'), 'Work', 'CC', 'CU', 'P1', D('2.5'),
                    dt.date(2026, 1, 1), dt.date(2026, 3, 31), 'note')],
        due_date=dt.date(2026, 3, 1), payment_condition='30', payment_reference='RF12',
        order_number=7, invoice_number=2026001, document='{D1}', description='Invoice',
        currency='USD', rate=D('0.9'), total=D('121.01'), vat_total=D('21.01'))
    assert payload(booking) == {
        'Customer': 'r1', 'Journal': '70', 'InvoiceNumber': 2026001,
        'EntryDate': dt.date(2026, 1, 31), 'DueDate': dt.date(2026, 3, 1),
        'ReportingYear': 2026, 'ReportingPeriod': 1, 'Currency': 'USD', 'Rate': D('0.9'),
        'PaymentCondition': '30', 'PaymentReference': 'RF12', 'YourRef': 'INV/2026/00001',
        'OrderNumber': 7, 'Description': 'Invoice', 'Document': 'd1',
        'SalesEntryLines': [{
            'GLAccount': 'g1', 'AmountFC': D('100.00'), 'VATCode': '2', 'VATAmountFC': D('21.01'),
            'CostCenter': 'CC', 'CostUnit': 'CU', 'Project': 'p1', 'Quantity': D('2.5'),
            'Notes': 'note', 'Description': 'Work', 'From': dt.date(2026, 1, 1),
            'To': dt.date(2026, 3, 31),
        }],
    }


def test_no_vat_is_said_and_default_vat_is_left_out():
    body = payload(sale(lines=[Line('g', D(1), ''), Line('g', D(1), None)]))
    assert body['SalesEntryLines'][0]['VATCode'] == ''
    assert 'VATCode' not in body['SalesEntryLines'][1]


def test_credit_notes_by_sign_or_by_type():
    note = sale(lines=[Line('g', D(-100), '2', D(-21)), Line('g', D(5), '')], is_refund=True,
                total=D(-116), vat_total=D(-21))
    by_sign = payload(note)
    assert 'Type' not in by_sign
    assert [row['AmountFC'] for row in by_sign['SalesEntryLines']] == [D(-100), D(5)]
    by_type = payload(note, explicit_type=True)
    assert by_type['Type'] == 21
    assert [row['AmountFC'] for row in by_type['SalesEntryLines']] == [D(100), D(-5)]
    assert by_type['SalesEntryLines'][0]['VATAmountFC'] == D(21)
    assert payload(replace(note, kind='purchase'), explicit_type=True)['Type'] == 31
    assert payload(replace(note, is_refund=False), explicit_type=True)['Type'] == 20


def test_general_entries_carry_their_reference_on_each_line():
    booking = Booking(
        kind='general', division=1, journal='90', entry_date=dt.date(2026, 1, 31), currency='EUR',
        year=2026, period=1, your_ref='MISC/2026/0001', description='Accrual',
        lines=[Line('g1', D(10), relation='R9', description='Rent ' * 20),
               Line('g2', D(-10), date=dt.date(2026, 2, 1))])
    body = payload(booking)
    assert 'YourRef' not in body
    assert 'Description' not in body
    first, second = body['GeneralJournalEntryLines']
    assert first['Description'].startswith('MISC/2026/0001: Rent Rent')
    assert len(first['Description']) == LIMITS['line_description']
    assert first['Account'] == 'r9'
    assert first['Date'] == dt.date(2026, 1, 31)
    assert second['Description'] == 'MISC/2026/0001: Accrual'
    assert second['Date'] == dt.date(2026, 2, 1)
    assert has_reference(second['Description'], 'MISC/2026/0001')
    assert not has_reference('MISC/2026/00012: x', 'MISC/2026/0001')


def test_texts_fit_and_references_stay_whole():
    body = payload(sale(description='x' * 500, your_ref='R' * 50))
    assert body['Description'] == 'x' * 59 + '…'
    assert body['YourRef'] == 'R' * 50


@given(st.text(max_size=200), st.integers(2, 80))
def test_fit_text_makes_one_clean_line(value, limit):
    text = fit_text(value, limit)
    assert len(text) <= limit
    assert all(ord(char) <= 0xFFFF and (char.isprintable() or 0xE000 <= ord(char) <= 0xF8FF)
               for char in text)
    assert text == ' '.join(text.split())
    assert fit_text(text, limit) == text
    assert fit_reference(fit_reference(value)) == fit_reference(value)


def test_fit_text_examples():
    assert fit_text('a\x00b\r\nc\td') == 'a b c d'
    assert fit_text('Fine 👍🏽 work ❤️') == 'Fine work ❤'
    assert fit_text('one\ntwo', multiline=True) == 'one\ntwo'
    assert fit_text('<b>"Jan" & co\'s</b>') == '<b>"Jan" & co\'s</b>'
    # A character with two marks that do not compose is kept or left out as a whole.
    assert fit_text('abq̣̇xyz', 5) == 'ab…'
    assert fit_text('') == ''
    assert fit_text(None) == ''


@given(bookings())
def test_a_booking_survives_json(booking):
    again = from_dict(json.loads(json.dumps(to_dict(booking))))
    assert again == booking
    assert fingerprint(again) == fingerprint(booking)


def test_later_versions_may_add_fields():
    data = to_dict(sale()) | {'colour': 'green'}
    assert from_dict(data) == sale()


@given(bookings(), st.integers(1, 4))
def test_fingerprint_ignores_how_numbers_are_written_and_what_is_learned(booking, zeros):
    unit = D(1).scaleb(-2 - zeros)
    lines = [replace(line, amount=line.amount.quantize(unit), sources=(1, 2))
             for line in booking.lines]
    same = replace(booking, lines=lines, document='d9', entry_number=26700001)
    assert fingerprint(same) == fingerprint(booking)


@pytest.mark.parametrize('change', [
    {'journal': '71'}, {'relation': 'r2'}, {'your_ref': 'INV/2'}, {'period': 2}, {'year': 2027},
    {'total': D('121.01')}, {'vat_total': D(20)}, {'due_date': dt.date(2026, 2, 1)},
    {'currency': 'USD'}, {'rate': D('1.1')}, {'division': 2}, {'kind': 'purchase'},
    {'is_refund': True}, {'payment_condition': '14'}, {'invoice_number': 5},
])
def test_fingerprint_sees_every_change_of_the_header(change):
    assert fingerprint(replace(sale(), **change)) != fingerprint(sale())


@pytest.mark.parametrize('change', [
    {'amount': D('100.01')}, {'vat_code': ''}, {'vat_code': None}, {'vat_amount': D(21)},
    {'gl_account': 'g2'}, {'cost_center': 'C'}, {'project': 'p'}, {'quantity': D(3)},
    {'description': 'other'}, {'from_date': dt.date(2026, 1, 1)}, {'notes': 'n'},
])
def test_fingerprint_sees_every_change_of_a_line(change):
    line = Line('g1', D(100), '2')
    assert (fingerprint(sale(lines=[replace(line, **change)]))
            != fingerprint(sale(lines=[line])))


def test_fingerprint_sees_the_order_of_lines():
    one, two = Line('g1', D(1)), Line('g2', D(2))
    assert fingerprint(sale(lines=[one, two])) != fingerprint(sale(lines=[two, one]))


def test_floats_and_instants_are_refused():
    with pytest.raises(TypeError):
        Line('g', 0.1)
    with pytest.raises(TypeError):
        sale(total=121.0)
    with pytest.raises(TypeError):
        sale(entry_date=dt.datetime(2026, 1, 1))
    with pytest.raises(ValueError, match='kind'):
        sale(kind='memo')


def test_the_package_knows_neither_odoo_nor_its_neighbours():
    folder = Path(__file__).parents[2] / 'booking'
    files = sorted(folder.glob('*.py'))
    assert len(files) > 8
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level <= 1, f"{path.name} imports from outside the package"
                names = [node.module or ''] if node.level == 0 else []
            else:
                continue
            for name in names:
                assert name.split('.')[0] not in {'odoo', 'exact_api', 'simulator', 'booking'}
