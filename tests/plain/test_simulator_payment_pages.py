"""The pages that pay an entry with the mouse and undo a payment."""

import pytest
import requests
from simulator_client import MAIN, created
from test_simulator_bank import feed, states, terms


def sale(client, **values):
    return created(client.sale(1000, EntryDate='2026-11-01', **values))


def test_paying_with_the_mouse(client, server):
    invoice = sale(client, YourRef='PAGE')
    page = f"{server.url}/books/{MAIN}/entries/{invoice['EntryID']}"
    text = requests.get(page, timeout=10).text
    assert 'value="1210.00"' in text and f"{invoice['EntryID']}/pay" in text
    form = {'amount': '500', 'date': '2026-11-03'}
    answer = requests.post(f'{page}/pay', data=form, timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers['Location']) == (
        303,
        f"/books/{MAIN}/entries/{invoice['EntryID']}",
    )
    assert states(client, invoice['EntryID']) == [(20, -710), (50, -500)]
    text = requests.get(page, timeout=10).text
    assert 'value="710.00"' in text and f"{invoice['EntryID']}/undo" in text
    [row] = [row for row in feed(client) if row['YourRef'] == 'PAGE' and row['Status'] == 50
             and row['TransactionType'] == 40]
    payment = f"{server.url}/books/{MAIN}/entries/{row['TransactionEntryID']}"
    assert 'Undo this payment' in requests.get(payment, timeout=10).text
    assert requests.get(f'{server.url}/books/{MAIN}/terms', timeout=10).status_code == 200
    assert requests.get(f'{server.url}/books/{MAIN}/entries?kind=bank', timeout=10).ok
    answer = requests.post(f'{payment}/undo', timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers['Location']) == (303, f'/books/{MAIN}/entries')
    assert states(client, invoice['EntryID']) == [(20, -1210)]
    requests.post(f'{page}/pay', data={'amount': '1210,00'}, timeout=10)
    [payment_row] = terms(client, invoice['EntryID'])
    assert payment_row['Status'] == 50
    assert 'class="primary">Pay' not in requests.get(page, timeout=10).text


@pytest.mark.parametrize('form', [{'amount': 'x'}, {'amount': '-5'}, {'date': '1850-01-01'}])
def test_a_wrong_form_is_told(client, server, form):
    invoice = sale(client)
    page = f"{server.url}/books/{MAIN}/entries/{invoice['EntryID']}/pay"
    assert requests.post(page, data=form, timeout=10).status_code == 400
    assert states(client, invoice['EntryID']) == [(20, -1210)]


def test_forms_of_other_sites_are_refused(client, server):
    invoice = sale(client)
    page = f"{server.url}/books/{MAIN}/entries/{invoice['EntryID']}"
    for origin in ('https://elsewhere.example', 'null'):
        answer = requests.post(f'{page}/pay', headers={'Origin': origin}, timeout=10)
        assert answer.status_code == 403
    assert requests.get(f'{page}/pay', timeout=10).status_code == 404
    assert requests.post(page, timeout=10).status_code == 404
    assert requests.post(f'{server.url}/calls', timeout=10).status_code == 405
    assert states(client, invoice['EntryID']) == [(20, -1210)]
    answer = requests.post(f'{page}/pay', headers={'Origin': server.url}, timeout=10)
    assert answer.status_code == 200
    assert states(client, invoice['EntryID']) == [(50, -1210)]
