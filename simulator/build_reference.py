"""Make ``reference.json``, the simulator's table of endpoints, from the public reference of the
REST API.

usage: python build_reference.py rest_reference.json

Only the endpoints that the simulator offers are kept, and per property only what the engine needs:
type, allowed operations, mandatory, filter and webhook flags, primary key. The result is data
(facts); no rule of the simulator is written there.
"""

import argparse
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent

#: resource path below the division -> name of the entity in ``__metadata.type``
OFFERED = {
    'current/Me': 'Exact.Web.Api.System.Me',
    'system/Divisions': 'Exact.Web.Api.System.Division',
    'hrm/Divisions': 'Exact.Web.Api.Models.HRM.Division',
    'crm/Accounts': 'Exact.Web.Api.Models.Account',
    'crm/Addresses': 'Exact.Web.Api.Models.Address',
    'crm/BankAccounts': 'Exact.Web.Api.Models.BankAccount',
    'crm/Contacts': 'Exact.Web.Api.Models.Contact',
    'financial/GLAccounts': 'Exact.Web.Api.Models.GLAccount',
    'financial/Journals': 'Exact.Web.Api.Models.Financial.Journal',
    'financial/FinancialPeriods': 'Exact.Web.Api.Models.Financial.FinancialPeriod',
    'financial/ExchangeRates': 'Exact.Web.Api.Models.Financial.ExchangeRate',
    'general/Currencies': 'Exact.Web.Api.Models.General.Currency',
    'vat/VATCodes': 'Exact.Web.Api.Models.VAT.VATCode',
    'vat/VatPercentages': 'Exact.Web.Api.Models.VAT.VatPercentage',
    'cashflow/PaymentConditions': 'Exact.Web.Api.Models.Cashflow.PaymentCondition',
    'cashflow/Receivables': 'Exact.Web.Api.Models.Cashflow.Receivable',
    'cashflow/Payments': 'Exact.Web.Api.Models.Cashflow.Payment',
    'hrm/Costcenters': 'Exact.Web.Api.Models.HRM.Costcenter',
    'hrm/Costunits': 'Exact.Web.Api.Models.HRM.Costunit',
    'project/Projects': 'Exact.Web.Api.Models.Project.Project',
    'logistics/Items': 'Exact.Web.Api.Models.Item',
    'logistics/ItemGroups': 'Exact.Web.Api.Models.Logistics.ItemGroup',
    'documents/Documents': 'Exact.Web.Api.Models.Document',
    'documents/DocumentAttachments': 'Exact.Web.Api.Models.DocumentAttachment',
    'documents/DocumentTypes': 'Exact.Web.Api.Models.DocumentType',
    'documents/DocumentCategories': 'Exact.Web.Api.Models.DocumentCategory',
    'salesentry/SalesEntries': 'Exact.Web.Api.Models.SalesEntry',
    'salesentry/SalesEntryLines': 'Exact.Web.Api.Models.SalesEntryLine',
    'purchaseentry/PurchaseEntries': 'Exact.Web.Api.Models.PurchaseEntry',
    'purchaseentry/PurchaseEntryLines': 'Exact.Web.Api.Models.PurchaseEntryLine',
    'generaljournalentry/GeneralJournalEntries': 'Exact.Web.Api.Models.GeneralJournalEntry',
    'generaljournalentry/GeneralJournalEntryLines': 'Exact.Web.Api.Models.GeneralJournalEntryLine',
    'financialtransaction/BankEntries': 'Exact.Web.Api.Models.BankEntry',
    'financialtransaction/BankEntryLines': 'Exact.Web.Api.Models.BankEntryLine',
    'financialtransaction/CashEntries': 'Exact.Web.Api.Models.CashEntry',
    'financialtransaction/CashEntryLines': 'Exact.Web.Api.Models.CashEntryLine',
    'financialtransaction/TransactionLines': 'Exact.Web.Api.Models.TransactionLine',
    'read/financial/JournalStatusList': 'Exact.Web.Api.Models.Financial.JournalStatus',
    'read/financial/ReceivablesList': 'Exact.Web.Api.Models.Financial.Receivable',
    'read/financial/PayablesList': 'Exact.Web.Api.Models.Financial.Payable',
    'read/sync/Sync/SyncTimestamp': 'Exact.Web.Api.Models.Sync.SyncTimestamp',
    'webhooks/WebhookSubscriptions': 'Exact.Web.Api.Models.WebhookSubscription',
    'bulk/Cashflow/Payments': 'Exact.Web.Api.Models.Cashflow.Payment',
    'bulk/Cashflow/Receivables': 'Exact.Web.Api.Models.Cashflow.Receivable',
    'bulk/CRM/Accounts': 'Exact.Web.Api.Models.Account',
    'bulk/CRM/Addresses': 'Exact.Web.Api.Models.Address',
    'bulk/CRM/Contacts': 'Exact.Web.Api.Models.Contact',
    'bulk/Documents/Documents': 'Exact.Web.Api.Models.Document',
    'bulk/Documents/DocumentAttachments': 'Exact.Web.Api.Models.DocumentAttachment',
    'bulk/Financial/GLAccounts': 'Exact.Web.Api.Models.GLAccount',
    'bulk/Financial/TransactionLines': 'Exact.Web.Api.Models.TransactionLine',
    'bulk/Logistics/Items': 'Exact.Web.Api.Models.Item',
    'sync/Cashflow/PaymentTerms': 'Exact.Web.Api.Models.Sync.Cashflow.PaymentTerm',
    'sync/CRM/Accounts': 'Exact.Web.Api.Models.Sync.CRM.Account',
    'sync/CRM/Addresses': 'Exact.Web.Api.Models.Sync.CRM.Address',
    'sync/CRM/Contacts': 'Exact.Web.Api.Models.Sync.CRM.Contact',
    'sync/Deleted': 'Exact.Web.Api.Models.Sync.Deleted',
    'sync/Documents/Documents': 'Exact.Web.Api.Models.Sync.Documents.Document',
    'sync/Documents/DocumentAttachments': 'Exact.Web.Api.Models.Sync.Documents.DocumentAttachment',
    'sync/Financial/GLAccounts': 'Exact.Web.Api.Models.Sync.Financial.GLAccount',
    'sync/Financial/TransactionLines': 'Exact.Web.Api.Models.Sync.Financial.TransactionLine',
    'sync/Financial/SalesEntries': 'Exact.Web.Api.Models.Sync.Financial.SalesEntry',
    'sync/Financial/PurchaseEntries': 'Exact.Web.Api.Models.Sync.Financial.PurchaseEntry',
    'sync/Logistics/Items': 'Exact.Web.Api.Models.Sync.Logistics.Item',
    'sync/Project/Projects': 'Exact.Web.Api.Models.Sync.Project.Project',
}

