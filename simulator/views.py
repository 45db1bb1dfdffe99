"""What each endpoint shows: stored records, records joined from others, and computed lists."""

from .store import stable_guid
from .term_views import PAYMENT, TERM_VALUES, TermViews

#: property -> (reference property, table, looked up by, value) for texts that Exact joins in
JOINS = {
    'AccountCode': ('Account', 'Accounts', 'ID', 'Code'),
    'AccountName': ('Account', 'Accounts', 'ID', 'Name'),
    'AccountCountry': ('Account', 'Accounts', 'ID', 'Country'),
    'CustomerName': ('Customer', 'Accounts', 'ID', 'Name'),
    'SupplierName': ('Supplier', 'Accounts', 'ID', 'Name'),
    'AccountIsSupplier': ('Account', 'Accounts', 'ID', 'IsSupplier'),
    'GLAccountCode': ('GLAccount', 'GLAccounts', 'ID', 'Code'),
    'GLAccountDescription': ('GLAccount', 'GLAccounts', 'ID', 'Description'),
    'GLAccountType': ('GLAccount', 'GLAccounts', 'ID', 'Type'),
    'GLToPayCode': ('GLToPay', 'GLAccounts', 'ID', 'Code'),
    'GLToPayDescription': ('GLToPay', 'GLAccounts', 'ID', 'Description'),
    'GLToClaimCode': ('GLToClaim', 'GLAccounts', 'ID', 'Code'),
    'GLToClaimDescription': ('GLToClaim', 'GLAccounts', 'ID', 'Description'),
    'GLRevenueCode': ('GLRevenue', 'GLAccounts', 'ID', 'Code'),
    'GLRevenueDescription': ('GLRevenue', 'GLAccounts', 'ID', 'Description'),
    'GLCostsCode': ('GLCosts', 'GLAccounts', 'ID', 'Code'),
    'GLCostsDescription': ('GLCosts', 'GLAccounts', 'ID', 'Description'),
    'ProjectCode': ('Project', 'Projects', 'ID', 'Code'),
    'ProjectDescription': ('Project', 'Projects', 'ID', 'Description'),
    'ItemCode': ('Item', 'Items', 'ID', 'Code'),
    'ItemDescription': ('Item', 'Items', 'ID', 'Description'),
    'DocumentNumber': ('Document', 'Documents', 'ID', 'HID'),
    'DocumentSubject': ('Document', 'Documents', 'ID', 'Subject'),
    'CategoryDescription': ('Category', 'DocumentCategories', 'ID', 'Description'),
    'CostCenterDescription': ('CostCenter', 'Costcenters', 'Code', 'Description'),
    'CostUnitDescription': ('CostUnit', 'Costunits', 'Code', 'Description'),
    'VATCodeDescription': ('VATCode', 'VATCodes', 'Code', 'Description'),
    'VATDescription': ('VATCode', 'VATCodes', 'Code', 'Description'),
    'PaymentConditionDescription': ('PaymentCondition', 'PaymentConditions', 'Code', 'Description'),
    'PaymentConditionSalesDescription': (
        'PaymentConditionSales',
        'PaymentConditions',
        'Code',
        'Description',
    ),
    'PaymentConditionPurchaseDescription': (
        'PaymentConditionPurchase',
        'PaymentConditions',
        'Code',
        'Description',
    ),
    'PaymentConditionPaymentMethod': (
        'PaymentCondition',
        'PaymentConditions',
        'Code',
        'PaymentMethod',
    ),
    'CurrencyDescription': ('Currency', 'Currencies', 'Code', 'Description'),
    'SourceCurrencyDescription': ('SourceCurrency', 'Currencies', 'Code', 'Description'),
    'TargetCurrencyDescription': ('TargetCurrency', 'Currencies', 'Code', 'Description'),
}
STATUS_TEXTS = {5: 'Rejected', 20: 'Open', 50: 'Processed'}
TYPE_TEXTS = {
    'SalesEntries': {20: 'Sales entry', 21: 'Sales credit note'},
    'PurchaseEntries': {30: 'Purchase entry', 31: 'Purchase credit note'},
    'GeneralJournalEntries': {10: 'Opening balance', 90: 'Other'},
}
JOURNAL_TYPES = {
    10: 'Cash',
    12: 'Bank',
    16: 'Payment service',
    20: 'Sales',
    21: 'Return invoice',
    22: 'Purchase',
    23: 'Received return invoice',
    90: 'General journal',
}
#: table -> {property that nothing public says is filled: its switch}
MUTED = {
    'TransactionLines': {
        'AmountVATFC': 'ledger_line_vat',
        'AmountVATBaseFC': 'ledger_line_vat',
        'Quantity': 'ledger_quantity',
        'PaymentReference': 'ledger_payment_reference',
    },
    'PaymentTerms': dict.fromkeys(
        (
            'DiscountDueDate',
            'PaymentDaysDiscount',
            'PaymentDiscountPercentage',
            'AmountDiscountDC',
            'AmountDiscountFC',
        ),
        'terms_discount',
    ),
}
VIRTUAL = {
    'current/Me',
    'system/Divisions',
    'hrm/Divisions',
    'read/financial/JournalStatusList',
    'read/financial/ReceivablesList',
    'read/financial/PayablesList',
    'read/sync/Sync/SyncTimestamp',
}
LINE_VIEWS = {
    'sync/Financial/SalesEntries': 'SalesEntries',
    'sync/Financial/PurchaseEntries': 'PurchaseEntries',
}
#: header property shown under another name in the line views
HEADER_NAMES = {
    'ExchangeRate': 'Rate',
    'FinancialYear': 'ReportingYear',
    'FinancialPeriod': 'ReportingPeriod',
}


