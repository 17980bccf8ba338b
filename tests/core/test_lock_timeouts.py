"""Optional writes of a request do not wait for locks."""

import threading
from contextlib import contextmanager

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from apikeys.db.write_buffers import write_buffers
from apikeys.models import ApiKey, AuditChain, AuditEvent, KeyUsage, Refusal
from echopoint.core.client_metadata import Client
from echopoint.core.lock_timeouts import without_waiting
from echopoint.organizations.models import Organization

AT_MOST = 10  # seconds until a holder gives up, so that a broken guard fails, not hangs


@contextmanager
def held(rows):
    """Lock the rows in another transaction while the block runs.

    Yield an event that is set once the holder has given up waiting for the block.
    """
    locked, release, gave_up = (threading.Event() for _ in range(3))

    def hold():
        try:
            with transaction.atomic():
                list(rows.select_for_update())
                locked.set()
                if not release.wait(AT_MOST):
                    gave_up.set()
        finally:
            connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    assert locked.wait(AT_MOST)
    try:
        yield gave_up
    finally:
        release.set()
        holder.join()


def holders(key):
    """Return the rows that a request might wait for, by name."""
    return {
        "key": ApiKey.objects.filter(pk=key.pk),
        "chain": AuditChain.objects.filter(organization=key.organization),
        "organization": Organization.objects.filter(pk=key.organization_id),
    }


@pytest.mark.postgresql
@pytest.mark.parametrize("lock", ["key", "chain", "organization"])
def test_a_first_use_waits_for_no_lock_and_comes_with_the_next_use(
    committing, api, issue, acme, lock
):
    key, secret = issue("flows:read")
    client = api(secret=secret, organization=acme)

    with held(holders(key)[lock]) as gave_up:
        during = client.get("/flows")
        assert not gave_up.is_set()
    key.refresh_from_db()
    unwritten = key.first_used_at
    after = client.get("/flows")

    assert (during.status_code, after.status_code) == (200, 200)
    assert unwritten is None
    key.refresh_from_db()
    event = AuditEvent.objects.get(action="api_key.first_used")
    assert event.at.replace(microsecond=0) == key.first_used_at.replace(microsecond=0)


@pytest.mark.postgresql
@pytest.mark.parametrize("lock", ["key", "chain", "organization"])
def test_a_use_that_met_a_lock_is_written_without_another_use(
    committing, api, issue, acme, lock
):
    key, secret = issue("flows:read")
    client = api(secret=secret, organization=acme)

    with held(holders(key)[lock]):
        client.get("/flows")
        write_buffers.flush()
        key.refresh_from_db()
        assert key.first_used_at is None
    write_buffers.flush()

    key.refresh_from_db()
    event = AuditEvent.objects.get(action="api_key.first_used")
    assert event.at.replace(microsecond=0) == key.first_used_at.replace(microsecond=0)
    assert key.last_used_at == key.first_used_at
    write_buffers.flush()
    assert not ApiKey.late_uses.pending


def test_late_uses_do_not_overwrite_what_was_written_since(key):
    now = timezone.now()
    past = now - timezone.timedelta(minutes=5)
    for minutes, name in ((0, "first/1"), (2, "second/1")):
        at = past + timezone.timedelta(minutes=minutes)
        ApiKey.late_uses.record(key, Client(user_agent=name), at)
    write_buffers.flush()

    key.refresh_from_db()
    assert key.first_used_at == past
    assert key.last_used_at == past + timezone.timedelta(minutes=2)
    assert key.last_used_user_agent == "second/1"

    key.record_use(Client(user_agent="third/1"), now)
    ApiKey.late_uses.record(
        key, Client(user_agent="late/1"), now - timezone.timedelta(1)
    )
    write_buffers.flush()

    key.refresh_from_db()
    assert (key.last_used_at, key.last_used_user_agent) == (now, "third/1")
    assert AuditEvent.objects.filter(action="api_key.first_used").count() == 1


