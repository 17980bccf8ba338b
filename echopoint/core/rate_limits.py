"""Requests per minute.

With REDIS_URL all processes share the counters, in the cache. Without it, and while Redis
does not answer, each process counts on its own. Windows are minutes of the clock, so a
request costs one increment.
"""

import threading
import time
from typing import NamedTuple

from django.conf import settings
from django.core.cache import cache

WINDOW = 60  # seconds


class RateLimit(NamedTuple):
    """A limit and its state in the current window.

    `quota` and `remaining` are requests, `reset` is the seconds until the next window.
    """

    name: str
    quota: int
    remaining: int
    reset: int
    is_exceeded: bool

    def fields(self):
        """Return the response headers (draft-ietf-httpapi-ratelimit-headers)."""
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.quota};w={WINDOW}',
            "RateLimit": f'"{self.name}";r={self.remaining};t={self.reset}',
        }


def is_shared():
    return bool(settings.REDIS_URL)


def hit(name, identity, quota, *, now=None):
    """Count a request and return its `RateLimit`; `now` is a Unix time in seconds."""
    window, elapsed = divmod(int(time.time() if now is None else now), WINDOW)
    if is_shared():
        count = increment(f"rate:{name}:{identity}:{window}")
    else:
        count = process_counts.increment(window, (name, identity))
    return RateLimit(
        name, quota, max(0, quota - count), WINDOW - elapsed, count > quota
    )


class ProcessCounts:
    """Counts of this process in one window."""

    def __init__(self):
        self._lock = threading.Lock()
        self.clear()

    def clear(self):
        self._window, self._counts = None, {}

    def increment(self, window, name):
        """Count once more in the window, and return the count. A new window drops the last."""
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            count = self._counts[name] = self._counts.get(name, 0) + 1
        return count


process_counts = ProcessCounts()


def increment(key):
    """Increment a counter in the cache, and return it."""
    try:
        return cache.incr(key)
    except ValueError:  # there is no count yet
        pass
    # The counter outlives its window, so that it cannot expire between these two calls.
    if cache.add(key, 1, 2 * WINDOW):
        return 1
    try:
        return cache.incr(key)
    except ValueError:  # evicted, or the cache just switched to its fallback
        return 1
