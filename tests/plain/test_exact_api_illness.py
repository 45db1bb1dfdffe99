from datetime import timedelta

import pytest

from exact_api.illness import is_error, is_ill, pause_after

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(('status', 'messages', 'ill', 'error'), [
    (500, (), True, False), (502, (), True, False), (503, (), True, False), (504, (), True, False),
    (408, (), True, False), (503, ("Service Unavailable",), True, False),
    # With a sentence Exact refuses, whatever the status
    (500, ("Ongeldig: Dagboek",), False, True), (500, ("A problem has occurred.",), False, True),
    (400, (), False, True), (403, (), False, True), (404, (), False, True), (401, (), False, True),
    (429, (), False, False), (200, (), False, False), (None, (), False, False),
])
def test_who_is_ill_and_who_refuses(status, messages, ill, error):
    assert (is_ill(status, messages), is_error(status, messages)) == (ill, error)


def test_pauses_are_short():
    pauses = [pause_after(count) for count in range(6)]
    assert pauses == [0 * MINUTE, 0 * MINUTE, MINUTE, 2 * MINUTE, 5 * MINUTE, 5 * MINUTE]
