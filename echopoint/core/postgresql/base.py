"""Django's backend for PostgreSQL, with an end to waiting for a server that is silent.

The limits that PostgreSQL sets for us do not fire when PostgreSQL itself hangs, and TCP's
do not when its machine still acknowledges what we send. So the client counts, too.
"""

import time
from types import ModuleType

import psycopg
from django.db.backends.postgresql import base

SILENT = "The database does not answer."
USABLE_WITHIN = 1  # seconds, for a connection that answers to `SELECT 1`
REST = 1  # seconds without a new connection after a server was silent


class AnsweringConnection(psycopg.Connection):
    """A connection that is given up when it does not answer for `answer_seconds`.

    None waits for good, as commands do. `silent_until` is for the whole process: what
    one thread waited for in vain, others need not wait for once more.
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
            # What comes late would be taken for the answer to something else.
            self.pgconn.finish()
            self.note_silence()
            raise psycopg.OperationalError(SILENT) from None

    @classmethod
    def note_silence(cls):
        if cls.answer_seconds:
            AnsweringConnection.silent_until = time.monotonic() + REST


# The module, as Django calls it, but for the connections that it makes.
answering_psycopg = ModuleType("psycopg")
answering_psycopg.__dict__.update(
    vars(psycopg) | {"connect": AnsweringConnection.connect}
)


class DatabaseWrapper(base.DatabaseWrapper):
    """What Django knows as the database."""

    Database = answering_psycopg

    def is_usable(self):
        if self.connection is None or not self.connection.answer_seconds:
            return super().is_usable()
        # A request that finds its connection silent has a new one to wait for yet.
        self.connection.answer_seconds = USABLE_WITHIN
        try:
            return super().is_usable()
        finally:
            del self.connection.answer_seconds
