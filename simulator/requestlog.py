"""The log of requests as JSON lines, written whole lines at a time so that processes may share the
file.
"""

import json
import os

SECRET_HEADERS = {'authorization', 'cookie', 'proxy-authorization'}
SECRET_FIELDS = {'client_secret', 'code', 'refresh_token', 'access_token'}
SHORT = 64


def shorten(value, name=''):
    """A body without the bulk of attachments and without secrets."""
    if isinstance(value, dict):
        return {key: shorten(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [shorten(item) for item in value]
    if name in SECRET_FIELDS:
        return '***'
    if name == 'Attachment' and isinstance(value, str) and len(value) > SHORT:
        return f'{value[:SHORT]}... ({len(value)} characters)'
    return value


class RequestLog:
    """Appends to ``path``; a falsy path logs nothing."""

    def __init__(self, path):
        self.path = path

    def write(self, method, path, query, headers, body, status):
        if not self.path:
            return
        line = (
            json.dumps(
                {
                    'method': method,
                    'path': path,
                    'query': query,
                    'headers': {
                        name: value for name, value in headers if name.lower() not in SECRET_HEADERS
                    },
                    'body': shorten(body),
                    'status': status,
                },
                ensure_ascii=False,
            )
            + '\n'
        )
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            # half a surrogate pair has no bytes of its own: as JSON escapes it
            os.write(handle, line.encode(errors='backslashreplace'))
        finally:
            os.close(handle)
