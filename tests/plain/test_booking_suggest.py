"""Suggestions: the right record, with its reason, or none."""

import random
import time
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from booking import (
    ACCOUNT_TYPES,
    REASONS,
    AccountCandidate,
    Candidate,
    JournalCandidate,
    NameIndex,
    PaymentCandidate,
    Tax,
    VatCode,
    suggest_account,
    suggest_by_name,
    suggest_journal,
    suggest_payment_condition,
    suggest_vat,
    vat_fits,
)
from booking.suggest import THRESHOLD, likeness, tokens

D = Decimal
HIGH, LOW = D('0.21'), D('0.09')

ACCOUNTS = [
    AccountCandidate('a8000', '8000', 'Omzet binnenland hoog tarief', 110),
    AccountCandidate('a8010', '8010', 'Omzet binnenland laag tarief', 110),
    AccountCandidate('a8020', '8020', 'Omzet EU', 110),
    AccountCandidate('a4100', '4100', 'Huur gebouwen', 121),
    AccountCandidate('a4200', '4200', 'Kantoorbenodigdheden', 121),
    AccountCandidate('a4300', '4300', 'Verzekeringen', 121, blocked=True),
    AccountCandidate('a1300', '1300', 'Debiteuren', 20),
    AccountCandidate('a1500', '1500', 'Af te dragen btw hoog', 24),
    AccountCandidate('a7000', '7000', 'Inkopen', 111),
    AccountCandidate('a9000', '9000', 'Resultaat 2025', 90),
    AccountCandidate('a9001', '9001', 'Resultaat 2026', 90),
]


@pytest.mark.parametrize(('code', 'name', 'kind', 'key', 'reason'), [
    ('8000', 'Omzet binnenland hoog tarief', 'income', 'a8000', 'same_code'),
    ('8010 ', 'Turnover low', 'income', 'a8010', 'same_code'),
    ('4100', 'Rent', 'expense', 'a4100', 'same_code'),
    ('999', 'Omzet, EU', 'income', 'a8020', 'same_name'),
    ('999', 'Huur van de gebouwen', 'expense', 'a4100', 'same_name'),
    ('999', 'Kantoorbenodigdheid', 'expense', 'a4200', 'name_likeness'),
    ('999', 'Purchases', 'expense_direct_cost', 'a7000', 'same_name'),
    ('1300', 'Receivable', 'asset_receivable', 'a1300', 'same_code'),
    ('999', 'Resultaat 2026', '', 'a9001', 'same_name'),
])
def test_accounts(code, name, kind, key, reason):
    found = suggest_account(code, name, kind, ACCOUNTS)
    assert (found.key, found.reason) == (key, reason)
    assert THRESHOLD <= found.score <= 1


@pytest.mark.parametrize(('code', 'name', 'kind'), [
    ('4100', 'Omzet diensten', 'income'),  # same code, but of another type
    ('1300', 'Iets anders', 'expense'),
    ('4300', 'Verzekeringen', 'expense'),  # blocked
    ('999', 'Debiteuren', 'expense'),  # receivable accounts are no expense
    ('999', 'Omzet binnenland', 'income'),  # high or low?
    ('999', 'Resultaat 2027', ''),  # another year
    ('999', 'Auto', 'expense'),
    ('', '', 'expense'),
])
def test_no_account_is_better_than_a_wrong_one(code, name, kind):
    assert suggest_account(code, name, kind, ACCOUNTS) is None


def test_two_of_one_name_or_code_are_no_suggestion():
    twins = [Candidate(1, '1', 'Huur'), Candidate(2, '2', 'huur'), Candidate(3, '2', 'Auto')]
    assert suggest_by_name('', 'Huur', twins) is None
    assert suggest_by_name('2', 'Iets', twins) is None
    assert suggest_by_name('1', 'Iets', twins).reason == 'same_code'


def test_names_are_normalised():
    assert tokens('Café-kosten  (ÉÉN)') == tokens('cafe kosten een')
    assert tokens('Sales 0021%') == ('21', 'verkoop')
    assert tokens('De') == ('de',)
    assert tokens('') == ()
    assert suggest_by_name('', 'CRÈME & Zn.', [Candidate(1, '', 'creme zn')]).reason == 'same_name'


@given(st.text(max_size=40), st.text(max_size=40))
def test_likeness_is_a_symmetric_share(left, right):
    one, two = tokens(left), tokens(right)
    assert 0 <= likeness(one, two) <= 1
    assert likeness(one, two) == likeness(two, one)
    if one:
        assert likeness(one, one) == 1


