"""Compares the entry that Exact has booked with the booking that was meant.

Exact drops unknown references silently and takes defaults for what is left out, so an answer of
"created" proves little. The rows of TransactionLines do: every amount there is debit positive.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from .deferrals import LinePeriod, compare_deferrals
from .difference import Difference
from .entry import Booking, Line, is_ledger_only, is_money
from .payload import has_reference
from .terms import OpenItem, compare_terms
from .text import fit_reference

# G/L account types (facts: GLAccount.Type).
RECEIVABLE, PAYABLE, VAT_ACCOUNT = 20, 22, 24
# Cash, bank, credit card, payment service: what the journal of a bank or cash entry is booked on.
BANK_ACCOUNTS = (10, 12, 14, 16)
# Rows that Exact adds by itself when a line is deferred (Transaction.Type 84, 86).
_DEFERRALS = (84, 86)
# VATType letters of rows that hold an amount of VAT, used where the account's type is not known.
_VAT_ROWS = frozenset('AOPQYZ')
_CENT = Decimal('0.01')

# What `read_entry` looks at: the $select of a read-back.
READ_FIELDS = (
    'EntryID', 'EntryNumber', 'Division', 'JournalCode', 'Account', 'Date', 'DueDate', 'Currency',
    'ExchangeRate', 'FinancialYear', 'FinancialPeriod', 'YourRef', 'InvoiceNumber',
    'PaymentReference', 'Description', 'Document', 'Status', 'Type', 'LineNumber', 'GLAccount',
    'AmountFC', 'AmountDC', 'AmountVATFC', 'VATCode', 'VATType', 'CostCenter', 'CostUnit',
    'Project', 'Quantity', 'Created', 'Creator', 'Modified',
)
# Exact may keep fewer decimals of a quantity than were sent; it shows two.
_QUANTITY_UNIT = Decimal('0.005')


@dataclass(frozen=True)
class ReadLine:
    """One row of TransactionLines: amounts debit positive, in the entry's currency.

    :param vat_amount: None where Exact tells none; likewise `quantity`. Nothing public says that
        Exact fills either: see `Told`.
    """

    gl_account: str
    amount: Decimal
    gl_type: int | None = None
    vat_code: str = ''
    vat_amount: Decimal | None = None
    vat_type: str = ''
    cost_center: str = ''
    cost_unit: str = ''
    project: str = ''
    relation: str = ''
    description: str = ''
    document: str = ''
    date: dt.date | None = None
    line_number: int = 0
    quantity: Decimal | None = None

    @property
    def is_control(self) -> bool:
        return self.gl_type in (RECEIVABLE, PAYABLE)

    @property
    def is_bank(self) -> bool:
        return self.gl_type in BANK_ACCOUNTS

    @property
    def is_vat(self) -> bool:
        if self.gl_type is None:
            return self.vat_type in _VAT_ROWS
        return self.gl_type == VAT_ACCOUNT


@dataclass(frozen=True)
class ReadEntry:
    """One entry as Exact has it. The header is that of the receivable or payable row, if any.

    :param own_total: of the receivable and payable rows, in the division's currency, debit positive
    :param created: when its first row was made, aware
    :param creator: GUID of the user of Exact who made it
    :param modified: when one of its rows was last changed, aware
    :param terms: what is open of it and when it is due, as another resource tells; None = not read
    :param periods: what its lines are deferred over; None = not read
    """

    entry_id: str
    entry_number: int | None
    division: int
    journal: str
    relation: str
    entry_date: dt.date | None
    due_date: dt.date | None
    currency: str
    rate: Decimal | None
    year: int | None
    period: int | None
    your_ref: str
    description: str
    document: str
    lines: tuple[ReadLine, ...]
    status: int | None = None
    type: int | None = None
    invoice_number: int | None = None
    payment_reference: str = ''
    own_total: Decimal | None = None
    created: dt.datetime | None = None
    creator: str = ''
    modified: dt.datetime | None = None
    terms: tuple[OpenItem, ...] | None = None
    periods: tuple[LinePeriod, ...] | None = None


def read_entry(rows: Iterable[Mapping], gl_types: Mapping[str, int]) -> ReadEntry | None:
    """One entry from its rows of TransactionLines.

    :param rows: dicts with Exact's names (READ_FIELDS) and Python values: dates, aware moments,
        Decimals, texts ('' or None for nothing). All rows must be of one entry.
    :param gl_types: type of each G/L account of the division, by lower-case GUID.
    :return: None if there are no rows: the entry is not there (or not yet).
    :raise ValueError: rows of several entries.
    """
    rows = [row for row in rows if row.get('Type') not in _DEFERRALS]
    if not rows:
        return None
    if len({_guid(row.get('EntryID')) for row in rows}) > 1:
        raise ValueError("rows of more than one entry")
    rows.sort(key=lambda row: row.get('LineNumber') or 0)
    lines = tuple(_read_line(row, gl_types) for row in rows)
    control = (row for row, line in zip(rows, lines, strict=True) if line.is_control)
    head = next(control, rows[0])

    def first(name):
        return head.get(name) or next((row[name] for row in rows if row.get(name)), None)

    return ReadEntry(
        entry_id=_guid(head.get('EntryID')),
        entry_number=head.get('EntryNumber'),
        division=head.get('Division'),
        journal=_text(head.get('JournalCode')),
        relation=_guid(head.get('Account')),
        entry_date=_day(head.get('Date')),
        due_date=_day(first('DueDate')),
        currency=_text(head.get('Currency')),
        rate=head.get('ExchangeRate'),
        year=head.get('FinancialYear'),
        period=head.get('FinancialPeriod'),
        your_ref=_text(first('YourRef')),
        description=_text(head.get('Description')),
        document=_guid(first('Document')),
        lines=lines,
        status=head.get('Status'),
        type=head.get('Type'),
        invoice_number=first('InvoiceNumber'),
        payment_reference=_text(first('PaymentReference')),
        own_total=sum(
            (_cents(row.get('AmountDC')) for row, line in zip(rows, lines, strict=True)
             if line.is_control),
            Decimal(0),
        ),
        created=min((row['Created'] for row in rows if row.get('Created')), default=None),
        creator=_guid(head.get('Creator')),
        modified=max((row['Modified'] for row in rows if row.get('Modified')), default=None),
    )


def _read_line(row, gl_types):
    gl_account = _guid(row.get('GLAccount'))
    return ReadLine(
        gl_account=gl_account,
        gl_type=gl_types.get(gl_account),
        amount=_cents(row.get('AmountFC')),
        vat_code=_text(row.get('VATCode')),
        vat_amount=None if row.get('AmountVATFC') is None else _cents(row['AmountVATFC']),
        vat_type=_text(row.get('VATType')),
        cost_center=_text(row.get('CostCenter')),
        cost_unit=_text(row.get('CostUnit')),
        project=_guid(row.get('Project')),
        relation=_guid(row.get('Account')),
        description=_text(row.get('Description')),
        document=_guid(row.get('Document')),
        date=_day(row.get('Date')),
        line_number=row.get('LineNumber') or 0,
        quantity=row.get('Quantity'),
    )


class Told(NamedTuple):
    """Which optional properties Exact has filled in the rows of an entry.

    A 0 may mean that there is none, or that Exact does not say: it is believed if another row of
    the entry has a value.
    """

    vat: bool = False
    quantity: bool = False


def told_by(read: ReadEntry) -> Told:
    """Which optional properties the ledger rows of an entry have."""
    rows = [row for row in read.lines if not row.is_control and not row.is_vat]
    return Told(any(row.vat_amount for row in rows), any(row.quantity for row in rows))


def compare(booking: Booking, read: ReadEntry | None) -> tuple[Difference, ...]:
    """All differences between the entry in Exact and the booking; () if there is none.

    Names of differences: missing_entry, division, journal, relation, entry_date, due_date,
    payment_condition, payment_reference, discount_date, currency, rate, period, your_ref, document,
    total, own_total, vat, vat_of_code, line_count, and per line gl_account, amount, vat_code, vat,
    quantity, deferral, cost_center, cost_unit, project, relation, entry_date, your_ref.
    Amounts are compared to the cent, in the sign of the booking. What Exact computes is compared
    only where a value was given (due date, rate, VAT code and VAT of a line), and nothing is that
    Exact does not tell: `proof.unproved` names that. The order of lines does not matter. A line
    that Exact has and nobody meant is a `line_count` with meant None.

    Exact balances a bank or cash entry by itself, on the account of its journal: what it booked
    there must be the total.
    """
    if read is None:
        return (Difference('missing_entry', booking.your_ref, None),)
    found = list(_compare_header(booking, read))
    told = told_by(read)
    if is_ledger_only(booking.kind):
        pairs, missing, extra = _match(booking, read.lines, told)
        vat_rows = [row for row in extra if row.is_vat]
        extra = [row for row in extra if not row.is_vat]
        if is_money(booking.kind):
            moved = sum((row.amount for row in extra if row.is_bank), Decimal(0))
            extra = [row for row in extra if not row.is_bank]
            if moved != _cents(booking.total):
                found.append(Difference('total', _cents(booking.total), moved))
    else:
        control = [row for row in read.lines if row.is_control]
        vat_rows = [row for row in read.lines if row.is_vat and not row.is_control]
        others = [row for row in read.lines if not row.is_control and not row.is_vat]
        total = sum((row.amount for row in control), Decimal(0)) * -booking.debit_sign
        if total != _cents(booking.total):
            found.append(Difference('total', _cents(booking.total), total))
        own = own_difference(booking, read)
        # Each row is converted and rounded, here in Exact and there where the booking comes from,
        # perhaps before its amount is rounded: a cent of either currency for each.
        if abs(own) > _CENT * (1 + booking.rate) * (len(booking.lines) + len(read.lines)):
            found.append(Difference('own_total', booking.own_total, booking.own_total + own))
        pairs, missing, extra = _match(booking, others, told)
    vat = sum((row.amount for row in vat_rows), Decimal(0)) * booking.debit_sign
    if vat != _cents(booking.vat_total):
        found.append(Difference('vat', _cents(booking.vat_total), vat))
    else:
        found.extend(_compare_vat_of_codes(booking, vat_rows))
    for index, row in pairs:
        found.extend(_compare_line(booking, index, row, told))
    for index in missing:
        line = booking.lines[index]
        found.append(Difference('line_count', _summary(line.gl_account, line.amount), None, index))
    for row in extra:
        summary = _summary(row.gl_account, row.amount * booking.debit_sign)
        found.append(Difference('line_count', None, summary))
    return tuple(found)


def own_difference(booking: Booking, read: ReadEntry) -> Decimal:
    """By how much more the total is in Exact's books, in the division's currency, than was meant.

    Exact is given a rate and converts by itself (AmountDC is read-only): cents may differ though
    every amount in the entry's currency is equal. 0 where nothing is known to compare with.
    """
    if booking.own_total is None or read.own_total is None:
        return Decimal(0)
    return read.own_total * -booking.debit_sign - booking.own_total


def _compare_header(booking, read):
    def differs(field, meant, actual):
        if meant != actual:
            yield Difference(field, meant, actual)

    yield from differs('division', booking.division, read.division)
    yield from differs('journal', booking.journal, read.journal)
    yield from differs('currency', booking.currency, read.currency)
    yield from differs('period', (booking.year, booking.period), (read.year, read.period))
    if booking.rate != 1 and read.rate is not None and not _same_rate(booking.rate, read.rate):
        yield Difference('rate', booking.rate, read.rate)
    if booking.document:
        yield from differs('document', booking.document, read.document)
    if is_ledger_only(booking.kind):
        return
    yield from differs('relation', booking.relation, read.relation)
    yield from differs('entry_date', booking.entry_date, read.entry_date)
    yield from compare_terms(booking, read)
    yield from compare_deferrals(booking, read)
    yield from differs('your_ref', fit_reference(booking.your_ref), read.your_ref)


def codes_with_given_vat(booking: Booking) -> dict[str, Decimal]:
    """The VAT of each code of which every line says its own."""
    sums: dict[str, Decimal | None] = {}
    for line in booking.lines:
        if line.vat_code:
            known = sums.get(line.vat_code, Decimal(0))
            given = known is not None and line.vat_amount is not None
            sums[line.vat_code] = known + line.vat_amount if given else None
    return {code: _cents(amount) for code, amount in sums.items() if amount is not None}


def _compare_vat_of_codes(booking, vat_rows):
    """VAT is what the VAT rows say, per code where they name theirs."""
    if not all(row.vat_code for row in vat_rows):
        return
    for code, meant in codes_with_given_vat(booking).items():
        rows = (row.amount for row in vat_rows if row.vat_code == code)
        actual = sum(rows, Decimal(0)) * booking.debit_sign + 0
        if actual != meant:
            yield Difference('vat_of_code', (code, meant), (code, actual))


def _compare_line(booking: Booking, index: int, row: ReadLine, told: Told) -> list[Difference]:
    line, sign = booking.lines[index], booking.debit_sign
    result = []

    def differs(field, meant, actual):
        if meant != actual:
            result.append(Difference(field, meant, actual, index))

    differs('gl_account', line.gl_account, row.gl_account)
    differs('amount', _cents(line.amount), row.amount * sign + 0)
    if line.vat_code is not None:
        differs('vat_code', line.vat_code, row.vat_code)
    if line.vat_amount is not None and told.vat and row.vat_amount is not None:
        differs('vat', _cents(line.vat_amount), row.vat_amount * sign + 0)
    if line.quantity is not None and told.quantity and row.quantity is not None and not \
            _same_quantity(line.quantity, row.quantity):
        result.append(Difference('quantity', line.quantity, row.quantity, index))
    differs('cost_center', line.cost_center, row.cost_center)
    differs('cost_unit', line.cost_unit, row.cost_unit)
    differs('project', line.project, row.project)
    if is_ledger_only(booking.kind):
        if line.relation:
            differs('relation', line.relation, row.relation)
        differs('entry_date', line.date or booking.entry_date, row.date)
        reference = fit_reference(booking.your_ref)
        if reference and not has_reference(row.description, reference):
            result.append(Difference('your_ref', reference, row.description, index))
    return result


def _match(booking: Booking, rows: Iterable[ReadLine], told: Told):
    """Pair lines with rows: equal ones first, then what is most alike.

    :return: pairs (line index, row), indexes of lines without a row, rows without a line.
    """
    rows = list(rows)
    buckets: dict[tuple, list[ReadLine]] = {}
    for row in rows:
        key = (row.gl_account, row.amount * booking.debit_sign + 0)
        buckets.setdefault(key, []).append(row)
    pairs, open_lines = [], []
    # The most specific lines choose first, so that none takes the only row another can have.
    order = sorted(range(len(booking.lines)), key=lambda i: (_wishes(booking.lines[i]), i))
    for index in order:
        line = booking.lines[index]
        bucket = buckets.get((line.gl_account, _cents(line.amount)), [])
        hit = next((row for row in bucket if not _compare_line(booking, index, row, told)), None)
        if hit is None:
            open_lines.append(index)
        else:
            pairs.append((index, hit))
            _remove(bucket, hit)
    rest = [row for bucket in buckets.values() for row in bucket]
    # Exact adds VAT rows to a general entry, and rows on the account of a bank journal. They stand
    # for no line, unless a line itself was on that account.
    scores = []
    for index in open_lines:
        line = booking.lines[index]
        for position, row in enumerate(rest):
            own = row.is_vat or (is_money(booking.kind) and row.is_bank)
            if own and row.gl_account != line.gl_account:
                continue
            differences = _compare_line(booking, index, row, told)
            weight = sum(4 if d.field in ('gl_account', 'amount') else 1 for d in differences)
            if weight < 8 or not {'gl_account', 'amount'} <= {d.field for d in differences}:
                scores.append((weight, index, position))
    used_lines, used_rows = set(), set()
    for _weight, index, position in sorted(scores):
        if index not in used_lines and position not in used_rows:
            used_lines.add(index)
            used_rows.add(position)
            pairs.append((index, rest[position]))
    missing = [index for index in sorted(open_lines) if index not in used_lines]
    extra = [row for position, row in enumerate(rest) if position not in used_rows]
    return sorted(pairs, key=lambda pair: pair[0]), missing, extra


def _wishes(line: Line) -> int:
    return (line.vat_code is None) + (line.vat_amount is None) + (not line.relation)


def _remove(bucket, row):
    for position, other in enumerate(bucket):
        if other is row:
            del bucket[position]
            return


def _summary(gl_account, amount):
    return (gl_account, _cents(amount))


def _same_quantity(meant, found):
    # It is not known which sign the ledger gives to a quantity that is sold.
    return abs(abs(meant) - abs(Decimal(found))) <= _QUANTITY_UNIT


def _same_rate(meant, found):
    # Exact hands rates out as doubles; six decimals is what its own screens show.
    unit = Decimal('1E-6')
    return meant.quantize(unit, ROUND_HALF_UP) == Decimal(found).quantize(unit, ROUND_HALF_UP)


def _cents(value):
    """An amount without noise: doubles arrive as 0.30000000000000004, 100 equals 100.00."""
    result = Decimal(value or 0).quantize(Decimal('0.01'), ROUND_HALF_UP)
    return result if result else abs(result)


def _text(value):
    return str(value).strip() if value is not None else ''


def _guid(value):
    return _text(value).strip('{}').lower()


def _day(value):
    return value.date() if hasattr(value, 'date') else value
