"""What a person does in Odoo's web client, and what a program does beside it."""

import contextlib
import os
import pathlib
import re

import requests
from playwright.sync_api import expect

URL = os.environ.get('ACCOUNT_EXACT_URL', '')
SIMULATOR = os.environ.get('ACCOUNT_EXACT_SIMULATOR_URL', '')
DATABASE = os.environ.get('ACCOUNT_EXACT_DATABASE', '')
SCREENSHOTS = pathlib.Path(os.environ.get('ACCOUNT_EXACT_SCREENSHOTS', 'screenshots'))


class Person:
    """What a person does in Odoo's web client."""

    def __init__(self, page, prefix=''):
        self.page = page
        self.prefix = prefix
        self.errors = []
        self.shots = 0
        page.on('pageerror', lambda error: self.errors.append(str(error)))

    def login(self, login):
        self.page.goto(f'{URL}/web/login')
        self.page.fill('input[name=login]', login)
        self.page.fill('input[name=password]', login)
        self.page.click('button[type=submit]')
        self.page.wait_for_selector('.o_main_navbar')

    def open(self, action):
        self.page.goto(f'{URL}/odoo/{action}')
        self.page.wait_for_selector('.o_main_navbar')
        self.settle()

    def settle(self):
        """Until the view is there and nothing is loading (the bus never falls silent)."""
        self.page.wait_for_selector('.o_view_controller, .modal')
        expect(self.page.locator('.o_loading_indicator')).to_have_count(0)

    def button(self, name, within=''):
        return self.page.locator(f'{within} button[name="{name}"]:visible').first

    def field(self, name, within=''):
        return self.page.locator(f'{within} div[name="{name}"]:visible').first

    def shot(self, name):
        self.shots += 1
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.wait_for_timeout(300)
        self.page.screenshot(path=SCREENSHOTS / f'{self.prefix}{self.shots:02d}-{name}.png')

    def reload_until(self, selector, text, seconds=120):
        """Reload like a person who waits for the scheduled action."""
        locator = self.page.locator(selector).first
        for _attempt in range(seconds // 2):
            if locator.count() and re.search(text, locator.inner_text()):
                return locator
            self.page.wait_for_timeout(2000)
            self.page.reload()
            self.settle()
        raise AssertionError(f"{selector} never said {text!r}: {locator.all_inner_texts()}")

    def filter(self, label):
        self.page.click('.o_searchview_dropdown_toggler')
        # The list that is there until the answer comes is gone afterwards, with what is ticked
        with self.page.expect_response(lambda response: 'web_search_read' in response.url) as found:
            self.page.get_by_role('menuitemcheckbox', name=label, exact=True).click()
        found.value.finished()
        self.page.keyboard.press('Escape')
        self.page.wait_for_timeout(300)
        self.settle()


@contextlib.contextmanager
def seated(chromium, prefix=''):
    """A person before a browser that knows nothing of who used it before."""
    page = chromium.new_page(viewport={'width': 1440, 'height': 900})
    page.set_default_timeout(30_000)
    try:
        yield Person(page, prefix)
    finally:
        page.close()


class Program:
    """Odoo's remote procedure calls, as a person with a login."""

    def __init__(self, login='admin'):
        self.session = requests.Session()
        self._call('/web/session/authenticate', {
            'db': DATABASE, 'login': login, 'password': login,
        })

    def _call(self, path, params):
        answer = self.session.post(f'{URL}{path}', json={
            'jsonrpc': '2.0', 'method': 'call', 'params': params,
        }, timeout=300).json()
        assert 'error' not in answer, answer['error']['data'].get('message')
        return answer.get('result')

    def call(self, model, method, *args, **kwargs):
        return self._call(f'/web/dataset/call_kw/{model}/{method}', {
            'model': model, 'method': method, 'args': args, 'kwargs': kwargs,
        })

    def export(self):
        """Have all done that waits for the scheduler: what a person does who does not wait."""
        [cron] = self.call('ir.cron', 'search', [['cron_name', '=', "Exact: export documents"]])
        self.call('ir.cron', 'method_direct_trigger', [cron])


def control(action, **values):
    """What Exact's users and operators do: the simulator's own door."""
    answer = requests.post(f'{SIMULATOR}/_control/{action}', json=values, timeout=30)
    answer.raise_for_status()
    return answer.json()
