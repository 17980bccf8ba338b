"""In-memory buffers, flushed to the database every few seconds by a thread.

A crash loses up to five seconds of counts, and so does an exit while the database is
away or locked for longer than `EXIT_SECONDS`. Audit events and `last_used_at` are written
synchronously where the row is free.
"""

import atexit
import logging
import os
import threading
import time
from itertools import islice

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connections

from apikeys.db.retention import FadingManager
from echopoint.core.lock_timeouts import is_lock_timeout, without_waiting
from echopoint.core.metrics import metrics

logger = logging.getLogger(__name__)
LOST = "Lost %s unwritten facts of %s."

SECONDS = 5
EXIT_SECONDS = 5  # how long an exit may take for what still waits
MAX_WAITING = 100_000  # identities per table, while the database is away


class Flusher:
    """Flush the buffers from a separate thread, a few seconds after the first fact."""

    def __init__(self):
        self.managers = []
        self.reset()

    def reset(self):
        """Reset after a fork: threads and locks of the parent do not exist in the child."""
        self._lock = threading.Lock()
        self._timer = None

    def wake(self):
        """Start the timer of the next flush unless it runs already."""
        # Tests set None and flush explicitly.
        seconds = getattr(settings, "API_KEY_COUNT_SECONDS", SECONDS)
        with self._lock:
            if self._timer is None and seconds is not None:
                self._timer = threading.Timer(seconds, self.run)
                self._timer.daemon = True
                self._timer.start()

    def run(self):
        """Flush, in the timer's thread, and close its connections."""
        with self._lock:
            self._timer = None
        try:
            self.flush()
        finally:
            connections.close_all()
        if any(manager.waiting for manager in self.managers):
            self.wake()

    def flush(self):
        """Write all buffers of this process; a failure is logged, never raised."""
        for manager in self.managers:
            manager.flush()

    def finish(self):
        """Flush at the exit of the process; try for a while, and log what is lost."""
        end = time.monotonic() + EXIT_SECONDS
        self.flush()
        while any(manager.waiting for manager in self.managers):
            if time.monotonic() >= end:
                break
            time.sleep(0.1)
            self.flush()
        for manager in self.managers:
            manager.give_up()


flusher = Flusher()
os.register_at_fork(after_in_child=flusher.reset)
atexit.register(flusher.finish)


class Waiting:
    """The facts of this process that are not written yet, by identity.

    `merge(older, newer)` makes one fact of two about the same identity.
    """

    def __init__(self, merge):
        self._lock = threading.Lock()
        self._merge = merge
        self._facts = {}

    def __len__(self):
        return len(self._facts)

    def add(self, identity, fact):
        """Keep a fact until it is written."""
        with self._lock:
            if identity in self._facts:
                fact = self._merge(self._facts[identity], fact)
            self._facts[identity] = fact

    def take(self):
        """Return and remove all facts, as {identity: fact}."""
        with self._lock:
            taken, self._facts = self._facts, {}
        return taken

    def put_back(self, taken):
        """Return facts that could not be written; return how many had no room."""
        with self._lock:
            for identity, newer in self._facts.items():
                older = taken.get(identity)
                taken[identity] = newer if older is None else self._merge(older, newer)
            self._facts = dict(islice(taken.items(), MAX_WAITING))
        return len(taken) - len(self._facts)


class BufferedManager(FadingManager):
    """Buffers facts in the process; the flusher writes them, a few seconds later.

    Subclasses merge two facts in `merge` and write {identity: fact} in `store`.
    """

    def __init__(self):
        super().__init__()
        # Django copies managers; the copies share this.
        self.waiting = Waiting(self.merge)

    def contribute_to_class(self, cls, name):
        super().contribute_to_class(cls, name)
        flusher.managers.append(self)

    def merge(self, older, newer):
        """Return one fact for two about the same identity."""
        raise NotImplementedError

    def store(self, waiting):
        """Write {identity: fact}; runs in a transaction that does not wait for locks."""
        raise NotImplementedError

    def buffer(self, identity, fact):
        """Keep a fact; it is written within seconds."""
        self.waiting.add(identity, fact)
        flusher.wake()

    def flush(self):
        """Write what waits, and delete a few rows that are out of date."""
        if self.write():
            self.prune_alongside()

    def write(self):
        """Write what waits; return whether anything was written.

        When the database is busy or away, the facts wait for the next flush.
        """
        waiting = self.waiting.take()
        if not waiting:
            return False
        try:
            with without_waiting(self.db):
                self.store(waiting)
        except (OperationalError, InterfaceError) as error:
            self._postpone(waiting, error)
            return False
        except Error:
            self._log_loss(len(waiting))
            return False
        return True

    def give_up(self):
        """Drop what still waits, and say so in the log."""
        if lost := self.waiting.take():
            logger.error(LOST, len(lost), self.model.__name__)
            metrics.count_lost(len(lost))

    def _postpone(self, waiting, error):
        if lost := self.waiting.put_back(waiting):
            self._log_loss(lost)
        elif not is_lock_timeout(error):
            name = self.model.__name__
            logger.exception("Could not write %s yet; it is tried again.", name)

    def _log_loss(self, count):
        logger.exception(LOST, count, self.model.__name__)
        metrics.count_lost(count)


class CountingManager(BufferedManager):
    """Adds to counters: a row for each identity, with sums and latest values."""

    def __init__(self, identity, sums, latest=()):
        super().__init__()
        self.identity, self.sums, self.latest = identity, sums, latest

    def add(self, identity, sums, latest=()):
        """Count; `latest` values replace earlier ones unless they are None."""
        self.buffer(identity, (sums, latest))

    def merge(self, older, newer):
        sums = tuple(map(sum, zip(older[0], newer[0], strict=True)))
        pairs = zip(newer[1], older[1], strict=True)
        return sums, tuple(old if new is None else new for new, old in pairs)

    def store(self, waiting):
        self._upsert(waiting)

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
