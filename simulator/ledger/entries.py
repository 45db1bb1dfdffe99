"""Entries and lines as they are made, changed and removed; and the rules that the engine calls."""

from ..errors import HttpError
from ..masters import ENTITY_TYPES, new_id
from ..messages import BusinessError, refuse
from ..views import deleted_row
from .bank import BankPayments
from .conditions import Conditions
from .heads import HeaderChecks
from .kinds import BANK, CASH, KINDS
from .lines import LineChecks
from .matching import Matching
from .payment_rows import PaymentRows
from .postings import Postings
from .terms import Terms


class Ledger(
    HeaderChecks, LineChecks, Conditions, Postings, Terms, Matching, BankPayments, PaymentRows
):
    """The rules of all kinds of entries over one store."""

    def __init__(self, store, switches, clock):
        self.store, self.switches, self.clock = store, switches, clock

    # === entries === #

    def create(self, call, kind, values):
        """Book a new entry with its lines; returns the header record."""
        values = dict(values)
        lines = values.pop(kind.collection)
        explicit = values.pop('Type', None)
        values.pop('EntryID', None)
        values.pop('VATAmountFC', None)
        header = {
            **values,
            'EntryID': new_id(),
            'Creator': call.user['ID'],
            'Created': self.clock.wall(),
        }
        self.check_lengths(header)
        self.drop_unknown(call, header)
        problems = []
        journal = self.journal(call, kind, header, problems)
        self.party(call, kind, header, journal, problems)
        if problems:
            raise BusinessError(*problems)
        if kind in (BANK, CASH):
            # the rate stands on the lines; the first one counts (assumption)
            header['ExchangeRate'] = lines[0].get('ExchangeRate')
            header['_closing_given'] = header.get('ClosingBalanceFC')
        self.currency(call, kind, header, journal)
        self.dates(call, kind, header, lines)
        self.periods(call, kind, header, journal)
        self.check_open(call, kind, header)
        header['Status'] = self.switches.entry_status
        header['_explicit'] = explicit if explicit in kind.types else None
        if explicit is not None and explicit not in kind.types:
            refuse('invalid', 'Type')
        self.numbers(call, kind, header, None)
        header['ID'] = header['EntryID']
        problems = []
        checked = []
        for position, line in enumerate(lines, 1):
            try:
                checked.append(self.line(call, kind, header, journal, line, position))
            except BusinessError as error:
                problems.extend(error.messages)
        if problems:
            raise BusinessError(*dict.fromkeys(problems))
        for line in checked:
            self.store.put(kind.lines, call.division, line)
        document = self.store.get('Documents', call.division, header.get('Document'))
        if document is not None and not document.get('FinancialTransactionEntryID'):
            self.store.put(
                'Documents',
                call.division,
                {**document, 'FinancialTransactionEntryID': header['EntryID']},
            )
        row = self.rebuild(call, kind, header)
        self.check_twice(call, kind, row)
        return row

    def update(self, call, kind, header, values):
        """PUT on a header: changed properties only, open entries only."""
        self.check_changeable(call, kind, header)
        if header.get('_payment'):
            # a matched bank entry has actions of its own
            refuse('processed')
        values = dict(values)
        for name in ('EntryID', 'VATAmountFC'):
            values.pop(name, None)
        if values.get(kind.year) and values[kind.year] != header[kind.year]:
            refuse('year_fixed')
        self.check_lengths(values)
        if 'EntryNumber' in values:
            if values['EntryNumber'] == header['EntryNumber']:
                if self.switches.put_unchanged == 'refuse':
                    refuse('in_use', 'EntryNumber')
                values.pop('EntryNumber')
        self.drop_unknown(call, values)
        merged = {**header, **values}
        problems = []
        journal = self.journal(call, kind, merged, problems)
        self.party(call, kind, merged, journal, problems)
        if problems:
            raise BusinessError(*problems)
        self.currency(call, kind, merged, journal)
        if (values.get(kind.date) or values.get('PaymentCondition')) and not values.get('DueDate'):
            merged['DueDate'] = None
        self.dates(call, kind, merged, ())
        if values.get(kind.date) and not values.get(kind.period):
            merged[kind.period] = None
        self.periods(call, kind, merged, journal)
        self.check_open(call, kind, merged)
        if 'EntryNumber' in values:
            self.numbers(call, kind, merged, header)
        for line in self.lines(call, kind, merged):
            self.store.put(
                kind.lines, call.division, self.line(call, kind, merged, journal, line, None)
            )
        row = self.rebuild(call, kind, merged)
        if {'YourRef', kind.date, kind.party, 'Currency'} & set(values):
            self.check_twice(call, kind, row)

    def delete(self, call, kind, header, force=False):
        """Remove an entry with all that follows from it; leaves rows in sync/Deleted."""
        if not force:
            self.check_changeable(call, kind, header)
        self.release(call, header)
        for line in self.lines(call, kind, header):
            self.store.drop(kind.lines, call.division, line['_key'])
        for line in self.store.by('TransactionLines', call.division, 'EntryID', header['EntryID']):
            self.store.drop('TransactionLines', call.division, line['_key'])
            deleted_row(self.store, call, line['_key'], ENTITY_TYPES['TransactionLines'])
        for term in self.store.by(
            'PaymentTerms', call.division, 'TransactionEntryID', header['EntryID']
        ):
            self.store.drop('PaymentTerms', call.division, term['_key'])
            deleted_row(self.store, call, term['_key'], ENTITY_TYPES['PaymentTerms'])
        self.store.drop(kind.header, call.division, header['_key'])

    # === lines === #

    def create_line(self, call, kind, values):
        """POST on the endpoint of the lines, with EntryID."""
        header = self.store.get(kind.header, call.division, values.get('EntryID'))
        if header is None:
            refuse('reference', 'EntryID')
        self.check_changeable(call, kind, header)
        journal = self.store.one('Journals', call.division, 'Code', header[kind.journal])
        last = max((line['LineNumber'] for line in self.lines(call, kind, header)), default=0)
        line = self.line(call, kind, header, journal, values, last + 1)
        row = self.store.put(kind.lines, call.division, line)
        self.rebuild(call, kind, header)
        return self.store.get(kind.lines, call.division, row['ID'])

    def update_line(self, call, kind, line, values):
        header = self.store.get(kind.header, call.division, line['EntryID'])
        self.check_changeable(call, kind, header)
        values = {name: value for name, value in values.items() if name not in ('ID', 'EntryID')}
        journal = self.store.one('Journals', call.division, 'Code', header[kind.journal])
        merged = {**line, **values}
        if 'AmountFC' in values or 'VATCode' in values:
            # a new amount or code computes the VAT anew unless it is given along
            merged['_vat_given'] = None
        self.store.put(
            kind.lines,
            call.division,
            self.line(
                call, kind, header, journal, merged, None, vat_given=values.get('VATAmountFC')
            ),
        )
        self.rebuild(call, kind, header)

    def delete_line(self, call, kind, line):
        header = self.store.get(kind.header, call.division, line['EntryID'])
        self.check_changeable(call, kind, header)
        self.store.drop(kind.lines, call.division, line['_key'])
        self.rebuild(call, kind, header)

    def lines(self, call, kind, header):
        rows = self.store.by(kind.lines, call.division, 'EntryID', header['EntryID'])
        return sorted(rows, key=lambda line: line['LineNumber'])

    # === what people do inside Exact === #

    def process(self, call, kind, header):
        """Entry 20 -> 50."""
        if header.get('_payment'):
            return
        self.rebuild(call, kind, {**header, 'Status': 50})


class EntryRule:
    """POST, PUT and DELETE of headers."""

    def __init__(self, ledger, kind):
        self.ledger, self.kind = ledger, kind

    def create(self, call, values):
        return self.ledger.create(call, self.kind, values)

    def update(self, call, row, values):
        self.ledger.update(call, self.kind, row, values)

    def delete(self, call, row):
        self.ledger.delete(call, self.kind, row)


class LineRule:
    """POST, PUT and DELETE of lines."""

    def __init__(self, ledger, kind):
        self.ledger, self.kind = ledger, kind

    def create(self, call, values):
        return self.ledger.create_line(call, self.kind, values)

    def update(self, call, row, values):
        self.ledger.update_line(call, self.kind, row, values)

    def delete(self, call, row):
        if len(self.ledger.lines(call, self.kind, {'EntryID': row['EntryID']})) == 1:
            raise HttpError(400, 'The last line of an entry cannot be deleted.')
        self.ledger.delete_line(call, self.kind, row)


def entry_rules(ledger):
    """{table: rule} of entries and lines."""
    rules = {kind.header: EntryRule(ledger, kind) for kind in KINDS}
    rules.update({kind.lines: LineRule(ledger, kind) for kind in KINDS})
    return rules
