"""`flows run` from end to end: the real API, the engine, a service that is called."""

import json
import threading
import time

import pytest
from django.db import connections

from apikeys.actors import Actor
from echopoint.executions.models import Execution
from echopoint.flows.models import Flow
from tests.api_client import ApiClient
from tests.cli.echo_server import Service
from tests.cli.secret_values import PLAIN_SECRET, has_secret
from tests.cli.stored_flows import request

BY_ID = ("flows:execute", "runner:complete")
BY_TAG = (*BY_ID, "flows:read")


@pytest.fixture
def target():
    with Service() as service:
        yield service


@pytest.fixture
def make_flow(acme, target):
    """Return a maker of flows that call the target and expect a status of it."""

    def make_flow(name="Smoke", *, path="/status/200", tags=(), **node):
        nodes = [request("home", f"{target.url}{path}", **node)]
        definition = {"name": name, "version": "1.0", "nodes": nodes, "edges": []}
        flow = Flow.objects.create(
            organization=acme, name=name, flow_definition=definition
        )
        flow.set_tags(tags)
        return flow

    return make_flow


@pytest.fixture
def people(issue, acme):
    """Return a maker of clients with keys of their own, beside the command's."""
    return lambda *scopes: ApiClient(acme, issue(*scopes)[1])


def test_a_key_for_flow_ids_runs_one_and_is_refused_tags(echopoint, sign, make_flow):
    flow = make_flow(tags=["smoke"])
    key = sign(*BY_ID)

    by_id = echopoint("flows", "run", str(flow.pk), "-o", "json")
    by_tag = echopoint("flows", "run", "--tag", "smoke", "-o", "json")

    execution = Execution.objects.get()
    assert by_id.code == 0, by_id.err
    assert by_id.json["execution_id"] == str(execution.pk)
    assert execution.status == "completed"
    assert execution.launched_by_key == execution.completed_by_key == key
    assert by_tag.code == 3
    assert "flows:read" in by_tag.json["error_message"]


def test_flows_with_a_tag_run_and_their_results_are_on_record(
    echopoint, sign, make_flow
):
    make_flow("Good", tags=["smoke"])
    make_flow("Bad", path="/status/500", tags=["smoke"])
    make_flow("Other", tags=["nightly"])
    sign(*BY_TAG)

    ended = echopoint("flows", "run", "--tag", "smoke", "--parallel", "2", "-o", "json")

    assert ended.code == 1, ended.err
    statuses = dict(Execution.objects.values_list("flow__name", "status"))
    assert statuses == {"Good": "completed", "Bad": "failed"}
    assert {r["status"] for r in ended.json["results"]} == {"completed", "failed"}


def test_in_github_actions_the_second_run_answers_from_the_first(
    echopoint, sign, make_flow, target, monkeypatch
):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_RUN_ID", "77")
    for name in ("A", "B"):
        make_flow(name, path="/status/500", tags=["smoke"])
    sign(*BY_TAG)

    first, second = (
        echopoint("flows", "run", "--tag", "smoke", "-o", "json") for _ in range(2)
    )

    assert (first.code, second.code) == (1, 1)
    assert Execution.objects.count() == len(target.seen) == 2
    for before, after in zip(
        first.json["results"], second.json["results"], strict=True
    ):
        assert after["execution_id"] == before["execution_id"]
        assert after["error_message"] == before["error_message"]
        assert after["nodes"] == before["nodes"]
    assert Execution.objects.first().trigger_metadata["run_id"] == "77"


def test_a_key_revoked_meanwhile_is_refused_and_the_execution_stays(
    echopoint, sign, make_flow, runner, tmp_path
):
    flow = make_flow()
    key = sign(*BY_ID)
    program = runner(
        "here = os.path.dirname(sys.argv[0])",
        "open(here + '/running', 'w').close()",
        "deadline = time.monotonic() + 20",
        "while not os.path.exists(here + '/go') and time.monotonic() < deadline:",
        "    time.sleep(0.02)",
        "result()",
    )
    connection = connections["default"]

    def revoke():
        connections["default"] = connection
        deadline = time.monotonic() + 20
        while not (tmp_path / "running").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        key.revoke(by=Actor.command("test"))
        (tmp_path / "go").touch()

    thread = threading.Thread(target=revoke)
    thread.start()

    ended = echopoint(
        "flows", "run", str(flow.pk), "--runner-binary", program, "-o", "json"
    )

    thread.join()
    execution = Execution.objects.get()
    assert ended.code == 3
    assert "API_KEY_REVOKED" in ended.json["error_message"]
    assert "no longer accepted" in ended.json["error_message"]
    assert str(execution.pk) == ended.json["execution_id"]
    assert execution.status == "running"


def test_a_secret_variable_is_used_and_shown_nowhere(
    echopoint, sign, make_flow, people, target
):
    flow = make_flow(path="/echo?t={{token}}", status="{{token}}")
    answer = people("environment:update").put(
        "/organization/variables/token", {"value": PLAIN_SECRET, "secret": True}
    )
    assert answer.status_code == 200
    sign(*BY_ID)

    ended = echopoint(
        "flows", "run", str(flow.pk), "-o", "json", "--debug", "--verbose"
    )

    execution = Execution.objects.get()
    assert ended.code == 1, ended.err
    assert PLAIN_SECRET in json.dumps(target.seen, default=str)
    assert not has_secret(ended.out + ended.err)
    assert not has_secret(
        json.dumps([str(vars(n)) for n in execution.node_results.all()])
    )


def test_an_environment_that_is_not_there_is_refused(echopoint, sign, make_flow):
    flow = make_flow()
    sign(*BY_ID)

    ended = echopoint("flows", "run", str(flow.pk), "--environment", "nowhere")

    assert ended.code == 3
    assert "environment_key" in ended.err
    assert not Execution.objects.exists()


def test_a_flow_of_another_organization_is_not_launched(
    echopoint, sign, make_flow, globex
):
    theirs, ours = make_flow("Theirs"), make_flow("Ours")
    Flow.objects.filter(pk=theirs.pk).update(organization=globex)
    sign(*BY_ID)

    ended = echopoint("flows", "run", str(theirs.pk), str(ours.pk), "-o", "json")

    assert [r["exit_code"] for r in ended.json["results"]] == [3, 0]
    assert "HTTP 404" in ended.json["results"][0]["error_message"]
    assert Execution.objects.get().flow == ours
