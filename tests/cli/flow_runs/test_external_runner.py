"""`flows run --runner-binary` with a runner that behaves as the public one does."""

import sys
from pathlib import Path

import pytest

from tests.cli import public_runner
from tests.cli.engine.flows import node


@pytest.fixture
def program(tmp_path):
    """Return the stand-in as a program."""
    path = tmp_path / "echopoint-runner"
    source = Path(public_runner.__file__).read_text()
    path.write_text(f"#!{sys.executable}\n{source}")
    path.chmod(0o700)
    return str(path)


@pytest.fixture
def configured(monkeypatch):
    """Set what a server of the public runner is configured with."""
    monkeypatch.setenv("ECHOPOINT_RUNNER_API_KEY", "epk_live_of-the-server")
    monkeypatch.setenv("ECHOPOINT_RUNNER_ID", "runner-1")
    monkeypatch.setenv("ECHOPOINT_FLOW_API_KEY", "another")


def delay(id, kind="delay"):
    return node(kind, id, {"duration": 1} if kind == "delay" else {})


def run(echopoint, api, program, *nodes, **flow):
    id = api.add_flow(nodes=nodes, **flow)
    return echopoint("flows", "run", id, "--runner-binary", program, "-o", "json")


def test_it_runs_the_package_and_does_not_start_as_a_server(
    echopoint, api, program, configured, tmp_path
):
    ended = run(echopoint, api, program, delay("a"), delay("b"))

    assert ended.code == 0, ended.err
    assert [n["node_id"] for n in ended.json["nodes"]] == ["a", "b"]
    assert not (tmp_path / "served").exists()
    (execution,) = api.executions.values()
    assert execution["status"] == "completed"


def test_a_failure_is_published_with_its_nodes(echopoint, api, program, configured):
    ended = run(echopoint, api, program, delay("a"), delay("b", "assert"))

    assert ended.code == 1
    (execution,) = api.executions.values()
    assert execution["error_code"] == "ASSERTION_FAILED"
    assert ended.json["nodes"][1]["error_message"] == "it does not hold"


def test_it_sees_nothing_of_a_servers_configuration(
    echopoint, api, program, configured
):
    run(echopoint, api, program, delay("a"))

    (execution,) = api.executions.values()
    outputs = execution["result"]["execution_results"]["a"]["outputs"]
    seen = [n for n in outputs["environment"] if n.startswith("ECHOPOINT_")]
    assert "PATH" in outputs["environment"]
    assert not [n for n in seen if "RUNNER" in n or "API_KEY" in n]
