"""Counts that wait in the process and are written in bulk, away from any request.

A crash loses the seconds that wait; the audit and the last use of a key are not counts.
"""

import atexit
import logging
import os
import threading

from django.conf import settings
from django.db import Error, connections

from apikeys.models.retention import FadingManager

logger = logging.getLogger(__name__)

SECONDS = 5


class Flusher:
    """Writes what waits, a few seconds after it began to, from a thread of its own."""

    def __init__(self):
        self.managers = []
        self.reset()

    def reset(self):
        """Begin anew, as in a process that was just forked: threads stay behind."""
        self._lock = threading.Lock()
        self._timer = None

    def wake(self):
        """See to it that the counts are written soon."""
        # None keeps tests from writing behind their own backs.
        seconds = getattr(settings, "API_KEY_COUNT_SECONDS", SECONDS)
        with self._lock:
            if self._timer is None and seconds is not None:
                self._timer = threading.Timer(seconds, self.run)
                self._timer.daemon = True
                self._timer.start()

    def run(self):
        """Write, in the timer's thread, and give back its connections."""
        with self._lock:
            self._timer = None
        try:
            self.flush()
        finally:
            connections.close_all()

    def flush(self):
        """Write all that waits in this process; a failure is logged, never raised."""
        for manager in self.managers:
            manager.flush()


flusher = Flusher()
os.register_at_fork(after_in_child=flusher.reset)
atexit.register(flusher.flush)


class Waiting:
    """The counts of this process that are not written yet."""

    def __init__(self):
        self._lock = threading.Lock()
        self._counts = {}

    def add(self, identity, sums, latest):
        """Add to the sums of an identity; `latest` replace what they were unless None."""
        with self._lock:
            if before := self._counts.get(identity):
                sums = tuple(map(sum, zip(before[0], sums, strict=True)))
                pairs = zip(latest, before[1], strict=True)
                latest = tuple(old if new is None else new for new, old in pairs)
            self._counts[identity] = sums, latest

    def take(self):
        """Return all of it, as {identity: (sums, latest)}; nothing is left."""
        with self._lock:
            taken, self._counts = self._counts, {}
        return taken


class CountingManager(FadingManager):
    """Adds to counters, which are rows named by their `identity`."""

    def __init__(self, identity, sums, latest=()):
        super().__init__()
        self.identity, self.sums, self.latest = identity, sums, latest
        # Django copies managers; the copies share this.
        self.waiting = Waiting()

    def contribute_to_class(self, cls, name):
        super().contribute_to_class(cls, name)
        flusher.managers.append(self)

    def add(self, identity, sums, latest=()):
        """Count; written within seconds."""
        self.waiting.add(identity, sums, latest)
        flusher.wake()

    def flush(self):
        """Write what waits, and delete a few rows that are out of date."""
        if self.write():
            self.prune_alongside()

    def write(self):
        """Write what waits, in one statement for each row; return whether that was done."""
        waiting = self.waiting.take()
        if not waiting:
            return False
        try:
            self._upsert(waiting)
        except Error:
            logger.exception("Lost %s counts of %s.", len(waiting), self.model.__name__)
            return False
        return True

    def _upsert(self, waiting):
        connection = connections[self.db]
        names = [*self.identity, *self.sums, *self.latest]
        fields = [self.model._meta.get_field(name) for name in names]
        rows = [
            [
                field.get_db_prep_save(value, connection)
                for field, value in zip(
                    fields, (*identity, *sums, *latest), strict=True
                )
            ]
            # In one order in every process, so that two that write do not deadlock.
            for identity, (sums, latest) in sorted(waiting.items(), key=repr)
        ]
        with connection.cursor() as cursor:
            cursor.executemany(self._statement(connection, fields), rows)

    def _statement(self, connection, fields):
        quote = connection.ops.quote_name
        table = quote(self.model._meta.db_table)
        columns = [quote(field.column) for field in fields]
        first, then = len(self.identity), len(self.identity) + len(self.sums)
        changes = [f"{c} = {table}.{c} + EXCLUDED.{c}" for c in columns[first:then]]
        changes += [
            f"{c} = COALESCE(EXCLUDED.{c}, {table}.{c})" for c in columns[then:]
        ]
        return (
            f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608, our own names
            f" VALUES ({', '.join(['%s'] * len(columns))})"
            f" ON CONFLICT ({', '.join(columns[:first])})"
            f" DO UPDATE SET {', '.join(changes)}"
        )
