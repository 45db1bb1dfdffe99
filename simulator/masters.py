"""Rules of master data: relations, bank accounts, documents and the simple tables."""

import re
import uuid

from .messages import refuse
from .views import deleted_row

#: numbers of sync/Deleted (fact sheet 3.6); tables without a number leave no trace there
ENTITY_TYPES = {
    'TransactionLines': 1,
    'Accounts': 2,
    'Addresses': 3,
    'DocumentAttachments': 4,
    'Contacts': 5,
    'Documents': 6,
    'GLAccounts': 7,
    'Items': 9,
    'PaymentTerms': 10,
    'Projects': 21,
}
#: longest text per property; assumptions, except Code widths named in the fact sheet
LENGTHS = {
    'YourRef': 30,
    'Description': 60,
    'Subject': 100,
    'Name': 50,
    'Code': 20,
    'FileName': 250,
    'PaymentReference': 50,
    'AddressLine1': 100,
    'AddressLine2': 100,
    'AddressLine3': 100,
    'City': 50,
    'Postcode': 50,
    'Email': 255,
    'Phone': 50,
    'Website': 100,
    'VATNumber': 30,
    'ChamberOfCommerce': 40,
}
VAT_NUMBERS = {
    'NL': r'NL\d{9}B\d{2}',
    'BE': r'BE[01]?\d{9}',
    'DE': r'DE\d{9}',
    'FR': r'FR[0-9A-Z]{2}\d{9}',
    'GB': r'GB(\d{9}|\d{12})',
    'ES': r'ES[0-9A-Z]\d{7}[0-9A-Z]',
    'AT': r'ATU\d{8}',
    'IT': r'IT\d{11}',
}
MAX_ATTACHMENT = 25 * 1024 * 1024


def new_id():
    return str(uuid.uuid4())


def normalise_vat(number):
    return re.sub(r'[^0-9A-Z]', '', (number or '').upper())


def iban_is_valid(text):
    """Whether the ISO 13616 check digits fit."""
    text = re.sub(r'\s', '', text).upper()
    if not re.fullmatch(r'[A-Z]{2}\d{2}[A-Z0-9]{10,30}', text):
        return False
    digits = ''.join(str(int(letter, 36)) for letter in text[4:] + text[:4])
    return int(digits) % 97 == 1


class Rule:
    """Insert, change and delete for one table; subclasses add what Exact checks.

    :param references: {property: (table, silently dropped when unknown)}
    """

    table = ''
    unique = ()
    references = {}
    used_by = ()

    def __init__(self, store, switches, clock):
        self.store, self.switches, self.clock = store, switches, clock

    def create(self, call, values):
        values = dict(values)
        self.check_lengths(values)
        self.check_references(call, values)
        self.defaults(call, values)
        self.check(call, values, None)
        self.check_unique(call, values, None)
        now = self.clock.wall()
        row = {
            **values,
            'ID': new_id(),
            'Created': now,
            'Modified': now,
            'Creator': call.user['ID'],
            'Modifier': call.user['ID'],
        }
        row = self.store.put(self.table, call.division, row)
        self.after(call, row)
        return row

    def update(self, call, row, values):
        values = dict(values)
        values.pop('ID', None)
        self.check_lengths(values)
        self.check_references(call, values)
        for name in self.unique:
            if (
                name in values
                and self.same(values[name], row.get(name))
                and self.switches.put_unchanged == 'refuse'
            ):
                refuse('exists', name)
        self.check(call, {**row, **values}, row)
        self.check_unique(call, values, row)
        row = self.store.put(
            self.table,
            call.division,
            {**row, **values, 'Modified': self.clock.wall(), 'Modifier': call.user['ID']},
        )
        self.after(call, row)

    def delete(self, call, row):
        for table, name in self.used_by:
            if self.store.by(
                table, call.division, name, row.get('Code') if name in BY_CODE else row['_key']
            ):
                refuse('used_in_entries')
        self.remove(call, row)

    def remove(self, call, row):
        self.store.drop(self.table, call.division, row['_key'])
        if self.table in ENTITY_TYPES:
            deleted_row(self.store, call, row['_key'], ENTITY_TYPES[self.table])

    # === hooks === #

    def defaults(self, call, values):
        """Fill in what Exact fills in on a POST."""

    def check(self, call, values, old):
        """Refuse what Exact refuses; ``old`` is None on a POST."""

    def after(self, call, row):
        """Follow-up writes."""

    # === checks === #

    def check_lengths(self, values):
        if not self.switches.lengths:
            return
        for name, value in values.items():
            limit = LENGTHS.get(name)
            if limit and isinstance(value, str) and len(value) > limit:
                refuse('too_long', name, extra=f'max. {limit}')

    def check_references(self, call, values):
        for name, table in self.references.items():
            value = values.get(name)
            if value and self.store.get(table, call.division, value) is None:
                if name in self.switches.silent_drop:
                    values[name] = None
                else:
                    refuse('reference', name)

    @staticmethod
    def same(one, two):
        return (
            isinstance(one, str)
            and isinstance(two, str)
            and one.strip().casefold() == two.strip().casefold()
        )

    def check_unique(self, call, values, old):
        for name in self.unique:
            value = values.get(name)
            if value in (None, ''):
                continue
            for row in self.store.by(self.table, call.division, name, value):
                if old is None or row['_key'] != old['_key']:
                    refuse('exists', name)


