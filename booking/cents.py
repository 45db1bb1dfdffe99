"""Cents: totals of Exact and of the sender made equal, and amounts divided without a rest.

Exact rounds VAT per line; the sender may round per tax total. The difference travels as a VAT
amount on a line (`VATAmountFC` on the line overrides what Exact computes); where no line can carry
it, as a line of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import NamedTuple

from .entry import Line
from .vat import EXACT_DECIMALS, VatCode, computed_vat, rounded


class Cents(NamedTuple):
    """Lines with their VAT amounts settled, and what no line could carry, per VAT code."""

    lines: tuple[Line, ...]
    left: dict[str, Decimal]


def spread(total: Decimal, weights: Sequence, decimals: int = 2) -> tuple[Decimal, ...]:
    """Divide a total over weights, in whole units, largest remainder first; the sum is the total.

    Of equal remainders the first weight wins. Weights that sum to zero count as equal ones.
    spread(-total) is always -spread(total).

    :raise ValueError: no weights, or the total is finer than `decimals` says.
    """
    if not weights:
        raise ValueError("nothing to spread over")
    unit = Decimal(1).scaleb(-decimals)
    units = Fraction(total) / Fraction(unit)
    if units.denominator != 1:
        raise ValueError(f"{total} has more than {decimals} decimals")
    sign = -1 if units < 0 else 1
    units = abs(int(units))
    parts = [Fraction(weight) for weight in weights]
    whole = sum(parts)
    if not whole:
        parts, whole = [Fraction(1)] * len(parts), Fraction(len(parts))
    shares = [units * part / whole for part in parts]
    result = [floor(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: (result[i] - shares[i], i))
    for index in by_remainder[:units - sum(result)]:
        result[index] += 1
    return tuple(rounded(sign * share * unit, decimals) for share in result)


def vat_overrides(lines: Iterable[Line], vat_codes: Mapping[str, VatCode],
                  targets: Mapping[str, Decimal], decimals: int = 2) -> Cents:
    """Set `vat_amount` on as few lines as needed, so that each code's VAT is what the sender has.

    The line with the largest amount carries the difference (the first of equals); where it cannot,
    the next that can alone; where none can, those that can carry most. A line's VAT keeps the sign
    of its amount, is no larger than its amount, and is never set to 0 where Exact would compute
    something else: whether Exact reads a 0 as "none" or as "not given" is unknown. Codes of 0 %,
    reverse charge and including codes are never overridden.

    It is unknown, too, whether Exact rounds to the cent or to the currency where that has no cents
    or more than two decimals: a line for which that matters says its VAT.

    :param targets: VAT per code that is part of the total; a code that is not in it has 0.
    :param decimals: of the currency.
    :return: the lines, in order, with `vat_amount` None wherever Exact's own rule is right; and
        the VAT per code that is missing (positive: Exact would book less than the sender has).
    """
    lines = list(lines)
    groups: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        if line.vat_amount is not None:
            lines[index] = replace(line, vat_amount=None)
        if line.vat_code:
            groups.setdefault(line.vat_code, []).append(index)
    left = {}
    for code in sorted(groups.keys() | targets.keys()):
        vat_code = vat_codes.get(code)
        missing = Decimal(targets.get(code, 0))
        if vat_code is not None and vat_code.vat_type == 'I':
            continue
        if vat_code is not None and vat_code.adds_vat:
            members = [
                _Carrier(index, lines[index].amount, vat_code, decimals)
                for index in groups.get(code, ())
            ]
            missing = _carry(members, missing, Decimal(1).scaleb(-min(decimals, EXACT_DECIMALS)))
            for member in members:
                if member.says:
                    lines[member.index] = replace(lines[member.index], vat_amount=member.vat)
        if missing:
            left[code] = missing
    return Cents(tuple(lines), left)


class _Carrier:
    """A line and the VAT that it has, in whole units of what can be said."""

    __slots__ = ('amount', 'decimals', 'index', 'says', 'size', 'whole')

    def __init__(self, index: int, amount: Decimal, vat_code: VatCode, decimals: int):
        self.index = index
        self.amount = amount
        self.decimals = min(decimals, EXACT_DECIMALS)
        self.whole = int(abs(amount).scaleb(self.decimals))
        vat = computed_vat(amount, vat_code)
        self.says = decimals != EXACT_DECIMALS and vat != computed_vat(amount, vat_code, decimals)
        self.size = int(rounded(abs(vat), self.decimals).scaleb(self.decimals))
        if self.says:
            self.size = min(max(self.size, 1), self.whole)
            self.says = bool(self.size)

    @property
    def vat(self) -> Decimal:
        vat = Decimal(self.size).scaleb(-self.decimals)
        return -vat if self.amount < 0 else vat

    def room(self, up: bool) -> int:
        """How far the VAT of the line can be raised (or lowered)."""
        if (self.amount > 0) == up:
            return max(self.whole - self.size, 0)
        return max(self.size - 1, 0)

    def move(self, units: int, up: bool):
        self.size += units if (self.amount > 0) == up else -units
        self.says = True


def _carry(members: Sequence[_Carrier], target: Decimal, unit: Decimal) -> Decimal:
    """Make the VAT of the lines of one code the target; return what they cannot carry."""
    missing = target - sum((member.vat for member in members), Decimal(0))
    # Finer than what a line can say: stays over.
    rest = missing % unit
    units, up = int(abs(missing) // unit), missing > 0
    order = sorted(members, key=lambda member: -abs(member.amount)) if units else []
    alone = next((member for member in order if member.room(up) >= units), None)
    for member in [alone] if alone else sorted(order, key=lambda member: -member.room(up)):
        part = min(member.room(up), units)
        if part:
            member.move(part, up)
            units -= part
    return (units if up else -units) * unit + rest


def is_rounding(left: Mapping[str, Decimal], line_count: int, decimals: int = 2,
                known: Decimal = Decimal(0)) -> bool:
    """Whether the missing amount can come from rounding: one unit per line, plus what the sender
    says it rounded. A larger amount is VAT under a code without VAT, which is a mistake.
    """
    unit = Decimal(1).scaleb(-min(decimals, EXACT_DECIMALS))
    limit = max(5, line_count) * unit + abs(known)
    return all(abs(missing) <= limit for missing in left.values())


def difference_line(left: Mapping[str, Decimal], gl_account: str, description: str, *,
                    decimals: int = 2, **values) -> Line | None:
    """The line that brings the total of the entry to the sender's, where VAT amounts could not.

    :param left: what `vat_overrides` could not place, per code.
    :param gl_account: where the sender books rounding differences.
    :param values: further fields of the line (cost centre and so on).
    :return: a line without VAT, or None if the differences cancel out.
    """
    amount = rounded(sum(left.values(), Decimal(0)), decimals)
    if not amount:
        return None
    return Line(gl_account=gl_account, amount=amount, vat_code='', description=description,
                **values)
