"""The payment-side rows of the payment terms, and what a clerk does to a bank entry later: matching
what is left, un-matching, changing, deleting.
"""

from ..masters import new_id
from .bank import rate_of
from .kinds import BANK, ZERO, exact, money, number
from .matching import MatchError


class PaymentRows:
    """Needs what :class:`~.bank.BankPayments` has.

    TransactionID of a row is the ledger line with the ID of the BankEntryLine; one row per act of
    matching and one for what is left (split), or one for all (reduce).
    """

    def payment_rows(self, call, header, line):
        shares, rest = line['_shares'], self.rest_of(line)
        acts = {}
        for share in shares:
            acts.setdefault(share['act'], []).append(share)
        rows = {
            row.get('_act'): row
            for row in self.terms_of(call, header['EntryID'])
            if row['TransactionID'] == line['ID']
        }
        wanted = [self.row_values(act, group, line) for act, group in acts.items()]
        if rest[0] or not shares:
            wanted.append(self.row_values(None, [], line))
        if self.switches.partial_payment == 'reduce' and len(wanted) > 1:
            pays = sorted({share['entry'] for share in shares})
            wanted = [{**wanted[-1], '_pays': pays, '_act': None}]
        is_split = len(wanted) > 1
        left = dict(rows)
        for values in wanted:
            row = left.pop(values['_act'], None)
            if row is None and wanted[-1]['_act'] is not None:
                # the open row becomes the matched one
                row = left.pop(None, None)
            if row is None and values['_act'] is None and left:
                # what was matched is open again under its own ID
                row = left.pop(next(reversed(left)))
            self.put_row(call, header, line, row, values, is_split)
        for row in left.values():
            self.drop_joined(call, row)

    def row_values(self, act, shares, line):
        """What differs between the rows of one line."""
        day = line['Date']
        if act is None:
            fc, dc = self.rest_of(line)
            settled_fc, settled_dc = fc, dc
        else:
            fc, dc = self.money_of(shares)
            settled_fc = sum((exact(share['fc']) for share in shares), ZERO)
            settled_dc = sum((exact(share['dc']) for share in shares), ZERO)
        return {
            '_act': act,
            'Status': 20 if act is None else 50,
            'IsFullyPaid': act is not None,
            '_open': number(-settled_dc),
            '_open_fc': number(-settled_fc),
            '_money': number(-dc),
            '_money_fc': number(-fc),
            '_pays': sorted({share['entry'] for share in shares}),
            'EndDate': None if act is None else day,
        }

    def put_row(self, call, header, line, row, values, is_split):
        side = 1 if line['_side'] == 20 else -1
        whole_fc, whole_dc = self.rest_of(line)
        for share in line['_shares']:
            whole_fc += exact(share['fc'])
            whole_dc += exact(share['dc'])
        dates = [
            term['InvoiceDate']
            for entry in values['_pays']
            for term in self.terms_of(call, entry)[:1]
        ]
        end = values.pop('EndDate')
        base = row or {
            'ID': new_id(),
            'HID': self.store.next_number('PaymentTerms', call.division, 1),
            # a part that was split off has the EntryID of what it is matched with
            'EntryID': values['_pays'][0] if is_split and values['_act'] else header['EntryID'],
            'LastPaymentDate': None,
        }
        self.put_changed(
            call,
            'PaymentTerms',
            {
                **base,
                'LineType': line['_side'],
                'Account': line['Account'],
                'GLAccount': line['GLAccount'],
                'Currency': line['_currency'],
                'RateFC': rate_of(exact(line['_dc']), exact(line['_fc'])),
                'Description': line.get('Description'),
                'DueDate': line['Date'],
                'TransactionDueDate': line['Date'],
                'InvoiceDate': line['Date'],
                'EntryNumber': header['EntryNumber'],
                'InvoiceNumber': None,
                'Journal': header['JournalCode'],
                'PaymentMethod': 'B',
                'PaymentDays': 0,
                'TransactionEntryID': header['EntryID'],
                'TransactionID': line['ID'],
                'TransactionIsReversal': False,
                'TransactionReportingPeriod': header['FinancialPeriod'],
                'TransactionReportingYear': header['FinancialYear'],
                'TransactionStatus': header['Status'],
                'TransactionType': 40,
                'TransactionAmountDC': number(-whole_dc * side),
                'TransactionAmountFC': number(-whole_fc * side),
                '_transaction_money': number(-exact(line['_dc']) * side),
                '_transaction_money_fc': number(-exact(line['_fc']) * side),
                'YourRef': self.your_ref(call, values['_pays']),
                'ApprovalStatus': 1,
                'Source': 1,
                'EndDate': max([end, *dates]) if end else None,
                '_end_invoices': max(dates, default=None) if end else None,
                **values,
            },
        )

    # === later === #

    def match_payment(self, call, header, entry_id, amount=None, **differences):
        """Match what is left of a bank entry with an entry of the same relation.

        :param amount: Decimal in the currency of the entry, how much money; default all
        :param differences: ``discount``, ``write_off``, ``exchange``, signed as the entry's line
        :return: ID of the share
        """
        terms = self.open_terms(call, entry_id)
        if not terms:
            raise MatchError('nothing is open')
        open_fc = sum((exact(term['_open_fc']) for term in terms), ZERO)
        no_money = sum((differences.get(name) or ZERO for name in ('discount', 'write_off')), ZERO)
        for line in self.bank_lines(call, header):
            rest_fc, _rest_dc = self.rest_of(line)
            if (
                rest_fc * open_fc <= 0
                or line['Account'] != terms[0]['Account']
                or line['_side'] != terms[0]['LineType']
                or line['_currency'] != terms[0]['Currency']
            ):
                continue
            most = min(abs(rest_fc), abs(open_fc - no_money))
            paid = (most if amount is None else amount).copy_sign(open_fc)
            if abs(paid) > abs(rest_fc):
                raise MatchError(f'{abs(paid)} is more than what is left of the payment')
            line = dict(line)
            spec = {**differences, 'entry': entry_id, 'fc': paid + no_money}
            with self.store.unannounced():
                self.add_share(call, header, line, spec, new_id())
                self.explain(line, paid, rest_fc)
                self.store.put('BankEntryLines', call.division, line)
                self.rebook(call, dict(header))
            return line['_shares'][-1]['id']
        raise MatchError('no line of the payment fits')

    def explain(self, line, paid, rest_fc):
        """The exchange difference of the last share of a line: what was booked of the invoice is
        not what the rest of the payment was booked at.
        """
        share = line['_shares'][-1]
        if share['exchange']:
            return
        before = {**line, '_shares': line['_shares'][:-1]}
        rest_dc = self.rest_of(before)[1]
        there = rest_dc if paid == rest_fc else money(rest_dc * paid / rest_fc)
        _fc, here = self.money_of([share])
        share['exchange'] = number(here - there)

    def unmatch_payment(self, call, header, entry_id=None):
        """Take back what a bank entry is matched with (only one entry, if it is given); the money
        stays open. True if there was something.
        """
        found = False
        with self.store.unannounced():
            for line in self.bank_lines(call, header):
                gone = [
                    share for share in line['_shares'] if entry_id in (None, share['entry'])
                ]
                if not gone:
                    continue
                found = True
                kept = [share for share in line['_shares'] if share not in gone]
                self.store.put('BankEntryLines', call.division, {**line, '_shares': kept})
                for share in gone:
                    self.unsettle(call, share['entry'], share['id'])
            if found:
                self.rebook(call, dict(header))
        return found

    def redate_payment(self, call, header, day):
        """The clerk gives a bank entry another date; what it is matched with tells it."""
        header = {**header, 'EntryDate': day, 'FinancialYear': None, 'FinancialPeriod': None}
        journal = self.store.one('Journals', call.division, 'Code', header['JournalCode'])
        self.periods(call, BANK, header, journal)
        self.check_open(call, BANK, header)
        for line in self.bank_lines(call, header):
            self.store.put('BankEntryLines', call.division, {**line, 'Date': day})
            for entry_id in {share['entry'] for share in line['_shares']}:
                for term in list(self.terms_of(call, entry_id)):
                    parts = self.parts(term)
                    if any(part['payment'] == header['EntryID'] for part in parts):
                        moved = [
                            {**part, 'date': day, 'end': day}
                            if part['payment'] == header['EntryID']
                            else part
                            for part in parts
                        ]
                        self.put_term(call, term, _parts=moved)
                self.tell_dates(call, entry_id)
        return self.rebook(call, header)

    def reprice_payment(self, call, header, position, fc, dc):
        """The clerk gives a line another amount; it settles what it settled as far as it goes.

        :param fc: Decimal, in is positive
        :param dc: the same in the currency of the division, None where that is the currency
        """
        line = dict(
            next(
                (row for row in self.bank_lines(call, header) if row['LineNumber'] == position), {}
            )
        )
        if not line:
            raise MatchError(f'no line {position}')
        shares = line['_shares']
        for share in shares:
            self.unsettle(call, share['entry'], share['id'])
        line.update(_fc=number(fc), _shares=[])
        left = fc
        for share in shares:
            paid, no_money = self.money_of([share])[0], ZERO
            for name in ('discount', 'write_off'):
                no_money += exact(share[name])
            if paid * left <= 0:
                continue
            here = paid if abs(paid) <= abs(left) else left
            left -= here
            spec = {'entry': share['entry'], 'fc': here + no_money}
            for name in ('discount', 'write_off'):
                spec[name] = exact(share[name])
            self.add_share(call, header, line, spec, share['act'])
        self.give_amount(call, line, dc)
        return self.rebook(call, dict(header))

    def release(self, call, header):
        """Before an entry is deleted, all that it is matched with opens again."""
        if header.get('_payment'):
            self.unmatch_payment(call, header)
            return
        others = {
            (part['with'], part['payment'])
            for term in self.terms_of(call, header['EntryID'])
            for part in self.parts(term)
            if part.get('with')
        }
        for other, payment in others:
            bank = self.store.get('BankEntries', call.division, payment)
            if bank is not None and bank.get('_payment'):
                self.unmatch_payment(call, bank, header['EntryID'])
            else:
                self.unmatch_pair(call, header['EntryID'], other)