BY_CODE = ('VATCode', 'PaymentCondition', 'CostCenter', 'CostUnit', 'JournalCode')


class Simple(Rule):
    """A table with nothing but unique codes."""

    def __init__(
        self,
        store,
        switches,
        clock,
        table,
        unique=('Code',),
        references=None,
        used_by=(),
        defaults=None,
    ):
        super().__init__(store, switches, clock)
        self.table, self.unique = table, unique
        self.references = references or {}
        self.used_by = used_by
        self._defaults = defaults or {}

    def defaults(self, call, values):
        for name, value in self._defaults.items():
            if values.get(name) is None:
                values[name] = value


class Accounts(Rule):
    """Relations. Status C makes a customer, IsSupplier a supplier (fact sheet 4.5, 4.6)."""

    table = 'Accounts'
    unique = ('Code',)
    references = {
        'GLAR': 'GLAccounts',
        'GLAP': 'GLAccounts',
        'GLAccountSales': 'GLAccounts',
        'GLAccountPurchase': 'GLAccounts',
        'Parent': 'Accounts',
        'InvoiceAccount': 'Accounts',
        'MainContact': 'Contacts',
    }
    used_by = (('TransactionLines', 'Account'),)

    def defaults(self, call, values):
        if values.get('Status') is None:
            values['Status'] = 'A'
        for name in ('IsSupplier', 'Blocked'):
            if values.get(name) is None:
                values[name] = False
        values['Type'] = 'A'
        if not values.get('Country'):
            values['Country'] = (self.store.get('Divisions', 0, str(call.division)) or {}).get(
                'Country', 'NL'
            )
        if not (values.get('Code') or '').strip():
            number = self.store.next_number('Accounts', call.division, 40001)
            while self.store.one(self.table, call.division, 'Code', str(number)):
                number = self.store.next_number('Accounts', call.division, 40001)
            values['Code'] = str(number)

    def update(self, call, row, values):
        if values.get('Code'):
            values['Code'] = values['Code'].strip()
        super().update(call, row, values)

    def create(self, call, values):
        if values.get('Code'):
            values['Code'] = values['Code'].strip()
        return super().create(call, values)

    def check(self, call, values, old):
        code = values.get('Code') or ''
        if not code.isdigit() or len(code) > 18:
            refuse('invalid', 'Code')
        if values.get('Status') not in ('A', 'S', 'P', 'C'):
            refuse('invalid', 'Status')
        country = (values.get('Country') or '').strip()
        if country and not re.fullmatch(r'[A-Z]{2}', country):
            refuse('reference', 'Country')
        values['Country'] = country
        vat = normalise_vat(values.get('VATNumber'))
        if vat:
            pattern = VAT_NUMBERS.get(vat[:2], r'[A-Z]{2}[0-9A-Z]{2,13}')
            if not re.fullmatch(pattern, vat):
                refuse('invalid', 'VATNumber')
        for name in ('PaymentConditionSales', 'PaymentConditionPurchase'):
            code = (values.get(name) or '').strip()
            if code and not self.store.one('PaymentConditions', call.division, 'Code', code):
                refuse('reference', 'PaymentCondition')
            if code:
                values[name] = code

    def after(self, call, row):
        if not (row.get('AddressLine1') or row.get('City')):
            return
        main = [
            address
            for address in self.store.by('Addresses', call.division, 'Account', row['ID'])
            if address.get('Main') and address.get('Type') == 1
        ]
        shared = {
            name: row.get(name)
            for name in (
                'AddressLine1',
                'AddressLine2',
                'AddressLine3',
                'City',
                'Postcode',
                'Country',
                'State',
                'Phone',
            )
        }
        if main and all(main[0].get(name) == value for name, value in shared.items()):
            return
        now = self.clock.wall()
        base = (
            main[0]
            if main
            else {
                'ID': new_id(),
                'Account': row['ID'],
                'Type': 1,
                'Main': True,
                'Created': now,
                'Creator': call.user['ID'],
            }
        )
        self.store.put('Addresses', call.division, {**base, **shared, 'Modified': now})

    def delete(self, call, row):
        for name, table in (('Customer', 'SalesEntries'), ('Supplier', 'PurchaseEntries')):
            if self.store.by(table, call.division, name, row['ID']):
                refuse('used_in_entries')
        super().delete(call, row)

    def remove(self, call, row):
        for table in ('Addresses', 'BankAccounts', 'Contacts'):
            for child in self.store.by(table, call.division, 'Account', row['ID']):
                self.store.drop(table, call.division, child['_key'])
                if table in ENTITY_TYPES:
                    deleted_row(self.store, call, child['_key'], ENTITY_TYPES[table])
        super().remove(call, row)