def journal_closed(store, division, journal, year, period):
    """Whether a period is closed for a journal (JournalStatusList Status 1)."""
    return store.get('_closed', division, f'{journal}/{year}/{period}') is not None


class Views(TermViews):
    """Turns an endpoint into records and a record into the values that a client sees."""

    def __init__(self, store, switches, clock):
        self.store, self.switches, self.clock = store, switches, clock

    def is_virtual(self, endpoint):
        return endpoint.path in VIRTUAL

    def rows(self, call, endpoint, keys=None, *, by=None, after=0):
        """Records of an endpoint.

        :param keys: only these keys, where that is cheap
        :param by: (indexed property, values)
        :param after: for sync endpoints, only higher Timestamps
        """
        path, division = endpoint.path, call.division
        if path in VIRTUAL:
            return self.virtual(call, endpoint)
        if endpoint.kind == 'sync':
            rows = self.store.table(endpoint.table, division).after(after)
            if self.switches.sync_lag:
                visible = self.clock().timestamp() - self.switches.sync_lag
                rows = [row for row in rows if row['_at'] <= visible]
        elif keys is not None:
            rows = [self.store.get(endpoint.table, division, str(key)) for key in keys]
            rows = [row for row in rows if row is not None]
            if not rows and endpoint.key == 'Code':
                rows = self.store.all(endpoint.table, division)
        elif by is not None:
            name, values = by
            rows = [
                row
                for value in values
                for row in self.store.by(endpoint.table, division, name, value)
            ]
        else:
            rows = self.store.all(endpoint.table, division)
        if path == 'sync/Cashflow/PaymentTerms' and self.switches.payment_rows == 'no':
            rows = [row for row in rows if row['TransactionType'] != PAYMENT]
        if endpoint.line_type:
            rows = [row for row in rows if row.get('LineType') == endpoint.line_type]
        return list(rows)

    def virtual(self, call, endpoint):
        path = endpoint.path
        if path == 'current/Me':
            return [self.me(call)]
        if path in ('system/Divisions', 'hrm/Divisions'):
            return self.divisions(call)
        if path == 'read/financial/JournalStatusList':
            return self.journal_statuses(call.division)
        if path == 'read/sync/Sync/SyncTimestamp':
            return self.sync_timestamp(call)
        return self.open_items(call.division, endpoint.line_type)

    def me(self, call):
        user = call.user
        division = self.store.get('Divisions', 0, str(user['CurrentDivision'])) or {}
        values = {name: value for name, value in user.items() if name not in ('divisions',)}
        values.update(
            {
                'UserID': user['ID'],
                'CurrentDivision': user['CurrentDivision'],
                'AccountingDivision': user['CurrentDivision'],
                'DivisionCustomer': division.get('Customer'),
                'DivisionCustomerCode': division.get('CustomerCode'),
                'DivisionCustomerName': division.get('CustomerName'),
                'ServerTime': f'/Date({self.clock.epoch_ms()})/',
                'ServerUtcOffset': self.utc_offset(),
                'Legislation': 1 if division.get('Country') == 'NL' else 2,
            }
        )
        return values

    def utc_offset(self):
        from .clock import DUTCH

        return self.clock().astimezone(DUTCH).utcoffset().total_seconds() / 3600

    def divisions(self, call):
        rows = []
        numbers = call.user['divisions']
        if call.endpoint.path == 'hrm/Divisions':
            # known to give an incomplete list (fact sheet 7, problem 8)
            numbers = numbers[:1]
        for number in numbers:
            row = self.store.get('Divisions', 0, str(number))
            if row is not None:
                rows.append(
                    {**row, 'Current': number == call.user['CurrentDivision'], 'Hid': number}
                )
        return rows

    def journal_statuses(self, division):
        rows = []
        for journal in self.store.all('Journals', division):
            for period in self.store.all('FinancialPeriods', division):
                closed = journal_closed(
                    self.store, division, journal['Code'], period['FinYear'], period['FinPeriod']
                )
                rows.append(
                    {
                        '_key': f"{journal['Code']}/{period['FinYear']}/{period['FinPeriod']}",
                        'Journal': journal['Code'],
                        'JournalDescription': journal['Description'],
                        'JournalType': journal['Type'],
                        'JournalTypeDescription': JOURNAL_TYPES.get(journal['Type'], ''),
                        'Year': period['FinYear'],
                        'Period': period['FinPeriod'],
                        'Status': int(closed),
                        'StatusDescription': 'Closed' if closed else 'Open',
                    }
                )
        rows.sort(key=lambda row: (row['Journal'], row['Year'], row['Period']))
        return rows

    def sync_timestamp(self, call):
        """The Timestamp from which a first run may start: highest one changed before
        ``modified``.
        """
        from .odata import parse_datetime

        text = (call.option('modified') or "datetime'1753-01-01T00:00:00'").strip()
        modified = parse_datetime(text[text.index("'") + 1 : -1] if "'" in text else text)
        name = (call.option('endPoint') or '').strip("'")
        table = {'SalesEntries': 'SalesEntryLines', 'PurchaseEntries': 'PurchaseEntryLines'}.get(
            name.rsplit('/', 1)[-1], name.rsplit('/', 1)[-1]
        )
        stamps = [
            row['Timestamp']
            for row in self.store.all(table, call.division)
            if (row.get('Modified') or '') < modified
        ]
        return [
            {
                '_key': modified,
                'Modified': modified,
                'API': name,
                'TimeStampAsBigInt': max(stamps, default=1),
            }
        ]

    # === values === #

    def value(self, call, endpoint, row, name):
        """One property of a record as a client sees it (before padding)."""
        if endpoint.table in MUTED and name in MUTED[endpoint.table]:
            muted = self.muted(endpoint.table, row, name)
            if muted != 'filled':
                return 0.0 if muted == 'zero' else None
        if endpoint.table == 'PaymentTerms' and endpoint.kind != 'read' and name in TERM_VALUES:
            return self.term_value(endpoint, row, name)
        if name in row:
            value = row[name]
            if value is not None or name not in JOINS:
                return value
        division = call.division
        if name == 'Division':
            return division
        if endpoint.path in LINE_VIEWS:
            return self.line_view(call, endpoint, row, name)
        if name in row:
            return row[name]
        if name in JOINS:
            return self.joined(division, row, name)
        return self.computed(call, endpoint, row, name)

    def joined(self, division, row, name):
        """A text of another record."""
        source, table, by, wanted = JOINS[name]
        target = row.get(source)
        if target is None:
            return None
        found = (
            self.store.get(table, division, target)
            if by == 'ID'
            else self.store.one(table, division, by, target)
        )
        return found.get(wanted) if found else None

    def computed(self, call, endpoint, row, name):
        """A text that Exact makes of codes, None for anything else."""
        division = call.division
        if name == 'JournalDescription':
            journal = self.store.one(
                'Journals', division, 'Code', row.get('Journal') or row.get('JournalCode')
            )
            return journal['Description'] if journal else None
        if name == 'StatusDescription':
            return STATUS_TEXTS.get(row.get('Status'))
        if name == 'TypeDescription':
            if endpoint.table == 'Documents':
                kind = self.store.get('DocumentTypes', division, str(row.get('Type')))
                return kind['Description'] if kind else None
            return TYPE_TEXTS.get(endpoint.table, {}).get(row.get('Type'))
        if name in ('CreatorFullName', 'ModifierFullName'):
            user = self.store.get('_user', 0, row.get(name[:-8]))
            return user['FullName'] if user else None
        if name == 'Url' and endpoint.table == 'DocumentAttachments':
            root = call.base.split('/api/', 1)[0]
            return f"{root}/docs/SysAttachment.aspx?ID={row['ID']}&_Division_={division}"
        if name == 'IsSales' and endpoint.table == 'Accounts':
            return row.get('Status') == 'C'
        return None

    def muted(self, table, row, name):
        """Whether the ledger or a term tells this property: 'filled', 'zero' or 'null'."""
        if name in ('AmountVATFC', 'AmountVATBaseFC') and row.get('_generated'):
            return 'filled'
        return self.switches[MUTED[table][name]]

    def line_view(self, call, endpoint, row, name):
        """A line of sync/Financial/SalesEntries: the entry line with its header's properties."""
        header = self.store.get(LINE_VIEWS[endpoint.path], call.division, row['EntryID']) or {}
        name = HEADER_NAMES.get(name, name)
        if name == 'AmountDC' or name == 'AmountFC':
            return row.get(name)
        if name == 'AmountVATFC':
            return row.get('VATAmountFC')
        if name == 'AmountVATBaseFC':
            return row.get('VATBaseAmountFC')
        if name in row:
            return row[name]
        if name in header:
            return header[name]
        source = {**header, **row}
        if name in ('AccountCode', 'AccountName'):
            source['Account'] = header.get('Customer') or header.get('Supplier')
        joined = self.store.get('Accounts', call.division, source.get('Account'))
        if name == 'AccountCode':
            return joined['Code'] if joined else None
        if name == 'StatusDescription':
            return STATUS_TEXTS.get(header.get('Status'))
        if name in JOINS:
            return self.joined(call.division, source, name)
        if name == 'JournalDescription':
            journal = self.store.one('Journals', call.division, 'Code', header.get('Journal'))
            return journal['Description'] if journal else None
        return None


def deleted_row(store, call, key, entity_type):
    """Put a record for sync/Deleted (fact sheet 3.6)."""
    return store.put(
        'Deleted',
        call.division,
        {
            'ID': stable_guid('deleted', call.division, key, store.last_stamp),
            'EntityKey': key,
            'EntityType': entity_type,
            'DeletedBy': call.user['ID'],
            'DeletedDate': store.clock.wall(),
        },
    )
