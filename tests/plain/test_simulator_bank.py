"""The worked cases of payments inside Exact: what its terms, its ledger and its deletions say after
each, whatever the switches are.
"""

from datetime import datetime, timezone

import pytest
from simulator_client import created, switched

from simulator.control import ControlError
from simulator.messages import BusinessError

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


SIGNS = pytest.mark.parametrize(
    'sign', ['owes_negative', 'owes_positive'], ids=lambda value: value
)


def sale(client, **values):
    """1,000.00 and 210.00 VAT."""
    return created(client.sale(1000, EntryDate='2026-11-01', **values))


# === case 1: two payments in part === #


@SIGNS
def test_case_1_split(client, server, sign):
    side = 1 if sign == 'owes_positive' else -1
    with switched(server, payment_terms_sign=sign):
        invoice = sale(client, YourRef='C1')
        [first] = terms(client, invoice['EntryID'])
        one = pay(server, invoice, 500, '2026-11-03')
        rows = terms(client, invoice['EntryID'])
        assert [(row['Status'], row['AmountDC']) for row in rows] == [
            (20, 710 * side),
            (50, 500 * side),
        ]
        assert rows[0]['ID'] == first['ID'] and rows[0]['EntryID'] == invoice['EntryID']
        assert rows[1]['ID'] != first['ID'] and rows[1]['EntryID'] == one['EntryID']
        assert int(rows[0]['Timestamp']) > int(first['Timestamp'])
        assert [day(row['LastPaymentDate']) for row in rows] == ['2026-11-03'] * 2
        two = pay(server, invoice, 710, '2026-11-10')
        rows = terms(client, invoice['EntryID'])
        assert [(row['Status'], row['AmountDC']) for row in rows] == [
            (50, 500 * side),
            (50, 710 * side),
        ]
        assert [day(row['LastPaymentDate']) for row in rows] == ['2026-11-03', '2026-11-10']
        assert all(row['IsFullyPaid'] for row in rows)
        for payment, amount, date in ((one, 500, '2026-11-03'), (two, 710, '2026-11-10')):
            [row] = terms(client, payment['EntryID'])
            assert (row['Status'], row['AmountDC']) == (50, -amount * side)
            assert (row['TransactionType'], row['YourRef']) == (40, 'C1')
            assert (day(row['InvoiceDate']), row['EntryDate']) == (date, None)
            lines = ledger(client, payment['EntryID'])
            assert [line['AmountDC'] for line in lines] == [amount, -amount]
            assert lines[1]['OffsetID'] == first['TransactionID'] != lines[0]['OffsetID']
            assert lines[1]['Account'] == first['Account']
            assert (lines[1]['Type'], lines[1]['LineType']) == (40, 20)
    stamp = server.store.last_stamp
    assert feed(client, stamp) == []


def test_case_1_reduced(client, server):
    with switched(server, partial_payment='reduce'):
        invoice = sale(client)
        [before] = terms(client, invoice['EntryID'])
        one = pay(server, invoice, 500, '2026-11-03')
        [row] = terms(client, invoice['EntryID'])
        assert (row['ID'], row['Status'], row['AmountDC']) == (before['ID'], 20, -710)
        assert (row['IsFullyPaid'], row['TransactionAmountDC']) == (False, 1210)
        two = pay(server, invoice, 710, '2026-11-10')
        [row] = terms(client, invoice['EntryID'])
        assert (row['ID'], row['Status'], row['IsFullyPaid']) == (before['ID'], 50, True)
        assert day(row['LastPaymentDate']) == '2026-11-10'
        server.control.run('undo_payment', {'payment': one['EntryID']})
        [row] = terms(client, invoice['EntryID'])
        assert (row['Status'], row['AmountDC']) == (20, -500)
        assert day(row['LastPaymentDate']) == '2026-11-10'
        server.control.run('undo_payment', {'payment': two['EntryID']})
        [row] = terms(client, invoice['EntryID'])
        assert (row['ID'], row['AmountDC'], row['LastPaymentDate']) == (before['ID'], -1210, None)


# === case 2: discount === #


