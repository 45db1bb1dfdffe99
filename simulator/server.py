"""The HTTP server around the application, for tests and the command line.

Own handler on the standard library's server: keep-alive connections that really stay alive, and
connections that can be cut in the middle, which a stand-in for a remote service must be able to do.
"""

import io
import os
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from . import seed
from .app import Application
from .clock import Clock
from .errors import CutConnectionError
from .ledger import BY_HEADER
from .store import Store
from .switches import Switches


class Handler(BaseHTTPRequestHandler):
    """WSGI over one connection."""

    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    timeout = 60

    def handle_one_request(self):
        try:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or len(self.raw_requestline) > 65536:
                self.close_connection = True
                return
            if not self.parse_request():
                return
            self.serve()
            self.wfile.flush()
        except CutConnectionError as cut:
            self.cut(cut.partial)
        except (ConnectionError, TimeoutError, ValueError):
            self.close_connection = True

    def cut(self, partial):
        """Drop the connection hard: with a reset when nothing was sent, else after the partial
        answer.
        """
        self.close_connection = True
        try:
            if partial:
                self.connection.sendall(partial)
            else:
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)
                )
            self.connection.close()
        except OSError:
            pass

    def serve(self):
        parts = urlsplit(self.path)
        length = int(self.headers.get('Content-Length') or 0)
        if self.headers.get('Expect', '').lower() == '100-continue':
            self.send_response_only(100)
            self.end_headers()
            self.wfile.flush()
        body = self.rfile.read(length) if length else b''
        host, port = self.server.server_address[:2]
        environ = {
            'REQUEST_METHOD': self.command,
            'SCRIPT_NAME': '',
            'QUERY_STRING': parts.query,
            'PATH_INFO': unquote(parts.path, 'latin-1'),
            'REQUEST_URI': self.path,
            'CONTENT_TYPE': self.headers.get('Content-Type', ''),
            'CONTENT_LENGTH': str(length),
            'SERVER_NAME': host,
            'SERVER_PORT': str(port),
            'SERVER_PROTOCOL': self.request_version,
            'REMOTE_ADDR': self.client_address[0],
            'wsgi.version': (1, 0),
            'wsgi.url_scheme': 'http',
            'wsgi.input': io.BytesIO(body),
            'wsgi.errors': None,
            'wsgi.multithread': True,
            'wsgi.multiprocess': False,
            'wsgi.run_once': False,
        }
        for name, value in self.headers.items():
            key = 'HTTP_' + name.upper().replace('-', '_')
            if key not in ('HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH'):
                environ[key] = f'{environ[key]},{value}' if key in environ else value
        answer = {}

        def start_response(status, headers, exc_info=None):
            answer.update(status=status, headers=headers)

        chunks = self.server.application(environ, start_response)
        try:
            content = b''.join(chunks)
        finally:
            if hasattr(chunks, 'close'):
                chunks.close()
        code, _, phrase = answer['status'].partition(' ')
        self.send_response(int(code), phrase)
        lengths = {'content-length'}
        for name, value in answer['headers']:
            if name.lower() not in lengths:
                self.send_header(name, value)
        if code not in ('204', '304'):
            self.send_header('Content-Length', str(len(content)))
        if self.command == 'HEAD' or code in ('204', '304'):
            content = b''
        drip = environ.get('simulator.drip')
        if drip:
            self.drip(content, *drip)
            return
        self.end_headers()
        self.wfile.write(content)

    def drip(self, content, seconds, size, head):
        """The answer a few bytes at a time, until the client has enough of it."""
        if head:
            content = b''.join(self._headers_buffer) + b'\r\n' + content
            self._headers_buffer = []
        else:
            self.end_headers()
        self.wfile.flush()
        for start in range(0, len(content), size):
            time.sleep(seconds)
            self.wfile.write(content[start : start + size])
            self.wfile.flush()

    def log_message(self, format, *args):
        """Requests are remembered in the books; nothing goes to the terminal."""

    def version_string(self):
        return 'ExactSimulator'

    def date_time_string(self, timestamp=None):
        """The time of an answer is that of the simulator, as its limits and its books are."""
        if timestamp is None:
            timestamp = self.server.application.clock().timestamp()
        return super().date_time_string(timestamp)


class HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        if os.environ.get('ACCOUNT_EXACT_SIMULATOR_DEBUG'):
            super().handle_error(request, client_address)


class SimulatorServer:
    """A running simulator.

    :param database: SQLite file whose books survive restarts, or ``':memory:'``
    :param switches: values for :class:`~.switches.Switches`
    :param clock: callable returning an aware UTC datetime, or a :class:`~.clock.Clock`
    :param log: file for the request log; default ``ACCOUNT_EXACT_REQUEST_LOG``
    :param seeded: fill empty books with the demo divisions
    :param divisions: only these of the demo divisions

    Attributes: ``url``, ``store``, ``switches``, ``faults``, ``clock``, ``app``, ``limits``,
    ``notifier``.
    """

    def __init__(
        self,
        database=':memory:',
        switches=None,
        clock=None,
        log=None,
        host='127.0.0.1',
        port=0,
        seeded=True,
        divisions=None,
    ):
        self.clock = clock if isinstance(clock, Clock) else Clock(clock)
        self.switches = Switches(switches)
        self.store = Store(database, self.clock)
        if seeded and not self.store.all('_app', 0):
            seed.fill(self.store, divisions=divisions)
        log = log or os.environ.get('ACCOUNT_EXACT_REQUEST_LOG')
        self.app = Application(self.store, self.switches, self.clock, log, lambda: self.url)
        self.faults, self.limits = self.app.faults, self.app.limits
        self.notifier, self.ledger, self.control = (
            self.app.notifier,
            self.app.ledger,
            self.app.control,
        )
        try:
            self._http = HTTPServer((host, port), Handler)
        except OSError:
            self.store.close()
            raise
        self._http.application = self.app
        self._thread = None

    @property
    def url(self):
        """``http://127.0.0.1:12345``, without a slash at the end."""
        host, port = self._http.server_address[:2]
        return f'http://{host}:{port}'

    def start(self):
        self._thread = threading.Thread(
            target=self._http.serve_forever,
            kwargs={'poll_interval': 0.05},
            daemon=True,
            name='exact-simulator',
        )
        self._thread.start()
        self.notifier.start()
        return self

    def serve_forever(self):
        """Serve in this thread until interrupted."""
        self.notifier.start()
        self._http.serve_forever(poll_interval=0.2)

    def stop(self):
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join(timeout=5)
            self._thread = None
        self._http.server_close()
        self.notifier.stop()
        self.store.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc_info):
        self.stop()

    # === short cuts for tests === #

    def authorize(self, redirect_uri, state=None, user='jan', client_id='demo-client-id'):
        """Consent without the page: the address that the browser would be sent to."""
        app = self.store.get('_app', 0, client_id)
        return self.app.oauth.grant(app, seed.user_id(user), redirect_uri, state)

    def issue_tokens(self, user='jan', client_id='demo-client-id'):
        """A fresh pair of tokens (dict as the token endpoint answers)."""
        return self.control.run('issue_tokens', {'user': user, 'client_id': client_id})

    def entries(self, division=seed.MAIN):
        """All entries of a division: list of header dicts with their ``lines``."""
        with self.store.lock:
            result = []
            for kind in BY_HEADER.values():
                for header in self.store.all(kind.header, division):
                    lines = sorted(
                        self.store.by(kind.lines, division, 'EntryID', header['EntryID']),
                        key=lambda line: line['LineNumber'],
                    )
                    result.append({**header, 'kind': kind.name, 'lines': lines})
            return sorted(result, key=lambda entry: entry['EntryNumber'])

    def transaction_lines(self, entry_id, division=seed.MAIN):
        """The ledger's lines of an entry, debit positive."""
        with self.store.lock:
            rows = self.store.by('TransactionLines', division, 'EntryID', entry_id)
            return sorted(rows, key=lambda row: row['LineNumber'])
