"""Lists, the audit and exports are read from the replica, and from the primary if it fails."""

import json
import re

import pytest
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.models import AuditEvent, NetworkRange
from echopoint.api.operations import operations
from echopoint.collections.models import Collection, Folder, SavedRequest
from echopoint.executions.models import Execution, NodeResult
from echopoint.flows.models import Flow
from echopoint.webhooks.models import CapturedRequest, Webhook
from tests.signing_in import sign_in

# operation: its path, and the tables that only the replica is asked for.
LISTS = {
    "listAPIKeys": ("/api-keys", "apikeys_apikey"),
    "searchAPIKeys": ("/api-keys/search", "apikeys_apikey"),
    "listNetworkRanges": ("/network-ranges", "apikeys_networkrange"),
    "listFlows": ("/flows", "flows_flow flows_flowtag"),
    "searchFlows": ("/flows/search", "flows_flow flows_flowtag"),
    "listFlowTags": ("/flows/tags", "flows_flowtag"),
    "listWebhooks": ("/webhooks", "webhooks_webhook"),
    "searchWebhooks": ("/webhooks/search", "webhooks_webhook"),
    "searchWebhookRequests": (
        "/webhooks/{webhook}/requests/search",
        "webhooks_webhook webhooks_capturedrequest",
    ),
    "listCollections": ("/collections", "collections_collection"),
    "listCollectionFolders": (
        "/collections/{collection}/folders",
        "collections_collection collections_folder",
    ),
    "listCollectionRequests": (
        "/collections/{collection}/requests?folder_id={folder}&include_nested=true",
        "collections_collection collections_folder collections_savedrequest",
    ),
    "listExecutions": ("/executions", ""),
    "listFlowExecutions": ("/flows/{flow}/executions", "flows_flow"),
    "getExecutionNodeResults": (
        "/flows/{flow}/executions/{execution}/nodes",
        "flows_flow executions_noderesult",
    ),
    "getNodeExecutionHistory": (
        "/flows/{flow}/nodes/pay/executions",
        "flows_flow executions_noderesult",
    ),
}
# These read no rows, or change some.
OTHERS = {"listPermissions", "heartbeatRunnerJobs"}


@pytest.fixture
def ids(acme, issue):
    """Return the ids of a row of each kind."""
    key, _ = issue()
    by = Actor.command("test")
    NetworkRange.objects.add(acme, name="Office", networks=["203.0.113.0/24"], by=by)
    definition = {"name": "F", "version": "1", "nodes": []}
    flow = Flow.objects.create(organization=acme, name="F", flow_definition=definition)
    flow.set_tags(["smoke"])
    webhook = Webhook.objects.create(organization=acme, name="W")
    CapturedRequest.objects.create(webhook=webhook, method="GET")
    collection = Collection.objects.create(organization=acme, name="C")
    folder = Folder.objects.create(collection=collection, name="F")
    SavedRequest.objects.create(
        collection=collection,
        folder=folder,
        name="R",
        method="GET",
        url="https://a.test",
    )
    execution = Execution.objects.create(
        organization=acme,
        flow=flow,
        flow_name="F",
        flow_snapshot={},
        trigger_metadata={},
        runner_type="ephemeral",
        launched_by_key=key,
    )
    NodeResult.objects.create(
        execution=execution,
        node_id="pay",
        status="completed",
        node_type="request",
        position=0,
        result={},
    )
    rows = {"flow": flow, "webhook": webhook, "collection": collection}
    rows |= {"folder": folder, "execution": execution}
    return {name: row.pk for name, row in rows.items()}


def tables(statements):
    return {
        name for sql in statements for name in re.findall(r'(?:FROM|JOIN) "(\w+)"', sql)
    }


def test_each_list_of_the_api_is_here():
    listing = {
        operation.operation_id for operation in operations() if operation.declared.many
    }

    assert listing | {"listFlowTags"} == LISTS.keys() | OTHERS


