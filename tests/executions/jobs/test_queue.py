"""`POST /runner/jobs/next`: which runner gets which job."""

import json
import uuid
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from echopoint.executions.jobs.queue import MAX_ATTEMPTS
from echopoint.executions.models import Execution, Runner, RunnerJob
from echopoint.executions.models.runner import RETENTION
from tests.executions.definitions import node
from tests.executions.responses import error_of
from tests.executions.runner_client import RunnerClient


def test_a_claimed_job_contains_the_flow_and_its_inputs(runner, queue, flow):
    execution = queue()

    response = runner.next()

    assert response.status_code == 200
    job = RunnerJob.objects.get()
    assert response.json() == {
        "job_id": str(job.pk),
        "execution_id": execution["id"],
        "flow_id": str(flow.pk),
        "lease_expires_at": job.lease_expires_at.isoformat().replace("+00:00", "Z"),
        "flow_definition": flow.flow_definition,
        "inputs": {},
        "secret_input_keys": [],
        "referenced_flows": {},
    }
    assert response["Cache-Control"] == "no-store"


def test_the_lease_lasts_as_long_as_the_setting_says(runner, queue, settings):
    settings.RUNNER_LEASE_SECONDS = 7
    queue()

    job = runner.claim()

    left = datetime.fromisoformat(job["lease_expires_at"]) - timezone.now()
    assert timedelta(seconds=5) < left <= timedelta(seconds=7)


def test_a_claimed_execution_runs_and_names_its_runner(runner, queue):
    queue()

    runner.claim()

    execution = Execution.objects.get()
    assert execution.status == "running"
    assert execution.executed_by == "runner-1"
    assert str(execution.executor_boot_id) == runner.identity["boot_id"]
    assert execution.execution_started_at is None
    job = execution.job
    assert (job.attempts, job.claimed_by_key.scopes) == (
        1,
        ["runner:claim", "runner:complete"],
    )


def test_the_runner_gets_the_secrets(runner, queue, variables, make_flow):
    login = make_flow(node("login"))
    variables("/organization/variables", SECRET_A="canary-a", A="plain")
    variables(f"/flows/{login.pk}/variables", SECRET_B="canary-b")
    call = node("call", type="module", data={"flow_id": str(login.pk)})
    queue(of=make_flow(call))

    job = runner.claim()

    assert job["inputs"] == {"A": "plain", "SECRET_A": "canary-a"}
    assert job["secret_input_keys"] == ["SECRET_A"]
    overrides = job["referenced_flows"][str(login.pk)]["input_overrides"]
    assert overrides == {"SECRET_B": "canary-b"}


def test_without_a_job_there_is_nothing_and_no_body(runner):
    response = runner.next()

    assert (response.status_code, response.content) == (204, b"")


def test_a_launch_that_is_not_for_runners_is_no_job(runner, launch):
    launch()

    assert runner.next().status_code == 204


def test_the_job_that_has_waited_longest_comes_first(runner, queue):
    waiting = [queue()["id"] for _ in range(3)]

    assert [runner.claim()["execution_id"] for _ in range(3)] == waiting


def test_a_held_job_is_not_claimed_again(runner, other_runner, queue):
    queue()
    runner.claim()

    assert other_runner.next().status_code == 204
    assert runner.next().status_code == 204


def test_a_job_with_an_expired_lease_can_be_claimed(runner, other_runner, queue, lapse):
    execution = queue()
    first = runner.claim()
    lapse(first)

    second = other_runner.claim()

    assert second["job_id"] == first["job_id"]
    assert second["lease_expires_at"] > first["lease_expires_at"]
    now = Execution.objects.get(pk=execution["id"])
    assert now.executed_by == "runner-2"
    assert now.job.attempts == 2


