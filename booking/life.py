"""The life of an export: in which states something can happen to it, and the state that follows.

The only place that says so. The diagram of the documentation is made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping


class LifeError(ValueError):
    """What is said to have happened cannot happen in this state: a mistake of the program."""


# Nothing was sent, or Exact made nothing of it.
UNSENT = ('proposed', 'blocked', 'ready', 'refused')
# Exact has an entry, as far as is known.
BOOKED = ('sent', 'verified', 'changed')
# The export no longer stands for an entry in Exact.
ENDED = ('undone', 'superseded', 'deleted')


def _all(states, after):
    return dict.fromkeys(states, after)


# {event: {state before: state after}}, in the order in which a document meets them.
EVENTS: Mapping[str, Mapping[str, str]] = {
    # A check found what is in the way, nothing, or an entry in Exact that may be this one.
    'check_blocked': {'proposed': 'blocked'},
    'check_passed': {'proposed': 'ready'},
    'check_in_doubt': {'proposed': 'uncertain'},
    # What decides how it is booked was changed, a cause was mended, a person retries: checked anew.
    # (In the middle of sending: Exact said something that the check could have known.)
    'check_anew': _all((*UNSENT, 'sending'), 'proposed'),
    'claimed': {'ready': 'sending'},
    # The limits of calls, or a worker that ended before it asked Exact for the entry.
    'not_asked': {'sending': 'ready'},
    'booked': {'sending': 'sent'},
    # What Exact said no to holds for those that share the cause, too. Doubts are refused where only
    # a person can say which entry it is.
    'refused': _all(('ready', 'sending', 'uncertain'), 'refused'),
    # Exact may have the entry: no answer, or it says that it has one like it.
    'in_doubt': {'sending': 'uncertain'},
    'found': {'uncertain': 'sent'},
    'not_found': {'uncertain': 'ready'},
    # A person says which entry of Exact it is.
    'linked': _all(UNSENT, 'sent'),
    'read_equal': _all(BOOKED, 'verified'),
    # Exact's entry or the document may be different since: read back once more.
    'read_again': _all(BOOKED, 'sent'),
    'edited': _all(BOOKED, 'changed'),
    # The entry was brought in line with the document, or taken out to be booked anew.
    'updated': _all(BOOKED, 'sent'),
    'taken_out_to_book_anew': _all(BOOKED, 'ready'),
    # Withdrawn before it was sent, deleted or reversed. (A withdrawn one may have left a file.)
    'undone': _all((*UNSENT, *BOOKED, 'undone'), 'undone'),
    'superseded': {'changed': 'superseded'},
    'gone_from_exact': _all(BOOKED, 'deleted'),
}


def after(state: str, event: str) -> str:
    """The state that follows.

    :raise LifeError: nothing of that kind happens in this state.
    """
    try:
        return EVENTS[event][state]
    except KeyError:
        raise LifeError(f'{event} in state {state}') from None


def diagram() -> str:
    """The table for people to read: what happens, from which states to which."""
    width = max(map(len, EVENTS))
    return '\n'.join(
        f'{event:{width}}  {", ".join(before for before, then in moves.items() if then == follows)}'
        f' -> {follows}'
        for event, moves in EVENTS.items() for follows in dict.fromkeys(moves.values())
    )
