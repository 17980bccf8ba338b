"""A background thread that sends what is queued in the database, one in each process."""

import logging
import os
import threading

from django.conf import settings
from django.db import Error, connections

from echopoint.core import context

logger = logging.getLogger(__name__)

POLL_SECONDS = 30  # for messages that wait to be tried again


class BackgroundSender:
    """Calls `send_due()` when woken, and every `POLL_SECONDS`.

    noun        what it sends, for the log
    send_due    sends all due messages
    is_wanted   whether there is anything to send at all
    """

    def __init__(self, noun, send_due, is_wanted):
        self.noun, self.send, self.is_wanted = noun, send_due, is_wanted
        self.reset()
        os.register_at_fork(after_in_child=self.reset)

    def reset(self):
        """Reset after a fork: threads and locks of the parent do not exist in the child."""
        self._starting = threading.Lock()
        self._woken = threading.Event()
        self._thread = None

    def start(self):
        """Start the thread, unless it is running or not wanted."""
        # Tests set None and send explicitly.
        seconds = getattr(settings, "SENDER_POLL_SECONDS", POLL_SECONDS)
        with self._starting:
            if self._thread is None and seconds is not None and self.is_wanted():
                self._thread = threading.Thread(
                    target=self.run, args=[seconds], name=self.noun, daemon=True
                )
                self._thread.start()

    def wake(self):
        """Send due messages now; a command leaves that to the servers.

        Its thread would end with it, possibly with a message half sent, which then waits
        for the end of its lease.
        """
        if not context.get_command():
            self.start()
            self._woken.set()

    def run(self, seconds):
        while True:
            self._woken.wait(seconds)
            self._woken.clear()
            self.send_due()

    def send_due(self):
        """Send due messages. Database errors are logged, because they would end the thread."""
        try:
            self.send()
        except Error as error:
            logger.warning(
                "%s: delayed, because the database does not answer (%s).",
                self.noun,
                type(error).__name__,
            )
        finally:
            connections.close_all()
