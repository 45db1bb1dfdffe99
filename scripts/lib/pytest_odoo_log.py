"""Pytest plugin for the Odoo tests: writes each warning and error of Odoo's log to a file.

With the test it came from. Inside ``assertLogs`` and ``mute_logger`` nothing reaches the root
logger, so what a test expects does not count.
"""
import logging
import os


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
