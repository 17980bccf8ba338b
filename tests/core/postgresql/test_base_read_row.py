"""The read of a key: one round trip, prepared, and safe when its connection is gone."""

import os
import re
import tempfile

import psycopg
import pytest
from django.core.signals import request_started
from django.db import OperationalError, connection, transaction
from psycopg.pq import Trace

from echopoint.core.postgresql.base import PreparingCursor

pytestmark = pytest.mark.postgresql
SENT = re.compile(r"^F\t\d+\t(\w+)", re.M)


@pytest.fixture(autouse=True)
def restore_preparing():
    yield
    PreparingCursor.is_enabled = True


@pytest.fixture
def requests_begin(committing):
    """Return a function that begins a request, as Django does: connections are checked."""
    connection.ensure_connection()

    def begin():
        request_started.send(sender=None, environ={})

    return begin


class Wire:
    """The messages that this connection sends, written by libpq."""

    def __enter__(self):
        self.file = tempfile.TemporaryFile()
        pgconn = connection.connection.pgconn
        pgconn.trace(self.file.fileno())
        pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        return self

    def __exit__(self, *exception):
        connection.connection.pgconn.untrace()
        os.lseek(self.file.fileno(), 0, os.SEEK_SET)
        self.sent = SENT.findall(self.file.read().decode())
        self.file.close()

    @property
    def round_trips(self):
        """Return how often it waits for a response."""
        return self.sent.count("Sync") + self.sent.count("Query")


def kill_backend():
    pid = connection.connection.info.backend_pid
    config = connection.get_connection_params()
    place = {k: config[k] for k in ("host", "port", "user", "password") if k in config}
    with psycopg.connect(dbname="postgres", autocommit=True, **place) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    return pid


def test_a_request_with_a_key_is_one_round_trip(api, requests_begin):
    client = api("flows:read")
    client.get("/permissions")  # records the first use, and prepares the statement
    requests_begin()

    with Wire() as wire:
        assert client.get("/permissions").status_code == 200

    assert wire.sent == ["Bind", "Describe", "Execute", "Sync"]
    assert wire.round_trips == 1


def test_other_statements_check_the_connection_first(requests_begin):
    requests_begin()

    with Wire() as wire, connection.cursor() as cursor:
        cursor.execute("SELECT 2")

    assert wire.round_trips == 2


def test_a_killed_connection_costs_no_request(api, requests_begin):
    client = api("flows:read")
    client.get("/permissions")
    killed = kill_backend()
    requests_begin()

    assert client.get("/permissions").status_code == 200
    assert connection.connection.info.backend_pid != killed


def test_a_connection_that_is_killed_later_is_not_replaced(requests_begin):
    """The statement might not be the first one: an earlier one could be lost."""
    requests_begin()
    connection.read_row("SELECT %s::int", [1])
    kill_backend()

    with pytest.raises(OperationalError):
        connection.read_row("SELECT %s::int", [1])
    connection.close()


def test_a_transaction_is_not_continued_on_another_connection(requests_begin):
    def read_later():
        connection.health_check_done = False
        kill_backend()
        connection.read_row("SELECT %s::int", [1])

    requests_begin()

    with pytest.raises(OperationalError), transaction.atomic():
        read_later()
    connection.close()


def test_an_error_of_the_statement_is_raised(requests_begin):
    requests_begin()
    pid = connection.connection.info.backend_pid

    with pytest.raises(Exception, match="division by zero"):
        connection.read_row("SELECT 1 / %s::int", [0])

    assert connection.connection.info.backend_pid == pid


def test_a_statement_that_a_pooler_lost_runs_unprepared(requests_begin, caplog):
    requests_begin()
    for _ in range(2):
        connection.read_row("SELECT %s::int", [1])
    # Another connection of a pooler does not know the statement.
    connection.connection.pgconn.exec_(b"DEALLOCATE ALL")

    assert connection.read_row("SELECT %s::int", [7]) == (7,)
    assert "must support prepared statements" in caplog.text
    with Wire() as wire:
        assert connection.read_row("SELECT %s::int", [8]) == (8,)
    assert "Parse" in wire.sent


def test_a_plan_from_before_a_migration_is_replaced(requests_begin):
    requests_begin()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE planned AS SELECT 1::int AS number")
    try:
        read = "SELECT number FROM planned WHERE %s::int = 1"
        for _ in range(2):
            assert connection.read_row(read, [1]) == (1,)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE planned ALTER number TYPE text")

        assert [connection.read_row(read, [1]) for _ in range(2)] == [("1",)] * 2
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE planned")
