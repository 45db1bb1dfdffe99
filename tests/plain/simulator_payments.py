"""What the tests of payments ask of the simulator over HTTP."""

from datetime import datetime, timezone

FIELDS = (
    'ID,LineType,Status,IsFullyPaid,AmountDC,AmountFC,TransactionAmountDC,TransactionAmountFC,YourRef,'
    'InvoiceNumber,EntryNumber,LastPaymentDate,EndDate,InvoiceDate,EntryDate,TransactionEntryID,'
    'TransactionID,TransactionType,EntryID,DueDate,Account,Timestamp,Modified,PaymentBatchNumber,'
    'CashflowTransactionBatchCode,PaymentSelected,Currency,RateFC,AmountDiscountDC,DiscountDueDate'
)


def day(value):
    """``2026-11-03`` of a date on the wire, None of None."""
    if value is None:
        return None
    moment = datetime.fromtimestamp(int(value[6:-2]) / 1000, timezone.utc)
    return moment.strftime('%Y-%m-%d')


def feed(client, after=1):
    """Rows of the payment terms' sync feed after a Timestamp."""
    path = 'sync/Cashflow/PaymentTerms'
    return client.rows(path, filter=f'Timestamp gt {after}L', select=FIELDS)


def terms(client, entry_id):
    """Rows of the feed of one entry, the open ones first, then by amount."""
    rows = [row for row in feed(client) if row['TransactionEntryID'] == entry_id]
    return sorted(rows, key=lambda row: (row['Status'], abs(row['AmountDC'])))


def states(client, entry_id):
    """[(Status, AmountDC)] of an entry's terms."""
    return [(row['Status'], row['AmountDC']) for row in terms(client, entry_id)]


def ledger(client, entry_id):
    """{LineNumber: row} of an entry's lines by the bulk endpoint."""
    rows = client.rows(
        'bulk/Financial/TransactionLines',
        filter=f"EntryID eq guid'{entry_id}'",
        select=(
            'ID,GLAccountCode,AmountDC,AmountFC,Currency,Type,LineType,LineNumber,OffsetID,Account,'
            'PaymentDiscountAmount,Date,EntryNumber,YourRef'
        ),
    )
    rows.sort(key=lambda row: row['LineNumber'])
    assert round(sum(row['AmountDC'] for row in rows), 2) == 0
    return rows


def booked(client, entry_id):
    """[(G/L code, AmountDC, Type)] of an entry's lines."""
    rows = ledger(client, entry_id)
    return [(row['GLAccountCode'], row['AmountDC'], row['Type']) for row in rows]


def deleted(client, after):
    """{EntityKey: EntityType} of sync/Deleted after a Timestamp."""
    rows = client.rows(
        'sync/Deleted', filter=f'Timestamp gt {after}L', select='EntityKey,EntityType'
    )
    return {row['EntityKey']: row['EntityType'] for row in rows}


def pay(server, entry, amount=None, date='2026-11-03', **values):
    """Answer of the control action that books a payment of one line."""
    line = {'entry': entry['EntryID'], **values}
    if amount is not None:
        line['amount'] = amount
    return server.control.run('bank_payment', {'lines': [line], 'date': date})
