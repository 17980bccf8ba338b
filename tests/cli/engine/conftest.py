"""Fixtures for all tests of the engine."""

import pytest


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    """Tests call 127.0.0.1, so proxies of the environment must not apply."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
