"""The rules that Exact applies, applied before anything is sent.

An entry that Exact refuses costs one of ten errors an hour, and tells one problem at a time. Here
all problems of an entry are told at once, each as a stable code with the values of its sentence;
the sentence itself is made elsewhere, in the language of the person.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from .compare import PAYABLE, RECEIVABLE, VAT_ACCOUNT
from .entry import Booking, Line, is_ledger_only, is_money
from .facts import Facts, LineTax, Period, is_closed
from .reverse_charge import disagreements, percentage_of
from .text import LIMITS, fit_reference, fit_text
from .vat import codes_on, computed_vat, exact_totals, percent, rounded

BLOCKS, WARNS, INFORMS = 'blocks', 'warns', 'informs'

# Journal types that fit each kind of entry (facts: Journal.Type).
JOURNAL_TYPES = {
    'sale': ('20',), 'purchase': ('22',), 'general': ('90',), 'bank': ('12', '16'), 'cash': ('10',),
}
_DIRECTIONS = {'sale': 'S', 'purchase': 'P'}
_INT32 = 2**31 - 1
# A VAT amount given on a line and the computed one may differ by rounding and discounts; beyond
# this share of the VAT it looks like a wrong code.
_LARGE_OVERRIDE = Decimal('0.05')


class Finding(NamedTuple):
    """One result of a check.

    :param severity: 'blocks' (Exact would refuse it, or book something else), 'warns', 'informs'.
    :param code: stable name of what was found.
    :param params: plain values for its sentence.
    :param line: position of the line, None for the header.
    """

    severity: str
    code: str
    params: dict
    line: int | None = None


def check(booking: Booking, facts: Facts, *,
          taxes: Mapping[int, LineTax] | None = None) -> tuple[Finding, ...]:
    """All findings: those of the header, then those of the lines in order; () = it would book.

    :param taxes: what the sender computed, per line position; compared with the VAT codes.
    """
    findings = []
    # Of the day that decides, which is the entry's.
    facts = replace(
        facts, vat_codes=codes_on(facts.vat_codes, booking.lines, booking.entry_date))
    if booking.division != facts.division:
        # GUIDs and codes of another division say nothing about this one.
        return (Finding(BLOCKS, 'division_differs',
                        {'meant': booking.division, 'division': facts.division}),)
    findings.extend(_check_journal(booking, facts))
    findings.extend(_check_currency(booking, facts))
    findings.extend(_check_period(booking, facts))
    findings.extend(_check_relation(booking, facts))
    findings.extend(_check_references(booking, facts))
    findings.extend(_check_totals(booking, facts))
    for index, line in enumerate(booking.lines):
        own = list(_check_account(booking, line, facts))
        own.extend(_check_vat(booking, line, facts, (taxes or {}).get(index)))
        own.extend(_check_dimensions(line, facts))
        own.extend(_check_line(booking, line, facts))
        findings.extend(finding._replace(line=index) for finding in own)
    return tuple(findings)


def blocks(findings: Iterable[Finding]) -> bool:
    """Whether any of them stops the entry."""
    return any(finding.severity == BLOCKS for finding in findings)


def _check_journal(booking, facts):
    code = booking.journal
    journal = facts.journals.get(code) if code else None
    if journal is None:
        yield Finding(BLOCKS, 'journal_missing' if not code else 'journal_unknown',
                      {'journal': code})
        return
    if journal.blocked:
        yield Finding(BLOCKS, 'journal_blocked', {'journal': code})
    if journal.type not in JOURNAL_TYPES[booking.kind]:
        yield Finding(BLOCKS, 'journal_type',
                      {'journal': code, 'type': journal.type, 'kind': booking.kind})
    if not journal.allow_vat:
        with_vat = [i for i, line in enumerate(booking.lines) if line.vat_code]
        if with_vat:
            yield Finding(BLOCKS, 'journal_without_vat', {'journal': code, 'lines': with_vat})
    own_currency = journal.currency or facts.currency
    if booking.currency != own_currency and not journal.allow_variable_currency:
        yield Finding(BLOCKS, 'journal_currency', {
            'journal': code, 'currency': booking.currency, 'journal_currency': own_currency})
    if booking.rate <= 0:
        yield Finding(BLOCKS, 'rate_missing', {'currency': booking.currency})
    elif booking.currency == facts.currency:
        if booking.rate != 1:
            yield Finding(BLOCKS, 'rate_of_own_currency',
                          {'currency': booking.currency, 'rate': booking.rate})
    elif not journal.allow_variable_rate:
        yield Finding(BLOCKS, 'journal_rate', {
            'journal': code, 'currency': booking.currency, 'rate': booking.rate})
    elif booking.rate == 1:
        # A rate of 1 is not sent, so Exact would take its own rate, which is hardly what was meant.
        yield Finding(WARNS, 'rate_is_one', {'currency': booking.currency})


def _check_currency(booking, facts):
    if booking.currency == facts.currency:
        # The division has its own currency, even if the list lacks it.
        return
    values = {'currency': booking.currency}
    if facts.currencies is not None:
        if booking.currency not in facts.currencies:
            yield Finding(BLOCKS, 'currency_unknown', values)
    elif 'currencies' in facts.unread:
        yield Finding(INFORMS, 'currency_unread', values)


def _check_period(booking, facts):
    values = {'year': booking.year, 'period': booking.period, 'date': booking.entry_date}
    if facts.periods is not None:
        period = next((p for p in facts.periods
                       if (p.year, p.number) == (booking.year, booking.period)), None)
        if period is None:
            yield Finding(BLOCKS, 'period_unknown', values)
        elif not period.start <= booking.entry_date <= period.end:
            yield Finding(INFORMS, 'period_differs_from_date', values)
    period = Period(booking.year, booking.period, booking.entry_date, booking.entry_date)
    if is_closed(facts.closed, booking.journal, period):
        yield Finding(BLOCKS, 'period_closed', {**values, 'journal': booking.journal})
    if booking.due_date and booking.due_date < booking.entry_date:
        yield Finding(WARNS, 'due_before_entry',
                      {'date': booking.entry_date, 'due_date': booking.due_date})


def _check_relation(booking, facts):
    if not is_ledger_only(booking.kind):
        if not booking.relation:
            yield Finding(BLOCKS, 'relation_missing', {'kind': booking.kind})
        else:
            yield from _check_known_relation(booking, booking.relation, facts)
            yield from _check_control_account(booking, facts)
    condition = booking.payment_condition
    if condition and facts.payment_conditions is not None \
            and condition not in facts.payment_conditions:
        yield Finding(BLOCKS, 'payment_condition_unknown', {'payment_condition': condition})


def _check_known_relation(booking, guid, facts):
    if facts.relations is None:
        return
    relation = facts.relations.get(guid)
    if relation is None:
        yield Finding(BLOCKS, 'relation_unknown', {'relation': guid})
        return
    values = {'relation': guid, 'name': relation.name}
    if relation.blocked:
        yield Finding(BLOCKS, 'relation_blocked', values)
    if booking.kind == 'sale' and not relation.is_customer:
        yield Finding(BLOCKS, 'relation_not_customer', values)
    if booking.kind == 'purchase' and not relation.is_supplier:
        yield Finding(BLOCKS, 'relation_not_supplier', values)


def _check_control_account(booking, facts):
    """A relation that is bound to another control account than the journal's is refused (O)."""
    relation = (facts.relations or {}).get(booking.relation)
    journal = facts.journals.get(booking.journal)
    if not relation or not journal or not journal.gl_account:
        return
    own = {'sale': relation.receivable, 'purchase': relation.payable}.get(booking.kind)
    if own and own != journal.gl_account:
        yield Finding(BLOCKS, 'relation_account', {
            'relation': booking.relation, 'name': relation.name, 'journal': booking.journal,
            'account': _ledger_name(own, facts),
            'journal_account': _ledger_name(journal.gl_account, facts),
        })


