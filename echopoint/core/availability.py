"""Recognize database outages, and bound how long requests wait for the database."""

import sqlite3

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError
from django.db.backends.signals import connection_created

from echopoint.core.postgresql.base import AnsweringConnection

# Seconds for PostgreSQL to report that it cancelled a statement, before we give up.
MARGIN = 0.5
READ_ONLY = "25006"  # PostgreSQL, appendix A
RETRY_AFTER = 5  # seconds


def is_unavailable(error):
    """Return True if the same request may succeed later: database down, full, busy, read-only."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.OperationalError):
        # SQLITE_ERROR is a bug, such as wrong SQL or a missing table.
        return cause.sqlite_errorcode != sqlite3.SQLITE_ERROR
    if isinstance(error, InternalError):
        return getattr(cause, "sqlstate", None) == READ_ONLY
    return isinstance(error, OperationalError | InterfaceError)


def bound_waiting():
    """Set the database limits of this process. For servers only: commands may be slow."""
    AnsweringConnection.answer_seconds = settings.DATABASE_STATEMENT_SECONDS + MARGIN
    connection_created.connect(limit_waiting)


def limit_waiting(sender, connection, **kwargs):
    """Limit statements, lock waits and idle transactions of a new connection."""
    if connection.vendor != "postgresql":
        return
    limits = {
        "statement_timeout": settings.DATABASE_STATEMENT_SECONDS,
        "lock_timeout": settings.DATABASE_LOCK_SECONDS,
        "idle_in_transaction_session_timeout": settings.DATABASE_IDLE_SECONDS,
    }
    values = [text for name, s in limits.items() for text in (name, f"{s}s")]
    calls = ", ".join(["set_config(%s, %s, false)"] * len(limits))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {calls}", values)
