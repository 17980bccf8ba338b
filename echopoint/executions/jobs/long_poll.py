"""Requests that wait until there is something for them: how many, and what wakes them."""

import random
import socket
import threading
import time
from contextlib import contextmanager

from django.conf import settings
from django.db import connections

LOOK_EVERY = (0.8, 1.2)  # seconds; spread, so that not all look at once


class WaitingRoom:
    """The requests of this process that wait for something to be found.

    Each keeps a thread from answering others, so the seats are few, and who finds none
    looks once. Between two looks no database connection is held.
    """

    def __init__(self):
        self._condition = threading.Condition()
        self._taken = 0
        self._calls = 0
        self._closed = False

    def find(self, look, *, seconds, is_gone):
        """Return what `look()` finds within the seconds, or None.

        `is_gone()` tells whether the client has left: nothing is looked for then, as
        what is found would be lost.
        """
        until = time.monotonic() + seconds
        calls = self._calls
        found = look()
        if found is None and seconds:
            with self._seat() as seated:
                while found is None and seated and time.monotonic() < until:
                    release_connections()
                    self._sleep(calls, until)
                    if self._closed or is_gone():
                        break
                    calls = self._calls
                    found = look()
        return found

    def wake(self):
        """Let all who wait look now."""
        with self._condition:
            self._calls += 1
            self._condition.notify_all()

    def close(self):
        """Let nobody wait any more; who waits notices within a second or so.

        Takes no lock, as it is called in a signal handler.
        """
        self._closed = True

    @contextmanager
    def _seat(self):
        with self._condition:
            seated = self._taken < settings.RUNNER_MAX_WAITING
            self._taken += seated
        try:
            yield seated
        finally:
            with self._condition:
                self._taken -= seated

    def _sleep(self, calls, until):
        pause = random.uniform(*LOOK_EVERY)  # noqa: S311, it guards nothing
        with self._condition:
            # Who was called between its last look and now does not sleep.
            self._condition.wait_for(
                lambda: self._calls != calls, min(pause, until - time.monotonic())
            )


waiting_room = WaitingRoom()


def release_connections():
    """Give back this thread's connections, but none in the middle of a transaction."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def seconds_to_wait(request):
    """Return how long a request may wait: not at all where it is its process's only one."""
    alone = not request.META.get("wsgi.multithread")
    return 0 if alone else settings.RUNNER_POLL_SECONDS


def has_hung_up(request):
    """Whether the client has closed its connection, as far as the server lets us see."""
    connection = request.META.get("gunicorn.socket")
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except (AttributeError, BlockingIOError, ValueError):
        # No socket is known, nothing came since, or TLS hides what did.
        return False
    except OSError:
        return True
