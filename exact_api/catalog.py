"""Exact's refusals, recognised by fragments of their texts in Dutch and English.

Sources: the public error reports of integrations. Fragments marked I are translations that nobody
was seen to quote; a text that matches none is kind `unknown` and shown as it is.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorKind:
    """One known refusal.

    :param code: our stable name.
    :param error_class: auth, quota, rights, config, data, duplicate, state or transient.
    :param retry: whether trying again without a change can help.
    :param fragment: what the text was recognised by.
    """

    code: str
    error_class: str
    retry: bool = False
    fragment: str = ''


UNKNOWN = ErrorKind('unknown', 'data')

# Order matters: the specific before the general.
_TABLE = (
    ('period_closed', 'state', False, ('periode is afgesloten', 'period is closed')),
    ('already_processed', 'state', False, ('reeds verwerkt', 'already processed')),
    ('vat_code_not_allowed', 'config', False, ('niet toegestaan: btw-code', 'not allowed: vat-code', 'not allowed: vat code')),
    ('vat_percentage', 'config', False, ('ongeldig: btw-percentage', 'invalid: vat percentage')),
    ('gl_account_type', 'config', False, ('ongeldig: grootboekrekeningtype', 'invalid: g/l account type')),
    ('journal_type', 'config', False, ('ongeldig: dagboek', 'invalid: journal')),
    ('customer_type', 'config', False, ('ongeldig: klant (type)', 'invalid: customer (type)')),
    ('supplier_type', 'config', False, ('ongeldig: leverancier (type)', 'invalid: supplier (type)')),
    ('duplicate_number', 'duplicate', False, ('in gebruik: boekstuknummer', 'in use: entry number')),
    ('duplicate_code', 'duplicate', False, ('gegeven bestaat reeds', 'bestaat reeds:', 'already exists')),
    ('year_fixed', 'state', False, ('financial year cannot be changed', 'boekjaar kan niet')),
    ('balance', 'data', False, ('opening balance plus all',)),
    ('webhook_callback', 'config', False, ('post to callback url endpoint returns',)),
    ('binding_new_entities', 'data', False, ('binding to new entities',)),
    ('not_base64', 'data', False, ("to type 'byte[]'",)),
    ('mandatory_filter', 'data', False, ('mandatory filtering applied',)),
    ('select_missing', 'data', False, ('$select or a $top=1',)),
    ('filter', 'data', False, ('$filter parameter is not supported', 'filtering on these fields is not supported', 'error in query syntax', "expression of type 'system.boolean' expected")),
    ('mandatory', 'data', False, ('verplicht:', 'mandatory:')),
    ('invalid_reference', 'config', False, ('ongeldige referentie:', 'invalid reference:')),
    ('module_missing', 'rights', False, ('division not accessible',)),
    ('problem_occurred', 'transient', True, ('a problem has occurred', 'er is een probleem opgetreden')),
)


def classify(status, messages) -> tuple[ErrorKind, ...]:
    """The kind of each message, in order; `unknown` where the text is not in the catalog.

    :param status: HTTP status; kept for callers that log it, texts alone decide.
    """
    kinds = []
    for message in messages:
        text = message.casefold()
        for code, error_class, retry, fragments in _TABLE:
            fragment = next((f for f in fragments if f in text), None)
            if fragment:
                kinds.append(ErrorKind(code, error_class, retry, fragment))
                break
        else:
            kinds.append(UNKNOWN)
    return tuple(kinds)
