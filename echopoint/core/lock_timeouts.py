"""Short lock timeouts, for optional writes that must not delay a request."""

import sqlite3
from contextlib import contextmanager

from django.db import connections, transaction

LOCK_WAIT_MS = 50
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL, appendix A


@contextmanager
def without_waiting(using):
    """Run a transaction whose statements wait at most 50 ms for a lock.

    Raise `OperationalError` if the lock is not free by then. SQLite has one write lock
    for the whole database.
    """
    connection = connections[using]
    limit = sqlite_limit if connection.vendor == "sqlite" else postgresql_limit
    with limit(connection):
        yield


@contextmanager
def postgresql_limit(connection):
    """Set lock_timeout for one transaction."""
    is_nested = connection.in_atomic_block
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        before = is_nested and read(cursor, "SHOW lock_timeout")
        set_local(cursor, f"{LOCK_WAIT_MS}ms")
        yield
        # Rolling back a savepoint undoes SET LOCAL, releasing it does not.
        if is_nested:
            set_local(cursor, before)


def set_local(cursor, value):
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", [value])


def read(cursor, sql):
    cursor.execute(sql)
    return cursor.fetchone()[0]


@contextmanager
def sqlite_limit(connection):
    """Set the busy timeout of the connection for one transaction."""
    connection.ensure_connection()
    database = connection.connection
    (before,) = database.execute("PRAGMA busy_timeout").fetchone()
    database.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_MS}")
    try:
        with transaction.atomic(connection.alias):
            yield
    finally:
        database.execute(f"PRAGMA busy_timeout = {before}")


def is_lock_timeout(error):
    """Return True if the error means that a lock was not free in time."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.OperationalError):
        return cause.sqlite_errorcode & 0xFF in {
            sqlite3.SQLITE_BUSY,
            sqlite3.SQLITE_LOCKED,
        }
    return getattr(cause, "sqlstate", None) == LOCK_NOT_AVAILABLE
