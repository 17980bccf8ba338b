"""Flows to launch, and what a runner publishes of them."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from echopoint.executions.models import RunnerJob
from echopoint.flows.models import Flow

RUN = ("flows:execute", "runner:complete")


def node(id, **more):
    return {
        "id": id,
        "display_name": id.title(),
        "type": "request",
        "data": {"method": "GET", "url": "{{base_url}}/health"},
    } | more


def definition(*nodes):
    return {"name": "f", "version": "1.0", "nodes": list(nodes), "edges": []}


@pytest.fixture
def make_flow(acme):
    """Return a maker of flows, with one request node unless told otherwise."""

    def make_flow(*nodes, organization=acme, name="Checkout"):
        return Flow.objects.create(
            organization=organization,
            name=name,
            flow_definition=definition(*nodes or [node("pay")]),
        )

    return make_flow


@pytest.fixture
def flow(make_flow):
    return make_flow()


@pytest.fixture
def variables(api, alice):
    """Return a setter of variables: `variables("/organization/variables", A="1", B=None)`.

    Those whose names begin with SECRET are secrets.
    """
    people = api(user=alice)

    def variables(path, **values):
        for key, value in values.items():
            body = {"value": value, "secret": key.startswith("SECRET")}
            response = people.put(f"{path}/{key}", body)
            assert response.status_code == 200, response.content

    return variables


@pytest.fixture
def ci(api):
    """Return a client with the least a pipeline needs."""
    return api(*RUN)


@pytest.fixture
def launch(ci, flow):
    """Return a launcher of ephemeral executions: the execution in the answer."""

    def launch(client=ci, of=flow, headers=None, **body):
        body = {"runner_type": "ephemeral"} | body
        response = client.post(f"/flows/{of.pk}/launch", body, **headers or {})
        assert response.status_code == 202, response.content
        return response.json()["execution"]

    return launch


def completion(**changes):
    """Return the end of a run that passed, with one node."""
    record = {
        "node_id": "pay",
        "display_name": "Pay",
        "node_type": "request",
        "inputs": {},
        "outputs": {"status": 200},
        "executed_at": "2026-01-05T10:00:00.25Z",
        "duration_ms": 120,
        "request_method": "GET",
        "request_url": "https://shop.example/health",
        "request_headers": {},
        "response_status_code": 200,
        "response_headers": {},
        "response_body": "e30=",
        "response_body_parsed": {},
    }
    return {
        "status": "completed",
        "started_at": "2026-01-05T10:00:00Z",
        "completed_at": "2026-01-05T10:00:01Z",
        "duration_ms": 1000,
        "result": {
            "execution_results": {"pay": record},
            "final_outputs": {"pay.status": 200},
            "success": True,
            "duration_ms": 1000,
        },
    } | changes


@pytest.fixture
def publish(ci):
    """Return a publisher of ends: the answer."""

    def publish(execution, client=ci, **changes):
        path = f"/runner/ephemeral/executions/{execution['id']}/complete"
        return client.post(path, completion(**changes))

    return publish


class RunnerClient:
    """A self-hosted runner, by what it says of itself."""

    def __init__(self, api, runner_id="runner-1", **capacity):
        self.api = api
        self.identity = {"runner_id": runner_id, "boot_id": str(uuid.uuid4())}
        self.capacity = {"max_parallel_flows": 100} | capacity

    def next(self, **changes):
        """Return the answer to a claim."""
        body = self.identity | self.capacity | changes
        return self.api.post("/runner/jobs/next", body)

    def claim(self):
        """Return a claimed job, which must be there."""
        response = self.next()
        assert response.status_code == 200, response.content
        return response.json()

    def heartbeat(self, *jobs, **changes):
        """Return the answer to a heartbeat for these jobs."""
        ids = {"job_ids": [job["job_id"] for job in jobs]}
        body = self.identity | self.capacity | ids | changes
        return self.api.post("/runner/jobs/heartbeat", body)

    def tell(self, job, *events):
        """Return the answer to events, each (sequence, type, payload)."""
        names = ("sequence", "type", "payload")
        told = [dict(zip(names, event, strict=True)) for event in events]
        body = self.identity | {"events": told}
        return self.api.post(f"/runner/jobs/{job['job_id']}/events", body)

    def complete(self, job, **changes):
        """Return the answer to the end of a job."""
        body = self.identity | completion(**changes)
        return self.api.post(f"/runner/jobs/{job['job_id']}/complete", body)


@pytest.fixture
def runner_api(api):
    """Return a client with the scopes of a runner."""
    return api("runner:claim", "runner:complete")


@pytest.fixture
def runner(runner_api):
    return RunnerClient(runner_api)


@pytest.fixture
def other_runner(runner_api):
    return RunnerClient(runner_api, "runner-2")


@pytest.fixture
def queue(launch):
    """Return a launcher of executions for self-hosted runners."""
    return lambda **options: launch(runner_type="self_hosted", **options)


@pytest.fixture
def lapse():
    """Return what lets the lease of a job run out now."""

    def lapse(job):
        past = timezone.now() - timedelta(milliseconds=1)
        assert (
            RunnerJob.objects.filter(pk=job["job_id"]).update(lease_expires_at=past)
            == 1
        )

    return lapse
