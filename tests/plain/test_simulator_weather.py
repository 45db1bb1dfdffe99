"""Bad weather in the simulator: call limits, error limits, faults; the log, webhooks, restarts,
pages.
"""

import hashlib
import hmac
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from simulator_client import MAIN, RELAXED, Client, created, message, running, switched

from simulator.clock import Clock
from simulator.server import SimulatorServer
from simulator.store import BooksInUseError

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 10, 9, 0, 30, tzinfo=timezone.utc)


@pytest.fixture
def client(pair):
    pair[0].faults.clear()
    return pair[1]


def count(client):
    return len(client.server.entries())


# === limits === #


def test_sixty_a_minute_and_what_the_headers_say():
    with SimulatorServer(clock=Clock(lambda: NOW)) as server:
        client = Client(server)
        answer = client.get('vat/VATCodes', select='Code')
        assert {
            key: value for key, value in answer.headers.items() if key.startswith('X-Rate')
        } == {
            'X-RateLimit-Limit': '5000',
            'X-RateLimit-Remaining': '4999',
            'X-RateLimit-Reset': '1773187200000',
            'X-RateLimit-Minutely-Limit': '60',
            'X-RateLimit-Minutely-Remaining': '59',
            'X-RateLimit-Minutely-Reset': '1773133260000',
        }
        for _call in range(59):
            assert client.get('vat/VATCodes', select='Code').status_code == 200
        answer = client.get('vat/VATCodes', select='Code')
        assert (answer.status_code, answer.content) == (429, b'')
        assert {key for key in answer.headers if key.startswith('X-Rate')} == {
            'X-RateLimit-Minutely-Limit',
            'X-RateLimit-Minutely-Remaining',
            'X-RateLimit-Minutely-Reset',
        }
        # the limit belongs to the division; another one still answers
        other = Client(server, division=1234568)
        assert other.get('vat/VATCodes', select='Code').status_code == 200
        server.clock.advance(30)
        assert client.get('vat/VATCodes', select='Code').status_code == 200


def test_daily_limit_and_its_headers():
    with SimulatorServer(clock=Clock(lambda: NOW), switches={'day_limit': 3}) as server:
        client = Client(server)
        for _call in range(3):
            assert client.get('vat/VATCodes', select='Code').status_code == 200
        answer = client.get('vat/VATCodes', select='Code')
        assert answer.status_code == 429
        assert {key for key in answer.headers if key.startswith('X-Rate')} == {
            'X-RateLimit-Limit',
            'X-RateLimit-Remaining',
            'X-RateLimit-Reset',
        }
        server.clock.advance(86400)
        client.use(server.issue_tokens()['access_token'])
        assert client.get('vat/VATCodes', select='Code').status_code == 200


@pytest.mark.parametrize(('mode', 'status'), [('429', 429), ('403', 403), ('500', 500)])
def test_ten_errors_close_an_endpoint_for_the_hour(mode, status):
    with SimulatorServer(
        clock=Clock(lambda: NOW), switches={'error_fuse': mode, 'rate_limits': False}
    ) as server:
        client = Client(server)
        for _call in range(10):
            assert client.get('vat/VATCodes', select='Nonsense').status_code == 400
        assert client.get('vat/VATCodes', select='Code').status_code == status
        assert client.get('financial/Journals', select='Code').status_code == 200
        server.clock.advance(3600)
        client.use(server.issue_tokens()['access_token'])
        assert client.get('vat/VATCodes', select='Code').status_code == 200


def test_an_expired_token_counts_as_an_error():
    with SimulatorServer(clock=Clock(lambda: NOW), switches={'rate_limits': False}) as server:
        client = Client(server)
        server.clock.advance(600)
        for _call in range(10):
            assert client.get('vat/VATCodes', select='Code').status_code == 401
        client.use(server.issue_tokens()['access_token'])
        assert client.get('vat/VATCodes', select='Code').status_code == 429


