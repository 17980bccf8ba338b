"""Rows deleted a batch at a time, beside what goes on in the meantime."""

import time

from django.db import transaction

BATCH = 100  # rows of one transaction
PAUSE = 0.02  # seconds between two, in which others get SQLite's write lock


def delete_in_batches(rows):
    """Delete the rows of an ordered queryset, each batch in its own transaction.

    Return how many rows of the queryset's own table were deleted. Rows that another
    transaction has locked stay.
    """
    total = 0
    while deleted := delete_batch(rows):
        total += deleted
        time.sleep(PAUSE)
    return total


def delete_batch(rows):
    with transaction.atomic(using=rows.db):
        free = rows.select_for_update(of=("self",), skip_locked=True)
        pks = list(free.values_list("pk", flat=True)[:BATCH])
        # Of a row that takes others along, the whole would be read: it can be megabytes.
        rows.model._base_manager.using(rows.db).filter(pk__in=pks).only("pk").delete()
    return len(pks)
