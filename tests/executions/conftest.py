"""Flows to launch, and what a runner publishes of them."""

import pytest

from echopoint.flows.models import Flow
from tests.races import committing, guarded_again, meanwhile  # noqa: F401, fixtures

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
