"""The errors that Exact is known to give, by the words it uses.

Business errors come as HTTP 500 or 400 with a sentence in the language of the Exact user. A
sentence is known by a fragment, without regard to case, hyphens and spaces. Beside each fragment
stands where it was seen; 'inferred' marks the translation of a fragment that was seen in the other
language only.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorKind:
    """One known error.

    :param str code: what the rest of the program calls it
    :param str error_class: 'quota', 'rights', 'config' (master data or settings in Exact), 'data'
        (what we sent), 'duplicate', 'state' (closed or processed), 'transient' or 'unknown'
    :param bool retry: whether the same request may succeed later without anybody changing anything
    :param str fragment: the words that were found, '' for 'unknown'
    :param str source: where they were seen
    """

    code: str
    error_class: str
    retry: bool = False
    fragment: str = ''
    source: str = ''


UNKNOWN = ErrorKind('unknown', 'unknown')
RATE_LIMIT = ErrorKind('rate_limit', 'quota', True, '', 'picqer issues 646, 255')

# code, class, {fragment: source}; the first that matches counts, so the special before the general.
# "picqer" is github.com/picqer/exact-php-client.
_TABLE = [
    ('scope_violated', 'rights', {
        "Application Scope Violated": 'picqer issues 453, 509, 659',
    }),
    ('division_not_accessible', 'rights', {
        "Division not accessible": 'github.com/TimPelgrim/exactonline-mcp specs/004',
    }),
    ('mandatory_filter', 'data', {
        "mandatory filtering applied": 'picqer issue 591',
    }),
    ('select_required', 'data', {
        "$select or a $top=1": 'picqer README',
    }),
    ('filter_not_supported', 'data', {
        "$filter parameter is not supported": 'picqer issue 532, pull request 468',
        "Filtering on these fields is not supported": 'picqer issue 500',
    }),
    ('query_syntax', 'data', {
        "Error in query syntax": 'github.com/iwebdevnl/exact-online-ai-connect',
        "Expression of type 'System.Boolean' expected": 'picqer issue 39',
    }),
    ('binding_new_entities', 'data', {
        "Binding to new entities": 'picqer issue 538',
    }),
    ('not_base64', 'data', {
        "to type 'Byte[]'": 'picqer issue 178',
    }),
    ('mandatory', 'data', {
        "Verplicht:": 'picqer issue 325; support.coachview.net 11000028736',
        "Mandatory:": 'picqer issue 325',
    }),
    ('invalid_reference', 'config', {
        "Ongeldige referentie:": 'picqer issues 31, 325; support.bookzo.nl 22000241848',
        "Invalid reference:": 'picqer issues 31, 325',
    }),
    ('gl_account_type', 'config', {
        "Ongeldig: Grootboekrekeningtype": 'picqer issue 121',
        "Invalid: G/L account type": 'inferred',
        "Invalid: General ledger account type": 'inferred',
    }),
    ('journal_type', 'config', {
        "Ongeldig: Dagboek": 'picqer issue 121',
        "Invalid: Journal": 'inferred',
    }),
    ('vat_percentage', 'config', {
        "Ongeldig: Btw-percentage": 'support.simplicate.nl 6717960',
        "Invalid: VAT percentage": 'inferred',
    }),
    ('vat_code_not_allowed', 'config', {
        "Niet toegestaan: Btw-code": 'help.bookingexperts.com 8802106',
        "Not allowed: VAT-code": 'github.com/exactonline/exactonline-api-dotnet-client issue 138',
    }),
    ('customer_type', 'config', {
        "Ongeldig: Klant (Type)": 'helpdesk.informat.be; support.coachview.net 11000028736',
        "Invalid: Customer (Type)": 'inferred',
    }),
    ('supplier_type', 'config', {
        "Ongeldig: Leverancier (Type)": 'inferred',
        "Invalid: Supplier (Type)": 'inferred',
    }),
    ('duplicate_number', 'duplicate', {
        "In gebruik: Boekstuknummer": 'support.bookzo.nl 22000241848',
        "In use: Entry number": 'inferred',
    }),
    ('duplicate_code', 'duplicate', {
        "Gegeven bestaat reeds": 'picqer issues 432, 416',
        "Bestaat reeds:": 'picqer issue 323',
        "Data already exists": 'inferred',
        "Already exists:": 'inferred',
    }),
    ('already_processed', 'state', {
        "Reeds verwerkt": 'picqer issue 464; support.bookzo.nl 22000241848',
        "Already processed": 'inferred',
    }),
    ('period_closed', 'state', {
        "Periode is afgesloten": 'helpdesk.informat.be',
        "Period is closed": 'inferred',
    }),
    ('financial_year', 'state', {
        "financial year cannot be changed": 'picqer issue 515',
        "boekjaar kan niet worden gewijzigd": 'inferred',
    }),
    ('opening_balance', 'data', {
        "Opening balance plus all": 'github.com/iwebdevnl/exact-online-ai-connect',
    }),
    ('webhook_callback', 'config', {
        "Post to callback URL endpoint returns": 'picqer issue 438',
    }),
    ('transient', 'transient', {
        "A problem has occurred": 'picqer issues 600, 91',
        "Er is een probleem opgetreden": 'inferred',
    }),
]


def _normalised(text):
    return re.sub(r'[\s-]+', ' ', text).casefold().strip()


KINDS = [
    ErrorKind(code, error_class, error_class == 'transient', fragment, source)
    for code, error_class, fragments in _TABLE
    for fragment, source in fragments.items()
]
_SEARCH = [(_normalised(kind.fragment), kind) for kind in KINDS]


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
        text = _normalised(message)
        kind = next((kind for fragment, kind in _SEARCH if fragment in text), None)
        if kind:
            kinds.setdefault(kind.code, kind)
    return tuple(kinds.values()) or (UNKNOWN,)
