"""Documents and their files (fact sheet 4.7)."""

from .masters import ENTITY_TYPES, Rule
from .messages import refuse
from .views import deleted_row

ENTRIES = (
    'SalesEntries',
    'PurchaseEntries',
    'GeneralJournalEntries',
    'BankEntries',
    'CashEntries',
)
MAX_ATTACHMENT = 25 * 1024 * 1024


class Documents(Rule):
    """Documents; attachments are records of their own (fact sheet 4.7)."""

    table = 'Documents'
    references = {'Account': 'Accounts', 'Category': 'DocumentCategories', 'Project': 'Projects'}

    def defaults(self, call, values):
        values['HID'] = self.store.next_number('Documents', call.division, 1)
        if not values.get('DocumentDate'):
            values['DocumentDate'] = self.clock.today()

    def check(self, call, values, old):
        kind = self.store.get('DocumentTypes', call.division, str(values.get('Type')))
        if kind is None:
            refuse('reference', 'Type')
        if old is None and kind.get('DocumentIsCreatable') is False:
            refuse('document_type')

    def after(self, call, row):
        entry = row.get('FinancialTransactionEntryID')
        if not entry:
            return
        for table in ENTRIES:
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
        for table in ENTRIES:
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
        if not content:
            refuse('mandatory', 'Attachment')
        if len(content) > MAX_ATTACHMENT:
            refuse('attachment_size')
        row = super().create(call, {**values, 'FileSize': float(len(content))})
        self.store.put_blob(row['ID'], content)
        return row

    def remove(self, call, row):
        super().remove(call, row)
        self.store.put_blob(row['ID'], None)
