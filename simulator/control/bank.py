"""People working inside Exact: bank entries matched with invoices, and what is done to them later.

Amounts here have no sign of the ledger: what came in of a customer and what went out to a supplier
is positive, and so is what is settled of an entry, a credit note, too.
"""

from decimal import Decimal

from .. import seed
from ..ledger import exact, money
from .error import ControlError

ZERO = Decimal(0)
#: LineType -> property of a relation that names its account, type of the G/L account
SIDES = {20: ('GLAR', 20), 22: ('GLAP', 22)}
NO_MONEY = ('discount', 'write_off')


class Bank:
    """Actions of :class:`~.control.Control`."""

    def do_bank_payment(self, lines, date=None, journal=None, division=seed.MAIN):
        """One bank entry. Each of ``lines`` is a dict:

        - ``relation`` (ID or Code) or ``entry`` (EntryID or number): whose money it is
        - ``amount`` in the currency of the entry: what came in of a customer or went out to a
          supplier; negative the other way round; default what ``matched`` adds up to
        - ``amount_dc``: the same in the currency of the division; needed where it is another one
          and the line is not matched in full; default as the entries were booked
        - ``matched``: list of ``{entry, amount, discount, write_off, exchange}``; ``amount`` is
          the money (default: all that is open), ``discount`` and ``write_off`` are settled beside
          it, ``exchange`` is in the currency of the division (1,000.00 booked, 985.00 received:
          15.00). A credit note counts against the invoices of the line. Without ``matched`` a
          line with an ``entry`` is matched with it as far as it goes, and ``discount``,
          ``write_off``, ``exchange`` may stand on the line itself; ``matched: []`` is not matched
        - ``side`` ``receivable`` or ``payable`` where a relation without ``matched`` is both
        - ``currency``, ``description``

        What is not matched stays open on the relation's account (case 6).

        :return: ``EntryID``, ``EntryNumber``, ``lines``: per line ``ID`` (TransactionID of its
            terms), ``transactions`` (IDs of its ledger lines on the AR/AP account), ``terms``
        :raise ControlError: amounts do not fit
        :raise BusinessError: closed period
        """
        call, ledger = self.call(division), self.app.ledger
        with self.store.transaction():
            specs = [self.line_spec(call, dict(line)) for line in lines]
            if not specs:
                raise ControlError('no lines')
            day = date or self.app.clock.today()
            header = ledger.book_bank(call, specs, day, journal)
            return self.payment_answer(call, header)

    def payment_answer(self, call, header):
        ledger = self.app.ledger
        terms = ledger.terms_of(call, header['EntryID'])
        answer = []
        for line in ledger.bank_lines(call, header):
            own = {line['ID'], line['_rest_line'], *(share['line'] for share in line['_shares'])}
            rows = self.store.by('TransactionLines', call.division, 'EntryID', header['EntryID'])
            answer.append(
                {
                    'ID': line['ID'],
                    'transactions': [row['ID'] for row in rows if row['ID'] in own],
                    'terms': [term['ID'] for term in terms if term['TransactionID'] == line['ID']],
                }
            )
        return {
            'EntryID': header['EntryID'],
            'EntryNumber': header['EntryNumber'],
            'lines': answer,
        }

    def line_spec(self, call, line):
        """A line as :meth:`~..ledger.bank.BankPayments.book_bank` takes it."""
        matched = line.get('matched')
        amount = None if line.get('amount') is None else money(line['amount'])
        if matched is None:
            matched = []
            if line.get('entry') is not None:
                own = {name: line[name] for name in (*NO_MONEY, 'exchange') if line.get(name)}
                matched = [{'entry': line['entry'], 'most': amount, **own}]
        shares = [self.share_spec(call, item) for item in matched]
        signs = {1 if share['fc'] > 0 else -1 for share in shares}
        settled = sum(
            (share['fc'] - share['discount'] - share['write_off'] for share in shares), ZERO
        )
        owner = self.owner(call, line, shares)
        side = owner['side']
        if amount is None:
            fc = settled
        elif len(signs) == 1:
            fc = abs(amount) * signs.pop()
        else:
            fc = amount if side == 20 else -amount
        if not fc and not shares:
            raise ControlError('a line needs an amount')
        given = line.get('amount_dc')
        return {
            **owner,
            'fc': fc,
            'dc': None if given is None else abs(money(given)).copy_sign(fc),
            'description': line.get('description'),
            'shares': shares,
        }

    def owner(self, call, line, shares):
        """``account``, ``gl_account``, ``side`` and ``currency`` of a line."""
        ledger, division = self.app.ledger, call.division
        entry = shares[0]['entry'] if shares else None
        if entry is None and line.get('entry') is not None:
            entry = self.entry(division, line['entry'])[1]['EntryID']
        terms = ledger.terms_of(call, entry) if entry else ()
        for share in shares:
            for term in ledger.terms_of(call, share['entry'])[:1]:
                for name in ('Account', 'LineType', 'Currency'):
                    if term[name] != terms[0][name]:
                        raise ControlError(f'{name} of what a line is matched with differs')
        if terms:
            first = terms[0]
            return {
                'account': first['Account'],
                'gl_account': first['GLAccount'],
                'side': first['LineType'],
                'currency': first['Currency'],
            }
        relation = self.record('Accounts', str(line.get('relation')), division)
        wanted = line.get('side') or ('receivable' if relation['Status'] == 'C' else 'payable')
        side = 20 if wanted == 'receivable' else 22
        control, kind = SIDES[side]
        accounts = [
            row
            for row in self.store.all('Journals', division)
            if row['Type'] == kind and row.get('GLAccount')
        ]
        accounts.sort(key=lambda row: row['Code'])
        account = relation.get(control) or (accounts[0]['GLAccount'] if accounts else None)
        if account is None:
            raise ControlError(f'no {wanted} account')
        return {
            'account': relation['ID'],
            'gl_account': account,
            'side': side,
            'currency': line.get('currency') or ledger.own_currency(call),
        }

    def share_spec(self, call, item):
        """What is settled of one entry, with the sign of its AR/AP line."""
        _kind, header = self.entry(call.division, item['entry'])
        terms = self.app.ledger.open_terms(call, header['EntryID'])
        if item.get('term'):
            terms = [term for term in terms if term['ID'] == item['term']]
        open_fc = sum((exact(term['_open_fc']) for term in terms), ZERO)
        if not open_fc:
            raise ControlError(f"nothing is open of {header['EntryNumber']}")
        no_money = {name: money(item.get(name)) for name in NO_MONEY}
        beside = sum(no_money.values(), ZERO)
        if item.get('amount') is not None:
            paid = money(item['amount'])
        else:
            paid = abs(open_fc) - beside
            if item.get('most') is not None:
                paid = min(paid, abs(item['most']))
        sign = 1 if open_fc > 0 else -1
        return {
            'entry': header['EntryID'],
            'term': item.get('term'),
            'fc': (paid + beside) * sign,
            **{name: value * sign for name, value in no_money.items()},
            'exchange': money(item.get('exchange')) * sign,
        }

    # === matching without money, and undoing === #

    def do_match(
        self,
        entry,
        with_entry,
        amount=None,
        discount=0,
        write_off=0,
        exchange=0,
        division=seed.MAIN,
    ):
        """Match two entries of one relation: an invoice and its credit note, or an invoice and
        what is left of a payment.

        :param amount: how much in their currency; default all that both have
        :param discount: with a payment only, as ``write_off`` and ``exchange``: as in
            :meth:`do_bank_payment`
        :return: ``match``: ID of the match
        """
        call, ledger = self.call(division), self.app.ledger
        headers = [self.entry(division, name)[1] for name in (entry, with_entry)]
        money_of = None if amount is None else money(amount)
        headers.sort(key=lambda header: bool(header.get('_payment')))
        one, two = headers
        with self.store.transaction():
            if not two.get('_payment'):
                return {'match': ledger.match_pair(call, one['EntryID'], two['EntryID'], money_of)}
            if one.get('_payment'):
                raise ControlError('two payments are not matched with each other')
            [first, *_others] = ledger.open_terms(call, one['EntryID']) or [{'_open_fc': 0}]
            sign = -1 if exact(first['_open_fc']) < 0 else 1
            beside = {'discount': discount, 'write_off': write_off, 'exchange': exchange}
            share = ledger.match_payment(
                call,
                two,
                one['EntryID'],
                money_of,
                **{name: money(value) * sign for name, value in beside.items()},
            )
            return {'match': share}

    def do_unmatch(self, payment=None, entry=None, with_entry=None, division=seed.MAIN):
        """Take matches back. ``payment``: all of a bank entry, or only that with ``entry``; the
        money stays open as a row of the payment. ``entry`` and ``with_entry``: those two.
        """
        call, ledger = self.call(division), self.app.ledger
        names = [name for name in (payment, entry, with_entry) if name is not None]
        headers = [self.entry(division, name)[1] for name in names]
        headers.sort(key=lambda header: not header.get('_payment'))
        if not headers or (len(headers) == 1 and not headers[0].get('_payment')):
            raise ControlError('a payment or two entries are needed')
        others = [header['EntryID'] for header in headers[1:]]
        with self.store.transaction():
            if headers[0].get('_payment'):
                found = ledger.unmatch_payment(call, headers[0], *others[:1])
            else:
                found = ledger.unmatch_pair(call, headers[0]['EntryID'], others[0])
            if not found:
                raise ControlError('they are not matched')

    def do_edit_payment(
        self, payment, date=None, amount=None, amount_dc=None, line=1, division=seed.MAIN
    ):
        """The clerk edits a bank entry: its date, or the ``amount`` of one ``line`` (number),
        positive as in :meth:`do_bank_payment`. What it settles follows: less money opens the
        invoice again in part, more stays open on the relation's account.
        """
        call, ledger = self.call(division), self.app.ledger
        header = self.payment_header(division, payment)
        with self.store.transaction():
            if date is not None:
                header = ledger.redate_payment(call, header, date)
            if amount is not None:
                fc = self.signed(call, header, line, amount)
                dc = None if amount_dc is None else abs(money(amount_dc)).copy_sign(fc)
                header = ledger.reprice_payment(call, header, line, fc, dc)
            return self.payment_answer(call, header)

    def signed(self, call, header, position, amount):
        """An amount with the direction that the line has now."""
        for line in self.app.ledger.bank_lines(call, header):
            if line['LineNumber'] == position:
                return abs(money(amount)).copy_sign(exact(line['_fc']))
        raise ControlError(f'no line {position}')

    def payment_header(self, division, payment):
        _kind, header = self.entry(division, payment)
        if not header.get('_payment'):
            raise ControlError(f'{payment} is no payment')
        return header

    def do_undo_payment(self, payment, division=seed.MAIN):
        """The payment is deleted: what it was matched with is open again, split parts join the
        rest; sync/Deleted tells its ledger lines (1) and terms (10).
        """
        call, ledger = self.call(division), self.app.ledger
        header = self.store.get('BankEntries', division, str(payment).lower())
        if header is None and str(payment).isdigit():
            header = self.store.one('BankEntries', division, 'EntryNumber', int(payment))
        with self.store.transaction():
            if header is not None and header.get('_payment'):
                ledger.delete(call, self.entry(division, header['EntryID'])[0], header, force=True)
            else:
                self.undo_registered(call, str(payment))