def test_limits_survive_a_restart(tmp_path):
    switches = {'minute_limit': 5}
    clock = Clock(lambda: NOW)
    with SimulatorServer(tmp_path / 'books.db', switches=switches, clock=clock) as server:
        client = Client(server)
        for _call in range(4):
            client.get('vat/VATCodes', select='Code')
    with SimulatorServer(tmp_path / 'books.db', switches=switches, clock=clock) as server:
        client = Client(server)
        assert client.get('vat/VATCodes', select='Code').status_code == 200
        assert client.get('vat/VATCodes', select='Code').status_code == 429


# === faults === #


def test_cut_before_leaves_nothing(client, server):
    before = count(client)
    server.faults.add('cut_before', method='POST', resource='salesentry')
    with pytest.raises(requests.ConnectionError):
        client.sale(1)
    assert count(client) == before
    created(client.sale(1))


@pytest.mark.parametrize('kind', ['cut_after', 'cut_body', 'broken_body', 'status_after'])
def test_faults_after_the_work_leave_the_entry(client, server, kind):
    before = count(client)
    server.faults.add(kind, method='POST', resource='salesentry')
    if kind == 'status_after':
        assert client.sale(1).status_code == 503
    elif kind == 'broken_body':
        with pytest.raises(ValueError):
            client.sale(1).json()
    else:
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            client.sale(1)
    assert count(client) == before + 1


def test_status_instead_of_the_work(client, server):
    before = count(client)
    for status in (500, 502, 503, 504):
        server.faults.add('status', method='POST', status=status)
        assert client.sale(1).status_code == status
    server.faults.add('status', method='POST', status=429)
    answer = client.sale(1)
    assert answer.status_code == 429 and 'X-RateLimit-Minutely-Reset' in answer.headers
    assert 'X-RateLimit-Reset' not in answer.headers
    assert count(client) == before


def test_delay(client, server):
    server.faults.add('delay', seconds=0.3, resource='current/Me')
    start = time.perf_counter()
    assert client.get('current/Me').status_code == 200
    assert time.perf_counter() - start >= 0.3
    server.faults.add('delay', seconds=2, resource='current/Me')
    with pytest.raises(requests.Timeout):
        client.call('GET', 'current/Me', timeout=0.2)


def test_a_delayed_call_does_not_stop_others(client, server):
    server.faults.add('delay', seconds=1.5, resource='current/Me')
    other = Client(server)
    thread = threading.Thread(target=client.get, args=('current/Me',))
    thread.start()
    start = time.perf_counter()
    assert other.get('vat/VATCodes', select='Code').status_code == 200
    assert time.perf_counter() - start < 1
    thread.join()


def test_dropped_property(client, server):
    document = created(client.post('documents/Documents', {'Subject': 'X', 'Type': 10}))['ID']
    server.faults.add('drop', resource='salesentry', properties=['Document', 'CostCenter'])
    entry = created(client.sale({'AmountFC': 1, 'CostCenter': 'ADM'}, Document=document))
    assert entry['Document'] is None
    line = client.rows(
        'salesentry/SalesEntryLines',
        select='CostCenter',
        filter=f"EntryID eq guid'{entry['EntryID']}'",
    )[0]
    assert line['CostCenter'] is None


def test_skip_and_times(client, server):
    server.faults.add('status', resource='current/Me', skip=1, times=2)
    statuses = [client.get('current/Me').status_code for _call in range(4)]
    assert statuses == [200, 503, 503, 200]


def test_chaos_is_the_same_from_the_same_seed(client, server):
    def story():
        server.faults.chaos(7, 0.3, kinds=('status',))
        found = [client.get('current/Me').status_code for _call in range(30)]
        server.faults.clear()
        return found

    first = story()
    assert first == story() and 3 <= first.count(503) <= 20


def test_faults_by_http(client, server):
    answer = requests.post(
        f'{server.url}/_control/faults',
        timeout=10,
        json={'faults': [{'kind': 'status', 'resource': 'current/Me', 'status': 502}]},
    )
    assert answer.json()['faults'][0]['status'] == 502
    assert client.get('current/Me').status_code == 502
    answer = requests.post(
        f'{server.url}/_control/faults', json={'faults': [{'kind': 'x'}]}, timeout=10
    )
    assert answer.status_code == 400


