"""How entries are booked: sales, purchase and general journal entries, their lines and what follows
from them.

An entry is a header record, its lines, the TransactionLines (the ledger's own lines, debit
positive) and the payment terms. After every change the last two are made anew from the first two.
"""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from .errors import HttpError
from .masters import ENTITY_TYPES, LENGTHS, new_id
from .messages import BusinessError, Message, refuse
from .views import deleted_row, journal_closed

CENT = Decimal('0.01')
ZERO = Decimal(0)


def money(value):
    """A number of a record or body as an exact decimal, two places, half away from zero."""
    return Decimal(str(value or 0)).quantize(CENT, ROUND_HALF_UP)


def multiple(value, unit):
    """A decimal as the nearest multiple of a unit, half away from zero."""
    return (value / unit).quantize(Decimal(1), ROUND_HALF_UP) * unit


def exact(value):
    """A number as an exact decimal, not rounded."""
    return Decimal(str(value or 0))


def number(value):
    """A decimal as the float kept in records."""
    return float(value) + 0.0


class Kind:
    """What differs between the kinds of entries."""

    def __init__(self, **values):
        self.__dict__.update(values)


SALES = Kind(
    name='sale',
    header='SalesEntries',
    lines='SalesEntryLines',
    collection='SalesEntryLines',
    journal='Journal',
    journal_types=(20, 21),
    party='Customer',
    own_parties=False,
    line_type=20,
    types=(20, 21),
    sign=-1,
    year='ReportingYear',
    period='ReportingPeriod',
    date='EntryDate',
    rate='Rate',
    transaction_type='S',
    vat_letters={'basis': 'V', 'pay': 'A'},
    credit_letters={'basis': 'X', 'pay': 'Z'},
)
PURCHASES = Kind(
    name='purchase',
    header='PurchaseEntries',
    lines='PurchaseEntryLines',
    collection='PurchaseEntryLines',
    journal='Journal',
    journal_types=(22, 23),
    party='Supplier',
    own_parties=False,
    line_type=22,
    types=(30, 31),
    sign=1,
    year='ReportingYear',
    period='ReportingPeriod',
    date='EntryDate',
    rate='Rate',
    transaction_type='P',
    vat_letters={'basis': 'I', 'pay': 'P', 'claim': 'O'},
    credit_letters={'basis': 'W', 'pay': 'Y', 'claim': 'Q'},
)
GENERAL = Kind(
    name='general',
    header='GeneralJournalEntries',
    lines='GeneralJournalEntryLines',
    collection='GeneralJournalEntryLines',
    journal='JournalCode',
    journal_types=(90,),
    party=None,
    own_parties=True,
    line_type=0,
    types=(90, 90),
    sign=1,
    year='FinancialYear',
    period='FinancialPeriod',
    date='EntryDate',
    rate='ExchangeRate',
    transaction_type='B',
    vat_letters={'basis': 'I', 'pay': 'A', 'claim': 'O'},
    credit_letters={'basis': 'W', 'pay': 'Z', 'claim': 'Q'},
)


def _money_entries(name, header, journal_types):
    """Bank and cash entries: money in is positive on the lines, the journal's account is line 0."""
    return Kind(
        name=name,
        header=header,
        lines=header.replace('Entries', 'EntryLines'),
        collection=header.replace('Entries', 'EntryLines'),
        journal='JournalCode',
        journal_types=journal_types,
        party=None,
        own_parties=True,
        line_type=0,
        types=(40, 40),
        sign=-1,
        year='FinancialYear',
        period='FinancialPeriod',
        date='EntryDate',
        rate='ExchangeRate',
        transaction_type='B',
        vat_letters=GENERAL.vat_letters,
        credit_letters=GENERAL.credit_letters,
    )


BANK = _money_entries('bank', 'BankEntries', (12, 16))
CASH = _money_entries('cash', 'CashEntries', (10,))
KINDS = (SALES, PURCHASES, GENERAL, BANK, CASH)
BY_HEADER = {kind.header: kind for kind in KINDS}
BY_LINES = {kind.lines: kind for kind in KINDS}
#: AR, AP and VAT accounts are refused on lines of sales and purchase entries (fact sheet 4.2)
FORBIDDEN_TYPES = (20, 22, 24)
#: optional references of headers and lines
OPTIONAL = {
    'Document': 'Documents',
    'Project': 'Projects',
    'Asset': 'Assets',
    'Subscription': 'Subscriptions',
    'TrackingNumber': 'TrackingNumbers',
    'ProjectWBS': 'ProjectWBS',
    'Item': 'Items',
}


