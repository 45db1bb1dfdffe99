"""Calls with an end: so many seconds and so many bytes for each, whatever the other side does.

The timeouts of `requests` are for each read from the network: somebody who sends a byte a second
never meets them. And what unpacks to a thousand times its size is unpacked to its end. Here the
whole call has a deadline, and no more is unpacked than may come.
"""

import io
import time
import zlib

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

# The largest page: 1,000 rows below `sync/` (D), at most a few kilobytes each.
MAX_BYTES = 16 * 1024 * 1024
CHUNK = 64 * 1024
# Bytes a second that the line of a small office sends: a large file gets more time.
SLOWEST_UPLOAD = 64 * 1024
# Windows of zlib: with the header of gzip
GZIP = 16 + zlib.MAX_WBITS


class AnswerTooLargeError(requests.exceptions.RequestException):
    """More bytes came than any answer may have."""


class AnswerTooSlowError(requests.exceptions.ReadTimeout):
    """The whole call took longer than any call may."""


class BoundedAdapter(HTTPAdapter):
    """Sends requests of one session, one at a time, and reads each answer to its end.

    :param float seconds: for a whole call, from its beginning to the last byte of its answer; a
        body that is sent gets more, see SLOWEST_UPLOAD
    :param int max_bytes: of an answer, unpacked
    """

    def __init__(self, seconds, max_bytes=MAX_BYTES):
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._deadline = float('inf')
        self._pools = _pool_classes(lambda: self._deadline - time.monotonic())
        super().__init__()

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args, **kwargs):
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def send(self, request, stream=False, **kwargs):
        """Send a request; the body of the answer is there when it returns.

        :raise AnswerTooLargeError: with the response, whose body is lost
        :raise AnswerTooSlowError: with the response if its head came
        """
        self._deadline = (
            time.monotonic() + self._seconds + len(request.body or b'') / SLOWEST_UPLOAD
        )
        # What is unpacked here is known here
        request.headers['Accept-Encoding'] = 'gzip'
        response = None
        try:
            response = super().send(request, stream=True, **kwargs)
            body = self._read(response)
        except (OSError, HTTPError) as failure:
            if response is not None:
                response.close()
            if isinstance(failure, requests.exceptions.ConnectTimeout):
                raise
            if time.monotonic() >= self._deadline:
                raise AnswerTooSlowError(request=request, response=response) from None
            raise
        response.raw = io.BytesIO(body)
        return response

    def _read(self, response):
        """Return the body, unpacked."""
        coding = (response.headers.get('Content-Encoding') or 'identity').strip().lower()
        if coding not in ('identity', 'gzip', 'x-gzip'):
            raise requests.exceptions.ContentDecodingError("an encoding that was not asked for")
        declared = response.headers.get('Content-Length') or ''
        room = self._max_bytes
        if declared.isdecimal() and int(declared) > room:
            raise AnswerTooLargeError(request=response.request, response=response)
        unpack = _plain if coding == 'identity' else _Gunzip()
        parts = []
        for chunk in response.raw.stream(CHUNK, decode_content=False):
            for part in unpack(chunk):
                room -= len(part)
                if room < 0:
                    raise AnswerTooLargeError(request=response.request, response=response)
                parts.append(part)
        if unpack is not _plain and not unpack.is_complete:
            raise requests.exceptions.ContentDecodingError("the packed answer has no end")
        return b''.join(parts)


def _plain(chunk):
    yield chunk


class _Gunzip:
    """Unpacks chunk by chunk, little at once: whoever has enough stops."""

    def __init__(self):
        self._stream = zlib.decompressobj(GZIP)
        self._begun = False

    @property
    def is_complete(self):
        return self._stream.eof or not self._begun

    def __call__(self, chunk):
        while chunk:
            if self._stream.eof:
                # Several packets in a row are one text
                self._stream = zlib.decompressobj(GZIP)
            self._begun = True
            try:
                yield self._stream.decompress(chunk, CHUNK)
            except zlib.error:
                raise requests.exceptions.ContentDecodingError(
                    "the packed answer is broken",
                ) from None
            chunk = self._stream.unconsumed_tail or (
                self._stream.unused_data if self._stream.eof else b''
            )


# === THE DEADLINE, BELOW ALL THAT READS === #


def _pool_classes(time_left):
    """Return the classes of connection pools whose connections never wait longer than is left.

    :param time_left: gives the seconds until the deadline
    """
    def response_class(_connection, sock, *args, **kwargs):
        return _HTTPResponse(_TimedSocket(sock, time_left), *args, **kwargs)

    def pool(base, connection):
        timed = type(connection.__name__, (connection,), {'response_class': response_class})
        return type(base.__name__, (base,), {'ConnectionCls': timed})

    return {
        'http': pool(HTTPConnectionPool, HTTPConnection),
        'https': pool(HTTPSConnectionPool, HTTPSConnection),
    }


_HTTPResponse = HTTPConnection.response_class


class _TimedSocket:
    """What an answer reads from: it asks for a file of the socket and no more."""

    def __init__(self, sock, time_left):
        self._sock = sock
        self._time_left = time_left

    def makefile(self, _mode):
        return io.BufferedReader(_TimedFile(self._sock, self._time_left))


class _TimedFile(io.RawIOBase):

    def __init__(self, sock, time_left):
        super().__init__()
        self._sock = sock
        # The socket stays open as long as this does
        self._file = sock.makefile('rb', 0)
        self._time_left = time_left
        self._timeout = sock.gettimeout()

    def readable(self):
        return True

    def readinto(self, buffer):
        left = self._time_left()
        if left <= 0:
            raise TimeoutError("the whole call took too long")
        timeout = left if self._timeout is None else min(left, self._timeout)
        self._sock.settimeout(timeout)
        try:
            return self._file.readinto(buffer)
        finally:
            # For the next call on this connection, if it is still one
            if self._sock.fileno() >= 0:
                self._sock.settimeout(self._timeout)

    def close(self):
        if not self.closed:
            self._file.close()
        super().close()
