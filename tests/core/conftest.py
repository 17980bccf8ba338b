import pytest

from tests.core.name_inputs import World


@pytest.fixture
def world(client, api, alice, acme, issue):
    """Return callers for every page, endpoint and command that stores a name."""
    return World(client, api, alice, acme, issue)
