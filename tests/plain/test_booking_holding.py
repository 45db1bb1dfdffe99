from dataclasses import replace
from decimal import Decimal

import pytest
from booking_cases import bookings, sale
from hypothesis import given

from booking import Line
from booking.holding import NAMES, Part, parts_of, shared, waits_with

D = Decimal
FULL = sale(
    payment_condition='30', lines=[
        Line('g1', D(100), '2', cost_center='CC', cost_unit='CU', project='p1'),
    ],
)


@pytest.mark.parametrize(('name', 'value'), [
    ('kind', 'sale'), ('journal', '70'), ('journal_vat', '70'), ('journal_currency', '70 EUR'),
    ('currency', 'EUR'), ('year', '2026'), ('relation', 'r1'), ('payment_condition', '30'),
    ('gl_account', 'g1'), ('vat_code', '2'), ('cost_center', 'CC'),
    ('cost_center_link', 'g1 CC'), ('cost_unit', 'CU'), ('project', 'p1'),
])
def test_what_an_entry_has(name, value):
    assert shared(name, parts_of(FULL)) == Part(name, value)


@pytest.mark.parametrize(('change', 'name', 'expected'), [
    ({'lines': [Line('g1', D(100), '')]}, 'journal_vat', None),
    ({'is_refund': True}, 'credit_note', Part('credit_note', 'sale')),
    ({}, 'credit_note', None),
    ({'payment_condition': ''}, 'no_payment_condition', Part('no_payment_condition', 'sale')),
    ({}, 'no_payment_condition', None),
    ({}, 'vat_amount', None),
    ({'lines': [Line('g1', D(100), '2', vat_amount=D(21))]}, 'vat_amount', Part('vat_amount', '2')),
])
def test_what_only_some_have(change, name, expected):
    assert shared(name, parts_of(replace(FULL, **change))) == expected


def test_what_is_asked_for_besides_the_entry():
    for values, part in (
        ({'with_files': True}, Part('files', 'sale')),
        ({'new_relations': ['r1']}, Part('new_relation', '')),
        ({'new_relations': ['r1']}, Part('partner', 'r1')),
    ):
        assert part in parts_of(FULL, **values)
        assert part not in parts_of(FULL)


def test_a_partner_that_was_refused_is_known_among_several():
    """A relation is asked for by itself: who needs the same one waits, however many he needs."""
    both = parts_of(FULL, new_relations=['r1', 'r2'])
    assert shared('partner', both) is None
    cause = shared('partner', both, 'r2')
    assert cause == Part('partner', 'r2')
    assert shared('partner', both, 'r3') is None
    assert waits_with(parts_of(FULL, new_relations=['r2', 'r3']), {cause}) == cause
    assert waits_with(parts_of(FULL, new_relations=['r1']), {cause}) is None
    # Once the relation is there, nothing of the kind is asked for
    assert waits_with(parts_of(replace(FULL, relation='r2')), {cause}) is None


def test_a_condition_of_the_relation_is_one():
    bare = replace(FULL, payment_condition='')
    assert shared('no_payment_condition', parts_of(bare, relation_condition='30')) is None


def test_who_has_several_speaks_for_himself_alone():
    two = replace(FULL, lines=(Line('g1', D(50), '2'), Line('g1', D(50), '1')))
    parts = parts_of(two)
    assert shared('vat_code', parts) is None
    assert shared('gl_account', parts) == Part('gl_account', 'g1')
    # And yet waits with who has one of them
    assert waits_with(parts, {Part('vat_code', '1')}) == Part('vat_code', '1')


def test_the_same_by_another_choice_is_another_thing_to_mend():
    tax, twin = (
        parts_of(FULL, header={'journal': 'account.journal,1'},
                 lines=[{'vat_code': [f'account.tax,{number}']}])
        for number in (1, 2)
    )
    cause = shared('vat_code', tax)
    assert cause == Part('vat_code', '2', 'account.tax,1')
    assert waits_with(tax, {cause}) == cause
    assert waits_with(twin, {cause}) is None
    assert shared('journal', tax) == Part('journal', '70', 'account.journal,1')
    # Two taxes that make one code together: which one Exact means nobody knows
    both = parts_of(FULL, lines=[{'vat_code': ['account.tax,1', 'account.tax,2']}])
    assert shared('vat_code', both) is None


def test_all_others_go_on():
    cause = Part('currency', 'JPY')
    assert waits_with(parts_of(FULL), {cause}) is None
    assert waits_with(parts_of(replace(FULL, currency='JPY')), {cause}) == cause
    assert waits_with(parts_of(FULL), ()) is None


@given(bookings())
def test_an_entry_always_waits_with_itself(booking):
    parts = parts_of(booking)
    assert {part.name for part in parts} <= set(NAMES)
    for name in NAMES:
        cause = shared(name, parts)
        assert cause is None or waits_with(parts, {cause}) == cause
