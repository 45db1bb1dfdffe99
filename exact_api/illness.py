"""Exact being ill is no refusal: it said nothing about what was asked.

Its limit of errors is for what it refuses, with a sentence (facts: business errors are HTTP 500 or
400 with one). A 5xx without a sentence is a gateway's, or of an Exact that fails itself: what was
asked is looked up and asked again by itself, after short pauses of its own.
"""

from datetime import timedelta

# Statuses of a gateway in front of Exact, whatever the body says
_GATEWAY = (408, 502, 503, 504)
# After so many such answers in a row; one alone is an accident.
PAUSES = (timedelta(), timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=5))
# Who was ill longer ago than this is not ill still.
LASTS = timedelta(minutes=15)


def is_ill(status, messages):
    """Whether an answer says that Exact is ill, not what is wrong with what was asked.

    :param status: of HTTP, None without an answer
    :param messages: Exact's own sentences in it
    """
    return status in _GATEWAY or (bool(status) and status >= 500 and not messages)


def is_error(status, messages):
    """Whether Exact counts an answer among the errors of an hour.

    (429 says that its count of calls is ahead of ours.)
    """
    return bool(status) and status >= 400 and status != 429 and not is_ill(status, messages)


def pause_after(count):
    """How long to leave a kind of request alone after so many answers of an ill Exact in a row."""
    return PAUSES[min(count, len(PAUSES)) - 1] if count > 0 else PAUSES[0]
