"""Split a line over dimensions without losing a cent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from .cents import spread
from .entry import Line


@dataclass(frozen=True)
class Share:
    """A part of a line: its percentage (50 for a half) and where it goes."""

    percentage: Decimal
    cost_center: str = ''
    cost_unit: str = ''
    project: str = ''

    @property
    def target(self) -> tuple[str, str, str]:
        return (self.cost_center, self.cost_unit, self.project.strip().lower())


def split_line(line: Line, shares: Sequence[Share], decimals: int = 2) -> tuple[Line, ...]:
    """One line per target, in the order of the shares; amounts and quantities sum to the line's.

    Shares of one target are taken together. What the shares leave of 100 % stays on a line with the
    dimensions of the original. Parts without any amount are left out, unless all are. The parts
    have no VAT amount of their own: settle the cents after splitting.

    :raise ValueError: negative percentages, or more than 100 % together.
    """
    weights: dict[tuple[str, str, str], Decimal] = {}
    for share in shares:
        if share.percentage < 0:
            raise ValueError(f"negative percentage: {share.percentage}")
        weights[share.target] = weights.get(share.target, Decimal(0)) + share.percentage
    whole = sum(weights.values(), Decimal(0))
    if whole > 100:
        raise ValueError(f"more than 100 %: {whole}")
    if whole < 100:
        own = (line.cost_center, line.cost_unit, line.project)
        weights[own] = weights.get(own, Decimal(0)) + 100 - whole
    parts = [(target, weight) for target, weight in weights.items() if weight]
    amounts = spread(line.amount, [weight for _target, weight in parts], decimals)
    kept = [
        (target, weight, amount)
        for (target, weight), amount in zip(parts, amounts, strict=True) if amount
    ] or [(*parts[0], line.amount)]
    quantities = [None] * len(kept)
    if line.quantity is not None:
        # Over the lines that stay, so that none goes with a part that has no amount.
        digits = max(4, -line.quantity.as_tuple().exponent)
        quantities = spread(line.quantity, [weight for _target, weight, _amount in kept], digits)
    return tuple(
        replace(line, amount=amount, quantity=quantity, vat_amount=None, cost_center=target[0],
                cost_unit=target[1], project=target[2])
        for (target, _weight, amount), quantity in zip(kept, quantities, strict=True)
    )
