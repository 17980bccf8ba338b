"""`POST /runner/jobs/{jobId}/complete`."""

import uuid

import pytest

from echopoint.api.parsers import IncompleteBody
from echopoint.executions.models import Execution, NodeResult, RunnerJob
from tests.executions.responses import error_of
from tests.executions.runner_client import RunnerClient, completion


@pytest.fixture
def job(runner, queue):
    queue()
    return runner.claim()


def result_with(text):
    result = completion()["result"]
    result["execution_results"]["pay"]["outputs"] = {"token": text}
    return result


def test_a_job_ends_with_the_published_result(runner, job):
    response = runner.complete(job, runner_version="1.4.2", last_event_sequence=7)

    assert (response.status_code, response.content) == (204, b"")
    execution = Execution.objects.get()
    assert execution.status == "completed"
    assert execution.executor_version == "1.4.2"
    assert execution.completed_by_key == execution.job.claimed_by_key
    assert execution.execution_started_at.isoformat() == "2026-01-05T10:00:00+00:00"
    assert execution.job.finished_at
    assert NodeResult.objects.get().node_id == "pay"


def test_a_failure_is_stored_with_its_reason(runner, job):
    runner.complete(
        job, status="failed", error_code="REQUEST_TIMEOUT", error_message="m"
    )

    execution = Execution.objects.get()
    assert (execution.status, execution.error_code) == ("failed", "REQUEST_TIMEOUT")


def test_without_a_version_the_one_that_is_known_stays(runner, job):
    runner.heartbeat(job, runner_version="1.4.2")

    runner.complete(job)

    assert Execution.objects.get().executor_version == "1.4.2"


def test_secrets_are_masked_and_deleted(runner, queue, variables):
    variables("/organization/variables", SECRET_A="canary")
    queue()

    runner.complete(runner.claim(), result=result_with("canary"))

    assert NodeResult.objects.get().result["outputs"] == {"token": "***"}
    assert Execution.objects.get().sealed_inputs is None


def test_a_repeated_completion_changes_nothing(runner, job):
    runner.complete(job)
    before = Execution.objects.values().get(), RunnerJob.objects.values().get()

    response = runner.complete(job, runner_version="9")

    assert response.status_code == 204
    assert (
        Execution.objects.values().get(),
        RunnerJob.objects.values().get(),
    ) == before
    assert NodeResult.objects.count() == 1


def test_a_different_result_is_a_conflict(runner, job):
    runner.complete(job)

    response = runner.complete(job, status="failed")

    assert "has already completed" in error_of(response, 409)["message"]
    assert Execution.objects.get().status == "completed"


