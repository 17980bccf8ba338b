"""The service under test, as fixtures."""

import pytest

from tests.cli.service import Service, self_signed


@pytest.fixture
def service():
    """Return a running service: `service.url`, and `service.seen` for what it got."""
    with Service() as service:
        yield service


@pytest.fixture
def other_service():
    """Return a second one: the same host, another origin."""
    with Service() as service:
        yield service


@pytest.fixture
def distrusted_service(tmp_path):
    """Return one that speaks TLS with a certificate nobody vouches for."""
    with Service(certificate=self_signed(tmp_path / "self-signed.pem")) as service:
        yield service
