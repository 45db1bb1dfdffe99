"""What Exact may do either way with payments, and what people do to them later."""

import pytest
import requests
from simulator_client import MAIN, created, message, switched
from test_simulator_bank import booked, day, deleted, feed, ledger, pay, states, terms

from simulator.control import ControlError

PAIRS = pytest.mark.parametrize('mode', ['split', 'reduce'])


def sale(client, amount=1000, **values):
    return created(client.sale(amount, **{'EntryDate': '2026-11-01', **values}))


def bill_of(client, reference):
    return created(client.purchase(1000, YourRef=reference))


# === switches === #


def test_signs_of_either_side(client, server):
    invoice, bill = sale(client), created(client.purchase(1000))
    credit = sale(client, -100)
    ids = [invoice['EntryID'], bill['EntryID'], credit['EntryID']]
    for sign, receivable, payable, wanted in (
        ('owes_negative', 'payment_terms_sign', '+', [-1210, 1210, 121]),
        ('owes_positive', 'payment_terms_sign', '+', [1210, 1210, -121]),
        ('owes_negative', '+', '-', [1210, -1210, -121]),
        ('owes_positive', '-', '-', [-1210, -1210, 121]),
    ):
        with switched(
            server,
            payment_terms_sign=sign,
            receivable_terms_sign=receivable,
            payable_terms_sign=payable,
        ):
            assert [terms(client, key)[0]['AmountDC'] for key in ids] == wanted
            assert [terms(client, key)[0]['TransactionAmountDC'] for key in ids] == [
                1210,
                1210,
                -121,
            ]


def test_rows_of_payments(client, server):
    invoice = sale(client, YourRef='SW4')
    payment = pay(server, invoice)
    [row] = terms(client, payment['EntryID'])
    assert (day(row['InvoiceDate']), row['EntryDate']) == ('2026-11-03', None)
    [paid] = terms(client, invoice['EntryID'])
    assert (day(paid['EndDate']), day(paid['InvoiceDate'])) == ('2026-11-03', '2026-11-01')
    with switched(server, payment_row_date='EntryDate'):
        [row] = terms(client, payment['EntryID'])
        assert (row['InvoiceDate'], day(row['EntryDate'])) == (None, '2026-11-03')
        [paid] = terms(client, invoice['EntryID'])
        assert day(paid['EndDate']) == '2026-11-01'
    with switched(server, payment_rows='no'):
        assert terms(client, payment['EntryID']) == []
        assert len(terms(client, invoice['EntryID'])) == 1


def test_your_ref_of_exactly_one_invoice(client, server):
    one, two = sale(client, YourRef='Y1'), sale(client, 500, YourRef='Y2')
    matched = [{'entry': one['EntryID']}, {'entry': two['EntryID'], 'amount': 100}]
    payment = server.control.run('bank_payment', {'lines': [{'matched': matched}]})
    [row] = terms(client, payment['EntryID'])
    assert (row['Status'], row['AmountDC'], row['YourRef']) == (50, 1310, None)
    offsets = [line['OffsetID'] for line in ledger(client, payment['EntryID'])]
    rows = [terms(client, entry['EntryID'])[0]['TransactionID'] for entry in (one, two)]
    assert offsets == [None, *rows]
    assert [line['AmountDC'] for line in ledger(client, payment['EntryID'])] == [1310, -1210, -100]
    path = 'bulk/Financial/TransactionLines'
    [found] = client.rows(path, filter=f"OffsetID eq guid'{rows[1]}'", select='EntryID,AmountDC')
    assert (found['EntryID'], found['AmountDC']) == (payment['EntryID'], -100)
    server.control.run('unmatch', {'payment': payment['EntryID'], 'entry': two['EntryNumber']})
    rest, kept = terms(client, payment['EntryID'])
    assert (rest['Status'], rest['AmountDC'], rest['YourRef']) == (20, 100, None)
    assert (kept['Status'], kept['AmountDC'], kept['YourRef']) == (50, 1210, 'Y1')
    assert states(client, two['EntryID']) == [(20, -605)]


CASES = {
    'in part': ({'amount': 500}, 710, [500], []),
    'discount': ({'amount': 1190, 'discount': 20}, 0, [1190], []),
    'overpaid': ({'amount': 1300}, 0, [1210], [90]),
    'not matched': ({'amount': 1210, 'matched': []}, 1210, [], [1210]),
}


