"""Fixtures of the tests of keys: tampering with the audit."""

from importlib import import_module

import pytest
from django.db import connection

append_only = import_module("apikeys.migrations.0002_audit_append_only")
checkpoint = import_module("apikeys.migrations.0019_audit_checkpoint")

UNDO = {
    "postgresql": [
        "SET CONSTRAINTS ALL IMMEDIATE",
        *checkpoint.postgresql_undo(),
        *append_only.POSTGRESQL_UNDO,
    ],
    "sqlite": [*checkpoint.sqlite_undo(), *append_only.SQLITE_UNDO],
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
