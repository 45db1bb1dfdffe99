"""A document as it would be booked, and the names of what it is made of."""

from dataclasses import dataclass, field
from datetime import date
from uuid import NAMESPACE_URL, uuid5

from ...booking import Booking


@dataclass
class Built:
    """One document as it would be booked.

    :param booking: None where too much is missing to make one.
    :param sources: per booked line (move line id, what chose the ledger), in the booking's order.
    :param entry_date: the date that the entry has in Exact, which decides its VAT.
    :param closed_period: (model, id) of the period that it would be booked in, if that is closed.
    :param vat_codes: every VAT code of the division by its code.
    :param new_relation: the partner that has no relation yet; the booking then carries a stand-in.
    """

    move: object
    booking: Booking | None = None
    problems: list = field(default_factory=list)
    sources: list = field(default_factory=list)
    new_relations: dict = field(default_factory=dict)
    closed_period: tuple[str, int] | None = None
    entry_date: date | None = None
    vat_codes: dict = field(default_factory=dict)

    @property
    def blocks(self):
        return any(problem.severity == 'blocks' for problem in self.problems)


def account_name(account):
    """Number and name of an account. Odoo shows the number to readers of accounting only, and the
    worker is none.
    """
    return f'{account.code} {account.name}' if account.code else account.name


def stand_in(partner_id):
    """The GUID that stands for a relation which is yet to be made in Exact."""
    return str(uuid5(NAMESPACE_URL, f'account_exact:res.partner:{partner_id}'))


def entry_kind(move):
    """'sale', 'purchase', 'bank' or 'general': which kind of entry books this move."""
    if move.is_sale_document(include_receipts=True):
        return 'sale'
    if move.is_purchase_document(include_receipts=True):
        return 'purchase'
    return 'bank' if move._exact_is_bank_entry() else 'general'