@PAIRS
@pytest.mark.parametrize('case', CASES)
@pytest.mark.parametrize('rows', ['yes', 'no'])
@pytest.mark.parametrize('date', ['InvoiceDate', 'EntryDate'])
@pytest.mark.parametrize('bill', [False, True], ids=['sale', 'bill'])
def test_cases_whatever_the_switches(client, server, bill, date, rows, case, mode):
    line, left, matched, unmatched = CASES[case]
    with switched(server, payment_rows=rows, payment_row_date=date, partial_payment=mode):
        name = f'{case} {date[0]} {rows} {mode} {bill:d}'
        entry = bill_of(client, name) if bill else sale(client, YourRef=name)
        payment = pay(server, entry, **line)
        opened = [abs(amount) for status, amount in states(client, entry['EntryID']) if status < 50]
        assert opened == [left] * bool(left)
        found = terms(client, payment['EntryID'])
        wanted = [(20, amount) for amount in unmatched] + [(50, amount) for amount in matched]
        if mode == 'reduce':
            wanted = wanted[:1]
        if rows == 'no':
            wanted = []
        assert [(row['Status'], abs(row['AmountDC'])) for row in found] == wanted
        for row in found:
            assert day(row[date]) == '2026-11-03'
            assert [row['InvoiceDate'], row['EntryDate']].count(None) == 1
            is_told = row['Status'] == 50 or (mode == 'reduce' and matched)
            assert row['YourRef'] == (name if is_told else None)
        for row in terms(client, entry['EntryID']):
            paid = None if bill or not matched else '2026-11-03'
            assert day(row['LastPaymentDate']) == paid
        ledger(client, payment['EntryID'])
        server.control.run('undo_payment', {'payment': payment['EntryID']})
        assert [status for status, _amount in states(client, entry['EntryID'])] == [20]


@pytest.mark.parametrize('condition', ['keeps_ours', 'recomputes'])
@pytest.mark.parametrize('meaning', ['E_after_discount', 'I_after_discount'])
def test_vat_of_a_discount(client, server, condition, meaning):
    line = {'AmountFC': 1000, 'VATAmountFC': 209.99}
    with switched(server, condition_vat=condition, vat_calculation=meaning):
        entry = created(client.sale(line, PaymentCondition='30K'))
        other = created(client.sale(line))
    vat = {
        ('keeps_ours', 'E_after_discount'): 209.99,
        ('keeps_ours', 'I_after_discount'): 209.99,
        ('recomputes', 'E_after_discount'): 205.8,
        ('recomputes', 'I_after_discount'): 210,
    }[condition, meaning]
    assert (entry['VATAmountFC'], entry['AmountFC']) == (vat, round(1000 + vat, 2))
    assert other['VATAmountFC'] == 209.99


def test_surcharge_goes_with_its_condition(client, server):
    with switched(server, credit_surcharge='total', vat_calculation='I_after_discount'):
        entry = sale(client, PaymentCondition='KK')
        assert booked(client, entry['EntryID']) == [
            ('1300', 1234.2, 20),
            ('800100', -1000, 20),
            ('806500', -20, 20),
            ('1510', -214.2, 20),
        ]
        values = {'PaymentCondition': '30'}
        assert client.put('salesentry/SalesEntries', entry['EntryID'], values).status_code == 204
        assert states(client, entry['EntryID']) == [(20, -1210)]
        bill = created(client.purchase(1000, PaymentCondition='KK'))
        assert bill['AmountFC'] == 1234.2
        assert states(client, bill['EntryID']) == [(20, 1234.2)]
        credit = sale(client, -1000, PaymentCondition='KK')
        [term] = terms(client, credit['EntryID'])
        assert (term['AmountDC'], term['AmountDiscountDC']) == (1234.2, 20)


@pytest.mark.parametrize('reported', [True, False])
def test_deletion_of_an_unsplit_term(client, server, reported):
    invoice = sale(client)
    payment = pay(server, invoice, 210)
    [_rest, part] = terms(client, invoice['EntryID'])
    stamp = server.store.last_stamp
    with switched(server, deleted_unsplit=reported):
        server.control.run('unmatch', {'payment': payment['EntryID']})
    assert (deleted(client, stamp).get(part['ID']) == 10) == reported
    assert states(client, invoice['EntryID']) == [(20, -1210)]


