"""Fixtures: the command in this process, services for flows to call, and a fake API."""

import json
import sys
from typing import NamedTuple

import pytest

from apikeys.db.write_buffers import write_buffers
from echopoint.cli.main import run_command
from tests.cli.api_key import KEY
from tests.cli.certificate_files import CertificateFiles
from tests.cli.echo_server import Service, self_signed
from tests.cli.fake_api import standing_in
from tests.cli.in_transaction_server import serving


class CommandResult(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    """Remove the variables of this machine that the command reads."""
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("API_URL", "OUTPUT_FORMAT", "IDEMPOTENCY_KEY"):
        monkeypatch.delenv(f"ECHOPOINT_{name}", raising=False)
    monkeypatch.setenv("ECHOPOINT_API_KEY", KEY)
    monkeypatch.setenv("ECHOPOINT_ORGANIZATION_ID", "org_acme")
    monkeypatch.setenv("ECHOPOINT_RETRY_PAUSE", "0.01")
    monkeypatch.setenv("ECHOPOINT_REQUEST_TIMEOUT", "10")


@pytest.fixture
def echopoint(capsys):
    """Return a function that runs the command: `echopoint("flows", "list")`."""

    def echopoint(*arguments):
        capsys.readouterr()
        code = run_command(arguments)
        return CommandResult(code, *capsys.readouterr())

    return echopoint


@pytest.fixture
def api(monkeypatch):
    """Return the fake API, set as the API URL of the command."""
    with standing_in() as server:
        monkeypatch.setenv("ECHOPOINT_API_URL", server.url)
        yield server


@pytest.fixture
def server(db):
    with serving() as url:
        yield url
    # The usage counters hold keys that the rollback removes.
    for manager in write_buffers.managers:
        manager.pending.take_all()


@pytest.fixture
def sign(server, issue, acme, monkeypatch):
    """Return a function that sets an API key with these scopes for the command."""
    monkeypatch.setenv("ECHOPOINT_API_URL", server)
    monkeypatch.setenv("ECHOPOINT_ORGANIZATION_ID", acme.pk)

    def sign(*scopes, **overrides):
        key, secret = issue(*scopes, **overrides)
        monkeypatch.setenv("ECHOPOINT_API_KEY", secret)
        return key

    return sign


@pytest.fixture
def runner(tmp_path):
    """Return a function that creates an external runner from lines of Python.

    The lines can use `package`, and write their result with `result(status, nodes)`.
    They have only the standard library: without site-packages Python starts sooner.
    """

    def runner(*lines):
        path = tmp_path / "runner"
        path.write_text("\n".join([f"#!{sys.executable} -IS", PRELUDE, *lines]))
        path.chmod(0o700)
        return str(path)

    return runner


PRELUDE = """
import json, os, sys, time
package = json.load(sys.stdin)
def result(how="completed", nodes=(), **fields):
    document = {
        "status": how,
        "started_at": "2030-01-01T00:00:00Z",
        "completed_at": "2030-01-01T00:00:01.500Z",
        "duration_ms": 1500,
        "result": {
            "execution_results": {node["node_id"]: node for node in nodes},
            "final_outputs": {},
            "success": how == "completed",
            "duration_ms": 1500,
        },
    }
    print(json.dumps(document | fields))
    sys.exit(0 if how == "completed" else 1)
def node(id, **fields):
    named = {"node_id": id, "display_name": id.title(), "node_type": "request"}
    return named | {"duration_ms": 7} | fields
"""


@pytest.fixture
def service():
    """Return a running service with `url`, and the requests in `seen`."""
    with Service() as service:
        yield service


@pytest.fixture
def other_service():
    """Return a second service: same host, other origin."""
    with Service() as service:
        yield service


@pytest.fixture
def distrusted_service(tmp_path):
    """Return a service with a self-signed certificate."""
    with Service(certificate=self_signed(tmp_path / "self-signed.pem")) as service:
        yield service


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return CertificateFiles(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def mutual(files):
    """Return a service that requires a client certificate."""
    with Service(certificate=files.server, trusts=files.ca) as service:
        yield service
