"""After the story: every posted document of the demo data goes to Exact, and both books agree.

Runs in the database of test_story.py, through the web client's own remote procedure calls.
"""

import collections
from decimal import Decimal

import pytest
import requests
from person import SIMULATOR, URL, Program, control

DIVISION = 1234567
KINDS = ['out_invoice', 'out_refund', 'out_receipt', 'in_invoice', 'in_refund', 'in_receipt']

pytestmark = pytest.mark.skipif(not URL, reason="scripts/test starts Odoo and says where it is")


@pytest.fixture(scope='module')
def odoo():
    odoo = Program()
    # What the story exported had its PDF with it, what goes from here on has none: printing takes
    # longer than all the rest.
    divisions = odoo.call('exact.division', 'search', [['code', '=', DIVISION]])
    odoo.call('exact.division', 'write', divisions, {'send_documents': False})
    return odoo


@pytest.fixture(scope='module')
def moves(odoo):
    company = odoo.call('res.users', 'read', [2], ['company_id'])[0]['company_id'][0]
    return odoo.call('account.move', 'search', [
        ('state', '=', 'posted'), ('move_type', 'in', KINDS), ('company_id', '=', company),
    ])


def ledger():
    """Rows of Exact's ledger by entry: what the addon did not read itself."""
    token = control('issue_tokens')['access_token']
    url = (f'{SIMULATOR}/api/v1/{DIVISION}/bulk/Financial/TransactionLines'
           "?$select=EntryID,GLAccountCode,AmountFC&$filter=FinancialYear ge 2000")
    entries = collections.defaultdict(list)
    while url:
        answer = requests.get(url, timeout=60, headers={
            'Accept': 'application/json', 'Authorization': f'Bearer {token}',
        })
        answer.raise_for_status()
        data = answer.json()['d']
        for row in data['results']:
            entries[row['EntryID'].lower()].append(row)
        url = data.get('__next')
    return entries


def rows_of(odoo, moves):
    return odoo.call('account.move', 'read', moves, [
        'name', 'move_type', 'exact_state', 'exact_message', 'amount_total', 'exact_export_id',
        'commercial_partner_id',
    ])


def test_export_does_all_it_can(odoo, moves):
    assert len(moves) > 15
    odoo.call('account.move', 'action_exact_export', moves)
    odoo.export()
    rows = rows_of(odoo, moves)
    assert {row['exact_state'] for row in rows} == {'verified', 'blocked'}, rows


def test_a_person_says_who_is_new(odoo, moves):
    # Exact has relations of these names or bank accounts whose numbers differ: a person says that
    # they are others, once for each partner.
    rows = rows_of(odoo, moves)
    strangers = {
        row['commercial_partner_id'][0]: row['id'] for row in rows
        if row['exact_state'] == 'blocked' and "or create a new relation" in row['exact_message']
    }
    assert 0 < len(strangers) <= 4, rows
    for move_id in strangers.values():
        wizard = odoo.call(
            'exact.export.document.wizard', 'create', {'create_relation': True},
            context={'default_move_id': move_id},
        )
        odoo.call('exact.export.document.wizard', 'action_export', [wizard])
    odoo.export()
    wrong = [(row['name'], row['exact_state'], row['exact_message'])
             for row in rows_of(odoo, moves) if row['exact_state'] != 'verified']
    assert not wrong, wrong


def test_every_posted_document_is_in_the_books(odoo, moves, capsys):
    rows = rows_of(odoo, moves)
    exports = odoo.call(
        'exact.export', 'read', [row['exact_export_id'][0] for row in rows], ['exact_guid'],
    )
    guid_of = {export['id']: export['exact_guid'] for export in exports}
    assert len(set(guid_of.values())) == len(moves)
    entries = ledger()
    counts, sums = collections.Counter(), collections.defaultdict(Decimal)
    for row in rows:
        lines = entries[guid_of[row['exact_export_id'][0]]]
        control_lines = [
            Decimal(str(line['AmountFC'])) for line in lines
            if line['GLAccountCode'].strip() in ('1300', '1600')
        ]
        assert abs(sum(control_lines)) == Decimal(f"{row['amount_total']:.2f}"), row['name']
        assert sum(Decimal(str(line['AmountFC'])) for line in lines) == 0, row['name']
        counts[row['move_type']] += 1
        sums[row['move_type']] += abs(sum(control_lines))
    with capsys.disabled():
        print("\n\ndocuments of the demo company, verified in Exact, totals equal to the cent")
        for kind in KINDS:
            print(f"  {kind:12} {counts[kind]:4} {sums[kind]:14,.2f}")
    assert all(counts[kind] for kind in KINDS)
