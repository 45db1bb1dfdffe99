"""When a document is due, as it is booked: what an entry cannot say is told beforehand."""

from ...booking import discount_date, percent, tranches_of
from ..base.exact_note import day, money, note, several
from ..base.exact_problem import Problem, decimal

# What a person has to map otherwise.
_TARGET = 'account.payment.term'


def terms_of(builder, built):
    """Due date, instalments and discount of an invoice or bill, as fields of its booking.

    An entry is sent with one due date: the last of several. The discount is Exact's own, by the
    payment condition: where that gives another than the document does, none is meant.

    :param BookingBuilder builder: of the batch
    :param Built built: gets a problem for what Exact will have otherwise
    """
    move = built.move
    lines = move.line_ids.filtered(lambda line: line.display_type == 'payment_term')
    digits = move.currency_id.decimal_places
    sign = 1 if move.is_sale_document(include_receipts=True) else -1
    tranches = tranches_of(
        (line.date_maturity or move.invoice_date_due, decimal(sign * line.amount_currency, digits))
        for line in lines if line.date_maturity or move.invoice_date_due
    )
    due_date = move.invoice_date_due or None
    if len(tranches) > 1:
        due_date = tranches[-1].day
        total = sum(tranche.amount for tranche in tranches)
        built.problems.append(_problem(move, 'instalments', {
            'own': several(_due_text(*tranche) for tranche in tranches),
            'exact': _due_text(due_date, total),
        }))
    else:
        tranches = ()
    return {
        'due_date': due_date, 'tranches': tranches,
        'discount_date': _discount(builder, built, lines),
    }


def _discount(builder, built, lines):
    """Until when the document gives a discount; None without, and where Exact gives another."""
    move = built.move
    term = move.invoice_payment_term_id
    own_date = next((line.discount_date for line in lines if line.discount_date), None)
    own = own_date and percent(decimal(term.discount_percentage, 4) / 100)
    mapped = builder.index['payment_term'].get(term.id)
    record = builder.env['exact.payment.condition'].browse(mapped[1] if mapped else [])
    condition = record.as_facts() if record else None
    if condition and condition.is_surcharge and condition.discount_percentage:
        built.problems.append(_problem(move, 'surcharge_in_exact', {
            'condition': record.display_name,
            'exact_percentage': percent(condition.discount_percentage),
        }))
    exact_date = condition and discount_date(condition, built.entry_date)
    exact = percent(condition.discount_percentage) if exact_date else None
    if (own_date, own) == (exact_date, exact):
        return own_date or None
    values = {
        'condition': record.display_name or '',
        'own': own_date and day(own_date), 'own_percentage': own,
        'exact': exact_date and day(exact_date), 'exact_percentage': exact,
    }
    if not exact_date:
        code, kept = 'discount_missing', ('own', 'own_percentage')
    elif not own_date:
        code, kept = 'discount_only_in_exact', ('condition', 'exact', 'exact_percentage')
    else:
        code, kept = 'discount_differs', tuple(values)
    built.problems.append(_problem(move, code, {name: values[name] for name in kept}))
    return None


def _due_text(due_date, amount):
    return note('attempt/due', amount=money(amount), date=day(due_date))


def _problem(move, code, params):
    term = move.invoice_payment_term_id
    return Problem(code, 'warns', params, (_TARGET, term.id) if term else None)