@given(st.lists(st.builds(Candidate, st.integers(), st.text(max_size=5), st.text(max_size=20)),
                max_size=8), st.text(max_size=5), st.text(max_size=20))
def test_suggestions_are_always_of_the_list(candidates, code, name):
    found = suggest_by_name(code, name, candidates)
    if found:
        assert found.key in {candidate.key for candidate in candidates}
        assert found.reason in REASONS
        assert 0 < found.score <= 1


JOURNALS = [
    JournalCandidate('j70', '70', 'Verkoopboek', '20'),
    JournalCandidate('j71', '71', 'Verkoopboek webshop', '20'),
    JournalCandidate('j60', '60', 'Inkoopboek', '22'),
    JournalCandidate('j61', '61', 'Inkoop oud', '22', blocked=True),
    JournalCandidate('j90', '90', 'Memoriaal', '90'),
    JournalCandidate('j10', '10', 'Bank', '12'),
]


@pytest.mark.parametrize(('kind', 'code', 'name', 'key', 'reason'), [
    ('sale', 'INV', 'Sales', 'j70', 'same_name'),
    ('sale', '71', 'Shop', 'j71', 'same_code'),
    ('purchase', 'BILL', 'Whatever', 'j60', 'only_one'),
    ('general', 'MISC', 'Miscellaneous Operations', 'j90', 'only_one'),
    ('bank', 'BNK1', 'Bank', 'j10', 'same_name'),
])
def test_journals(kind, code, name, key, reason):
    found = suggest_journal(kind, code, name, JOURNALS)
    assert (found.key, found.reason) == (key, reason)


def test_journals_of_another_type_are_never_suggested():
    assert suggest_journal('cash', '10', 'Bank', JOURNALS) is None
    assert suggest_journal('sale', '60', 'Inkoopboek', JOURNALS) is None
    assert suggest_journal('unknown', '70', 'Verkoopboek', JOURNALS) is None


CONDITIONS = [
    PaymentCandidate('c30', '30', '30 dagen', 30),
    PaymentCandidate('c30i', '31', '30 dagen incasso', 30, method='I'),
    PaymentCandidate('c14', '14', '14 dagen', 14),
    PaymentCandidate('c30e', '3E', '30 dagen einde maand', 30, 1),
    PaymentCandidate('c30d', '3D', '30 dagen, 2 % in 8', 30, 0, 'B', 8, D('0.02')),
    PaymentCandidate('c8', '08', 'Acht', 8, method='K'),
]


@pytest.mark.parametrize(('days', 'months', 'options', 'key'), [
    (30, 0, {}, 'c30'),
    (30, 0, {'method': 'I'}, 'c30i'),
    (30, 1, {}, 'c30e'),
    (30, 0, {'discount_days': 8, 'discount_percentage': D('0.02')}, 'c30d'),
    (14, 0, {}, 'c14'),
    (8, 0, {}, 'c8'),
])
def test_payment_conditions(days, months, options, key):
    found = suggest_payment_condition(days, months, CONDITIONS, **options)
    assert (found.key, found.reason) == (key, 'payment_days')


def test_payment_conditions_that_differ():
    assert suggest_payment_condition(60, 0, CONDITIONS) is None
    assert suggest_payment_condition(14, 1, CONDITIONS) is None
    assert suggest_payment_condition(
        30, 0, CONDITIONS, discount_days=5, discount_percentage=D('0.02')) is None


SALE_HIGH = Tax(HIGH, 'sale', name='21% btw hoog')


