"""Payments that come in and are matched inside Exact."""

from .. import seed
from ..ledger import exact, money, number
from ..masters import ENTITY_TYPES, new_id
from ..views import deleted_row
from .error import ControlError


class Payments:
    """Actions of :class:`~.control.Control`."""

    def do_register_payment(self, entry, amount=None, date=None, division=seed.MAIN):
        """Money came in (or went out) and was matched: all that is open, or ``amount`` in the
        entry's currency.

        A part splits the term: the open rest keeps its ID, the matched part is a new record
        (assumption). Answers the ID of the payment (its EntryID).
        """
        _kind, header = self.entry(division, entry)
        day = date or self.app.clock.today()
        payment, call, ledger = new_id(), self.call(division), self.app.ledger
        terms = ledger.open_terms(call, header['EntryID'])
        if not terms:
            raise ControlError('nothing is open')
        open_fc = sum(exact(term['_open_fc']) for term in terms)
        fc = open_fc if amount is None else min(money(amount), abs(open_fc)).copy_sign(open_fc)
        part = {'match': payment, 'payment': payment, 'date': day, 'end': day, 'with': None}
        with self.store.transaction():
            ledger.settle(call, header['EntryID'], fc, part)
            self.book_payment(division, header, payment, day, amount)
        return {'EntryID': payment}

    def do_split_term(self, entry, parts, division=seed.MAIN):
        """What is open of an entry falls due in parts: ``parts`` is a list of [date, amount] in the
        entry's currency, that add up to what is open.
        """
        _kind, header = self.entry(division, entry)
        terms = [
            term
            for term in self.store.by(
                'PaymentTerms', division, 'TransactionEntryID', header['EntryID']
            )
            if term['Status'] != 50
        ]
        if len(terms) != 1:
            raise ControlError(f'{len(terms)} open terms, one is needed')
        [term] = terms
        whole_fc, whole_dc = exact(term['_open_fc']), exact(term['_open'])
        amounts = [money(amount) for _day, amount in parts]
        if sum(amounts) != abs(whole_fc):
            raise ControlError(f'the parts are {sum(amounts)}, open are {abs(whole_fc)}')
        left, now = whole_dc, self.app.clock.wall()
        with self.store.transaction():
            for number_, amount in enumerate(amounts, 1):
                part = left if number_ == len(parts) else money(whole_dc * amount / abs(whole_fc))
                left -= part
                own = (
                    {}
                    if number_ == 1
                    else {
                        '_key': None,
                        'ID': new_id(),
                        'HID': self.store.next_number('PaymentTerms', division),
                        'Created': now,
                        '_parts': [],
                    }
                )
                self.store.put(
                    'PaymentTerms',
                    division,
                    {
                        **term,
                        **own,
                        '_open_fc': number(amount.copy_sign(whole_fc)),
                        '_open': number(part),
                        'DueDate': parts[number_ - 1][0],
                        'Modified': now,
                    },
                )

    def book_payment(self, division, header, payment, day, amount):
        """The bank entry of a payment, as ledger lines (Type 40)."""
        bank = next(
            (row for row in self.store.all('Journals', division) if row['Type'] == 12), None
        )
        parties = [
            row
            for row in self.store.by('TransactionLines', division, 'EntryID', header['EntryID'])
            if row['LineType'] in (20, 22)
        ]
        if bank is None or not parties:
            return
        party, now = parties[0], self.app.clock.wall()
        total = exact(party['AmountDC'])
        paid = (
            total
            if amount is None
            else (money(amount) * exact(party['ExchangeRate'])).copy_sign(total)
        )
        prefix = f"{day[2:4]}{bank['Code']:0>2}"
        entry_number = int(f"{prefix}{self.store.next_number(f'entry/{prefix}', division):04d}")
        found = next(
            (
                row
                for row in self.store.all('FinancialPeriods', division)
                if row['StartDate'] <= day <= row['EndDate']
            ),
            {'FinYear': party['FinancialYear'], 'FinPeriod': party['FinancialPeriod']},
        )
        for position, (account, value) in enumerate(
            ((bank['GLAccount'], paid), (party['GLAccount'], -paid))
        ):
            self.store.put(
                'TransactionLines',
                division,
                {
                    **{name: value_ for name, value_ in party.items() if name != '_key'},
                    'ID': new_id(),
                    'EntryID': payment,
                    'EntryNumber': entry_number,
                    'JournalCode': bank['Code'],
                    'FinancialYear': found['FinYear'],
                    'FinancialPeriod': found['FinPeriod'],
                    'Type': 40,
                    'LineNumber': position,
                    'LineType': 0,
                    'OffsetID': party['ID'] if position else None,
                    'GLAccount': account,
                    'AmountDC': number(value),
                    'AmountFC': number(value),
                    'Currency': 'EUR',
                    'ExchangeRate': 1.0,
                    'Date': day,
                    'Created': now,
                    'Modified': now,
                },
            )

    def undo_registered(self, call, payment):
        """The match of :meth:`do_register_payment` is taken back."""
        ledger = self.app.ledger
        paid = {
            term['TransactionEntryID']
            for term in self.store.all('PaymentTerms', call.division)
            if any(part.get('payment') == payment for part in ledger.parts(term))
        }
        for entry_id in paid:
            ledger.unsettle(call, entry_id, payment)
        for line in self.store.by('TransactionLines', call.division, 'EntryID', payment):
            self.store.drop('TransactionLines', call.division, line['_key'])
            deleted_row(self.store, call, line['_key'], ENTITY_TYPES['TransactionLines'])
