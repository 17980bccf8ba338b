"""`flows run` with the engine of the command, on a service that is really called."""

import json
import signal

import pytest

from tests.cli.command_process import started
from tests.cli.engine.flows import chain
from tests.cli.secret_values import MARKER, ODD_SECRET, PLAIN_SECRET, has_secret
from tests.cli.stored_flows import node, request


def test_a_flow_runs_here_and_its_result_is_published(echopoint, api, service):
    flow = api.add_flow(nodes=[request("home", f"{service.url}/status/200")])

    ended = echopoint("flows", "run", flow, "-o", "json")

    (execution,) = api.executions.values()
    assert ended.code == 0, ended.err
    assert ended.json["nodes"][0]["status"] == "completed"
    assert (
        execution["result"]["execution_results"]["home"]["response_status_code"] == 200
    )
    assert "✓ Home passed" in ended.err


def test_a_failed_assertion_shows_what_was_expected_and_what_came(
    echopoint, api, service
):
    nodes = [request("home", f"{service.url}/status/503"), request("next", service.url)]
    flow = api.add_flow(flow_definition=chain(*nodes))

    told, shown = (echopoint("flows", "run", flow, "-o", o) for o in ("json", "table"))

    (assertion,) = told.json["nodes"][0]["assertions"]
    assert (told.code, told.json["status"]) == (1, "failed")
    assert (assertion["expected"], str(assertion["actual"])) == ("200", "503")
    assert [n["status"] for n in told.json["nodes"]] == ["failed", "skipped"]
    assert "statusCode equals: expected 200, got 503" in shown.out
    assert "✗ Home failed" in shown.err


def test_a_node_that_cannot_run_here_is_told_before_anything_runs(
    echopoint, api, service
):
    poll = node("poll", "poll", {"body": {"nodes": []}})
    flow = api.add_flow(nodes=[request("home", service.url), poll])

    ended = echopoint("flows", "run", flow, "-o", "json")

    (execution,) = api.executions.values()
    assert ended.code == 3
    assert "--runner-binary" in ended.json["error_message"]
    assert execution["error_code"] == "FLOW_VALIDATION_FAILED"
    assert execution["status"] == "failed"
    assert service.seen == []


def test_ctrl_c_ends_the_node_in_flight(api, service):
    flow = api.add_flow(nodes=[request("slow", f"{service.url}/silent")])

    with started(flow, "-o", "json", "--verbose", until="… Slow") as process:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)

    (execution,) = api.executions.values()
    assert process.returncode == 2
    assert json.loads(out)["status"] == "cancelled"
    assert json.loads(out)["nodes"][0]["status"] == "failed"
    assert (execution["status"], execution["error_code"]) == ("failed", "CANCELLED")


def test_a_time_limit_keeps_what_had_run(echopoint, api, service):
    nodes = [
        request("quick", f"{service.url}/status/200"),
        request("slow", f"{service.url}/silent"),
    ]
    flow = api.add_flow(nodes=nodes)

    ended = echopoint("flows", "run", flow, "--poll-timeout", "1s", "-o", "json")

    (execution,) = api.executions.values()
    assert ended.code == 4
    assert [n["status"] for n in ended.json["nodes"]] == ["completed", "failed"]
    assert execution["error_code"] == execution["result"]["error_code"] == "TIMEOUT"


@pytest.mark.parametrize("form", ["table", "json"])
def test_a_service_that_echoes_all_shows_no_secret_through_us(
    echopoint, api, service, form
):
    api.inputs = {"token": ODD_SECRET, "other": PLAIN_SECRET}
    api.secret_keys = ["token", "other"]
    nodes = [
        request(
            "echo",
            f"{service.url}/echo?t={{{{token}}}}&o={{{{other}}}}",
            status="{{other}}",
            method="POST",
            headers={"X-Other": "{{other}}"},
            body={"t": "{{token}}", "o": ["{{other}}"]},
        ),
    ]
    flow = api.add_flow(nodes=nodes)

    ended = echopoint("flows", "run", flow, "--debug", "--verbose", "-o", form)

    sent = json.dumps(api.requests_to("/complete$")[0]["body"])
    assert ended.code == 1, ended.err
    assert any(MARKER in json.dumps(seen, default=str) for seen in service.seen)
    assert "***" in sent
    assert not has_secret(ended.err)
    assert not has_secret(ended.out)
    assert not has_secret(sent)


def test_an_engine_that_breaks_is_published_and_shows_no_value(
    echopoint, api, monkeypatch
):
    async def broken(package, **options):
        raise RuntimeError(f"careless, with {ODD_SECRET}")

    monkeypatch.setattr("echopoint.cli.flow_runs.package_runner.run_flow", broken)

    ended = echopoint("flows", "run", api.add_flow(), "--debug")

    (execution,) = api.executions.values()
    assert ended.code == 3
    assert "RuntimeError" in ended.err
    assert execution["error_code"] == "RUNNER_FAILED"
    assert MARKER not in ended.err + json.dumps(api.requests_to("/complete$"))


def test_a_template_that_names_nothing_is_warned_of(echopoint, api, service):
    nodes = [request("home", f"{service.url}/status/200?x={{{{typo}}}}")]
    flow = api.add_flow(nodes=nodes)

    told, shown = (echopoint("flows", "run", flow, "-o", o) for o in ("json", "table"))

    assert (told.code, shown.code) == (0, 0)
    assert told.json["nodes"][0]["missing_inputs"] == ["typo"]
    assert "warning: no value for {{typo}}" in told.err
    assert "Warning: Smoke, Home: no value for {{typo}}" in shown.out


def test_strict_variables_fail_the_node(echopoint, api, service):
    flow = api.add_flow(nodes=[request("home", f"{service.url}/{{{{typo}}}}")])

    ended = echopoint("flows", "run", flow, "--strict-variables", "-o", "json")

    assert ended.code == 1
    assert "{{typo}}" in ended.json["nodes"][0]["error_message"]
    assert service.seen == []


def test_strict_variables_are_not_for_another_runner(echopoint, api, runner):
    flow = api.add_flow()

    ended = echopoint(
        "flows", "run", flow, "--strict-variables", "--runner-binary", runner()
    )

    assert ended.code == 3
    assert "--runner-binary" in ended.err
    assert api.executions == {}
