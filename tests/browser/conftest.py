import os

import pytest
from person import URL, Person, control
from playwright.sync_api import sync_playwright

CHROMIUM = os.environ.get('ACCOUNT_EXACT_CHROMIUM', '/usr/bin/chromium')
FLAGS = [
    '--no-sandbox', '--disable-gpu', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-quic', '--no-first-run',
]


@pytest.fixture(scope='session', autouse=True)
def calls_enough():
    """A person would wait for the next minute when the sixty calls are used up; tests do not.

    From the beginning: what Exact once said is left of a minute counts until that minute is over.
    """
    if URL:
        control('switches', minute_limit=6000)


@pytest.fixture(scope='session')
def chromium():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """What a person saw when a test failed."""
    report = yield
    if report.failed:
        for person in item.funcargs.values():
            if isinstance(person, Person):
                person.shot('failed')
    return report
