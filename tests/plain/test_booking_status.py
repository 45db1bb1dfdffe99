import ast
import pathlib
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, strategies as st

from booking import life
from booking.status import ASKED_FOR, COLOURS, FOR_READERS, Situation, display_state, status

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATES = sorted({*life.UNSENT, *life.BOOKED, *life.ENDED, 'sending', 'uncertain'})
PENDING = ('', 'recheck', *ASKED_FOR)
NO_LEDGER = {'code': 'finding/mapping_missing_account', 'params': {'account': "8000"}}
KEPT = {'code': 'finding/already_processed', 'params': {}}
FUSE = {'code': 'error/limit_error_fuse', 'params': {}}
ROW = [{'code': 'changed/total', 'params': {}}, '121.00', '→', '145.20']

# Buttons that lead out of a state. (The others show, or look again.)
LEADING = {
    'fix', 'reverse', 'undo', 'keep_both', 'retry', 'adjust', 'withdraw', 'update', 'create_new',
}
# What goes on without anybody, as soon as Exact, a limit or a worker lets it.
BY_ITSELF = {
    'edited', 'fuse', 'in_order', 'in_doubt', 'may_have', 'no_answer', 'read_back', 'limit',
    'trouble', 'unanswered', 'wait',
}
# What goes on by itself when a person has seen to something else, which the sentence names.
ELSEWHERE = {
    'archived': "administration", 'on_hold': "administration", 'unreachable': "administration",
    'disconnected': "connection", 'draft': "confirm",
}


def situation(state='', **facts):
    """A document with an export in this state, or without any."""
    about = {
        name: facts.pop(name) for name in ('has_difference', 'is_double') if name in facts
    }
    shown = 'not_exported' if facts.get('document', 'posted') == 'posted' else ''
    if state:
        shown = display_state(state, pending=facts.get('pending', ''), **about)
    return Situation(shown=shown, state=state, **facts)


