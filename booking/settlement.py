"""What Exact has of the payment of a document: decided from what is open there and from the ledger
lines that were matched with it.

Facts about Exact: a term (row of PaymentTerms) has status 20 open, 30 selected for payment, 40 sent
to the bank, 50 matched. A part that was paid is a term of its own, or makes the open one smaller:
that is not settled, so the paid amount is what the document comes to less what is open. Status 50
covers discounts, write-offs and credit notes too, so how it was paid stands in the ledger alone:
lines whose `OffsetID` is the document's own line. The signs of terms are not settled either.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import combinations
from typing import NamedTuple

ZERO = Decimal(0)
SELECTED, SENT, MATCHED = 30, 40, 50
# Types of ledger lines.
CASH, EXCHANGE, DIFFERENCE = 40, 82, 83
DOCUMENTS = frozenset({20, 21, 30, 31})
# Kinds of what settles a document.
PAYMENT, EXCHANGE_DIFFERENCE, WRITE_OFF, DOCUMENT, UNKNOWN = (
    'payment', 'exchange', 'write_off', 'document', 'unknown',
)
_KINDS = {CASH: PAYMENT, EXCHANGE: EXCHANGE_DIFFERENCE, **dict.fromkeys(DOCUMENTS, DOCUMENT)}


class PaidTerm(NamedTuple):
    """A term of the document, as far as it tells what is paid.

    :param guid: of the term
    :param transaction: GUID of the document's line in the ledger
    :param amount: of the term, without its sign, in the document's currency
    :param total: of the whole document, likewise
    :param paid_on: Exact's `LastPaymentDate`, which bills do not have
    :param changed_on: when Exact last changed the term
    :param batch: of the payment run, '' for none
    """

    guid: str
    transaction: str
    status: int
    amount: Decimal
    total: Decimal
    paid_on: dt.date | None = None
    changed_on: dt.date | None = None
    batch: str = ''


class MatchedLine(NamedTuple):
    """A line of Exact's ledger that was matched with the document.

    :param type: Exact's `Type`: 40 bank or cash, 82 exchange difference, 83 payment difference
    :param amount: signed as in the ledger, in the currency of the line; `amount_dc` in Exact's own
    :param discount: of the document that was taken, without its sign
    :param number: of its entry, for people
    :param about: what tells the documents of one entry apart: partner, invoice number, reference
    :param write_off: of the amount, what was no money; `exchange` of the amount in Exact's currency
    :param is_clear: whether it is known what was no money
    """

    guid: str
    entry: str
    type: int
    date: dt.date
    amount: Decimal
    amount_dc: Decimal
    currency: str
    discount: Decimal = ZERO
    number: str = ''
    about: tuple[str, ...] = ()
    write_off: Decimal = ZERO
    exchange: Decimal = ZERO
    is_clear: bool = True


class Difference(NamedTuple):
    """A line of a payment's entry that is no money and was matched with nothing.

    :param type: 82 or 83, see `MatchedLine`
    :param amount: signed as in the ledger, `amount_dc` likewise
    """

    entry: str
    type: int
    amount: Decimal
    amount_dc: Decimal
    about: tuple[str, ...] = ()


class Settled(NamedTuple):
    """One thing that settles a part of a document.

    :param key: GUID of the ledger line, or of the term where the ledger does not tell; 'rest' for
        what no term tells either
    :param kind: PAYMENT, EXCHANGE_DIFFERENCE, WRITE_OFF, DOCUMENT or UNKNOWN
    :param amount: by which less is open, in the document's currency; 0 of an exchange difference
    :param amount_dc: the same in Exact's own currency, None if no line tells
    :param discount: of this amount, what was not paid; `write_off` likewise
    :param entry: GUID of the entry in Exact, '' if unknown
    """

    key: str
    kind: str
    date: dt.date | None
    amount: Decimal
    amount_dc: Decimal | None = None
    discount: Decimal = ZERO
    entry: str = ''
    number: str = ''
    write_off: Decimal = ZERO

    @property
    def money(self) -> Decimal:
        """What of the amount came in or went out."""
        return self.amount - self.discount - self.write_off


class Settlement(NamedTuple):
    """What is open and what settled the rest.

    :param state: 'open', 'partly' or 'paid'
    :param open: in the document's currency
    :param run: 'selected' or 'sent' where what is open is in a payment run, else ''
    :param batch: of that run
    """

    state: str
    total: Decimal
    open: Decimal
    parts: tuple[Settled, ...] = ()
    run: str = ''
    batch: str = ''

    @property
    def paid(self) -> Decimal:
        return self.total - self.open

    @property
    def is_known(self) -> bool:
        """Whether all that was settled is told by Exact's ledger."""
        return all(part.kind != UNKNOWN for part in self.parts)


def is_touched(terms: Iterable[PaidTerm]) -> bool:
    """Whether anything of the document is settled, so that the ledger has to tell how."""
    terms = list(terms)
    return any(term.status == MATCHED for term in terms) or open_of(terms) != total_of(terms)


def open_of(terms: Iterable[PaidTerm]) -> Decimal:
    return sum((term.amount for term in terms if term.status != MATCHED), ZERO)


def total_of(terms: Iterable[PaidTerm]) -> Decimal:
    """What the document comes to. Its terms together may be less, where the open one became
    smaller, or more, where Exact does not tell that a part is gone.
    """
    terms = list(terms)
    return max((term.total for term in terms), default=ZERO) or sum(
        (term.amount for term in terms), ZERO,
    )


