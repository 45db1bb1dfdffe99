"""What Exact refuses, understood: which kind, what about, what next; in Dutch and in English."""

import json
import pathlib

import pytest

from exact_api import catalog
from exact_api.catalog import EXACT, LATER, PERSON, STOP, kind_of, understand


def facts():
    """Errors of the fact sheet that lies beside the repository."""
    path = (
        pathlib.Path(__file__).resolve().parents[3] / 'shared' / 'exact' / 'error_catalog.json'
    )
    if not path.exists():
        pytest.skip(f"the error catalogue of the facts is not here: {path}")
    return json.loads(path.read_text())['errors']


def known():
    kinds = {}
    for kind in [*catalog.KINDS, *catalog.ELSEWHERE]:
        kinds[kind.fragment.casefold()] = kind
    return kinds


def test_every_error_of_the_facts_is_covered():
    missing, otherwise = [], []
    kinds = known()
    for error in facts():
        for fragment in error['fragment'].split('|'):
            kind = kinds.get(fragment.casefold()) if fragment else catalog.RATE_LIMIT
            if kind is None:
                missing.append(fragment)
            elif kind.error_class != error['class']:
                otherwise.append((fragment, kind.error_class, error['class']))
    assert (missing, otherwise) == ([], [])


def test_what_the_facts_never_repeat_is_never_repeated():
    kinds = known()
    for error in facts():
        for fragment in error['fragment'].split('|'):
            kind = kinds.get(fragment.casefold(), catalog.RATE_LIMIT)
            if error['retry'] is False:
                assert not kind.retry, fragment
            elif kind.error_class != 'auth':
                assert kind.reaction == LATER, fragment


def test_every_kind_asks_for_one_of_four_things():
    for kind in [*catalog.KINDS, *catalog.ELSEWHERE, catalog.RATE_LIMIT, catalog.UNKNOWN]:
        assert kind.reaction in catalog.REACTIONS
        assert kind.retry == (kind.reaction == LATER)


