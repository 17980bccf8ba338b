"""Responses whose time must not reveal what was found."""

import time
from contextlib import contextmanager


@contextmanager
def rounded_up_to(seconds):
    """Sleep at the end until a multiple of so many seconds has passed; 0 never sleeps.

    A block that takes longer waits for the next multiple, because adding a fixed delay
    would preserve the difference.
    """
    started = time.monotonic()
    yield
    if seconds:
        time.sleep((started - time.monotonic()) % seconds)
