"""Quotas of rows and of stored bytes."""

import pytest
from django.core.cache import cache

from echopoint.api.operations import operations
from echopoint.api.quotas import CAPTURED, STORED, QuotaCounted, concrete_models
from echopoint.api.viewsets import OrgScopedViewSet
from echopoint.core import rate_limits
from echopoint.executions.models import Execution, RunnerJob
from echopoint.flows.models import Flow
from echopoint.webhooks.models import Webhook
from tests.executions.definitions import definition, node
from tests.executions.runner_client import RunnerClient, completion
from tests.frozen_time import clock_at

EVERY = [
    *("webhooks:create", "webhooks:delete", "flows:create", "flows:update"),
    *("flows:execute", "flows:read", "collections:create", "collections:update"),
    *("runner:claim", "runner:complete"),
]
BODIES = {
    "/webhooks": ("MAX_WEBHOOKS", "webhooks", {"name": "n"}),
    "/flows": (
        "MAX_FLOWS",
        "flows",
        {"name": "n", "flow_definition": definition(node("pay"))},
    ),
    "/collections": ("MAX_COLLECTIONS", "collections", {"name": "n"}),
}


@pytest.fixture
def call(api):
    return api(*EVERY)


def flow(size=0):
    return {
        "name": "n",
        "flow_definition": definition(node("pay")),
        "metadata": {"text": "x" * size},
    }


def fill(call):
    """Store 900,000 bytes, and forget the sum of before."""
    collection = call.post("/collections", {"name": "n"}).json()["id"]
    saved = {"name": "r", "method": "GET", "url": "https://a.test"}
    body = {"text": "x" * 900_000}
    path = f"/collections/{collection}/requests"
    assert call.post(path, saved | {"body": body}).status_code == 201
    cache.clear()


def test_each_kind_of_row_has_a_limit():
    creating = [o for o in operations() if o.action == "create"]
    limits = {
        operation.path: operation.view.row_limit_setting
        for operation in creating
        if operation.view.create is OrgScopedViewSet.create
    }

    assert limits == {path: setting for path, (setting, _, _) in BODIES.items()}, (
        "Give the viewset a `row_limit_setting`, and its path a body in BODIES above."
    )


@pytest.mark.parametrize("path", BODIES)
def test_an_organization_has_as_many_rows_as_it_may(
    call, api, settings, path, mallory, globex
):
    setting, noun, body = BODIES[path]
    setattr(settings, setting, 2)
    made = [call.post(path, body) for _ in range(2)]

    refused = call.post(path, body)

    assert [one.status_code for one in made] == [201, 201]
    assert refused.status_code == 409
    (error,) = refused.json()["errors"]
    assert error["code"] == "LIMIT_REACHED"
    assert f"has 2 {noun}" in error["message"]
    assert error["metadata"] == {"limit": 2}
    # Another organization's rows are no concern of this one.
    assert api(user=mallory).post(path, body).status_code == 201


def test_deleting_a_row_makes_room(call, settings):
    settings.MAX_WEBHOOKS = 1
    webhook = call.post("/webhooks", {"name": "n"}).json()
    call.delete(f"/webhooks/{webhook['id']}")

    assert call.post("/webhooks", {"name": "n"}).status_code == 201


def test_every_write_of_content_checks_the_quota(call, settings):
    """The sum is of before; each of these would go over the limit by itself."""
    settings.MAX_STORED_MEGABYTES = 1
    made = call.post("/flows", flow()).json()
    collection = call.post("/collections", {"name": "n"}).json()["id"]
    saved = {"name": "r", "method": "GET", "url": "https://a.test"}
    requests = f"/collections/{collection}/requests"
    request = call.post(requests, saved).json()["id"]
    large = {"text": "x" * 900_000}
    fill(call)

    answers = [
        call.post("/flows", flow(200_000)),
        call.put(f"/flows/{made['id']}", {"metadata": large}),
        call.post(requests, saved | {"body": large}),
        call.put(f"{requests}/{request}", {"body": large}),
    ]

    assert [one.status_code for one in answers] == [409] * 4
    codes = {one.json()["errors"][0]["code"] for one in answers}
    assert codes == {"LIMIT_REACHED"}


def test_a_launch_asks_for_room_and_its_end_does_not(call, settings):
    made = call.post("/flows", flow()).json()["id"]
    body = {"runner_type": "ephemeral"}
    execution = call.post(f"/flows/{made}/launch", body).json()["execution"]["id"]
    fill(call)
    fill(call)
    settings.MAX_STORED_MEGABYTES = 1

    refused = call.post(f"/flows/{made}/launch", body)
    ended = call.post(
        f"/runner/ephemeral/executions/{execution}/complete", completion()
    )

    assert refused.status_code == 409
    assert refused.json()["errors"][0]["code"] == "LIMIT_REACHED"
    # What a run found is not thrown away.
    assert ended.status_code == 200
    assert Execution.objects.get().status == "completed"


def test_a_smaller_row_is_taken_where_there_is_no_room(call, settings):
    made = call.post("/flows", flow(900_000)).json()["id"]
    fill(call)
    settings.MAX_STORED_MEGABYTES = 1

    smaller = call.put(f"/flows/{made}", {"metadata": {"text": "x" * 1000}})

    assert smaller.status_code == 200
    assert Flow.objects.get().stored_bytes < 2000


def test_events_of_a_job_count(call, acme):
    made = call.post("/flows", flow()).json()["id"]
    call.post(f"/flows/{made}/launch", {"runner_type": "self_hosted"})
    runner = RunnerClient(call)
    job = runner.claim()
    runner.send_events(job, (1, "flow.started", {"flowName": "x" * 1000}))

    assert 1000 < RunnerJob.objects.get().stored_bytes < 1200
    assert STORED.stored_bytes(acme.pk) > 1000


def test_deleted_rows_leave_the_sum(call, acme):
    webhook = Webhook.objects.create(organization=acme, name="w")
    webhook.requests.create(method="POST", body="x" * 5000)
    before = CAPTURED.stored_bytes(acme.pk)

    webhook.delete()

    assert before > 5000
    assert CAPTURED.stored_bytes(acme.pk) == 0


def test_another_organization_has_bytes_of_its_own(acme, globex):
    webhook = Webhook.objects.create(organization=globex, name="w")
    webhook.requests.create(method="POST", body="x" * 5000)

    assert CAPTURED.stored_bytes(acme.pk) == 0
    assert CAPTURED.stored_bytes(globex.pk) > 5000


@pytest.mark.parametrize(
    "model", list(concrete_models(QuotaCounted)), ids=lambda m: m.__name__
)
def test_a_partial_save_writes_the_size_too(model):
    """`update_fields` with a measured field writes the size too."""
    assert model.measured_fields or model is RunnerJob
    assert {f.name for f in model._meta.concrete_fields} >= set(model.measured_fields)


def test_launches_of_an_organization_have_a_rate(call, api, settings, monkeypatch):
    monkeypatch.setattr(rate_limits, "time", clock_at(43))
    settings.LAUNCHES_PER_MINUTE = 1
    made = call.post("/flows", flow()).json()["id"]
    path, body = f"/flows/{made}/launch", {"runner_type": "ephemeral"}
    call.post(path, body)

    refused = api("flows:execute").post(path, body)

    assert refused.status_code == 429
    assert refused.json()["errors"][0]["code"] == "TOO_MANY_REQUESTS"
    assert refused["Retry-After"] == "17"
    assert '"launches";q=1;w=60' in refused["RateLimit-Policy"]
    assert '"key";q=600;w=60' in refused["RateLimit-Policy"]
    assert Execution.objects.count() == 1
