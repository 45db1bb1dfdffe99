"""Reverse charge: who pays the VAT, decided once for the mapping of taxes and for the check.

A purchase says it with two amounts of VAT that cancel each other out, and Exact's code with
`Charged`. A sale says nothing in its amounts: the seller charges nothing, and the code of such
sales may have `Charged` or may be a plain code of 0 % (facts: VATCodes.Charged; administrations
have either).
"""

from collections.abc import Iterable
from decimal import Decimal

from .vat import VatCode


def is_reverse_charge(factors: Iterable[float]) -> bool:
    """Whether the VAT of a tax is booked twice, to pay and to claim, so that it comes to nothing.

    :param factors: shares of the tax amount that its parts book, in percent: (100, -100).
    """
    factors = list(factors)
    return any(factors) and abs(sum(factors)) < 0.01


def disagreements(direction: str, percentage: Decimal, reverse_charge: bool,
                  code: VatCode) -> tuple[str, ...]:
    """How a VAT code differs from a tax: 'reverse_charge', 'percentage', both, or () if the code
    can stand for the tax.

    On a sale it counts what the customer is charged: a reverse charge is 0 % for the seller,
    whatever percentage the tax or the code has.

    :param direction: 'sale' or 'purchase'.
    :param percentage: of the tax, a fraction.
    :param reverse_charge: of the tax, see `is_reverse_charge`.
    """
    of_code = percentage_of(code)
    if direction == 'sale' and (
        _from_customer(percentage, reverse_charge) == _from_customer(of_code, code.charged)
    ):
        return ()
    return tuple(
        reason for reason, differs in (
            ('reverse_charge', reverse_charge != code.charged),
            ('percentage', percentage != of_code),
        ) if differs
    )


def percentage_of(code: VatCode) -> Decimal:
    """The fraction that a VAT code stands for: types B and N have none."""
    return Decimal(0) if code.vat_type in ('B', 'N') else code.percentage


def _from_customer(percentage, reverse_charge):
    return Decimal(0) if reverse_charge else percentage
