"""The sentences of the bar on a document, by the codes of `booking.status`."""

from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__)

STATUS = {
    # The bars
    'verified': _lt("Exact %(number)s, journal %(journal)s of %(division)s, verified %(time)s"),
    'told': _lt("Exact: %(reason)s"),
    'changed': _lt("Differs from what Exact has (entry %(number)s): %(reason)s"),
    'draft': _lt(
        "This document is in Exact as entry %(number)s. After you confirm it again, you can bring "
        "the entry up to date.",
    ),
    'edited': _lt(
        "In Exact as entry %(number)s. The document was edited; in a moment it is compared with "
        "that.",
    ),
    'deleted': _lt("Somebody deleted the entry in Exact."),
    # What is in the way
    'not_taken': _lt("Exact has not taken this document."),
    'and_more': _lt("%(sentence)s (and %(count)s more)"),
    # What it waits for
    'wait_book': _lt("Waiting to be booked in Exact."),
    'wait_undo': _lt("Waiting to be taken out of Exact."),
    'wait_unlink': _lt("Waiting to be unlinked; the entry stays in Exact."),
    'wait_reverse': _lt("Waiting to be reversed in Exact."),
    'wait_update': _lt("Waiting to be updated in Exact."),
    'archived': _lt(
        "The administration %(division)s is archived in Odoo; the document waits until it is "
        "unarchived.",
    ),
    'on_hold': _lt("The administration is on hold; the document waits. %(reason)s"),
    'disconnected': _lt("The connection to Exact is down; the document waits until it is back."),
    'unreachable': _lt(
        "Exact does not let Odoo into the administration; the document waits. %(reason)s",
    ),
    'in_order': _lt("Waits for an earlier document, since Exact gives the numbers in order."),
    'may_have': _lt("Exact may have this already; that is being looked up."),
    'no_answer': _lt("Exact did not answer; whether it booked the document is being looked up."),
    'read_back': _lt("Booked in Exact as %(number)s; being read back."),
    'trouble': _lt("%(wait)s %(reason)s It is tried again at %(time)s."),
}

# What of a document differs from its entry.
CHANGED = {
    'total': _lt("amount"),
    'entry_date': _lt("date"),
    'due_date': _lt("due date"),
    'relation': _lt("relation"),
    'amount': _lt("line"),
    'line': _lt("line"),
    'description': _lt("description"),
    'vat_total': _lt("VAT"),
    'vat_code': _lt("VAT code"),
    'gl_account': _lt("ledger"),
    'your_ref': _lt("reference"),
    'state': _lt("document"),
    'journal': _lt("journal"),
    'currency': _lt("currency"),
    'rate': _lt("exchange rate"),
    'year': _lt("year"),
    'period': _lt("period"),
    'payment_condition': _lt("payment condition"),
    'payment_reference': _lt("payment reference"),
    'invoice_number': _lt("invoice number"),
    'cost_center': _lt("cost centre"),
    'cost_unit': _lt("cost unit"),
    'project': _lt("project"),
    'quantity': _lt("quantity"),
    'tranches': _lt("instalments"),
    'discount_date': _lt("last day of the discount"),
    'from_date': _lt("deferred from"),
    'to_date': _lt("deferred until"),
    'date': _lt("date"),
    'notes': _lt("notes"),
    'vat_amount': _lt("VAT"),
}