def _ledger_name(guid, facts):
    account = facts.gl_accounts.get(guid)
    return f'{account.code} {account.name}'.strip() if account else guid


def _check_references(booking, facts):
    reference = fit_reference(booking.your_ref)
    if not reference:
        yield Finding(BLOCKS, 'reference_missing', {'kind': booking.kind})
    else:
        yield from _check_length('reference_too_long', reference, LIMITS['your_ref'])
        if reference != booking.your_ref:
            yield Finding(INFORMS, 'reference_cleaned',
                          {'reference': booking.your_ref, 'sent': reference})
    yield from _check_length('payment_reference_too_long',
                             fit_reference(booking.payment_reference),
                             LIMITS['payment_reference'])
    if len(fit_text(booking.description)) > LIMITS['description']:
        yield Finding(INFORMS, 'description_shortened', {'limit': LIMITS['description']})
    for name in ('invoice_number', 'order_number', 'entry_number'):
        number = getattr(booking, name)
        if number is not None and not 0 < number <= _INT32:
            yield Finding(BLOCKS, 'number_out_of_range', {'field': name, 'number': number})
    if booking.entry_number and (booking.journal, booking.entry_number) in facts.known_numbers:
        yield Finding(BLOCKS, 'entry_number_used',
                      {'journal': booking.journal, 'number': booking.entry_number})


