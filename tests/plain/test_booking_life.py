import pathlib
import textwrap

import pytest

from booking import life

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATES = {*life.UNSENT, *life.BOOKED, *life.ENDED, 'sending', 'uncertain'}


def test_documentation_shows_the_table():
    text = (ROOT / 'doc/architecture.rst').read_text(encoding='utf-8')
    assert textwrap.indent(life.diagram(), '   ') in text, life.diagram()


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