@pytest.mark.parametrize(('dutch', 'english', 'code', 'part', 'reaction'), [
    ("Ongeldige referentie: Btw-code", "Invalid reference: VAT-code",
     'invalid_reference', 'vat_code', PERSON),
    ("Ongeldige referentie: Kostendrager", "Invalid reference: Cost unit",
     'invalid_reference', 'cost_unit', PERSON),
    ("Ongeldige referentie: Kostenplaats", "Invalid reference: Cost center",
     'invalid_reference', 'cost_center', PERSON),
    ("Ongeldige referentie: Dagboek", "Invalid reference: Journal",
     'invalid_reference', 'journal', PERSON),
    ("Ongeldige referentie: Betalingsconditie", "Invalid reference: Payment condition",
     'invalid_reference', 'payment_condition', PERSON),
    ("Ongeldige referentie: Grootboekrekening", "Invalid reference: G/L account",
     'invalid_reference', 'gl_account', PERSON),
    ("Ongeldige referentie: Klant", "Invalid reference: Customer",
     'invalid_reference', 'relation', PERSON),
    ("Ongeldige referentie: iets nieuws", "Invalid reference: something new",
     'invalid_reference', '', PERSON),
    ("Verplicht: Leverancier", "Mandatory: Supplier", 'mandatory', 'relation', PERSON),
    ("Niet toegestaan: Btw-code", "Not allowed: VAT-code",
     'vat_code_not_allowed', 'vat_code', PERSON),
    ("Ongeldig: Btw-percentage", "Invalid: VAT percentage", 'vat_percentage', 'vat_code', PERSON),
    ("Ongeldig: Grootboekrekeningtype", "Invalid: G/L account type",
     'gl_account_type', 'gl_account', PERSON),
    ("Ongeldig: Dagboek", "Invalid: Journal", 'journal_type', 'journal', PERSON),
    ("Ongeldig: Klant (Type)", "Invalid: Customer (Type)", 'customer_type', 'relation', PERSON),
    ("Ongeldig: Leverancier (Type)", "Invalid: Supplier (Type)",
     'supplier_type', 'relation', PERSON),
    ("Ongeldig: Grootboekrekeningtype", "Invalid: General ledger account type",
     'gl_account_type', 'gl_account', PERSON),
    ("Ongeldige referentie: Project", "Invalid reference: Project",
     'invalid_reference', 'project', PERSON),
    ("Verplicht: Omschrijving", "Mandatory: Description", 'mandatory', '', PERSON),
    ("In gebruik: Boekstuknummer", "In use: Entry number",
     'duplicate_number', 'entry_number', STOP),
    ("Gegeven bestaat reeds", "Data already exists", 'duplicate_code', '', STOP),
    ("Bestaat reeds: Uw ref.", "Already exists: Your ref.", 'duplicate_code', 'reference', STOP),
    ("Het boekjaar kan niet worden gewijzigd", "The financial year cannot be changed",
     'financial_year', '', STOP),
    ("Reeds verwerkt", "Already processed", 'already_processed', '', STOP),
    ("Periode is afgesloten: 2026 - 1", "Period is closed: 2026 - 1", 'period_closed', '', EXACT),
    ("Er is een probleem opgetreden", "A problem has occurred.", 'transient', '', LATER),
    ("Geblokkeerd: Grootboekrekening", "Blocked: G/L account", 'blocked', 'gl_account', EXACT),
    ("Geblokkeerd: Klant", "Blocked: Customer", 'blocked', 'relation', EXACT),
    ("Boekstuk is niet in evenwicht: 0.01", "Entry is not in balance: 0.01",
     'not_in_balance', '', PERSON),
    ("De boeking is niet in evenwicht op: 2022 / 4 (Type: Inkoopboeking) - Verschil: EUR -0,01",
     "[GLTransactions] is out of balance on: 2022 / 4 (Type: purchase booking) - difference: EUR 1",
     'not_in_balance', None, PERSON),
    ("Onbekend: Boekjaar (Periode-datumtabel)", "Unknown: Financial year (Period-date table)",
     'year_unknown', 'period', EXACT),
    ("Onbekend: Boekjaar", "Unknown: Fiscal year (Period - date table).", 'year_unknown', None,
     EXACT),
    ("Ongeldig: Kostenplaatskoppeling", "Invalid: Cost center link",
     'cost_center_link', 'cost_center', EXACT),
    ("Een btw-bedrag is niet toegestaan bij een btw-code van het type \"geen btw\"",
     "A VAT amount is not allowed for a VAT code of the type \"no VAT\"",
     'vat_amount_not_allowed', '', PERSON),
    ("Niet toegestaan: Btw-bedrag", "Not allowed: VAT amount", 'vat_amount_not_allowed', '',
     PERSON),
    ("Niet toegestaan: Valuta", "Not allowed: Currency", 'currency_not_allowed', 'currency',
     PERSON),
    ("Niet toegestaan: Wisselkoers", "Not allowed: Exchange rate", 'rate_not_allowed', '', PERSON),
    ("Verplicht: Wisselkoers", "Mandatory: Exchange rate", 'rate_missing', '', EXACT),
    ("Niet toegestaan: Documenttype", "Document Type not allowed", 'document_type', None, PERSON),
    ("Ongeldig: Verzamelrekening debiteuren", "Invalid: Accounts receivable account",
     'control_account', None, EXACT),
    ("De klantenrekening van deze relatie is niet gelijk aan de rekening van het verkoopdagboek",
     "Invalid: Accounts payable account", 'control_account', None, EXACT),
    ("Verplicht: Betalingsconditie", "Mandatory: Payment condition",
     'condition_missing', 'payment_condition', PERSON),
    ("Ongeldig: Bedrag", "Invalid: Amount", 'amount', '', PERSON),
    ("Ongeldige referentie: Valuta", "Invalid reference: Currency",
     'invalid_reference', 'currency', PERSON),
    ("Bestaat reeds - Boekstuknummer: 26700001, Dagboek: 70",
     "Already exists - Entry number: 26700001, Journal: 70", 'duplicate_number', None, STOP),
    ("Boekstuknummer in gebruik", "In use: Entry number", 'duplicate_number', None, STOP),
    ("Nog nooit gehoord", "Never heard of", 'unknown', '', PERSON),
])
def test_both_languages_say_the_same(dutch, english, code, part, reaction):
    for words in (dutch, english):
        refusal = understand(words)
        assert (refusal.kind.code, refusal.kind.reaction) == (code, reaction)
        # (Where the two languages, or two vendors, name it differently, nothing hangs on it.)
        assert part is None or refusal.part == part
        assert refusal.words == words


