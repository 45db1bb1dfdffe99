"""What one entry says otherwise than another, as plain data."""

from typing import Any, NamedTuple


class Difference(NamedTuple):
    """One thing that is not as meant.

    :param field: a stable name, see `compare.compare`.
    :param line: position among the booking's lines, None for the header. A line that is only in
        Exact has None, too.
    """

    field: str
    meant: Any
    found: Any
    line: int | None = None
