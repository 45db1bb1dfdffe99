"""The main job in a real browser: connect, let the master data in, map, export, look, undo.

Started by scripts/test against a demo database of its own and a simulator with fresh books. One
story, each chapter begins where the one before ended; each step leaves a screenshot, for people to
look at.
"""

import re

import pytest
from person import SCREENSHOTS, SIMULATOR, URL, Program, seated
from playwright.sync_api import expect

pytestmark = pytest.mark.skipif(not URL, reason="scripts/test starts Odoo and says where it is")


@pytest.fixture(scope='module')
def odoo(chromium):
    with seated(chromium) as person:
        # Whose first page makes Odoo put together what every page needs.
        person.login('admin')
        yield person


def test_connect(odoo):
    page = odoo.page

    # Connect
    odoo.open('action-account_exact.exact_connection_action')
    odoo.shot('no-connection-yet')
    page.click('.o_list_button_add')
    odoo.settle()
    odoo.field('name').locator('input').fill("Exact Online")
    odoo.field('client_id').locator('input').fill('demo-client-id')
    odoo.field('client_secret').locator('input').fill('demo-client-secret')
    odoo.shot('connection-new')
    odoo.button('action_connect').click()
    page.wait_for_selector('#allow')
    odoo.shot('consent')
    page.click('#allow')
    page.wait_for_selector('.o_form_view')
    odoo.settle()
    odoo.shot('connected')
    assert page.url.startswith(URL)

    # Choose the administration of this company
    row = page.locator('div[name="division_ids"] tr.o_data_row', has_text='1234567')
    row.locator('button[name="action_use_for_company"]').click()
    odoo.settle()
    odoo.shot('division-chosen')
    assert not odoo.errors, odoo.errors


def test_master_data_comes_in(odoo):
    page = odoo.page

    # The master data comes in by itself
    odoo.open('action-account_exact.exact_division_action')
    page.locator('tr.o_data_row', has_text='1234567').first.locator('td[name="name"]').click()
    page.wait_for_selector('.o_form_view')
    odoo.settle()
    odoo.shot('sync-progress')
    odoo.reload_until('.o_statusbar_status .o_arrow_button_current', 'Ready', 180)
    odoo.reload_until('button[name="action_accept_suggestions"]', 'Accept', 60)
    odoo.shot('sync-done')
    assert not odoo.errors, odoo.errors


def test_suggestions(odoo):
    page = odoo.page

    # Look at some suggestions before accepting all of them
    administration = page.url
    odoo.open('action-account_exact.exact_tax_mapping_action')
    odoo.shot('suggestions')
    expect(page.locator('tr.o_data_row').first).to_be_visible()
    page.goto(administration)
    odoo.settle()

    # Accept the suggestions
    odoo.button('action_accept_suggestions').click()
    page.wait_for_selector('.o_notification')
    odoo.shot('suggestions-accepted')
    assert not odoo.errors, odoo.errors


def test_mappings(odoo):
    for kind in ('account', 'tax', 'journal', 'payment_term'):
        odoo.open(f'action-account_exact.exact_{kind}_mapping_action')
        odoo.shot(f'mapping-{kind}')
    assert not odoo.errors, odoo.errors


def test_dry_run(odoo):
    page = odoo.page

    # Dry run over everything
    odoo.open('action-account_exact.exact_export_wizard_action')
    page.wait_for_selector('.modal, .o_form_view')
    odoo.shot('dry-run-counts')
    odoo.button('action_check').click()
    page.wait_for_selector('button[name="action_export"].btn-primary')
    odoo.shot('dry-run-result')
    assert not odoo.errors, odoo.errors


def test_export(odoo):
    page = odoo.page

    # Export some invoices from their list
    odoo.open('action-account.action_move_out_invoice')
    odoo.filter('Exact: Not Exported')
    for row in range(6):
        page.locator('tr.o_data_row .o_list_record_selector input').nth(row).check()
    page.wait_for_selector('.o_cp_action_menus')
    odoo.shot('invoices-selected')
    page.click('.o_cp_action_menus button:has-text("Actions")')
    odoo.shot('action-menu')
    page.get_by_role('menuitem', name='Export to Exact', exact=True).click()
    page.wait_for_selector('.o_notification')
    odoo.shot('export-asked')
    assert not odoo.errors, odoo.errors


def test_exported(odoo):
    page = odoo.page

    # The scheduler is at it; this returns when nothing is left to do
    Program().export()
    odoo.open('action-account.action_move_out_invoice')
    expect(page.locator('tr.o_data_row', has_text='Verified').first).to_be_visible()
    odoo.shot('invoices-verified')
    assert not odoo.errors, odoo.errors


def test_verified(odoo):
    page = odoo.page

    # The green bar
    page.locator('tr.o_data_row', has_text='Verified').first.locator('td[name="name"]').click()
    page.wait_for_selector('div[name="exact_verified"]')
    odoo.settle()
    odoo.shot('invoice-verified')
    bar = page.locator('div[name="exact_verified"]').inner_text()
    assert re.search(r'Exact \d{5,}, journal', bar), bar
    odoo.button('action_exact_open_export').click()
    page.wait_for_selector('.o_form_view div[name="entry_number_text"]')
    odoo.settle()
    odoo.shot('export-record')
    page.go_back()
    page.wait_for_selector('div[name="exact_verified"]')

    # Exact has it
    books = page.context.browser.new_page()
    books.goto(SIMULATOR)
    books.screenshot(path=SCREENSHOTS / 'books.png', full_page=True)
    books.close()
    assert not odoo.errors, odoo.errors


def test_undo(odoo):
    page = odoo.page

    # Undo
    odoo.button('action_exact_undo_wizard').click()
    page.wait_for_selector('.modal button[name="action_undo"]')
    odoo.shot('undo-wizard')
    odoo.button('action_undo', '.modal').click()
    page.wait_for_selector('.modal', state='detached')
    for _attempt in range(60):
        page.wait_for_timeout(2000)
        page.reload()
        odoo.settle()
        if not page.locator('div[name="exact_waiting"]:visible').count() \
                and not page.locator('div[name="exact_verified"]:visible').count():
            break
    odoo.shot('undone')
    expect(page.locator('button:has-text("Export to Exact"):visible')).to_have_count(1)
    assert not odoo.errors, odoo.errors
