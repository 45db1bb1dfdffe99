import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, strategies as st

from booking.choices import Choices, LineChoice, PeriodChoice

IDS = st.integers(min_value=1, max_value=2**31 - 1)
MAYBE = st.none() | IDS
GUIDS = st.uuids().map(str)
PERIODS = st.none() | st.builds(
    PeriodChoice, st.integers(2000, 2100), st.integers(1, 13), st.dates(),
)
LINES = st.builds(LineChoice, MAYBE, MAYBE).filter(any)
CHOICES = st.builds(
    Choices, journal_id=MAYBE, relation_id=MAYBE, create_relation=st.booleans(),
    lines=st.dictionaries(IDS, LINES), period=PERIODS, booked_period=PERIODS,
    own_period=st.booleans(), book_beside=st.frozensets(GUIDS), beside_documents=st.frozensets(IDS),
)

# As databases of the release before have them, one of each kind and all together
KEPT = (
    {'journal_id': 7},
    {'relation_id': 12},
    {'create_relation': True},
    {'lines': {'31': {'gl_account_id': 5}, '32': {'vat_code_id': 6, 'gl_account_id': 5}}},
    {'period': [2026, 4, '2026-03-31']},
    {'book_beside': [f'{start}-0000-4000-8000-000000000001' for start in ('0b2f0f6e', 'ffff0f6e')]},
    {'beside_documents': [3, 20]},
)


@given(CHOICES)
def test_what_is_kept_is_what_was_chosen(choices):
    kept = choices.to_dict()
    assert json.loads(json.dumps(kept)) == kept
    assert Choices.from_dict(json.loads(json.dumps(kept))) == choices


@pytest.mark.parametrize('kept', [*KEPT, {k: v for one in KEPT for k, v in one.items()}])
def test_the_kept_form_stays(kept):
    """What a database has is read, and kept in the same form once more."""
    choices = Choices.from_dict(kept)
    assert choices != Choices()
    assert choices.to_dict() == kept


def test_what_is_read():
    choices = Choices.from_dict({k: v for one in KEPT for k, v in one.items()})
    assert choices.line(31) == LineChoice(gl_account_id=5)
    assert choices.line(32) == LineChoice(5, 6)
    assert choices.line(33) == LineChoice()
    assert choices.period == PeriodChoice(2026, 4, date(2026, 3, 31))
    assert choices.beside_documents == {3, 20}


@pytest.mark.parametrize('nothing', [None, False, {}, {
    'create_relation': False, 'lines': {}, 'period': None, 'relation_id': False,
    'book_beside': [], 'own_period': False,
}])
def test_nothing_chosen(nothing):
    choices = Choices.from_dict(nothing)
    assert choices == Choices()
    assert choices.to_dict() == {}


@given(st.text().filter(lambda name: name not in Choices.__dataclass_fields__))
def test_an_unknown_choice_is_refused(name):
    with pytest.raises(ValueError, match="unknown choices"):
        Choices.from_dict({'journal_id': 7, name: 1})


def test_an_unknown_choice_for_a_line_is_refused():
    with pytest.raises(TypeError):
        Choices.from_dict({'lines': {'31': {'ledger': 5}}})


@given(CHOICES, st.frozensets(GUIDS), st.frozensets(IDS))
def test_answers_add_up(choices, entries, documents):
    """A person who answers once more takes nothing back, and chooses nothing else."""
    more = choices.beside(entries=entries, documents=documents)
    assert more.book_beside == choices.book_beside | entries
    assert more.beside_documents == choices.beside_documents | documents
    assert replace(
        more, book_beside=choices.book_beside, beside_documents=choices.beside_documents,
    ) == choices
