"""Long polling with a bounded number of threads."""

import random
import socket
import threading
import time
from contextlib import contextmanager

from django.conf import settings
from django.db import connections

# Seconds; random, so that the waiting requests do not all query at the same moment.
POLL_INTERVAL = (0.8, 1.2)


class LongPoll:
    """The requests of this process that wait for a row to appear.

    Each waiting request blocks a worker thread, so at most RUNNER_MAX_WAITING may wait;
    any further request polls once and returns.
    """

    def __init__(self):
        self._condition = threading.Condition()
        self._slots_used = 0
        self._wakeups = 0
        self._closed = False

    def wait_for(self, poll, *, seconds, is_gone):
        """Call `poll()` until it returns a value; return None after so many seconds.

        `is_gone()` returns True once the client has disconnected. Polling stops then:
        a job that is claimed for a closed connection would be lost until its lease
        expires.
        """
        until = time.monotonic() + seconds
        wakeups = self._wakeups
        found = poll()
        if found is None and seconds:
            with self._slot() as has_slot:
                while found is None and has_slot and time.monotonic() < until:
                    # Otherwise every waiting thread would hold an idle database
                    # connection, and few of them would exhaust the server's limit.
                    release_connections()
                    self._sleep(wakeups, until)
                    if self._closed or is_gone():
                        break
                    wakeups = self._wakeups
                    found = poll()
        return found

    def wake(self):
        """Let all waiting requests of this process poll now.

        Other processes notice a new row at their next poll.
        """
        with self._condition:
            self._wakeups += 1
            self._condition.notify_all()

    def close(self):
        """End all waiting, within about a second. For the shutdown of the process.

        Takes no lock: it is called in a signal handler, which may interrupt the thread
        that holds the lock, and would then deadlock.
        """
        self._closed = True

    @contextmanager
    def _slot(self):
        with self._condition:
            has_slot = self._slots_used < settings.RUNNER_MAX_WAITING
            self._slots_used += has_slot
        try:
            yield has_slot
        finally:
            with self._condition:
                self._slots_used -= has_slot

    def _sleep(self, wakeups, until):
        pause = random.uniform(*POLL_INTERVAL)  # noqa: S311, it guards nothing
        with self._condition:
            # Do not sleep if wake() was called since the last poll: its notification
            # came before this thread waited, and is gone.
            self._condition.wait_for(
                lambda: self._wakeups != wakeups, min(pause, until - time.monotonic())
            )


job_poll = LongPoll()


def release_connections():
    """Close this thread's database connections, except inside a transaction."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def poll_seconds(request):
    """How long the request may wait; 0 in a server with a single thread."""
    # There, a waiting request would block all others, including the launch it waits for.
    is_single = not request.META.get("wsgi.multithread")
    return 0 if is_single else settings.RUNNER_POLL_SECONDS


def is_disconnected(request):
    """Whether the client has closed its connection, as far as the server can see."""
    connection = request.META.get("gunicorn.socket")
    try:
        # MSG_PEEK leaves the byte in place: it may belong to a pipelined request.
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except (AttributeError, BlockingIOError, ValueError):
        # Another server than gunicorn; an open connection without data; or TLS, whose
        # sockets allow no flags.
        return False
    except OSError:
        return True