def with_differences(
    matched: Mapping[str, Iterable[MatchedLine]], differences: Iterable[Difference],
) -> dict[str, list[MatchedLine]]:
    """The lines with what their entries have beside them that is no money.

    Of an entry that was matched with several documents, a difference is of the line that is about
    the same; where none or more than one is, nobody knows.

    :param matched: {GUID of a document's line: lines that were matched with it}, all of their
        entries that are known
    """
    result = {offset: list(lines) for offset, lines in matched.items()}
    places = {}
    for offset, lines in result.items():
        for position, line in enumerate(lines):
            if line.type == CASH:
                places.setdefault(line.entry, []).append((offset, position))
    for difference in differences:
        found = places.get(difference.entry, [])
        if len(found) > 1:
            found = [
                (offset, position) for offset, position in found
                if result[offset][position].about == difference.about
            ]
        if len(found) != 1:
            for offset, position in places.get(difference.entry, ()):
                result[offset][position] = result[offset][position]._replace(is_clear=False)
            continue
        [(offset, position)] = found
        line = result[offset][position]
        if difference.type == EXCHANGE:
            line = line._replace(exchange=line.exchange + difference.amount_dc)
        else:
            line = line._replace(write_off=line.write_off + difference.amount)
        result[offset][position] = line
    return result


def settlement(
    terms: Iterable[PaidTerm], lines: Iterable[MatchedLine], *, side: int, currency: str,
) -> Settlement:
    """What Exact has of a document's payment.

    :param terms: all of the document, at least one
    :param lines: matched with the document, of any type
    :param side: 1 if the document is a debit on the partner's account (an invoice, a supplier's
        credit note), -1 if it is a credit
    :param currency: of the document
    """
    terms = list(terms)
    total, rest = total_of(terms), open_of(terms)
    runs = {term.status: term.batch for term in terms if term.status in (SELECTED, SENT)}
    status = max(runs, default=0)
    return Settlement(
        'paid' if not rest else 'open' if rest == total else 'partly', total, rest,
        tuple(_parts(total - rest, terms, list(lines), side, currency)),
        {SELECTED: 'selected', SENT: 'sent'}.get(status, ''), runs.get(status, ''),
    )


def _parts(paid, terms, lines, side, currency):
    """What settled so much of the document. What the ledger does not tell to the cent is UNKNOWN,
    as a whole: a part of a guess is a guess.
    """
    parts = [_part(line, side, currency) for line in sorted(lines, key=_order)]
    told = [part for part in parts if part.kind != EXCHANGE_DIFFERENCE]
    if len(told) == 1 and (told[0].amount is None or told[0].kind == DOCUMENT):
        # The only one, in another currency, or the line of a whole document of which a part was
        # matched: how much, the term says.
        parts = [part._replace(amount=paid) if part is told[0] else part for part in parts]
        told = [part for part in parts if part.kind != EXCHANGE_DIFFERENCE]
    if all(part.amount is not None for part in told) and all(line.is_clear for line in lines):
        settled = sum((part.amount for part in told), ZERO)
        discount = sum((part.discount for part in told), ZERO)
        if settled == paid:
            return parts
        if discount and settled + discount == paid:
            # The line is what came in, the discount is beside it.
            return [part._replace(amount=(part.amount or ZERO) + part.discount) for part in parts]
    return _unknown(paid, terms)


def _unknown(paid, terms):
    """What is paid, as far as terms tell: how much and when, not how."""
    parts = [
        Settled(term.guid, UNKNOWN, term.paid_on or term.changed_on, term.amount)
        for term in sorted(terms) if term.status == MATCHED and term.amount
    ]
    rest = paid - sum((part.amount for part in parts), ZERO)
    if rest < 0:
        # Exact did not tell that a part is gone.
        parts, rest = [], paid
    if rest:
        # Of a term that only became smaller
        dates = [
            term.paid_on or term.changed_on for term in terms if term.status != MATCHED or not parts
        ]
        parts.append(Settled('rest', UNKNOWN, max(filter(None, dates), default=None), rest))
    return parts


def _order(line):
    return line.date, line.number, line.guid


def _part(line, side, currency):
    kind = _KINDS.get(line.type, WRITE_OFF)
    if kind == EXCHANGE_DIFFERENCE:
        amount = ZERO
    else:
        amount = -side * line.amount if line.currency == currency else None
    return Settled(
        line.guid, kind, line.date, amount, -side * line.amount_dc - side * line.exchange,
        line.discount, line.entry, line.number, side * line.write_off,
    )


# Of more parts that are to be made at once, nobody has registered just some.
FEW = 10


def payable_parts(parts: Iterable[Settled], payable: Decimal) -> set[str]:
    """Which of these parts fit into what is open here and not in Exact: as much of it as they can
    be. The others somebody has registered by hand.

    :return: their keys
    """
    parts = list(parts)
    if sum((part.amount for part in parts), ZERO) <= payable:
        return {part.key for part in parts}
    if len(parts) > FEW:
        return set()
    fitting = [
        some for size in range(len(parts) + 1) for some in combinations(parts, size)
        if sum((part.amount for part in some), ZERO) <= payable
    ]
    best = max(fitting, key=lambda some: sum((part.amount for part in some), ZERO), default=())
    return {part.key for part in best}


class Steps(NamedTuple):
    """How to come from what was made to what Exact has. What differs is removed and made anew."""

    remove: tuple[str, ...]
    create: tuple[Settled, ...]

    def __bool__(self) -> bool:
        return bool(self.remove or self.create)


def steps(wanted: Iterable[Settled], made: Mapping[str, Settled]) -> Steps:
    """:param made: {key: what stands in Odoo for it}; what only names it may differ"""
    wanted = {part.key: part for part in wanted}
    same = {
        key for key, part in made.items()
        if key in wanted and wanted[key] == part._replace(
            entry=wanted[key].entry, number=wanted[key].number,
        )
    }
    return Steps(
        tuple(key for key in made if key not in same),
        tuple(part for key, part in wanted.items() if key not in same),
    )
