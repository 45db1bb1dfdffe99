"""A counterpart that answers what a test has laid ready, over a real connection."""

import json
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from urllib.parse import parse_qs, urlsplit

NOW = datetime(2026, 1, 1, 0, 0, tzinfo=timezone.utc)
GUID = '00000006-0000-4000-8000-000000000006'


@dataclass
class Answer:
    """What to answer: a dict or list is sent as JSON, bytes or text as they are.

    `fault` is 'cut' (the request is read, then the connection is closed), 'short' (a part of the
    body, then closed) or 'silent' (nothing, for longer than the client waits).
    """

    status: int = 200
    body: object = b''
    headers: dict = field(default_factory=dict)
    reason: str | None = None
    fault: str = ''


@dataclass
class Request:
    method: str
    target: str
    headers: dict
    body: bytes

    @property
    def path(self):
        return urlsplit(self.target).path

    @property
    def query(self):
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def form(self):
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}

    @property
    def json(self):
        return json.loads(self.body)


class Fake(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), _Handler)
        self.url = f'http://127.0.0.1:{self.server_address[1]}'
        self.answers = []
        self.requests = []
        self.released = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def server_bind(self):
        """Without a look-up of the own name, which may take long."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address

    def will(self, *answers):
        """Answer the next requests so; text may hold {url} for the own address."""
        self.answers += answers
        return self

    def handle_error(self, *_request):
        """A connection that a test cuts is no news."""

    def stop(self):
        self.released.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def _answer(self):
        length = int(self.headers.get('Content-Length') or 0)
        self.server.requests.append(Request(
            self.command, self.path, dict(self.headers), self.rfile.read(length),
        ))
        answer = self.server.answers.pop(0)
        if answer.fault == 'silent':
            self.server.released.wait(5)
        if answer.fault in ('silent', 'cut'):
            self.close_connection = True
            return
        body = answer.body
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.replace('{url}', self.server.url).encode()
        self.send_response(answer.status, answer.reason)
        for name, value in answer.headers.items():
            self.send_header(name, value.replace('{url}', self.server.url))
        if answer.status != 204:
            extra = 10 if answer.fault == 'short' else 0
            self.send_header('Content-Length', str(len(body) + extra))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = answer.fault == 'short'

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_args):
        """Tests are quiet."""


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now

    def forward(self, seconds):
        self.now += timedelta(seconds=seconds)


def business_error(*sentences, status=500):
    """The error body of Exact."""
    text = '\r\n'.join(sentences)
    return Answer(status, {'error': {'code': '', 'message': {'lang': '', 'value': text}}})