@pytest.mark.parametrize('amount', ['money', 'settled'])
def test_case_2_discount(client, server, amount):
    with switched(server, payment_row_amount=amount):
        invoice = sale(client, PaymentCondition='30K')
        [term] = terms(client, invoice['EntryID'])
        assert (term['AmountDiscountDC'], day(term['DiscountDueDate'])) == (-20, '2026-11-08')
        payment = pay(server, invoice, 1190, '2026-11-07', discount=20)
        assert states(client, invoice['EntryID']) == [(50, -1210)]
        shown = {'money': 1190, 'settled': 1210}[amount]
        assert states(client, payment['EntryID']) == [(50, shown)]
    assert booked(client, payment['EntryID']) == [
        ('1010', 1190, 40),
        ('1300', -1210, 40),
        ('806500', 20, 40),
    ]
    assert ledger(client, payment['EntryID'])[1]['PaymentDiscountAmount'] == 20
    late = sale(client, PaymentCondition='30K')
    pay(server, late, 1190, '2026-11-09')
    assert states(client, late['EntryID']) == [(20, -20), (50, -1190)]


def test_case_2_payment_difference(client, server):
    invoice = sale(client)
    payment = pay(server, invoice, 1209.5, write_off=0.5)
    assert states(client, invoice['EntryID']) == [(50, -1210)]
    assert booked(client, payment['EntryID'])[1:] == [('1300', -1210, 40), ('493000', 0.5, 83)]
    bill = created(client.purchase(1000))
    payment = pay(server, bill, 1180, discount=30)
    assert states(client, bill['EntryID']) == [(50, 1210)]
    assert booked(client, payment['EntryID']) == [
        ('1010', -1180, 40),
        ('1600', 1210, 40),
        ('706500', -30, 40),
    ]


# === case 3: credit surcharge === #


@pytest.mark.parametrize('surcharge', ['open_item', 'total'])
@pytest.mark.parametrize('meaning', ['E_after_discount', 'I_after_discount'])
def test_case_3_surcharge(client, server, surcharge, meaning):
    with switched(server, credit_surcharge=surcharge, vat_calculation=meaning):
        plain = created(client.sale(1000, {'AmountFC': 20, 'GLAccount': client.gl('806500')}))
        assert plain['AmountFC'] == 1234.2
        pay(server, plain, 1214.2, write_off=20)
        assert states(client, plain['EntryID']) == [(50, -1234.2)]
        invoice = created(client.sale(1000, PaymentCondition='KK'))
        total = {
            ('open_item', 'E_after_discount'): 1210,
            ('open_item', 'I_after_discount'): 1210,
            ('total', 'E_after_discount'): 1230,
            ('total', 'I_after_discount'): 1234.2,
        }[surcharge, meaning]
        assert (invoice['AmountFC'], invoice['VATAmountFC']) == (
            total,
            214.2 if total == 1234.2 else 210,
        )
        [term] = terms(client, invoice['EntryID'])
        assert (term['AmountDC'], term['AmountDiscountDC']) == (-total, -20)
        ledger(client, invoice['EntryID'])
        in_time = pay(server, invoice, total - 20, discount=20)
        assert states(client, invoice['EntryID']) == [(50, -total)]
        assert booked(client, in_time['EntryID'])[0][1] == round(total - 20, 2)
        late = created(client.sale(1000, PaymentCondition='KK'))
        pay(server, late)
        assert states(client, late['EntryID']) == [(50, -total)]


# === case 4: payment run === #


