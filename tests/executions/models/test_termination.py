"""Deadlines, cancellation, and deleted flows."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from apikeys.models import ApiKey
from echopoint.executions.callers import Caller
from echopoint.executions.exceptions import ExecutionConflict
from echopoint.executions.models import Execution, RunnerJob
from echopoint.flows.models import Flow
from tests.executions.responses import error_of
from tests.executions.runner_client import RunnerClient


@pytest.fixture
def reader(api):
    return api("flows:read", "flows:execute")


@pytest.fixture
def late():
    """Return a function that moves the deadline into the past."""

    def late(execution):
        past = timezone.now() - timedelta(seconds=1)
        Execution.objects.filter(pk=execution["id"]).update(deadline_at=past)

    return late


@pytest.fixture
def waiting(api, flow):
    """Return an execution that waits for a runner."""
    answer = api("flows:execute").post(
        f"/flows/{flow.pk}/launch", {"runner_type": "self_hosted"}
    )
    return answer.json()["execution"]


@pytest.fixture
def runner(api):
    return RunnerClient(api("runner:claim", "runner:complete"))


def seconds_left(execution):
    row = Execution.objects.get(pk=execution["id"])
    return (row.deadline_at - row.started_at).total_seconds()


def read(reader, execution):
    return reader.get(f"/executions/{execution['id']}").json()


def test_the_launch_response_contains_the_deadline(launch, settings):
    settings.EXECUTION_TIMEOUT_SECONDS, settings.EXECUTION_GRACE_SECONDS = 60, 30

    execution = launch()

    assert execution["timeout_seconds"] == 60
    assert seconds_left(execution) == 90
    assert execution["deadline_at"] > execution["started_at"]


def test_a_launcher_chooses_the_timeout(launch):
    execution = launch(headers={"X_Execution_Timeout": "7200"})

    assert execution["timeout_seconds"] == 7200
    assert seconds_left(execution) == 7200 + 300


@pytest.mark.parametrize("wrong", ["0", "-1", "1.5", "604801", "soon", "", "٣"])
def test_an_invalid_timeout_is_refused(ci, flow, wrong):
    answer = ci.post(
        f"/flows/{flow.pk}/launch",
        {"runner_type": "ephemeral"},
        X_Execution_Timeout=wrong.encode().decode("latin-1"),
    )

    assert error_of(answer, 400)["field"] == "X-Execution-Timeout"


def test_a_job_waits_for_a_day(waiting):
    assert waiting["timeout_seconds"] is None
    assert seconds_left(waiting) == 86_400


def test_an_abandoned_run_reads_failed(launch, late, reader, flow):
    execution = launch()
    assert read(reader, execution)["status"] == "running"

    late(execution)
    shown = read(reader, execution)

    assert (shown["status"], shown["error_code"]) == ("failed", "EXECUTION_ABANDONED")
    assert "may have been killed" in shown["error_message"]
    assert shown["completed_at"]
    assert Execution.objects.get().sealed_inputs is None
    flow.refresh_from_db()
    assert flow.last_run_status == "failed"


@pytest.mark.parametrize(
    "path",
    [
        "/executions?status=failed",
        "/flows/{flow}/executions",
        "/flows/{flow}/executions/{id}",
        "/flows/{flow}/executions/{id}/nodes",
    ],
)
def test_every_read_fails_overdue_executions(launch, late, reader, flow, path):
    execution = launch()
    late(execution)

    answer = reader.get(path.format(flow=flow.pk, id=execution["id"]))

    assert answer.status_code == 200
    assert Execution.objects.get().error_code == "EXECUTION_ABANDONED"
    if "status=failed" in path:
        assert answer.json()["total"] == 1


def test_a_replayed_launch_shows_that_the_first_was_abandoned(launch, late):
    headers = {"Idempotency_Key": "attempt-1"}
    first = launch(headers=headers)
    late(first)

    again = launch(headers=headers)

    assert again["id"] == first["id"]
    assert again["error_code"] == "EXECUTION_ABANDONED"


def test_a_result_that_comes_after_the_end_is_refused(launch, late, reader, publish):
    execution = launch()
    late(execution)
    read(reader, execution)

    answer = publish(execution)

    assert error_of(answer, 409)["metadata"] == {"status": "failed"}


def test_a_late_result_within_the_grace_period_is_accepted(launch, late, publish):
    execution = launch()
    late(execution)

    assert publish(execution).json()["execution"]["status"] == "completed"


def test_a_job_that_no_runner_claims_fails(waiting, late, reader, runner):
    late(waiting)
    shown = read(reader, waiting)

    assert (shown["status"], shown["error_code"]) == ("failed", "QUEUE_TIMEOUT")
    assert RunnerJob.objects.get().finished_at
    assert runner.next().status_code == 204


def test_a_job_that_a_runner_holds_goes_on(waiting, late, reader, runner):
    job = runner.claim()
    late(waiting)

    assert read(reader, waiting)["status"] == "running"
    assert runner.complete(job).status_code == 204
    assert read(reader, waiting)["status"] == "completed"


def test_a_job_whose_runner_fell_silent_fails_when_it_is_lost_for_good(
    waiting, late, reader, runner, settings
):
    """A heartbeat may be late, and another runner may claim it."""
    runner.claim()
    late(waiting)
    lease = timedelta(seconds=settings.RUNNER_LEASE_SECONDS)

    RunnerJob.objects.update(lease_expires_at=timezone.now() - 4 * lease)
    assert read(reader, waiting)["status"] == "running"
    RunnerJob.objects.update(lease_expires_at=timezone.now() - 5 * lease)
    shown = read(reader, waiting)

    assert (shown["status"], shown["error_code"]) == ("failed", "RUNNER_LOST")
    assert "heartbeats" in shown["error_message"]


def test_a_job_past_its_deadline_is_not_claimed(waiting, late, reader, runner):
    late(waiting)

    assert runner.next().status_code == 204
    assert Execution.objects.get().error_code == "QUEUE_TIMEOUT"


def test_a_job_that_was_claimed_in_time_may_be_claimed_again(
    waiting, late, reader, runner
):
    runner.claim()
    RunnerJob.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    late(waiting)

    assert runner.claim()["execution_id"] == waiting["id"]


def test_prune_fails_overdue_executions(launch, late, flow):
    for _ in range(3):
        late(launch())
    launch()
    out = StringIO()

    call_command("prune", "--json", stdout=out)

    assert json.loads(out.getvalue())["ended_executions"] == 3
    assert Execution.objects.filter(completed_at=None).count() == 1


def test_a_dry_run_of_prune_ends_nothing(launch, late):
    late(launch())

    call_command("prune", "--dry-run", stdout=StringIO())

    assert Execution.objects.get().completed_at is None


def test_another_organization_s_are_left(launch, late, api, mallory, globex):
    execution = launch()
    late(execution)

    api(user=mallory).get("/executions")

    assert Execution.objects.get().completed_at is None


def test_reads_go_on_while_the_database_takes_no_changes(
    launch, late, reader, monkeypatch
):
    execution = launch()
    late(execution)

    def read_only(*args, **options):
        raise OperationalError(
            "cannot execute UPDATE in a read-only transaction"
        ) from ReadOnly()

    class ReadOnly(Exception):
        sqlstate = "25006"

    monkeypatch.setattr(Execution, "expire", read_only)

    assert reader.get(f"/executions/{execution['id']}").status_code == 200


def cancel(client, execution):
    return client.post(f"/executions/{execution['id']}/cancel")


def test_an_execution_is_cancelled_once(launch, reader, publish, flow):
    execution = launch()

    first, second = cancel(reader, execution), cancel(reader, execution)

    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert (first.json()["status"], first.json()["error_code"]) == (
        ("cancelled", "CANCELLED")
    )
    assert publish(execution).status_code == 409
    # A cancellation says nothing about the flow.
    flow.refresh_from_db()
    assert flow.last_run_status == "none"


def test_an_ended_execution_cannot_be_cancelled(launch, publish, reader):
    execution = launch()
    publish(execution)

    answer = cancel(reader, execution)

    assert error_of(answer, 409)["metadata"] == {"status": "completed"}


def test_a_runner_loses_a_cancelled_job(waiting, reader, runner):
    job = runner.claim()
    cancel(reader, waiting)

    (renewal,) = runner.heartbeat(job).json()
    assert renewal["status"] == "rejected"
    assert runner.complete(job).status_code == 409
    assert runner.next().status_code == 204


def test_reading_alone_does_not_cancel(launch, api):
    answer = cancel(api("flows:read"), launch())

    assert answer.status_code == 403


def test_another_organization_s_is_not_there(launch, api, globex, mallory):
    answer = cancel(api(user=mallory), launch())

    assert answer.status_code == 404
    assert Execution.objects.get().completed_at is None


def test_jobs_of_a_deleted_flow_are_cancelled(waiting, api, runner, reader, flow):
    api("flows:delete").delete(f"/flows/{flow.pk}")

    assert not Flow.objects.exists()
    shown = read(reader, waiting)
    assert (shown["status"], shown["error_code"]) == ("cancelled", "FLOW_DELETED")
    assert runner.next().status_code == 204


def test_an_ephemeral_run_of_a_deleted_flow_publishes(launch, publish, api, flow):
    execution = launch()
    api("flows:delete").delete(f"/flows/{flow.pk}")

    assert publish(execution).status_code == 200


def test_no_job_is_launched_for_a_deleted_flow(api, flow):
    gone = Flow.objects.get()
    Flow.objects.all().delete()
    by = Caller(user=None, key=api("flows:execute") and ApiKey.objects.last())

    with pytest.raises(ExecutionConflict, match="just been deleted"):
        Execution.objects.launch(gone, by=by, runner_type="self_hosted")

    assert not RunnerJob.objects.exists()
