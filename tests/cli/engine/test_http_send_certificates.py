"""Certificates that are trusted, and that are shown."""

import pytest

from echopoint.cli.network import Tls
from echopoint.cli.network_faults import EnvironmentFault
from tests.cli.echo_server import Service
from tests.cli.engine.flows import flow, request, run


def result(service, tls):
    document = run(flow(request("a", f"{service.url}/echo")), tls=tls)
    return document["result"]["execution_results"]["a"]


def test_a_named_authority_is_trusted_and_no_other(files):
    with Service(certificate=files.server) as service:
        trusted = result(service, Tls(ca=("--ca-cert", files.ca)))
        other = result(service, Tls(ca=("--ca-cert", files.other_ca)))

    assert "error_code" not in trusted
    assert other["error_code"] == "TLS_ERROR"


def test_a_named_authority_comes_before_that_of_the_environment(files, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", files.other_ca)
    with Service(certificate=files.server) as service:
        assert "error_code" not in result(service, Tls(ca=("--ca-cert", files.ca)))


@pytest.mark.parametrize("is_apart", [False, True])
def test_a_client_certificate_is_shown(files, mutual, is_apart):
    tls = Tls(
        ca=("--ca-cert", files.ca),
        certificate=("--client-cert", files.chain if is_apart else files.client),
        key=("--client-key", files.key) if is_apart else None,
    )

    assert "error_code" not in result(mutual, tls)


def test_without_a_certificate_a_service_that_wants_one_refuses(files, mutual):
    assert result(mutual, Tls(ca=("--ca-cert", files.ca)))["error_code"] in {
        "TLS_ERROR",
        "CONNECTION_FAILED",
    }


@pytest.mark.parametrize(
    ("certificate", "key", "says"),
    [
        ("none.pem", None, "--client-cert is .*none.pem, which cannot be read"),
        (
            "ca.pem",
            None,
            "--client-cert is .*ca.pem, which with its key is not a client",
        ),
        ("chain.pem", "none.pem", "--client-key is .*none.pem, which cannot be read"),
        (
            "key.pem",
            None,
            "--client-cert is .*key.pem, which with its key is not a client",
        ),
    ],
)
def test_an_invalid_certificate_file_is_reported(files, certificate, key, says):
    tls = Tls(
        certificate=("--client-cert", str(files.folder / certificate)),
        key=key and ("--client-key", str(files.folder / key)),
    )

    with pytest.raises(EnvironmentFault, match=says):
        tls.context()
