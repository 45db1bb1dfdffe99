"""Compares a bill with the e-invoice that is attached to it.

Whoever imports an e-invoice may lack the tax that it names, and people type. What is normal is no
difference: rounding of the amount to pay, what was paid already, allowances and charges as lines
of their own, VAT that the buyer owes himself where the e-invoice has none, VAT that is booked as
part of the cost because the buyer cannot claim it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from .einvoice import EInvoice, Item

# Categories of UNCL 5305 in which the buyer owes the VAT himself.
REVERSED = {'AE', 'K'}
# And those in which somebody has charged it (L and M are its names on the Canary Islands, in Ceuta
# and Melilla; B is VAT that the buyer pays to the state instead, in Italy).
_CHARGED = {'S', 'L', 'M', 'B', 'H', 'AA'}

NO_VAT, ZERO, REVERSE, RATE = 'none', 'zero', 'reverse', 'rate'


class Nature(NamedTuple):
    """What a tax does on a bill.

    :param kind: 'none' (no tax at all), 'zero' (0 %), 'reverse' (reverse charge: the buyer owes
        it) or 'rate' (charged by the supplier, `rate` per cent).
    """

    kind: str
    rate: Decimal = Decimal(0)


@dataclass(frozen=True)
class Bill:
    """What a bill says, in its currency; negative for a credit note.

    :param items: (amount without VAT, Nature) of each line; None where taxes are such that a line
        cannot be compared (fixed amounts, several on one line).
    """

    currency: str
    total: Decimal
    net: Decimal
    items: tuple[tuple[Decimal, Nature], ...] | None
    decimals: int = 2


class Deviation(NamedTuple):
    """One difference between a bill and its e-invoice.

    :param code: 'currency', 'total', 'vat' (the bill claims more than the e-invoice has),
        'category'.
    :param meant: what the e-invoice says: text, amount, or (category, rate).
    :param found: what the bill says: text, amount, or `Nature`.
    :param amount: without VAT, of a category.
    :param name: of the line or lines.
    :param is_cents: no more than rounding can make.
    """

    code: str
    meant: object
    found: object
    amount: Decimal = Decimal(0)
    name: str = ''
    is_cents: bool = False


def deviations(invoice: EInvoice, bill: Bill) -> tuple[Deviation, ...]:
    """The differences between a bill and its e-invoice; () if there is none."""
    if invoice.currency and invoice.currency != bill.currency:
        # Amounts of two currencies are not to be compared.
        return (Deviation('currency', invoice.currency, bill.currency),)
    unit = Decimal(1).scaleb(-bill.decimals)
    few = unit * max(1, len(invoice.items), len(bill.items or ()))
    found = []
    same_total = True
    if invoice.total is not None:
        rounded = invoice.total + invoice.rounding
        missing = min(abs(bill.total - meant) for meant in (invoice.total, rounded))
        same_total = missing <= few
        if missing:
            found.append(Deviation('total', invoice.total, bill.total, is_cents=same_total))
    if invoice.vat is not None and same_total:
        # A bill has less VAT where part of it was booked as cost.
        vat = bill.total - bill.net
        excess = (vat - invoice.vat) * (-1 if bill.total < 0 else 1)
        if excess > few + abs(invoice.rounding):
            found.append(Deviation('vat', invoice.vat, vat))
    if bill.items is not None and invoice.items:
        found += _categories(invoice.items, bill.items, same_total=same_total, few=few)
    return tuple(found)


def _is_literal(item: Item, nature: Nature) -> bool:
    """Whether a tax on a bill is just what the e-invoice says."""
    if item.category in REVERSED:
        return nature.kind == REVERSE
    if _is_charged(item):
        return nature == (RATE, item.rate)
    return nature.kind in (NO_VAT, ZERO)


def _is_possible(item: Item, nature: Nature, *, same_total: bool) -> bool:
    """Whether a tax on a bill does justice to what the e-invoice says, one way or another."""
    if _is_literal(item, nature):
        return True
    if _is_charged(item):
        # The VAT may be part of the cost.
        return nature.kind == NO_VAT and same_total
    # Without VAT of the supplier, whatever the reason: it may be for the buyer to pay.
    return item.category not in REVERSED and nature.kind == REVERSE


def _is_charged(item):
    return bool(item.rate) and (item.category in _CHARGED or not item.category)


def _categories(items: Iterable[Item], lines, *, same_total, few):
    """Deviations of the VAT: line by line where amounts are equal, the rest in sums."""
    rest = [item for item in items if item.amount]
    # Counted, since there may be very many, and all alike.
    there = defaultdict(Counter)
    for amount, nature in lines:
        if amount:
            there[amount][nature] += 1
    rest, _pairs = _paired(rest, there, _is_literal)
    rest, _pairs = _paired(
        rest, there, lambda item, nature: _is_possible(item, nature, same_total=same_total),
    )
    rest, pairs = _paired(rest, there, lambda _item, _nature: True)
    grouped = defaultdict(list)
    for item, nature in pairs:
        grouped[item.category, item.rate, nature].append(item)
    if not same_total:
        # What has no line of its own is told with the others of its category: part of an amount
        # would be found nowhere in the e-invoice.
        for (category, rate, _nature), some in grouped.items():
            mine = [item for item in rest if (item.category, item.rate) == (category, rate)]
            some += mine
            rest = [item for item in rest if item not in mine]
    found = [
        Deviation(
            'category', (category, rate), nature, sum((item.amount for item in some), Decimal(0)),
            ", ".join(dict.fromkeys(item.name for item in some if item.name)),
        )
        for (category, rate, nature), some in grouped.items()
    ]
    if same_total:
        found += _sums(rest, there, few)
    return found


def _paired(items, there, fits):
    """Pair items of the e-invoice with lines of the bill that have the same amount and a tax that
    fits.

    :param there: {amount: {nature: how many lines}}; what is taken goes from it
    :return: the items that are left, and (item, nature) of the others
    """
    left, pairs = [], []
    for item in items:
        natures = there.get(item.amount, {})
        nature = next((one for one in natures if natures[one] and fits(item, one)), None)
        if nature is None:
            left.append(item)
        else:
            natures[nature] -= 1
            pairs.append((item, nature))
    return left, pairs


def _sums(items, there, few):
    """Deviations of the items without a line of their own (lines were merged, split or changed):
    their sums are compared for each kind of VAT.
    """
    meant, found = defaultdict(Decimal), defaultdict(Decimal)
    names = {}
    for item in items:
        key = (
            (REVERSE, Decimal(0)) if item.category in REVERSED
            else (RATE, item.rate) if item.rate else (ZERO, Decimal(0))
        )
        meant[key] += item.amount
        names.setdefault(key, item)
    for amount, natures in there.items():
        for nature, count in natures.items():
            kind = ZERO if nature.kind == NO_VAT else nature.kind
            found[kind, nature.rate if kind == RATE else Decimal(0)] += amount * count
    for key, amount in meant.items():
        kind, _rate = key
        if kind == ZERO or abs(amount - found[key]) <= few:
            continue
        if kind == RATE and found[ZERO, Decimal(0)]:
            # With its VAT as part of the cost.
            continue
        other = next((
            Nature(*name) for name, there in found.items() if name != key and there
        ), Nature(NO_VAT))
        item = names[key]
        yield Deviation('category', (item.category, item.rate), other, amount - found[key])
    for (kind, rate), amount in found.items():
        if kind == RATE and (kind, rate) not in meant and abs(amount) > few:
            without = next((item for item in items if not item.rate), None)
            if without is not None:
                yield Deviation(
                    'category', (without.category, without.rate), Nature(RATE, rate), amount,
                )
