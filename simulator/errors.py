"""Answers that are no success: raised anywhere, turned into HTTP by the app."""


class HttpError(Exception):
    """An answer with a status, an optional message for the error body, headers and reason
    phrase. ``body``, bytes, takes the place of the error body.
    """

    def __init__(self, status, message='', *, headers=None, reason=None):
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}
        self.reason = reason
        self.body = None


class CutConnectionError(Exception):
    """The connection is to be dropped now; ``partial`` bytes of an answer may go out before.

    :param partial: raw bytes of an unfinished HTTP answer, or empty
    """

    def __init__(self, partial=b''):
        super().__init__('connection cut')
        self.partial = partial
