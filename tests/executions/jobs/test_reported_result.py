"""A completion without a result gets the node results from the events."""

import pytest

from echopoint.executions.models import Execution, NodeResult
from tests.executions.definitions import node

TOLD = {"nodeId": "pay", "displayName": "Pay", "timestamp": "2026-01-05T10:00:00Z"}
NOTHING = {"result": None, "error_message": None, "error_code": None}


@pytest.fixture
def flow(make_flow):
    return make_flow(node("login"), node("pay"))


@pytest.fixture
def job(runner, queue):
    queue()
    return runner.claim()


def completed(sequence, id, **more):
    told = {"nodeId": id, "displayName": id.title(), "duration": 20, "success": True}
    return sequence, "node.completed", told | more


def failed(sequence, id, error, **more):
    told = {"nodeId": id, "displayName": id.title(), "duration": 30, "success": False}
    return sequence, "node.failed", told | {"error": error} | more


def rows():
    found = NodeResult.objects.order_by("position")
    return list(found.values_list("node_id", "status", "error_code", "error_message"))


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        ("no route", "NODE_FAILED", "no route"),
        (
            {"code": "REQUEST_FAILED", "message": "no route"},
            "REQUEST_FAILED",
            "no route",
        ),
        (None, "NODE_FAILED", "The node failed."),
        ([1], "NODE_FAILED", "[1]"),
        ({}, "NODE_FAILED", "The node failed."),
    ],
)
def test_a_failed_flow_has_its_nodes_code_and_message(
    runner, job, error, code, message
):
    runner.send_events(job, completed(1, "login"), failed(2, "pay", error))

    answer = runner.complete(job, status="failed", **NOTHING)

    assert answer.status_code == 204
    execution = Execution.objects.get()
    assert (execution.status, execution.error_code) == ("failed", code)
    assert execution.error_message == f"Pay: {message}"
    assert execution.result["success"] is False
    assert rows() == [
        ("login", "completed", "", ""),
        ("pay", "failed", code, message),
    ]
    assert NodeResult.objects.get(node_id="pay").duration_ms == 30


def test_the_result_in_an_event_is_stored(runner, job):
    given = {"response_status_code": 500, "error_code": "ASSERTION_FAILED"}
    runner.send_events(job, failed(1, "pay", "x", result=given))
    runner.complete(job, status="failed", **NOTHING)

    row = NodeResult.objects.get()
    assert row.result["response_status_code"] == 500
    assert row.error_code == "ASSERTION_FAILED"


def test_the_result_of_the_completion_overrides_the_events(runner, job):
    runner.send_events(job, failed(1, "login", "x"))
    runner.complete(job)

    assert [row[:2] for row in rows()] == [("pay", "completed")]


def test_the_runners_own_error_overrides_that_of_the_node(runner, job):
    runner.send_events(job, failed(1, "pay", "x"))
    told = {"result": None, "error_message": "The flow failed.", "error_code": "OWN"}
    runner.complete(job, status="failed", **told)

    execution = Execution.objects.get()
    assert (execution.error_code, execution.error_message) == (
        "OWN",
        "The flow failed.",
    )


def test_a_repeated_completion_changes_nothing_and_a_different_one_is_refused(
    runner, job
):
    runner.send_events(job, failed(1, "pay", "x"))
    end = {"status": "failed"} | NOTHING
    runner.complete(job, **end)

    assert runner.complete(job, **end).status_code == 204
    assert runner.complete(job, **end | {"duration_ms": 7}).status_code == 409


def test_without_events_there_is_no_result(runner, job):
    runner.complete(job, status="failed", **NOTHING)

    assert Execution.objects.get().result is None
    assert rows() == []


@pytest.mark.parametrize(
    "payload",
    [{}, {"nodeId": None}, {"nodeId": 7}, {"nodeId": ""}, {"nodeId": "x" * 256}],
)
def test_an_event_without_a_valid_node_id_is_skipped(runner, job, payload):
    runner.send_events(job, (1, "node.failed", payload), completed(2, "pay"))

    assert runner.complete(job, status="failed", **NOTHING).status_code == 204
    assert [row[0] for row in rows()] == ["pay"]


def test_the_last_event_of_a_node_counts(runner, job):
    runner.send_events(
        job, failed(1, "pay", "x"), completed(2, "login"), completed(3, "pay")
    )
    runner.complete(job, status="completed", **NOTHING)

    assert [row[:2] for row in rows()] == [("login", "completed"), ("pay", "completed")]


def test_a_node_result_over_the_size_limit_is_marked_as_truncated(
    runner, job, settings
):
    given = {"response_body": "x" * 2000}
    runner.send_events(job, completed(1, "login"), failed(2, "pay", "no", result=given))
    settings.API_RESULT_MAX_SIZE = 1000
    runner.complete(job, status="failed", **NOTHING)

    row = NodeResult.objects.get(node_id="pay")
    assert row.result["truncated"] is True
    assert "response_body" not in row.result
    assert (row.error_code, row.error_message) == ("NODE_FAILED", "no")
    assert "truncated" not in NodeResult.objects.get(node_id="login").result


@pytest.mark.parametrize("code", [5, {"a": 1}, ["x"], None, ""])
def test_an_error_code_that_is_not_a_string_is_ignored(runner, job, code):
    told = {"error_code": code, "error_message": code}
    runner.send_events(job, failed(1, "pay", "no route", result=told))

    answer = runner.complete(job, status="failed", **NOTHING)

    assert answer.status_code == 204
    assert rows() == [("pay", "failed", "NODE_FAILED", "no route")]
    assert Execution.objects.get().error_code == "NODE_FAILED"