# (what is known, bar, code, reason, buttons)
CASES = {
    'not exported': (
        situation(), '', 'not_exported', None, 'export'),
    'a draft': (
        situation(document='draft'), '', '', None, ''),
    'of a company without Exact': (
        situation(has_administration=False), '', 'not_exported', None, ''),
    'verified': (
        situation('verified'), 'verified', 'verified', None, 'open undo'),
    'an undo that Exact refused': (
        situation('verified', blocking=(KEPT,), is_kept=True, leads_on=True),
        'verified', 'verified', KEPT, 'fix reverse open undo'),
    'files that are not those of the document': (
        situation('verified', behind="Missing."),
        'verified', 'verified', "Missing.", 'update open undo'),
    'the same of a linked entry': (
        situation('verified', blocking=(KEPT,), is_kept=True, is_linked=True),
        'verified', 'verified', KEPT, 'open undo'),
    'booked twice': (
        situation('verified', is_double=True, blocking=(KEPT,), leads_on=True, may_keep_both=True),
        'blocked', 'blocked', KEPT, 'fix keep_both retry undo'),
    'verified, and in draft again': (
        situation('verified', document='draft'), 'draft', 'draft', None, ''),
    'verified, and edited since': (
        situation('verified', number='7', pending='recheck'),
        'edited', 'edited', None, 'refresh open'),
    'verified, and edited since, for a reader': (
        situation('verified', number='7', pending='recheck', may_act=False),
        'edited', 'edited', None, 'refresh open'),
    'verified, for a reader': (
        situation('verified', may_act=False), 'verified', 'verified', None, 'open'),
    'changed': (
        situation('changed', differences=(ROW,)),
        'changed', 'changed', ROW, 'update create_new undo'),
    'changed, and in draft again': (
        situation('changed', document='draft', differences=(ROW,)),
        'draft', 'draft', ROW, ''),
    'changed, and cancelled': (
        situation('changed', document='cancel', differences=(ROW,)),
        'changed', 'changed', ROW, 'undo'),
    'an update that Exact refused': (
        situation(
            'changed', differences=(ROW, ROW), blocking=(KEPT,), is_kept=True, leads_on=True,
            may_keep_both=True,
        ),
        'changed', 'changed',
        {'several': [{'several': [ROW, ROW], 'between': ', '}, KEPT], 'between': '. '},
        'update fix keep_both create_new reverse undo'),
    'blocked': (
        situation('blocked', blocking=(NO_LEDGER,), leads_on=True),
        'blocked', 'blocked', NO_LEDGER, 'fix retry adjust'),
    'blocked by three': (
        situation('blocked', blocking=(NO_LEDGER, KEPT, KEPT)),
        'blocked', 'blocked',
        {'code': 'status/and_more', 'params': {'sentence': NO_LEDGER, 'count': 2}},
        'retry adjust'),
    'refused without a word': (
        situation('refused'), 'blocked', 'blocked',
        {'code': 'status/not_taken', 'params': {}}, 'retry adjust'),
    'a difference': (
        situation('sent', has_difference=True, blocking=(NO_LEDGER,)),
        'blocked', 'blocked', NO_LEDGER, 'retry undo'),
    'blocked, for a reader': (
        situation('blocked', blocking=(NO_LEDGER,), leads_on=True, may_act=False),
        'blocked', 'blocked', NO_LEDGER, ''),
    'ready': (
        situation('ready'), 'waiting', 'wait', 'wait_book', 'refresh withdraw'),
    'sending': (
        situation('sending'), 'waiting', 'wait', 'wait_book', 'refresh'),
    'to be undone': (
        situation('verified', pending='undo'), 'waiting', 'wait', 'wait_undo', 'refresh'),
    'to be unlinked': (
        situation('verified', pending='undo', is_linked=True),
        'waiting', 'wait', 'wait_unlink', 'refresh'),
    'to be reversed': (
        situation('changed', pending='reverse'), 'waiting', 'wait', 'wait_reverse', 'refresh'),
    'to be updated': (
        situation('sent', pending='update'), 'waiting', 'wait', 'wait_update', 'refresh'),
    'of an archived administration': (
        situation('ready', is_archived=True, is_on_hold=True, division="1 B.V."), 'waiting',
        'archived', {'code': 'status/archived', 'params': {'division': "1 B.V."}},
        'refresh withdraw'),
    'on hold': (
        situation('ready', is_on_hold=True, is_connected=False, hold_reason="Wait."), 'waiting',
        'on_hold', {'code': 'status/on_hold', 'params': {'reason': "Wait."}}, 'refresh withdraw'),
    'without a connection': (
        situation('ready', is_connected=False, unreachable="No."),
        'waiting', 'disconnected', 'disconnected', 'refresh withdraw'),
    'let in no more': (
        situation('ready', unreachable="No.", fuse=FUSE), 'waiting', 'unreachable',
        {'code': 'status/unreachable', 'params': {'reason': "No."}}, 'refresh withdraw'),
    'refused too often': (
        situation('ready', fuse=FUSE, is_put_off=True, keeps_order=True, limit="Later."),
        'waiting', 'fuse', [{'code': 'status/wait_book', 'params': {}}, FUSE], 'refresh withdraw'),
    'behind an earlier one': (
        situation('ready', is_put_off=True, keeps_order=True, limit="Later."),
        'waiting', 'in_order', 'in_order', 'refresh withdraw'),
    'put off, in no order': (
        situation('ready', is_put_off=True), 'waiting', 'wait', 'wait_book', 'refresh withdraw'),
    'at its turn': (
        situation('ready', keeps_order=True), 'waiting', 'wait', 'wait_book', 'refresh withdraw'),
    'no answer': (
        situation('uncertain', is_asked=True, is_put_off=True, keeps_order=True),
        'waiting', 'no_answer', 'no_answer', 'refresh'),
    'perhaps there': (
        situation('uncertain'), 'waiting', 'may_have', 'may_have', 'refresh'),
    'a question that failed': (
        situation('uncertain', is_asked=True, first="It failed."),
        'waiting', 'in_doubt', "It failed.", 'refresh'),
    'booked': (
        situation('sent', number='7', limit="Later."), 'waiting', 'read_back',
        {'code': 'status/read_back', 'params': {'number': '7'}}, 'refresh'),
    'booked, to be compared with an edit': (
        situation('sent', number='7', pending='recheck', limit="Later."), 'waiting', 'limit',
        [{'code': 'status/wait_book', 'params': {}}, "Later."], 'refresh'),
    'booked, and not to be compared': (
        situation('sent', blocking=(KEPT,)), 'waiting', 'not_compared', KEPT, 'refresh retry'),
    'at a limit': (
        situation('ready', limit="Later.", trouble="Down."), 'waiting', 'limit',
        [{'code': 'status/wait_book', 'params': {}}, "Later."], 'refresh withdraw'),
    'what answered for an entry was not Exact': (
        situation('uncertain', is_asked=True, answered="A proxy."), 'waiting', 'no_answer',
        "A proxy.", 'refresh'),
    'what answered was not Exact': (
        situation('verified', pending='undo', answered="A proxy."), 'waiting', 'unanswered',
        [{'code': 'status/wait_undo', 'params': {}}, "A proxy."], 'refresh'),
    'Exact is away': (
        situation('ready', trouble="Down.", tried_again="noon"), 'waiting', 'trouble',
        {'code': 'status/trouble', 'params': {
            'wait': {'code': 'status/wait_book', 'params': {}}, 'reason': "Down.", 'time': "noon",
        }}, 'refresh withdraw'),
    'waiting, for a reader': (
        situation('ready', may_act=False), 'waiting', 'wait', 'wait_book', 'refresh'),
    'undone': (
        situation('undone'), '', 'undone', None, 'export'),
    'superseded': (
        situation('superseded', document='draft'), '', 'undone', None, ''),
    'deleted': (
        situation('deleted'), 'deleted', 'deleted', None, 'export create_new'),
    'deleted, and cancelled': (
        situation('deleted', document='cancel'), 'deleted', 'deleted', None, ''),
}