def test_a_lease_ends_exactly_at_its_expiry(runner, queue):
    queue()
    job = RunnerJob.objects.get(pk=runner.claim()["job_id"])
    ends_at, just_before = job.lease_expires_at, timedelta(microseconds=1)
    jobs = RunnerJob.objects.all()

    assert not jobs.claimable(ends_at - just_before).exists()
    assert jobs.claimed(ends_at - just_before).exists()
    assert jobs.claimable(ends_at).exists()
    assert not jobs.claimed(ends_at).exists()


def test_a_completed_job_is_not_claimable(runner, queue, lapse):
    queue()
    job = runner.claim()
    assert runner.complete(job).status_code == 204
    lapse(job)

    assert runner.next().status_code == 204


def test_a_cancelled_execution_leaves_the_queue(runner, queue):
    queue(), queue()
    Execution.objects.filter(
        pk=RunnerJob.objects.earliest("queued_at").execution_id
    ).update(status="cancelled", completed_at=timezone.now())

    job = runner.claim()

    assert (
        RunnerJob.objects.exclude(finished_at=None).get().execution.status
        == "cancelled"
    )
    assert job["execution_id"] == str(Execution.objects.get(status="running").pk)


class TestCapacity:
    def test_a_runner_at_its_capacity_gets_no_job(self, runner_api, queue):
        queue(), queue()
        busy = RunnerClient(runner_api, max_parallel_flows=1)
        first = busy.claim()

        assert busy.next().status_code == 204

        busy.complete(first)
        assert busy.next().status_code == 200

    def test_a_lost_job_does_not_count(self, runner_api, queue, lapse):
        queue(), queue()
        busy = RunnerClient(runner_api, max_parallel_flows=1)
        lapse(busy.claim())

        assert busy.next().status_code == 200

    def test_another_process_of_the_runner_has_its_own_capacity(
        self, runner_api, queue
    ):
        queue(), queue()
        RunnerClient(runner_api, max_parallel_flows=1).claim()

        again = RunnerClient(runner_api, max_parallel_flows=1).claim()

        assert RunnerJob.objects.get(pk=again["job_id"]).attempts == 1


class TestLostRunners:
    @pytest.fixture
    def lost(self, runner, queue, lapse, variables):
        """Return a job without attempts left; another one is queued behind it."""
        variables("/organization/variables", SECRET_A="canary")
        queue(), queue()
        job = RunnerJob.objects.earliest("queued_at")
        for _ in range(MAX_ATTEMPTS):
            assert runner.claim()["job_id"] == str(job.pk)
            lapse({"job_id": job.pk})
        return job

    def test_an_execution_whose_runners_are_all_lost_fails(self, runner, lost):
        next_job = runner.claim()

        assert next_job["job_id"] != str(lost.pk)
        execution = Execution.objects.get(job=lost)
        assert (execution.status, execution.error_code) == ("failed", "RUNNER_LOST")
        assert f"{MAX_ATTEMPTS} times" in execution.error_message
        assert execution.sealed_inputs is None
        assert execution.completed_by_key is None
        assert execution.flow.last_run_status == "failed"
        assert RunnerJob.objects.get(pk=lost.pk).finished_at

    def test_the_last_attempt_may_still_end_it(self, runner, lost):
        job = {"job_id": lost.pk}

        assert runner.complete(job).status_code == 204
        assert Execution.objects.get(job=lost).status == "completed"

    def test_a_completion_after_the_job_failed_as_lost_is_a_conflict(
        self, runner, lost
    ):
        runner.claim()

        response = runner.complete({"job_id": lost.pk})

        assert "has already failed" in error_of(response, 409)["message"]


class TestTenants:
    @pytest.fixture
    def foreign(self, api, globex):
        return RunnerClient(api("runner:claim", "runner:complete", organization=globex))

    def test_another_tenants_job_is_not_claimed(self, foreign, runner, queue):
        queue()

        assert foreign.next().status_code == 204
        assert runner.next().status_code == 200

    def test_another_tenants_runner_of_the_same_name_takes_no_room(
        self, foreign, runner, queue
    ):
        queue()
        foreign.identity = runner.identity
        foreign.next()
        runner.capacity = {"max_parallel_flows": 1}

        assert runner.next().status_code == 200
        assert Runner.objects.count() == 2


