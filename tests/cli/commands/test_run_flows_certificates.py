"""Certificates by flag and by variable of the environment."""

import pytest

from tests.cli.stored_flows import request


@pytest.fixture
def run(echopoint, api, mutual):
    """Return a run of a flow that calls a service which asks for a certificate."""
    flow = api.add_flow(nodes=[request("home", f"{mutual.url}/status/200")])
    return lambda *arguments: echopoint("flows", "run", flow, *arguments, "-o", "json")


def test_flags_name_the_certificates(run, files):
    ended = run(
        *("--ca-cert", files.ca, "--client-cert", files.chain),
        *("--client-key", files.key),
    )

    assert ended.code == 0, ended.err


def test_variables_of_the_environment_name_them_too(run, files, monkeypatch):
    monkeypatch.setenv("ECHOPOINT_CA_CERT", files.ca)
    monkeypatch.setenv("ECHOPOINT_CLIENT_CERT", files.client)

    assert run().code == 0


def test_without_them_the_service_is_not_trusted(run):
    assert run().json["nodes"][0]["status"] == "failed"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--ca-cert", "none.pem"], "--ca-cert is none.pem, which cannot be read"),
        (["--client-key", "key.pem"], "--client-key needs the certificate"),
    ],
)
def test_a_file_that_does_not_serve_is_said_before_anything_is_launched(
    run, api, arguments, says
):
    ended = run(*arguments)

    assert ended.code == 3
    assert says in ended.err + ended.out
    assert api.executions == {}


@pytest.mark.parametrize("flag", ["--ca-cert", "--client-cert", "--client-key"])
def test_another_runner_does_not_know_of_them(run, runner, flag):
    ended = run("--runner-binary", runner(), flag, "x.pem")

    assert ended.code == 3
    assert flag in ended.err