#: the reference lists no scope for these; taken from their single siblings
SCOPES = {
    'hrm/Divisions': '',
    'sync/Financial/SalesEntries': 'Financial accounting',
    'sync/Financial/PurchaseEntries': 'Financial accounting',
    'bulk/CRM/Accounts': 'Crm accounts',
    'bulk/CRM/Addresses': 'Crm accounts',
    'bulk/CRM/Contacts': 'Crm accounts',
    'bulk/Documents/Documents': 'Organization documents',
    'bulk/Documents/DocumentAttachments': 'Organization documents',
    'bulk/Financial/GLAccounts': 'Financial generalledgers',
    'bulk/Logistics/Items': 'Logistics items',
}


def real_types(endpoints):
    """Types of properties by name, from the endpoints where the reference knows them surely."""
    types = {}
    for endpoint in endpoints:
        for prop in endpoint.get('properties', []):
            if not prop['t'].endswith('?'):
                types.setdefault(prop['n'], prop['t'])
    return types


def build(source):
    """Return the table: {resource: {'kind', 'methods', 'scope', 'type', 'filter_restricted',
    'properties'}}.
    """
    offered = {}
    types = {}
    for endpoint in source['endpoints']:
        path = endpoint['uri'].replace('/api/v1/{division}/', '').replace('/api/v1/', '')
        if path in OFFERED and path not in offered:
            offered[path] = endpoint
    types = real_types(
        offered[path]
        for path in (
            'financialtransaction/TransactionLines',
            'salesentry/SalesEntries',
            'purchaseentry/PurchaseEntries',
            'documents/Documents',
            'crm/Accounts',
        )
    )
    missing = set(OFFERED) - set(offered)
    if missing:
        raise SystemExit(f'not in the reference: {sorted(missing)}')
    table = {}
    for path in sorted(offered):
        endpoint = offered[path]
        properties = {}
        for prop in endpoint.get('properties', []):
            kept = {'t': prop['t']}
            if kept['t'].endswith('?'):
                kept['t'] = types.get(prop['n'], kept['t'].rstrip('?'))
            if prop['n'] == 'Timestamp':
                kept['t'] = 'Int64'
            if 'ops' in prop:
                kept['ops'] = prop['ops'].rstrip('?')
            for flag in ('pk', 'm', 'flt', 'wh'):
                if prop.get(flag):
                    kept[flag] = 1
            properties[prop['n']] = kept
        table[path] = {
            'kind': endpoint['kind'],
            'methods': endpoint.get('methods') or ['GET'],
            'scope': SCOPES.get(path, endpoint.get('scope') or ''),
            'type': OFFERED[path],
            'filter_restricted': int(bool(endpoint.get('filter_restricted'))),
            'properties': properties,
        }
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('reference', help='rest_reference.json')
    parser.add_argument('--output', default=HERE / 'reference.json')
    args = parser.parse_args()
    source = json.loads(pathlib.Path(args.reference).read_text(encoding='utf-8'))
    table = build(source)
    lines = ['{']
    for number, (path, endpoint) in enumerate(table.items()):
        head = {key: value for key, value in endpoint.items() if key != 'properties'}
        lines.append(f' {json.dumps(path)}: {{')
        lines.extend(f'  {json.dumps(key)}: {json.dumps(value)},' for key, value in head.items())
        lines.append('  "properties": {')
        props = [
            f'   {json.dumps(name)}: {json.dumps(prop)}'
            for name, prop in endpoint['properties'].items()
        ]
        lines.append(',\n'.join(props))
        lines.append('  }')
        lines.append(' }' + (',' if number < len(table) - 1 else ''))
    lines.append('}')
    pathlib.Path(args.output).write_text('\n'.join(lines) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
