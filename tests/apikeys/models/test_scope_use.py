"""The last recorded use of each scope of a key."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.models import ApiKey, ScopeRecording, ScopeUse
from apikeys.models.scope_use import PRECISION, UNUSED_DAYS

NOW = datetime.now(UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BOTH = ("flows:read", "webhooks:read")


@pytest.fixture
def key(issue):
    return issue(*BOTH)[0]


def began(at):
    ScopeRecording.objects.all().delete()
    ScopeRecording.objects.create(pk=1, began_at=at)


def use(key, scope, *moments):
    for at in moments:
        ScopeUse.objects.record(key, [scope], at)
    write_buffers.flush()


def last_uses(key):
    return dict(key.scope_uses.values_list("scope", "last_used_at"))


def facts(key):
    key.refresh_from_db()
    return ScopeUse.objects.of(key).by_name()


def used_since(key):
    return ApiKey.objects.values_list("scopes_used_since", flat=True).get(pk=key.pk)


def test_an_allowed_request_is_a_use_of_the_scopes_that_it_needs(api, issue, acme):
    key, secret = issue(*BOTH)
    client = api(secret=secret, organization=acme)

    assert client.get("/flows").status_code == 200
    write_buffers.flush()

    assert set(last_uses(key)) == {"flows:read"}
    assert timezone.now() - last_uses(key)["flows:read"] < MINUTE
    assert key.scope_uses.get().organization == acme


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/webhooks"),  # the key lacks its scope
        ("get", "/permissions"),  # needs no scope
        ("get", "/api-keys/self"),  # likewise
        ("get", "/api-keys"),  # accepts no key
    ],
)
def test_a_request_that_is_refused_or_needs_no_scope_is_not_a_use(
    api, issue, acme, method, path
):
    key, secret = issue("flows:read", "flows:create")

    getattr(api(secret=secret, organization=acme), method)(path)
    write_buffers.flush()

    assert last_uses(key) == {}


def test_a_person_uses_no_scope_of_a_key(api, alice):
    api(user=alice).get("/flows")
    write_buffers.flush()

    assert not ScopeUse.objects.exists()


def test_a_request_with_a_key_costs_no_more_statements(api, issue, acme, statements):
    _, secret = issue("flows:read")
    client = api(secret=secret, organization=acme)
    client.get("/flows")
    write_buffers.flush()

    with statements() as executed:
        client.get("/flows")

    assert not [sql for sql in executed if "scopeuse" in sql]
    assert ScopeUse.objects.pending


def test_a_later_use_is_written_once_an_hour(key, statements):
    use(key, "flows:read", NOW)
    with statements() as executed:
        use(key, "flows:read", NOW + PRECISION - MINUTE)
    assert last_uses(key) == {"flows:read": NOW}
    assert [sql.split()[0] for sql in executed] == ["SELECT"]

    use(key, "flows:read", NOW + PRECISION)

    assert last_uses(key) == {"flows:read": NOW + PRECISION}


def test_an_older_use_does_not_overwrite_a_later_one(key):
    use(key, "flows:read", NOW)

    use(key, "flows:read", NOW - 2 * DAY)

    assert last_uses(key) == {"flows:read": NOW}


def test_the_last_use_between_two_flushes_counts(key):
    use(key, "flows:read", NOW, NOW + 2 * DAY, NOW + DAY)

    assert last_uses(key) == {"flows:read": NOW + 2 * DAY}


def test_a_time_in_the_future_is_replaced(key):
    use(key, "flows:read", NOW + 300 * DAY)

    use(key, "flows:read", NOW)

    assert last_uses(key) == {"flows:read": NOW}


def test_a_key_stores_since_when_all_its_scopes_are_used(key):
    assert used_since(key) is None
    use(key, "flows:read", NOW)
    assert used_since(key) is None

    use(key, "webhooks:read", NOW + DAY)
    assert used_since(key) == NOW
    use(key, "flows:read", NOW + 2 * DAY)

    assert used_since(key) == NOW + DAY


def test_rows_written_concurrently_by_another_process_stay(key, monkeypatch):
    use(key, "flows:read", NOW)
    use(key, "webhooks:read", NOW)
    stale = (key.organization_id, key.pk, "flows:read")
    seen_first = [{stale: NOW - DAY}]
    manager = type(ScopeUse.objects)
    due = manager._due

    def stale_at_first(self, entries):
        return seen_first.pop() if seen_first else due(self, entries)

    # The read before the lock sees an older state.
    monkeypatch.setattr(manager, "_due", stale_at_first)

    use(key, "flows:read", NOW - DAY)

    assert used_since(key) == NOW


def test_uses_of_a_key_that_does_not_exist_are_dropped_alone(key, issue):
    gone = ApiKey(pk=key.pk + 1000, organization=key.organization)
    ScopeUse.objects.record(gone, ["flows:read"], NOW)

    use(key, "flows:read", NOW)

    assert [use.key for use in ScopeUse.objects.all()] == [key]
    assert not ScopeUse.objects.pending


def test_many_entries_are_written_in_parts(issue, monkeypatch):
    monkeypatch.setattr("apikeys.models.scope_use.BATCH", 2)
    keys = [issue(*BOTH)[0] for _ in range(3)]
    for key in keys:
        ScopeUse.objects.record(key, BOTH, NOW)

    write_buffers.flush()

    assert ScopeUse.objects.count() == 6
    assert [used_since(key) for key in keys] == [NOW] * 3


def test_an_unused_scope_is_known_since_the_key_was_created(key):
    began(NOW - 100 * DAY)
    ApiKey.objects.update(created_at=NOW - 50 * DAY)
    use(key, "webhooks:read", NOW - DAY)

    unused, used = facts(key)["flows:read"], facts(key)["webhooks:read"]

    assert unused.last_used_at is None
    assert unused.is_known_from_the_start
    assert unused.is_unused(NOW)
    assert not unused.is_unused(NOW - 6 * DAY)
    assert used.last_used_at == NOW - DAY
    assert not used.is_unused(NOW)


def test_uses_of_an_older_key_are_unknown_before_recording_began(key):
    began(NOW - 10 * DAY)
    ApiKey.objects.update(created_at=NOW - 300 * DAY)

    fact = facts(key)["flows:read"]

    assert fact.known_since == NOW - 10 * DAY
    assert not fact.is_known_from_the_start
    assert not fact.is_unused(NOW)
    assert fact.is_unused(NOW + (UNUSED_DAYS - 10) * DAY)


def test_a_use_before_recording_was_complete_may_not_be_the_last_one(key):
    ApiKey.objects.update(created_at=NOW - 300 * DAY)
    began(NOW - UNUSED_DAYS * DAY + MINUTE)
    use(key, "flows:read", NOW - 60 * DAY)

    assert not facts(key)["flows:read"].is_unused(NOW)


def test_without_a_recorded_start_no_scope_is_unused(key):
    ScopeRecording.objects.all().delete()
    ApiKey.objects.update(created_at=NOW - 300 * DAY)

    assert not facts(key)["flows:read"].is_unused()
    assert not ApiKey.objects.with_unused_scopes(UNUSED_DAYS).exists()


@pytest.mark.parametrize(
    ("created", "uses", "found"),
    [
        (UNUSED_DAYS, {}, True),
        (UNUSED_DAYS - 1, {}, False),
        (100, {"flows:read": 1}, True),
        (100, {"flows:read": 1, "webhooks:read": UNUSED_DAYS - 1}, False),
        (100, {"flows:read": 1, "webhooks:read": UNUSED_DAYS}, True),
    ],
)
def test_the_list_finds_the_keys_that_the_facts_call_unused(key, created, uses, found):
    began(NOW - 200 * DAY)
    ApiKey.objects.update(created_at=NOW - created * DAY)
    for scope, ago in uses.items():
        use(key, scope, NOW - ago * DAY)

    keys = ApiKey.objects.with_unused_scopes(UNUSED_DAYS, NOW)

    assert keys.exists() is found
    assert any(fact.is_unused(NOW) for fact in facts(key).values()) is found


def test_revoked_keys_are_not_found(key):
    began(NOW - 200 * DAY)
    ApiKey.objects.update(created_at=NOW - 100 * DAY)
    key.revoke(by=Actor.command("test"))

    assert not ApiKey.objects.with_unused_scopes(UNUSED_DAYS, NOW).exists()


def test_no_key_is_found_while_recording_is_too_young(key):
    ApiKey.objects.update(created_at=NOW - 300 * DAY)
    began(NOW - (UNUSED_DAYS - 1) * DAY)

    assert not ApiKey.objects.with_unused_scopes(UNUSED_DAYS, NOW).exists()


def test_facts_are_of_one_organization(key, globex):
    use(key, "flows:read", NOW)

    found = ScopeUse.objects.of_keys(globex, [key])[key.pk]

    assert [fact.last_used_at for fact in found.facts] == [None, None]


def test_rows_stay_as_long_as_their_key(key):
    use(key, "flows:read", NOW - 5000 * DAY)

    use(key, "webhooks:read", NOW)

    assert len(last_uses(key)) == 2


@pytest.mark.postgresql
def test_processes_that_write_first_uses_concurrently_see_each_other(
    committing, issue, at_once
):
    scopes = ["flows:read", "flows:create", "webhooks:read", "webhooks:create"]
    key, _ = issue(*scopes)

    def write(n):
        manager = type(ScopeUse.objects)()
        manager.model = ScopeUse
        manager.record(key, [scopes[n % 4]], NOW - (8 - n) * DAY)
        while manager.pending:
            manager.flush()

    assert at_once(8, write) == [None] * 8

    # Scope n was used 8 - n and 4 - n days ago.
    assert last_uses(key) == {s: NOW - (4 - n) * DAY for n, s in enumerate(scopes)}
    assert used_since(key) == NOW - 4 * DAY
