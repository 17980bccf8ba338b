"""Refused requests of known keys, counted and bounded."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.models import ApiKey, AuditEvent, KeyUsage, Refusal

NOW = datetime.now(UTC).replace(second=30, microsecond=0) - timedelta(days=1)
MINUTE = NOW.replace(second=0)
SECOND = timedelta(seconds=1)


@pytest.fixture
def key(issue):
    return issue()[0]


def rows():
    write_buffers.flush()
    return list(Refusal.objects.order_by("pk").values_list("reason", "minute", "count"))


def reasons():
    return [reason for reason, _, _ in rows()]


def test_a_flood_is_one_row_of_a_minute(key, django_assert_num_queries, statements):
    with django_assert_num_queries(0):
        for n in range(1000):
            Refusal.objects.record(
                key, "API_KEY_REVOKED", ip=f"192.0.2.{n % 250}", at=NOW
            )
    with statements() as written:
        Refusal.objects.write_pending()

    assert [sql.split()[0] for sql in written] == ["INSERT"]
    assert rows() == [("API_KEY_REVOKED", MINUTE, 1000)]


def test_each_key_reason_and_minute_has_its_row(issue):
    (one, _), (other, _) = issue(), issue()

    for key, reason, at in [
        (one, "API_KEY_REVOKED", NOW),
        (one, "API_KEY_REVOKED", NOW + 29 * SECOND),
        (one, "API_KEY_REVOKED", NOW + 30 * SECOND),
        (one, "ORGANIZATION_MISMATCH", NOW),
        (other, "API_KEY_REVOKED", NOW),
    ]:
        Refusal.objects.record(key, reason, at=at)

    assert sorted(row[1:] for row in rows()) == [
        (MINUTE, 1),
        (MINUTE, 1),
        (MINUTE, 2),
        (MINUTE + 60 * SECOND, 1),
    ]
    assert one.refusals.count() == 3


def test_a_row_keeps_the_last_address_it_knows(key):
    for ip in ("192.0.2.1", "192.0.2.2", None):
        Refusal.objects.record(key, "API_KEY_REVOKED", ip=ip, at=NOW)
        Refusal.objects.flush()

    assert Refusal.objects.get().last_ip == "192.0.2.2"


@pytest.mark.parametrize("path", ["/permissions", "/flows"])
def test_a_request_with_a_revoked_key_is_counted(api, issue, acme, path):
    key, secret = issue("flows:read")
    client = api(secret=secret, organization=acme)
    client.get(path)
    assert reasons() == []
    key.revoke(by=Actor.command("test"))

    client.get(path)

    assert reasons() == ["API_KEY_REVOKED"]
    refusal = Refusal.objects.get()
    assert (refusal.key, refusal.last_ip) == (key, "127.0.0.1")


def test_a_request_without_the_scope_is_counted(api):
    api("webhooks:read").get("/flows")

    assert reasons() == ["MISSING_REQUIRED_SCOPES"]
    usage = KeyUsage.objects.get()
    assert (usage.scope, usage.allowed, usage.refused) == ("flows:read", 0, 1)


@pytest.mark.parametrize(
    ("header", "reason"),
    [("", "ORGANIZATION_REQUIRED"), ("org_x", "ORGANIZATION_MISMATCH")],
)
def test_a_request_for_another_organization_is_counted(api, header, reason):
    api("flows:read").get("/permissions", X_Organization_Id=header)

    assert reasons() == [reason]


def test_an_unknown_key_is_not_a_row(api, acme):
    api(secret="epk_live_x", organization=acme).get("/permissions")

    assert rows() == []


def test_a_key_that_tries_to_manage_keys_is_counted(api):
    response = api("flows:read").post("/api-keys", {"name": "CI"})

    assert response.status_code == 403
    assert reasons() == ["FORBIDDEN"]


def test_the_first_use_of_a_retired_key_is_an_event_and_later_ones_are_counted(
    api, issue, acme
):
    key, secret = issue("flows:read")
    ApiKey.objects.filter(pk=key.pk).update(retire_at=timezone.now())
    client = api(secret=secret, organization=acme)

    for _ in range(3):
        client.get("/flows")

    event = AuditEvent.objects.get(action="api_key.retired_used")
    assert (event.target_id, event.ip) == (key.rest_id, "127.0.0.1")
    assert rows()[0][2] == 3
