"""Payments as Exact books them: one bank entry, its lines matched with what they settle.

A BankEntryLine of a payment keeps ``_side`` (20 receivable, 22 payable), ``_fc`` and ``_dc`` (the
money, in is positive) and ``_shares``: what of it settles which entry. A share's amounts have the
sign of the entry's AR/AP line (debit positive): ``fc`` and ``dc`` are what it settles, of which
``discount``, ``write_off`` and ``exchange`` are no money.

Assumptions: the clerk's bank entries are processed (Status 50); each share has a line of its own on
the AR/AP account, so that OffsetID is never ambiguous; discount, payment difference (Type 83) and
exchange difference (Type 82) are lines of the same entry; PaymentDiscountAmount is positive.
"""

from ..masters import ENTITY_TYPES, new_id
from ..messages import BusinessError
from ..views import deleted_row
from .kinds import BANK, CENT, ZERO, exact, money, number
from .matching import MatchError

#: what is booked -> (codes of G/L accounts in the demo charts, types to fall back on)
ACCOUNTS = {
    'discount20': (('806500',), (140, 130, 121)),
    'discount22': (('706500',), (111, 140, 121)),
    'write_off': (('493000',), (130, 121)),
    'exchange': (('492000',), (130, 121)),
}
#: part of a share -> (Type of its ledger line, key of ACCOUNTS)
DIFFERENCES = {
    'discount': (40, 'discount'),
    'write_off': (83, 'write_off'),
    'exchange': (82, 'exchange'),
}