def _check_length(code, text, limit):
    if len(text) > limit:
        yield Finding(BLOCKS, code, {'text': text, 'length': len(text), 'limit': limit})


def _check_totals(booking, facts):
    if not booking.lines:
        yield Finding(BLOCKS, 'no_lines', {})
        return
    if booking.kind == 'general':
        balance = sum((line.amount for line in booking.lines), Decimal(0))
        if balance:
            yield Finding(BLOCKS, 'entry_not_balanced', {'difference': balance})
        if not any(line.amount for line in booking.lines):
            yield Finding(INFORMS, 'zero_total', {})
        return
    if is_money(booking.kind):
        # The other side is Exact's own line on the account of the journal.
        yield from _check_computed(booking, facts)
        if not any(line.amount for line in booking.lines):
            yield Finding(INFORMS, 'zero_total', {})
        return
    if not booking.total:
        yield Finding(INFORMS, 'zero_total', {})
    elif (booking.total < 0) != booking.is_refund:
        yield Finding(WARNS, 'refund_sign',
                      {'total': booking.total, 'is_refund': booking.is_refund})
    yield from _check_computed(booking, facts)


def _check_computed(booking, facts):
    codes = {line.vat_code for line in booking.lines if line.vat_code != ''}
    if any(facts.vat_codes.get(code) is None or facts.vat_codes[code].vat_type == 'I'
           for code in codes):
        # The total that Exact would compute is not known; the lines have their own findings.
        return
    if any(facts.vat_codes[code].percentage is None for code in codes):
        return
    totals = exact_totals(booking.lines, facts.vat_codes, facts.decimals)
    if totals.vat != booking.vat_total:
        yield Finding(BLOCKS, 'vat_total_differs',
                      {'meant': booking.vat_total, 'computed': totals.vat})
    if totals.total != booking.total:
        yield Finding(BLOCKS, 'total_differs',
                      {'meant': booking.total, 'computed': totals.total})


def _check_account(booking, line, facts):
    if not line.gl_account:
        yield Finding(BLOCKS, 'account_missing', {'amount': line.amount})
        return
    account = facts.gl_accounts.get(line.gl_account)
    if account is None:
        yield Finding(BLOCKS, 'account_unknown', {'gl_account': line.gl_account})
        return
    values = {'gl_account': line.gl_account, 'code': account.code, 'name': account.name}
    if account.blocked:
        yield Finding(BLOCKS, 'account_blocked', values)
    control = account.type in (RECEIVABLE, PAYABLE)
    if not is_ledger_only(booking.kind):
        if control or account.type == VAT_ACCOUNT:
            yield Finding(BLOCKS, 'account_type', {**values, 'type': account.type})
    elif control and not line.relation:
        yield Finding(WARNS, 'line_without_relation', values)
    for name, known, rule in (
        ('cost_center', line.cost_center, account.use_cost_center),
        ('cost_unit', line.cost_unit, account.use_cost_unit),
    ):
        if rule == '1' and not known:
            yield Finding(BLOCKS, f'{name}_mandatory', values)
        elif rule == '2' and known:
            yield Finding(BLOCKS, f'{name}_not_allowed', {**values, name: known})