# === control === #


def test_control_needs_json_and_a_known_action(server):
    url = f'{server.url}/_control/'
    assert requests.post(url + 'switches', data='{}', timeout=10).status_code == 415
    assert requests.post(url + 'nonsense', json={}, timeout=10).status_code == 400
    assert requests.post(url + 'switches', json={'entry_status': 7}, timeout=10).status_code == 400
    assert requests.post(url + 'switches', json={'nonsense': 7}, timeout=10).status_code == 400
    assert requests.get(url + 'state', timeout=10).json()['counts'][str(MAIN)]['Accounts'] > 25


def test_control_actions_of_a_bookkeeper(client, server):
    entry = created(client.sale(10, YourRef='A'))
    url = f'{server.url}/_control/'
    requests.post(
        url + 'edit_entry',
        timeout=10,
        json={
            'entry': entry['EntryID'],
            'header': {'YourRef': 'B'},
            'lines': {'1': {'AmountFC': 20.0}},
        },
    )
    after = client.read('salesentry/SalesEntries', entry['EntryID'])
    assert (after['YourRef'], after['AmountFC']) == ('B', 24.2)
    server.control.run('process_entry', {'entry': entry['EntryID']})
    assert requests.post(url + 'delete_entry', json={'entry': entry['EntryID']}, timeout=10).ok
    assert client.get(f"salesentry/SalesEntries(guid'{entry['EntryID']}')").status_code == 404
    made = requests.post(
        url + 'add_record',
        timeout=10,
        json={'table': 'Costcenters', 'values': {'Code': 'CTRL', 'Description': 'Van buiten'}},
    ).json()
    assert client.read('hrm/Costcenters', made['ID'])['Code'] == 'CTRL'
    requests.post(url + 'delete_record', json={'table': 'Costcenters', 'key': 'CTRL'}, timeout=10)
    assert client.get(f"hrm/Costcenters(guid'{made['ID']}')").status_code == 404
    requests.post(url + 'add_division', json={'code': 7654321, 'description': 'Nieuw'}, timeout=10)
    assert 7654321 in [row['Code'] for row in client.rows('system/Divisions', select='Code')]
    assert Client(server, division=7654321).sale(1).status_code == 201
    by_hand = server.control.run(
        'add_entry',
        {
            'kind': 'sale',
            'values': {
                'Customer': client.account('10'),
                'Journal': '70',
                'EntryDate': '2026-03-10',
                'SalesEntryLines': [
                    {'GLAccount': client.gl('800100'), 'AmountFC': 5.0, 'VATCode': '2'}
                ],
            },
        },
    )
    assert client.read('salesentry/SalesEntries', by_hand['EntryID'])['AmountFC'] == 6.05


# === log === #


