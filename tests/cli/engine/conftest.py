"""What every test of the engine needs."""

import pytest


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    """What the environment says of proxies is not for 127.0.0.1."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
