"""Bookings for the tests of `booking`, and the books that a ledger would make of them.

The books are written from the facts about Exact, apart from the code under test: VAT per line,
halves away from zero, a row per relation, line and VAT.
"""

import datetime as dt
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

from booking import Booking, Line, VatCode, general_description

D = Decimal

RECEIVABLE, PAYABLE, VAT_PAY, VAT_CLAIM = 'a-receivable', 'a-payable', 'a-vat-pay', 'a-vat-claim'
ACCOUNTS = ['g1', 'g2', 'g3']
GL_TYPES = {RECEIVABLE: 20, PAYABLE: 22, VAT_PAY: 24, VAT_CLAIM: 24,
            'g1': 110, 'g2': 121, 'g3': 90}
VAT_CODES = {
    '2': VatCode('2', D('0.21'), 'E'),
    '1': VatCode('1', D('0.09'), 'E'),
    '6': VatCode('6', D('0.06'), 'E'),
    '0': VatCode('0', D(0), 'B'),
    'V': VatCode('V', D('0.21'), 'E', charged=True),
}


def sale(**values):
    """A plain sale of 100.00 with 21 % VAT."""
    values = {
        'kind': 'sale', 'division': 1, 'journal': '70', 'entry_date': dt.date(2026, 1, 31),
        'currency': 'EUR', 'year': 2026, 'period': 1, 'relation': 'R1',
        'your_ref': 'INV/2026/00001', 'total': D(121), 'vat_total': D(21),
        'lines': [Line('g1', D(100), '2')],
    } | values
    return Booking(**values)


def per_line_vat(amount, percentage):
    """Exact's rule in whole cents: percentage of the amount, halves away from zero."""
    cents = Fraction(amount) * 100 * Fraction(percentage)
    whole = int(abs(cents) + Fraction(1, 2))
    return D(whole if cents >= 0 else -whole) / 100


def line_vat(line):
    """VAT that Exact puts on a line, its own amount winning."""
    code = VAT_CODES.get(line.vat_code)
    if line.vat_amount is not None:
        return line.vat_amount
    return per_line_vat(line.amount, code.percentage) if code else D(0)


def booked_totals(lines):
    """VAT in the total and total of an entry with these lines."""
    vat = sum((line_vat(line) for line in lines
               if line.vat_code and not VAT_CODES[line.vat_code].charged), D(0))
    return vat, sum((line.amount for line in lines), D(0)) + vat


amounts = st.integers(-1_000_000, 1_000_000).map(lambda cents: D(cents) / 100)
positive_amounts = st.integers(1, 1_000_000).map(lambda cents: D(cents) / 100)


@st.composite
def line_values(draw, amount=amounts, codes=('', '0', '1', '2', '6')):
    code = draw(st.sampled_from(codes))
    value = draw(amount)
    vat_amount = None
    if code and VAT_CODES[code].percentage and draw(st.booleans()):
        vat_amount = per_line_vat(value, VAT_CODES[code].percentage) + D('0.01')
    return Line(
        gl_account=draw(st.sampled_from(ACCOUNTS)), amount=value, vat_code=code,
        vat_amount=vat_amount, description=draw(st.text(max_size=70)),
        cost_center=draw(st.sampled_from(['', 'CC1', 'CC2'])),
        cost_unit=draw(st.sampled_from(['', 'CU1'])),
        project=draw(st.sampled_from(['', 'p1', 'p2'])),
        quantity=draw(st.sampled_from([None, D(1), D('2.5')])))


@st.composite
def bookings(draw, kinds=('sale', 'purchase', 'general')):
    kind = draw(st.sampled_from(kinds))
    day = draw(st.dates(dt.date(2024, 1, 1), dt.date(2027, 12, 31)))
    values = {
        'kind': kind, 'division': draw(st.integers(1, 9_999_999)),
        'journal': draw(st.sampled_from(['70', '60', '90'])), 'entry_date': day,
        'currency': draw(st.sampled_from(['EUR', 'USD'])), 'year': day.year, 'period': day.month,
        'your_ref': draw(st.sampled_from(['INV/2026/00001', 'RINV/1', 'F 2026-12'])),
        'description': draw(st.text(max_size=70)),
        'document': draw(st.sampled_from(['', 'd1'])),
        'rate': draw(st.sampled_from([D(1), D('0.923456789')])),
    }
    if kind == 'general':
        lines = draw(st.lists(line_values(codes=('',)), min_size=1, max_size=5))
        rest = sum((line.amount for line in lines), D(0))
        lines.append(Line('g3', -rest, relation='r7'))
        return Booking(lines=lines, **values)
    lines = draw(st.lists(line_values(codes=('', '0', '1', '2', '6', 'V')), min_size=1,
                          max_size=6))
    lines = [Line(**{**vars(line), 'vat_amount': None}) if line.vat_code == 'V' else line
             for line in lines]
    vat, total = booked_totals(lines)
    return Booking(
        relation=draw(st.sampled_from(['R1', 'r2'])), total=total, vat_total=vat,
        due_date=draw(st.sampled_from([None, dt.date(2028, 1, 1)])), is_refund=total < 0,
        payment_condition=draw(st.sampled_from(['', '30'])), lines=lines, **values)


def books(booking):
    """Rows of TransactionLines that the ledger shows for a booking, debit positive."""
    head = {
        'EntryID': 'E-1', 'EntryNumber': 26700001, 'Division': booking.division,
        'JournalCode': f"{booking.journal} ", 'Account': booking.relation.upper(),
        'Date': booking.entry_date, 'DueDate': booking.due_date or booking.entry_date,
        'Currency': booking.currency, 'ExchangeRate': booking.rate,
        'FinancialYear': booking.year, 'FinancialPeriod': booking.period,
        'YourRef': booking.your_ref, 'Document': booking.document or None, 'Status': 20,
        'Type': 20,
    }
    rows = []

    def add(gl_account, amount, **values):
        rows.append(head | {
            'ID': f"L-{len(rows)}", 'LineNumber': len(rows), 'GLAccount': gl_account.upper(),
            'AmountFC': amount, 'AmountVATFC': D(0), 'VATCode': None, 'CostCenter': None,
            'CostUnit': None, 'Project': None, 'Description': 'x'} | values)

    def add_line(line, sign, **values):
        add(line.gl_account, sign * line.amount, VATCode=line.vat_code or None,
            AmountVATFC=sign * line_vat(line), CostCenter=line.cost_center or None,
            CostUnit=line.cost_unit or None, Project=line.project.upper() or None, **values)

    if booking.kind == 'general':
        for line in booking.lines:
            text = general_description(booking, line)
            add_line(line, 1, Account=line.relation or None, YourRef=None, Description=text,
                     Date=line.date or booking.entry_date)
        return rows
    sign = -1 if booking.kind == 'sale' else 1
    add(RECEIVABLE if booking.kind == 'sale' else PAYABLE, -sign * booking.total)
    for line in booking.lines:
        add_line(line, sign)
    vat_account = VAT_PAY if booking.kind == 'sale' else VAT_CLAIM
    for line in booking.lines:
        vat = line_vat(line)
        if vat:
            add(vat_account, sign * vat, VATCode=line.vat_code)
            if VAT_CODES[line.vat_code].charged:
                add(VAT_PAY, -sign * vat, VATCode=line.vat_code)
    return rows
