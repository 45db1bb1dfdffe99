"""Faults that change what goes in or comes back: rows altered, pages without end, bodies of any
size, pages of somebody between instead of Exact's own answers.
"""

import functools
import gzip
import io
import json
from urllib.parse import quote

from werkzeug.wrappers import Response

from .errors import HttpError
from .masters import new_id
from .messages import KINDS, TEXTS, Message

MEGABYTE = 1024 * 1024
BODIES = {
    'html': (
        'text/html; charset=utf-8',
        ('<!DOCTYPE html>\n<html><head><title>Request Rejected</title></head><body><h1>The request '
        'was rejected.</h1><p>Please consult with your administrator.</p></body></html>\n'),
    ),
    'login': (
        'text/html; charset=utf-8',
        ('<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><form method="post" '
        'action="/login"><input name="user"><input name="password" type="password">'
        '<button>Log in</button></form></body></html>\n'),
    ),
}


def drop(body, names):
    """The body without some properties, in lines too."""
    result = {}
    for name, value in body.items():
        if name in names:
            continue
        if isinstance(value, list):
            value = [drop(item, names) if isinstance(item, dict) else item for item in value]
        result[name] = value
    return result


def put(body, values):
    """The body with other values for the properties that it has, in lines too."""
    result = {}
    for name, value in body.items():
        if isinstance(value, list):
            value = [put(item, values) if isinstance(item, dict) else item for item in value]
        result[name] = values.get(name, value)
    return result


def incoming(faults, body):
    """What is booked instead of what was sent."""
    if isinstance(body, dict):
        if 'drop' in faults:
            body = drop(body, faults['drop']['properties'])
        if 'put' in faults:
            body = put(body, faults['put']['values'])
    return body


def page(fault):
    """The body of a ``status`` fault: (content type or None, bytes)."""
    content_type, text = BODIES.get(fault['body'], (None, fault['body']))
    if text and content_type is None:
        content_type = 'text/plain; charset=utf-8'
    return content_type, text.encode()


def failure(fault):
    """The answer of a ``status_after`` fault."""
    content_type, body = page(fault)
    headers = dict(fault['headers'])
    if content_type:
        headers.setdefault('Content-Type', content_type)
    response = Response(body, fault['status'], headers)
    if not content_type and 'Content-Type' not in fault['headers']:
        response.headers.pop('Content-Type', None)
    return response


def fail(fault, now, minute_limit):
    """A ``status`` fault instead of the work.

    :raise HttpError: always
    """
    headers = {}
    if fault['status'] == 429 and not fault['headers']:
        headers = {
            'X-RateLimit-Minutely-Limit': str(minute_limit),
            'X-RateLimit-Minutely-Remaining': '0',
            'X-RateLimit-Minutely-Reset': str(int(now // 60 + 1) * 60000),
        }
    content_type, body = page(fault)
    headers.update(fault['headers'])
    if content_type:
        headers.setdefault('Content-Type', content_type)
    error = HttpError(fault['status'], headers=headers)
    error.body = body
    raise error


def outgoing(faults, response, address):
    """The answer as it arrives; a bad connection is somebody else's.

    :param address: of this request, for pages without end
    """
    if {'alter', 'strip', 'endless'} & set(faults):
        spoil_rows(faults, response, address)
    if 'huge' in faults:
        response.set_data(b' ' * megabytes(faults['huge']) + response.get_data())
    if 'gzip_bomb' in faults:
        body = bomb(megabytes(faults['gzip_bomb']), response.get_data())
        response.set_data(body)
        response.headers['Content-Encoding'] = 'gzip'
    if 'drip' in faults:
        fault = faults['drip']
        response.drip = (fault['seconds'], max(1, int(fault['size'])), fault['head'])
    return response


def megabytes(fault):
    return int(fault['size'] * MEGABYTE)


@functools.lru_cache(maxsize=4)
def bomb(size, end):
    """``size`` blanks and an end, compressed to a thousandth."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode='wb', compresslevel=9) as file:
        for start in range(0, size, MEGABYTE):
            file.write(b' ' * min(MEGABYTE, size - start))
        file.write(end)
    return packed.getvalue()


def rows_of(payload):
    """The rows of an answer, a list that may be changed, whichever the envelope."""
    found = payload.get('d')
    if isinstance(found, dict):
        return found.get('results', [found])
    return found if isinstance(found, list) else []


def spoil_rows(faults, response, address):
    try:
        payload = json.loads(response.get_data())
    except ValueError:
        return
    for kind in ('alter', 'strip'):
        if kind not in faults:
            continue
        fault = faults[kind]
        rows = rows_of(payload)
        for row in rows if fault['row'] is None else rows[fault['row'] : fault['row'] + 1]:
            for name in fault['properties']:
                row.pop(name, None)
            row.update(fault['values'])
    if 'endless' in faults and isinstance(payload.get('d'), dict | list):
        token = quote(f"guid'{new_id()}'")
        address = shorter(address)
        mark = '&' if '?' in address else '?'
        link = f'{address}{mark}$skiptoken={token}'
        payload = {'d': {'results': rows_of(payload), '__next': link}}
    # escaped: half a surrogate pair has no bytes of its own
    response.set_data(json.dumps(payload).encode())


def same_page(query):
    """The query without its skip token: an endless list starts anew each time."""
    return [(name, value) for name, value in query if name != '$skiptoken']


def shorter(address):
    """An address without its skip token."""
    head, mark, query = address.partition('?')
    parts = [part for part in query.split('&') if part and 'skiptoken' not in part]
    return f'{head}?{"&".join(parts)}' if mark and parts else head


def message(fault):
    """What a ``refuse`` fault says, as a :class:`~.messages.Message`."""
    if fault['text'] in KINDS or fault['text'] in TEXTS:
        return Message(fault['text'], fault['label'], **fault['values'])
    return Message('verbatim', words=fault['text'])
