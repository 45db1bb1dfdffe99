"""The bars that tell a person what is the matter: red, amber, grey, and all of it in Dutch.

Runs in the database of test_story.py, after it.
"""

import pytest
from person import URL, Program, control, seated

pytestmark = pytest.mark.skipif(not URL, reason="scripts/test starts Odoo and says where it is")


@pytest.fixture(scope='module')
def program():
    return Program()


@pytest.fixture(scope='module')
def invoicer(chromium):
    """Somebody who only invoices."""
    with seated(chromium, 'bars-') as person:
        person.login('demo')
        yield person


def new_invoice(program, **line):
    """A posted invoice of the customer of another one."""
    like = program.call('account.move', 'search_read', [
        ('move_type', '=', 'out_invoice'), ('exact_state', '=', 'verified'),
    ], ['partner_id', 'invoice_line_ids'], limit=1)[0]
    tax = program.call(
        'account.move.line', 'read', like['invoice_line_ids'][:1], ['tax_ids', 'account_id'],
    )[0]
    [move] = program.call('account.move', 'create', [{
        'move_type': 'out_invoice', 'partner_id': like['partner_id'][0],
        'invoice_line_ids': [(0, 0, {
            'name': "Advice", 'quantity': 1, 'price_unit': 100, 'tax_ids': [(6, 0, tax['tax_ids'])],
            'account_id': tax['account_id'][0], **line,
        })],
    }])
    program.call('account.move', 'action_post', [move])
    return move


def worked(program, move):
    """What became of a document when all is done that waited for the scheduler."""
    program.export()
    return program.call('account.move', 'read', [move], ['exact_state'])[0]['exact_state']


def unmapped_account(program):
    accounts = program.call('account.account', 'search_read', [
        ('account_type', '=', 'income_other'),
    ], ['id'])
    mapped = program.call('exact.account.mapping', 'search_read', [
        ('account_id', '!=', False), ('state', '=', 'mapped'),
    ], ['account_id'])
    taken = {row['account_id'][0] for row in mapped}
    return next(row['id'] for row in accounts if row['id'] not in taken)


def test_red_bar_says_why_and_where(program, invoicer):
    move = new_invoice(program, account_id=unmapped_account(program))
    program.call('account.move', 'action_exact_export', [move])
    assert worked(program, move) == 'blocked'
    invoicer.open(f'action-account.action_move_out_invoice/{move}')
    bar = invoicer.page.locator('div[name="exact_blocked"]')
    invoicer.shot('red')
    assert 'has no ledger in Exact yet' in bar.inner_text()
    assert 'Map the Ledger' in bar.inner_text()
    # Choose the ledger for this export alone
    invoicer.button('action_exact_adjust').click()
    invoicer.page.wait_for_selector('.modal div[name="line_ids"]')
    invoicer.shot('adjust')
    assert not invoicer.errors


@pytest.fixture(scope='module')
def edited(program):
    """An invoice that is in Exact, and back in draft with another price."""
    move = new_invoice(program)
    program.call('account.move', 'action_exact_export', [move])
    assert worked(program, move) == 'verified'
    program.call('account.move', 'button_draft', [move])
    lines = program.call('account.move', 'read', [move], ['invoice_line_ids'])[0]
    program.call('account.move', 'write', [move], {
        'invoice_line_ids': [(1, lines['invoice_line_ids'][0], {'price_unit': 120})],
    })
    return move


def test_draft_says_that_exact_has_it(invoicer, edited):
    invoicer.open(f'action-account.action_move_out_invoice/{edited}')
    invoicer.shot('draft-again')
    assert invoicer.page.locator('div[name="exact_draft"]:visible').count()
    assert not invoicer.errors


def test_amber_bar_shows_old_and_new(program, invoicer, edited):
    program.call('account.move', 'action_post', [edited])
    assert worked(program, edited) == 'changed'
    invoicer.open(f'action-account.action_move_out_invoice/{edited}')
    bar = invoicer.page.locator('div[name="exact_changed"]')
    invoicer.shot('amber')
    assert '→' in bar.inner_text()
    assert not invoicer.errors


def test_green_bar_after_the_update(program, invoicer, edited):
    with invoicer.page.expect_response(lambda response: 'action_exact_update' in response.url):
        invoicer.button('action_exact_update').click()
    assert worked(program, edited) == 'verified'
    invoicer.open(f'action-account.action_move_out_invoice/{edited}')
    invoicer.shot('green-again')
    assert invoicer.page.locator('div[name="exact_verified"]:visible').count()
    assert not invoicer.errors


def test_grey_bar_while_exact_is_away(program, invoicer):
    control('faults', faults=[{'kind': 'cut_before', 'times': 1000}])
    try:
        move = new_invoice(program)
        program.call('account.move', 'action_exact_export', [move])
        invoicer.open(f'action-account.action_move_out_invoice/{move}')
        invoicer.shot('grey')
        assert invoicer.page.locator('div[name="exact_waiting"]:visible').count()
    finally:
        control('faults', clear=True)
    assert not invoicer.errors


def test_dutch(program, invoicer):
    program.call('res.users', 'write', [program.call(
        'res.users', 'search', [('login', '=', 'demo')],
    )[0]], {'lang': 'nl_NL'})
    move = program.call('account.move', 'search', [('exact_state', '=', 'verified')], limit=1)[0]
    invoicer.open(f'action-account.action_move_out_invoice/{move}')
    invoicer.shot('dutch')
    bar = invoicer.page.locator('div[name="exact_verified"]').inner_text()
    assert 'dagboek' in bar and 'gecontroleerd' in bar.lower(), bar
    invoicer.open('exact-exports')
    invoicer.shot('dutch-exports')
    assert not invoicer.errors
