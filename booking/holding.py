"""Which entries wait with one that Exact refused, and which go on.

Exact says what kind of thing it does not take ("Ongeldige referentie: Btw-code"), never which one.
An entry that has exactly one of that kind speaks for every other entry that has the same one: they
would be refused as well, and Exact takes few errors an hour. So it is asked once; who shares the
cause waits with it until somebody mends it or asks again, and all others go on. An entry that has
several, of which Exact may mean any, speaks for itself alone. Only a partner whose relation was to
be made is known whatever else the entry names: Exact was asked for that relation by itself.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .entry import Booking


class Part(NamedTuple):
    """One thing of an entry that other entries may have as well.

    :param name: what kind of thing it is, one of NAMES.
    :param value: which one, as Exact knows it: a code, a GUID.
    :param source: what of the sender chose it and would be mended, where that differs from entry to
        entry: the same VAT code by another tax is another mapping.
    """

    name: str
    value: str
    source: str = ''


NAMES = (
    'kind', 'files', 'new_relation', 'partner', 'journal', 'journal_vat', 'journal_currency',
    'currency', 'year', 'relation', 'payment_condition', 'no_payment_condition', 'credit_note',
    'gl_account', 'vat_code', 'vat_amount', 'cost_center', 'cost_center_link', 'cost_unit',
    'project',
)


def parts_of(booking: Booking, *, header: Mapping[str, str] | None = None,
             lines: Iterable[Mapping[str, Iterable[str]]] = (),
             relation_condition: str = '', with_files: bool = False,
             new_relations: Iterable[str] = ()) -> frozenset[Part]:
    """Every part of an entry that Exact may refuse and that other entries may share.

    :param header: sources of what the header has, by name of part.
    :param lines: the same per line, in their order; several where several chose it together.
    :param relation_condition: the payment condition that the relation has of its own.
    :param with_files: whether files travel with it.
    :param new_relations: of its relations those that are yet to be made.
    """
    header, lines = header or {}, list(lines)

    def of_header(name, value):
        return Part(name, value, header.get(name, ''))

    has_vat = any(line.vat_code for line in booking.lines)
    found = {
        Part('kind', booking.kind),
        of_header('journal', booking.journal),
        Part('currency', booking.currency),
        of_header('journal_currency', f'{booking.journal} {booking.currency}'),
        Part('year', str(booking.year)),
    }
    if with_files:
        found.add(Part('files', booking.kind))
    for relation in new_relations:
        found |= {Part('new_relation', ''), Part('partner', relation)}
    if has_vat:
        found.add(of_header('journal_vat', booking.journal))
    if booking.relation:
        found.add(of_header('relation', booking.relation))
    if booking.payment_condition:
        found.add(of_header('payment_condition', booking.payment_condition))
    elif booking.relation and not relation_condition:
        # Exact then takes the administration's own condition for this kind of entry
        found.add(Part('no_payment_condition', booking.kind))
    if booking.is_refund:
        found.add(Part('credit_note', booking.kind))
    for position, line in enumerate(booking.lines):
        sources = lines[position] if position < len(lines) else {}
        found.update(
            Part(name, value, source)
            for name, value in _of_line(line) if value
            for source in tuple(sources.get(name, ())) or ('',)
        )
    return frozenset(found)


def _of_line(line):
    yield 'gl_account', line.gl_account
    yield 'vat_code', line.vat_code
    yield 'vat_amount', line.vat_code if line.vat_amount is not None else ''
    yield 'cost_center', line.cost_center
    yield 'cost_center_link', line.cost_center and f'{line.gl_account} {line.cost_center}'
    yield 'cost_unit', line.cost_unit
    yield 'project', line.project
    yield 'relation', line.relation


def shared(name: str, parts: Iterable[Part], value: str = '') -> Part | None:
    """The part that an entry with these parts shares with others when Exact refuses something of
    this kind; None if the refusal concerns this entry alone.

    :param value: which one Exact refused, where it was asked for that one alone.
    """
    meant = [part for part in parts if part.name == name and value in ('', part.value)]
    return meant[0] if len(meant) == 1 else None


def waits_with(parts: Iterable[Part], causes: Iterable[Part]) -> Part | None:
    """The open cause that an entry with these parts waits for, None if it goes on. Of several
    causes it is the same one each time.
    """
    return min(set(parts) & set(causes), default=None)