@pytest.mark.parametrize(
    ('facts', 'bar', 'code', 'reason', 'buttons'), CASES.values(), ids=CASES.keys(),
)
def test_what_is_said(facts, bar, code, reason, buttons):
    if isinstance(reason, str) and reason in SENTENCES:
        reason = {'code': f'status/{reason}', 'params': {}}
    told = status(facts)
    assert (told.bar, told.code, told.reason) == (bar, code, reason)
    assert told.colour == COLOURS.get(bar, '')
    assert told.buttons == tuple(buttons.split())


def texts(path, name):
    """The sentences of a table, without Odoo."""
    tree = ast.parse((ROOT / path).read_text(encoding='utf-8'))
    [table] = [
        node.value for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == name
    ]
    return {
        key.value: ast.literal_eval(value.args[0])
        for key, value in zip(table.keys, table.values, strict=True)
    }


SENTENCES = texts('models/base/exact_status_text.py', 'STATUS')
SAID = st.sampled_from(["Something.", NO_LEDGER])
NOTE = st.none() | SAID


@st.composite
def situations(draw):
    facts = draw(st.fixed_dictionaries({
        'document': st.sampled_from(['draft', 'posted', 'cancel']),
        'has_administration': st.booleans() | st.just(True),
        'may_act': st.booleans(),
    }))
    state = draw(st.sampled_from(['', *STATES]))
    if not state:
        return situation(**facts)
    export = draw(st.fixed_dictionaries({
        'pending': st.sampled_from(PENDING),
        'number': st.sampled_from(['', '26700001']),
        'differences': st.lists(st.just(ROW), max_size=3).map(tuple),
        'blocking': st.lists(SAID, max_size=3).map(tuple),
        'first': NOTE, 'hold_reason': SAID, 'unreachable': NOTE, 'fuse': NOTE, 'limit': NOTE,
        'trouble': NOTE, 'answered': NOTE,
        **dict.fromkeys((
            'has_difference', 'is_double', 'is_linked', 'is_asked', 'is_put_off', 'keeps_order',
            'leads_on', 'is_kept', 'may_keep_both', 'is_archived', 'is_on_hold', 'is_connected',
        ), st.booleans()),
    }))
    return situation(state, **facts, **export)


