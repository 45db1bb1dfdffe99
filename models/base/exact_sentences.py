"""What is told of a connection, an administration, an error of Exact and an attempt: one table a
family, and what is said by its code. What findings say is in `models/work/exact_finding_text.py`,
what the bar on a document says in `exact_status_text.py`.
"""

from odoo.tools.translate import LazyTranslate

from .exact_status_text import CHANGED, STATUS

_lt = LazyTranslate(__name__)

# Why a connection does not work or a consent did not succeed: the codes of
# `exact.connection.reason`
REASONS = {
    # The consent
    'denied': _lt("Access was refused on Exact's page. Connect again and allow it there."),
    'code': _lt(
        "Exact's answer came too late or was used before; it is valid for three minutes. Connect "
        "again.",
    ),
    'client': _lt(
        "Exact does not accept the client ID and the client secret. Check both against the app "
        "registration, and that the app is registered on the chosen site. Enter the secret again "
        "and connect.",
    ),
    'redirect': _lt(
        "The redirect address differs from the one in the app registration in Exact. Copy the one "
        "shown here into the registration and connect again.",
    ),
    'network': _lt(
        "Exact could not be reached after the consent. Check the internet connection of the "
        "server and the chosen site, then connect again.",
    ),
    'consent_failed': _lt(
        "Exact ended the consent with an error of its own. Connect again in a few minutes.",
    ),
    'no_rights': _lt(
        "The accounting administrator rights were withdrawn before the consent was complete. Ask "
        "an administrator of this company to connect.",
    ),
    'explore_later': _lt(
        "Exact gave its consent but is too busy to show the administrations. Press Refresh List "
        "in a minute.",
    ),
    'explore': _lt(
        "Exact gave its consent but did not show the administrations. Press Refresh List; if it "
        "stays empty, check the rights of the Exact user and the scopes of the app.",
    ),
    'gone': _lt(
        "The Exact user who gave access does not see an administration that a company is linked "
        "to; its documents wait. Give that user access in Exact and press Refresh List, or "
        "connect again with another user.",
    ),
    # The tokens
    'refused': _lt(
        "Exact no longer accepts the stored tokens: access was withdrawn, a password or user was "
        "changed, or another copy of this database used them. Connect again; nothing is lost.",
    ),
    'spent': _lt(
        "The stored tokens were used by something else: another copy of this database, or a "
        "restored backup. Connect again; nothing is lost.",
    ),
    'expired': _lt(
        "The connection was not used for 30 days, and Exact forgot it. Connect again; nothing is "
        "lost.",
    ),
    'crashed': _lt(
        "Odoo was interrupted while it renewed the tokens, and Exact no longer accepts the old "
        "ones. Connect again; nothing is lost.",
    ),
    'lost': _lt(
        "Exact's answer to the renewal of the tokens was lost on the way, and the old ones count "
        "as used. Connect again; nothing is lost.",
    ),
    'key': _lt(
        "This server does not have the key that protects the stored secrets. Put it back, the same "
        "on every server (the option account_exact_secret_key of odoo.conf, or the file "
        "account_exact.key in the data directory), then press Try Again; or enter the client "
        "secret again and connect.",
    ),
    'origin': _lt(
        "The address of Exact was changed (the system parameter "
        "account_exact.exact_online_base_url). The stored secrets and tokens belong to the address "
        "that was there before and were not sent to the new one. Put the parameter back, and all "
        "goes on by itself; only if the new address is right, enter the client secret again and "
        "connect.",
    ),
    'copied': _lt(
        "This database is not where the connection to Exact was made: it is a copy, or the "
        "original was moved or renamed. Nothing is sent to Exact until an accounting administrator "
        "says which, with one of the two buttons of the connection.",
    ),
    'not_connected': _lt(
        "Odoo is not connected to Exact. Connect first, under Accounting > Configuration > Exact.",
    ),
    # A copied database, see data/neutralize.sql
    'neutralized': _lt(
        "This is a copy of another database. Its connection was removed, so that it cannot "
        "disturb the original. Enter the client secret and connect with a test user if you need "
        "it.",
    ),
}

# Why an administration cannot be used: the codes of `exact.division.unreachable_reason`
DIVISION_REASONS = {
    'gone': _lt(
        "Exact no longer lists this administration for the connected user. Ask in Exact for "
        "access to it, then press Refresh List on the connection.",
    ),
    'NoDivisionAccess': _lt(
        "The connected Exact user has no access to this administration. Give access in Exact, or "
        "connect with a user who has it, then press Refresh List on the connection.",
    ),
    'DivisionBlocked': _lt(
        "Exact has blocked this administration for the moment, for instance during a restore. "
        "Documents wait and are sent when it is open again.",
    ),
    'LicenseExpired': _lt(
        "The Exact licence of this administration has expired. Renew it in Exact; documents wait.",
    ),
    'BlockedUser': _lt(
        "The connected Exact user is blocked. Unblock it in Exact or connect with another user.",
    ),
    'InactiveUser': _lt(
        "The connected Exact user is inactive. Activate it in Exact or connect with another user.",
    ),
    'BlockedCustomer': _lt("Exact has blocked this customer. Contact Exact; documents wait."),
}

