"""An API whose certificate, or whose TLS, is not what it should be."""

import pytest

from tests.cli.echo_server import Service, self_signed


@pytest.fixture
def at(echopoint, monkeypatch):
    """Return a way to call the API at an address."""

    def at(url, *arguments):
        monkeypatch.setenv("ECHOPOINT_API_URL", url)
        return echopoint(*(arguments or ["whoami"]))

    return at


def test_a_certificate_that_is_not_trusted_names_the_variable(at, distrusted_service):
    ended = at(distrusted_service.url)

    assert ended.code == 3
    assert "is not trusted (self-signed certificate)" in ended.err.replace(
        "self signed", "self-signed"
    )
    assert "Set SSL_CERT_FILE" in ended.err
    assert ended.err.count("\n") == 1


def test_a_launch_is_not_tried_again_for_a_certificate(at, distrusted_service):
    ended = at(distrusted_service.url, "flows", "run", "a", "-o", "json")

    assert ended.code == 3
    assert "SSL_CERT_FILE" in ended.json["error_message"]
    assert "Trying again" not in ended.err


def test_a_certificate_of_another_host_names_the_address(at, tmp_path, monkeypatch):
    path = self_signed(tmp_path / "own.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with Service(certificate=path) as service:
        ended = at(service.url)

    assert ended.code == 3
    assert "is not trusted" in ended.err
    assert "--api-url" in ended.err
    assert "SSL_CERT_FILE" not in ended.err


def test_a_port_that_speaks_no_tls_names_the_address(at, service):
    ended = at(service.url.replace("http:", "https:"))

    assert ended.code == 3
    assert "TLS with 127.0.0.1" in ended.err
    assert "--api-url" in ended.err


def test_a_proxy_that_is_not_trusted_is_named_and_not_the_api(
    at, distrusted_service, monkeypatch
):
    proxy = distrusted_service.url.replace("//", "//hush:hidden@")
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    ended = at("https://api.test", "flows", "run", "a")

    assert ended.code == 3
    assert f"The proxy 127.0.0.1:{distrusted_service.port} in HTTPS_PROXY" in ended.err
    assert "is not trusted" in ended.err
    assert "Set SSL_CERT_FILE" in ended.err
    assert "api.test" not in ended.err
    assert "hush" not in ended.err
    assert "hidden" not in ended.err
    assert "Trying again" not in ended.err
