"""What somebody between, or a sick Exact, can answer; each on demand."""

import gzip
import json
import time

import pytest
import requests
from simulator_client import Client, created, message

LIST = {'select': 'Code,Description'}
TEXTS = [
    # (text, label, values, Dutch, English)
    (
        'unbalanced',
        '',
        {},
        'De boeking is niet in evenwicht op: 2026 / 3 (Type: Inkoopboeking) - Verschil: EUR -0,01',
        'The entry is not in balance on: 2026 / 3 (Type: Purchase entry) - Difference: EUR -0.01',
    ),
    (
        'unknown',
        'FinancialYear',
        {},
        'Onbekend: Boekjaar (Periode - datumtabel)',
        'Unknown: Financial year (Period-date table)',
    ),
    (
        'invalid',
        'CostCenterLink',
        {},
        'Ongeldig: Kostenplaatskoppeling',
        'Invalid: Cost center link',
    ),
    ('blocked', 'GLAccount', {}, 'Geblokkeerd: Grootboekrekening', 'Blocked: G/L account'),
    (
        'vat_amount',
        '',
        {},
        ('Een btw bedrag is niet toegestaan als u gebruikmaakt van een btw-code van het type '
        "'Geen btw' of 'Btw 0%'"),
        "A VAT amount is not allowed if you use a VAT code of type 'No VAT' or 'VAT 0%'",
    ),
    ('not_allowed', 'Currency', {}, 'Niet toegestaan: Valuta', 'Not allowed: Currency'),
    (
        'not_allowed',
        'ExchangeRate',
        {},
        'Niet toegestaan: Wisselkoers',
        'Not allowed: Exchange rate',
    ),
    ('document_type', '', {}, 'Niet toegestaan: Documenttype', 'Document Type not allowed'),
    (
        'entry_exists',
        '',
        {'number': 700012, 'journal': '700'},
        'Bestaat reeds - Boekstuknummer: 700012, Dagboek: 700',
        'Already exists - Entry number: 700012, Journal: 700',
    ),
    ('data_exists', '', {}, 'Gegeven bestaat reeds', 'Data already exists'),
    ('invalid', 'AmountFC', {}, 'Ongeldig: Bedrag', 'Invalid: Amount'),
    ('words that nobody listed', '', {}, 'words that nobody listed', 'words that nobody listed'),
]


@pytest.fixture
def server(pair):
    pair[0].faults.clear()
    return pair[0]


@pytest.mark.parametrize(
    ('text', 'label', 'values', 'dutch', 'english'), TEXTS, ids=[row[4][:30] for row in TEXTS],
)
def test_any_text_in_the_users_language(server, client, text, label, values, dutch, english):
    fault = {'method': 'POST', 'resource': 'salesentry', 'text': text, 'label': label}
    before = len(server.entries())
    for user, words in (('jan', dutch), ('emma', english)):
        server.faults.add('refuse', values=values, **fault)
        answer = Client(server, user=user).sale(100)
        assert (answer.status_code, message(answer)) == (500, words)
    assert len(server.entries()) == before
    # the same words though the entry is there
    server.faults.add('refuse_after', values=values, **fault)
    answer = client.sale(100)
    assert (answer.status_code, message(answer)) == (500, dutch)
    assert len(server.entries()) == before + 1


@pytest.mark.parametrize('status', [400, 403, 404, 409, 413, 500, 502, 503, 504])
@pytest.mark.parametrize('body', ['', 'html'])
def test_somebody_between_answers(server, client, status, body):
    before = len(server.entries())
    server.faults.add('status', method='POST', status=status, body=body)
    answer = client.sale(100)
    assert answer.status_code == status
    assert len(server.entries()) == before
    server.faults.add('status_after', method='POST', status=status, body=body)
    answer = client.sale(100)
    assert answer.status_code == status
    assert len(server.entries()) == before + 1
    if body:
        assert answer.headers['Content-Type'].startswith('text/html')
        assert answer.text.startswith('<!DOCTYPE html>')
    else:
        assert answer.content == b''


def test_a_login_page_and_nothing_instead_of_a_deletion(server, client):
    entry = created(client.sale(100))
    path = 'salesentry/SalesEntries'
    server.faults.add('status', method='DELETE', status=200, body='login')
    answer = client.delete(path, entry['EntryID'])
    assert (answer.status_code, 'Log in' in answer.text) == (200, True)
    server.faults.add('status', method='DELETE', status=204)
    answer = client.delete(path, entry['EntryID'])
    assert (answer.status_code, answer.content) == (204, b'')
    assert client.read(path, entry['EntryID'], select='EntryNumber')
    assert client.delete(path, entry['EntryID']).status_code == 204
    assert client.get(f"{path}(guid'{entry['EntryID']}')").status_code == 404


def test_headers_of_choice(server, client):
    headers = {'Retry-After': '315360000'}
    server.faults.add('status', method='GET', status=429, headers=headers)
    answer = client.get('vat/VATCodes', **LIST)
    assert (answer.status_code, answer.headers['Retry-After']) == (429, '315360000')
    assert 'X-RateLimit-Minutely-Remaining' not in answer.headers
    server.faults.add('status', method='GET', status=429)
    answer = client.get('vat/VATCodes', **LIST)
    assert answer.headers['X-RateLimit-Minutely-Remaining'] == '0'
    server.faults.add('status', method='GET', status=503, headers=headers)
    answer = client.get('vat/VATCodes', **LIST)
    assert (answer.status_code, answer.headers['Retry-After']) == (503, '315360000')