def test_the_log_has_every_request_and_no_secrets(tmp_path):
    log = tmp_path / 'calls.jsonl'
    with running(log=str(log)) as (server, client):
        client.get('vat/VATCodes', select='Code', filter="Code eq '2'")
        document = created(client.post('documents/Documents', {'Subject': 'X', 'Type': 10}))['ID']
        created(
            client.post(
                'documents/DocumentAttachments',
                {'Document': document, 'FileName': 'x.pdf', 'Attachment': 'QUJD' * 100},
            )
        )
        client.sale(1)
        token = client.session.headers['Authorization'].split()[1]
        requests.post(
            f'{server.url}/api/oauth2/token',
            timeout=10,
            data={
                'grant_type': 'refresh_token',
                'client_id': 'demo-client-id',
                'client_secret': 'demo-client-secret',
                'refresh_token': 'stamp-secret',
            },
        )
    text = log.read_text()
    calls = [json.loads(line) for line in text.splitlines()]
    assert {'method', 'path', 'query', 'headers', 'body', 'status'} == set(calls[0])
    assert (calls[0]['method'], calls[0]['path'], calls[0]['status']) == (
        'GET',
        f'/api/v1/{MAIN}/vat/VATCodes',
        200,
    )
    assert token not in text and 'demo-client-secret' not in text and 'stamp-secret' not in text
    attachment = next(call for call in calls if 'DocumentAttachments' in call['path'])
    assert len(attachment['body']['Attachment']) < 100
    check = ROOT.parent / 'shared' / 'checks' / 'wire_check.py'
    if check.is_file():
        done = subprocess.run(
            [sys.executable, str(check), str(log)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


# === webhooks === #


class Receiver(ThreadingHTTPServer):
    """Takes webhook calls and remembers them."""

    def __init__(self, status=200):
        self.calls, self.status = [], status
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get('Content-Length') or 0)
                receiver.calls.append(self.rfile.read(length))
                self.send_response(receiver.status)
                self.send_header('Content-Length', '0')
                self.end_headers()

            def log_message(self, *args):
                pass

        super().__init__(('127.0.0.1', 0), Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f'http://127.0.0.1:{self.server_address[1]}/hook'


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.shutdown()
    found.server_close()


def test_webhooks(client, server, receiver):
    path = 'webhooks/WebhookSubscriptions'
    row = created(client.post(path, {'CallbackURL': receiver.url, 'Topic': 'Accounts'}))
    assert receiver.calls == [b'']
    account = created(client.post('crm/Accounts', {'Name': 'Belletje'}))['ID']
    client.put('crm/Accounts', account, {'City': 'Delft'})
    server.notifier.wait()
    bodies = [call.decode() for call in receiver.calls[1:]]
    assert [json.loads(body)['Content']['Action'] for body in bodies] == ['Create', 'Update']
    content = json.loads(bodies[0])['Content']
    assert (content['Topic'], content['Division'], content['Key']) == ('Accounts', MAIN, account)
    assert content['ClientId'] == '{demo-client-id}'
    assert content['ExactOnlineEndpoint'].endswith(f"/crm/Accounts(guid'{account}')")
    raw = bodies[0][len('{"Content":') : bodies[0].rindex(',"HashCode"')]
    expected = hmac.new(b'demo-webhook-secret', raw.encode(), hashlib.sha256).hexdigest().upper()
    assert json.loads(bodies[0])['HashCode'] == expected
    assert message(client.post(path, {'CallbackURL': receiver.url, 'Topic': 'Accounts'})) == (
        'Bestaat reeds: Onderwerp'
    )
    with switched(server, webhook_delivery='twice'):
        client.put('crm/Accounts', account, {'City': 'Gouda'})
        server.notifier.wait()
    assert len(receiver.calls) == 5
    client.delete(path, row['ID'])
    client.put('crm/Accounts', account, {'City': 'Leiden'})
    server.notifier.wait()
    assert len(receiver.calls) == 5


def test_webhook_validation_fails(client, receiver):
    receiver.status = 403
    answer = client.post(
        'webhooks/WebhookSubscriptions', {'CallbackURL': receiver.url, 'Topic': 'Contacts'}
    )
    assert answer.status_code == 500
    assert message(answer) == 'Post to callback URL endpoint returns 403'
    answer = client.post(
        'webhooks/WebhookSubscriptions', {'CallbackURL': receiver.url, 'Topic': 'PaymentTerms'}
    )
    assert answer.status_code == 500 and 'A problem has occurred' in message(answer)
    answer = client.post(
        'webhooks/WebhookSubscriptions',
        {'CallbackURL': 'http://odoo.example.com/x', 'Topic': 'Contacts'},
    )
    assert message(answer) == 'Ongeldig: Callback-URL'


# === restarts and the command line === #


def test_books_survive_a_restart(tmp_path):
    path = tmp_path / 'books.db'
    with running(database=path) as (server, client):
        entry = created(client.sale(100, YourRef='BLIJFT'))
        document = created(client.post('documents/Documents', {'Subject': 'X', 'Type': 10}))['ID']
        attachment = created(
            client.post(
                'documents/DocumentAttachments',
                {'Document': document, 'FileName': 'x.pdf', 'Attachment': 'QUJD'},
            )
        )
        token = client.session.headers['Authorization']
        stamp = server.store.last_stamp
        lines = client.ledger(entry['EntryID'])
    with running(database=path) as (server, client):
        client.session.headers['Authorization'] = token
        assert client.read('salesentry/SalesEntries', entry['EntryID'])['YourRef'] == 'BLIJFT'
        assert client.ledger(entry['EntryID']) == lines
        assert server.store.last_stamp >= stamp
        assert server.store.blob(attachment['ID']) == b'ABC'
        assert created(client.sale(1))['EntryNumber'] == entry['EntryNumber'] + 1


def test_books_are_open_in_one_simulator_only(tmp_path):
    with running(database=tmp_path / 'books.db'), pytest.raises(BooksInUseError):
        SimulatorServer(tmp_path / 'books.db')


def test_a_failing_write_leaves_memory_and_file_as_they_were(tmp_path):
    with running(database=tmp_path / 'books.db') as (server, client):
        store = server.store
        before = store.get('Accounts', MAIN, client.account('10'))
        with pytest.raises(RuntimeError), store.transaction():
            store.put('Accounts', MAIN, {**before, 'Name': 'Anders'})
            store.put('Accounts', MAIN, {'ID': 'nieuw', 'Name': 'Nieuw'})
            raise RuntimeError
        assert store.get('Accounts', MAIN, before['ID'])['Name'] == before['Name']
        assert store.get('Accounts', MAIN, 'nieuw') is None
        assert (
            client.rows(
                'sync/CRM/Accounts', select='ID', filter=f"Timestamp gt {store.last_stamp}L"
            )
            == []
        )


def test_command_line(tmp_path):
    port_file = tmp_path / 'port'
    log = tmp_path / 'calls.jsonl'
    command = [
        sys.executable,
        '-m',
        'simulator',
        '--port',
        '0',
        '--database',
        str(tmp_path / 'b.db'),
        '--port-file',
        str(port_file),
        '--seed-division',
        str(MAIN),
        '--switch',
        'entry_status=50',
    ]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, 'ACCOUNT_EXACT_REQUEST_LOG': str(log)},
    )
    try:
        line = process.stdout.readline()
        port = int(port_file.read_text())
        assert f'http://127.0.0.1:{port}' in line
        url = f'http://127.0.0.1:{port}'
        token = requests.post(f'{url}/_control/issue_tokens', json={}, timeout=10).json()[
            'access_token'
        ]
        headers = {'Authorization': f'Bearer {token}', 'Accept': 'application/json'}
        answer = requests.get(
            f'{url}/api/v1/{MAIN}/system/Divisions?$select=Code', headers=headers, timeout=10
        )
        assert [row['Code'] for row in answer.json()['d']['results']] == [MAIN]
        assert (
            requests.get(f'{url}/_control/state', timeout=10).json()['switches']['entry_status']
            == 50
        )
    finally:
        process.terminate()
        assert process.wait(timeout=10) == 0
        process.stdout.close()
    assert 'system/Divisions' in log.read_text()