class TestHolder:
    def test_a_late_runner_is_refused(self, runner, other_runner, job, lapse):
        lapse(job)
        other_runner.claim()

        response = runner.complete(job)

        assert "has claimed this job" in error_of(response, 409)["message"]
        assert Execution.objects.get().status == "running"
        assert other_runner.complete(job).status_code == 204

    def test_a_late_runner_is_refused_after_the_end_too(
        self, runner, other_runner, job, lapse
    ):
        lapse(job)
        other_runner.complete(other_runner.claim())

        assert error_of(runner.complete(job), 409)["code"] == "CONFLICT"
        assert Execution.objects.get().executed_by == "runner-2"

    def test_another_start_of_the_runner_is_refused(self, runner, job):
        response = RunnerClient(runner.api).complete(job)

        assert error_of(response, 409)["code"] == "CONFLICT"
        assert Execution.objects.get().status == "running"
        assert runner.complete(job).status_code == 204

    def test_an_expired_lease_is_held_until_another_claim(self, runner, job, lapse):
        lapse(job)

        assert runner.complete(job).status_code == 204

    def test_an_unclaimed_job_cannot_be_completed(self, runner, job, queue):
        unclaimed = Execution.objects.get(pk=queue()["id"]).job

        response = runner.complete({"job_id": unclaimed.pk})

        assert "is not claimed" in error_of(response, 409)["message"]
        assert Execution.objects.get(job=unclaimed).status == "pending"

    def test_another_tenants_job_is_not_found(self, api, runner, job, globex):
        foreign = RunnerClient(api("runner:complete", organization=globex))
        foreign.identity = runner.identity

        assert error_of(foreign.complete(job), 404)["code"] == "NOT_FOUND"
        assert Execution.objects.get().status == "running"

    def test_a_job_is_not_ended_as_if_it_were_ephemeral(self, publish, job):
        response = publish({"id": job["execution_id"]})

        assert error_of(response, 404)
        assert Execution.objects.get().status == "running"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"error_code": 7}, "error_code"),
        ({"result": {"execution_results": []}}, "result.execution_results"),
        ({"runner_id": ""}, "runner_id"),
        ({"boot_id": "x"}, "boot_id"),
        ({"status": "running"}, "status"),
        ({"duration_ms": -1}, "duration_ms"),
        ({"started_at": "today"}, "started_at"),
        ({"result": []}, "result"),
        ({"runner_version": "v" * 65}, "runner_version"),
        ({"last_event_sequence": -1}, "last_event_sequence"),
        ({"last_event_sequence": "1"}, "last_event_sequence"),
    ],
)
def test_an_invalid_completion_fails_the_job(runner, job, change, field):
    response = runner.complete(job, **change)

    error = error_of(response, 400)
    assert error["code"] == "RESULT_UNREADABLE"
    assert f" {field}: " in error["message"]
    execution = Execution.objects.get()
    assert (execution.status, execution.error_code) == ("failed", "RESULT_UNREADABLE")
    assert f" {field}: " in execution.error_message
    assert execution.completed_by_key == execution.job.claimed_by_key
    assert runner.next().status_code == 204


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff", "not UTF-8"),
        (b"{", "not valid JSON"),
        (b"", "Send a JSON object"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_a_body_that_is_not_json_fails_the_job(runner, job, body, reason):
    response = runner.api.post(f"/runner/jobs/{job['job_id']}/complete", body)

    assert reason in error_of(response, 400)["message"]
    assert reason in Execution.objects.get().error_message


def test_a_body_that_ended_too_early_can_be_sent_again(runner, job, monkeypatch):
    def broken(stream):
        raise IncompleteBody

    with monkeypatch.context() as patch:
        patch.setattr("echopoint.api.parsers.parse_recording", broken)
        answer = runner.complete(job)

    error = error_of(answer, 400)
    assert (error["code"], error["message"]) == (
        "BAD_REQUEST",
        "The body ended too early. Send it again.",
    )
    assert Execution.objects.get().status == "running"
    assert runner.complete(job).status_code == 204


def test_an_unreadable_completion_of_a_previous_holder_does_not_fail_the_job(
    runner, other_runner, job, lapse
):
    lapse(job)
    other_runner.claim()

    answer = runner.api.post(f"/runner/jobs/{job['job_id']}/complete", b"{")

    assert error_of(answer, 409)["code"] == "CONFLICT"
    assert Execution.objects.get().status == "running"


def test_a_result_that_is_too_large_to_read_fails_the_job(runner, job, settings):
    settings.API_RESULT_READ_SIZE = 10_000

    response = runner.complete(job, result=result_with("x" * 10_000))

    assert error_of(response, 413)["code"] == "RESULT_UNREADABLE"
    assert Execution.objects.get().error_code == "RESULT_UNREADABLE"


def test_a_job_that_failed_so_has_the_nodes_in_its_events(runner, job):
    runner.send_events(
        job, (1, "node.completed", {"nodeId": "pay", "displayName": "Pay"})
    )

    runner.complete(job, status="done")

    assert NodeResult.objects.get().node_id == "pay"


def test_an_invalid_completion_of_another_process_does_not_fail_the_job(runner, job):
    response = RunnerClient(runner.api).complete(job, status="done")

    assert error_of(response, 409)["code"] == "CONFLICT"
    assert Execution.objects.get().status == "running"


def test_an_unreadable_completion_with_another_key_does_not_fail_the_job(
    runner, job, api
):
    other = api("runner:complete")

    response = other.post(f"/runner/jobs/{job['job_id']}/complete", b"{")

    assert error_of(response, 409)["code"] == "CONFLICT"
    assert Execution.objects.get().status == "running"


def test_an_unreadable_completion_changes_nothing_once_the_job_has_ended(runner, job):
    runner.complete(job)

    response = runner.complete(job, status="done")

    error = error_of(response, 400)
    assert error["code"] == "RESULT_UNREADABLE"
    assert "had already ended as completed" in error["message"]
    assert Execution.objects.get().status == "completed"


def test_optional_fields_may_be_null(runner, job):
    nothing = dict.fromkeys(["result", "error_message", "error_code"])

    assert runner.complete(job, **nothing, last_event_sequence=None).status_code == 204


def test_a_completion_is_not_refused_because_of_missing_events(runner, job):
    runner.send_events(job, (1, "flow.started", {}))

    assert runner.complete(job, last_event_sequence=40).status_code == 204


@pytest.mark.parametrize("id", [uuid.uuid4(), "job"])
def test_a_job_that_is_not_there_is_not_found(runner, id):
    assert error_of(runner.complete({"job_id": id}), 404)
