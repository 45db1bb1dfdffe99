"""Who is it: numbers in one form, what two sides are to each other, which of several it is."""

import pytest
from hypothesis import given, strategies as st

from booking.party import (
    AMBIGUOUS,
    CONTRADICTION,
    SAME,
    STRANGER,
    SUGGESTION,
    TAKEN_AWAY,
    choose,
    is_same_card,
    meet,
    party,
)
from booking.party_numbers import (
    PREFIXES,
    bank_account,
    chamber_number,
    chamber_text,
    is_iban,
    vat_number,
)
from booking.relation import Contact, Omission, relation_body

VAT = 'NL844514321B01'


@pytest.mark.parametrize(('text', 'country', 'full'), [
    ('0403170701', 'BE', 'BE0403170701'),
    ('403170701', 'BE', 'BE0403170701'),
    ('be 0403.170.701', 'BE', 'BE0403170701'),
    ('123456782B90', 'NL', 'NL123456782B90'),
    ('nl1234.56.782.b90', 'NL', 'NL123456782B90'),
    ('CHE-123.456.788 MWST', 'CH', 'CHE123456788'),
    ('CHE123456788TVA', 'CH', 'CHE123456788'),
    ('CHE-123.456.788 IVA', 'LI', 'CHE123456788'),
    ('094259216', 'GR', 'EL094259216'),
    ('GR094259216', 'GR', 'EL094259216'),
    ('EL 094259216', 'NL', 'EL094259216'),
    ('980780684', 'GB', 'GB980780684'),
    ('XI 980 7806 84', 'GB', 'XI980780684'),
    ('980780684', 'XI', 'XI980780684'),
    ('U12345675', 'AT', 'ATU12345675'),
    ('A12345674', 'ES', 'ESA12345674'),
    ('12345676-1-11', 'HU', 'HU12345676'),
    ('NO 923 609 016 MVA', 'NO', 'NO923609016'),
    ('FR53000004605', 'MC', 'FR53000004605'),
    ('DE136695976', 'NL', 'DE136695976'),
    # A slip in the digits is no matter of form.
    ('NL123456789B01', 'NL', 'NL123456789B01'),
    ('0403170702', 'BE', 'BE0403170702'),
    ('NL12345678B01', 'NL', 'NL012345678B01'),
])
def test_vat_numbers_are_completed_as_their_country_writes_them(text, country, full):
    number = vat_number(text, country)
    assert (number.text, number.is_formed) == (full, True)


@pytest.mark.parametrize(('text', 'country'), [
    ('12-3456789', 'US'), ('US123456789', 'US'), ('12/345/67890', 'DE'), ('NL1234567890B01', 'NL'),
    ('27AAPFU0939F1ZV', 'IN'), ('123456782B90', ''),
])
def test_what_is_no_vat_number_is_known_and_not_valid(text, country):
    assert vat_number(text, country).is_formed is False


@pytest.mark.parametrize('text', [
    '', None, '/', '-', 'PARTICULIER', 'n.v.t.', '00000000', 'NL000000000B01', '999999999',
    'NL999999999B99', '0000', '1234', 'BE0000000000', 'geen', 'CHE-000.000.000 MWST',
])
def test_placeholders_words_and_few_digits_identify_nobody(text):
    assert vat_number(text, 'NL') is None
    assert chamber_number(text, 'NL') == ''
    assert bank_account(text) == ''


@pytest.mark.parametrize(('text', 'country', 'found', 'sent'), [
    ('14451001', 'NL', '14451001', '14451001'),
    ('KvK 5.012.345', 'NL', '05012345', '05012345'),
    ('000012345678', 'NL', '000012345678', ''),
    ('BE 0403.170.701', 'BE', '0403170701', '0403170701'),
    ('403170701', 'BE', '0403170701', '0403170701'),
    ('HRB 12345', 'DE', 'HRB12345', 'HRB12345'),
    ('552 081 317 66522', 'FR', '552081317', '55208131766522'),
])
def test_trade_registers(text, country, found, sent):
    assert (chamber_number(text, country), chamber_text(text, country)) == (found, sent)


def test_ibans_have_check_digits():
    assert is_iban('NL91 INGB 0000 0010 01')
    assert not is_iban('NL92INGB0000001001')
    assert not is_iban('')