@pytest.mark.parametrize("kept", ["first", "last"])
def test_a_late_use_that_meets_a_lock_again_is_kept(key, monkeypatch, kept):
    now = timezone.now()
    past = now - timezone.timedelta(minutes=5)
    ApiKey.late_uses.record(key, Client(), past)
    ApiKey.late_uses.record(key, Client(), now)
    locked_at = past if kept == "first" else now
    write = ApiKey.write_late_use
    monkeypatch.setattr(
        ApiKey, "write_late_use", lambda *a: a[2] != locked_at and write(*a)
    )

    write_buffers.flush()
    monkeypatch.undo()
    write_buffers.flush()

    key.refresh_from_db()
    assert (key.first_used_at, key.last_used_at) == (past, now)


def test_a_late_use_of_a_key_that_is_gone_is_dropped(key):
    ApiKey.late_uses.record(key, Client(), timezone.now())
    key.pk += 1000

    write_buffers.flush()

    assert not ApiKey.late_uses.pending


@pytest.mark.postgresql
def test_a_later_use_waits_for_no_lock(committing, api, issue, acme):
    key, secret = issue("flows:read")
    past = timezone.now() - timezone.timedelta(hours=1)
    key.record_use(Client(), past)
    client = api(secret=secret, organization=acme)

    with held(ApiKey.objects.filter(pk=key.pk)) as gave_up:
        assert client.get("/flows").status_code == 200
        assert not gave_up.is_set()
    client.get("/flows")

    key.refresh_from_db()
    assert key.last_used_at > past


@pytest.mark.postgresql
@pytest.mark.parametrize("lock", ["key", "chain", "organization"])
def test_the_refusal_of_a_retired_key_waits_for_no_lock(
    committing, api, issue, acme, lock
):
    key, secret = issue("flows:read")
    ApiKey.objects.filter(pk=key.pk).update(retire_at=timezone.now())
    client = api(secret=secret, organization=acme)
    events = AuditEvent.objects.filter(action="api_key.retired_used")

    with held(holders(key)[lock]) as gave_up:
        assert client.get("/flows").status_code == 401
        assert not gave_up.is_set()
    unwritten = events.count()
    client.get("/flows")

    assert (unwritten, events.count()) == (0, 1)


@pytest.mark.postgresql
def test_a_new_digest_waits_for_no_lock(committing, api, issue, acme, settings):
    key, secret = issue("flows:read")
    key.record_use(Client())
    settings.API_KEY_PEPPERS += ",2:" + "n" * 48
    client = api(secret=secret, organization=acme)

    with held(ApiKey.objects.filter(pk=key.pk)) as gave_up:
        assert client.get("/flows").status_code == 200
        assert not gave_up.is_set()
    client.get("/flows")

    key.refresh_from_db()
    assert key.pepper_version == 2


@pytest.mark.postgresql
def test_counts_wait_for_no_lock_and_none_is_lost(committing, key):
    KeyUsage.objects.allow(key, ("flows:read",))
    Refusal.objects.record(key, "API_KEY_REVOKED")
    write_buffers.flush()
    KeyUsage.objects.allow(key, ("flows:read",))
    Refusal.objects.record(key, "API_KEY_REVOKED")

    for rows in (KeyUsage.objects.all(), Refusal.objects.all()):
        with held(rows) as gave_up:
            write_buffers.flush()
            assert not gave_up.is_set()
    write_buffers.flush()

    assert KeyUsage.objects.get().allowed == 2
    assert sum(Refusal.objects.values_list("count", flat=True)) == 2


@pytest.fixture
def key(issue):
    return issue()[0]


def timeouts():
    """Return the current lock timeout of the connection."""
    setting = {"postgresql": "SHOW lock_timeout", "sqlite": "PRAGMA busy_timeout"}
    with connection.cursor() as cursor:
        return cursor.execute(setting[connection.vendor]).fetchone()[0]


def test_the_limit_is_set_in_the_block_and_ends_with_it(db):
    before = timeouts()

    with without_waiting("default"):
        assert timeouts() in {"50ms", 50}

    assert timeouts() == before


def test_the_limit_ends_with_a_block_that_fails(db):
    before = timeouts()

    with pytest.raises(ZeroDivisionError), without_waiting("default"):
        raise ZeroDivisionError

    assert timeouts() == before
