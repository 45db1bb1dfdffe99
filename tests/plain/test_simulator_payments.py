"""Open items of the simulator: payment terms, receivables, payables, payments and their undoing."""

from simulator_client import created, switched


def terms(client, entry):
    rows = client.rows(
        'sync/Cashflow/PaymentTerms',
        filter='Timestamp gt 1L',
        select=(
            'ID,LineType,Status,IsFullyPaid,AmountDC,AmountFC,TransactionAmountDC,YourRef,InvoiceNumber,EntryNumber,'
            'LastPaymentDate,TransactionEntryID,EntryID,DueDate,Account,Timestamp'
        ),
    )
    return [row for row in rows if row['TransactionEntryID'] == entry['EntryID']]


def test_terms_of_both_sides(client):
    sale = created(client.sale(100, YourRef='T1'))
    purchase = created(client.purchase(100, YourRef='T2'))
    [receivable], [payable] = terms(client, sale), terms(client, purchase)
    assert (receivable['LineType'], payable['LineType']) == (20, 22)
    assert (receivable['AmountDC'], receivable['TransactionAmountDC']) == (-121, 121)
    assert (payable['AmountDC'], payable['TransactionAmountDC']) == (121, 121)
    assert (receivable['Status'], receivable['IsFullyPaid'], receivable['LastPaymentDate']) == (
        20,
        False,
        None,
    )
    assert (receivable['YourRef'], receivable['EntryNumber']) == ('T1', sale['EntryNumber'])


def test_sign_is_a_switch(client, server):
    sale, purchase = created(client.sale(100)), created(client.purchase(100))
    credit = created(client.sale(-100))
    assert terms(client, credit)[0]['AmountDC'] == 121
    assert terms(client, credit)[0]['TransactionAmountDC'] == -121
    with switched(server, payment_terms_sign='owes_positive'):
        assert terms(client, sale)[0]['AmountDC'] == 121
        assert terms(client, purchase)[0]['AmountDC'] == 121
        assert terms(client, credit)[0]['AmountDC'] == -121
        rows = client.rows(
            'cashflow/Receivables',
            select='AmountDC',
            filter=f"TransactionEntryID eq guid'{sale['EntryID']}'",
        )
        assert [row['AmountDC'] for row in rows] == [-121]


def test_full_payment_and_its_undoing(client, server):
    sale = created(client.sale(100))
    before = terms(client, sale)[0]
    payment = server.control.run(
        'register_payment', {'entry': sale['EntryNumber'], 'date': '2026-04-01'}
    )
    [term] = terms(client, sale)
    assert term['ID'] == before['ID'] and int(term['Timestamp']) > int(before['Timestamp'])
    assert (term['Status'], term['IsFullyPaid'], term['LastPaymentDate']) == (
        50,
        True,
        '/Date(1775001600000)/',
    )
    bank = server.transaction_lines(payment['EntryID'])
    assert [(line['AmountDC'], line['Type']) for line in bank] == [(121, 40), (-121, 40)]
    server.control.run('undo_payment', {'payment': payment['EntryID']})
    [term] = terms(client, sale)
    assert (term['Status'], term['IsFullyPaid'], term['LastPaymentDate']) == (20, False, None)


def test_partial_payments_split_the_term(client, server):
    sale = created(client.sale(100))
    first = server.control.run('register_payment', {'entry': sale['EntryNumber'], 'amount': 50})
    rows = sorted(terms(client, sale), key=lambda row: row['Status'])
    assert [(row['Status'], row['AmountDC']) for row in rows] == [(20, -71), (50, -50)]
    assert {row['TransactionAmountDC'] for row in rows} == {121}
    assert rows[0]['EntryID'] == sale['EntryID'] and rows[1]['EntryID'] == first['EntryID']
    server.control.run('register_payment', {'entry': sale['EntryNumber'], 'amount': 71})
    assert {row['Status'] for row in terms(client, sale)} == {50}
    sale = created(client.sale(100))
    part = server.control.run('register_payment', {'entry': sale['EntryNumber'], 'amount': 21})
    stamp = server.store.last_stamp
    server.control.run('undo_payment', {'payment': part['EntryID']})
    [term] = terms(client, sale)
    assert (term['Status'], term['AmountDC']) == (20, -121)
    gone = client.rows('sync/Deleted', select='EntityType', filter=f'Timestamp gt {stamp}L')
    assert 10 in {row['EntityType'] for row in gone}


def test_open_item_lists(client, server):
    sale, purchase = created(client.sale(10, YourRef='OPEN')), created(client.purchase(10))
    rows = client.rows(
        'read/financial/ReceivablesList', filter=f"EntryNumber eq {sale['EntryNumber']}"
    )
    assert [(row['Amount'], row['YourRef'], row['JournalCode']) for row in rows] == [
        (-12.1, 'OPEN', '70')
    ]
    rows = client.rows(
        'read/financial/PayablesList', filter=f"EntryNumber eq {purchase['EntryNumber']}"
    )
    assert [row['Amount'] for row in rows] == [12.1]
    server.control.run('register_payment', {'entry': sale['EntryNumber']})
    assert (
        client.rows(
            'read/financial/ReceivablesList', filter=f"EntryNumber eq {sale['EntryNumber']}"
        )
        == []
    )


def test_receivables_take_a_put_of_the_reference(client):
    sale = created(client.sale(10))
    [row] = client.rows(
        'cashflow/Receivables',
        select='ID,PaymentReference',
        filter=f"TransactionEntryID eq guid'{sale['EntryID']}'",
    )
    assert (
        client.put('cashflow/Receivables', row['ID'], {'PaymentReference': 'RF42'}).status_code
        == 204
    )
    assert client.read('cashflow/Receivables', row['ID'])['PaymentReference'] == 'RF42'
    assert client.put('cashflow/Receivables', row['ID'], {'Status': 50}).status_code == 400


def test_a_changed_entry_changes_its_term(client):
    sale = created(client.sale(100))
    line = client.rows(
        'salesentry/SalesEntryLines', select='ID', filter=f"EntryID eq guid'{sale['EntryID']}'"
    )[0]
    [before] = terms(client, sale)
    client.put('salesentry/SalesEntryLines', line['ID'], {'AmountFC': 200})
    [after] = terms(client, sale)
    assert (after['ID'], after['AmountDC'], after['TransactionAmountDC']) == (
        before['ID'],
        -242,
        242,
    )
