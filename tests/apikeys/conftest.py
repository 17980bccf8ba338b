"""What the tests of keys share: acting at the same moment, and tampering."""

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from threading import Barrier

import pytest
from django.db import connection, connections

from tests.fresh import fresh_database  # noqa: F401
from tests.migrating import migrate  # noqa: F401
from tests.races import committing, guarded_again  # noqa: F401

append_only = import_module("apikeys.migrations.0002_audit_append_only")

UNDO = {
    "postgresql": ["SET CONSTRAINTS ALL IMMEDIATE", *append_only.POSTGRESQL_UNDO],
    "sqlite": append_only.SQLITE_UNDO,
}


@pytest.fixture
def tamper(db):
    """Return a function that runs SQL on the audit table as if nothing guarded it."""
    with connection.cursor() as cursor:
        for statement in UNDO[connection.vendor]:
            cursor.execute(statement)

    def tamper(sql, *params):
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.rowcount

    return tamper


@pytest.fixture
def at_once():
    """Return a function that calls `act(n)` from `count` threads at the same moment.

    It returns what came of each: the result, or the exception.
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
