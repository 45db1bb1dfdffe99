"""Pytest plugin for the plain tests: the request log shows what our client sends.

The tests of the simulator itself send what no client should, to see it refused: they do not log.
"""
import os

import pytest

LOG = os.environ.get('ACCOUNT_EXACT_REQUEST_LOG')


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    if LOG and not item.path.name.startswith('test_simulator'):
        os.environ['ACCOUNT_EXACT_REQUEST_LOG'] = LOG
    else:
        os.environ.pop('ACCOUNT_EXACT_REQUEST_LOG', None)
