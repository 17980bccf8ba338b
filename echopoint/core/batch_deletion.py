"""Delete rows in small transactions, so that other requests can run in between."""

import time

from django.db import transaction

BATCH = 100  # rows of one transaction
PAUSE = 0.02  # seconds between batches, so that other writers get SQLite's write lock


def delete_in_batches(rows):
    """Delete the rows of an ordered queryset, each batch in its own transaction.

    Return the number of rows deleted from the queryset's own table, without cascades.
    Rows locked by another transaction are skipped.
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
        # only("pk"): before a cascade Django loads the complete rows, megabytes each.
        rows.model._base_manager.using(rows.db).filter(pk__in=pks).only("pk").delete()
    return len(pks)
