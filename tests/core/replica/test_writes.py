"""Each request that changes rows keeps the position of the primary, before it is answered."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.db.models import F
from django.urls import reverse

from apikeys.models import AuditEvent
from echopoint.core.replica import servers, writes
from echopoint.executions.models import Execution
from echopoint.flows.models import Flow
from echopoint.organizations.models import User
from echopoint.webhooks.models import Webhook
from tests.api_client import ApiClient
from tests.signing_in import sign_in

FLOW = {"name": "F", "flow_definition": {"name": "F", "version": "1", "nodes": []}}
SCOPES = ("flows:read", "flows:create", "flows:execute")


@pytest.fixture
def used(issue, acme):
    """Return a client with a key whose use was recorded before there was a replica."""
    _, secret = issue(*SCOPES)
    assert ApiClient(acme, secret).get("/permissions").status_code == 200
    return ApiClient(acme, secret)


def test_nothing_is_asked_without_a_replica(monkeypatch, used):
    def fail(*arguments):
        raise AssertionError("There is no replica.")

    monkeypatch.setattr(servers, "read_row", fail)

    assert used.get("/flows").status_code == 200
    assert used.post("/flows", FLOW).status_code == 201


def test_a_change_over_the_api_is_the_organizations(used, replica, acme):
    replica.read_with()
    replica.primary += 10

    assert used.post("/flows", FLOW).status_code == 201

    assert replica.kept() == {acme.pk}
    assert replica.read_with(acme.pk) == "default"


@pytest.mark.parametrize("path", ["/flows", "/executions", "/flows/tags"])
def test_a_read_over_the_api_keeps_nothing(used, replica, path):
    assert used.get(path).status_code == 200

    assert replica.kept() == set()


def test_a_search_keeps_nothing_although_its_method_is_post(used, replica, api, alice):
    assert used.post("/flows/search").status_code == 200
    assert api(user=alice).post("/api-keys/search").status_code == 200

    assert replica.kept() == set()


def test_the_first_use_of_a_key_is_a_change(replica, api, acme):
    client = api(*SCOPES)

    assert client.get("/flows").status_code == 200

    assert AuditEvent.objects.filter(action="api_key.first_used").exists()
    assert replica.kept() == {acme.pk}


def test_a_read_that_ends_an_execution_sees_that(used, replica, acme):
    definition = FLOW["flow_definition"]
    flow = Flow.objects.create(organization=acme, name="F", flow_definition=definition)
    launched = used.post(f"/flows/{flow.pk}/launch", {"runner_type": "ephemeral"})
    assert launched.status_code == 202, launched.content
    Execution.objects.update(deadline_at=F("started_at"))
    replica.redis.clear()

    (item,) = used.get("/executions").json()["items"]

    assert item["status"] == "failed"
    assert replica.kept() == {acme.pk}
    assert not [sql for sql in replica.statements["replica"] if "executions" in sql]


def test_a_change_on_a_page_is_the_organizations(replica, client, alice, acme, issue):
    key, _ = issue()
    sign_in(client, alice)

    client.post(reverse("apikeys:suspend", args=[acme.pk, key.public_id]))

    assert replica.kept() == {acme.pk}


@pytest.mark.parametrize("page", ["apikeys:find", "apikeys:audit_verify"])
def test_a_page_that_only_reads_is_no_change(replica, client, alice, acme, page):
    sign_in(client, alice)

    assert client.post(reverse(page, args=[acme.pk]), {"q": "x"}).status_code == 302

    assert acme.pk not in replica.kept()


def test_a_captured_request_is_a_change_of_the_webhooks_organization(
    replica, client, acme
):
    webhook = Webhook.objects.create(organization=acme, name="W")

    assert client.get(f"/webhook/{webhook.pk}").status_code == 200

    assert replica.kept() == {acme.pk}


def test_signing_in_is_a_change_of_the_person(replica, client, alice):
    values = {"login": alice.email, "password": "correct horse battery"}

    assert client.post("/accounts/login/", values).status_code == 302

    assert replica.kept() == {alice.pk}


def test_a_change_in_the_console_may_concern_everyone(replica, client):
    boss = User.objects.create_superuser("boss@echopoint.example", "a long password")
    sign_in(client, boss)

    answer = client.post(reverse("admin:organizations_organization_add"), {"name": "N"})

    assert answer.status_code in {200, 302}
    assert replica.kept() == {"everyone"}


def test_a_stranger_cannot_fill_redis(replica, client, mallory, globex, acme):
    sign_in(client, mallory)
    for organization in (acme.pk, "org_x"):
        answer = client.post(reverse("apikeys:issue", args=[organization]))
        assert answer.status_code == 404
    client.logout()
    client.post(reverse("apikeys:issue", args=["org_x"]))
    client.post("/flows", FLOW, "application/json", headers={"X-Api-Key": "x"})

    assert replica.kept() <= {mallory.pk}


def test_a_command_may_concern_everyone(replica, acme):
    output = StringIO()
    options = {"organization": acme.pk, "name": "N", "preset": "ci"}

    call_command("issue_api_key", "--json", stdout=output, **options)

    assert replica.kept() == {"everyone"}


def test_a_failure_costs_the_request_nothing_and_is_made_up_for(
    used, replica, acme, monkeypatch
):
    def fail(connection, sql, params):
        raise OperationalError("closed")

    with monkeypatch.context() as broken:
        broken.setattr(servers, "read_row", fail)
        assert used.post("/flows", FLOW).status_code == 201
    assert replica.kept() == set()

    assert used.post("/flows", FLOW | {"name": "G"}).status_code == 201

    assert replica.kept() == {acme.pk, "everyone"}
    assert writes.unkept.settled == writes.unkept.count == 1


def test_a_failure_while_an_earlier_one_is_made_up_for_is_not_lost(replica):
    writes.unkept.add()

    def fail_meanwhile(connection, sql, params):
        writes.unkept.add()
        return False, replica.database, replica.primary

    read_row, servers.read_row = servers.read_row, fail_meanwhile
    writes.unkept.keep()
    servers.read_row = read_row

    assert writes.unkept.settled < writes.unkept.count