# === pages === #


def test_pages_show_the_books_and_escape_names(client, server):
    account = created(
        client.post('crm/Accounts', {'Name': '<script>alert("x")</script> & Zn.', 'Status': 'C'})
    )['ID']
    document = created(
        client.post(
            'documents/Documents', {'Subject': '<b>INV</b>', 'Type': 10, 'Account': account}
        )
    )['ID']
    file = created(
        client.post(
            'documents/DocumentAttachments',
            {'Document': document, 'FileName': 'f <1>.html', 'Attachment': 'PGI+eDwvYj4='},
        )
    )
    entry = created(client.sale(100, customer=account, YourRef='P<1>', Document=document))
    pages = {}
    for path in (
        '/',
        '/calls',
        f'/books/{MAIN}',
        *(
            f'/books/{MAIN}/{name}'
            for name in ('entries', 'documents', 'relations', 'accounts', 'terms', 'calls')
        ),
        f'/books/{MAIN}/entries/{entry["EntryID"]}',
    ):
        answer = requests.get(server.url + path, timeout=10)
        assert answer.status_code == 200, path
        assert '<script>' not in answer.text and '<b>INV' not in answer.text, path
        pages[path] = answer.text
    assert 'P&lt;1&gt;' in pages[f'/books/{MAIN}/entries']
    assert '121.00' in pages[f'/books/{MAIN}/entries/{entry["EntryID"]}']
    assert '800100 Omzet NL handelsgoederen 1' in pages[f'/books/{MAIN}/entries/{entry["EntryID"]}']
    download = requests.get(
        f'{server.url}/books/{MAIN}/documents/{document}/attachments/{file["ID"]}', timeout=10
    )
    assert download.content == b'<b>x</b>'
    assert download.headers['Content-Disposition'].startswith('attachment')
    assert download.headers['Content-Type'] == 'application/octet-stream'


