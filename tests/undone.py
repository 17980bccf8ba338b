"""Undo what a part of a test did, so that the next part can use the same rows."""

from contextlib import contextmanager

from django.core.cache import cache
from django.db import transaction


@contextmanager
def undone():
    """Roll back the changes of the block, and start it with an empty cache."""
    cache.clear()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
