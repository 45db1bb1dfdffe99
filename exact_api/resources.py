"""Which rights the app registration needs, and for what.

Scopes as the vendor's reference names them per resource (D); each is granted as read or manage in
the App Center. A missing one shows as HTTP 403 with "Application Scope Violated" (O).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Need:
    """One resource that the program uses.

    :param str resource: path below the division
    :param str scope: e.g. 'financial accounting'; '' where the reference names none
    :param str level: 'read' or 'manage'
    :param str without: what does not work without it, as a code
    :param str key: a property that a cheap GET selects; '' where Exact demands a filter (D)
    """

    resource: str
    scope: str
    level: str
    without: str
    key: str = ''


_ACCOUNTING = 'financial accounting'
_LEDGERS = 'financial generalledgers'
_CASHFLOW = 'financial cashflow'
_RELATIONS = 'crm accounts'
_DOCUMENTS = 'organization documents'
_ADMINISTRATION = 'organization administration'

NEEDS = (
    Need('current/Me', '', 'read', 'everything', 'UserID'),
    Need('system/Divisions', _ADMINISTRATION, 'read', 'divisions', 'Code'),
    Need('hrm/Divisions', '', 'read', 'divisions', 'Code'),
    # Master data
    Need('financial/GLAccounts', _LEDGERS, 'read', 'ledger_accounts', 'ID'),
    Need('sync/Financial/GLAccounts', _LEDGERS, 'read', 'ledger_accounts', 'Timestamp'),
    Need('financial/Journals', _LEDGERS, 'read', 'journals', 'ID'),
    Need('vat/VATCodes', _ACCOUNTING, 'read', 'vat_codes', 'ID'),
    Need('vat/VatPercentages', _ACCOUNTING, 'read', 'vat_codes', 'ID'),
    Need('financial/FinancialPeriods', _ACCOUNTING, 'read', 'periods', 'ID'),
    Need('read/financial/JournalStatusList', _ACCOUNTING, 'read', 'periods', 'Journal'),
    Need('cashflow/PaymentConditions', _CASHFLOW, 'read', 'payment_conditions', 'ID'),
    Need('hrm/Costcenters', 'financial costcenters', 'read', 'cost_centers', 'ID'),
    Need('hrm/Costunits', 'financial costcenters', 'read', 'cost_units', 'ID'),
    Need('project/Projects', 'projects projects', 'read', 'projects', 'ID'),
    Need('sync/Project/Projects', 'projects projects', 'read', 'projects', 'Timestamp'),
    Need('logistics/ItemGroups', 'logistics items', 'read', 'items', 'ID'),
    Need('sync/Logistics/Items', 'logistics items', 'read', 'items', 'Timestamp'),
    Need('general/Currencies', 'financial currencies', 'read', 'currencies', 'Code'),
    Need('financial/ExchangeRates', 'financial currencies', 'read', 'currencies', 'ID'),
    # Relations
    Need('crm/Accounts', _RELATIONS, 'manage', 'relations'),
    Need('sync/CRM/Accounts', _RELATIONS, 'read', 'relations', 'Timestamp'),
    Need('crm/BankAccounts', _RELATIONS, 'manage', 'relations', 'ID'),
    # Entries
    Need('salesentry/SalesEntries', _ACCOUNTING, 'manage', 'sales_entries', 'EntryID'),
    Need('salesentry/SalesEntryLines', _ACCOUNTING, 'manage', 'sales_entries', 'ID'),
    Need('purchaseentry/PurchaseEntries', _ACCOUNTING, 'manage', 'purchase_entries', 'EntryID'),
    Need('purchaseentry/PurchaseEntryLines', _ACCOUNTING, 'manage', 'purchase_entries', 'ID'),
    Need(
        'generaljournalentry/GeneralJournalEntries', _ACCOUNTING, 'manage', 'general_entries',
        'EntryID',
    ),
    Need('financialtransaction/TransactionLines', _ACCOUNTING, 'read', 'verification'),
    Need('bulk/Financial/TransactionLines', _ACCOUNTING, 'read', 'verification'),
    Need('sync/Financial/TransactionLines', _ACCOUNTING, 'read', 'verification', 'Timestamp'),
    Need('read/sync/Sync/SyncTimestamp', '', 'read', 'verification'),
    # Documents
    Need('documents/DocumentTypes', _DOCUMENTS, 'read', 'documents', 'ID'),
    Need('documents/Documents', _DOCUMENTS, 'manage', 'documents', 'ID'),
    Need('documents/DocumentAttachments', _DOCUMENTS, 'manage', 'documents', 'ID'),
    # What comes back
    Need('sync/Cashflow/PaymentTerms', _CASHFLOW, 'read', 'payments', 'Timestamp'),
    Need('read/financial/ReceivablesList', 'financial receivables', 'read', 'payments', 'HID'),
    Need('read/financial/PayablesList', 'financial payables', 'read', 'payments', 'HID'),
    Need('sync/Deleted', _ADMINISTRATION, 'read', 'deletions', 'Timestamp'),
    Need('webhooks/WebhookSubscriptions', _ADMINISTRATION, 'manage', 'webhooks', 'ID'),
)


def scopes():
    """Return {scope: level} of the app registration, 'manage' where any resource needs it."""
    levels = {}
    for need in NEEDS:
        if need.scope and levels.get(need.scope) != 'manage':
            levels[need.scope] = need.level
    return levels


def probes():
    """Return one need per scope that a cheap GET can try: reading leaves no trace in the books.

    Whether a scope that was granted for reading is granted for managing shows at the first write.
    """
    chosen = {}
    for need in NEEDS:
        if need.scope and need.key and not need.resource.startswith('sync/'):
            chosen.setdefault(need.scope, need)
    return tuple(chosen.values())
