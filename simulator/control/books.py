"""People working inside Exact: closing a period, processing, changing and deleting entries."""

from .. import seed
from ..ledger import BY_HEADER
from ..masters import ENTITY_TYPES
from ..views import deleted_row
from .error import ControlError


class Books:
    """Actions of :class:`~.control.Control`."""

    def do_close_period(self, year, period=None, journal=None, division=seed.MAIN, closed=True):
        """Close (or with ``closed`` false open) a period, all of a year's, for one or all
        journals.
        """
        journals = (
            [journal] if journal else [row['Code'] for row in self.store.all('Journals', division)]
        )
        with self.store.transaction():
            for code in journals:
                for number_ in [period] if period else range(1, 13):
                    key = f'{code}/{year}/{number_}'
                    if closed:
                        self.store.put('_closed', division, {'value': True}, key=key)
                    else:
                        self.store.drop('_closed', division, key)

    def do_add_currency(
        self, code, description=None, precision=0.01, rate=None, division=seed.MAIN
    ):
        """A currency becomes active in the administration, with a rate if one is given."""
        values = {'Code': code, 'Description': description or code, 'AmountPrecision': precision}
        with self.store.transaction():
            self.app.engine.rules['Currencies'].create(self.call(division), values)
            if rate is not None:
                self.app.engine.rules['ExchangeRates'].create(
                    self.call(division),
                    {'SourceCurrency': code, 'Rate': rate, 'StartDate': '2018-01-01'},
                )

    def do_add_year(self, year, division=seed.MAIN):
        """The periods of a financial year that is not there yet, open."""
        first = min(
            (row for row in self.store.all('FinancialPeriods', division) if row['FinPeriod'] == 1),
            key=lambda row: row['FinYear'],
            default={'StartDate': '2018-01-01'},
        )
        seed.periods_of(self.store, division, int(first['StartDate'][5:7]), year)

    def do_remove_year(self, year, division=seed.MAIN):
        """The financial year is unknown from now on."""
        with self.store.transaction():
            for row in self.store.all('FinancialPeriods', division):
                if row['FinYear'] == year:
                    self.store.drop('FinancialPeriods', division, row['_key'])

    def do_link_cost_center(self, code, accounts, division=seed.MAIN):
        """Codes of the G/L accounts that a cost centre may be used with; None = any."""
        row = self.record('Costcenters', code, division)
        links = None if accounts is None else list(accounts)
        self.store.put('Costcenters', division, {**row, '_links': links})

    def do_process_entry(self, entry, division=seed.MAIN):
        """Open entry (20) -> processed (50)."""
        kind, header = self.entry(division, entry)
        with self.store.transaction():
            self.app.ledger.process(self.call(division), kind, header)

    def do_delete_entry(self, entry, division=seed.MAIN, documents=False):
        """A bookkeeper deletes the entry inside Exact, whatever its state."""
        kind, header = self.entry(division, entry)
        call = self.call(division)
        with self.store.transaction():
            self.app.ledger.delete(call, kind, header, force=True)
            document = header.get('Document')
            if documents and document:
                row = self.store.get('Documents', division, document)
                if row:
                    self.app.engine.rules['Documents'].remove(call, row)

    def do_edit_entry(self, entry, division=seed.MAIN, header=None, lines=None):
        """A bookkeeper changes an entry: ``header`` values, ``lines`` {line number: values}."""
        kind, row = self.entry(division, entry)
        call = self.call(division)
        with self.store.transaction():
            if header:
                self.app.ledger.update(call, kind, row, header)
            for position, values in (lines or {}).items():
                for line in self.app.ledger.lines(call, kind, row):
                    if line['LineNumber'] == int(position):
                        self.app.ledger.update_line(call, kind, line, values)

    def do_add_record(self, table, values, division=seed.MAIN):
        """A new master record (``Accounts``, ``GLAccounts`` ...) as Exact would make it; answers
        its ID.
        """
        with self.store.transaction():
            row = self.app.engine.rules[table].create(self.call(division), dict(values))
        return {'ID': row['ID']}

    def do_edit_record(self, table, key, values, division=seed.MAIN):
        """Change a record without any check; ``key`` is an ID or a Code. ``Modified`` is now
        unless it is among the values.
        """
        row = self.record(table, key, division)
        self.store.put(table, division, {**row, 'Modified': self.app.clock.wall(), **values})

    def do_delete_record(self, table, key, division=seed.MAIN):
        """Remove a record without any check; leaves a row in sync/Deleted where the table has a
        number.
        """
        row = self.record(table, key, division)
        with self.store.transaction():
            self.store.drop(table, division, row['_key'])
            if table in ENTITY_TYPES:
                deleted_row(self.store, self.call(division), row['_key'], ENTITY_TYPES[table])

    def record(self, table, key, division):
        row = self.store.get(table, division, key) or self.store.one(table, division, 'Code', key)
        if row is None:
            raise ControlError(f'no {table} {key} in division {division}')
        return row

    def do_add_entry(self, kind, values, division=seed.MAIN, user='emma'):
        """A bookkeeper, who is not the user that apps work as, books an entry by hand: kind sale,
        purchase or general, values as in a POST.
        """
        for candidate in BY_HEADER.values():
            if candidate.name == kind:
                with self.store.transaction():
                    row = self.app.ledger.create(self.call(division, user), candidate, values)
                return {'EntryID': row['EntryID'], 'EntryNumber': row['EntryNumber']}
        raise ControlError(f'unknown kind {kind!r}')

    def do_generate_relations(self, count, division=seed.MAIN):
        seed.generate_relations(self.store, count, division)