def test_what_the_facts_say_in_two_languages_is_one_kind():
    """In whole sentences, as Exact says them: no fragment is taken for another kind's."""
    seen = 0
    for error in facts():
        if 500 not in error['http']:
            continue
        kinds = {
            understand(f"{fragment} iets").kind.code for fragment in error['fragment'].split('|')
        }
        assert len(kinds) == 1, error['fragment']
        [code] = kinds
        assert kind_of(code).error_class == error['class'], error['fragment']
        seen += '|' in error['fragment']
    assert seen >= 4


def test_every_kind_of_the_table_is_known_by_each_of_its_fragments():
    for kind in catalog.KINDS:
        assert understand(f"Fout. {kind.fragment} 123").kind == kind


@pytest.mark.parametrize('words', [
    "ongeldige referentie: BTW code", "Ongeldige  referentie:  Btw - code",
    "INVALID REFERENCE: VAT CODE", "Invalid reference: Vat-Code",
])
def test_case_blanks_and_hyphens_are_no_words(words):
    refusal = understand(words)
    assert (refusal.kind.code, refusal.part) == ('invalid_reference', 'vat_code')


@pytest.mark.parametrize(('words', 'period'), [
    ("Periode is afgesloten: 2026 - 13", (2026, 13)),
    ("Period is closed: 2026 - 18", (2026, 18)),
    ("Periode is afgesloten: 2026 - 1", (2026, 1)),
    ("Period is closed: 2026-12", (2026, 12)),
    ("Periode is afgesloten", None),
    ("Ongeldige referentie: Dagboek 2026 - 1", None),
])
def test_which_period_is_closed(words, period):
    assert understand(words).period == period


@pytest.mark.parametrize(('words', 'amount'), [
    ("De boeking is niet in evenwicht op: 2022 / 4 (Type: Inkoopboeking) - Verschil: EUR -0,01",
     'EUR -0,01'),
    ("is out of balance on: 2022 / 4 (Type: purchase booking) - difference: EUR 1.234,50",
     'EUR 1.234,50'),
    ("Boekstuk is niet in evenwicht: 0.01", '0.01'),
    ("Boekstuk is niet in evenwicht", ''),
    ("Ongeldig: Bedrag 0,01", ''),
])
def test_by_how_much_it_is_not_in_balance(words, amount):
    assert understand(words).amount == amount


@pytest.mark.parametrize(('words', 'number', 'journal'), [
    ("Already exists - Entry number: 26700001, Journal: 700", 26700001, '700'),
    ("Bestaat reeds - Boekstuknummer: 26700001, Dagboek: 70", 26700001, '70'),
    ("In gebruik: Boekstuknummer", None, ''),
    ("Ongeldig: Dagboek: 70", None, ''),
])
def test_which_entry_is_there_already(words, number, journal):
    refusal = understand(words)
    assert (refusal.entry_number, refusal.journal) == (number, journal)


def test_reasons_of_a_refused_right():
    assert kind_of('LicenseExpired').reaction == EXACT
    assert kind_of('DivisionBlocked').reaction == LATER
    assert kind_of('never heard of') is catalog.UNKNOWN