class Ledger:
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
        return self.rebuild(call, kind, header)

    def update(self, call, kind, header, values):
        """PUT on a header: changed properties only, open entries only."""
        self.check_changeable(call, kind, header)
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
        self.rebuild(call, kind, merged)

    def delete(self, call, kind, header, force=False):
        """Remove an entry with all that follows from it; leaves rows in sync/Deleted."""
        if not force:
            self.check_changeable(call, kind, header)
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

    # === checks of the header === #

    def check_lengths(self, values):
        if not self.switches.lengths:
            return
        for name in ('YourRef', 'Description', 'PaymentReference'):
            text = values.get(name)
            if text and len(text) > LENGTHS[name]:
                refuse('too_long', name, extra=f'max. {LENGTHS[name]}')

    def drop_unknown(self, call, values):
        """Optional references: unknown GUIDs vanish silently or are refused, by switch."""
        for name, table in OPTIONAL.items():
            value = values.get(name)
            if value and self.store.get(table, call.division, value) is None:
                if name not in self.switches.silent_drop:
                    refuse('reference', name)
                values[name] = None

    def journal(self, call, kind, header, problems):
        code = (header.get(kind.journal) or '').strip()
        journal = self.store.one('Journals', call.division, 'Code', code)
        if journal is None:
            problems.append(Message('reference', 'Journal'))
        elif journal['Type'] not in kind.journal_types:
            problems.append(Message('invalid', 'Journal'))
        elif journal.get('IsBlocked'):
            problems.append(Message('blocked', 'Journal'))
        header[kind.journal] = code
        return journal

    def party(self, call, kind, header, journal, problems):
        if kind.party is None:
            return
        account = self.store.get('Accounts', call.division, header.get(kind.party))
        if account is None:
            problems.append(Message('reference', kind.party))
            return
        if kind is SALES and account.get('Status') != 'C':
            problems.append(Message('invalid', 'CustomerType'))
        if kind is PURCHASES and not account.get('IsSupplier'):
            problems.append(Message('invalid', 'SupplierType'))
        if account.get('Blocked'):
            problems.append(Message('blocked', kind.party))
        control = account.get('GLAR' if kind is SALES else 'GLAP')
        if control and journal and control != journal.get('GLAccount'):
            problems.append(Message('invalid', 'GLAR'))
        condition = (header.get('PaymentCondition') or '').strip()
        if condition and not self.store.one('PaymentConditions', call.division, 'Code', condition):
            problems.append(Message('reference', 'PaymentCondition'))
        if not condition:
            condition = account.get(
                'PaymentConditionSales' if kind is SALES else 'PaymentConditionPurchase'
            ) or self.default_condition(call)
        header['PaymentCondition'] = condition

    def default_condition(self, call):
        return '30' if self.store.one('PaymentConditions', call.division, 'Code', '30') else None

    def currency(self, call, kind, header, journal):
        own = self.own_currency(call)
        code = (header.get('Currency') or '').strip() or own
        if not self.store.get('Currencies', call.division, code):
            refuse('reference', 'Currency')
        if code != journal.get('Currency', own) and not journal.get('AllowVariableCurrency'):
            refuse('not_allowed', 'Currency')
        rate = header.get(kind.rate)
        if code == own:
            rate = 1.0
        elif not rate:
            rate = self.stored_rate(call, code, header.get(kind.date) or self.clock.today())
            if rate is None:
                refuse('mandatory', 'ExchangeRate')
        elif not journal.get('AllowVariableExchangeRate'):
            stored = self.stored_rate(call, code, header.get(kind.date) or self.clock.today())
            if stored is not None and exact(stored) != exact(rate):
                refuse('not_allowed', 'ExchangeRate')
        if rate <= 0:
            refuse('invalid', 'ExchangeRate')
        header['Currency'], header[kind.rate] = code, float(rate)

    def own_currency(self, call):
        return (self.store.get('Divisions', 0, str(call.division)) or {}).get('Currency', 'EUR')

    def stored_rate(self, call, code, day):
        rates = [
            row
            for row in self.store.all('ExchangeRates', call.division)
            if row['SourceCurrency'] == code and row['StartDate'][:10] <= day[:10]
        ]
        return max(rates, key=lambda row: row['StartDate'])['Rate'] if rates else None

    def dates(self, call, kind, header, lines):
        day = header.get(kind.date)
        if kind.own_parties and not day:
            # a general entry has no date of its own: its first line's, else the end of its period
            days = [line.get('Date') for line in lines if line.get('Date')]
            day = min(days) if days else None
            if day is None and header.get(kind.year) and header.get(kind.period):
                found = self.period_row(call, header[kind.year], header[kind.period])
                day = found['EndDate'] if found else None
        header[kind.date] = (day or self.clock.today())[:10]
        if kind.party is None:
            return
        if header.get('DueDate'):
            header['DueDate'] = header['DueDate'][:10]
        else:
            header['DueDate'] = self.due_date(call, header['PaymentCondition'], header[kind.date])

    def due_date(self, call, code, day):
        start = date.fromisoformat(day)
        condition = (
            self.store.one('PaymentConditions', call.division, 'Code', code) if code else None
        )
        if condition is None:
            return day
        months = condition.get('PaymentEndOfMonths') or 0
        if months:
            # n = 1 is the end of the entry's own month (assumption); the days are added after it
            year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
            start = date(year, month + 1, 1) - timedelta(days=1)
        return (start + timedelta(days=condition.get('PaymentDays') or 0)).isoformat()

    def period_row(self, call, year, period):
        for row in self.store.all('FinancialPeriods', call.division):
            if row['FinYear'] == year and row['FinPeriod'] == period:
                return row
        return None

    def periods(self, call, kind, header, journal):
        year, period = header.get(kind.year), header.get(kind.period)
        if self.switches.period_zero == 'omitted':
            year, period = year or None, period or None
        if year is not None and period is not None:
            if self.period_row(call, year, period) is None:
                refuse('reference', 'Period')
        else:
            day = header[kind.date]
            for row in self.store.all('FinancialPeriods', call.division):
                if row['StartDate'] <= day <= row['EndDate']:
                    year, period = row['FinYear'], row['FinPeriod']
                    break
            else:
                refuse('reference', 'Period')
        header[kind.year], header[kind.period] = year, period

    def check_open(self, call, kind, header):
        if journal_closed(
            self.store, call.division, header[kind.journal], header[kind.year], header[kind.period]
        ):
            refuse('period_closed', year=header[kind.year], period=header[kind.period])

    def check_changeable(self, call, kind, header):
        if header['Status'] != 20:
            refuse('processed')
        self.check_open(call, kind, header)

    def numbers(self, call, kind, header, old):
        """EntryNumber given must be free; else YYJJnnnn. InvoiceNumber is a hint (fact sheet
        4.2).
        """
        given = header.get('EntryNumber')
        if given:
            if self.number_used(call, given):
                refuse('in_use', 'EntryNumber')
        else:
            prefix = f"{header[kind.year] % 100:02d}{header[kind.journal]:0>2}"
            if not prefix.isdigit():
                prefix = f'{header[kind.year] % 100:02d}99'
            counter = f'entry/{prefix}'
            while True:
                given = int(f'{prefix}{self.store.next_number(counter, call.division):04d}')
                if not self.number_used(call, given):
                    break
        header['EntryNumber'] = given
        if kind.party is None or old is not None:
            return
        invoice = header.get('InvoiceNumber')
        taken = invoice and any(
            row.get('InvoiceNumber') == invoice
            for row in self.store.by(kind.header, call.division, kind.journal, header[kind.journal])
        )
        header['InvoiceNumber'] = invoice if invoice and not taken else given

    def number_used(self, call, given):
        return any(
            self.store.by(kind.header, call.division, 'EntryNumber', given) for kind in KINDS
        )

    # === checks of a line === #

    def line(self, call, kind, header, journal, values, position, vat_given=None):
        """A checked line record with its amounts.

        :param position: line number of a new line, None for a stored one
        :param vat_given: VATAmountFC of a PUT on a stored line
        """
        line = dict(values)
        self.check_lengths(line)
        self.drop_unknown(call, line)
        problems = []
        account = self.gl_account(call, kind, line, problems)
        day = (line.get('Date') or header[kind.date])[:10]
        if kind.own_parties:
            line['Date'] = day
            self.general_party(call, line, account, problems)
        for name in ('From', 'To'):
            if line.get(name):
                line[name] = line[name][:10]
        self.dimension(
            call, line, account, 'CostCenter', 'Costcenters', 'UseCostcenter', day, problems
        )
        self.dimension(call, line, account, 'CostUnit', 'Costunits', 'UseCostunit', day, problems)
        code, percentage = self.vat(
            call, kind, header, journal, line, account, problems, position is not None
        )
        if problems:
            raise BusinessError(*problems)
        if position is not None:
            line.update(
                ID=new_id(),
                EntryID=header['EntryID'],
                LineNumber=position,
                Creator=call.user['ID'],
                Created=self.clock.wall(),
            )
            line['_entered'] = line.get('AmountFC') or 0.0
            given = line.get('AmountVATFC' if kind.own_parties else 'VATAmountFC')
        else:
            if 'AmountFC' in values and values['AmountFC'] != self.shown_amount(line):
                line['_entered'] = values['AmountFC']
            given = line.get('_vat_given') if vat_given is None else vat_given
        if given == 0 and self.switches.vat_amount_zero == 'omitted':
            given = None
        line['_vat_given'] = given
        self.amounts(
            line, code, percentage, header.get(kind.rate) or 1, kind, self.unit(call, header),
        )
        if kind.own_parties:
            line['EntryNumber'] = header['EntryNumber']
        line['Modified'] = self.clock.wall()
        return line

    @staticmethod
    def shown_amount(line):
        return line.get('_shown')

    def gl_account(self, call, kind, line, problems):
        account = self.store.get('GLAccounts', call.division, line.get('GLAccount'))
        if account is None:
            problems.append(Message('reference', 'GLAccount'))
            return None
        if account.get('IsBlocked'):
            problems.append(Message('blocked', 'GLAccount'))
        if not kind.own_parties and account['Type'] in FORBIDDEN_TYPES:
            problems.append(Message('invalid', 'GLAccountType'))
        return account

    def general_party(self, call, line, account, problems):
        """A relation is needed on AR and AP accounts, and must be a customer or supplier there
        (assumption).
        """
        relation = self.store.get('Accounts', call.division, line.get('Account'))
        if line.get('Account') and relation is None:
            problems.append(Message('reference', 'Account'))
            return
        kind = account['Type'] if account else None
        if kind in (20, 22) and relation is None:
            problems.append(Message('mandatory', 'Account'))
        elif kind == 20 and relation.get('Status') != 'C':
            problems.append(Message('invalid', 'CustomerType'))
        elif kind == 22 and not relation.get('IsSupplier'):
            problems.append(Message('invalid', 'SupplierType'))

    def dimension(self, call, line, account, name, table, use, day, problems):
        code = (line.get(name) or '').strip()
        line[name] = code or None
        usage = (account or {}).get(use) or 0
        if code:
            row = self.store.one(table, call.division, 'Code', code)
            if row is None:
                problems.append(Message('reference', name))
            elif row.get('Active') is False or (row.get('EndDate') and row['EndDate'][:10] < day):
                problems.append(Message('blocked', name))
            if usage == 2:
                problems.append(Message('not_allowed', name))
        elif usage == 1:
            problems.append(Message('mandatory', name))

    def vat(self, call, kind, header, journal, line, account, problems, is_new):
        """The VAT code record of a line and its percentage (a Decimal fraction) on the entry's
        date.
        """
        code = line.get('VATCode')
        asked = line.get('VATPercentage')
        if code is not None:
            code = code.strip()
        if code is None and is_new:
            if asked and asked > 0:
                code = self.code_of_percentage(call, kind, asked, header[kind.date])
                if code is None:
                    problems.append(Message('invalid', 'VATPercentage'))
            elif account is not None and journal.get('AllowVAT'):
                # without a code the G/L account's default counts (fact sheet 4.4)
                code = account.get('VATCode')
        code = code or None
        line['VATCode'] = code
        if code is None:
            line['VATPercentage'] = 0.0
            return None, ZERO
        if not journal.get('AllowVAT'):
            problems.append(Message('not_allowed', 'VATCode'))
        row = self.store.one('VATCodes', call.division, 'Code', code)
        if row is None:
            problems.append(Message('reference', 'VATCode'))
            return None, ZERO
        if row.get('IsBlocked'):
            problems.append(Message('blocked', 'VATCode'))
        if not kind.own_parties and row['VATTransactionType'] not in ('B', kind.transaction_type):
            problems.append(Message('not_allowed', 'VATCode'))
        percentage = self.percentage(call, row, header[kind.date])
        if percentage is None:
            problems.append(Message('invalid', 'VATPercentage'))
            percentage = ZERO
        elif is_new and asked and exact(asked) != percentage:
            problems.append(Message('invalid', 'VATPercentage'))
        line['VATPercentage'] = float(percentage)
        return row, percentage

    def percentage(self, call, code, day):
        """Fraction valid on a date, or None."""
        if code['Type'] in ('B', 'N'):
            return ZERO
        for row in self.store.by('VatPercentages', call.division, 'VATCodeID', code['ID']):
            if row['StartDate'][:10] <= day and (
                not row.get('EndDate') or day <= row['EndDate'][:10]
            ):
                return exact(row['Percentage'])
        return None

    def code_of_percentage(self, call, kind, asked, day):
        for row in sorted(self.store.all('VATCodes', call.division), key=lambda row: row['Code']):
            fits = row['VATTransactionType'] in ('B', kind.transaction_type) and not row.get(
                'IsBlocked'
            )
            if fits and row['Type'] == 'E' and not row.get('Charged') and not row.get('OssCountry'):
                if self.percentage(call, row, day) == exact(asked):
                    return row['Code']
        return None

    def unit(self, call, header):
        """What computed amounts in the currency of an entry are whole multiples of."""
        if self.switches.vat_rounding == 'cent':
            return CENT
        currency = self.store.get('Currencies', call.division, header['Currency'])
        return exact(currency['AmountPrecision'])

    def amounts(self, line, code, percentage, rate, kind, unit):
        """Net amount, VAT and base of a line in both currencies; per-line rounding, half away from
        zero.
        """
        entered = exact(line['_entered'])
        given = line.get('_vat_given')
        including = code is not None and code['Type'] == 'I'
        charged = bool(code and code.get('Charged'))
        if code is None or code['Type'] in ('B', 'N'):
            net, vat = money(entered), ZERO
        elif given is not None:
            vat = money(given)
            net = money(entered) - vat if including else money(entered)
        elif including:
            net = multiple(entered / (1 + percentage), unit)
            vat = money(entered) - net
        else:
            net, vat = money(entered), multiple(entered * percentage, unit)
        rate = exact(rate)
        line['_net'], line['_vat'], line['_charged'] = number(net), number(vat), charged
        line['_net_dc'], line['_vat_dc'] = number(money(net * rate)), number(money(vat * rate))
        line['AmountFC'] = line['_shown'] = number(money(entered))
        if kind.own_parties:
            line['AmountDC'] = number(money(entered * rate))
            line['AmountVATFC'], line['AmountVATDC'] = number(vat), line['_vat_dc']
            line['VATBaseAmountFC'], line['VATBaseAmountDC'] = (
                number(net) if code else 0.0,
                (line['_net_dc'] if code else 0.0),
            )
        else:
            line['AmountDC'] = number(money(entered * rate))
            line['VATAmountFC'], line['VATAmountDC'] = number(vat), line['_vat_dc']
            line['VATBaseAmountFC'] = number(net) if code else 0.0
            line['VATBaseAmountDC'] = line['_net_dc'] if code else 0.0

    # === what follows from an entry === #

    def rebuild(self, call, kind, header):
        """Totals, Type, transaction lines and payment terms from header and lines; stores the
        header.
        """
        lines = self.lines(call, kind, header)
        if not lines:
            refuse('mandatory', kind.collection)
        explicit = header.get('_explicit')
        flip = -1 if explicit == kind.types[1] and not kind.own_parties else 1
        net = sum((exact(line['_net']) for line in lines), ZERO)
        vat = sum((exact(line['_vat']) for line in lines if not line['_charged']), ZERO)
        total = net + vat
        if not kind.own_parties:
            credit = (
                explicit == kind.types[1]
                if self.switches.credit_note == 'explicit' or explicit
                else total < 0
            )
            header['Type'] = kind.types[1] if credit else kind.types[0]
        else:
            credit = False
            header['Type'] = header.get('Type') or kind.types[0]
        if kind in (BANK, CASH):
            self.balances(call, kind, header, total)
        ledger_lines = self.transaction_lines(call, kind, header, lines, flip, credit)
        dc = ledger_lines[0]['AmountDC'] if not kind.own_parties else 0
        for line in lines:
            if not kind.own_parties and line.get('Type') != header['Type']:
                line = {**line, 'Type': header['Type']}
            self.store.put(kind.lines, call.division, line)
        if not kind.own_parties:
            header['AmountFC'] = number(total)
            header['VATAmountFC'] = number(vat)
            header['AmountDC'] = number(exact(dc) * -kind.sign * flip)
            header['VATAmountDC'] = number(
                sum((exact(line['_vat_dc']) for line in lines if not line['_charged']), ZERO)
            )
        header['Modified'], header['Modifier'] = self.clock.wall(), call.user['ID']
        row = self.store.put(kind.header, call.division, header)
        self.replace_transactions(call, header, ledger_lines)
        self.payment_terms(call, kind, header, ledger_lines)
        return row

    def balances(self, call, kind, header, moved):
        """Opening balance plus lines is the closing balance; not given, the one before goes on."""
        if header.get('OpeningBalanceFC') is None:
            others = [
                row
                for row in self.store.by(
                    kind.header, call.division, 'JournalCode', header['JournalCode']
                )
                if row['EntryID'] != header['EntryID']
            ]
            last = max(others, key=lambda row: row['EntryNumber'], default={})
            header['OpeningBalanceFC'] = last.get('ClosingBalanceFC', 0.0)
        closing = money(header['OpeningBalanceFC']) + moved
        given = header.get('_closing_given')
        if given is not None and money(given) != closing:
            refuse('closing')
        header['ClosingBalanceFC'] = number(closing)

    def transaction_lines(self, call, kind, header, lines, flip, credit):
        """The ledger's lines: 0 the AR/AP line, then the entry lines with their own IDs, then
        VAT.
        """
        letters = kind.credit_letters if credit else kind.vat_letters
        rate = exact(header.get(kind.rate) or 1)
        shared = {
            'EntryID': header['EntryID'],
            'EntryNumber': header['EntryNumber'],
            'JournalCode': header[kind.journal],
            'FinancialYear': header[kind.year],
            'FinancialPeriod': header[kind.period],
            'Date': header[kind.date],
            'Currency': header['Currency'],
            'ExchangeRate': header.get(kind.rate) or 1.0,
            'Status': header['Status'],
            'Type': header['Type'],
            'YourRef': header.get('YourRef'),
            'InvoiceNumber': header.get('InvoiceNumber'),
            'OrderNumber': header.get('OrderNumber'),
            'PaymentReference': header.get('PaymentReference'),
            'Document': header.get('Document'),
            'Account': header.get(kind.party) if kind.party else None,
            'DueDate': header.get('DueDate'),
            'ExternalLinkReference': header.get('ExternalLinkReference'),
        }
        result, vat_lines = [], {}
        for line in lines:
            sign = kind.sign * flip
            net = exact(line['_net']) * sign
            net_dc = exact(line['_net_dc']) * sign
            vat = exact(line['_vat']) * sign
            code = (
                self.store.one('VATCodes', call.division, 'Code', line['VATCode'])
                if line['VATCode']
                else None
            )
            own = dict(shared)
            if kind.own_parties:
                own.update(
                    Account=line.get('Account'),
                    Date=line['Date'],
                    Document=line.get('Document'),
                    DueDate=line['Date'] if line.get('Account') else None,
                )
            result.append(
                {
                    **own,
                    'ID': line['ID'],
                    'LineNumber': line['LineNumber'],
                    'LineType': 0,
                    'GLAccount': line['GLAccount'],
                    'AmountFC': number(net),
                    'AmountDC': number(net_dc),
                    'AmountVATFC': number(vat),
                    'AmountVATBaseFC': number(net) if code else 0.0,
                    'VATCode': line['VATCode'],
                    'VATPercentage': line.get('VATPercentage') or 0.0,
                    'VATType': letters['basis'] if code and code['Type'] != 'N' else 'S',
                    'Description': line.get('Description') or header.get('Description'),
                    'CostCenter': line.get('CostCenter'),
                    'CostUnit': line.get('CostUnit'),
                    'Project': line.get('Project'),
                    'Quantity': line.get('Quantity') or 0.0,
                    'Notes': line.get('Notes'),
                    'Asset': line.get('Asset'),
                    'Subscription': line.get('Subscription'),
                }
            )
            if code is not None and vat:
                for letter, account, share in self.vat_shares(kind, code, line, letters, net):
                    slot = vat_lines.setdefault((code['Code'], account, letter), [ZERO, ZERO, ZERO])
                    slot[0] += vat * share
                    slot[1] += money(vat * rate) * share
                    slot[2] += net
        position = max((line['LineNumber'] for line in lines), default=0)
        for (code, account, letter), (amount, amount_dc, base) in vat_lines.items():
            if account is None:
                refuse('mandatory', 'GLAccount')
            position += 1
            result.append(
                {
                    **shared,
                    'ID': None,
                    'LineNumber': position,
                    'LineType': 0,
                    'GLAccount': account,
                    'AmountFC': number(amount),
                    'AmountDC': number(amount_dc),
                    'AmountVATFC': 0.0,
                    'AmountVATBaseFC': number(base),
                    'VATCode': code,
                    'VATType': letter,
                    'VATPercentage': 0.0,
                    'Description': header.get('Description'),
                    'Quantity': 0.0,
                }
            )
        if kind is GENERAL:
            open_dc = sum((exact(line['AmountDC']) for line in result), ZERO)
            open_fc = sum((exact(line['AmountFC']) for line in result), ZERO)
            if open_fc or abs(open_dc) > CENT * len(result):
                refuse('unbalanced', amount=open_fc or open_dc)
            if open_dc:
                # cents of the exchange rate go to the last line (assumption)
                result[-1]['AmountDC'] = number(exact(result[-1]['AmountDC']) - open_dc)
            return result
        journal = self.store.one('Journals', call.division, 'Code', header[kind.journal])
        party = {
            **shared,
            'ID': None,
            'LineNumber': 0,
            'LineType': kind.line_type,
            'GLAccount': journal['GLAccount'],
            'AmountFC': number(-sum((exact(line['AmountFC']) for line in result), ZERO)),
            'AmountDC': number(-sum((exact(line['AmountDC']) for line in result), ZERO)),
            'AmountVATFC': 0.0,
            'AmountVATBaseFC': 0.0,
            'VATCode': None,
            'VATType': 'S',
            'VATPercentage': 0.0,
            'Description': header.get('Description'),
            'Quantity': 0.0,
        }
        return [party, *result]

    @staticmethod
    def vat_shares(kind, code, line, letters, net):
        """[(VATType letter, G/L account, factor of the VAT amount in debit-positive terms)]."""
        if line['_charged']:
            return [
                (letters.get('claim', 'O'), code.get('GLToClaim'), 1),
                (letters.get('pay', 'P'), code.get('GLToPay'), -1),
            ]
        if kind is SALES:
            return [(letters['pay'], code.get('GLToPay'), 1)]
        if kind is PURCHASES:
            return [(letters['claim'], code.get('GLToClaim'), 1)]
        if code['VATTransactionType'] == 'S' or (code['VATTransactionType'] == 'B' and net < 0):
            return [(letters['pay'], code.get('GLToPay'), 1)]
        return [(letters['claim'], code.get('GLToClaim'), 1)]

    def replace_transactions(self, call, header, ledger_lines):
        """Store the ledger's lines; generated ones keep their IDs by role, vanished ones are
        deleted.
        """
        old = {
            (row['LineNumber'] == 0, row['GLAccount'], row.get('VATCode'), row.get('VATType')): row[
                'ID'
            ]
            for row in self.store.by(
                'TransactionLines', call.division, 'EntryID', header['EntryID']
            )
            if row.get('_generated')
        }
        gone = {
            row['ID']
            for row in self.store.by(
                'TransactionLines', call.division, 'EntryID', header['EntryID']
            )
        }
        now = self.clock.wall()
        for row in ledger_lines:
            if row['ID'] is None:
                role = (
                    row['LineNumber'] == 0,
                    row['GLAccount'],
                    row.get('VATCode'),
                    row.get('VATType'),
                )
                row['ID'] = old.get(role) or new_id()
                row['_generated'] = True
            gone.discard(row['ID'])
            before = self.store.get('TransactionLines', call.division, row['ID'])
            row.update(
                Created=before['Created'] if before else now,
                Modified=now,
                Creator=header['Creator'],
                Modifier=call.user['ID'],
            )
            self.store.put('TransactionLines', call.division, row)
        for key in gone:
            self.store.drop('TransactionLines', call.division, key)
            deleted_row(self.store, call, key, ENTITY_TYPES['TransactionLines'])

    def payment_terms(self, call, kind, header, ledger_lines):
        """One open term per AR/AP line; matched terms stay what they are."""
        wanted = {}
        for row in ledger_lines:
            account = self.store.get('GLAccounts', call.division, row['GLAccount'])
            if row.get('LineType') in (20, 22):
                wanted[row['ID']] = (row, row['LineType'])
            elif (
                kind.own_parties and account and account['Type'] in (20, 22) and row.get('Account')
            ):
                wanted[row['ID']] = (row, account['Type'])
        existing = self.store.by(
            'PaymentTerms', call.division, 'TransactionEntryID', header['EntryID']
        )
        for term in existing:
            if term['Status'] != 50 and term['TransactionID'] not in wanted:
                self.store.drop('PaymentTerms', call.division, term['_key'])
                deleted_row(self.store, call, term['_key'], ENTITY_TYPES['PaymentTerms'])
        for transaction, (row, line_type) in wanted.items():
            mine = [term for term in existing if term['TransactionID'] == transaction]
            matched = sum((exact(term['_open']) for term in mine if term['Status'] == 50), ZERO)
            matched_fc = sum(
                (exact(term['_open_fc']) for term in mine if term['Status'] == 50), ZERO
            )
            amount, amount_fc = (
                exact(row['AmountDC']) - matched,
                exact(row['AmountFC']) - matched_fc,
            )
            open_terms = [term for term in mine if term['Status'] != 50]
            if mine and not open_terms and not amount:
                continue
            side = 1 if line_type == 20 else -1
            now = self.clock.wall()
            base = (
                open_terms[0]
                if open_terms
                else {
                    'ID': new_id(),
                    'HID': self.store.next_number('PaymentTerms', call.division, 1),
                    'Created': now,
                    'Creator': header['Creator'],
                    'Status': 20,
                    'EntryID': header['EntryID'],
                    'LastPaymentDate': None,
                    'IsFullyPaid': False,
                }
            )
            condition = (
                self.store.one(
                    'PaymentConditions', call.division, 'Code', header.get('PaymentCondition') or ''
                )
                or {}
            )
            self.store.put(
                'PaymentTerms',
                call.division,
                {
                    **base,
                    'LineType': line_type,
                    'Account': row['Account'],
                    '_open': number(amount),
                    '_open_fc': number(amount_fc),
                    'TransactionAmountDC': number(exact(row['AmountDC']) * side),
                    'TransactionAmountFC': number(exact(row['AmountFC']) * side),
                    'Currency': header['Currency'],
                    'RateFC': header.get(kind.rate) or 1.0,
                    'Description': row.get('Description'),
                    'DueDate': row.get('DueDate') or row['Date'],
                    'TransactionDueDate': row.get('DueDate') or row['Date'],
                    'EntryDate': row['Date'],
                    'InvoiceDate': row['Date'],
                    'EntryNumber': header['EntryNumber'],
                    'InvoiceNumber': header.get('InvoiceNumber'),
                    'Journal': header[kind.journal],
                    'OrderNumber': header.get('OrderNumber'),
                    'PaymentCondition': header.get('PaymentCondition'),
                    'PaymentMethod': condition.get('PaymentMethod') or 'B',
                    'PaymentDays': condition.get('PaymentDays') or 0,
                    'PaymentReference': header.get('PaymentReference'),
                    'GLAccount': row['GLAccount'],
                    'TransactionEntryID': header['EntryID'],
                    'TransactionID': transaction,
                    'TransactionIsReversal': False,
                    'TransactionReportingPeriod': header[kind.period],
                    'TransactionReportingYear': header[kind.year],
                    'TransactionStatus': header['Status'],
                    'TransactionType': header['Type'],
                    'YourRef': header.get('YourRef'),
                    'Document': header.get('Document'),
                    'ApprovalStatus': 1,
                    'Source': 1,
                    'Modified': now,
                },
            )

    # === what people do inside Exact === #

    def process(self, call, kind, header):
        """Entry 20 -> 50."""
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
