"""The command, run in this process, the services that it calls, and an API that stands in."""

import json
import sys
from typing import NamedTuple

import pytest

from apikeys.db.write_buffers import write_buffers
from echopoint.cli.main import run
from tests.cli.echo_server import Service, self_signed
from tests.cli.fake_api import standing_in
from tests.cli.in_transaction_server import serving

KEY = "epk_live_AAAAAAAAAAAA_" + "k" * 49


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    """What the machine says of itself must not change a test."""
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
    """Return the command: `echopoint("flows", "list")`."""

    def echopoint(*arguments):
        capsys.readouterr()
        code = run(arguments)
        return Ended(code, *capsys.readouterr())

    return echopoint


@pytest.fixture
def api(monkeypatch):
    """Return the stand-in, as the API that the command is told of."""
    with standing_in() as server:
        monkeypatch.setenv("ECHOPOINT_API_URL", server.url)
        yield server


@pytest.fixture
def server(db):
    with serving() as url:
        yield url
    # What is counted of the keys goes with them.
    for manager in write_buffers.managers:
        manager.pending.take_all()


@pytest.fixture
def sign(server, issue, acme, monkeypatch):
    """Return a way to use the command with a key of these scopes."""
    monkeypatch.setenv("ECHOPOINT_API_URL", server)
    monkeypatch.setenv("ECHOPOINT_ORGANIZATION_ID", acme.pk)

    def sign(*scopes, **overrides):
        key, secret = issue(*scopes, **overrides)
        monkeypatch.setenv("ECHOPOINT_API_KEY", secret)
        return key

    return sign


@pytest.fixture
def runner(tmp_path):
    """Return a maker of external runners: a program of these lines of Python.

    The lines find the package in `package`, and `result(status, nodes)` to answer with.
    """

    def runner(*lines):
        path = tmp_path / "runner"
        path.write_text("\n".join([f"#!{sys.executable}", PRELUDE, *lines]))
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