# Why an administration is on hold: the codes of `exact.division.hold_reason`
HOLD_REASONS = {
    'person': _lt("Held by %(user)s; nothing is sent meanwhile."),
    'other_division': _lt(
        "Exact booked %(document)s in another administration. Look at the documents with "
        "differences, then release the hold.",
    ),
    'differences': _lt(
        "Exact booked %(count)s documents otherwise than they were sent. Look at the documents "
        "with differences, then release the hold.",
    ),
    'copied': _lt(
        "This database is a copy, or the original was moved: nothing is sent until somebody says "
        "on the connection which of the two it is.",
    ),
    # See data/neutralize.sql
    'neutralized': _lt(
        "This is a copy of another database, and the original sends these documents. Release the "
        "hold only where they cannot reach the real books.",
    ),
}

# What does not work without a scope of the app registration
SCOPES = {
    'financial accounting': _lt("Sending entries, VAT codes, periods: nothing can be exported"),
    'financial generalledgers': _lt("Ledger accounts and journals: nothing can be exported"),
    'crm accounts': _lt("Customers and suppliers: they cannot be found or created"),
    'financial cashflow': _lt("Payment conditions, and payments coming back"),
    'financial receivables': _lt("Open customer invoices, and payments coming back"),
    'financial payables': _lt("Open bills, and payments coming back"),
    'financial costcenters': _lt("Cost centres and cost units"),
    'financial currencies': _lt("Documents in foreign currencies"),
    'organization documents': _lt("PDF and received files next to the entry"),
    'organization administration': _lt(
        "Administrations of other licences, and noticing deletions in Exact",
    ),
    'projects projects': _lt("Projects on entry lines"),
    'logistics items': _lt("Items"),
}

# What Exact refused and what to do, by the kinds of the error catalogue of `exact_api`
KINDS = {
    'vat_code_not_allowed': _lt(
        "The journal in Exact does not allow this VAT code. Allow VAT in the journal or choose "
        "another VAT code.",
    ),
    'vat_percentage': _lt(
        "The VAT percentage does not fit the VAT code. Check the mapping of the tax.",
    ),
    'period_closed': _lt("The period is closed in Exact. Open it there or book in an open period."),
    'mandatory': _lt(
        "A field that Exact demands is empty. Fill what Exact names below, or map it.",
    ),
    'invalid_reference': _lt(
        "Something that the entry refers to is not in this administration any more. Press Refresh "
        "Now on the administration, then check the mappings.",
    ),
    'gl_account_type': _lt(
        "The ledger account has a type that Exact does not allow here. Map another account.",
    ),
    'journal_type': _lt(
        "The type of the journal does not fit this kind of document. Map another journal.",
    ),
    'not_in_balance': _lt(
        "The entry is not in balance in Exact: it computes other VAT than the document has. "
        "Compare the VAT of the lines.",
    ),
    'year_unknown': _lt(
        "Exact has no financial year for the date. Add it there, then refresh the master data.",
    ),
    'cost_center_link': _lt(
        "Exact does not take this cost centre with the ledger of its line. Link them there.",
    ),
    'blocked': _lt("It is blocked in Exact. Release it there, or choose another."),
    'vat_amount_not_allowed': _lt(
        "Exact takes no VAT amount with this VAT code. Map the tax to another.",
    ),
    'currency_not_allowed': _lt(
        "The journal takes no other currency in Exact. Allow it there, or map another journal.",
    ),
    'rate_not_allowed': _lt(
        "The journal takes no exchange rate of your own in Exact. Allow it there, or map another "
        "journal.",
    ),
    'rate_missing': _lt("Exact has no exchange rate for the currency. Enter one there."),
    'document_type': _lt(
        "Exact does not take documents of this type from the connected user. Choose another type "
        "for the administration.",
    ),
    'control_account': _lt(
        "The relation has a receivable or payable account of its own in Exact, another than that "
        "of the journal. Change it there, or book in a journal with that account.",
    ),
    'condition_missing': _lt(
        "There is no payment condition on the document, the relation or the administration. Map "
        "the payment term, or set a default in Exact.",
    ),
    'duplicate_number': _lt("The entry number is in use in Exact. Look the entry up there first."),
    'already_processed': _lt(
        "The entry is processed in Exact and can no longer change. Reverse it instead.",
    ),
    'customer_type': _lt("The relation is not a customer in Exact. Make it a customer there."),
    'supplier_type': _lt("The relation is not a supplier in Exact. Make it a supplier there."),
    'duplicate_code': _lt("Exact already holds this record."),
    'scope_violated': _lt(
        "The app registration lacks a scope. Add it in the Exact App Center, then connect again.",
    ),
    'division_not_accessible': _lt(
        "The licence of the administration does not include this. Ask Exact to add it.",
    ),
    'not_base64': _lt("Exact could not read the attachment. Send the document without it."),
    'opening_balance': _lt(
        "The opening balance and the lines do not add up to the closing balance.",
    ),
    'webhook_callback': _lt(
        "Exact cannot reach this Odoo from the internet. Payments and changes come in by the "
        "schedule.",
    ),
    'financial_year': _lt(
        "The financial year of an entry cannot change in Exact. Undo the export and export again.",
    ),
    'binding_new_entities': _lt(
        "Exact does not take new lines this way. Undo the export and export again.",
    ),
}