@pytest.mark.parametrize('sign', ['+', '-'])
@pytest.mark.parametrize('sent', ['used', 'left_out'])
def test_case_4_payment_run(client, server, sent, sign):
    amount = 605 if sign == '+' else -605
    with switched(server, status_sent_to_bank=sent, payable_terms_sign=sign):
        bill = created(client.purchase(500, YourRef=f'B-{sent}{sign}'))
        batch = len(sent) * 10 + len(sign) + (sign == '+') * 1000
        server.control.run('select_payment', {'entries': [bill['EntryID']], 'batch': batch})
        [row] = terms(client, bill['EntryID'])
        assert (row['Status'], row['AmountDC'], row['IsFullyPaid']) == (30, amount, False)
        assert (row['PaymentBatchNumber'], row['CashflowTransactionBatchCode']) == (batch, None)
        assert row['PaymentSelected'] is not None
        [listed] = client.rows(
            'read/financial/PayablesList', filter=f"EntryNumber eq {bill['EntryNumber']}"
        )
        assert (listed['Amount'], listed['AmountInTransit']) == (605, 605)
        server.control.run('send_payment_run', {'batch': batch})
        [row] = terms(client, bill['EntryID'])
        assert row['Status'] == (40 if sent == 'used' else 30)
        assert row['CashflowTransactionBatchCode'] == str(batch)
        paid = server.control.run('execute_payment_run', {'batch': batch, 'date': '2026-11-07'})
        [row] = terms(client, bill['EntryID'])
        assert (row['Status'], row['IsFullyPaid']) == (50, True)
        # LastPaymentDate describes receipts only
        assert (row['LastPaymentDate'], day(row['EndDate'])) == (None, '2026-11-07')
        assert states(client, paid['EntryID']) == [(50, -amount)]
        assert booked(client, paid['EntryID']) == [('1010', -605, 40), ('1600', 605, 40)]


def test_case_4_given_up(client, server):
    bill = created(client.purchase(500, YourRef='B-up'))
    server.control.run('select_payment', {'entries': [bill['EntryNumber']]})
    server.control.run('send_payment_run', {'batch': 77})
    stamp = server.store.last_stamp
    server.control.run('cancel_payment_run', {'batch': 77})
    [row] = terms(client, bill['EntryID'])
    assert (row['Status'], row['PaymentBatchNumber'], row['PaymentSelected']) == (20, None, None)
    assert row['CashflowTransactionBatchCode'] is None
    assert day(row['EntryDate']) == day(row['InvoiceDate'])
    assert int(row['Timestamp']) > stamp
    assert deleted(client, stamp) == {}
    with pytest.raises(ControlError):
        server.control.run('execute_payment_run', {'batch': 77})


# === case 5: another currency === #


@pytest.mark.parametrize('amount', ['money', 'settled'])
def test_case_5_exchange_difference(client, server, amount):
    with switched(server, payment_row_amount=amount):
        invoice = created(
            client.sale({'AmountFC': 1100, 'VATCode': '8'}, Currency='USD', Rate=1 / 1.1)
        )
        [term] = terms(client, invoice['EntryID'])
        assert (term['AmountFC'], term['AmountDC']) == (-1100, -1000)
        payment = pay(server, invoice, 1100, amount_dc=985, exchange=15)
        [term] = terms(client, invoice['EntryID'])
        assert (term['Status'], term['AmountFC'], term['AmountDC']) == (50, -1100, -1000)
        [row] = terms(client, payment['EntryID'])
        assert (row['Currency'], row['AmountFC']) == ('USD', 1100)
        assert row['AmountDC'] == (985 if amount == 'money' else 1000)
    lines = ledger(client, payment['EntryID'])
    assert [(line['AmountDC'], line['AmountFC'], line['Type']) for line in lines] == [
        (985, 1100, 40),
        (-1000, -1100, 40),
        (15, 0, 82),
    ]
    assert lines[2]['GLAccountCode'] == '492000'


def test_case_5_in_part(client, server):
    invoice = created(
        client.sale({'AmountFC': 1100, 'VATCode': '8'}, Currency='USD', Rate=1 / 1.1)
    )
    pay(server, invoice, 550, amount_dc=490)
    first, second = terms(client, invoice['EntryID'])
    assert (first['AmountFC'], first['AmountDC']) == (-550, -500)
    assert (second['AmountFC'], second['AmountDC']) == (-550, -500)
    rest = pay(server, invoice, 600, amount_dc=540, matched=[
        {'entry': invoice['EntryID'], 'exchange': 5},
    ])
    open_row, matched = terms(client, rest['EntryID'])
    assert (open_row['AmountFC'], open_row['AmountDC']) == (50, 45)
    assert (matched['AmountFC'], matched['AmountDC']) == (550, 495)


