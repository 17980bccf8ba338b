"""Concurrent claims, completions and heartbeats on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections, transaction

from echopoint.executions.callers import Caller
from echopoint.executions.completion import Completion
from echopoint.executions.jobs.queue import MAX_ATTEMPTS
from echopoint.executions.jobs.serializers import RunnerJobCompletionRequestSerializer
from echopoint.executions.models import Execution, JobEvent, Runner, RunnerJob
from tests.executions.responses import error_of
from tests.executions.runner_client import RunnerClient, completion
from tests.executions.threads import at_once

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("committing")]


@pytest.fixture
def claim_as(runner_api):
    """Return a function that prepares a claim, without HTTP, for a known runner."""

    def claim_as(runner):
        runner.next()
        row = Runner.objects.get(runner_id=runner.identity["runner_id"])
        key = row.organization.api_keys.get(scopes=["runner:claim", "runner:complete"])
        return lambda: RunnerJob.objects.claim(row, key=key)

    return claim_as


@pytest.fixture
def end_as():
    """Return a function that prepares the completion of a job, without HTTP."""

    def end_as(runner, job):
        body = RunnerJobCompletionRequestSerializer(data=runner.identity | completion())
        body.is_valid(raise_exception=True)
        row = RunnerJob.objects.get(pk=job["job_id"])
        return lambda: row.complete(
            Completion.of(body.validated_data),
            holder=body.validated_data["holder"],
            by=Caller(key=row.claimed_by_key),
        )

    return end_as


def test_one_of_eight_runners_gets_the_job(runner_api, queue):
    queue()
    runners = [RunnerClient(runner_api, f"r{n}") for n in range(8)]

    answers = at_once(lambda n: runners[n].next())

    assert sorted(a.status_code for a in answers) == [200] + [204] * 7
    assert RunnerJob.objects.get().attempts == 1


def test_eight_runners_get_eight_jobs(runner_api, queue):
    for _ in range(8):
        queue()
    runners = [RunnerClient(runner_api, f"r{n}") for n in range(8)]

    answers = at_once(lambda n: runners[n].next())

    assert {a.status_code for a in answers} == {200}
    assert len({a.json()["job_id"] for a in answers}) == 8
    attempts = RunnerJob.objects.values_list("attempts", flat=True)
    assert list(attempts) == [1] * 8


def test_concurrent_claims_of_a_runner_stay_within_its_capacity(runner_api, queue):
    for _ in range(8):
        queue()
    runner = RunnerClient(runner_api, max_parallel_flows=3)

    answers = at_once(lambda n: runner.next())

    assert sorted(a.status_code for a in answers) == [200] * 3 + [204] * 5


def test_a_job_that_another_runner_is_claiming_is_skipped(
    runner, other_runner, queue, claim_as
):
    claim = claim_as(runner)
    waiting = [queue()["id"], queue()["id"]]

    def ask():
        try:
            return other_runner.next()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        claim()
        answer = pool.submit(ask).result(10)

    assert answer.json()["execution_id"] == waiting[1]


def test_a_concurrent_claim_of_a_runner_waits_and_finds_it_full(
    meanwhile, runner_api, queue, claim_as
):
    runner = RunnerClient(runner_api, max_parallel_flows=1)
    claim = claim_as(runner)
    queue(), queue()

    answer = meanwhile(claim, runner.next)

    assert answer.status_code == 204
    assert RunnerJob.objects.filter(boot_id=None).count() == 1


def test_a_lost_job_that_ends_concurrently_is_not_claimed_again(
    meanwhile, runner, other_runner, queue, lapse, end_as
):
    queue()
    job = runner.claim()
    lapse(job)

    answer = meanwhile(end_as(runner, job), other_runner.next)

    assert answer.status_code == 204
    assert Execution.objects.get().executed_by == "runner-1"
    assert other_runner.next().status_code == 204


def test_a_job_that_ends_concurrently_does_not_fail_as_lost(
    meanwhile, runner, other_runner, queue, lapse, end_as
):
    queue()
    job = runner.claim()
    RunnerJob.objects.update(attempts=MAX_ATTEMPTS)
    lapse(job)

    answer = meanwhile(end_as(runner, job), other_runner.next)

    assert answer.status_code == 204
    assert Execution.objects.get().status == "completed"


@pytest.fixture
def taken_over(meanwhile, runner, other_runner, queue, lapse, claim_as):
    """Return a function: sends a request while another runner claims the lost job."""
    claim = claim_as(other_runner)
    queue()
    job = runner.claim()
    lapse(job)

    return lambda request: meanwhile(claim, lambda: request(job))


def test_a_completion_waits_for_a_concurrent_claim_and_is_refused(taken_over, runner):
    answer = taken_over(runner.complete)

    assert "has claimed this job" in error_of(answer, 409)["message"]
    execution = Execution.objects.get()
    assert (execution.status, execution.executed_by) == ("running", "runner-2")


def test_a_heartbeat_waits_for_a_concurrent_claim_and_is_rejected(taken_over, runner):
    answer = taken_over(runner.heartbeat)

    assert [result["status"] for result in answer.json()] == ["rejected"]


def test_events_wait_for_a_concurrent_claim_and_are_refused(taken_over, runner):
    answer = taken_over(lambda job: runner.send_events(job, (1, "flow.started", {})))

    assert "has claimed this job" in error_of(answer, 409)["message"]
    assert not JobEvent.objects.exists()


def test_concurrent_heartbeats_do_not_deadlock(runner, queue):
    jobs = []
    for _ in range(6):
        queue()
        jobs.append(runner.claim())

    answers = at_once(lambda n: runner.heartbeat(*(jobs if n % 2 else jobs[::-1])))

    assert {a.status_code for a in answers} == {200}
    assert {r["status"] for a in answers for r in a.json()} == {"renewed"}


def test_concurrent_equal_events_are_stored_once(runner, queue):
    queue()
    job = runner.claim()
    events = [(n, "node.started", {"nodeId": "pay"}) for n in range(1, 11)]

    answers = at_once(lambda n: runner.send_events(job, *events))

    assert {a.json()["last_accepted_sequence"] for a in answers} == {10}
    assert JobEvent.objects.count() == 10


def test_concurrent_equal_results_are_stored_once(runner, queue):
    queue()
    job = runner.claim()

    answers = at_once(lambda n: runner.complete(job))

    assert {a.status_code for a in answers} == {204}
    assert Execution.objects.get().node_results.count() == 1


def test_one_of_several_concurrent_results_is_stored(runner, queue):
    queue()
    job = runner.claim()

    answers = at_once(lambda n: runner.complete(job, duration_ms=n))

    assert sorted(a.status_code for a in answers) == [204] + [409] * 7


def test_eight_concurrent_heartbeats_create_one_runner(runner):
    answers = at_once(lambda n: runner.heartbeat())

    assert {a.status_code for a in answers} == {200}
    assert Runner.objects.count() == 1