@pytest.mark.parametrize('of_invoice', ['none', 'payment'])
def test_offset_of_an_invoice(client, server, of_invoice):
    with switched(server, offset_of_invoice=of_invoice):
        invoice, credit = sale(client), sale(client, -100)

        def offset(entry):
            return ledger(client, entry['EntryID'])[0]['OffsetID']

        payment = pay(server, invoice, 500)
        line = ledger(client, payment['EntryID'])[1]
        assert offset(invoice) == (line['ID'] if of_invoice == 'payment' else None)
        assert line['OffsetID'] == ledger(client, invoice['EntryID'])[0]['ID']
        server.control.run('match', {'entry': invoice['EntryID'], 'with_entry': credit['EntryID']})
        assert offset(invoice) is None
        assert offset(credit) == line['OffsetID']
        server.control.run('unmatch', {'payment': payment['EntryID']})
        credit_line = ledger(client, credit['EntryID'])[0]['ID']
        assert offset(invoice) == (credit_line if of_invoice == 'payment' else None)


# === filters of bulk === #


@pytest.mark.parametrize('name', ['Receivables', 'Payments'])
def test_filters_of_bulk_cash_flow(client, server, name):
    path = f'bulk/Cashflow/{name}'
    entry = sale(client) if name == 'Receivables' else bill_of(client, 'F1')
    [term] = terms(client, entry['EntryID'])
    for text in (
        f"TransactionID eq guid'{term['TransactionID']}'",
        f"InvoiceNumber eq {term['InvoiceNumber']}",
        f"Status ne 50 and Account eq guid'{term['Account']}'",
        'TransactionType eq 20 or TransactionType eq 30',
    ):
        found = client.rows(path, filter=text, select='ID,AmountDC')
        assert term['ID'] in {row['ID'] for row in found}
    assert client.rows(path, select='ID')
    for text in (
        f"TransactionEntryID eq guid'{entry['EntryID']}'",
        "Modified gt datetime'2026-01-01T00:00:00'",
        "Status eq 20 and YourRef eq 'x'",
    ):
        answer = client.get(path, filter=text, select='ID')
        assert answer.status_code == 400
        assert 'not supported' in message(answer)


def test_bulk_tells_payments(client, server):
    invoice = sale(client)
    payment = pay(server, invoice, 1300)
    [term] = terms(client, invoice['EntryID'])
    rows = client.rows(
        'bulk/Cashflow/Receivables',
        filter=f"Account eq guid'{term['Account']}' and TransactionType eq 40",
        select='TransactionEntryID,Status,AmountDC,InvoiceDate',
    )
    mine = [row for row in rows if row['TransactionEntryID'] == payment['EntryID']]
    assert sorted((row['Status'], row['AmountDC']) for row in mine) == [(20, 90), (50, 1210)]


# === an invoice and its credit note === #


@PAIRS
def test_credit_note_matched(client, server, mode):
    with switched(server, partial_payment=mode):
        invoice = sale(client, YourRef='CN')
        credit = sale(client, -100)
        names = {'entry': invoice['EntryID'], 'with_entry': credit['EntryNumber']}
        server.control.run('match', names)
        wanted = [(20, -1089), (50, -121)] if mode == 'split' else [(20, -1089)]
        assert states(client, invoice['EntryID']) == wanted
        [row] = terms(client, credit['EntryID'])
        assert (row['Status'], row['AmountDC'], row['LastPaymentDate']) == (50, 121, None)
        assert row['IsFullyPaid'] is True
        if mode == 'split':
            part = terms(client, invoice['EntryID'])[1]
            assert (part['EntryID'], part['LastPaymentDate']) == (credit['EntryID'], None)
        assert ledger(client, credit['EntryID'])[0]['OffsetID'] == (
            terms(client, invoice['EntryID'])[0]['TransactionID']
        )
        pay(server, invoice, 1089)
        assert {status for status, _amount in states(client, invoice['EntryID'])} == {50}
        server.control.run('unmatch', names)
        open_rows = [row for row in states(client, invoice['EntryID']) if row[0] == 20]
        assert open_rows == [(20, -121)]
        assert states(client, credit['EntryID']) == [(20, 121)]
        assert ledger(client, credit['EntryID'])[0]['OffsetID'] is None
        with pytest.raises(ControlError):
            server.control.run('unmatch', names)