@given(
    st.text('0123456789ABE.- /', max_size=16),
    st.sampled_from(['', 'US', 'NL', *PREFIXES]),
    st.sampled_from(['', 'NL', 'EL', 'XI', 'CHE', 'US']),
)
def test_what_a_number_is_found_by_stays_what_it_is(text, country, prefix):
    number = vat_number(prefix + text, country)
    if number:
        again = vat_number(number.key, country)
        assert again.is_same(number)
        assert (again.key, again.is_formed) == (number.key, number.is_formed)
    register = chamber_number(text, country)
    assert chamber_number(register, country) == register


# === TWO SIDES === #

def known(vat='', chamber='', **values):
    return party(**{'country': 'NL', 'vat': vat, 'chamber': chamber, **values})


def test_numbers_that_both_know_and_that_differ_contradict():
    verdict = meet(known(VAT, '14451002'), known(VAT, '14451001'))
    assert verdict.kind == CONTRADICTION
    assert verdict.reasons == ('vat',)
    assert verdict.contradictions == (('chamber_of_commerce', '14451002', '14451001'),)
    verdict = meet(known(VAT, '14451002'), known('NL002065538B01', '14451002'))
    assert verdict.contradictions == (('vat', VAT, 'NL002065538B01'),)


def test_a_number_that_one_side_does_not_know_contradicts_nothing():
    for theirs in (known(VAT), known(VAT, '00000000'), known(VAT, 'onbekend')):
        assert meet(known(VAT, '14451002'), theirs).kind == SAME
    assert meet(known('PARTICULIER'), known('PARTICULIER')).kind == STRANGER
    assert meet(known(chamber='00000000'), known(chamber='00000000')).kind == STRANGER


def test_account_and_name_suggest():
    iban = {'accounts': ['NL91 INGB 0000 0010 01']}
    creditor = known(accounts=['NL91INGB0000001001'], name="Factor")
    assert meet(known(**iban), creditor).kind == SUGGESTION
    assert meet(known(name="Acme"), known(name=" Acme ")).kind == SUGGESTION
    assert meet(known(name="Acme"), known(name="Acme B.V.")).kind == STRANGER
    verdict = meet(
        party(country='DE', vat='DE136695976', **iban),
        party(country='DE', vat='DE123456789', **iban),
    )
    assert (verdict.kind, verdict.contradictions) == (
        CONTRADICTION, (('vat', 'DE136695976', 'DE123456789'),),
    )


def test_names_are_compared_as_exact_holds_them():
    long = "Stichting tot Behoud en Bevordering van Alles dat Lang Is"
    card = relation_body(Contact(long), 'sale')[0]['Name']
    assert meet(known(name=long), known(name=card)).kind == SUGGESTION


def test_the_prefix_need_not_be_written():
    with_it, without = known(vat='NL123456782B90'), party(vat='123456782B90')
    assert meet(with_it, without).kind == meet(without, with_it).kind == SAME
    other = party(country='BE', vat='0403170701')
    assert meet(party(vat='BE0403170701'), other).kind == SAME
    assert meet(party(country='US', vat='12-3456789'), party(vat='US123456789')).kind == SAME
    # The same digits of another country are another number.
    germany, greece = party(country='DE', vat='094259216'), party(country='GR', vat='094259216')
    assert meet(germany, greece).kind == STRANGER


def test_northern_ireland_and_great_britain_share_their_numbers():
    assert meet(party(vat='XI980780684'), party(country='GB', vat='980780684')).kind == SAME


def test_a_belgian_enterprise_number_is_both_numbers():
    registered = party(country='BE', chamber='0403.170.701')
    assert meet(registered, party(country='BE', vat='BE0403170701')).kind == SAME
    assert meet(party(country='BE', vat='0403170701'), registered).kind == SAME
    verdict = meet(registered, party(country='BE', vat='BE0477472701'))
    assert verdict.kind == STRANGER and verdict.contradictions


def test_a_register_number_of_another_country_or_of_one_court_suggests():
    dutch, german = known(chamber='12345678'), party(country='DE', chamber='12345678')
    assert meet(dutch, german).kind == SUGGESTION
    court = party(country='DE', chamber='HRB 12345')
    assert meet(court, party(country='DE', chamber='hrb12345')).kind == SUGGESTION
    # Of a foreigner with a Dutch number, both numbers have to be right.
    foreigner = party(country='NL', vat='DE136695976', chamber='14451001')
    assert meet(foreigner, known('DE136695976', '14451001')).reasons == (
        'vat', 'chamber_of_commerce',
    )
    assert meet(foreigner, known(VAT, '14451001')).kind == CONTRADICTION