class BankAccounts(Rule):
    """Bank accounts of relations; the first becomes the main one."""

    table = 'BankAccounts'
    references = {'Account': 'Accounts'}

    def defaults(self, call, values):
        others = self.store.by(self.table, call.division, 'Account', values['Account'])
        if values.get('Main') is None:
            values['Main'] = not others
        values['Type'] = 'A'
        if not values.get('BankAccountHolderName'):
            values['BankAccountHolderName'] = self.store.get(
                'Accounts', call.division, values['Account']
            )['Name']

    def check(self, call, values, old):
        number = re.sub(r'[\s.]', '', values.get('BankAccount') or '').upper()
        if not number:
            refuse('mandatory', 'BankAccount')
        if re.match(r'[A-Z]{2}\d{2}', number):
            if not iban_is_valid(number):
                refuse('invalid', 'BankAccountFormat')
            values['IBAN'], values['Format'] = number, 'IBAN'
        else:
            values['IBAN'], values['Format'] = None, None
        values['BankAccount'] = number
        for row in self.store.by(self.table, call.division, 'Account', values['Account']):
            if row['BankAccount'] == number and (old is None or row['_key'] != old['_key']):
                refuse('exists', 'BankAccount')

    def update(self, call, row, values):
        values.pop('Account', None)
        merged = {**row, **values}
        self.check(call, merged, row)
        merged.update(Modified=self.clock.wall(), Modifier=call.user['ID'])
        self.after(call, self.store.put(self.table, call.division, merged))

    def after(self, call, row):
        if row.get('Main'):
            for other in self.store.by(self.table, call.division, 'Account', row['Account']):
                if other['_key'] != row['_key'] and other.get('Main'):
                    self.store.put(self.table, call.division, {**other, 'Main': False})


class Documents(Rule):
    """Documents; attachments are records of their own (fact sheet 4.7)."""

    table = 'Documents'
    references = {'Account': 'Accounts', 'Category': 'DocumentCategories', 'Project': 'Projects'}

    def defaults(self, call, values):
        values['HID'] = self.store.next_number('Documents', call.division, 1)
        if not values.get('DocumentDate'):
            values['DocumentDate'] = self.clock.today()

    def check(self, call, values, old):
        if self.store.get('DocumentTypes', call.division, str(values.get('Type'))) is None:
            refuse('reference', 'Type')

    def after(self, call, row):
        entry = row.get('FinancialTransactionEntryID')
        if not entry:
            return
        for table in ('SalesEntries', 'PurchaseEntries'):
            header = self.store.get(table, call.division, entry)
            if header is not None and not header.get('Document'):
                self.store.put(table, call.division, {**header, 'Document': row['ID']})
                for line in self.store.by('TransactionLines', call.division, 'EntryID', entry):
                    self.store.put(
                        'TransactionLines', call.division, {**line, 'Document': row['ID']}
                    )

    def remove(self, call, row):
        for attachment in self.store.by(
            'DocumentAttachments', call.division, 'Document', row['ID']
        ):
            self.store.drop('DocumentAttachments', call.division, attachment['_key'])
            self.store.put_blob(attachment['_key'], None)
            deleted_row(self.store, call, attachment['_key'], ENTITY_TYPES['DocumentAttachments'])
        for table in ('SalesEntries', 'PurchaseEntries'):
            for header in self.store.by(table, call.division, 'Document', row['ID']):
                self.store.put(table, call.division, {**header, 'Document': None})
        super().remove(call, row)


