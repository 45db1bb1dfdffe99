"""Pytest plugin for the Odoo tests: what most classes begin with, and what Odoo's log must not say.

Each warning and error of the log is written to a file, with the test it came from. Inside
``assertLogs`` and ``mute_logger`` nothing reaches the root logger, so what a test expects does not
count.
"""
import logging
import os

import pytest


class Recorder(logging.Handler):
    def __init__(self, path):
        super().__init__(logging.WARNING)
        self.path = path
        self.test = 'before the first test'

    def emit(self, record):
        text = ' '.join(record.getMessage().split())
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            text += f' [{type(error).__name__}: {error}]'.replace('\n', ' ')
        with open(self.path, 'a', encoding='utf-8') as file:
            file.write(f'{record.levelname} {record.name}: {text} | {self.test}\n')


RECORDER = Recorder(os.environ['ACCOUNT_EXACT_ODOO_LOG'])


def pytest_sessionstart(session):
    # One file for all processes of a distributed run: each line is one short write.
    open(RECORDER.path, 'a', encoding='utf-8').close()
    logging.getLogger().addHandler(RECORDER)


def pytest_runtest_logstart(nodeid, location):
    RECORDER.test = nodeid


def pytest_runtest_logfinish(nodeid, location):
    RECORDER.test = f'after {nodeid}'


def begun(items):
    """(test classes that were collected, what most of ours begin with)"""
    from odoo.addons.account_exact.tests.export_common import ExactExportCase

    return {item.cls for item in items if item.cls}, ExactExportCase


def pytest_collection_finish(session):
    if session.items and not session.config.option.collectonly:
        from odoo.addons.account_exact.tests.synced import Plan

        Plan.begin(*begun(session.items))


@pytest.fixture(scope='session', autouse=True)
def start_of_classes(request, load_registry):
    from odoo.addons.account_exact.tests.synced import Plan

    Plan.prepare(*begun(request.session.items))
