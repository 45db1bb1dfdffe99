"""Relations and their bank accounts: what Exact checks and fills in."""

import re

from .identifiers import email_is_valid, iban_is_valid, normalise_vat, vat_is_valid
from .masters import ENTITY_TYPES, Rule, new_id
from .messages import refuse
from .views import deleted_row


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
        # what is there already is not looked at again
        old = old or {}
        vat = normalise_vat(values.get('VATNumber'))
        if vat and values['VATNumber'] != old.get('VATNumber'):
            unwanted = {normalise_vat(number) for number in self.switches.vat_refused}
            if vat in unwanted or not vat_is_valid(vat, self.switches.vat_numbers):
                refuse('invalid', 'VATNumber')
        email = values.get('Email')
        if email and email != old.get('Email') and self.switches.email:
            if not email_is_valid(email):
                refuse('invalid', 'Email')
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