def test_pages_are_paged_and_searchable(client, server):
    gl = client.gl('461000')
    lines = [{'GLAccount': gl, 'AmountFC': amount, 'VATCode': ''} for amount in (1.0, -1.0)]
    for _entry in range(55):
        server.control.run(
            'add_entry',
            {'kind': 'general', 'values': {'JournalCode': '90', 'GeneralJournalEntryLines': lines}},
        )
    page = requests.get(
        f'{server.url}/books/{MAIN}/entries', params={'kind': 'general'}, timeout=10
    ).text
    assert 'page 1 of 2' in page and 'kind=general&amp;page=2' in page
    second = requests.get(
        f'{server.url}/books/{MAIN}/entries', params={'kind': 'general', 'page': '2'}, timeout=10
    ).text
    assert 'page 2 of 2' in second
    found = requests.get(
        f'{server.url}/books/{MAIN}/relations', params={'q': 'noordzee'}, timeout=10
    ).text
    assert 'Hotel Noordzee' in found and 'Bakkerij' not in found


def test_deep_links(client, server):
    entry = created(client.sale(1))['EntryID']
    answer = requests.get(
        f'{server.url}/docs/FinEntry.aspx',
        timeout=10,
        params={'_Division_': MAIN, 'EntryID': '{' + entry.upper() + '}'},
    )
    assert answer.url.endswith(f'/books/{MAIN}/entries/{entry}') and answer.status_code == 200
    gone = requests.get(f'{server.url}/books/{MAIN}/entries/{entry[:-1]}0000', timeout=10)
    assert gone.status_code == 404


def test_page_of_a_document_shows_its_entry(client, server):
    document = created(client.post('documents/Documents', {'Subject': 'F1', 'Type': 10}))['ID']
    entry = created(client.sale(1, Document=document))['EntryID']
    for parameters, page in (
        ({'DocumentID': '{' + document + '}'}, f'/books/{MAIN}/entries/{entry}'),
        ({}, f'/books/{MAIN}'),
    ):
        answer = requests.get(
            f'{server.url}/docs/DocView.aspx',
            timeout=10,
            params={'_Division_': MAIN, **parameters},
        )
        assert answer.url.endswith(page) and answer.status_code == 200
    assert requests.get(f'{server.url}/static/..%2fserver.py', timeout=10).status_code == 404


def test_many_at_once(server):
    """Twenty threads book at the same time: every entry has a number of its own and balances."""
    clients = [Client(server) for _thread in range(10)]
    customer, gl = clients[0].account('10'), clients[0].gl('800100')
    answers = []

    def work(client):
        for _entry in range(8):
            answers.append(
                client.post(
                    'salesentry/SalesEntries',
                    {
                        'Customer': customer,
                        'Journal': '71',
                        'EntryDate': '2026-03-10',
                        'SalesEntryLines': [{'GLAccount': gl, 'AmountFC': 1, 'VATCode': '2'}],
                    },
                )
            )

    threads = [threading.Thread(target=work, args=(one,)) for one in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [created(answer)['EntryNumber'] for answer in answers]
    assert len(numbers) == 80 == len(set(numbers))


def test_relaxed_switches_exist(server):
    for name, value in RELAXED.items():
        assert server.switches[name] == value
    with pytest.raises(ValueError):
        server.switches.nonsense = 1
