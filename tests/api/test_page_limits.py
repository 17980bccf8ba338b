"""A page of large rows ends early, and a client that adds up `count` gets all rows."""

import pytest
from django.contrib.admin.utils import quote
from django.db import connection
from django.test.utils import CaptureQueriesContext

from echopoint.api import page_limits
from echopoint.collections.models import Collection, SavedRequest
from echopoint.executions.models import Execution, NodeResult
from echopoint.flows.models import Flow
from echopoint.organizations.models import User
from echopoint.webhooks.models import CapturedRequest, Webhook
from tests.signing_in import sign_in

LARGE = "x" * 4000
BYTES = 10_000
ROWS = 7


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(page_limits, "MAX_PAGE_BYTES", BYTES)


@pytest.fixture
def flow(acme):
    definition = {"name": "f", "version": "1.0", "nodes": [], "edges": []}
    return Flow.objects.create(
        organization=acme, name="Checkout", flow_definition=definition
    )


def flows(acme, flow, n):
    large = flow.flow_definition | {"description": LARGE}
    Flow.objects.create(organization=acme, name=f"F{n}", flow_definition=large)
    Flow.objects.filter(pk=flow.pk).delete()
    return "/flows"


def saved_requests(acme, flow, n):
    collection, _ = Collection.objects.get_or_create(organization=acme, name="C")
    SavedRequest.objects.create(
        collection=collection, name=f"R{n}", method="GET", url="/", body={"raw": LARGE}
    )
    return f"/collections/{collection.pk}/requests"


def executions(acme, flow, n):
    Execution.objects.create(
        organization=acme,
        flow=flow,
        flow_snapshot=flow.flow_definition | {"description": LARGE},
        trigger_metadata={},
    )
    return f"/flows/{flow.pk}/executions"


def failures(acme, flow, n):
    Execution.objects.create(
        organization=acme,
        flow=flow,
        flow_snapshot=flow.flow_definition,
        trigger_metadata={},
        error_message=LARGE,
    )
    return "/executions"


def node_history(acme, flow, n):
    execution = Execution.objects.create(
        organization=acme,
        flow=flow,
        flow_snapshot=flow.flow_definition,
        trigger_metadata={},
    )
    NodeResult.objects.create(
        execution=execution, position=0, node_id="pay", result={"body": LARGE}
    )
    return f"/flows/{flow.pk}/nodes/pay/executions"


MAKERS = [flows, saved_requests, executions, failures, node_history]


@pytest.mark.parametrize("make", MAKERS)
def test_a_page_of_large_rows_ends_early_and_all_come(api, acme, flow, make):
    client = api("flows:read", "collections:read")
    for n in range(ROWS):
        path = make(acme, flow, n)

    seen, pages = [], []
    while len(seen) < ROWS:
        page = client.get(f"{path}?limit=100&offset={len(seen)}").json()
        assert page["total"] == ROWS
        assert page["count"] == len(page["items"]) > 0
        pages.append(page["count"])
        seen += [item["id"] for item in page["items"]]

    assert pages == [2, 2, 2, 1]
    assert len(set(seen)) == ROWS


@pytest.fixture
def webhook(acme):
    return Webhook.objects.create(organization=acme, name="Orders")


@pytest.fixture
def search(api, webhook):
    client = api("webhooks:read")

    def search(**body):
        response = client.post(f"/webhooks/{webhook.pk}/requests/search", body)
        assert response.status_code == 200, response.content
        return response.json()

    return search


def test_a_search_of_large_requests_ends_early_and_all_come(webhook, search):
    rows = [webhook.capture(method="POST", body=LARGE).pk for _ in range(ROWS)]

    seen = []
    while len(seen) < ROWS:
        page = search(pagination={"limit": 100, "offset": len(seen)})
        assert (page["total"], len(page["items"])) == (ROWS, min(2, ROWS - len(seen)))
        seen += [item["id"] for item in page["items"]]

    assert sorted(seen) == sorted(rows)


def test_headers_count_too(webhook, search):
    for _ in range(3):
        webhook.capture(method="POST", headers={"X-Long": LARGE})

    assert search()["count"] == 2


def test_a_row_larger_than_a_page_is_returned_alone(webhook, search):
    for _ in range(2):
        webhook.capture(method="POST", body=LARGE * 10)

    page = search()

    assert (page["count"], page["items"][0]["body"]) == (1, LARGE * 10)


def test_only_bodies_of_the_page_are_read(webhook, search):
    for _ in range(ROWS):
        webhook.capture(method="POST", body=LARGE)

    with CaptureQueriesContext(connection) as queries:
        search(full_text_search="x")

    selected = [q["sql"].split(" FROM ")[0] for q in queries if "request" in q["sql"]]
    reading = [sql for sql in selected if '"webhooks_capturedrequest"."body",' in sql]
    assert len(reading) == 1
    assert "LIMIT 2" in next(
        q["sql"] for q in queries if q["sql"].startswith(reading[0])
    )


@pytest.mark.parametrize(("place", "found"), [(32 * 1024 - 6, 1), (32 * 1024, 0)])
def test_a_text_is_searched_for_where_the_documentation_says(
    webhook, search, place, found
):
    webhook.capture(method="POST", body="x" * place + "needle")

    assert search(full_text_search="NEEDLE")["total"] == found


def test_the_console_lists_without_reading_large_columns(client, webhook, db):
    root = User.objects.create_superuser("root@echopoint.example", "p" * 20)
    sign_in(client, root)
    row = webhook.capture(method="POST", body=LARGE)

    with CaptureQueriesContext(connection) as queries:
        page = client.get("/admin/webhooks/capturedrequest/")

    assert row.pk in page.content.decode()
    assert not [q for q in queries if '"body"' in q["sql"]]
    assert (
        LARGE
        in client.get(f"/admin/webhooks/capturedrequest/{quote(row.pk)}/change/").text
    )


def test_sizes_are_in_bytes(webhook):
    webhook.capture(method="POST", body="é€😀")

    sizes = CapturedRequest.objects.annotate(n=page_limits.ByteLength("body"))

    assert list(sizes.values_list("n", flat=True)) == [9]