# === case 6: more than was asked for === #


def test_case_6_overpayment_split(client, server):
    invoice = sale(client, YourRef='C6')
    payment = pay(server, invoice, 1300)
    assert states(client, invoice['EntryID']) == [(50, -1210)]
    rest, matched = terms(client, payment['EntryID'])
    assert (rest['Status'], rest['AmountDC'], rest['YourRef']) == (20, 90, None)
    assert (matched['Status'], matched['AmountDC'], matched['YourRef']) == (50, 1210, 'C6')
    assert {row['TransactionAmountDC'] for row in (rest, matched)} == {-1300}
    assert (rest['EntryID'], matched['EntryID']) == (payment['EntryID'], invoice['EntryID'])
    assert booked(client, payment['EntryID']) == [
        ('1010', 1300, 40),
        ('1300', -1210, 40),
        ('1300', -90, 40),
    ]
    lines = ledger(client, payment['EntryID'])
    assert (lines[1]['OffsetID'] is None, lines[2]['OffsetID']) == (False, None)
    [listed] = client.rows(
        'read/financial/ReceivablesList', filter=f"EntryNumber eq {payment['EntryNumber']}"
    )
    assert (listed['Amount'], listed['InvoiceNumber']) == (90, None)
    later = created(client.sale(10, EntryDate='2026-11-20'))
    server.control.run('match', {'entry': later['EntryID'], 'with_entry': payment['EntryID']})
    assert states(client, later['EntryID']) == [(50, -12.1)]
    assert states(client, payment['EntryID']) == [(20, 77.9), (50, 12.1), (50, 1210)]
    [row] = terms(client, later['EntryID'])
    # the highest invoice date of all matched terms, not that of the payment
    assert (day(row['EndDate']), day(row['LastPaymentDate'])) == ('2026-11-20', '2026-11-03')


def test_case_6_overpayment_reduced(client, server):
    with switched(server, partial_payment='reduce'):
        invoice = sale(client, YourRef='C6R')
        payment = pay(server, invoice, 1300)
        assert states(client, invoice['EntryID']) == [(50, -1210)]
        [row] = terms(client, payment['EntryID'])
        assert (row['Status'], row['AmountDC'], row['TransactionAmountDC']) == (20, 90, -1300)
        assert row['YourRef'] == 'C6R'
        [listed] = client.rows(
            'read/financial/ReceivablesList', filter=f"EntryNumber eq {payment['EntryNumber']}"
        )
        # the invoice number of a cash row is the entry number of the invoice that it pays
        assert listed['InvoiceNumber'] == invoice['EntryNumber']


def test_case_6_relation_only(client, server):
    answer = server.control.run(
        'bank_payment', {'lines': [{'relation': '10', 'amount': 250}], 'date': '2026-11-03'}
    )
    [row] = terms(client, answer['EntryID'])
    assert (row['Status'], row['AmountDC'], row['YourRef'], row['LineType']) == (20, 250, None, 20)
    answer = server.control.run('bank_payment', {'lines': [{'relation': '20', 'amount': 250}]})
    [row] = terms(client, answer['EntryID'])
    assert (row['Status'], row['AmountDC'], row['LineType']) == (20, -250, 22)


# === case 7: matched days after the money came === #


@pytest.mark.parametrize('mode', ['split', 'reduce'])
def test_case_7_matched_later(client, server, mode):
    with switched(server, partial_payment=mode):
        invoice = sale(client, YourRef='C7')
        payment = pay(server, invoice, 1210, '2026-11-04', matched=[])
        [alone] = terms(client, payment['EntryID'])
        assert (alone['Status'], alone['YourRef'], alone['EndDate']) == (20, None, None)
        assert states(client, invoice['EntryID']) == [(20, -1210)]
        changes = []
        server.store.on_commit(changes.extend)
        server.control.run('match', {'entry': invoice['EntryID'], 'with_entry': payment['EntryID']})
        server.store._commit_hooks.remove(changes.extend)
        # no webhook has a topic for matching
        assert {kind for _action, kind, _division, _key in changes} <= {
            'PaymentTerms',
            '_counter',
        }
        [row] = terms(client, invoice['EntryID'])
        assert (row['Status'], day(row['LastPaymentDate'])) == (50, '2026-11-04')
        [after] = terms(client, payment['EntryID'])
        assert (after['ID'], after['Status'], after['YourRef']) == (alone['ID'], 50, 'C7')
        assert int(after['Timestamp']) > int(alone['Timestamp'])
        assert ledger(client, payment['EntryID'])[1]['OffsetID'] == row['TransactionID']


