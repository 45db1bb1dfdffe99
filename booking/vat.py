"""How Exact computes VAT: per line, to the cent.

Facts: VATCodes.Type is E (excluding: on top of the amount), I (including: inside the amount),
B (base only, 0 %) or N (no VAT); Charged means reverse charge, where Exact books the VAT twice, to
pay and to claim. Percentage is a fraction and changes with time (VatPercentages): the date of the
entry decides. Exact rounds each line's VAT, halves away from zero.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from .entry import Line

# Decimals of an amount in a POST. It is documented nowhere whether Exact takes more.
EXACT_DECIMALS = 2


class Rate(NamedTuple):
    """The percentage of a VAT code from one day to another, both included; None = without end."""

    start: dt.date | None
    end: dt.date | None
    percentage: Decimal


@dataclass(frozen=True)
class VatCode:
    """A VAT code of a division.

    :param percentage: a fraction, 0.21 for 21 %; None on a day on which it has none.
    :param rates: the percentages of all times; () where they are not known: then `percentage` is
        that of every day.
    :param vat_type: E excluding, I including, B base only, N none.
    :param charged: reverse charge.
    :param transaction_type: B both, P purchase, S sales.
    :param eu_listing: Exact's EUSalesListing: L goods, S services, T triangulation, N none.
    """

    code: str
    percentage: Decimal = Decimal(0)
    vat_type: str = 'E'
    charged: bool = False
    transaction_type: str = 'B'
    blocked: bool = False
    eu_listing: str = 'N'
    name: str = ''
    rates: tuple[Rate, ...] = ()

    def on(self, day: dt.date) -> 'VatCode':
        """The code as it is on a day, which for an entry is the entry's date."""
        return replace(self, percentage=self.percentage_on(day)) if self.rates else self

    def percentage_on(self, day: dt.date) -> Decimal | None:
        """The fraction that the code has on a day, None where it has none."""
        if not self.rates or self.vat_type in ('B', 'N'):
            return self.percentage
        return next(
            (
                rate.percentage for rate in self.rates
                if (not rate.start or rate.start <= day) and (not rate.end or day <= rate.end)
            ),
            None,
        )

    @property
    def of_each_time(self) -> tuple['VatCode', ...]:
        """The code with each percentage that it has or had, today's first."""
        if self.vat_type in ('B', 'N'):
            return (self,)
        others = {rate.percentage for rate in self.rates} - {self.percentage}
        return (self, *(replace(self, percentage=other) for other in sorted(others)))

    @property
    def adds_vat(self) -> bool:
        """Whether a line with this code has VAT that adds to the total of the entry."""
        return self.vat_type == 'E' and not self.charged and bool(self.percentage)


class Totals(NamedTuple):
    """What Exact will make of lines: net + vat = total, all in the entry's currency."""

    net: Decimal
    vat: Decimal
    total: Decimal


def percent(fraction: Decimal) -> str:
    """A fraction as people write it: 0.055 is "5.5%"."""
    return f'{(fraction * 100).normalize() + 0:f}%'


def rounded(amount: Decimal, decimals: int = 2) -> Decimal:
    """The amount in whole units of the currency, halves away from zero."""
    result = amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return result if result else abs(result)


def computed_vat(amount: Decimal, vat_code: VatCode | None, decimals: int = 2) -> Decimal:
    """The VAT that Exact computes for a line of this amount.

    For an including code it is the part of the amount that is VAT. For a reverse charge it is the
    self-assessed amount, which is booked to pay and to claim and adds nothing to the total.
    """
    if vat_code is None or vat_code.vat_type not in ('E', 'I') or not vat_code.percentage:
        return rounded(Decimal(0), decimals)
    if vat_code.vat_type == 'I':
        return rounded(amount * vat_code.percentage / (1 + vat_code.percentage), decimals)
    return rounded(amount * vat_code.percentage, decimals)


def codes_on(vat_codes: Mapping[str, VatCode], lines: Iterable[Line],
             day: dt.date) -> dict[str, VatCode]:
    """The codes of these lines as they are on a day."""
    used = {line.vat_code for line in lines if line.vat_code}
    return {code: vat_codes[code].on(day) for code in used if code in vat_codes}


def exact_totals(lines: Iterable[Line], vat_codes: Mapping[str, VatCode],
                 decimals: int = 2) -> Totals:
    """Net, VAT and total of the entry that Exact will book for these lines.

    A line's own `vat_amount` wins over the computed one. The codes are those of the entry's date
    (`codes_on`). Lines without a code (None), whose VAT
    depends on the default of their G/L account, count as without VAT.
    """
    net = vat = Decimal(0)
    for line in lines:
        code = vat_codes.get(line.vat_code) if line.vat_code else None
        line_vat = line.vat_amount
        if line_vat is None:
            line_vat = computed_vat(line.amount, code, decimals)
        net += line.amount
        if code is None or code.charged:
            continue
        vat += line_vat
        if code.vat_type == 'I':
            net -= line_vat
    return Totals(net, vat, net + vat)
