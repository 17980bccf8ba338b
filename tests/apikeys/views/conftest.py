"""Fixtures of the tests of the API Keys pages."""

import pytest

from tests.apikeys.views import key_states


@pytest.fixture
def make(issue):
    """Return a function that creates a key in a state of `key_states.STATES`."""
    return lambda state: key_states.create(issue, state)
