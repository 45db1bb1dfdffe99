"""What the bar on a document says: its colour, its sentence and its buttons, from the facts.

The sentences are named, with their parameters: ``models/base/exact_status_text.py`` has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .life import BOOKED, UNSENT

# What a person sees of the state of an export: four colours are enough.
_SHOWN = {
    'proposed': 'waiting', 'ready': 'waiting', 'sending': 'waiting', 'sent': 'waiting',
    'uncertain': 'waiting', 'blocked': 'blocked', 'refused': 'blocked',
    'verified': 'verified', 'changed': 'changed', 'undone': 'undone', 'superseded': 'undone',
    'deleted': 'deleted',
}
# What a person can ask for, and the worker does.
ASKED_FOR = ('undo', 'reverse', 'update')

# The bars, and the colour of each.
COLOURS = {
    'verified': 'success', 'blocked': 'danger', 'waiting': 'secondary', 'changed': 'warning',
    'draft': 'info', 'edited': 'info', 'deleted': 'warning',
}
# Buttons for those who may read, but not book.
FOR_READERS = ('open', 'refresh')


@dataclass(frozen=True)
class Situation:
    """What is known of a document and of its latest export.

    What is said of other things (findings, limits, reasons) is a note, which is told as it is.

    :param shown: the state that a person sees, '' for none: see `display_state`.
    :param document: state of the document in Odoo: draft, posted or cancel.
    :param has_administration: the company is linked to an administration.
    :param may_act: the reader may book documents.
    :param pending: what a person asked for and the worker has to do.
    :param answered: what came instead of Exact's answer to the last request.
    :param is_linked: the entry was in Exact already, nothing was sent.
    :param is_asked: Exact was asked for the entry.
    :param is_put_off: it is tried again at a certain moment.
    :param keeps_order: Exact gives the numbers, so that the documents go out one after the other.
    :param differences: what the document says and Exact does not.
    :param blocking: what the findings say that are in the way.
    :param leads_on: the first of them has a button that leads to what is to be mended.
    :param first: what the first finding says, in the way or not.
    :param behind: what is said of files that Exact has not as they are now.
    :param is_kept: Exact keeps the entry; only the opposite entry can take it back.
    :param may_keep_both: what seems to be one document may be two.
    :param fuse: why Exact is not asked for what this document needs.
    :param limit: the limit of Exact that its administration waits for.
    :param trouble: why Exact was not reached the last time; it is tried again at `tried_again`.
    """

    shown: str = ''
    document: str = 'posted'
    has_administration: bool = True
    may_act: bool = True
    # The export
    state: str = ''
    pending: str = ''
    answered: Any = None
    is_linked: bool = False
    is_asked: bool = False
    is_put_off: bool = False
    keeps_order: bool = False
    number: Any = ''
    journal: str = ''
    verified_at: Any = ''
    differences: tuple = ()
    blocking: tuple = ()
    leads_on: bool = False
    first: Any = None
    behind: Any = None
    is_kept: bool = False
    may_keep_both: bool = False
    # Its administration
    division: str = ''
    is_archived: bool = False
    is_on_hold: bool = False
    hold_reason: Any = ''
    is_connected: bool = True
    unreachable: Any = None
    fuse: Any = None
    limit: Any = None
    trouble: Any = None
    tried_again: Any = ''


class Status(NamedTuple):
    """What a person is told of a document.

    :param code: what is the matter; '' if nothing is said.
    :param bar: which bar it is, a key of COLOURS; '' for none.
    :param sentence: all that the bar says, as a note.
    :param reason: why it is so, for lists; None where there is nothing to say.
    :param buttons: in the order in which they stand.
    """

    code: str
    bar: str
    sentence: Any
    reason: Any
    buttons: tuple[str, ...]

    @property
    def colour(self) -> str:
        return COLOURS.get(self.bar, '')


def display_state(state: str, *, pending: str = '', has_difference: bool = False,
                  is_double: bool = False) -> str:
    """The state that a person sees of an export."""
    if has_difference and state == 'sent':
        return 'blocked'
    if pending in ASKED_FOR:
        return 'waiting'
    if is_double and state in ('sent', 'verified'):
        # Proved, and yet for a person to look at
        return 'blocked'
    return _SHOWN[state]


def status(facts: Situation) -> Status:
    """What a person is told of a document in this situation."""
    bar = _bar(facts)
    code, reason = _said(facts)
    buttons = tuple(
        name for name, is_there in _buttons(facts, bar)
        if is_there and (facts.may_act or name in FOR_READERS)
    )
    return Status(
        bar if bar in ('draft', 'edited') else code, bar, _sentence(facts, bar, reason), reason,
        buttons,
    )


def _say(code, **params):
    return {'code': f'status/{code}', 'params': params}


def _bar(facts):
    if not facts.has_administration:
        return ''
    if facts.document == 'draft' and facts.shown in ('verified', 'changed'):
        return 'draft'
    if facts.shown == 'verified' and facts.pending == 'recheck':
        # Whether the edit changed what Exact has is not known yet.
        return 'edited'
    return facts.shown if facts.shown in COLOURS else ''


def _sentence(facts, bar, reason):
    """All that a bar says. (In the green one the reason is a sentence of its own.)"""
    match bar:
        case 'verified':
            return _say(
                'verified', number=facts.number, journal=facts.journal, division=facts.division,
                time=facts.verified_at,
            )
        case 'blocked' | 'waiting':
            return _say('told', reason=reason)
        case 'changed':
            return _say('changed', number=facts.number, reason=reason)
        case 'draft' | 'edited':
            return _say(bar, number=facts.number)
        case 'deleted':
            return _say('deleted')
    return None


def _said(facts):
    """What is the matter, and why: (code, reason)."""
    blocking = facts.blocking[0] if facts.blocking else None
    match facts.shown:
        case 'blocked':
            reason = blocking or _say('not_taken')
            if len(facts.blocking) > 1:
                reason = _say('and_more', sentence=reason, count=len(facts.blocking) - 1)
            return 'blocked', reason
        case 'verified':
            # An undo that Exact refused leaves the entry as it is, and says so.
            return 'verified', blocking or facts.behind
        case 'changed':
            # An update or undo that Exact refused says so, and what is left to do.
            return 'changed', _row([_row(facts.differences, ', '), blocking], '. ')
        case 'waiting':
            return _waiting(facts)
    return facts.shown, None


def _row(parts, between):
    """What is said in a row; None of nothing."""
    said = [part for part in parts if part]
    return {'several': said, 'between': between} if len(said) > 1 else next(iter(said), None)


def _waiting(facts):
    """What the worker has to do with the document, or what it waits for."""
    if facts.is_archived:
        return 'archived', _say('archived', division=facts.division)
    if facts.is_on_hold:
        return 'on_hold', _say('on_hold', reason=facts.hold_reason)
    if not facts.is_connected:
        return 'disconnected', _say('disconnected')
    if facts.unreachable:
        return 'unreachable', _say('unreachable', reason=facts.unreachable)
    wait = _say(_wait(facts))
    if facts.fuse:
        return 'fuse', [wait, facts.fuse]
    if facts.state == 'ready' and facts.is_put_off and facts.keeps_order:
        return 'in_order', _say('in_order')
    if facts.state == 'uncertain':
        if facts.first:
            return 'in_doubt', facts.first
        code = 'no_answer' if facts.is_asked else 'may_have'
        return code, (facts.is_asked and facts.answered) or _say(code)
    if facts.state == 'sent' and not facts.pending:
        # Booked, and it could not be compared: a person is told that.
        if facts.blocking:
            return 'not_compared', facts.blocking[0]
        return 'read_back', _say('read_back', number=facts.number)
    if facts.limit:
        return 'limit', [wait, facts.limit]
    if facts.trouble:
        return 'trouble', _say(
            'trouble', wait=wait, reason=facts.trouble, time=facts.tried_again,
        )
    if facts.pending and facts.answered:
        return 'unanswered', [wait, facts.answered]
    return 'wait', wait


def _wait(facts):
    """The name of what the document waits for."""
    if facts.pending == 'undo' and facts.is_linked:
        return 'wait_unlink'
    return f'wait_{facts.pending}' if facts.pending in ASKED_FOR else 'wait_book'


def _buttons(facts, bar):
    """The buttons that a document can have: (name, whether it has it)."""
    is_posted = facts.document == 'posted'
    is_booked = facts.state in BOOKED
    may_reverse = is_booked and facts.is_kept and not facts.is_linked
    if facts.has_administration:
        # In the header of the form: it stands there whatever the bar says.
        yield 'export', is_posted and facts.shown in ('not_exported', 'undone', 'deleted')
    match bar:
        case 'verified':
            yield 'fix', facts.leads_on
            yield 'update', is_posted and bool(facts.behind)
            yield 'reverse', may_reverse
            yield 'open', True
            yield 'undo', True
        case 'edited':
            yield 'refresh', True
            yield 'open', True
        case 'blocked':
            yield 'fix', facts.leads_on
            yield 'keep_both', facts.may_keep_both
            yield 'retry', True
            yield 'adjust', not is_booked
            yield 'undo', is_booked
        case 'waiting':
            yield 'refresh', True
            yield 'retry', bool(facts.blocking)
            yield 'withdraw', facts.state in UNSENT
        case 'changed':
            yield 'update', is_posted
            yield 'fix', facts.leads_on
            yield 'keep_both', facts.may_keep_both
            yield 'create_new', is_posted
            yield 'reverse', may_reverse
            yield 'undo', True
        case 'deleted':
            yield 'create_new', is_posted
