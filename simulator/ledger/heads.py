"""The checks of an entry's header: journal, relation, currency, dates, period, number."""

from datetime import date, timedelta

from ..masters import LENGTHS
from ..messages import Message, refuse
from ..store import normal
from ..views import journal_closed
from .kinds import KINDS, OPTIONAL, PURCHASES, SALES, exact, money


class HeaderChecks:
    """Needs ``store``, ``switches`` and ``clock``."""

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
            problems.append(Message('invalid', 'GLAR' if kind is SALES else 'GLAP'))
        condition = (header.get('PaymentCondition') or '').strip()
        if condition and not self.store.one('PaymentConditions', call.division, 'Code', condition):
            problems.append(Message('reference', 'PaymentCondition'))
        if not condition:
            condition = account.get(
                'PaymentConditionSales' if kind is SALES else 'PaymentConditionPurchase'
            ) or self.default_condition(call)
        if not condition and self.switches.payment_condition == 'mandatory':
            problems.append(Message('mandatory', 'PaymentCondition'))
        header['PaymentCondition'] = condition or None

    def default_condition(self, call):
        code = self.switches.default_payment_condition.strip()
        found = self.store.one('PaymentConditions', call.division, 'Code', code)
        return code if found else None

    def check_twice(self, call, kind, header):
        """Refuse what is booked already: supplier, reference, date and amount (Payhawk's list of
        what Exact refuses). People inside Exact are warned only (assumption).
        """
        if kind is not PURCHASES or call.app == 'exact':
            return
        if self.switches.duplicate_purchase == 'accept':
            return
        key, reference = self.twice_key(kind, header), normal(header.get('YourRef'))
        others = (
            self.store.by(kind.header, call.division, '~YourRef', reference)
            if reference
            else self.store.by(kind.header, call.division, kind.party, header[kind.party])
        )
        for other in others:
            if other['EntryID'] != header['EntryID'] and self.twice_key(kind, other) == key:
                refuse('exists', 'YourRef')

    @staticmethod
    def twice_key(kind, header):
        return (
            header[kind.party],
            normal(header.get('YourRef')) or '',
            header[kind.date],
            header['Type'],
            header['Currency'],
            money(header['AmountFC']),
        )

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

    def refuse_period(self, call, year):
        """No such period: the year is unknown, or the period in it."""
        rows = self.store.all('FinancialPeriods', call.division)
        if any(row['FinYear'] == year for row in rows):
            refuse('reference', 'Period')
        refuse('unknown', 'FinancialYear')

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
                self.refuse_period(call, year)
        else:
            day = header[kind.date]
            for row in self.store.all('FinancialPeriods', call.division):
                if row['StartDate'] <= day <= row['EndDate']:
                    year, period = row['FinYear'], row['FinPeriod']
                    break
            else:
                self.refuse_period(call, None)
        header[kind.year], header[kind.period] = year, period

    def check_open(self, call, kind, header):
        if journal_closed(
            self.store, call.division, header[kind.journal], header[kind.year], header[kind.period]
        ):
            refuse('period_closed', year=header[kind.year], period=header[kind.period])

    def check_changeable(self, call, kind, header):
        if header['Status'] != 20 and call.app != 'exact':
            # people inside Exact may correct what is processed (assumption)
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