def notes_in(said):
    """Every note of this module in what is said, however deep."""
    if isinstance(said, dict) and 'code' in said:
        if said['code'].startswith('status/'):
            yield said['code'].removeprefix('status/'), said['params']
        for value in said['params'].values():
            yield from notes_in(value)
    elif isinstance(said, dict):
        yield from notes_in(said.get('several', ()))
    elif isinstance(said, (list, tuple)):
        for part in said:
            yield from notes_in(part)


@given(situations())
def test_one_colour_and_one_sentence(facts):
    told = status(facts)
    assert bool(told.bar) == bool(told.colour) == bool(told.sentence)
    assert not told.bar or told.code
    assert not told.bar or facts.has_administration
    assert len(set(told.buttons)) == len(told.buttons)
    for code, params in notes_in([told.sentence, told.reason]):
        assert set(re.findall(r'%\((\w+)\)', SENTENCES[code])) == set(params), code


@given(situations())
def test_no_state_without_a_next_step(facts):
    """For whoever may act: a button, a wait that ends by itself, or one that the sentence tells how
    to end."""
    told = status(replace(facts, may_act=True))
    if not told.bar or LEADING & set(told.buttons) or told.code in BY_ITSELF:
        return
    if told.code == 'deleted':
        # Neither has it any more, or it is confirmed first, which Odoo has a button for.
        assert facts.document != 'posted'
        return
    assert ELSEWHERE[told.code] in SENTENCES[told.code]


@given(situations())
def test_rights_decide_about_buttons_alone(facts):
    theirs, ours = (status(replace(facts, may_act=may)) for may in (False, True))
    assert theirs[:4] == ours[:4]
    assert set(theirs.buttons) == set(ours.buttons) & set(FOR_READERS)


@given(situations())
def test_buttons_fit_what_exact_has(facts):
    buttons = set(status(facts).buttons)
    assert not buttons & {'undo', 'update', 'reverse'} or facts.state in life.BOOKED
    assert not buttons & {'withdraw', 'adjust'} or facts.state in life.UNSENT
    assert 'create_new' not in buttons or facts.document == 'posted'
    assert 'reverse' not in buttons or not facts.is_linked
    assert 'export' not in buttons or not facts.state or facts.state in life.ENDED


@pytest.mark.parametrize('state', STATES)
@pytest.mark.parametrize('pending', PENDING)
def test_what_a_person_asked_for_is_waited_for(state, pending):
    if state == 'sent':
        assert display_state(state, pending=pending, has_difference=True) == 'blocked'
    if pending in ASKED_FOR:
        assert display_state(state, pending=pending, is_double=True) == 'waiting'
    else:
        assert display_state(state, pending=pending) == display_state(state)


def test_every_sentence_is_said_by_a_case():
    said = {
        code for facts, *_rest in CASES.values()
        for code, _params in notes_in([*status(facts)[2:4]])
    }
    assert said == SENTENCES.keys()


def test_the_form_shows_what_is_decided_and_nothing_else():
    """A bar for each colour with the buttons that it can have, each shown by its name."""
    form = ElementTree.parse(ROOT / 'views/document/account_move_views.xml')
    [bars] = form.findall(".//div[@name='exact_bars']")
    possible = {bar: set() for bar in COLOURS}
    for facts, *_rest in CASES.values():
        told = status(facts)
        if told.bar:
            possible[told.bar] |= {*told.buttons} - {'export'}
    found = {}
    for bar in bars:
        name = re.fullmatch(r"exact_bar != '(\w+)'", bar.get('invisible'))[1]
        assert bar.get('name') == f'exact_{name}'
        assert f'alert-{COLOURS[name]}' in bar.get('class').split()
        assert bar.findall(".//field[@name='exact_sentence']")
        found[name] = {
            re.fullmatch(r"'(\w+)' not in exact_buttons", button.get('invisible'))[1]
            for button in bar.iter('button')
        }
    assert found == possible
