"""Entries in Exact's words: which resource takes them, and the body of the POST.

Property names, and which of them a POST accepts, are those of Exact's public reference. A read-only
property is never sent, with one exception on demand (`explicit_type`). Values are Python values;
the client encodes them.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from .entry import Booking, Line, is_ledger_only, is_money
from .text import LIMITS, fit_reference, fit_text

_RESOURCES = {
    'sale': 'salesentry/SalesEntries',
    'purchase': 'purchaseentry/PurchaseEntries',
    'general': 'generaljournalentry/GeneralJournalEntries',
    'bank': 'financialtransaction/BankEntries',
    'cash': 'financialtransaction/CashEntries',
}
_LINE_RESOURCES = {
    'sale': 'salesentry/SalesEntryLines',
    'purchase': 'purchaseentry/PurchaseEntryLines',
    'general': 'generaljournalentry/GeneralJournalEntryLines',
    'bank': 'financialtransaction/BankEntryLines',
    'cash': 'financialtransaction/CashEntryLines',
}
LINES_PROPERTY = {
    'sale': 'SalesEntryLines',
    'purchase': 'PurchaseEntryLines',
    'general': 'GeneralJournalEntryLines',
    'bank': 'BankEntryLines',
    'cash': 'CashEntryLines',
}
RELATION_PROPERTY = {'sale': 'Customer', 'purchase': 'Supplier'}
TYPES = {('sale', False): 20, ('sale', True): 21, ('purchase', False): 30, ('purchase', True): 31}

# Fractions of a cent on a million: finer rates change nothing, and a double holds this many.
_RATE_UNIT = Decimal('1E-12')


def resource(booking: Booking | str) -> str:
    """Path of the entries of this booking (or kind) below the division."""
    return _RESOURCES[booking if isinstance(booking, str) else booking.kind]


def line_resource(booking: Booking | str) -> str:
    """Path of the lines of this booking (or kind) below the division."""
    return _LINE_RESOURCES[booking if isinstance(booking, str) else booking.kind]


def payload(booking: Booking, *, explicit_type: bool = False) -> dict:
    """Body of the POST that books the entry with all its lines (deep insert).

    Empty optional fields are left out. `ReportingYear` and `ReportingPeriod` are always given: a
    broken financial year makes them differ from the date.

    :param explicit_type: how Exact wants credit notes is an open question: by the sign of their
        lines (the default, `Type` is then not sent, being read-only in the reference), or as
        positive lines with `Type` 21 or 31.
    """
    result = header_values(booking, explicit_type=explicit_type)
    result[LINES_PROPERTY[booking.kind]] = [
        line_values(booking, line, explicit_type=explicit_type) for line in booking.lines
    ]
    return result


def header_values(booking: Booking, *, explicit_type: bool = False) -> dict:
    """The properties of the header, without the lines."""
    rate = _rate(booking)
    if is_ledger_only(booking.kind):
        # The balances of a bank or cash entry (OpeningBalanceFC, ClosingBalanceFC) are left to
        # Exact, which knows the one before (inferred: it then goes on from there).
        return _given({
            'JournalCode': booking.journal,
            'Currency': booking.currency,
            'ExchangeRate': rate if booking.kind == 'general' else None,
            'FinancialYear': booking.year,
            'FinancialPeriod': booking.period,
            'EntryNumber': booking.entry_number,
        })
    return _given({
        RELATION_PROPERTY[booking.kind]: booking.relation,
        'Journal': booking.journal,
        'Type': TYPES[booking.kind, booking.is_refund] if explicit_type else None,
        'EntryNumber': booking.entry_number,
        'InvoiceNumber': booking.invoice_number,
        'EntryDate': booking.entry_date,
        'DueDate': booking.due_date,
        'ReportingYear': booking.year,
        'ReportingPeriod': booking.period,
        'Currency': booking.currency,
        'Rate': rate,
        'PaymentCondition': booking.payment_condition,
        'PaymentReference': fit_reference(booking.payment_reference),
        'YourRef': fit_reference(booking.your_ref),
        'OrderNumber': booking.order_number,
        'Description': fit_text(booking.description, LIMITS['description']),
        'Document': booking.document,
    })


def line_values(booking: Booking, line: Line, *, explicit_type: bool = False) -> dict:
    """The properties of one line, in Exact's sign: those of the entry's kind, debit positive in
    general entries, money in positive in bank and cash entries."""
    ledger_only = is_ledger_only(booking.kind)
    sign = -1 if explicit_type and booking.is_refund and not ledger_only else 1
    result = {
        'GLAccount': line.gl_account,
        'AmountFC': sign * line.amount + 0,
        'VATCode': line.vat_code,
    }
    vat_property = 'AmountVATFC' if ledger_only else 'VATAmountFC'
    result[vat_property] = None if line.vat_amount is None else sign * line.vat_amount + 0
    result |= {
        'CostCenter': line.cost_center,
        'CostUnit': line.cost_unit,
        'Project': line.project,
        'Quantity': line.quantity,
        'Notes': fit_text(line.notes, LIMITS['notes'], multiline=True),
    }
    if ledger_only:
        result |= {
            'Description': general_description(booking, line),
            'Account': line.relation,
            'Date': line.date or booking.entry_date,
            'Document': line.document or booking.document,
            # The header of a bank or cash entry has no rate.
            'ExchangeRate': _rate(booking) if is_money(booking.kind) else None,
        }
    else:
        result |= {
            'Description': fit_text(line.description, LIMITS['line_description']),
            'From': line.from_date,
            'To': line.to_date,
        }
    values = _given(result)
    if line.vat_code == '':
        # Left out, Exact would take the default of the G/L account.
        values['VATCode'] = ''
    return values


def _rate(booking):
    """The exchange rate that is sent; None in the division's own currency, which needs none (and
    some journals forbid to give one)."""
    rate = booking.rate
    if not rate or rate == 1:
        return None
    if -rate.as_tuple().exponent > 12:
        rate = rate.quantize(_RATE_UNIT, ROUND_HALF_EVEN)
    return rate


def general_description(booking: Booking, line: Line) -> str:
    """What stands on a line of a general, bank or cash entry: "MISC/2026/0001: text".

    The header of such an entry has no reference, so that each line carries it: the entry can then
    be found again, and a person sees where it came from.
    """
    reference = fit_reference(booking.your_ref)
    text = fit_text(line.description or booking.description)
    if reference and text and text != reference:
        text = f"{reference}: {text}"
    return fit_text(text or reference, LIMITS['line_description'])


def has_reference(description: str, reference: str) -> bool:
    """Whether the text of a line of a general, bank or cash entry carries this reference (and not
    one that only begins like it)."""
    reference = fit_reference(reference)
    return description == reference or description.startswith(f"{reference}: ")


def _given(values: Mapping) -> dict:
    return {name: value for name, value in values.items() if value is not None and value != ''}