@pytest.fixture
def listed(ids, replica, api, alice):
    """Return a function that calls a list: the JSON of the answer."""
    client = api(user=alice)
    replica.statements["default"].clear()

    def listed(operation):
        path = LISTS[operation][0].format(**ids)
        response = client(
            "POST" if "search" in path else "GET",
            path,
            {} if "search" in path else None,
        )
        assert response.status_code == 200, response.content
        return response.json()

    return listed


@pytest.mark.parametrize("operation", LISTS)
def test_a_list_of_the_api_is_read_from_the_replica(listed, replica, operation):
    body = listed(operation)

    items = body if isinstance(body, list) else body["items"]
    read = tables(replica.statements["replica"])
    expected = set(LISTS[operation][1].split()) or {"executions_execution"}
    assert items
    assert expected <= read
    unread = set(LISTS[operation][1].split())
    assert not unread & tables(replica.statements["default"])


@pytest.mark.parametrize("operation", LISTS)
def test_a_list_whose_replica_fails_is_read_from_the_primary(
    listed, replica, operation
):
    expected = listed(operation)

    for sqlstate in ("40001", None):  # a conflict with recovery; no answer
        with replica.outage(sqlstate, tells_position=True):
            assert listed(operation) == expected


@pytest.fixture
def page(replica, client, alice, acme, issue):
    """Return a function that gets a page of the organization: its text."""
    key, _ = issue(name="Deploy")
    key.suspend(by=Actor.command("test"))
    sign_in(client, alice)
    replica.statements["default"].clear()

    def page(name):
        response = client.get(reverse(name, args=[acme.pk]))
        assert response.status_code == 200
        token = r'name="csrfmiddlewaretoken" value="\w+"'
        return re.sub(token, "", response.content.decode())

    return page


PAGES = {
    "apikeys:list": "apikeys_apikey",
    "apikeys:posture": "apikeys_apikey apikeys_scoperecording apikeys_warningrecording",
    "apikeys:audit": "apikeys_auditevent apikeys_auditchain",
}
# What a page shows of the first key, and of a second one; by default their names.
SHOWN = {"apikeys:posture": ("1 key has no owner", "2 keys have no owner")}
NAMES = ("Deploy", "Later")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_read_from_the_replica(page, replica, name):
    assert SHOWN.get(name, NAMES)[0] in page(name)

    expected = set(PAGES[name].split())
    assert expected <= tables(replica.statements["replica"])
    assert not expected & tables(replica.statements["default"])


@pytest.mark.parametrize("name", PAGES)
def test_a_page_whose_replica_fails_is_read_from_the_primary(page, replica, name):
    expected = page(name)

    for sqlstate in ("40001", None):
        with replica.outage(sqlstate, tells_position=True):
            assert page(name) == expected


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_what_was_written_before_it(
    page, replica, client, acme, issue, name
):
    page(name)
    replica.primary += 10
    key, _ = issue(name="Later")
    address = reverse("apikeys:suspend", args=[acme.pk, key.public_id])
    assert client.post(address).status_code == 302
    replica.statements["replica"].clear()

    assert SHOWN.get(name, NAMES)[1] in page(name)
    assert replica.statements["replica"] == []


@pytest.fixture
def export(page, client, acme):
    """Return a function that exports the audit as a file: its events."""

    def export():
        address = reverse("apikeys:audit_export", args=[acme.pk])
        response = client.post(address, {"format": "ndjson"})
        return [json.loads(line) for line in response.getvalue().splitlines()]

    return export


def test_an_export_is_read_from_the_replica_and_recorded_on_the_primary(
    export, replica, acme
):
    events = export()

    recorded = AuditEvent.objects.for_org(acme).get(action="audit.exported")
    assert recorded.details["events"] == len(events) > 0
    assert recorded.details["head"] == events[-1]["hash"]
    listing = [sql for sql in replica.statements["default"] if "ORDER BY" in sql]
    assert "apikeys_auditevent" not in tables(listing)
    assert replica.kept() == {acme.pk}


def test_an_export_whose_replica_fails_is_read_from_the_primary(export, replica):
    expected = export()

    for sqlstate in ("40001", None):
        with replica.outage(sqlstate, tells_position=True):
            assert export()[: len(expected)] == expected
