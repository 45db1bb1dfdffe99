"""What checks find, and how amounts of Odoo are read: what every part of a check stands on."""

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass
class Problem:
    """What a check found: becomes an exact.finding.

    :param code: stable name; the sentence is made of it in the reader's language.
    :param params: what the sentence names: texts, numbers, dates as text.
    :param target: (model, id) of the record to fix, None for the document itself.
    """

    code: str
    severity: str = 'blocks'
    params: dict = field(default_factory=dict)
    target: tuple[str, int] | None = None


def decimal(amount, digits=2):
    """A float of Odoo as the Decimal it stands for."""
    return Decimal(f'{amount:.{digits}f}') + 0
