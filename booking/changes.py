"""Compares a document with the entry that was sent for it, to tell people what changed and to plan
how Exact is brought up to date.

Facts about Exact that shape the plan: general, bank and cash entries have no PUT, and their lines
cannot be changed or deleted; a PUT carries only what changed; a PUT of the header carries no lines;
a reporting year cannot change in a PUT.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from .difference import Difference
from .entry import Booking, Line, is_ledger_only
from .fingerprint import canonical
from .payload import header_values, line_values

# An entry with another value in one of these has to be posted anew.
_IDENTITY = ('kind', 'division', 'journal', 'year', 'is_refund', 'currency')
# Sending fills these in: a booking that was built again may lack them.
_IF_GIVEN = ('document', 'entry_number')
# How these are emptied in a PUT is not known (nulls are reported to fail).
_NOT_EMPTIED = {
    'DueDate', 'PaymentCondition', 'Rate', 'OrderNumber', 'InvoiceNumber', 'Quantity', 'From',
    'To', 'Project', 'VATCode', 'VATAmountFC', 'PaymentReference', 'YourRef', 'Document',
}


@dataclass(frozen=True)
class Plan:
    """How to bring an entry in Exact up to date.

    :param action: 'none', 'put' or 'replace' (delete the entry, post the new one).
    :param header: properties to PUT on the entry, {} for none.
    :param put: (key, properties) per line to PUT.
    :param post: bodies of lines to POST. Do this after `put` and before `delete`, so that the
        entry never is without lines.
    :param delete: keys of lines to DELETE.
    :param reasons: fields that make replacing necessary.
    """

    action: str
    header: dict = field(default_factory=dict)
    put: tuple[tuple[object, dict], ...] = ()
    post: tuple[dict, ...] = ()
    delete: tuple[object, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def calls(self) -> int:
        """How many requests the plan takes."""
        if self.action == 'replace':
            return 2
        return bool(self.header) + len(self.put) + len(self.post) + len(self.delete)


def changes(old: Booking, new: Booking) -> tuple[Difference, ...]:
    """The differences between two bookings: `meant` is the old value, `found` the new one.

    Fields have the names of Booking and Line; `line` is the position in the new booking. A line
    that came is ('line', None, (account, amount), position), one that went
    ('line', (account, amount), None, None). Another order of lines is no change here, though it
    makes another fingerprint; a document that was attached since is one, though it does not.
    """
    result = []
    before, after = canonical(old), canonical(new)
    not_known = _not_known(old)
    for name in before:
        if name not in not_known and before[name] != after[name]:
            result.append(Difference(name, getattr(old, name), getattr(new, name)))
    for name in _IF_GIVEN:
        value = getattr(new, name)
        if value and value != getattr(old, name):
            result.append(Difference(name, getattr(old, name), value))
    pairs, removed, added = match_lines(old.lines, new.lines)
    for index, position in pairs:
        line, other = old.lines[index], new.lines[position]
        before, after = canonical(line), canonical(other)
        for spec in fields(Line):
            name = spec.name
            if name in before and before[name] != after[name]:
                result.append(
                    Difference(name, getattr(line, name), getattr(other, name), position))
    for index in removed:
        line = old.lines[index]
        result.append(Difference('line', (line.gl_account, line.amount), None))
    for position in added:
        line = new.lines[position]
        result.append(Difference('line', None, (line.gl_account, line.amount), position))
    return tuple(result)


def _not_known(old):
    """Fields that did not exist yet when this booking was stored."""
    if old.tranches is not None:
        return frozenset()
    # Of several due dates none was sent.
    return {'tranches', 'discount_date'} | (set() if old.due_date else {'due_date'})


def match_lines(old: Sequence[Line], new: Sequence[Line]):
    """Pair new lines with old ones, by these rules in this order: equal and of one source, equal,
    of one source, on the same account.

    :return: pairs (old index, new index) by new index; old indexes left; new indexes left.
    """
    old_left, new_left = dict(enumerate(old)), dict(enumerate(new))
    pairs = []
    for key in (
        lambda line: (line.sources, _content(line)) if line.sources else None,
        _content,
        lambda line: line.sources or None,
        lambda line: line.gl_account,
    ):
        waiting: dict = {}
        for index, line in old_left.items():
            waiting.setdefault(key(line), []).append(index)
        waiting.pop(None, None)
        for position, line in list(new_left.items()):
            indexes = waiting.get(key(line))
            if indexes:
                index = indexes.pop(0)
                pairs.append((index, position))
                del old_left[index], new_left[position]
    return sorted(pairs, key=lambda pair: pair[1]), list(old_left), list(new_left)


def plan(old: Booking, new: Booking, *, entry_id: str = '', line_ids: Sequence[str] = (),
         explicit_type: bool = False) -> Plan:
    """What to send so that the entry of `old` becomes that of `new`.

    :param entry_id: GUID of the entry in Exact; lines to POST then carry it.
    :param line_ids: GUIDs of the lines in Exact, in the order of the old booking's lines. Without
        them the keys in the plan are positions in the old booking.
    :raise ValueError: another number of ids than lines.
    """
    if line_ids and len(line_ids) != len(old.lines):
        raise ValueError("there must be one id per line")
    if not changes(old, new):
        return Plan('none')
    reasons = [name for name in _IDENTITY if getattr(old, name) != getattr(new, name)]
    if new.entry_number and new.entry_number != old.entry_number:
        reasons.append('entry_number')
    if is_ledger_only(new.kind) or reasons:
        return Plan('replace', reasons=tuple(reasons) or ('kind',))
    meant = header_values(new, explicit_type=explicit_type)
    header, impossible = _put(header_values(old, explicit_type=explicit_type), meant)
    if header.keys() & {'EntryDate', 'PaymentCondition'} and 'DueDate' in meant:
        # Exact computes it anew from these unless it is given.
        header['DueDate'] = meant['DueDate']
    # A document or number that only the old booking knows is still right.
    impossible -= {'Document', 'EntryNumber'}
    for name in ('Document', 'EntryNumber', 'Type'):
        if name != 'Document' or not new.document:
            header.pop(name, None)
    if impossible:
        return Plan('replace', reasons=tuple(sorted(impossible)))
    keys = list(line_ids) or list(range(len(old.lines)))
    pairs, removed, added = match_lines(old.lines, new.lines)
    puts, replaced = [], []
    for index, position in pairs:
        line = new.lines[position]
        after = line_values(new, line, explicit_type=explicit_type)
        values, impossible = _put(
            line_values(old, old.lines[index], explicit_type=explicit_type), after)
        if impossible:
            replaced.append((index, position))
        elif values:
            if 'VATAmountFC' in after and {'AmountFC', 'VATCode'} & values.keys():
                # Exact may compute VAT anew when its base changes: the override goes along.
                values['VATAmountFC'] = after['VATAmountFC']
            puts.append((keys[index], values))
    removed += [index for index, _position in replaced]
    added += [position for _index, position in replaced]
    parent = {'EntryID': entry_id} if entry_id else {}
    posts = tuple(
        parent | line_values(new, new.lines[position], explicit_type=explicit_type)
        for position in sorted(added)
    )
    deletes = tuple(keys[index] for index in sorted(removed))
    if not (header or puts or posts or deletes):
        return Plan('none')
    return Plan('put', header, tuple(puts), posts, deletes)


def _content(line):
    return tuple(sorted(canonical(line).items(), key=lambda item: item[0]))


def _put(before: dict, after: dict) -> tuple[dict, set[str]]:
    """What a PUT carries, and the properties that it cannot empty."""
    values = {name: value for name, value in after.items() if before.get(name) != value}
    emptied = before.keys() - after.keys()
    values |= dict.fromkeys(sorted(emptied - _NOT_EMPTIED), '')
    return values, emptied & _NOT_EMPTIED
