"""The errors that Exact is known to give, by the words it uses, and what to do about each.

Business errors come as HTTP 500 or 400 with a sentence in the language of the Exact user. A
sentence is known by a fragment, without regard to case, hyphens and spaces. Beside each fragment
stands where it was seen; 'inferred' marks the translation of a fragment that was seen in the other
language only.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

# What a refusal asks for.
LATER = 'later'  # the same request may succeed in a moment; nobody has to do anything
PERSON = 'person'  # somebody corrects the document, a mapping or the connection, then it is retried
EXACT = 'exact'  # something changes in Exact first (a period, a licence, a right), then it goes on
STOP = 'stop'  # never again as it is: it would be a duplicate, it is final, or the mistake is ours
REACTIONS = (LATER, PERSON, EXACT, STOP)


@dataclass(frozen=True)
class ErrorKind:
    """One known error.

    :param str code: what the rest of the program calls it
    :param str error_class: 'auth', 'quota', 'rights', 'config' (master data or settings in Exact),
        'data' (what we sent), 'duplicate', 'state' (closed or processed), 'transient' or 'unknown'
    :param str reaction: one of REACTIONS
    :param str fragment: the words that were found, '' for 'unknown'
    :param str source: where they were seen
    """

    code: str
    error_class: str
    reaction: str = PERSON
    fragment: str = ''
    source: str = ''

    @property
    def retry(self) -> bool:
        """Whether the same request may succeed later without anybody changing anything."""
        return self.reaction == LATER


class Refusal(NamedTuple):
    """One sentence of an answer, understood as far as that goes.

    :param kind: UNKNOWN for new words.
    :param words: the sentence as Exact wrote it.
    :param part: what of the entry it is about, a key of PARTS; '' if it does not say.
    :param period: (year, number) that it names, None without.
    :param amount: the difference that it names, as Exact wrote it: 'EUR -0,01'; '' without.
    :param entry_number: of an entry that is there already, None if it does not say.
    :param journal: of that entry, '' likewise.
    """

    kind: ErrorKind
    words: str
    part: str = ''
    period: tuple[int, int] | None = None
    amount: str = ''
    entry_number: int | None = None
    journal: str = ''


UNKNOWN = ErrorKind('unknown', 'unknown')
RATE_LIMIT = ErrorKind('rate_limit', 'quota', LATER, '', 'picqer issues 646, 255')

# code, class, reaction, {fragment: source}; the first that matches counts, so the special before
# the general.
# "picqer" is github.com/picqer/exact-php-client.
_TABLE = [
    ('scope_violated', 'rights', PERSON, {
        "Application Scope Violated": 'picqer issues 453, 509, 659',
    }),
    ('division_not_accessible', 'rights', EXACT, {
        "Division not accessible": 'github.com/TimPelgrim/exactonline-mcp specs/004',
    }),
    ('mandatory_filter', 'data', STOP, {
        "mandatory filtering applied": 'picqer issue 591',
    }),
    ('select_required', 'data', STOP, {
        "$select or a $top=1": 'picqer README',
    }),
    ('filter_not_supported', 'data', STOP, {
        "$filter parameter is not supported": 'picqer issue 532, pull request 468',
        "Filtering on these fields is not supported": 'picqer issue 500',
    }),
    ('query_syntax', 'data', STOP, {
        "Error in query syntax": 'github.com/iwebdevnl/exact-online-ai-connect',
        "Expression of type 'System.Boolean' expected": 'picqer issue 39',
    }),
    ('binding_new_entities', 'data', STOP, {
        "Binding to new entities": 'picqer issue 538',
    }),
    ('not_base64', 'data', STOP, {
        "to type 'Byte[]'": 'picqer issue 178',
    }),
    ('not_in_balance', 'data', PERSON, {
        "niet in evenwicht": 'support.spend.cloud, export; help.humanwave.nl 4000069730',
        "out of balance": 'support.spend.cloud, export',
        "not in balance": 'inferred',
        "niet in balans": 'inferred',
    }),
    ('year_unknown', 'state', EXACT, {
        "Unknown: Financial year": 'support.streamtime.net 48698',
        "Unknown: Fiscal year": 'support.simplicate.nl 6717960',
        "Onbekend: Boekjaar": 'inferred',
    }),
    ('cost_center_link', 'config', EXACT, {
        "Ongeldig: Kostenplaatskoppeling": 'reported by users of such links',
        "Invalid: Cost center link": 'inferred',
        "Invalid: Cost centre link": 'inferred',
    }),
    ('blocked', 'config', EXACT, {
        "Geblokkeerd:": 'reported by users of such links; www.wefact.be, Grootboekrekeningtype',
        "Blocked:": 'inferred',
        "is geblokkeerd": 'inferred',
        "is blocked": 'inferred',
    }),
    ('vat_amount_not_allowed', 'config', PERSON, {
        "Btw-bedrag is niet toegestaan": 'help.bookingexperts.com 8802106',
        "Niet toegestaan: Btw-bedrag": 'inferred',
        "Not allowed: VAT amount": 'inferred',
        "VAT amount is not allowed": 'inferred',
    }),
    ('currency_not_allowed', 'config', PERSON, {
        "Niet toegestaan: Valuta": 'inferred',
        "Not allowed: Currency": 'inferred',
    }),
    ('rate_not_allowed', 'config', PERSON, {
        "Niet toegestaan: Wisselkoers": 'help.declaree.com 115000137884',
        "Not allowed: Exchange rate": 'inferred',
    }),
    ('rate_missing', 'config', EXACT, {
        "Verplicht: Wisselkoers": 'inferred',
        "Mandatory: Exchange rate": 'inferred',
    }),
    ('document_type', 'config', PERSON, {
        "Document type not allowed": 'documentatie.onfact.be, foutcodes',
        "Not allowed: Document type": 'inferred',
        "Niet toegestaan: Documenttype": 'inferred',
        "Documenttype niet toegestaan": 'inferred',
    }),
    ('control_account', 'config', EXACT, {
        "klantenrekening van deze relatie": 'helpdesk.informat.be 360000640040',
        "leveranciersrekening van deze relatie": 'inferred',
        "receivable account of this account": 'inferred',
        "payable account of this account": 'inferred',
        "Ongeldig: Verzamelrekening": 'inferred',
        "Invalid: Accounts receivable account": 'inferred',
        "Invalid: Accounts payable account": 'inferred',
    }),
    ('condition_missing', 'config', PERSON, {
        "Verplicht: Betalingsconditie": (
            'support.coachview.net 11000028736; help.declaree.com 115000137884'
        ),
        "Mandatory: Payment condition": 'support.coachview.net 103000037956',
    }),
    # Of a credit note: the administration wants the other style
    ('amount', 'data', PERSON, {
        "Ongeldig: Bedrag": 'reported by users of such links',
        "Invalid: Amount": 'inferred',
    }),
    ('mandatory', 'data', PERSON, {
        "Verplicht:": 'picqer issue 325; support.coachview.net 11000028736',
        "Mandatory:": 'picqer issue 325',
    }),
    ('invalid_reference', 'config', PERSON, {
        "Ongeldige referentie:": 'picqer issues 31, 325; support.bookzo.nl 22000241848',
        "Invalid reference:": 'picqer issues 31, 325',
    }),
    ('gl_account_type', 'config', PERSON, {
        "Ongeldig: Grootboekrekeningtype": 'picqer issue 121',
        "Invalid: G/L account type": 'inferred',
        "Invalid: General ledger account type": 'inferred',
    }),
    ('journal_type', 'config', PERSON, {
        "Ongeldig: Dagboek": 'picqer issue 121',
        "Invalid: Journal": 'inferred',
    }),
    ('vat_percentage', 'config', PERSON, {
        "Ongeldig: Btw-percentage": 'support.simplicate.nl 6717960',
        "Invalid: VAT percentage": 'support.simplicate.nl 6717960',
        "Btw-percentage is niet toegestaan": 'www.wefact.be 876',
    }),
    ('vat_code_not_allowed', 'config', PERSON, {
        "Niet toegestaan: Btw-code": 'help.bookingexperts.com 8802106',
        "Not allowed: VAT-code": 'github.com/exactonline/exactonline-api-dotnet-client issue 138',
    }),
    ('customer_type', 'config', PERSON, {
        "Ongeldig: Klant (Type)": 'helpdesk.informat.be; support.coachview.net 11000028736',
        "Invalid: Customer (Type)": 'inferred',
    }),
    ('supplier_type', 'config', PERSON, {
        "Ongeldig: Leverancier (Type)": 'inferred',
        "Invalid: Supplier (Type)": 'inferred',
    }),
    ('duplicate_number', 'duplicate', STOP, {
        "In gebruik: Boekstuknummer": 'support.bookzo.nl 22000241848',
        "In use: Entry number": 'inferred',
        "In use: Document number": 'a vendor of such links (Reflex)',
        "Boekstuknummer in gebruik": 'documentatie.onfact.be, foutcodes',
        "Already exists - Entry number": 'support.streamtime.net 48698',
        "Bestaat reeds - Boekstuknummer": 'inferred',
    }),
    ('duplicate_code', 'duplicate', STOP, {
        "Gegeven bestaat reeds": 'picqer issues 432, 416',
        "Bestaat reeds:": 'picqer issue 323',
        "Data already exists": 'inferred',
        "Already exists:": 'inferred',
    }),
    ('already_processed', 'state', STOP, {
        "Reeds verwerkt": 'picqer issue 464; support.bookzo.nl 22000241848',
        "Already processed": 'inferred',
    }),
    ('period_closed', 'state', EXACT, {
        "Periode is afgesloten": 'helpdesk.informat.be',
        "Period is closed": 'inferred',
    }),
    ('financial_year', 'state', STOP, {
        "financial year cannot be changed": 'picqer issue 515',
        "boekjaar kan niet worden gewijzigd": 'inferred',
    }),
    ('opening_balance', 'data', PERSON, {
        "Opening balance plus all": 'github.com/iwebdevnl/exact-online-ai-connect',
    }),
    ('webhook_callback', 'config', PERSON, {
        "Post to callback URL endpoint returns": 'picqer issue 438',
    }),
    ('transient', 'transient', LATER, {
        "A problem has occurred": 'picqer issues 600, 91',
        "Er is een probleem opgetreden": 'inferred',
    }),
]

# What says so elsewhere than in the sentences of an answer: at the token endpoint, in a header, in
# the result of an XML upload. `oauth` and `transport` read those.
_ELSEWHERE = [
    ('refresh_token_spent', 'auth', STOP, {"Old refresh token used": 'picqer issues 644, 549'}),
    ('too_early', 'quota', LATER, {
        "access_token not expired": 'github.com/websmurf/laravel-exact-online issue 31',
    }),
    ('refresh_token_expired', 'auth', STOP, {
        "The refresh token expired at": 'github.com/websmurf/laravel-exact-online issue 23',
    }),
    ('invalid_grant', 'auth', STOP, {"invalid_grant": 'a public scheduled job'}),
    ('access_token_expired', 'auth', LATER, {
        "access token expired": 'github.com/airbytehq/airbyte, unit tests of source-exact',
    }),
    ('NoDivisionAccess', 'rights', EXACT, {"NoDivisionAccess": 'picqer pull request 451'}),
    ('DivisionBlocked', 'rights', LATER, {"DivisionBlocked": 'picqer pull request 451'}),
    ('LicenseExpired', 'rights', EXACT, {"LicenseExpired": 'picqer pull request 451'}),
    ('BlockedUser', 'rights', EXACT, {"BlockedUser": 'picqer pull request 451'}),
    ('InactiveUser', 'rights', EXACT, {"InactiveUser": 'picqer pull request 451'}),
    ('BlockedCustomer', 'rights', EXACT, {"BlockedCustomer": 'picqer pull request 451'}),
    ('forbidden', 'rights', EXACT, {"Forbidden": 'picqer issues 111, 166, 581'}),
    ('payment_term', 'state', EXACT, {
        "Betalingstermijn:": 'github.com/iwebdevnl/exact-online-ai-connect',
    }),
]

# What a sentence is about, by the word after its colon ("Ongeldige referentie: Kostendrager"). The
# words are those that Exact's screens have for the properties of an entry (inferred, but for those
# in the fragments above).
PARTS = {
    'vat_code': ("Btw-code", "VAT code", "Btw-percentage", "VAT percentage"),
    'gl_account': ("Grootboekrekening", "G/L account", "General ledger account", "GLAccount"),
    'journal': ("Dagboek", "Journal"),
    'cost_center': ("Kostenplaats", "Cost center", "Cost centre", "CostCenter"),
    'cost_unit': ("Kostendrager", "Cost unit", "CostUnit"),
    'project': ("Project",),
    'payment_condition': ("Betalingsconditie", "Payment condition", "PaymentCondition"),
    'relation': ("Relatie", "Klant", "Leverancier", "Account", "Customer", "Supplier"),
    'currency': ("Valuta", "Currency"),
    'period': ("Periode", "Period", "Boekjaar", "Financial year"),
    'entry_number': ("Boekstuknummer", "Entry number", "EntryNumber"),
    'reference': ("Uw ref.", "Your ref.", "YourRef"),
    'document': ("Document", "Bijlage", "Attachment"),
}


def _normalised(text):
    return re.sub(r'[\s-]+', ' ', text).casefold().strip()


def _kinds(table):
    return [
        ErrorKind(code, error_class, reaction, fragment, source)
        for code, error_class, reaction, fragments in table
        for fragment, source in fragments.items()
    ]


KINDS = _kinds(_TABLE)
ELSEWHERE = _kinds(_ELSEWHERE)
_BY_CODE = {kind.code: kind for kind in [*ELSEWHERE, *KINDS, RATE_LIMIT]}
_SEARCH = [(_normalised(kind.fragment), kind) for kind in KINDS]
_PART_WORDS = sorted(
    ((_normalised(word), part) for part, words in PARTS.items() for word in words),
    key=lambda pair: -len(pair[0]),
)
_PERIOD = re.compile(r'\b(\d{4})\s*-\s*(\d{1,3})\b')
# "Verschil: EUR -0,01", "difference: EUR -0.01", or the amount alone after the colon.
_AMOUNT = re.compile(
    r'(?:verschil|difference|evenwicht|balance|balans):\s*([A-Z]{3}\s*)?(-?\d[\d.,]*)',
    re.IGNORECASE,
)
# "Already exists - Entry number: 26700001, Journal: 700"
_ENTRY_NUMBER = re.compile(r'(?:boekstuknummer|entry\s+number)\s*:?\s*(\d{1,10})\b', re.IGNORECASE)
_JOURNAL = re.compile(r'(?:dagboek|journal)\s*:\s*(\w{1,10})\b', re.IGNORECASE)


def kind_of(code):
    """Return the kind of a code (of a reason of Exact as well), UNKNOWN for any other."""
    return _BY_CODE.get(code, UNKNOWN)


def understand(message):
    """Return what one sentence of Exact says, as a `Refusal`."""
    text = _normalised(message)
    kind = next((kind for fragment, kind in _SEARCH if fragment in text), UNKNOWN)
    about = text.partition(':')[2].strip()
    part = next((part for word, part in _PART_WORDS if about.startswith(word)), '')
    period = _PERIOD.search(message) if kind.code == 'period_closed' else None
    amount = _AMOUNT.search(message) if kind.code == 'not_in_balance' else None
    number = journal = None
    if kind.code == 'duplicate_number':
        number, journal = _ENTRY_NUMBER.search(message), _JOURNAL.search(message)
    return Refusal(
        kind, message, part, period and (int(period[1]), int(period[2])),
        amount=' '.join(' '.join(amount.groups('')).split()) if amount else '',
        entry_number=number and int(number[1]), journal=journal[1] if journal else '',
    )


def classify(status, messages):
    """Return the kinds of the errors in an answer, each once, in the order of the messages.

    :param int status: the HTTP status; 429 needs no words, its body is empty (O)
    :param messages: Exact's sentences
    :return: tuple of `ErrorKind`, never empty: (UNKNOWN,) if no sentence is known
    """
    if status == 429:
        return (RATE_LIMIT,)
    kinds = {}
    for message in messages:
        kind = understand(message).kind
        if kind is not UNKNOWN:
            kinds.setdefault(kind.code, kind)
    return tuple(kinds.values()) or (UNKNOWN,)
