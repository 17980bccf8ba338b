"""Fixtures for concurrent transactions, and for the triggers of the audit tables."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, connections, transaction

WAITING = """SELECT count(*) FROM pg_locks
             WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"""


GUARDED = [
    *("apikeys_auditevent", "apikeys_auditchain"),
    *("apikeys_installationevent", "apikeys_installationchain"),
]
# SQLite cannot disable triggers: they are dropped, and recreated with these statements.
dropped = []


def triggers(verb):
    """ENABLE or DISABLE the triggers of the audit tables."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            return (drop if verb == "DISABLE" else recreate)(cursor)
        for table in GUARDED:
            cursor.execute(f"ALTER TABLE {table} {verb} TRIGGER USER")


def without_truncate(style, tables, **options):
    """Return the statements that empty the tables, in place of Django's own.

    TRUNCATE makes new files for every table and index, and syncs them to the disk.
    """
    name = connection.ops.quote_name
    return [f"DELETE FROM {name(table)}" for table in tables]  # noqa: S608


def drop(cursor):
    cursor.execute(
        "SELECT name, sql FROM sqlite_master"
        " WHERE type = 'trigger' AND tbl_name LIKE 'apikeys_%'"
    )
    for name, sql in cursor.fetchall():
        dropped.append(sql)
        cursor.execute(f"DROP TRIGGER {name}")


def recreate(cursor):
    while dropped:
        cursor.execute(dropped.pop())


@pytest.fixture(autouse=True)
def restore_triggers(request, django_db_blocker):
    """Enable the triggers after the tables are emptied, also if a test failed."""
    yield
    if "committing" in request.fixturenames:
        with django_db_blocker.unblock():
            triggers("ENABLE")


@pytest.fixture
def committing(transactional_db):
    """Let the test commit. Disables the triggers afterwards, so that the tables can be emptied."""
    yield
    triggers("DISABLE")
    if connection.vendor == "postgresql":
        connection.ops.sql_flush = without_truncate


@pytest.fixture
def meanwhile(committing):
    """Return a function that sends a request before a change is committed.

    The change commits once the request waits for its lock or has its response.
    """

    def meanwhile(change, request):
        def send():
            try:
                return request()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(1) as pool:
            with transaction.atomic(), connection.cursor() as cursor:
                change()
                # Deferred foreign keys would take their row locks only at commit.
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                answer = pool.submit(send)
                until = time.monotonic() + 10
                while time.monotonic() < until and not answer.done():
                    if cursor.execute(WAITING).fetchone()[0]:
                        break
                    time.sleep(0.02)
            return answer.result(10)

    return meanwhile


@pytest.fixture
def at_once():
    """Return a function that calls `act(n)` in `count` threads at once.

    It returns the result or exception of each call.
    """

    def at_once(count, act):
        barrier = Barrier(count)

        def run(n):
            try:
                barrier.wait()
                return act(n)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(count) as pool:
            futures = [pool.submit(run, n) for n in range(count)]
        return [future.exception() or future.result() for future in futures]

    return at_once
