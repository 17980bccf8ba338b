"""Skip a server for a while after it failed, instead of waiting for it each time."""

import logging
import threading
import time

logger = logging.getLogger(__name__)

RETRY_AFTER = 10  # seconds until the server is tried again


class CircuitBreaker:
    """Says whether a server may be called, and logs when it fails and when it is back.

    `unreachable` has a %s for the class of the error. One for the process: Django makes a
    connection for each thread.
    """

    def __init__(self, unreachable, recovered):
        self.unreachable, self.recovered = unreachable, recovered
        self.retry_at = 0.0
        self.is_open = False
        self.lock = threading.Lock()

    def allows_call(self):
        """Return True if the server may be called. While open, one thread per pause may try."""
        if not self.is_open:
            return True
        with self.lock:
            now = time.monotonic()
            if now < self.retry_at:
                return False
            self.retry_at = now + RETRY_AFTER
            return True

    def record_failure(self, error):
        with self.lock:
            was_open, self.is_open = self.is_open, True
            self.retry_at = time.monotonic() + RETRY_AFTER
        if not was_open:
            # Only the class: the message may contain the address.
            logger.warning(self.unreachable, type(error).__name__)

    def record_success(self):
        if self.is_open:
            with self.lock:
                was_open, self.is_open = self.is_open, False
            if was_open:
                logger.warning(self.recovered)
