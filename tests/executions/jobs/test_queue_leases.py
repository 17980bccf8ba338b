"""`POST /runner/jobs/heartbeat`: which leases are renewed."""

import uuid
from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from echopoint.executions.models import Execution, Runner, RunnerJob
from tests.executions.responses import error_of
from tests.executions.runner_client import RunnerClient


def lease_of(job):
    return RunnerJob.objects.get(pk=job["job_id"]).lease_expires_at


def statuses(response):
    assert response.status_code == 200, response.content
    return [result["status"] for result in response.json()]


def test_a_heartbeat_renews_the_lease(runner, queue):
    queue()
    job = runner.claim()

    response = runner.heartbeat(job)

    (result,) = response.json()
    assert (result["job_id"], result["status"]) == (job["job_id"], "renewed")
    assert result["lease_expires_at"] > job["lease_expires_at"]
    assert lease_of(job) == datetime.fromisoformat(result["lease_expires_at"])


def test_answers_come_bare_and_in_the_order_of_the_question(runner, queue):
    queue(), queue()
    first, second, unknown = (
        runner.claim(),
        runner.claim(),
        {"job_id": str(uuid.uuid4())},
    )

    response = runner.heartbeat(second, unknown, first)

    assert [r["job_id"] for r in response.json()] == [
        second["job_id"],
        unknown["job_id"],
        first["job_id"],
    ]
    assert statuses(response) == ["renewed", "rejected", "renewed"]
    assert response.json()[1]["lease_expires_at"] is None


def test_a_job_that_another_runner_claimed_since_is_rejected(
    runner, other_runner, queue, lapse
):
    queue()
    job = runner.claim()
    lapse(job)
    other_runner.claim()
    lease = lease_of(job)

    assert statuses(runner.heartbeat(job)) == ["rejected"]
    assert lease_of(job) == lease
    assert statuses(other_runner.heartbeat(job)) == ["renewed"]


def test_an_expired_lease_is_renewed_if_no_runner_claimed_the_job(
    runner, other_runner, queue, lapse
):
    queue()
    job = runner.claim()
    lapse(job)

    assert statuses(runner.heartbeat(job)) == ["renewed"]
    assert other_runner.next().status_code == 204


def test_a_job_that_has_ended_is_rejected(runner, queue):
    queue()
    job = runner.claim()
    runner.complete(job)

    assert statuses(runner.heartbeat(job)) == ["rejected"]


def test_an_unclaimed_job_is_rejected(runner, queue):
    queue()
    job = {"job_id": str(RunnerJob.objects.get().pk)}

    assert statuses(runner.heartbeat(job)) == ["rejected"]
    assert RunnerJob.objects.get().lease_expires_at is None


def test_a_job_of_an_earlier_start_of_the_runner_is_rejected(runner, queue):
    queue()
    job = runner.claim()
    started_anew = RunnerClient(runner.api)

    assert statuses(started_anew.heartbeat(job)) == ["rejected"]
    assert statuses(runner.heartbeat(job)) == ["renewed"]


def test_another_tenants_job_is_rejected_for_the_same_runner_id(
    api, runner, queue, globex
):
    queue()
    job = runner.claim()
    foreign = RunnerClient(api("runner:claim", organization=globex))
    foreign.identity = runner.identity

    assert statuses(foreign.heartbeat(job)) == ["rejected"]
    assert statuses(runner.heartbeat(job)) == ["renewed"]


def test_a_heartbeat_updates_the_runner(runner, queue):
    queue()
    job = runner.claim()

    runner.heartbeat(job, max_parallel_flows=9, runner_version="1.4.2")

    known = Runner.objects.get()
    assert (known.max_parallel_flows, known.version) == (9, "1.4.2")
    assert Execution.objects.get().executor_version == "1.4.2"


def test_a_heartbeat_without_a_version_does_not_change_the_stored_one(runner, queue):
    queue()
    job = runner.claim()
    runner.heartbeat(job, runner_version="1.4.2")

    runner.heartbeat(job)

    assert Runner.objects.get().version == "1.4.2"
    assert Execution.objects.get().executor_version == "1.4.2"


def test_a_heartbeat_without_jobs_records_the_runner(runner):
    assert runner.heartbeat().json() == []
    assert Runner.objects.get().runner_id == "runner-1"


def test_many_jobs_take_as_many_queries_as_one(runner, queue):
    jobs = []
    for _ in range(6):
        queue()
        jobs.append(runner.claim())
    with CaptureQueriesContext(connection) as one:
        runner.heartbeat(jobs[0])

    with CaptureQueriesContext(connection) as many:
        runner.heartbeat(*jobs)

    assert len(many) == len(one)


JOB = str(uuid.uuid4())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"job_ids": [JOB, JOB.upper()]}, "job_ids"),
        ({"job_ids": [str(uuid.uuid4()) for _ in range(101)]}, "job_ids"),
        ({"job_ids": [5]}, "job_ids[0]"),
        ({"job_ids": JOB}, "job_ids"),
        ({"runner_version": "v" * 65}, "runner_version"),
        ({"max_parallel_flows": 0}, "max_parallel_flows"),
    ],
)
def test_an_invalid_heartbeat_is_refused(runner, change, field):
    response = runner.heartbeat(**change)

    assert error_of(response, 400)["field"] == field
    assert not Runner.objects.exists()


def test_a_hundred_jobs_can_be_named(runner):
    ids = [str(uuid.uuid4()) for _ in range(100)]

    assert statuses(runner.heartbeat(job_ids=ids)) == ["rejected"] * 100