# === case 8: a thousand at once === #


def test_case_8_a_page_of_changes(client, server):
    relation = client.account('10')
    call = server.control.call(client.division)
    line = {'AmountFC': 10, 'GLAccount': client.gl('800100'), 'VATCode': '2'}
    values = {'Customer': relation, 'Journal': '70', 'EntryDate': '2026-11-01'}
    kind, _header = server.control.entry(client.division, sale(client)['EntryID'])
    with server.store.transaction():
        entries = [
            server.ledger.create(
                call, kind, {**values, 'YourRef': f'P{i}', 'SalesEntryLines': [dict(line)]}
            )['EntryID']
            for i in range(500)
        ]
    stamp = server.store.last_stamp
    lines = [{'entry': entry} for entry in entries]
    payment = server.control.run('bank_payment', {'lines': lines, 'date': '2026-11-03'})
    rows = feed(client, stamp)
    assert len(rows) == 1000
    assert {row['Status'] for row in rows} == {50}
    assert len({row['Timestamp'] for row in rows}) == len({row['ID'] for row in rows}) == 1000
    paid = [row for row in rows if row['TransactionEntryID'] == payment['EntryID']]
    assert sorted(row['YourRef'] for row in paid) == sorted(f'P{i}' for i in range(500))
    with switched(server, payment_rows='no'):
        assert len(feed(client, stamp)) == 500
    assert feed(client, stamp) == rows


# === case 9: un-matched later === #


@pytest.mark.parametrize('reported', [True, False])
@pytest.mark.parametrize('mode', ['split', 'reduce'])
def test_case_9_unmatched(client, server, mode, reported):
    with switched(server, partial_payment=mode, deleted_unsplit=reported):
        invoice = created(client.sale(1000, EntryDate='2026-02-01', YourRef='C9'))
        whole = pay(server, invoice, date='2026-02-28')
        server.control.run('unmatch', {'payment': whole['EntryID']})
        [row] = terms(client, invoice['EntryID'])
        assert (row['Status'], row['AmountDC'], row['LastPaymentDate']) == (20, -1210, None)
        assert row['EndDate'] is None
        [money] = terms(client, whole['EntryID'])
        assert (money['Status'], money['AmountDC'], money['YourRef']) == (20, 1210, None)
        assert day(money['InvoiceDate']) == '2026-02-28'
        assert booked(client, whole['EntryID']) == [('1010', 1210, 40), ('1300', -1210, 40)]
        assert ledger(client, whole['EntryID'])[1]['OffsetID'] is None
        part = pay(server, invoice, 210)
        rows = terms(client, invoice['EntryID'])
        stamp = server.store.last_stamp
        server.control.run('undo_payment', {'payment': part['EntryID']})
        [after] = terms(client, invoice['EntryID'])
        assert (after['Status'], after['AmountDC'], after['ID']) == (20, -1210, row['ID'])
        assert terms(client, part['EntryID']) == []
        gone = deleted(client, stamp)
        # two ledger lines and the payment's own term, and that of the part
        told = [1, 1, 10] + [10] * (mode == 'split' and reported)
        assert sorted(gone.values()) == told
        if mode == 'split':
            assert (rows[1]['ID'] in gone) == reported


def test_case_9_closed_period(client, server):
    period = {'year': 2026, 'period': 2, 'journal': '20'}
    server.control.run('close_period', period)
    invoice = sale(client)
    with pytest.raises(BusinessError):
        pay(server, invoice, date='2026-02-28')
    assert states(client, invoice['EntryID']) == [(20, -1210)]
    server.control.run('close_period', {**period, 'closed': False})