class DocumentAttachments(Rule):
    """Files; base64 in the body, at most 25 MB, no PUT."""

    table = 'DocumentAttachments'
    references = {'Document': 'Documents'}

    def create(self, call, values):
        if self.store.get('Documents', call.division, values['Document']) is None:
            refuse('reference', 'Document')
        content = values.pop('Attachment')
        if len(content) > MAX_ATTACHMENT:
            refuse('attachment_size')
        row = super().create(call, {**values, 'FileSize': float(len(content))})
        self.store.put_blob(row['ID'], content)
        return row

    def remove(self, call, row):
        super().remove(call, row)
        self.store.put_blob(row['ID'], None)


class VATCodes(Simple):
    """VAT codes with their percentages over time."""

    def create(self, call, values):
        percentages = values.pop('VATPercentages', None) or []
        row = super().create(call, values)
        for number, line in enumerate(percentages, 1):
            self.store.put(
                'VatPercentages',
                call.division,
                {
                    'StartDate': '2000-01-01',
                    'Type': 0,
                    **line,
                    'ID': new_id(),
                    'VATCodeID': row['ID'],
                    'LineNumber': number,
                    'Created': row['Created'],
                    'Modified': row['Modified'],
                },
            )
        current = percentages[-1].get('Percentage') if percentages else 0.0
        return self.store.put(self.table, call.division, {**row, 'Percentage': current})


class Divisions(Rule):
    table = 'Divisions'

    def delete(self, call, row):
        refuse('not_allowed', 'Division')


class PaymentTerms(Rule):
    """Receivables and Payments take a PUT of description, method and reference only."""

    table = 'PaymentTerms'


def build_rules(store, switches, clock):
    """{table: rule} for all master data tables."""
    shared = (store, switches, clock)
    return {
        'Accounts': Accounts(*shared),
        'BankAccounts': BankAccounts(*shared),
        'Documents': Documents(*shared),
        'DocumentAttachments': DocumentAttachments(*shared),
        'VATCodes': VATCodes(
            *shared,
            'VATCodes',
            references={'GLToPay': 'GLAccounts', 'GLToClaim': 'GLAccounts'},
            used_by=(('TransactionLines', 'VATCode'),),
            defaults={
                'Type': 'E',
                'VATTransactionType': 'B',
                'Charged': False,
                'IsBlocked': False,
                'EUSalesListing': 'N',
            },
        ),
        'Divisions': Divisions(*shared),
        'PaymentTerms': PaymentTerms(*shared),
        'Addresses': Simple(
            *shared,
            'Addresses',
            unique=(),
            references={'Account': 'Accounts'},
            defaults={'Type': 1, 'Main': False},
        ),
        'Contacts': Simple(*shared, 'Contacts', unique=(), references={'Account': 'Accounts'}),
        'GLAccounts': Simple(
            *shared,
            'GLAccounts',
            used_by=(('TransactionLines', 'GLAccount'),),
            defaults={
                'Type': 121,
                'BalanceType': 'W',
                'BalanceSide': 'D',
                'IsBlocked': False,
                'UseCostcenter': 0,
                'UseCostunit': 0,
                'Matching': False,
            },
        ),
        'Journals': Simple(
            *shared,
            'Journals',
            references={'GLAccount': 'GLAccounts'},
            used_by=(('TransactionLines', 'JournalCode'),),
            defaults={
                'Type': 90,
                'Currency': 'EUR',
                'IsBlocked': False,
                'AllowVAT': True,
                'AllowVariableCurrency': True,
                'AllowVariableExchangeRate': True,
            },
        ),
        'PaymentConditions': Simple(
            *shared,
            'PaymentConditions',
            defaults={'PaymentDays': 0, 'PaymentEndOfMonths': 0, 'PaymentMethod': 'B'},
        ),
        'Costcenters': Simple(*shared, 'Costcenters', defaults={'Active': True}),
        'Costunits': Simple(*shared, 'Costunits'),
        'Projects': Simple(*shared, 'Projects', references={'Account': 'Accounts'}),
        'Items': Simple(
            *shared, 'Items', references={'GLRevenue': 'GLAccounts', 'GLCosts': 'GLAccounts'}
        ),
        'ExchangeRates': Simple(
            *shared, 'ExchangeRates', unique=(), defaults={'TargetCurrency': 'EUR'}
        ),
    }
