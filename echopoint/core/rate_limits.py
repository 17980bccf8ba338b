"""Requests per minute, counted in the cache.

With REDIS_URL all processes count together; without it, and while Redis does not answer,
each process counts by itself. Windows are minutes of the clock, so that one increment is
all that a request costs.
"""

import time
from typing import NamedTuple

from django.conf import settings
from django.core.cache import cache

WINDOW = 60  # seconds


class RateLimit(NamedTuple):
    """A limit, and what is left of it in the present window.

    `quota` and `remaining` are requests, `reset` is the seconds until the next window.
    """

    name: str
    quota: int
    remaining: int
    reset: int
    is_exceeded: bool

    def fields(self):
        """Return the response's fields (draft-ietf-httpapi-ratelimit-headers)."""
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.quota};w={WINDOW}',
            "RateLimit": f'"{self.name}";r={self.remaining};t={self.reset}',
        }


def is_shared():
    """Return whether all processes count together."""
    return bool(settings.REDIS_URL)


def hit(name, identity, quota, *, now=None):
    """Count a request and return its `RateLimit`; `now` is a Unix time in seconds."""
    window, elapsed = divmod(int(time.time() if now is None else now), WINDOW)
    count = increment(f"rate:{name}:{identity}:{window}")
    return RateLimit(
        name, quota, max(0, quota - count), WINDOW - elapsed, count > quota
    )


def increment(key):
    """Return the count with this request."""
    try:
        return cache.incr(key)
    except ValueError:  # there is no count yet
        pass
    # It outlives its window, so that it cannot end between these two.
    if cache.add(key, 1, 2 * WINDOW):
        return 1
    try:
        return cache.incr(key)
    except ValueError:  # the cache is full, or has just changed to the spare one
        return 1