def test_invoice_and_credit_note_paid_together(client, server):
    invoice, credit = sale(client), sale(client, -100)
    matched = [{'entry': credit['EntryID']}, {'entry': invoice['EntryID']}]
    payment = server.control.run('bank_payment', {'lines': [{'amount': 1089, 'matched': matched}]})
    assert states(client, invoice['EntryID']) == [(50, -1210)]
    assert states(client, credit['EntryID']) == [(50, 121)]
    assert states(client, payment['EntryID']) == [(50, 1089)]
    assert booked(client, payment['EntryID'])[0] == ('1010', 1089, 40)


def test_credit_note_refunded(client, server):
    credit = sale(client, -100)
    payment = pay(server, credit, 121)
    assert booked(client, payment['EntryID']) == [('1010', -121, 40), ('1300', 121, 40)]
    assert states(client, payment['EntryID']) == [(50, -121)]


def test_what_does_not_fit_is_not_matched(client, server):
    one, two = sale(client), sale(client)
    bill = bill_of(client, 'F2')
    stranger = sale(client, -100, customer=client.account('11'))
    for other in (two, bill, stranger):
        with pytest.raises(ValueError):
            server.control.run('match', {'entry': one['EntryID'], 'with_entry': other['EntryID']})
    for line in (
        {'entry': one['EntryID'], 'matched': [{'entry': one['EntryID'], 'amount': 1300}]},
        {'amount': 100, 'matched': [{'entry': one['EntryID'], 'amount': 200}]},
    ):
        with pytest.raises(ValueError):
            server.control.run('bank_payment', {'lines': [line]})
    with pytest.raises(ControlError):
        server.control.run('bank_payment', {'lines': [{'relation': '10'}]})
    assert states(client, one['EntryID']) == [(20, -1210)]


def test_over_http_an_error_is_told(client, server):
    address = f'{server.url}/_control/bank_payment'
    answer = requests.post(address, json={'lines': [{'entry': 1}]}, timeout=10)
    assert answer.status_code == 400 and 'no entry' in answer.json()['error']
    invoice = sale(client)
    answer = requests.post(address, json={'lines': [{'entry': invoice['EntryID']}]}, timeout=10)
    assert set(answer.json()) == {'EntryID', 'EntryNumber', 'lines'}
    [line] = answer.json()['lines']
    [term] = terms(client, answer.json()['EntryID'])
    assert line == {
        'ID': term['TransactionID'],
        'transactions': [term['TransactionID']],
        'terms': [term['ID']],
    }


# === later === #


@PAIRS
def test_another_date(client, server, mode):
    with switched(server, partial_payment=mode):
        invoice = sale(client)
        payment = pay(server, invoice, 500)
        stamp = server.store.last_stamp
        values = {'payment': payment['EntryID'], 'date': '2026-12-05'}
        server.control.run('edit_payment', values)
        [row] = terms(client, payment['EntryID'])
        assert day(row['InvoiceDate']) == '2026-12-05'
        rows = terms(client, invoice['EntryID'])
        assert {day(row['LastPaymentDate']) for row in rows} == {'2026-12-05'}
        assert all(int(row['Timestamp']) > stamp for row in rows)
        assert {day(line['Date']) for line in ledger(client, payment['EntryID'])} == {'2026-12-05'}
        assert deleted(client, stamp) == {}


def test_another_amount(client, server):
    invoice = sale(client, YourRef='EA')
    payment = pay(server, invoice)
    server.control.run('edit_payment', {'payment': payment['EntryNumber'], 'amount': 1200})
    assert states(client, invoice['EntryID']) == [(20, -10), (50, -1200)]
    assert states(client, payment['EntryID']) == [(50, 1200)]
    assert booked(client, payment['EntryID']) == [('1010', 1200, 40), ('1300', -1200, 40)]
    server.control.run('edit_payment', {'payment': payment['EntryID'], 'amount': 1300})
    assert states(client, payment['EntryID']) == [(20, 100), (50, 1200)]
    server.control.run(
        'match', {'entry': invoice['EntryID'], 'with_entry': payment['EntryID']}
    )
    assert {status for status, _amount in states(client, invoice['EntryID'])} == {50}
    assert states(client, payment['EntryID']) == [(20, 90), (50, 10), (50, 1200)]