# What happened to a call, and what Odoo does about it
ERRORS = {
    'too_slow': _lt(
        "Exact's answer about %(resource)s did not come to an end in time and was broken off. Odoo "
        "tries again by itself; everything else goes on.",
    ),
    'too_large': _lt(
        "Exact's answer about %(resource)s is larger than any answer can be and was not read. Odoo "
        "tries again by itself; everything else goes on. If it lasts, report it.",
    ),
    'endless': _lt(
        "Exact's pages of %(resource)s have no end: they bring nothing new. Reading them was "
        "stopped; what came so far is kept. Odoo tries again by itself; everything else goes on. "
        "If it lasts, report it.",
    ),
    'too_early': _lt(
        "Exact is asked to wait a moment before the tokens are renewed. Try again in half a "
        "minute.",
    ),
    'limit_day': _lt(
        "Today's calls to Exact for this administration are used up. Odoo goes on by itself at "
        "%(time)s.",
    ),
    'limit_error_fuse': _lt(
        "Exact refused several requests of this kind within an hour. Odoo pauses them until "
        "%(time)s, before Exact locks them. Fix what was refused meanwhile.",
    ),
    'limit_ill': _lt(
        "Exact fails at this itself, whatever is asked. Odoo looks what became of it and goes on "
        "by itself at %(time)s.",
    ),
    'limit_token': _lt(
        "The connection has no token that Exact accepts at the moment. Odoo asks for a new one by "
        "itself at %(time)s.",
    ),
    'limit_minute': _lt(
        "Exact takes 60 calls a minute for an administration, and they are used up. Odoo goes on "
        "by itself at %(time)s.",
    ),
    'scope_missing': _lt(
        "The app may not do this in Exact: the scope %(scope)s is missing. Add it to the app "
        "registration in the Exact App Center, then connect again.",
    ),
    'right_missing': _lt(
        "The Exact user may not do this (%(resource)s). Give the user the right in Exact, or check "
        "that the licence of the administration includes it.",
    ),
    'not_found': _lt("Exact does not have this record any more: %(resource)s."),
    'no_edition': _lt("The edition of this administration does not have this."),
    'refused': _lt("Exact refused this. Exact says: %(words)s"),
    'refused_kind': _lt("%(what_to_do)s Exact says: %(words)s"),
    'not_exact': _lt(
        "Something between Odoo and Exact answered in Exact's place (HTTP %(status)s): a proxy, a "
        "firewall or a gateway. Whether Exact did it is looked up before it is asked again.",
    ),
    'answer_lost': _lt(
        "Exact's answer was lost on the way, so nobody knows whether it did what was asked. Odoo "
        "looks it up before anything is sent again.",
    ),
    'unreachable': _lt(
        "Exact cannot be reached at the moment. Nothing was sent; Odoo tries again by itself. If "
        "it lasts, check the internet connection of the server.",
    ),
    'busy': _lt("Exact is busy or disturbed at the moment. Odoo tries again by itself."),
    'not_now': _lt(
        "Exact cannot be reached, or is disturbed, at the moment. Nothing was changed; try again "
        "in a few minutes.",
    ),
    'malformed': _lt(
        "Exact answered with something that Odoo does not understand. Odoo tries again by itself; "
        "if it lasts, report it with the time of this message.",
    ),
    'other': _lt("Exact reported an error: %(words)s"),
    'sync_crashed': _lt(
        "Odoo failed at this; the server log tells why. It is tried again in an hour.",
    ),
}

# What an attempt did
ATTEMPTS = {
    'due': _lt("%(amount)s on %(date)s"),
    'no_entry': _lt("Exact answered without an entry."),
    'not_there': _lt("Not in Exact."),
    'may_be_known': _lt("Exact has a relation that it may be: it is checked anew."),
    'file_not_there': _lt("Exact took %(name)s and does not show it; it is brought once more."),
    'file_still_there': _lt("Exact said that it deleted it, and still has it. Delete it there."),
    'still_there': _lt("Exact's books still show the entry: it is deleted once more."),
    'deleted_anew': _lt("Deleted, to be booked anew."),
    'entry': _lt("entry %(number)s of %(date)s, %(amount)s"),
    'difference': _lt("%(field)s: %(found)s, in Odoo %(meant)s"),
    'linked': _lt("Linked to entry %(number)s by %(user)s. %(differences)s"),
}

# The families of notes, see `exact_note`
NOTES = {
    'connection': REASONS, 'division': DIVISION_REASONS, 'kind': KINDS, 'error': ERRORS,
    'attempt': ATTEMPTS, 'hold': HOLD_REASONS, 'status': STATUS, 'changed': CHANGED,
}
