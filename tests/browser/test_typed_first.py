"""An accountant has typed an invoice into Exact: it is found, shown and linked.

After test_story.py, which connects.
"""

import json

import pytest
from person import URL, Program, control, seated
from playwright.sync_api import expect

pytestmark = pytest.mark.skipif(not URL, reason="scripts/test starts Odoo and says where it is")


@pytest.fixture(scope='module')
def program():
    return Program()


@pytest.fixture(scope='module')
def invoice(program):
    """An invoice that Exact has, but not from here."""
    [export] = program.call(
        'exact.export', 'search_read',
        [['state', '=', 'verified'], ['move_id.move_type', '=', 'out_invoice']],
        fields=['payload', 'move_id'], limit=1,
    )
    move_id, name = export['move_id']
    program.call('account.move', 'action_exact_undo', [move_id])
    program.export()
    assert state(program, move_id) == 'undone'
    values = json.loads(export['payload'])
    values.pop('Document', None)
    # The payload is kept as it was sent, amounts with all their digits as text.
    for line in values['SalesEntryLines']:
        for amount in {'AmountFC', 'VATAmountFC', 'Quantity'} & set(line):
            line[amount] = float(line[amount])
    control('add_entry', kind='sale', values=values)
    return move_id, name.split(' ')[0]


def state(program, move_id):
    [row] = program.call('account.move', 'read', [move_id], ['exact_state'])
    return row['exact_state']


@pytest.fixture(scope='module')
def odoo(chromium):
    with seated(chromium, 'typed-') as person:
        person.login('admin')
        yield person


def test_typed_first(program, invoice, odoo):
    move_id, name = invoice
    page = odoo.page
    odoo.open('action-account.action_move_out_invoice')
    page.locator('tr.o_data_row', has_text=name).locator(
        '.o_list_record_selector input',
    ).check()
    page.click('.o_cp_action_menus button:has-text("Actions")')
    page.get_by_role('menuitem', name='Link to Entries in Exact', exact=True).click()
    page.wait_for_selector('.modal button[name="action_link"]')
    odoo.settle()
    odoo.shot('found')
    expect(page.locator('.modal tr.o_data_row')).to_have_count(1)
    expect(page.locator('.modal td[name="is_chosen"] input')).to_be_checked()
    odoo.button('action_link', '.modal').click()
    page.wait_for_selector('.modal', state='detached')
    program.export()
    odoo.open(f'account.move/{move_id}')
    page.wait_for_selector('div[name="exact_verified"]')
    odoo.shot('linked')
    expect(page.locator('.o-mail-Message', has_text='Linked to entry').first).to_be_visible()
    assert not odoo.errors, odoo.errors
