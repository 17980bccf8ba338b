"""Fixtures of the tests of the keys' API."""

import pytest

from echopoint.keys_api.github_signatures import published_keys
from tests.keys_api.github import KeyServer, SigningKey


@pytest.fixture
def signing_key():
    return SigningKey()


@pytest.fixture
def key_server(signing_key, settings):
    """Return a server that publishes the signing key, and is the one of the settings."""
    server = KeyServer(signing_key)
    settings.GITHUB_SECRET_SCANNING_KEYS_URL = server.url
    published_keys.clear()
    yield server
    published_keys.clear()
    server.close()