def test_the_very_same_card():
    place = {'name': "Jansen", 'place': ("J@x.nl", "1234 AB", "Zwolle")}
    theirs = known(name="Jansen", place=("j@x.nl", "1234 AB", "Zwolle"))
    assert is_same_card(known(**place), theirs)
    assert not is_same_card(known(**place), known(name="Jansen", place=('', '', "Zwolle")))
    nowhere = known(name="Jansen", place=('', '', ''))
    assert not is_same_card(nowhere, nowhere)
    assert is_same_card(nowhere, nowhere, is_answer=True)
    # What we made before somebody edited the partner is its card all the same, if numbers agree
    assert is_same_card(known(**place), nowhere, is_answer=True)
    assert not is_same_card(known(**place), known(name="Pietersen"), is_answer=True)
    assert not is_same_card(
        known(VAT, **place), known('NL002065538B01', **place), is_answer=True,
    )
    assert not is_same_card(known(VAT, **place), known('NL002065538B01', **place))


# === WHICH OF SEVERAL === #

def test_of_a_fiscal_unity_the_own_card_is_found():
    ours = known(VAT, '14451002')
    cards = [(1, known(VAT, '14451001')), (2, known(VAT, '14451002'))]
    assert choose(ours, cards)[:2] == (2, 'vat')
    alone = choose(ours, cards[:1])
    assert (alone.key, alone.reason, list(alone.candidates)) == (None, CONTRADICTION, [1])


def test_two_with_the_same_number():
    cards = [(1, known(VAT)), (2, known(VAT))]
    assert choose(known(VAT, '14451002'), cards).reason == AMBIGUOUS
    # The one that knows both numbers is the one.
    cards.append((3, known(VAT, '14451002')))
    assert choose(known(VAT, '14451002'), cards).key == 3


def test_what_was_taken_away_does_not_come_back_by_itself():
    card = [(1, known(VAT))]
    assert choose(known(VAT), card).key == 1
    choice = choose(known(VAT), card, taken_away={1})
    assert (choice.key, choice.reason, list(choice.candidates)) == (None, TAKEN_AWAY, [1])
    # Another that fits is not held up by it.
    assert choose(known(VAT), [*card, (2, known(VAT))], taken_away={1}).key == 2


def test_a_stronger_hint_goes_before_a_weaker_one():
    iban = ['NL91INGB0000001001']
    cards = [(1, known(name="Jansen")), (2, known(accounts=iban))]
    choice = choose(known(name="Jansen", accounts=iban), cards)
    assert (choice.key, choice.reason, list(choice.candidates)) == (None, 'iban', [2])
    assert choose(known(VAT, name="Smit"), cards) == (None, '', {})


# === WHAT IS SENT === #

def test_what_exact_would_not_take_is_left_out_and_named():
    values, omissions = relation_body(Contact(
        name="x" * 51, country='US', vat='12-3456789', chamber='00000000', email="none",
        phone="1" * 51, website="http://" + "w" * 100, city="Zwolle", postcode=' 8011  MC ',
    ), 'purchase')
    assert values == {
        'Name': "x" * 49 + "…", 'Status': 'A', 'IsSupplier': True, 'City': "Zwolle",
        'Postcode': "8011 MC", 'Country': 'US',
    }
    assert omissions == [
        Omission('name', "x" * 51, 50), Omission('phone', "1" * 51),
        Omission('website', "http://" + "w" * 100), Omission('email', "none"),
        Omission('vat', '12-3456789'), Omission('chamber_of_commerce', '00000000'),
    ]


def test_what_is_right_is_sent_as_its_country_writes_it():
    values, omissions = relation_body(Contact(
        name="Bouwgroep", country='BE', vat='0403170701', chamber='0403.170.701', home='NL',
        email="Bouw <Post@Bouw.example>, tweede@bouw.example",
    ), 'sale')
    assert values == {
        'Name': "Bouwgroep", 'Status': 'C', 'IsSupplier': False, 'Country': 'BE',
        'VATNumber': 'BE0403170701', 'ChamberOfCommerce': '0403170701',
        'Email': "post@bouw.example",
    }
    assert omissions == []


def test_who_has_no_country_is_at_home():
    values, omissions = relation_body(
        Contact(name="A", vat='123456782B90', chamber='5012345', home='NL'), 'sale',
    )
    assert (values['VATNumber'], values['ChamberOfCommerce']) == ('NL123456782B90', '05012345')
    assert 'Country' not in values and not omissions


def test_no_vat_number_said_on_purpose_is_nothing_to_name():
    assert relation_body(Contact(name="Jan", vat='/'), 'sale')[1] == []