class BankPayments:
    """Needs ``store``, ``switches``, ``clock`` and what the other parts of a ledger have."""

    def settlement_account(self, call, purpose):
        """ID of the G/L account for discounts or differences."""
        found = self.account_among(call, *ACCOUNTS[purpose])
        if found is None:
            raise MatchError(f'no G/L account for {purpose}')
        return found

    # === the entry === #

    def book_bank(self, call, specs, day, journal=None):
        """Book one bank entry.

        :param specs: list of ``account``, ``gl_account``, ``side``, ``currency``, ``fc``, ``dc``
            (None: as it was booked), ``shares`` (list of ``entry``, ``fc``, ``discount``,
            ``write_off``, ``exchange``, ``term``)
        :param day: ``2026-01-31``
        :param journal: code; default the first bank journal
        :return: header record
        :raise BusinessError: closed period, blocked journal
        """
        header = {
            'EntryID': new_id(),
            'JournalCode': journal or self.bank_journal(call)['Code'],
            'EntryDate': day,
            'Type': 40,
            'Status': 50,
            'Creator': call.user['ID'],
            'Created': self.clock.wall(),
            '_payment': True,
            '_bank_line': new_id(),
        }
        header['ID'] = header['EntryID']
        problems = []
        row = self.journal(call, BANK, header, problems)
        if problems:
            raise BusinessError(*problems)
        self.periods(call, BANK, header, row)
        self.check_open(call, BANK, header)
        self.numbers(call, BANK, header, None)
        currencies = {spec['currency'] for spec in specs}
        header['Currency'] = (
            currencies.pop() if len(currencies) == 1 else self.own_currency(call)
        )
        for position, spec in enumerate(specs, 1):
            self.payment_line(call, header, spec, position)
        return self.rebook(call, header)

    def bank_journal(self, call):
        rows = [row for row in self.store.all('Journals', call.division) if row['Type'] == 12]
        if not rows:
            raise MatchError('no bank journal')
        return min(rows, key=lambda row: row['Code'])

    def payment_line(self, call, header, spec, position):
        line = {
            'ID': new_id(),
            'EntryID': header['EntryID'],
            'EntryNumber': header['EntryNumber'],
            'LineNumber': position,
            'GLAccount': spec['gl_account'],
            'Account': spec['account'],
            'Date': header['EntryDate'],
            'Description': spec.get('description'),
            'Creator': call.user['ID'],
            'Created': self.clock.wall(),
            '_side': spec['side'],
            '_currency': spec['currency'],
            '_fc': number(spec['fc']),
            '_dc': None,
            '_rest_line': new_id(),
            '_shares': [],
        }
        act = new_id()
        for share in spec['shares']:
            self.add_share(call, header, line, share, act)
        self.give_amount(call, line, spec['dc'])

    def give_amount(self, call, line, dc):
        """The money of a line in the currency of the division: given, or as it was booked."""
        settled_fc, settled_dc = self.money_of(line['_shares'])
        rest_fc = exact(line['_fc']) - settled_fc
        if rest_fc and (rest_fc * exact(line['_fc']) <= 0):
            raise MatchError('more is matched than the amount of the line')
        if line['_currency'] == self.own_currency(call):
            dc = exact(line['_fc'])
        elif dc is None:
            if rest_fc:
                raise MatchError('the amount in the currency of the division is needed')
            dc = settled_dc
        difference = settled_dc - dc
        if not rest_fc and difference:
            shares = line['_shares']
            if len(shares) != 1 or shares[0]['exchange']:
                raise MatchError(f'an exchange difference of {abs(difference)} is not explained')
            shares[0]['exchange'] = number(difference)
        line['_dc'] = number(dc)
        self.store.put('BankEntryLines', call.division, line)

    @staticmethod
    def money_of(shares):
        """(amount in foreign currency, in that of the division) of shares, without what is no
        money; in is positive.
        """
        fc = sum(
            (exact(s['fc']) - exact(s['discount']) - exact(s['write_off']) for s in shares), ZERO
        )
        dc = sum(
            (
                exact(s['dc'])
                - exact(s['discount_dc'])
                - exact(s['write_off_dc'])
                - exact(s['exchange'])
                for s in shares
            ),
            ZERO,
        )
        return fc, dc

    def add_share(self, call, header, line, spec, act):
        """Match a part of a line with an entry; ``act`` is what was matched in one go."""
        terms = self.open_terms(call, spec['entry'])
        if not terms:
            raise MatchError(f"nothing is open of {spec['entry']}")
        identity = new_id()
        taken = {share['line'] for share in line['_shares']}
        own_line = new_id() if line['ID'] in taken else line['ID']
        part = {
            'match': identity,
            'payment': header['EntryID'],
            'date': line['Date'],
            'end': line['Date'],
            'with': header['EntryID'],
            'line': own_line,
        }
        dc = self.settle(call, spec['entry'], spec['fc'], part, only=spec.get('term'))
        share = {
            'id': identity,
            'act': act,
            'entry': spec['entry'],
            'transaction': terms[0]['TransactionID'],
            'line': own_line,
            'fc': number(spec['fc']),
            'dc': number(dc),
            'exchange': number(spec.get('exchange') or ZERO),
        }
        for name in ('discount', 'write_off'):
            amount = spec.get(name) or ZERO
            share[name] = number(amount)
            share[f'{name}_dc'] = number(money(dc * amount / spec['fc']))
        for name in DIFFERENCES:
            share[f'{name}_line'] = new_id()
        line['_shares'] = [*line['_shares'], share]

    def bank_lines(self, call, header):
        return self.lines(call, BANK, header)

    # === what follows from it === #

    def rebook(self, call, header):
        """Totals, ledger lines and payment terms anew; only what differs gets a new Timestamp."""
        lines = self.bank_lines(call, header)
        total_dc = sum((exact(line['_dc']) for line in lines), ZERO)
        total_fc = sum((exact(line['_fc']) for line in lines), ZERO)
        own = self.own_currency(call)
        if header['Currency'] == own:
            total_fc = total_dc
        header['ExchangeRate'] = rate_of(total_dc, total_fc)
        header['_total'], header['_total_fc'] = number(total_dc), number(total_fc)
        # the bank account is kept in the currency of the division
        self.balances(call, BANK, header, total_dc)
        stored = self.put_changed(call, 'BankEntries', header)
        for line in lines:
            offsets = {share['transaction'] for share in line['_shares']}
            entries = {share['entry'] for share in line['_shares']}
            term = self.open_or_matched(call, entries)
            self.put_changed(
                call,
                'BankEntryLines',
                {
                    **line,
                    'AmountFC': line['_fc'],
                    'AmountDC': line['_dc'],
                    'ExchangeRate': rate_of(exact(line['_dc']), exact(line['_fc'])),
                    'OffsetID': offsets.pop() if len(offsets) == 1 else None,
                    'OurRef': term.get('InvoiceNumber') if term else None,
                },
            )
        wanted = self.bank_ledger(call, stored)
        kept = {row['ID'] for row in wanted}
        for row in list(
            self.store.by('TransactionLines', call.division, 'EntryID', header['EntryID'])
        ):
            if row['ID'] not in kept:
                self.store.drop('TransactionLines', call.division, row['_key'])
                deleted_row(self.store, call, row['_key'], ENTITY_TYPES['TransactionLines'])
        for row in wanted:
            self.put_changed(call, 'TransactionLines', row)
        for line in self.bank_lines(call, stored):
            self.payment_rows(call, stored, line)
        return stored

    def open_or_matched(self, call, entry_ids):
        """A term of the one entry, None if there are more or none."""
        if len(entry_ids) != 1:
            return None
        return next(iter(self.terms_of(call, next(iter(entry_ids)))), None)

    def put_changed(self, call, table, row):
        """Store a record unless it is there with the same values."""
        before = self.store.get(table, call.division, row['ID'])
        silent = ('Modified', 'Modifier', 'Created', 'Creator', 'Timestamp', '_at', '_key')
        if before is not None and all(
            before.get(name) == value for name, value in row.items() if name not in silent
        ):
            return before
        now = self.clock.wall()
        return self.store.put(
            table,
            call.division,
            {
                'Created': before['Created'] if before else now,
                'Creator': before['Creator'] if before else call.user['ID'],
                **{name: value for name, value in row.items() if name not in ('_key', '_at')},
                'Modified': now,
                'Modifier': call.user['ID'],
            },
        )

    def bank_ledger(self, call, header):
        """The ledger's lines: 0 the bank account, then per line what is settled, what is left on
        the relation's account, and what is no money.
        """
        journal = self.store.one('Journals', call.division, 'Code', header['JournalCode'])
        shared = {
            'EntryID': header['EntryID'],
            'EntryNumber': header['EntryNumber'],
            'JournalCode': header['JournalCode'],
            'FinancialYear': header['FinancialYear'],
            'FinancialPeriod': header['FinancialPeriod'],
            'Date': header['EntryDate'],
            'Status': header['Status'],
            'Type': 40,
            'LineType': 0,
            'VATType': 'S',
            'VATCode': None,
            'VATPercentage': 0.0,
            'AmountVATFC': 0.0,
            'AmountVATBaseFC': 0.0,
            'Quantity': 0.0,
            'PaymentDiscountAmount': 0.0,
        }
        rows = [
            {
                **shared,
                'ID': header['_bank_line'],
                'GLAccount': journal['GLAccount'],
                'Currency': header['Currency'],
                'AmountDC': header['_total'],
                'AmountFC': header['_total_fc'],
                'ExchangeRate': header['ExchangeRate'],
            }
        ]
        for line in self.bank_lines(call, header):
            own = {
                **shared,
                'Account': line['Account'],
                'Currency': line['_currency'],
                'Description': line.get('Description'),
            }
            party = {**own, 'GLAccount': line['GLAccount'], 'LineType': line['_side']}
            for share in line['_shares']:
                rows.extend(self.share_ledger(call, line, share, own, party))
            fc, dc = self.rest_of(line)
            if fc or not line['_shares']:
                taken = {share['line'] for share in line['_shares']}
                rows.append(
                    {
                        **party,
                        'ID': line['_rest_line'] if line['ID'] in taken else line['ID'],
                        'AmountDC': number(-dc),
                        'AmountFC': number(-fc),
                        'ExchangeRate': rate_of(dc, fc),
                        'OffsetID': None,
                    }
                )
        for position, row in enumerate(rows):
            row['LineNumber'] = position
        return rows

    def share_ledger(self, call, line, share, own, party):
        """The ledger lines of one share: what it settles, and its differences."""
        dc, fc = exact(share['dc']), exact(share['fc'])
        settled = next(iter(self.terms_of(call, share['entry'])), {})
        told = {
            'InvoiceNumber': settled.get('InvoiceNumber'),
            'YourRef': settled.get('YourRef'),
        }
        yield {
            **party,
            **told,
            'ID': share['line'],
            'AmountDC': number(-dc),
            'AmountFC': number(-fc),
            'ExchangeRate': rate_of(dc, fc),
            'OffsetID': share['transaction'],
            'PaymentDiscountAmount': abs(share['discount']),
        }
        for name, (kind, purpose) in DIFFERENCES.items():
            in_fc = share.get(name) if name != 'exchange' else 0.0
            in_dc = share['exchange'] if name == 'exchange' else share[f'{name}_dc']
            if not in_dc and not in_fc:
                continue
            if name == 'discount':
                purpose = f"discount{line['_side']}"
            yield {
                **own,
                **told,
                'ID': share[f'{name}_line'],
                'Type': kind,
                'GLAccount': self.settlement_account(call, purpose),
                'AmountDC': in_dc,
                'AmountFC': in_fc,
                'ExchangeRate': rate_of(exact(in_dc), exact(in_fc)),
            }

    def rest_of(self, line):
        """(foreign, own) amount of a line that is not matched, in is positive."""
        fc, dc = self.money_of(line['_shares'])
        return exact(line['_fc']) - fc, exact(line['_dc']) - dc


def rate_of(dc, fc):
    """Exchange rate of two amounts; 1 where there is none."""
    if not fc or not dc:
        return 1.0
    return round(float(dc / fc), 6) if abs(dc - fc) >= CENT else 1.0
