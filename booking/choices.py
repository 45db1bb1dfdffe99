"""What a person chose for one export alone, as data: where it is booked, and what it is not.

Kept as JSON with the export. What was not chosen is not kept, so that no choice is no content.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple


class LineChoice(NamedTuple):
    """Ids of the master data of Exact that a line is booked with; None where nothing was chosen."""

    gl_account_id: int | None = None
    vat_code_id: int | None = None


class PeriodChoice(NamedTuple):
    """A period for a document of this accounting date; with any other date nothing was chosen."""

    year: int
    number: int
    day: dt.date


@dataclass(frozen=True)
class Choices:
    """A person's choices for one export.

    :param journal_id: id of the journal in Exact; likewise `relation_id`.
    :param create_relation: a new relation is made, whatever relations may be the partner.
    :param lines: what lines are booked with, by id of the line of the document.
    :param period: where the document is booked, since its own period is closed.
    :param booked_period: of an entry that Exact has already: where it was moved to.
    :param own_period: of an entry that Exact has already: that it was not moved.
    :param book_beside: GUIDs of entries in Exact that are not the document's.
    :param beside_documents: ids of documents that are not this one once more.
    """

    journal_id: int | None = None
    relation_id: int | None = None
    create_relation: bool = False
    lines: Mapping[int, LineChoice] = field(default_factory=dict)
    period: PeriodChoice | None = None
    booked_period: PeriodChoice | None = None
    own_period: bool = False
    book_beside: frozenset[str] = frozenset()
    beside_documents: frozenset[int] = frozenset()

    @classmethod
    def from_dict(cls, kept: Mapping | None) -> Choices:
        """The choices as they were kept; without any, those of a person who chose nothing.

        :raise ValueError: there is a choice that nobody knows.
        """
        kept = kept or {}
        unknown = kept.keys() - {spec.name for spec in fields(cls)}
        if unknown:
            raise ValueError(f"unknown choices: {', '.join(sorted(unknown))}")
        return cls(**{
            name: _READ[name](value) if name in _READ else value
            for name, value in kept.items() if value
        })

    def to_dict(self) -> dict:
        """The choices as they are kept, as JSON knows values."""
        return {
            spec.name: _KEPT[spec.name](value) if spec.name in _KEPT else value
            for spec in fields(self) if (value := getattr(self, spec.name))
        }

    def line(self, line_id: int) -> LineChoice:
        return self.lines.get(line_id, LineChoice())

    def beside(self, *, entries: Iterable[str] = (),
               documents: Iterable[int] = ()) -> Choices:
        """The same, and that these entries and documents are others."""
        return replace(
            self, book_beside=self.book_beside.union(entries),
            beside_documents=self.beside_documents.union(documents),
        )


def _read_lines(kept):
    return {int(line_id): LineChoice(**chosen) for line_id, chosen in kept.items() if chosen}


def _keep_lines(lines):
    return {
        str(line_id): {name: chosen for name, chosen in line._asdict().items() if chosen}
        for line_id, line in lines.items() if any(line)
    }


def _read_period(kept):
    year, number, day = kept
    return PeriodChoice(year, number, dt.date.fromisoformat(day))


def _keep_period(period):
    return [period.year, period.number, period.day.isoformat()]


_READ = {
    'lines': _read_lines, 'period': _read_period, 'booked_period': _read_period,
    'book_beside': frozenset, 'beside_documents': frozenset,
}
_KEPT = {
    'lines': _keep_lines, 'period': _keep_period, 'booked_period': _keep_period,
    'book_beside': sorted, 'beside_documents': sorted,
}
