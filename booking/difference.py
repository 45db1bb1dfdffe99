"""A difference between two entries, as plain data."""

from typing import Any, NamedTuple


class Difference(NamedTuple):
    """One property that has another value than the one that was meant.

    :param field: a stable name, see `compare.compare`.
    :param line: position among the booking's lines, None for the header. A line that is only in
        Exact has None, too.
    """

    field: str
    meant: Any
    found: Any
    line: int | None = None
