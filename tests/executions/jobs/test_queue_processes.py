"""Runner processes against a real server."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.gunicorn_site import ROOT, free_port, served

pytestmark = pytest.mark.slow

LEASE, POLL, SLOTS = 3, 6, 2  # seconds, seconds, threads of each process
JOBS = 30


@pytest.fixture(scope="module")
def site(tmp_path_factory, running_site):
    with running_site(
        tmp_path_factory.mktemp("site"),
        RUNNER_LEASE_SECONDS=str(LEASE),
        RUNNER_POLL_SECONDS=str(POLL),
        RUNNER_MAX_WAITING=str(SLOTS),
    ) as site:
        yield site


def client_of(site, secret, timeout=45):
    headers = {"X-Api-Key": secret, "X-Organization-Id": site.demo["organization_id"]}
    return httpx.Client(base_url=site.url, headers=headers, timeout=timeout)


@pytest.fixture
def pipeline(site):
    """Return an HTTP client with the pipeline key of the demo."""
    with client_of(site, site.demo["secret"]) as client:
        yield client


@pytest.fixture
def launch(pipeline):
    """Return a function that launches a flow for self-hosted runners: the execution's id."""
    flow = pipeline.get("/flows").json()["items"][0]["id"]

    def launch():
        answer = pipeline.post(f"/flows/{flow}/launch", json={})
        assert answer.status_code == 202, answer.text
        return answer.json()["execution"]["id"]

    return launch


@pytest.fixture(scope="module")
def issue_key(site):
    """Return a function that issues a runner key: {id, secret, …}."""

    def issue_key(name):
        told = ("--organization", site.demo["organization_id"], "--name", name)
        return site.command("issue_api_key", *told, "--preset", "runner")

    return issue_key


@pytest.fixture(scope="module")
def secret(issue_key):
    return issue_key("runners")["secret"]


def ask(site, secret, name="r", url=None, timeout=45):
    """Claim a job and complete it; return (response of the claim, its seconds)."""
    who = {"runner_id": name, "boot_id": str(uuid.uuid4())}
    jobs = f"{url or site.url}/runner/jobs"
    with client_of(site, secret, timeout) as client:
        began = time.monotonic()
        answer = client.post(f"{jobs}/next", json=who | {"max_parallel_flows": 1})
        seconds = time.monotonic() - began
        if answer.status_code == 200:
            path = f"{jobs}/{answer.json()['job_id']}/complete"
            assert client.post(path, json=who | ENDED).status_code == 204
    return answer, seconds


ENDED = {
    "status": "completed",
    "started_at": "2026-01-05T10:00:00Z",
    "completed_at": "2026-01-05T10:00:01Z",
    "duration_ms": 1000,
}


@pytest.fixture
def asking(site, secret):
    """Return a function that starts a claim in the background and returns its future."""
    with ThreadPoolExecutor(16) as pool:

        def asking(settle=1, **options):
            future = pool.submit(ask, site, **{"secret": secret} | options)
            time.sleep(settle)
            return future

        yield asking


@pytest.fixture
def start_runner(site, secret, tmp_path):
    """Return a function that starts a runner: (process, function that reads its output)."""
    started = []

    def start_runner(name, seconds):
        said = tmp_path / f"{name}.jsonl"
        with said.open("w") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.executions.runner"),
                    *(site.url, name, str(seconds)),
                ],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "RUNNER_KEY": secret},
                stdout=output,
            )
        started.append(process)
        return process, lambda: [
            json.loads(line) for line in said.read_text().splitlines()
        ]

    yield start_runner
    for process in started:
        process.kill()
        process.wait(5)


def until(condition, seconds):
    """Wait for the condition; fail if it is not met in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    pytest.fail("The condition was not met in time.")


def test_a_waiting_runner_gets_a_job_that_is_launched_later(asking, launch):
    waiting = asking()

    execution = launch()
    launched = time.monotonic()
    answer, _ = waiting.result(POLL + 5)

    assert answer.json()["execution_id"] == execution
    assert time.monotonic() - launched < POLL - 2


def test_a_waiting_runner_whose_key_is_revoked_gets_no_job(
    site, asking, issue_key, secret, launch
):
    key = issue_key("leaked")
    waiting = asking(secret=key["secret"])

    site.command("revoke_api_key", key["id"], "--reason", "leaked")
    execution = launch()

    answer, _ = waiting.result(POLL + 5)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "API_KEY_REVOKED"
    answer, _ = ask(site, secret)
    assert answer.json()["execution_id"] == execution


def test_a_disconnected_client_gets_no_job(site, pipeline, secret, asking, launch):
    gone = asking(name="gone", timeout=0.5)
    assert isinstance(gone.exception(5), httpx.ReadTimeout)

    execution = launch()
    time.sleep(1.5)
    runners = pipeline.get("/runners").json()["items"]

    counts = {runner["runner_id"]: runner["active_job_count"] for runner in runners}
    assert counts["gone"] == 0
    answer, _ = ask(site, secret, "there")
    assert answer.json()["execution_id"] == execution


def test_many_polls_get_204_and_those_that_wait_leave_threads_free(pipeline, asking):
    polls = [asking(settle=0.1, name=f"r{n}") for n in range(12)]

    began = time.monotonic()
    for _ in range(8):
        assert pipeline.get("/permissions").status_code == 200

    assert time.monotonic() - began < POLL - 2
    ended = [poll.result(POLL * 2) for poll in polls]
    assert {(a.status_code, a.content) for a, _ in ended} == {(204, b"")}
    waited = [seconds for _, seconds in ended if seconds >= POLL]
    assert 1 <= len(waited) <= 2 * 2 * SLOTS
    assert max(waited) < 2 * POLL


def test_a_stopping_server_ends_waiting_polls(site, pipeline, asking):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with served(site.environment, port) as server:
        # A response shows that the workers are up, and not just the listening socket.
        assert pipeline.get(f"{url}/permissions").status_code == 200
        waiting = asking(url=url)
        began = time.monotonic()
        server.terminate()
        answer, _ = waiting.result(POLL)
        stopped_in = time.monotonic() - began

    assert answer.status_code == 204
    assert stopped_in < POLL - 2


# Last, because a killed runner occupies its slot until the server notices.
def test_each_job_is_completed_once_though_a_runner_is_killed(
    pipeline, launch, start_runner
):
    before = total(pipeline, "completed")
    victim, victim_output = start_runner("victim", 600)
    # Others that start sooner could take every job.
    executions = [launch()]
    (lost,) = until(victim_output, 15)
    others = [start_runner(name, 0.02) for name in ("one", "two")]
    executions += [launch() for _ in range(JOBS - 1)]
    victim.send_signal(signal.SIGKILL)

    until(lambda: total(pipeline, "completed") == before + JOBS, 40)

    said = [line for _, said in others for line in said()]
    assert not [line for line in said if "refused" in line]
    taken = Counter(line["ended"] for line in said if line.get("answer") == 204)
    assert set(taken.values()) == {1}
    assert len(taken) == JOBS
    claimed = {line["execution"] for line in said if "execution" in line}
    assert claimed == set(executions)
    assert victim_output() == [lost]
    assert lost["claimed"] in taken
    assert not [
        total(pipeline, status) for status in NOT_OVER if total(pipeline, status)
    ]


NOT_OVER = ("pending", "running", "failed")


def total(pipeline, status):
    """Count the executions with this status."""
    answer = pipeline.get("/executions", params={"status": status, "limit": 1})
    return answer.json()["total"]
