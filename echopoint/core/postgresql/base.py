"""Django's PostgreSQL backend, with client-side timeouts and prepared reads.

PostgreSQL's own timeouts do not fire if the server hangs, and TCP's do not while its
machine acknowledges packets. So the client needs a timeout of its own.
"""

import logging
import time
from contextlib import contextmanager
from types import ModuleType

import psycopg
from django.db import Error
from django.db.backends.postgresql import base
from psycopg.types.datetime import TimestamptzLoader

from echopoint.core.row_reads import needs_wrapper, read_wrapped

logger = logging.getLogger(__name__)

SILENT = "The database does not answer."
USABLE_WITHIN = 1  # seconds, for a connection that answers to `SELECT 1`
PAUSE = 1  # seconds without new connections after a timeout


class AnsweringConnection(psycopg.Connection):
    """A connection that is closed if it does not answer within `answer_seconds`.

    None means no timeout, for management commands. `silent_until` has a time for each
    server and is shared by the process, so that not every thread waits for a dead one.
    """

    answer_seconds = None
    silent_until = {}
    server = None

    @classmethod
    def connect(cls, *args, **kwargs):
        server = tuple(kwargs.get(name) for name in ("host", "port", "service"))
        if time.monotonic() < cls.silent_until.get(server, 0):
            raise psycopg.OperationalError(SILENT)
        try:
            connection = super().connect(*args, **kwargs)
        except psycopg.errors.ConnectionTimeout:
            cls.note_silence(server)
            raise
        connection.server = server
        return connection

    def wait(self, gen, *args, timeout=None, **kwargs):
        timeout = timeout or self.answer_seconds
        try:
            return super().wait(gen, *args, timeout=timeout, **kwargs)
        except psycopg.errors._WaitTimeout:
            # A late response would be read as the response to the next statement.
            self.pgconn.finish()
            self.note_silence(self.server)
            raise psycopg.OperationalError(SILENT) from None

    @contextmanager
    def brief_wait(self):
        """Wait for answers no longer than `USABLE_WITHIN`, if waits are limited."""
        if not self.answer_seconds:
            yield
            return
        self.answer_seconds = USABLE_WITHIN
        try:
            yield
        finally:
            del self.answer_seconds

    @classmethod
    def note_silence(cls, server):
        if cls.answer_seconds:
            cls.silent_until[server] = time.monotonic() + PAUSE


# The module that Django uses, with our `connect`.
answering_psycopg = ModuleType("psycopg")
answering_psycopg.__dict__.update(
    vars(psycopg) | {"connect": AnsweringConnection.connect}
)


# SQLSTATEs (PostgreSQL, appendix A): invalid_sql_statement_name and
# duplicate_prepared_statement come from a pooler that gives each transaction another
# connection; feature_not_supported is "cached plan must not change result type", after a
# migration that changed the type of a column.
FOREIGN_STATEMENT = {"26000", "42P05"}
OUTDATED_PLAN = "0A000"


class PreparingCursor(base.ServerBindingCursor):
    """A cursor whose statements are planned once per connection, not once per call."""

    is_enabled = True  # of the process

    def execute(self, query, params=None):
        return super().execute(query, params, prepare=self.is_enabled)


class DatabaseWrapper(base.DatabaseWrapper):
    Database = answering_psycopg
    # The cursor of `read_row`, one per connection: making one with its loader of dates takes
    # nearly as long as the statement.
    reader = None

    def _configure_connection(self, connection):
        # Compiling a statement takes ten times as long as running it: each reads few rows,
        # but PostgreSQL expects many of a table of millions.
        connection.execute("SET jit = off")
        return super()._configure_connection(connection) or True

    def read_row(self, sql, params):
        """Return the first row of a SELECT, or None; one round trip.

        Django checks a connection with `SELECT 1` before its first statement in a request,
        which is a second round trip. Here the statement is the check: if the connection
        has broken since the last request, the statement runs again on a new one. That is
        safe because it only reads, and no transaction is open yet.
        """
        is_check = (
            self.connection is not None
            and self.health_check_enabled
            and not self.health_check_done
            and not self.pool  # it gives out healthy connections only
        )
        self.health_check_done = True
        if not is_check:
            return self._read_prepared(sql, params)
        try:
            with self.connection.brief_wait():
                return self._read_prepared(sql, params)
        except Error:
            if self.in_atomic_block or self.is_usable():
                raise
        self.close()
        return self._read_prepared(sql, params)

    def _read_prepared(self, sql, params):
        try:
            return self._read(sql, params)
        except Error as error:
            state = getattr(error.__cause__, "sqlstate", None)
            if self.in_atomic_block or state not in {*FOREIGN_STATEMENT, OUTDATED_PLAN}:
                raise
        if state in FOREIGN_STATEMENT:
            PreparingCursor.is_enabled = False
            logger.warning(
                "Statements are not prepared any more: the database forgets them. The"
                " pooler in front of it must support prepared statements."
            )
        elif not self.pool:
            self.close()
        return self._read(sql, params)

    def _read(self, sql, params):
        if needs_wrapper(self):
            return read_wrapped(self, sql, params)
        self.ensure_connection()
        if self.reader is None or self.reader.connection is not self.connection:
            self.reader = PreparingCursor(self.connection)
            # Django's own loader is in Python, and ends in the same time zone.
            self.reader.adapters.register_loader("timestamptz", TimestamptzLoader)
        with self.wrap_database_errors:
            return self.reader.execute(sql, params).fetchone()

    def is_usable(self):
        if self.connection is None:
            return False
        # Brief, because after this check the request still has to open a new connection.
        with self.connection.brief_wait():
            return super().is_usable()
