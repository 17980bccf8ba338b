"""Refused requests of known keys, counted and bounded."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction

from apikeys.actors import Actor
from apikeys.models import Refusal
from apikeys.models.refusal import Tally

NOW = datetime(2026, 6, 1, 12, 0, 30, tzinfo=UTC)
MINUTE = NOW.replace(second=0)
SECOND = timedelta(seconds=1)


@pytest.fixture
def key(issue):
    return issue()[0]


def rows():
    return list(Refusal.objects.order_by("pk").values_list("reason", "minute", "count"))


def test_the_first_count_is_due_at_once():
    assert Tally().add("a", "192.0.2.1", NOW) == {"a": (1, "192.0.2.1")}


def test_counts_wait_for_five_seconds_after_a_write():
    tally = Tally()
    tally.add("a", None, NOW)

    assert tally.add("a", "192.0.2.1", NOW + 4.999 * SECOND) == {}
    due = tally.add("b", None, NOW + 5 * SECOND)
    assert due == {"a": (1, "192.0.2.1"), "b": (1, None)}
    assert tally.add("c", None, NOW + 6 * SECOND) == {}


def test_the_last_address_that_is_known_stays():
    tally = Tally()
    tally.add("a", None, NOW)
    for ip in ("192.0.2.1", "192.0.2.2", None):
        tally.add("a", ip, NOW + SECOND)

    assert tally.drain() == {"a": (3, "192.0.2.2")}


def test_what_was_taken_is_not_counted_twice():
    tally = Tally()
    tally.add("a", None, NOW)
    tally.add("a", None, NOW + SECOND)

    assert tally.drain() == {"a": (1, None)}
    assert tally.drain() == {}


def test_a_refusal_is_a_row_at_once(key):
    Refusal.objects.record(key, "API_KEY_REVOKED", ip="192.0.2.1", at=NOW)

    row = Refusal.objects.get()
    assert (row.key, row.reason, row.minute) == (key, "API_KEY_REVOKED", MINUTE)
    assert (row.count, row.last_ip) == (1, "192.0.2.1")


def test_a_flood_is_one_row_of_a_minute(key, django_assert_num_queries):
    Refusal.objects.record(key, "API_KEY_REVOKED", at=NOW)

    with django_assert_num_queries(0):
        for _ in range(1000):
            Refusal.objects.record(key, "API_KEY_REVOKED", at=NOW + SECOND)
    with django_assert_num_queries(1):
        Refusal.objects.flush()

    assert rows() == [("API_KEY_REVOKED", MINUTE, 1001)]


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
    Refusal.objects.flush()

    assert sorted(row[1:] for row in rows()) == [
        (MINUTE, 1),
        (MINUTE, 1),
        (MINUTE, 2),
        (MINUTE + 60 * SECOND, 1),
    ]
    assert one.refusals.count() == 3


def test_a_minute_keeps_the_last_address_it_knows(key):
    for ip in ("192.0.2.1", "192.0.2.2", None):
        Refusal.objects.record(key, "API_KEY_REVOKED", ip=ip, at=NOW)
        Refusal.objects.flush()

    assert Refusal.objects.get().last_ip == "192.0.2.2"


def test_a_flood_from_many_addresses_is_still_one_write(key, django_assert_num_queries):
    Refusal.objects.record(key, "API_KEY_REVOKED", ip="192.0.2.1", at=NOW)
    for n in range(200):
        Refusal.objects.record(key, "API_KEY_REVOKED", ip=f"192.0.2.{n}", at=NOW)

    with django_assert_num_queries(1):
        Refusal.objects.flush()


@pytest.mark.parametrize("verb", ["UPDATE", "INSERT"])
def test_counts_that_cannot_be_written_are_logged_and_refuse_nothing(key, caplog, verb):
    def fail(execute, sql, params, many, context):
        if sql.startswith(verb):
            raise OperationalError("the disk is full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail), transaction.atomic():
        Refusal.objects.record(key, "API_KEY_REVOKED", at=NOW)

    assert "Could not count 1 refused requests" in caplog.text
    assert not Refusal.objects.exists()


def test_a_row_made_by_another_process_in_between_is_added_to(key):
    made = []

    def make_first(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith("UPDATE") and not made:
            made.append(True)
            Refusal.objects.create(
                key=key, reason="API_KEY_REVOKED", minute=MINUTE, count=2
            )
        return result

    with connection.execute_wrapper(make_first):
        Refusal.objects.record(key, "API_KEY_REVOKED", at=NOW)

    assert rows() == [("API_KEY_REVOKED", MINUTE, 3)]


@pytest.mark.parametrize("path", ["/permissions", "/flows"])
def test_a_request_with_a_revoked_key_is_counted(api, issue, acme, path):
    key, secret = issue("flows:read")
    client = api(secret=secret, organization=acme)
    client.get(path)
    assert not Refusal.objects.exists()
    key.revoke(by=Actor.command("test"))

    client.get(path)

    assert [(row.key, row.reason) for row in Refusal.objects.all()] == [
        (key, "API_KEY_REVOKED")
    ]
    assert Refusal.objects.get().last_ip == "127.0.0.1"


def test_a_request_without_the_scope_is_counted(api):
    client = api("webhooks:read")

    client.get("/flows")

    assert Refusal.objects.get().reason == "MISSING_REQUIRED_SCOPES"


@pytest.mark.parametrize(
    ("header", "reason"),
    [("", "ORGANIZATION_REQUIRED"), ("org_x", "ORGANIZATION_MISMATCH")],
)
def test_a_request_for_another_organization_is_counted(api, header, reason):
    api("flows:read").get("/permissions", X_Organization_Id=header)

    assert Refusal.objects.get().reason == reason


def test_an_unknown_key_is_not_a_row(api, acme):
    api(secret="epk_live_x", organization=acme).get("/permissions")

    assert not Refusal.objects.exists()


def test_a_key_that_tries_to_manage_keys_is_counted(api):
    response = api("flows:read").post("/api-keys", {"name": "CI"})

    assert response.status_code == 403
    assert Refusal.objects.get().reason == "FORBIDDEN"
