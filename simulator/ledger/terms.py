"""Payment terms: what is open of an entry."""

from datetime import date, timedelta

from ..masters import ENTITY_TYPES, new_id
from ..views import deleted_row
from .kinds import exact, money, number

DISCOUNT_PROPERTIES = (
    'DiscountDueDate',
    'PaymentDaysDiscount',
    'PaymentDiscountPercentage',
    'AmountDiscountFC',
    'AmountDiscountDC',
)


class Terms:
    """Needs ``store``, ``switches``, ``clock`` and what :class:`~.matching.Matching` has."""

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
                self.drop_term(call, term)
        for transaction, (row, line_type) in wanted.items():
            mine = [term for term in existing if term['TransactionID'] == transaction]
            matched, matched_fc = self.matched(mine)
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
            shared = {
                **self.discount(condition, header, row),
                'LineType': line_type,
                'Account': row['Account'],
                'TransactionAmountDC': number(exact(row['AmountDC']) * side),
                'TransactionAmountFC': number(exact(row['AmountFC']) * side),
                'Currency': header['Currency'],
                'RateFC': header.get(kind.rate) or 1.0,
                'Description': row.get('Description'),
                'TransactionDueDate': row.get('DueDate') or row['Date'],
                'EntryDate': base.get('_processed') or row['Date'],
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
                'YourRef': base.get('YourRef') if base.get('_pays') else header.get('YourRef'),
                'Document': header.get('Document'),
                'ApprovalStatus': 1,
                'Source': 1,
                'Modified': now,
            }
            if len(open_terms) > 1:
                if sum(exact(term['_open_fc']) for term in open_terms) == amount_fc:
                    # a person gave them due dates of their own; they stay as they add up
                    for term in open_terms:
                        self.store.put('PaymentTerms', call.division, {**term, **shared})
                    continue
                base = {**base, '_parts': [p for term in open_terms for p in self.parts(term)]}
                for term in open_terms[1:]:
                    self.drop_joined(call, term)
            self.store.put(
                'PaymentTerms',
                call.division,
                {
                    **base,
                    **shared,
                    '_open': number(amount),
                    '_open_fc': number(amount_fc),
                    'DueDate': row.get('DueDate') or row['Date'],
                },
            )

    def drop_term(self, call, term):
        self.store.drop('PaymentTerms', call.division, term['_key'])
        deleted_row(self.store, call, term['_key'], ENTITY_TYPES['PaymentTerms'])

    @staticmethod
    def discount(condition, header, row):
        """What a term says of the discount of its payment condition, None without one."""
        days, share = condition.get('DiscountPaymentDays'), condition.get('DiscountPercentage')
        if not days or not share:
            return dict.fromkeys(DISCOUNT_PROPERTIES)
        base = exact(row['AmountFC'])
        if condition.get('DiscountCalculation') == 'E' and header.get('VATAmountFC') is not None:
            side = 1 if base >= 0 else -1
            base -= abs(exact(header['VATAmountFC'])) * side
        amount = money(base * exact(share))
        if header.get('_surcharge'):
            # the surcharge is in the total already: who pays in time leaves it out
            amount = abs(exact(header['_surcharge'])).copy_sign(base)
        rate = exact(row.get('ExchangeRate') or 1)
        return {
            'DiscountDueDate': (
                date.fromisoformat(row['Date'][:10]) + timedelta(days=days)
            ).isoformat(),
            'PaymentDaysDiscount': days,
            'PaymentDiscountPercentage': share,
            'AmountDiscountFC': number(amount),
            'AmountDiscountDC': number(money(amount * rate)),
        }