@pytest.mark.parametrize(('tax', 'code', 'reasons'), [
    (SALE_HIGH, VatCode('2', HIGH), ()),
    (SALE_HIGH._replace(price_include=True), VatCode('2', HIGH), ()),
    (SALE_HIGH, VatCode('2', HIGH, transaction_type='S'), ()),
    (SALE_HIGH, VatCode('2', HIGH, transaction_type='P'), ('direction',)),
    (SALE_HIGH._replace(direction='purchase'), VatCode('2', HIGH, transaction_type='S'),
     ('direction',)),
    (SALE_HIGH, VatCode('1', HIGH, 'I'), ('including',)),
    (SALE_HIGH._replace(price_include=True), VatCode('1', HIGH, 'I'), ('including',)),
    (SALE_HIGH, VatCode('2', LOW), ('percentage',)),
    (SALE_HIGH, VatCode('0', HIGH, 'B'), ('percentage',)),
    (SALE_HIGH, VatCode('2', HIGH, blocked=True), ('blocked',)),
    (SALE_HIGH, VatCode('V', HIGH, charged=True), ('reverse_charge',)),
    (Tax(HIGH, 'purchase', reverse_charge=True), VatCode('V', HIGH, charged=True), ()),
    (Tax(HIGH, 'purchase', reverse_charge=True), VatCode('2', HIGH), ('reverse_charge',)),
    (Tax(HIGH, 'purchase', reverse_charge=True), VatCode('V', LOW, charged=True),
     ('percentage',)),
    (Tax(D(0), 'sale', reverse_charge=True), VatCode('V', HIGH, charged=True), ()),
    (Tax(D(0), 'sale'), VatCode('0', D(0), 'B'), ()),
    (Tax(D(0), 'sale'), VatCode('0', D(0), 'N'), ()),
    (Tax(D(0), 'purchase'), VatCode('V', HIGH, charged=True), ('reverse_charge', 'percentage')),
])
def test_which_codes_fit_a_tax(tax, code, reasons):
    assert vat_fits(tax, code) == reasons


VAT = [
    (1, VatCode('1', HIGH, 'I', name='Btw hoog inclusief')),
    (2, VatCode('2', HIGH, name='Btw hoog exclusief')),
    (3, VatCode('3', LOW, name='Btw laag exclusief')),
    (4, VatCode('4', HIGH, transaction_type='P', name='Voorbelasting hoog')),
    (5, VatCode('5', HIGH, charged=True, transaction_type='P', name='Verlegd hoog')),
    (6, VatCode('6', D(0), 'B', name='Export', transaction_type='S')),
    (7, VatCode('7', D(0), 'B', name='Levering EU', eu_listing='L', transaction_type='S')),
    (8, VatCode('8', D(0), 'B', name='Diensten EU', eu_listing='S', transaction_type='S')),
    (9, VatCode('9', D(0), 'N', name='Vrijgesteld', transaction_type='S')),
]


@pytest.mark.parametrize(('tax', 'key'), [
    (SALE_HIGH, 2),
    (Tax(LOW, 'sale'), 3),
    (Tax(HIGH, 'purchase'), 4),
    (Tax(HIGH, 'purchase', reverse_charge=True), 5),
    (Tax(D(0), 'sale', eu='L'), 7),
    (Tax(D(0), 'sale', eu='S'), 8),
    (Tax(D(0), 'sale', name='0% export'), 6),
    (Tax(D(0), 'sale', name='Vrijgesteld'), 9),
])
def test_vat(tax, key):
    found = suggest_vat(tax, VAT)
    assert (found.key, found.reason) == (key, 'vat')


def test_vat_without_a_clear_code():
    assert suggest_vat(Tax(D('0.17'), 'sale'), VAT) is None
    # Exempt or export? Nothing tells.
    assert suggest_vat(Tax(D(0), 'sale'), VAT) is None
    assert suggest_vat(SALE_HIGH, [(1, VatCode('1', HIGH, 'I'))]) is None


@given(st.sampled_from(['sale', 'purchase']), st.sampled_from([D(0), LOW, HIGH]), st.booleans(),
       st.sampled_from(['', 'L', 'S', 'N']), st.text(max_size=10))
def test_a_suggested_code_always_fits(direction, percentage, reverse_charge, eu, name):
    tax = Tax(percentage, direction, False, reverse_charge, eu, name)
    found = suggest_vat(tax, VAT)
    if found:
        assert vat_fits(tax, dict(VAT)[found.key]) == ()


def test_every_kind_of_account_has_types():
    assert all(ACCOUNT_TYPES.values())


def test_five_hundred_among_a_thousand_are_quick():
    pick = random.Random(7)
    words = ['omzet', 'kosten', 'huur', 'auto', 'personeel', 'verkoop', 'kantoor', 'rente',
             'afschrijving', 'inkoop', 'onderhoud', 'reis', 'advies', 'bank', 'energie', 'hoog',
             'laag', 'buitenland', 'binnenland', 'voorziening']
    index = NameIndex(
        AccountCandidate(n, str(4000 + n), ' '.join(pick.sample(words, 3)) + f" {n % 40}", 121)
        for n in range(1000))
    started = time.process_time()
    found = [suggest_account('', ' '.join(pick.sample(words, 3)), 'expense', index)
             for _ in range(500)]
    assert time.process_time() - started < 10
    assert len(found) == 500
