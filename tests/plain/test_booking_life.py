import pathlib
import textwrap

import pytest

from booking import life

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATES = {*life.UNSENT, *life.BOOKED, *life.ENDED, 'sending', 'uncertain'}


@pytest.mark.parametrize('events', [life.EVENTS, life.OPERATION_EVENTS])
def test_documentation_shows_the_tables(events):
    text = (ROOT / 'doc/architecture.rst').read_text(encoding='utf-8')
    assert textwrap.indent(life.diagram(events), '   ') in text, life.diagram(events)


def test_states_are_those_of_the_exports():
    named = {state for moves in life.EVENTS.values() for pair in moves.items() for state in pair}
    assert named == STATES


def reachable(start, without=()):
    found, waiting = {start}, [start]
    while waiting:
        state = waiting.pop()
        for event, moves in life.EVENTS.items():
            follows = moves.get(state)
            if event not in without and follows and follows not in found:
                found.add(follows)
                waiting.append(follows)
    return found


def test_every_state_is_reached():
    assert reachable('proposed') == STATES


@pytest.mark.parametrize('state', sorted(STATES - set(life.ENDED)))
def test_every_living_export_can_end_well_and_can_be_taken_back(state):
    """No state is without a way out."""
    assert {'verified', 'undone'} <= reachable(state)


@pytest.mark.parametrize('state', life.ENDED)
def test_what_has_ended_stays_ended(state):
    assert reachable(state) == {state}


def test_nothing_is_sent_that_was_asked_for_and_not_looked_up():
    """From doubt the way back into the queue is the answer that it is not there."""
    assert 'ready' not in {
        moves.get('uncertain') for event, moves in life.EVENTS.items() if event != 'not_found'
    }


@pytest.mark.parametrize(('state', 'event'), [
    ('verified', 'claimed'), ('undone', 'check_anew'), ('uncertain', 'undone'),
    ('sending', 'undone'), ('sent', 'check_anew'), ('deleted', 'updated'), ('ready', 'of no kind'),
])
def test_what_cannot_happen_is_refused(state, event):
    with pytest.raises(life.LifeError, match=f'{event} in state {state}'):
        life.after(state, event)


def test_what_happens():
    assert life.after('proposed', 'check_passed') == 'ready'
    assert life.after('changed', 'superseded') == 'superseded'


# === OPERATIONS === #

OPERATION_STATES = {
    state for moves in life.OPERATION_EVENTS.values() for pair in moves.items() for state in pair
}


def leads(start, goal, events):
    """The states from `start` to `goal` by these events, each once."""
    found, waiting = {start}, [start]
    while waiting:
        state = waiting.pop()
        for event in events:
            follows = life.OPERATION_EVENTS[event].get(state)
            if follows and follows not in found:
                found.add(follows)
                waiting.append(follows)
    return goal in found


def test_an_operation_can_be_done_from_every_state():
    for state in OPERATION_STATES - set(life.SETTLED):
        assert leads(state, 'done', life.OPERATION_EVENTS), state


@pytest.mark.parametrize('state', [*life.UNANSWERED, 'refused', 'answered'])
def test_what_was_asked_is_asked_again_only_after_a_look(state):
    """(What may be repeated is asked again by another event.)"""
    looks = {'not_shown'}
    others = set(life.OPERATION_EVENTS) - looks - {'asked_again', 'not_made'}
    assert not leads(state, 'open', others)
    assert leads(state, 'open', looks)


@pytest.mark.parametrize(('state', 'event'), [
    ('unknown', 'asked'), ('refused', 'asked'), ('answered', 'asked'), ('open', 'answered'),
    ('unknown', 'answered'), ('open', 'proved'), ('refused', 'proved'), ('done', 'asked_again'),
    ('over', 'found'), ('unknown', 'not_made'),
])
def test_what_cannot_happen_to_an_operation_is_refused(state, event):
    with pytest.raises(life.LifeError, match=f'{event} in state {state}'):
        life.after(state, event, life.OPERATION_EVENTS)