def _check_vat(booking, line, facts, tax):
    if line.vat_code is None:
        yield Finding(INFORMS, 'vat_code_of_account', {})
        return
    if not line.vat_code:
        if line.vat_amount:
            yield Finding(BLOCKS, 'vat_without_code', {'vat_amount': line.vat_amount})
        if tax and tax.percentage:
            yield Finding(BLOCKS, 'vat_code_missing', {'percentage': tax.percentage})
        return
    code = facts.vat_codes.get(line.vat_code)
    values = {'vat_code': line.vat_code}
    if code is None:
        yield Finding(BLOCKS, 'vat_code_unknown', values)
        return
    if code.blocked:
        yield Finding(BLOCKS, 'vat_code_blocked', values)
    if code.transaction_type not in ('B', _DIRECTIONS.get(booking.kind, code.transaction_type)):
        yield Finding(BLOCKS, 'vat_code_direction', {**values, 'kind': booking.kind})
    if code.vat_type == 'I':
        # Lines are net of VAT: an including code would take VAT out of them once more.
        yield Finding(BLOCKS, 'vat_code_including', values)
        return
    if code.percentage is None:
        yield Finding(BLOCKS, 'vat_code_without_percentage',
                      {**values, 'date': booking.entry_date})
        return
    if tax is not None:
        differs = disagreements(booking.kind, tax.percentage, tax.reverse_charge, code)
        if 'reverse_charge' in differs:
            yield Finding(BLOCKS, 'reverse_charge_differs',
                          {**values, 'reverse_charge': tax.reverse_charge})
        if 'percentage' in differs:
            yield Finding(BLOCKS, 'vat_percentage_differs', {
                **values, 'percentage': percent(tax.percentage),
                'code_percentage': percent(percentage_of(code)),
                'date': booking.entry_date})
    if line.vat_amount is not None:
        yield from _check_override(line, code, facts, values)


def _check_override(line, code, facts, values):
    computed = computed_vat(line.amount, code, facts.decimals)
    values = {**values, 'vat_amount': line.vat_amount, 'computed': computed}
    if not code.adds_vat and line.vat_amount != computed:
        yield Finding(BLOCKS, 'vat_amount_not_possible', values)
    elif not line.vat_amount and computed:
        yield Finding(WARNS, 'vat_amount_zero', values)
    else:
        # Where a currency has no cents, they are no rounding.
        unit = Decimal(1).scaleb(max(-facts.decimals, line.vat_amount.as_tuple().exponent))
        if abs(line.vat_amount - computed) > max(abs(computed) * _LARGE_OVERRIDE, 10 * unit):
            yield Finding(WARNS, 'vat_amount_far_off', values)


def _check_dimensions(line: Line, facts: Facts):
    for name, code, known in (
        ('cost_center', line.cost_center, facts.cost_centers),
        ('cost_unit', line.cost_unit, facts.cost_units),
        ('project', line.project, facts.projects),
    ):
        if not code or known is None:
            continue
        if code not in known:
            yield Finding(BLOCKS, f'{name}_unknown', {name: code})
        elif not known[code]:
            yield Finding(BLOCKS, f'{name}_inactive', {name: code})


def _check_line(booking, line, facts):
    for name in ('amount', 'vat_amount'):
        value = getattr(line, name)
        if value is not None and value != rounded(value, facts.decimals):
            yield Finding(BLOCKS, 'amount_decimals',
                          {'field': name, 'amount': value, 'decimals': facts.decimals})
    if is_ledger_only(booking.kind):
        if line.from_date or line.to_date:
            yield Finding(WARNS, 'deferral_not_possible', {})
        if line.relation:
            yield from _check_known_relation(booking, line.relation, facts)
    elif bool(line.from_date) != bool(line.to_date):
        yield Finding(BLOCKS, 'deferral_incomplete', {})
    elif line.from_date and line.from_date > line.to_date:
        yield Finding(BLOCKS, 'deferral_reversed',
                      {'from_date': line.from_date, 'to_date': line.to_date})
    text = fit_text(line.description)
    if not is_ledger_only(booking.kind) and len(text) > LIMITS['line_description']:
        yield Finding(INFORMS, 'description_shortened', {'limit': LIMITS['line_description']})
