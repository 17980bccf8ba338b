"""Ctrl-C, SIGTERM and time limits, on real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from echopoint.cli.flow_runs import external_runner, flow_run
from echopoint.cli.flow_runs.external_runner import GRACE
from tests.cli.command_process import started
from tests.cli.engine.flows import chain, node, request
from tests.cli.runner_programs import SLEEPS
from tests.paths import ROOT

pytestmark = pytest.mark.slow

STUBBORN = ["import signal", "signal.signal(signal.SIGTERM, signal.SIG_IGN)", *SLEEPS]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return b") Z" not in Path(f"/proc/{pid}/stat").read_bytes()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
)
def test_ctrl_c_publishes_a_failed_result_and_ends_with_2(
    api, runner, tmp_path, number
):
    flow = api.add_flow()
    program = runner(*SLEEPS)

    with started(
        flow, "--runner-binary", program, "-o", "json", until="running"
    ) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=30)

    (execution,) = api.executions.values()
    assert process.returncode == 2
    assert (execution["status"], execution["error_code"]) == ("failed", "CANCELLED")
    document = json.loads(out)
    assert (document["status"], document["exit_code"]) == ("cancelled", 2)
    assert document["execution_id"] == execution["id"]
    assert "Traceback" not in err
    assert not is_alive(int((tmp_path / "child").read_text()))


def test_flows_that_wait_their_turn_are_not_launched_after_ctrl_c(api, runner):
    flows = [api.add_flow("A"), api.add_flow("B")]
    arguments = ["--runner-binary", runner(*SLEEPS), "-o", "json"]

    with started(*flows, *arguments, until="running") as process:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)

    assert process.returncode == 2
    assert len(api.executions) == 1
    results = json.loads(out)["results"]
    assert [r["status"] for r in results] == ["cancelled", "cancelled"]
    assert results[1]["execution_id"] is None


def test_ctrl_c_while_launching_publishes_what_was_launched(api, runner):
    flow = api.add_flow()
    api.fail("/launch$", 1.0)
    arguments = [flow, "--runner-binary", runner(*SLEEPS), "-o", "json", "--debug"]

    process = subprocess.Popen(
        [sys.executable, "-m", "echopoint.cli", "flows", "run", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    deadline = time.monotonic() + 20
    while not api.requests_to("/launch$") and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)

    (execution,) = api.executions.values()
    assert process.returncode == 2
    assert execution["error_code"] == "CANCELLED"
    assert json.loads(out)["execution_id"] == execution["id"]


def test_a_second_ctrl_c_quits_at_once(api, runner, tmp_path):
    flow = api.add_flow()
    api.fail("/complete$", 8.0)
    program = runner(*SLEEPS)

    with started(flow, "--runner-binary", program, until="running") as process:
        process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 20
        while not api.requests_to("/complete$") and time.monotonic() < deadline:
            time.sleep(0.02)
        before = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)

    assert process.returncode == 2
    assert time.monotonic() - before < 6
    assert "Traceback" not in err


def test_a_second_ctrl_c_does_not_wait_for_a_stubborn_runner(api, runner, tmp_path):
    program = runner(*STUBBORN)

    with started(
        api.add_flow(), "--runner-binary", program, until="running"
    ) as process:
        process.send_signal(signal.SIGINT)
        for line in process.stderr:
            if "Press Ctrl-C again" in line:
                break
        before = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    assert process.returncode == 2
    assert time.monotonic() - before < GRACE
    assert not is_alive(int((tmp_path / "child").read_text()))


def test_a_flow_that_takes_too_long_ends_with_4_and_is_published(
    echopoint, api, runner, tmp_path
):
    flows = [api.add_flow("Slow"), api.add_flow("Quick")]
    program = runner(
        "if package['flow_definition']['name'] == 'Quick': result()", *SLEEPS
    )

    ended = echopoint(
        *(
            "flows",
            "run",
            *flows,
            "--runner-binary",
            program,
            "--poll-timeout",
            "1500ms",
        ),
        *("-o", "json"),
    )

    slow, quick = ended.json["results"]
    assert (ended.code, slow["exit_code"], quick["exit_code"]) == (4, 4, 0)
    assert (ended.json["status"], slow["status"]) == ("error", "error")
    assert "--poll-timeout" in slow["error_message"]
    assert api.executions[slow["execution_id"]]["error_code"] == "TIMEOUT"
    assert not is_alive(int((tmp_path / "child").read_text()))


def test_a_runner_that_ignores_being_asked_is_made_to_end(
    echopoint, api, runner, tmp_path, monkeypatch
):
    monkeypatch.setattr(external_runner, "GRACE", 0.3)
    program = runner(*STUBBORN)

    ended = echopoint(
        *("flows", "run", api.add_flow(), "--runner-binary", program),
        *("--poll-timeout", "1s", "--cleanup-timeout", "200ms"),
    )

    (execution,) = api.executions.values()
    assert ended.code == 4
    assert execution["error_code"] == "TIMEOUT"
    assert not is_alive(int((tmp_path / "child").read_text()))


CLEANS_UP = [
    "import signal",
    "def clean(*_): result('failed', [node('tidy')])",
    "signal.signal(signal.SIGTERM, clean)",
    "print('running', file=sys.stderr, flush=True)",
    "time.sleep(60)",
]


def test_a_runner_may_clean_up_and_its_result_is_published(api, runner):
    flow = api.add_flow()

    with started(
        flow, "--runner-binary", runner(*CLEANS_UP), "-o", "json", until="running"
    ) as process:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)

    assert process.returncode == 2
    assert [n["node_id"] for n in json.loads(out)["nodes"]] == ["tidy"]


def test_nodes_that_always_run_do_so_after_ctrl_c(api, service):
    slow = node("delay", "slow", {"duration": 60_000})
    always = request("always", f"{service.url}/echo") | {"run_when": "always"}
    flow = api.add_flow(flow_definition=chain(slow, always))

    with started(flow, "--verbose", "-o", "json", until="Slow") as process:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)

    statuses = {n["node_id"]: n["status"] for n in json.loads(out)["nodes"]}
    assert process.returncode == 2
    assert statuses == {"slow": "failed", "always": "completed"}
    (execution,) = api.executions.values()
    assert execution["error_code"] == "CANCELLED"


@pytest.mark.parametrize(
    ("arguments", "signals"),
    [
        (["--cleanup-timeout", "500ms"], [signal.SIGINT]),
        # As GitHub's runner does.
        ([], [signal.SIGINT, signal.SIGTERM]),
    ],
)
def test_cleaning_up_has_an_end_and_the_result_is_published(
    api, service, arguments, signals
):
    slow = node("delay", "slow", {"duration": 60_000})
    always = request("always", f"{service.url}/silent") | {"run_when": "always"}
    flow = api.add_flow(flow_definition=chain(slow, always))

    with started(flow, "--verbose", *arguments, until="Slow") as process:
        process.send_signal(signals[0])
        for line in process.stderr:
            if "Always" in line:
                break
        before = time.monotonic()
        for number in signals[1:]:
            process.send_signal(number)
        process.communicate(timeout=40)

    assert process.returncode == 2
    assert time.monotonic() - before < 15
    (execution,) = api.executions.values()
    assert execution["error_code"] == "CANCELLED"
    results = execution["result"]["execution_results"]
    assert results["always"]["error_code"] == "CANCELLED"


def test_a_launch_that_is_never_answered_ends_with_the_time_limit(
    echopoint, api, monkeypatch
):
    monkeypatch.setattr(flow_run, "GRACE", 0.3)
    api.fail("/launch$", 30.0)
    before = time.monotonic()

    ended = echopoint("flows", "run", api.add_flow(), "--poll-timeout", "500ms")

    assert ended.code == 4
    assert "did not respond to its launch" in ended.err
    assert time.monotonic() - before < 20
