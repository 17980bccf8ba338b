import pytest

from tests.core.ways_to_name import World


@pytest.fixture
def world(client, api, alice, acme, issue):
    """Return all ways in, and something to name in each."""
    return World(client, api, alice, acme, issue)
