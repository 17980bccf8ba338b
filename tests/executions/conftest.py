"""Fixtures: flows, launches, completions and runners."""

from datetime import timedelta

import pytest
from django.utils import timezone

from echopoint.executions.models import RunnerJob
from echopoint.flows.models import Flow
from tests.executions.definitions import definition, node
from tests.executions.runner_client import PIPELINE_SCOPES, RunnerClient, completion


@pytest.fixture
def make_flow(acme):
    """Return a function that creates a flow, by default with one request node."""

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
    """Return a function: `variables("/organization/variables", A="1", SECRET_B="2")`.

    Variables whose key begins with SECRET are secrets.
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
    """Return an API client with the scopes of a pipeline."""
    return api(*PIPELINE_SCOPES)


@pytest.fixture
def launch(ci, flow):
    """Return a function that launches a flow and returns the execution."""

    def launch(client=ci, of=flow, headers=None, **body):
        body = {"runner_type": "ephemeral"} | body
        response = client.post(f"/flows/{of.pk}/launch", body, **headers or {})
        assert response.status_code == 202, response.content
        return response.json()["execution"]

    return launch


@pytest.fixture
def publish(ci):
    """Return a function that publishes a completion and returns the response."""

    def publish(execution, client=ci, **changes):
        path = f"/runner/ephemeral/executions/{execution['id']}/complete"
        return client.post(path, completion(**changes))

    return publish


@pytest.fixture
def runner_api(api):
    """Return an API client with the scopes of a runner."""
    return api("runner:claim", "runner:complete")


@pytest.fixture
def runner(runner_api):
    return RunnerClient(runner_api)


@pytest.fixture
def other_runner(runner_api):
    return RunnerClient(runner_api, "runner-2")


@pytest.fixture
def queue(launch):
    """Return a function that launches a flow for self-hosted runners."""
    return lambda **options: launch(runner_type="self_hosted", **options)


@pytest.fixture
def lapse():
    """Return a function that expires the lease of a job."""

    def lapse(job):
        past = timezone.now() - timedelta(milliseconds=1)
        assert (
            RunnerJob.objects.filter(pk=job["job_id"]).update(lease_expires_at=past)
            == 1
        )

    return lapse
