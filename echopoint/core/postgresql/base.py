"""Django's PostgreSQL backend, with client-side timeouts.

PostgreSQL's own timeouts do not fire if the server hangs, and TCP's do not while its
machine acknowledges packets. So the client needs a timeout of its own.
"""

import time
from types import ModuleType

import psycopg
from django.db.backends.postgresql import base

SILENT = "The database does not answer."
USABLE_WITHIN = 1  # seconds, for a connection that answers to `SELECT 1`
PAUSE = 1  # seconds without new connections after a timeout


class AnsweringConnection(psycopg.Connection):
    """A connection that is closed if it does not answer within `answer_seconds`.

    None means no timeout, for management commands. `silent_until` is shared by the
    process, so that not every thread waits for the same dead server.
    """

    answer_seconds = None
    silent_until = 0.0

    @classmethod
    def connect(cls, *args, **kwargs):
        if time.monotonic() < AnsweringConnection.silent_until:
            raise psycopg.OperationalError(SILENT)
        try:
            return super().connect(*args, **kwargs)
        except psycopg.errors.ConnectionTimeout:
            cls.note_silence()
            raise

    def wait(self, gen, *args, timeout=None, **kwargs):
        timeout = timeout or self.answer_seconds
        try:
            return super().wait(gen, *args, timeout=timeout, **kwargs)
        except psycopg.errors._WaitTimeout:
            # A late response would be read as the response to the next statement.
            self.pgconn.finish()
            self.note_silence()
            raise psycopg.OperationalError(SILENT) from None

    @classmethod
    def note_silence(cls):
        if cls.answer_seconds:
            AnsweringConnection.silent_until = time.monotonic() + PAUSE


# The module that Django uses, with our `connect`.
answering_psycopg = ModuleType("psycopg")
answering_psycopg.__dict__.update(
    vars(psycopg) | {"connect": AnsweringConnection.connect}
)


class DatabaseWrapper(base.DatabaseWrapper):
    Database = answering_psycopg

    def is_usable(self):
        if self.connection is None or not self.connection.answer_seconds:
            return super().is_usable()
        # Short, because after this check the request still has to open a new connection.
        self.connection.answer_seconds = USABLE_WITHIN
        try:
            return super().is_usable()
        finally:
            del self.connection.answer_seconds
