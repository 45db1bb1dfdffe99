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
from .vat import VatCode, computed_vat, rounded


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

    The line with the largest amount carries the difference (the first of equals), then the next.
    A line's VAT keeps the sign of its amount, is no larger than its amount, and is never set to 0
    where Exact would compute something else: whether Exact reads a 0 as "none" or as "not given"
    is unknown. Codes of 0 %, reverse charge and including codes are never overridden.

    :param targets: VAT per code that is part of the total; a code that is not in it has 0.
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
        if vat_code is None or not vat_code.adds_vat:
            if missing and not (vat_code and vat_code.vat_type == 'I'):
                left[code] = missing
            continue
        members = groups.get(code, ())
        own = {i: computed_vat(lines[i].amount, vat_code, decimals) for i in members}
        missing -= sum(own.values(), Decimal(0))
        for index in sorted(members, key=lambda i: (-abs(lines[i].amount), i)):
            if not missing:
                break
            vat = _nearest(own[index], own[index] + missing, lines[index].amount, decimals)
            if vat != own[index]:
                lines[index] = replace(lines[index], vat_amount=vat)
                missing -= vat - own[index]
        if missing:
            left[code] = missing
    return Cents(tuple(lines), left)


def _nearest(computed: Decimal, wanted: Decimal, amount: Decimal, decimals: int) -> Decimal:
    """The VAT nearest to the wanted one that a line of this amount can carry."""
    if not amount:
        return computed
    sign = -1 if amount < 0 else 1
    unit = Decimal(1).scaleb(-decimals)
    lowest = unit if computed else Decimal(0)
    carried = min(max(wanted * sign, lowest), abs(amount))
    # An amount below one unit of VAT, or with more decimals than the currency, carries nothing.
    carried = rounded(carried, decimals)
    if carried < lowest or carried > abs(amount):
        return computed
    return rounded(carried * sign, decimals)


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