def test_a_deleted_invoice_leaves_its_money(client, server):
    invoice = sale(client)
    payment = pay(server, invoice)
    server.control.run('delete_entry', {'entry': invoice['EntryID']})
    assert terms(client, invoice['EntryID']) == []
    [row] = terms(client, payment['EntryID'])
    assert (row['Status'], row['AmountDC'], row['YourRef']) == (20, 1210, None)
    server.control.run('delete_entry', {'entry': payment['EntryID']})
    assert terms(client, payment['EntryID']) == []


def test_a_changed_invoice_keeps_what_was_paid(client, server):
    for mode, wanted in (('split', [(20, -121), (50, -1210)]), ('reduce', [(20, -121)])):
        with switched(server, partial_payment=mode):
            invoice = sale(client)
            pay(server, invoice, 500)
            server.control.run(
                'edit_entry', {'entry': invoice['EntryID'], 'lines': {1: {'AmountFC': 1100}}}
            )
            open_rows = [row for row in states(client, invoice['EntryID']) if row[0] == 20]
            assert open_rows == [(20, -831)]
            pay(server, invoice, 710)
            assert states(client, invoice['EntryID'])[0] == wanted[0]


def test_apps_cannot_change_a_payment(client, server):
    payment = pay(server, sale(client))
    path = 'financialtransaction/BankEntries'
    row = client.read(path, payment['EntryID'], select='Status,Currency,EntryNumber')
    assert (row['Status'], row['EntryNumber']) == (50, payment['EntryNumber'])
    assert client.delete(path, payment['EntryID']).status_code == 500
    [line] = client.rows(
        'financialtransaction/BankEntryLines',
        filter=f"EntryID eq guid'{payment['EntryID']}'",
        select='AmountFC,AmountDC,OffsetID,OurRef,Account',
    )
    assert (line['AmountFC'], line['AmountDC']) == (1210, 1210)
    assert line['OffsetID'] and line['OurRef']


def test_a_bank_entry_of_an_app_is_matched(client, server):
    invoice = sale(client, YourRef='APP')
    line = {'GLAccount': client.gl('1300'), 'Account': client.account('10'), 'AmountFC': 1210}
    body = {'JournalCode': '20', 'BankEntryLines': [{**line, 'Date': '2026-11-05T00:00:00'}]}
    entry = created(client.post('financialtransaction/BankEntries', body))
    [money] = terms(client, entry['EntryID'])
    assert (money['Status'], money['AmountDC'], money['TransactionType']) == (20, 1210, 40)
    names = {'entry': invoice['EntryID'], 'with_entry': entry['EntryID']}
    server.control.run('match', names)
    [row] = terms(client, invoice['EntryID'])
    assert (row['Status'], day(row['LastPaymentDate'])) == (50, '2026-11-05')
    [money] = terms(client, entry['EntryID'])
    assert (money['Status'], money['YourRef']) == (50, 'APP')
    server.control.run('unmatch', names)
    assert states(client, invoice['EntryID']) == [(20, -1210)]
    [money] = terms(client, entry['EntryID'])
    assert (money['Status'], money['YourRef']) == (20, None)


@PAIRS
def test_registered_payments_follow_the_switch(client, server, mode):
    with switched(server, partial_payment=mode):
        invoice = sale(client)
        paid = server.control.run('register_payment', {'entry': invoice['EntryID'], 'amount': 500})
        wanted = [(20, -710), (50, -500)] if mode == 'split' else [(20, -710)]
        assert states(client, invoice['EntryID']) == wanted
        assert ledger(client, paid['EntryID'])[1]['OffsetID']
        server.control.run('undo_payment', {'payment': paid['EntryID']})
        assert states(client, invoice['EntryID']) == [(20, -1210)]


def test_all_that_is_open_is_what_the_ledger_says(client, server):
    """Whatever happened in the tests of this file: per side, open terms are the balance."""
    rows = [row for row in server.store.all('PaymentTerms', MAIN) if row['Status'] != 50]
    for code, side in (('1300', 20), ('1600', 22)):
        account = client.gl(code)
        balance = sum(
            row['AmountDC']
            for row in server.store.all('TransactionLines', MAIN)
            if row['GLAccount'] == account
        )
        opened = sum(row['_open'] for row in rows if row['LineType'] == side)
        assert round(balance, 2) == round(opened, 2)
    assert len({row['Timestamp'] for row in feed(client)}) == len(feed(client))
