import pytest
from hypothesis import HealthCheck, settings

# How long a busy machine takes to draw an example says nothing about the code
settings.register_profile(
    'any machine', deadline=None, suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile('any machine')


@pytest.fixture(scope='module')
def pair():
    """A simulator for the tests of a file, and a client of it."""
    # Here, so that tests which need no simulator run without it
    from simulator_client import running

    with running() as found:
        yield found


@pytest.fixture(scope='module')
def server(pair):
    return pair[0]


@pytest.fixture(scope='module')
def client(pair):
    return pair[1]


@pytest.fixture
def fake():
    """A server that answers what a test tells it to."""
    from exact_api_fake import Fake

    fake = Fake()
    yield fake
    fake.stop()
