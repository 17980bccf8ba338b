"""`POST /runner/jobs/{jobId}/events`."""

import uuid

import pytest

from echopoint.executions.models import Execution, JobEvent
from tests.executions.responses import error_of
from tests.executions.runner_client import RunnerClient

STARTED = (
    1,
    "flow.started",
    {"flowName": "Checkout", "timestamp": "2026-01-05T10:00:00.5Z"},
)


def node_started(sequence):
    return (sequence, "node.started", {"nodeId": "pay", "displayName": f"{sequence}"})


def stored_sequences():
    return list(JobEvent.objects.values_list("sequence", flat=True))


def last(response):
    assert response.status_code == 200, response.content
    return response.json()["last_accepted_sequence"]


@pytest.fixture
def job(runner, queue):
    queue()
    return runner.claim()


def test_events_are_stored_in_order(runner, job):
    assert last(runner.send_events(job, STARTED, node_started(2))) == 2
    assert last(runner.send_events(job, node_started(3))) == 3

    assert stored_sequences() == [1, 2, 3]
    first = JobEvent.objects.first()
    assert (first.type, first.payload) == ("flow.started", STARTED[2])


def test_stored_events_are_skipped(runner, job):
    runner.send_events(job, STARTED, node_started(2))

    response = runner.send_events(job, STARTED, (2, "node.failed", {}), node_started(3))

    assert last(response) == 3
    assert stored_sequences() == [1, 2, 3]
    assert JobEvent.objects.get(sequence=2).type == "node.started"


def test_events_after_a_gap_are_not_stored(runner, job):
    runner.send_events(job, STARTED)

    assert last(runner.send_events(job, node_started(2), node_started(4))) == 2
    assert last(runner.send_events(job, node_started(4))) == 2
    assert stored_sequences() == [1, 2]


def test_the_first_event_is_number_one(runner, job):
    assert last(runner.send_events(job, node_started(2))) == 0
    assert stored_sequences() == []


def test_the_start_of_the_flow_is_the_runners_own(runner, job):
    runner.send_events(job, STARTED)

    began = Execution.objects.get().execution_started_at
    assert began.isoformat() == "2026-01-05T10:00:00.500000+00:00"


