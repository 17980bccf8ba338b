"""`GET /runners`: live runners and their jobs."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from echopoint.executions.models import Runner
from echopoint.executions.models.runner import LIVE
from tests.executions.runner_client import RunnerClient


@pytest.fixture
def live(api):
    """Return a reader of the live runners."""
    reader = api("flows:read")

    def live():
        response = reader.get("/runners")
        assert response.status_code == 200, response.content
        assert set(response.json()) == {"items"}
        return response.json()["items"]

    return live


def test_a_live_runner_shows_its_jobs(runner, queue, live):
    queue(), queue()
    job = runner.claim()

    (shown,) = live()

    claimed_at = shown["active_jobs"][0]["claimed_at"]
    assert shown == runner.identity | {
        "max_parallel_flows": 100,
        "active_job_count": 1,
        "active_jobs": [
            {
                "job_id": job["job_id"],
                "execution_id": job["execution_id"],
                "claimed_at": claimed_at,
                "lease_expires_at": job["lease_expires_at"],
            }
        ],
        "last_seen_at": shown["last_seen_at"],
    }


def test_jobs_that_ended_or_were_lost_are_not_shown(runner, queue, live, lapse):
    queue(), queue()
    runner.complete(runner.claim())
    lapse(runner.claim())

    (shown,) = live()

    assert (shown["active_job_count"], shown["active_jobs"]) == (0, [])


def test_jobs_are_shown_with_the_start_of_the_runner_that_has_them(runner, queue, live):
    queue()
    runner.claim()
    started_anew = RunnerClient(runner.api)
    started_anew.next()

    counts = {shown["boot_id"]: shown["active_job_count"] for shown in live()}

    assert counts == {
        runner.identity["boot_id"]: 1,
        started_anew.identity["boot_id"]: 0,
    }


def test_a_runner_is_live_for_a_minute_after_its_last_request(runner, live):
    runner.next()
    heard_at = Runner.objects.get().last_seen_at
    runners = Runner.objects.all()

    assert runners.live(heard_at + LIVE - timedelta(microseconds=1)).exists()
    assert not runners.live(heard_at + LIVE).exists()


def test_a_silent_runner_is_not_listed_until_its_next_request(runner, live):
    runner.next()
    Runner.objects.update(last_seen_at=timezone.now() - LIVE)
    assert live() == []

    runner.heartbeat()

    assert [shown["runner_id"] for shown in live()] == ["runner-1"]


def test_another_tenants_runners_and_jobs_are_not_shown(
    api, runner, queue, live, globex, make_flow, launch
):
    foreign = RunnerClient(api("runner:claim", organization=globex))
    foreign.identity = runner.identity
    launcher = api("flows:execute", organization=globex)
    theirs = make_flow(organization=globex)
    launch(client=launcher, of=theirs, runner_type="self_hosted")
    foreign.claim()
    assert live() == []

    runner.next()

    (shown,) = live()
    assert shown["active_job_count"] == 0


def test_people_can_list_runners(api, bob, runner):
    runner.next()

    (shown,) = api(user=bob).get("/runners").json()["items"]

    assert shown["runner_id"] == "runner-1"


def test_many_runners_take_as_many_queries_as_one(runner_api, queue, live):
    queue(), queue(), queue()
    RunnerClient(runner_api).claim()
    with CaptureQueriesContext(connection) as one:
        live()
    for n in range(2):
        RunnerClient(runner_api, f"more-{n}").claim()

    with CaptureQueriesContext(connection) as many:
        assert len(live()) == 3

    assert len(many) == len(one)
