"""Fixtures of the tests of the API Keys pages."""

import pytest

from tests.apikeys.views import key_states
from tests.signing_in import sign_in


@pytest.fixture
def make(issue):
    """Return a function that creates a key in a state of `key_states.STATES`."""
    return lambda state: key_states.create(issue, state)


@pytest.fixture
def signed_in(client, alice):
    """Return the client of alice, who signed in just now."""
    sign_in(client, alice)
    return client