def test_gzip_bomb(server, client):
    server.faults.add('gzip_bomb', method='GET', size=20)
    with client.session.get(
        client.url('vat/VATCodes'), params={'$select': 'Code'}, stream=True, timeout=20,
    ) as answer:
        packed = answer.raw.read(decode_content=False)
        assert answer.headers['Content-Encoding'] == 'gzip'
    assert len(packed) < 100_000
    unpacked = gzip.decompress(packed)
    assert len(unpacked) > 20 * 1024 * 1024
    assert json.loads(unpacked)['d']['results']


def test_huge_body(server, client):
    server.faults.add('huge', method='GET', size=5)
    answer = client.get('vat/VATCodes', **LIST)
    assert len(answer.content) > 5 * 1024 * 1024
    assert answer.json()['d']['results']


def test_slow_drip(server, client):
    server.faults.add('drip', method='GET', seconds=0.02, size=50)
    started = time.monotonic()
    rows = client.rows('vat/VATCodes', **LIST)
    assert rows
    assert time.monotonic() - started > 0.5
    server.faults.add('drip', method='GET', seconds=0.01, size=40, head=True)
    assert client.rows('vat/VATCodes', **LIST) == rows
    # who has enough of it goes away; the simulator serves on
    server.faults.add('drip', method='GET', seconds=0.5, size=1)
    with client.session.get(
        client.url('vat/VATCodes'), params={'$select': 'Code'}, stream=True, timeout=20,
    ) as answer:
        assert answer.status_code == 200
    assert client.rows('vat/VATCodes', **LIST) == rows


@pytest.mark.parametrize('path', ['vat/VATCodes', 'sync/CRM/Accounts', 'bulk/CRM/Accounts'])
def test_pages_without_end(server, client, path):
    key = {'filter': 'Timestamp gt 1L'} if path.startswith('sync') else {}
    if path.startswith('bulk'):
        key = {'filter': "Status eq 'C'"}
    server.faults.add('endless', method='GET', resource=path, times=None)
    answer = client.get(path, select='ID', **key)
    first, links = answer.json()['d']['results'], set()
    for _page in range(5):
        link = answer.json()['d']['__next']
        assert link not in links
        assert link.startswith(server.url)
        links.add(link)
        answer = client.call('GET', link)
        assert answer.status_code == 200, answer.text
        assert answer.json()['d']['results'] == first


def test_rows_without_their_key_and_rows_with_rubbish(server, client):
    path, query = 'sync/CRM/Accounts', {'filter': 'Timestamp gt 1L', 'select': 'ID,Name,Timestamp'}
    server.faults.add('strip', method='GET', properties=['ID', 'Timestamp'], row=1)
    rows = client.get(path, **query).json()['d']['results']
    assert 'ID' in rows[0]
    assert not {'ID', 'Timestamp'} & set(rows[1])
    assert rows[1]['Name']
    values = {'Name': 'half \ud83d of it \x00', 'Modified': '/Date(4070908800000)/'}
    server.faults.add('alter', method='GET', values=values, row=0)
    answer = client.get(path, **query)
    rows = json.loads(answer.content)['d']['results']
    assert rows[0]['Name'] == 'half \ud83d of it \x00'
    assert rows[0]['Modified'] == '/Date(4070908800000)/'
    assert rows[1]['Name'] != rows[0]['Name']


def test_rubbish_may_live_in_the_books(server, client):
    """Exact keeps what somebody put there; books and pages survive it."""
    name = 'De Vries \ud83d B.V.\x00'
    server.control.run(
        'edit_record',
        {'table': 'Accounts', 'key': '10', 'values': {'Name': name, 'Modified': '2099-01-01'}},
    )
    row = client.first('crm/Accounts', "trim(Code) eq '10'", select='Name,Modified')
    assert (row['Name'], row['Modified']) == (name, '/Date(4070908800000)/')
    assert requests.get(f'{server.url}/books/1234567/relations', timeout=20).status_code == 200
    assert requests.get(f'{server.url}/_control/state', timeout=20).status_code == 200
    server.control.run(
        'edit_record', {'table': 'Accounts', 'key': '10', 'values': {'Name': 'Bakkerij'}},
    )


def test_something_else_is_booked_than_was_sent(server, client):
    server.faults.add('put', method='POST', values={'PaymentReference': 'OTHER', 'Quantity': 7})
    line = {'AmountFC': 100, 'Quantity': 2}
    entry = created(client.sale(line, PaymentReference='RF18539007547034'))
    assert entry['PaymentReference'] == 'OTHER'
    [line] = client.rows(
        'salesentry/SalesEntryLines',
        filter=f"EntryID eq guid'{entry['EntryID']}'",
        select='Quantity',
    )
    assert line['Quantity'] == 7


def test_latency_beyond_patience(server, client):
    server.faults.add('delay', method='GET', seconds=1)
    with pytest.raises(requests.Timeout):
        client.call('GET', 'vat/VATCodes', params={'$select': 'Code'}, timeout=0.3)
    server.faults.add('delay_after', method='POST', seconds=1)
    before = len(server.entries())
    body = {
        'Customer': client.account('10'),
        'Journal': '70',
        'SalesEntryLines': [{'AmountFC': 1, 'GLAccount': client.gl('800100')}],
    }
    with pytest.raises(requests.Timeout):
        client.call('POST', 'salesentry/SalesEntries', json=body, timeout=0.3)
    assert len(server.entries()) == before + 1
    # its answer is still on its way; the next test shall not wait for it
    time.sleep(1)


def test_an_unknown_option_is_said(server):
    with pytest.raises(ValueError, match='unknown option'):
        server.faults.add('status', sttus=500)
    with pytest.raises(ValueError, match='unknown fault'):
        server.faults.add('earthquake')
