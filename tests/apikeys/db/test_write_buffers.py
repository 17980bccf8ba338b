"""Counts are buffered in the process and written in bulk, outside of requests."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import DataError, OperationalError, connection

from apikeys.db.write_buffers import WriteBuffers, write_buffers
from apikeys.models import KeyUsage, Refusal
from apikeys.models.usage import Day

# What is older is deleted, sooner or later.
TODAY = datetime.now(UTC).date() - timedelta(days=1)
NOW = datetime.combine(TODAY, time(23, 59), UTC)


@pytest.fixture
def key(issue):
    return issue()[0]


def counted():
    write_buffers.flush()
    usage = KeyUsage.objects.order_by("day", "scope")
    return list(usage.values_list("day", "scope", "allowed", "refused"))


def test_counts_are_by_day_and_scope(key):
    KeyUsage.objects.allow(key, ("flows:read",), NOW)
    KeyUsage.objects.allow(key, ("flows:read",), NOW)
    KeyUsage.objects.allow(key, (), NOW)
    KeyUsage.objects.refuse(key, ("webhooks:read",), NOW)
    KeyUsage.objects.allow(key, ("flows:read",), NOW + timedelta(minutes=1))

    assert counted() == [
        (TODAY, "", 1, 0),
        (TODAY, "flows:read", 2, 0),
        (TODAY, "webhooks:read", 0, 1),
        (TODAY + timedelta(days=1), "flows:read", 1, 0),
    ]


def test_counts_add_to_what_was_written_before(key):
    for _ in range(3):
        KeyUsage.objects.allow(key, (), NOW)
        write_buffers.flush()

    assert counted() == [(TODAY, "", 3, 0)]


def test_a_request_is_counted_and_writes_nothing_itself(api, django_assert_num_queries):
    client = api("flows:read")
    client.get("/flows")  # the first use is written at once

    with django_assert_num_queries(2):  # the key, the count of no flows
        client.get("/flows")

    assert [row[1:] for row in counted()] == [("flows:read", 2, 0)]


def failing(error):
    """Return a wrapper under which every write fails."""

    def fail(execute, sql, params, many, context):
        if sql.startswith("INSERT"):
            raise error
        return execute(sql, params, many, context)

    return connection.execute_wrapper(fail)


def test_counts_that_cannot_be_written_are_logged_and_written_later(key, caplog):
    KeyUsage.objects.allow(key, (), NOW)
    with failing(OperationalError("the disk is full")):
        write_buffers.flush()
    KeyUsage.objects.allow(key, (), NOW)

    assert "Could not write KeyUsage yet" in caplog.text
    assert "the disk is full" in caplog.text
    assert counted() == [(TODAY, "", 2, 0)]


def test_the_latest_address_is_the_one_that_came_after_a_failure(key):
    Refusal.objects.record(key, "API_KEY_REVOKED", ip="192.0.2.1", at=NOW)
    with failing(OperationalError("the disk is full")):
        write_buffers.flush()
    Refusal.objects.record(key, "API_KEY_REVOKED", ip="192.0.2.2", at=NOW)
    write_buffers.flush()

    refusal = Refusal.objects.get()
    assert (refusal.count, refusal.last_ip) == (2, "192.0.2.2")


def test_counts_that_no_table_takes_are_dropped_and_logged(key, caplog):
    KeyUsage.objects.allow(key, (), NOW)
    with failing(DataError("too much")):
        write_buffers.flush()

    assert "Lost 1 unwritten entries of KeyUsage" in caplog.text
    assert counted() == []


def test_a_buffer_is_bounded_while_the_database_is_unavailable(
    monkeypatch, issue, caplog
):
    monkeypatch.setattr("apikeys.db.write_buffers.MAX_ENTRIES", 2)
    for _ in range(3):
        KeyUsage.objects.allow(issue()[0], (), NOW)
    with failing(OperationalError("gone")):
        write_buffers.flush()

    assert "Lost 1 unwritten entries of KeyUsage" in caplog.text
    assert len(counted()) == 2


def test_an_exit_tries_for_a_while_and_logs_what_it_could_not_write(
    key, caplog, monkeypatch
):
    monkeypatch.setattr("apikeys.db.write_buffers.EXIT_SECONDS", 0.3)
    KeyUsage.objects.allow(key, (), NOW)
    with failing(OperationalError("locked")):
        write_buffers.flush_at_exit()

    assert "Lost 1 unwritten entries of KeyUsage" in caplog.text
    assert counted() == []


def test_an_exit_waits_until_the_database_takes_the_counts(key, caplog, monkeypatch):
    KeyUsage.objects.allow(key, (), NOW)
    busy = failing(OperationalError("locked"))
    busy.__enter__()
    monkeypatch.setattr(
        "apikeys.db.write_buffers.time.sleep",
        lambda _: busy.__exit__(None, None, None),
    )

    write_buffers.flush_at_exit()

    assert "Lost" not in caplog.text
    assert counted() == [(TODAY, "", 1, 0)]


def test_the_timer_starts_again_while_entries_are_pending(key, settings, monkeypatch):
    settings.API_KEY_COUNT_SECONDS = 3600
    buffers = WriteBuffers()
    buffers.managers = [KeyUsage.objects]
    monkeypatch.setattr("apikeys.db.write_buffers.connections.close_all", lambda: None)
    KeyUsage.objects.allow(key, (), NOW)
    write_buffers._timer.cancel()
    write_buffers.reset()
    with failing(OperationalError("gone")):
        buffers.flush_in_background()

    assert buffers._timer is not None
    buffers._timer.cancel()


def test_the_days_of_a_key_come_without_gaps(key, issue):
    other, _ = issue()
    KeyUsage.objects.allow(key, ("flows:read", "runner:complete"), NOW)
    KeyUsage.objects.refuse(key, (), NOW - timedelta(days=2))
    KeyUsage.objects.allow(key, (), NOW - timedelta(days=3))
    KeyUsage.objects.allow(other, (), NOW)
    write_buffers.flush()

    days = KeyUsage.objects.daily(key, days=3, until=TODAY)

    assert days == [
        Day(TODAY - timedelta(days=2), 0, 1),
        Day(TODAY - timedelta(days=1), 0, 0),
        Day(TODAY, 2, 0),
    ]


def test_one_timer_flushes_all_entries(settings):
    settings.API_KEY_COUNT_SECONDS = 3600
    buffers = WriteBuffers()

    buffers.schedule_flush()
    timer = buffers._timer
    buffers.schedule_flush()

    assert buffers._timer is timer
    assert timer.daemon
    timer.cancel()


def test_a_forked_process_has_no_timer(settings):
    settings.API_KEY_COUNT_SECONDS = 3600
    buffers = WriteBuffers()
    buffers.schedule_flush()
    buffers._timer.cancel()

    buffers.reset()

    assert buffers._timer is None


@pytest.mark.postgresql
def test_eight_writers_at_once_lose_no_count(committing, key, at_once):
    def write(n):
        manager = type(Refusal.objects)()
        manager.model = Refusal
        for _ in range(10):
            manager.record(key, "API_KEY_REVOKED", at=NOW)
            manager.flush()
        while manager.pending:  # after a lock that was not there in time
            manager.flush()

    assert at_once(8, write) == [None] * 8

    assert Refusal.objects.get().count == 80