@pytest.mark.parametrize(
    "timestamp",
    ["yesterday", 5, None, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
)
def test_an_invalid_start_time_becomes_the_time_of_receipt(runner, job, timestamp):
    assert (
        last(runner.send_events(job, (1, "flow.started", {"timestamp": timestamp})))
        == 1
    )

    execution = Execution.objects.get()
    assert execution.execution_started_at == JobEvent.objects.get().received_at


def test_unknown_fields_are_stored(runner, job):
    runner.send_events(
        job, (1, "node.completed", {"nodeId": "pay", "retries": [1, {"a": 2}]})
    )

    assert JobEvent.objects.get().payload == {"nodeId": "pay", "retries": [1, {"a": 2}]}


def test_characters_that_no_column_can_store_are_replaced(runner, job):
    runner.send_events(
        job, (1, "node.completed", {"result": {"outputs": {"a": "x\x00"}}})
    )

    assert JobEvent.objects.get().payload["result"]["outputs"]["a"] == "x\ufffd"


def test_events_are_deleted_when_a_job_is_claimed_again(
    runner, other_runner, job, lapse
):
    runner.send_events(job, STARTED, node_started(2))
    lapse(job)

    other_runner.claim()

    assert stored_sequences() == []
    assert Execution.objects.get().execution_started_at is None
    assert last(other_runner.send_events(job, STARTED)) == 1


class TestSecrets:
    @pytest.fixture(autouse=True)
    def _secret(self, variables):
        variables("/organization/variables", SECRET_A="canary", SECRET_B="a b&c")

    def test_secrets_are_replaced_wherever_they_are(self, runner, job):
        payload = {
            "nodeId": "pay",
            "success": True,
            "duration": 12,
            "error": "401 for canary at /?key=a%20b%26c",
            "result": {"request_headers": {"X-Key": "canary"}, "node_type": "request"},
            "canary": ["canary", {"deep": "x canary y"}],
        }

        runner.send_events(job, (1, "node.failed", payload))

        assert JobEvent.objects.get().payload == {
            "nodeId": "pay",
            "success": True,
            "duration": 12,
            "error": "401 for *** at /?key=***",
            "result": {"request_headers": {"X-Key": "***"}, "node_type": "request"},
            "***": ["***", {"deep": "x *** y"}],
        }

    def test_no_event_is_stored_once_the_secrets_are_deleted(self, runner, job):
        runner.send_events(job, STARTED)
        runner.complete(job)

        response = runner.send_events(
            job, STARTED, (2, "node.failed", {"error": "canary"})
        )

        assert "has ended" in error_of(response, 409)["message"]
        assert stored_sequences() == [1]
        assert last(runner.send_events(job, STARTED)) == 1


class TestHolder:
    def test_a_late_runner_is_refused(self, runner, other_runner, job, lapse):
        lapse(job)
        other_runner.claim()

        response = runner.send_events(job, STARTED)

        assert "has claimed this job" in error_of(response, 409)["message"]
        assert stored_sequences() == []
        assert last(other_runner.send_events(job, STARTED)) == 1

    def test_another_start_of_the_runner_is_refused(self, runner, job):
        response = RunnerClient(runner.api).send_events(job, STARTED)

        assert error_of(response, 409)["code"] == "CONFLICT"
        assert last(runner.send_events(job, STARTED)) == 1

    def test_an_unclaimed_job_accepts_no_events(self, runner, job, queue):
        unclaimed = Execution.objects.get(pk=queue()["id"]).job

        response = runner.send_events({"job_id": unclaimed.pk}, STARTED)

        assert "is not claimed" in error_of(response, 409)["message"]

    def test_an_expired_lease_is_held_until_another_claim(self, runner, job, lapse):
        lapse(job)

        assert last(runner.send_events(job, STARTED)) == 1

    def test_another_tenants_job_is_not_found(self, api, runner, job, globex):
        foreign = RunnerClient(api("runner:complete", organization=globex))
        foreign.identity = runner.identity

        assert error_of(foreign.send_events(job, STARTED), 404)["code"] == "NOT_FOUND"
        assert stored_sequences() == []

    @pytest.mark.parametrize("id", [uuid.uuid4(), "job"])
    def test_a_job_that_is_not_there_is_not_found(self, runner, id):
        assert error_of(runner.send_events({"job_id": id}, STARTED), 404)


@pytest.mark.parametrize(
    ("events", "field"),
    [
        ([], "events"),
        ([node_started(n) for n in range(1, 102)], "events"),
        ([node_started(2), node_started(1)], "events"),
        ([node_started(1), node_started(1)], "events"),
        ([(0, "node.started", {})], "events[0].sequence"),
        ([(True, "node.started", {})], "events[0].sequence"),
        ([(100_001, "node.started", {})], "events[0].sequence"),
        ([(1, "node.exploded", {})], "events[0].type"),
        ([(1, "node.started", [])], "events[0].payload"),
        ([(1, "node.started", None)], "events[0].payload"),
    ],
)
def test_invalid_events_are_refused(runner, job, events, field):
    response = runner.send_events(job, *events)

    assert error_of(response, 400)["field"] == field
    assert stored_sequences() == []


def test_a_request_can_contain_a_hundred_events(runner, job):
    assert (
        last(runner.send_events(job, *(node_started(n) for n in range(1, 101)))) == 100
    )


def test_events_may_be_as_large_as_results(runner, job, settings):
    settings.API_RESULT_MAX_SIZE = 2 * settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    settings.API_RESULT_READ_SIZE = 3 * settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    large = (1, "node.completed", {"result": {"response_body_parsed": body}})
    larger = (2, "node.completed", {"nodeId": "a", "result": {"a": body * 2}})
    largest = (3, "node.completed", {"result": {"response_body_parsed": body * 3}})

    assert last(runner.send_events(job, large)) == 1
    assert last(runner.send_events(job, larger)) == 2
    cut = {"truncated": True, "truncated_fields": ["result.a"]}
    assert (
        JobEvent.objects.get(sequence=2).payload == {"nodeId": "a", "result": {}} | cut
    )
    assert error_of(runner.send_events(job, largest), 413)