class TestTheHeader:
    def test_the_organization_may_be_left_out(self, runner, queue):
        queue()
        body = runner.identity | runner.capacity

        response = runner.api.post("/runner/jobs/next", body, X_Organization_Id=None)

        assert response.status_code == 200

    def test_one_that_is_not_the_keys_is_refused(self, runner, queue, globex):
        queue()
        body = runner.identity | runner.capacity

        response = runner.api.post(
            "/runner/jobs/next", body, X_Organization_Id=globex.pk
        )

        assert error_of(response, 403)["code"] == "ORGANIZATION_MISMATCH"
        assert RunnerJob.objects.get().boot_id is None

    def test_a_person_gets_an_error_that_asks_for_a_key(self, api, alice):
        response = api(user=alice).post("/runner/jobs/next", {})

        assert "API key" in error_of(response, 401)["message"]


BODY = {"runner_id": "r", "boot_id": str(uuid.uuid4()), "max_parallel_flows": 1}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"runner_id": ""}, "runner_id"),
        ({"runner_id": 5}, "runner_id"),
        ({"runner_id": "r" * 256}, "runner_id"),
        ({"boot_id": "boot"}, "boot_id"),
        ({"boot_id": 5}, "boot_id"),
        ({"max_parallel_flows": 0}, "max_parallel_flows"),
        ({"max_parallel_flows": True}, "max_parallel_flows"),
        ({"max_parallel_flows": 2**31}, "max_parallel_flows"),
    ],
)
def test_an_invalid_claim_is_refused(runner_api, queue, change, field):
    queue()

    response = runner_api.post("/runner/jobs/next", BODY | change)

    assert error_of(response, 400)["field"] == field
    assert RunnerJob.objects.get().boot_id is None
    assert runner_api.post("/runner/jobs/next", BODY).status_code == 200


@pytest.mark.parametrize("missing", BODY)
def test_a_claim_with_a_missing_field_is_refused(runner_api, missing):
    body = {name: value for name, value in BODY.items() if name != missing}

    response = runner_api.post("/runner/jobs/next", body)

    assert error_of(response, 400)["field"] == missing


def test_the_longest_name_of_a_runner_is_taken(runner_api):
    body = BODY | {"runner_id": "r" * 255}

    assert runner_api.post("/runner/jobs/next", body).status_code == 204


def test_a_runner_has_one_row(runner):
    runner.next(max_parallel_flows=2)
    runner.next(max_parallel_flows=3)

    known = Runner.objects.get()
    assert (known.runner_id, known.max_parallel_flows) == ("runner-1", 3)


def test_a_new_runner_deletes_stale_runners_of_its_own_organization(
    runner, other_runner, acme, globex
):
    runner.next()
    long_gone = timezone.now() - RETENTION
    Runner.objects.update(last_seen_at=long_gone)
    Runner.objects.create(
        organization=globex,
        runner_id="theirs",
        boot_id=uuid.uuid4(),
        max_parallel_flows=1,
        last_seen_at=long_gone,
    )

    other_runner.next()

    names = Runner.objects.values_list("runner_id", flat=True)
    assert set(names) == {"runner-2", "theirs"}


def test_a_claim_takes_few_queries_for_any_length_of_the_queue(
    runner, queue, django_assert_max_num_queries
):
    runner.next()
    for _ in range(5):
        queue()

    with django_assert_max_num_queries(20):
        runner.claim()


def test_no_secret_is_stored_in_clear_by_a_claim(runner, queue, variables):
    variables("/organization/variables", SECRET_A="canary")
    queue()

    runner.claim()

    rows = [*RunnerJob.objects.values(), *Execution.objects.values()]
    assert "canary" not in json.dumps(rows, default=str)
