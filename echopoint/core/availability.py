"""Whether a database error says that the database is away, full, busy or read-only."""

import sqlite3

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError
from django.db.backends.signals import connection_created

from echopoint.core.postgresql.base import AnsweringConnection

# Seconds that a statement that PostgreSQL ends has to say so.
MARGIN = 0.5
READ_ONLY = "25006"  # PostgreSQL, appendix A
RETRY_AFTER = 5  # seconds


def is_unavailable(error):
    """Whether the same request may succeed later, without a change of the program."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.OperationalError):
        # SQL that is wrong, such as a table that is missing, has the general code.
        return cause.sqlite_errorcode != sqlite3.SQLITE_ERROR
    if isinstance(error, InternalError):
        return getattr(cause, "sqlstate", None) == READ_ONLY
    return isinstance(error, OperationalError | InterfaceError)


def bound_waiting():
    """Bound how long this process waits for the database.

    For processes that serve; commands take their time.
    """
    AnsweringConnection.answer_seconds = settings.DATABASE_STATEMENT_SECONDS + MARGIN
    connection_created.connect(limit_waiting)


def limit_waiting(sender, connection, **kwargs):
    """Bound how long a request's statement runs, waits for a lock, or keeps one."""
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
