"""Keeps secrets out of what others write into the log."""

import logging
import re

# logger: (what a line must hold to be looked at, what is blanked in it)
LOGGERS = {
    # The address of each request; that of the callback holds the proof of a consent.
    'werkzeug': ('/account_exact/oauth/callback', r'([?&](?:code|state)=)[^&\s"]*'),
    # At the level of debugging, each call with all that a person typed.
    'odoo.service.model': (
        'exact.connection', r"""(_secret['"]: )(?:'(?:[^'\\]|\\.)*'?|"(?:[^"\\]|\\.)*"?)""",
    ),
}


class SecretFilter(logging.Filter):
    """Blanks what must not be read in the lines of one logger."""

    def __init__(self, sign, pattern):
        super().__init__()
        self._sign = sign
        self._pattern = re.compile(pattern)

    def filter(self, record):
        message = record.getMessage()
        if self._sign in message:
            record.msg, record.args = self._pattern.sub(r'\1***', message), ()
        return True


for name, (sign, pattern) in LOGGERS.items():
    logging.getLogger(name).addFilter(SecretFilter(sign, pattern))
