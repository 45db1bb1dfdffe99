"""The lives of an export and of an operation: in which states something can happen to one, and the
state that follows.

The only place that says so. The diagrams of the documentation are made from these tables.
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
    'taken_out_to_book_anew': _all(BOOKED, 'proposed'),
    # Withdrawn before it was sent, deleted or reversed. (A withdrawn one may have left a file.)
    'undone': _all((*UNSENT, *BOOKED, 'undone'), 'undone'),
    'superseded': {'changed': 'superseded'},
    'gone_from_exact': _all(BOOKED, 'deleted'),
}


# Exact was asked, and nobody knows what became of it. (A worker that ended in the call left it so.)
UNANSWERED = ('asked', 'unknown')
# Nothing is to be found out about the operation any more.
SETTLED = ('done', 'over')

# The life of one thing that Exact is asked to change (design: operations), as above.
OPERATION_EVENTS: Mapping[str, Mapping[str, str]] = {
    # Committed before the call.
    'asked': {'open': 'asked'},
    # What can be repeated: a second change or deletion does what the first did.
    'asked_again': _all((*UNANSWERED, 'refused', 'answered'), 'asked'),
    # Limits, no connection, no consent: surely not processed. (A first request leaves nothing.)
    'not_made': {'asked': 'open'},
    # Exact's own words, in Exact's own form; anything else is no answer.
    'answered': {'asked': 'answered'},
    'refused': {'asked': 'refused'},
    'no_answer': _all(UNANSWERED, 'unknown'),
    # Looked up in Exact's books: it is there, or it is not and can no longer come.
    'found': _all((*UNANSWERED, 'refused'), 'answered'),
    'not_shown': _all((*UNANSWERED, 'refused', 'answered'), 'open'),
    # Read in Exact's books. Of a deletion: no longer found there.
    'proved': _all((*UNANSWERED, 'answered'), 'done'),
    # What it made is gone again, or nobody wants it any more.
    'ended': _all(('open', *UNANSWERED, 'answered', 'refused', 'done', 'over'), 'over'),
}


def after(state: str, event: str, events: Mapping[str, Mapping[str, str]] = EVENTS) -> str:
    """The state that follows.

    :param events: one of the tables
    :raise LifeError: nothing of that kind happens in this state.
    """
    try:
        return events[event][state]
    except KeyError:
        raise LifeError(f'{event} in state {state}') from None


def diagram(events: Mapping[str, Mapping[str, str]] = EVENTS) -> str:
    """A table for people to read: what happens, from which states to which."""
    width = max(map(len, events))
    return '\n'.join(
        f'{event:{width}}  {", ".join(before for before, then in moves.items() if then == follows)}'
        f' -> {follows}'
        for event, moves in events.items() for follows in dict.fromkeys(moves.values())
    )
