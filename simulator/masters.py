"""What all rules of master data share, and the tables with nothing but unique codes."""

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


def new_id():
    return str(uuid.uuid4())


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
