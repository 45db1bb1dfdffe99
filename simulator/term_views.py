"""What a client sees of payment terms: signs, dates and amounts by switch, and the open items."""

#: TransactionType of a payment: bank and cash entries
PAYMENT = 40
#: amounts of a payment term whose sign is an open question -> where the record keeps them
TERM_AMOUNTS = {
    'AmountDC': '_open',
    'AmountFC': '_open_fc',
    'AmountDiscountDC': 'AmountDiscountDC',
    'AmountDiscountFC': 'AmountDiscountFC',
}
#: amounts of a payment's row -> the same without discount, write-off and exchange difference
MONEY = {
    'AmountDC': '_money',
    'AmountFC': '_money_fc',
    'TransactionAmountDC': '_transaction_money',
    'TransactionAmountFC': '_transaction_money_fc',
}
TERM_VALUES = {*TERM_AMOUNTS, *MONEY, 'InvoiceDate', 'EntryDate', 'EndDate'}
#: Status -> how pages name it
TERM_STATES = {20: 'open', 30: 'selected', 40: 'sent to the bank', 50: 'matched'}
#: Status of what is in a payment run: selected, sent to the bank
IN_TRANSIT = (30, 40)


class TermViews:
    """Needs ``store`` and ``switches``."""

    def term_value(self, endpoint, row, name):
        """One property of :data:`TERM_VALUES`."""
        if name in TERM_AMOUNTS:
            return self.term_amount(endpoint, row, name)
        if name in MONEY:
            return row.get(self.money_name(row, name) or name)
        if name == 'EndDate':
            return row.get(self.end_name())
        if row['TransactionType'] == PAYMENT and name != self.switches.payment_row_date:
            return row.get('_processed') if name == 'EntryDate' else None
        return row.get('InvoiceDate' if row['TransactionType'] == PAYMENT else name)

    def end_name(self):
        """EndDate is the highest invoice date of all matched terms; whether a payment has one is
        an open question.
        """
        return 'EndDate' if self.switches.payment_row_date == 'InvoiceDate' else '_end_invoices'

    def money_name(self, row, name):
        """Where a payment's row keeps the money that moved, None if that is not asked for."""
        kept = MONEY.get(name)
        if self.switches.payment_row_amount == 'money' and row.get(kept) is not None:
            return kept
        return None

    def term_amount(self, endpoint, row, name):
        """Open (or matched) amount of a payment term; the sign is an open question (fact sheet
        4.3).
        """
        amount = row.get(self.money_name(row, name) or TERM_AMOUNTS[name])
        if amount is None:
            return None
        if endpoint.kind != 'sync':
            return -amount
        if row['LineType'] == 22:
            return -amount if self.switches.payable_terms_sign == '+' else amount
        sign = self.switches.receivable_terms_sign
        if sign == 'payment_terms_sign':
            sign = '+' if self.switches.payment_terms_sign == 'owes_positive' else '-'
        return amount if sign == '+' else -amount

    def open_items(self, division, line_type):
        """Rows of ReceivablesList and PayablesList: what is not matched, payments included."""
        rows = []
        for term in self.store.all('PaymentTerms', division):
            if term['LineType'] != line_type or term['Status'] == 50:
                continue
            account = self.store.get('Accounts', division, term.get('Account')) or {}
            amount = -term['_open']
            rows.append(
                {
                    '_key': term['ID'],
                    'HID': term['HID'],
                    'Id': term['ID'],
                    'AccountId': term.get('Account'),
                    'AccountCode': account.get('Code'),
                    'AccountName': account.get('Name'),
                    'Amount': amount,
                    'AmountInTransit': amount if term['Status'] in IN_TRANSIT else 0.0,
                    'ApprovalStatus': 1,
                    'CurrencyCode': term.get('Currency'),
                    'Description': term.get('Description'),
                    'DueDate': term.get('DueDate'),
                    'EntryNumber': term.get('EntryNumber'),
                    'InvoiceDate': term.get('InvoiceDate'),
                    'InvoiceNumber': self.list_invoice_number(division, term),
                    'JournalCode': term.get('Journal'),
                    'YourRef': term.get('YourRef'),
                }
            )
        rows.sort(key=lambda row: row['HID'])
        return rows

    def list_invoice_number(self, division, term):
        """That of a cash row is the entry number of the one invoice that it pays (facts)."""
        pays = term.get('_pays') or ()
        if term['TransactionType'] != PAYMENT or len(pays) != 1:
            return term.get('InvoiceNumber')
        for table in ('SalesEntries', 'PurchaseEntries', 'GeneralJournalEntries'):
            header = self.store.get(table, division, pays[0])
            if header is not None:
                return header['EntryNumber']
        return None
