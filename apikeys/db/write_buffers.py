"""In-memory write buffers, flushed to the database every few seconds by a thread.

A crash loses up to five seconds of counts. An exit loses them too if the database is
unavailable or locked for longer than `EXIT_SECONDS`. Audit events and `last_used_at` are
written synchronously; a use goes through a buffer only if its row is locked.
"""

import atexit
import logging
import os
import threading
import time
from itertools import islice
from operator import add

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connections

from apikeys.db.retention import RetentionManager
from echopoint.core.lock_timeouts import is_lock_timeout, without_waiting
from echopoint.core.metrics import metrics

logger = logging.getLogger(__name__)
LOST = "Lost %s unwritten entries of %s."

SECONDS = 5
EXIT_SECONDS = 5  # how long an exit retries
MAX_ENTRIES = 100_000  # per table, while the database is unavailable


class WriteBuffers:
    """All write buffers of this process, flushed by one background thread."""

    def __init__(self):
        self.managers = []
        self.reset()

    def reset(self):
        """Reset after a fork: threads and locks of the parent do not exist in the child."""
        self._lock = threading.Lock()
        self._timer = None

    def schedule_flush(self):
        """Flush in a few seconds, unless a flush is scheduled already."""
        # Without the lock, which every request would take. A flush clears the timer before
        # it takes the entries, so a timer seen here still has them before it.
        if self._timer is not None:
            return
        # Tests set None and flush explicitly.
        seconds = getattr(settings, "API_KEY_COUNT_SECONDS", SECONDS)
        with self._lock:
            if self._timer is None and seconds is not None:
                self._timer = threading.Timer(seconds, self.flush_in_background)
                # A plain thread would delay the exit of the process; `flush_at_exit`
                # writes the rest.
                self._timer.daemon = True
                self._timer.start()

    def flush_in_background(self):
        """Flush in the timer's thread, and close the connections of that thread."""
        # Cleared before the flush: an entry that is added during it must schedule the
        # next one, or it would stay until some later entry does.
        with self._lock:
            self._timer = None
        try:
            self.flush()
        finally:
            # Each timer has a thread of its own, whose connections would leak.
            connections.close_all()
        if self.has_pending():
            self.schedule_flush()

    def has_pending(self):
        return any(manager.pending for manager in self.managers)

    def flush(self):
        """Write all buffers; a failure is logged, never raised."""
        for manager in self.managers:
            manager.flush()

    def flush_at_exit(self):
        """Flush, retry for `EXIT_SECONDS`, and log the entries that are lost."""
        end = time.monotonic() + EXIT_SECONDS
        self.flush()
        while self.has_pending() and time.monotonic() < end:
            time.sleep(0.1)
            self.flush()
        for manager in self.managers:
            manager.discard_pending()


write_buffers = WriteBuffers()
os.register_at_fork(after_in_child=write_buffers.reset)
atexit.register(write_buffers.flush_at_exit)


class Buffer:
    """Unwritten entries of this process, one per identity.

    `merge(older, newer)` combines two entries of the same identity.
    """

    def __init__(self, merge):
        self._lock = threading.Lock()
        self._merge = merge
        self._entries = {}

    def __len__(self):
        return len(self._entries)

    def add(self, identity, entry):
        with self._lock:
            if identity in self._entries:
                entry = self._merge(self._entries[identity], entry)
            self._entries[identity] = entry

    def take_all(self):
        """Empty the buffer; return its entries as {identity: entry}."""
        # Swapped under the lock, written outside of it: a request that adds an entry
        # never waits for the database.
        with self._lock:
            taken, self._entries = self._entries, {}
        return taken

    def put_back(self, taken):
        """Put unwritten entries back; return how many exceed `MAX_ENTRIES`."""
        with self._lock:
            # Requests may have added entries since `take_all`. The returned ones are
            # older, so that the latest values stay the latest.
            for identity, newer in self._entries.items():
                older = taken.get(identity)
                taken[identity] = newer if older is None else self._merge(older, newer)
            self._entries = dict(islice(taken.items(), MAX_ENTRIES))
        return len(taken) - len(self._entries)


class BufferedManager(RetentionManager):
    """Manager whose writes go through a buffer and reach the database seconds later.

    Subclasses combine two entries in `merge` and write {identity: entry} in `store`.
    """

    def __init__(self):
        super().__init__()
        # Django copies managers shallowly, so all copies share this buffer.
        self.pending = Buffer(self.merge)

    def contribute_to_class(self, cls, name):
        super().contribute_to_class(cls, name)
        write_buffers.managers.append(self)

    def merge(self, older, newer):
        """Return one entry for two of the same identity."""
        raise NotImplementedError

    def store(self, entries):
        """Write {identity: entry}; runs in a transaction with a short lock timeout."""
        raise NotImplementedError

    def enqueue(self, identity, entry):
        """Add an entry to the buffer; it is written within seconds."""
        self.pending.add(identity, entry)
        write_buffers.schedule_flush()

    def flush(self):
        """Write the buffer, and delete a few expired rows."""
        if self.write_pending():
            self.prune_on_write()

    def write_pending(self):
        """Write the buffer; return whether anything was written.

        If the database is busy or unavailable, the entries stay for the next flush.
        """
        entries = self.pending.take_all()
        if not entries:
            return False
        try:
            # A flush that waits for a lock would hold its own row locks all the time, and
            # requests would queue behind it.
            with without_waiting(self.db):
                self.store(entries)
        except (OperationalError, InterfaceError) as error:
            self._put_back(entries, error)
            return False
        except Error:
            # The data is at fault, not the database: another attempt would fail too
            # and would block the entries behind it.
            self._log_loss(len(entries))
            return False
        return True

    def discard_pending(self):
        """Drop the unwritten entries and log the loss."""
        if lost := self.pending.take_all():
            logger.error(LOST, len(lost), self.model.__name__)
            metrics.count_lost(len(lost))

    def _put_back(self, entries, error):
        if lost := self.pending.put_back(entries):
            self._log_loss(lost)
        elif not is_lock_timeout(error):
            name = self.model.__name__
            logger.exception("Could not write %s yet; it is tried again.", name)

    def _log_loss(self, count):
        logger.exception(LOST, count, self.model.__name__)
        metrics.count_lost(count)


class CountingManager(BufferedManager):
    """Manager of counters: one row per identity, with sums and latest values."""

    def __init__(self, identity, sums, latest=()):
        super().__init__()
        self.identity, self.sums, self.latest = identity, sums, latest

    def add(self, identity, sums, latest=()):
        """Add to the sums; `latest` values replace earlier ones unless they are None."""
        self.enqueue(identity, (sums, latest))

    def merge(self, older, newer):
        sums = tuple(map(add, older[0], newer[0]))
        pairs = zip(newer[1], older[1], strict=True)
        return sums, tuple(old if new is None else new for new, old in pairs)

    def store(self, entries):
        # Raw SQL: Django's bulk_create() can replace values on conflict, but not add
        # to them, and reading rows first would lose counts of concurrent processes.
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
            # Every process locks rows in the same order, or two of them could deadlock.
            for identity, (sums, latest) in sorted(entries.items(), key=repr)
        ]
        with connection.cursor() as cursor:
            cursor.executemany(self._upsert_statement(connection, fields), rows)

    def _upsert_statement(self, connection, fields):
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
