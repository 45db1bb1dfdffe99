"""A small HTTP client for the tests of the simulator: requests only, nothing of the addon."""

import contextlib

import requests

from simulator.server import SimulatorServer

MAIN, BROKEN_YEAR, BELGIAN, FORBIDDEN = 1234567, 1234568, 1234569, 1234570
RELAXED = {'rate_limits': False, 'error_fuse': 'off'}


class Client:
    """Calls one server as one user; ``get`` and friends take a path below the division."""

    def __init__(self, server, user='jan', division=MAIN):
        self.server, self.division = server, division
        self.session = requests.Session()
        self.session.headers['Accept'] = 'application/json'
        self.use(server.issue_tokens(user=user)['access_token'])

    def use(self, token):
        self.session.headers['Authorization'] = f'Bearer {token}'

    def url(self, path):
        if path.startswith('http'):
            return path
        if path.startswith('current/'):
            return f'{self.server.url}/api/v1/{path}'
        return f'{self.server.url}/api/v1/{self.division}/{path}'

    def call(self, method, path, **kwargs):
        kwargs.setdefault('timeout', 20)
        return self.session.request(method, self.url(path), **kwargs)

    def get(self, path, **params):
        return self.call('GET', path, params={f'${key}': value for key, value in params.items()})

    def post(self, path, body):
        return self.call('POST', path, json=body)

    def put(self, path, key, body):
        return self.call('PUT', f"{path}(guid'{key}')", json=body)

    def delete(self, path, key):
        return self.call('DELETE', f"{path}(guid'{key}')")

    def rows(self, path, **params):
        """All rows of a list, following every page."""
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        found = []
        while True:
            payload = answer.json()['d']
            if isinstance(payload, list):
                return found + payload
            found.extend(payload['results'])
            if '__next' not in payload:
                return found
            answer = self.call('GET', payload['__next'])
            assert answer.status_code == 200, answer.text

    def read(self, path, key, **params):
        answer = self.get(f"{path}(guid'{key}')", **params)
        assert answer.status_code == 200, answer.text
        return answer.json()['d']

    def first(self, path, filter, select='ID'):
        found = self.rows(path, select=select, filter=filter)
        assert found, f'{path}: nothing for {filter}'
        return found[0]

    # === known records === #

    def account(self, code):
        return self.first('crm/Accounts', f"trim(Code) eq '{code}'")['ID']

    def gl(self, code):
        return self.first('financial/GLAccounts', f"Code eq '{code}'")['ID']

    def sale(self, *lines, **header):
        """POST a sales entry; lines are dicts or amounts."""
        body = {
            'Customer': header.pop('customer', None) or self.account('10'),
            'Journal': '70',
            'EntryDate': '2026-03-10T00:00:00',
            **header,
            'SalesEntryLines': [self.line(line, '800100', '2') for line in lines],
        }
        return self.post('salesentry/SalesEntries', body)

    def purchase(self, *lines, **header):
        body = {
            'Supplier': header.pop('supplier', None) or self.account('20'),
            'Journal': '60',
            'EntryDate': '2026-03-10T00:00:00',
            **header,
            'PurchaseEntryLines': [self.line(line, '421000', '4') for line in lines],
        }
        return self.post('purchaseentry/PurchaseEntries', body)

    def general(self, *lines, **header):
        return self.post(
            'generaljournalentry/GeneralJournalEntries',
            {'JournalCode': '90', 'GeneralJournalEntryLines': list(lines), **header},
        )

    def line(self, line, gl, vat):
        values = line if isinstance(line, dict) else {'AmountFC': line}
        return {'VATCode': vat, **values, 'GLAccount': values.get('GLAccount') or self.gl(gl)}

    def ledger(self, entry_id):
        """[(G/L code, AmountDC, VATType)] of an entry's transaction lines, in order."""
        rows = self.rows(
            'financialtransaction/TransactionLines',
            filter=f"EntryID eq guid'{entry_id}'",
            select='GLAccountCode,AmountDC,VATType,LineNumber',
        )
        return [
            (row['GLAccountCode'], row['AmountDC'], row['VATType'])
            for row in sorted(rows, key=lambda row: row['LineNumber'])
        ]


def message(answer):
    """Text of an error body."""
    return answer.json()['error']['message']['value']


def created(answer):
    assert answer.status_code == 201, answer.text
    return answer.json()['d']


@contextlib.contextmanager
def switched(server, **values):
    """Switches for the time of a block."""
    before = {name: server.switches[name] for name in values}
    server.switches.update(values)
    try:
        yield
    finally:
        server.switches.update(before)


@contextlib.contextmanager
def running(**kwargs):
    """A relaxed server (no call limits) and a client."""
    switches = {**RELAXED, **kwargs.pop('switches', {})}
    with SimulatorServer(switches=switches, **kwargs) as server:
        yield server, Client(server)
