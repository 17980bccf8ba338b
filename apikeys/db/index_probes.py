"""Help the query planner with selective filters.

PostgreSQL keeps statistics for the whole table, not per organization, so for `ORDER BY …
LIMIT 50` it may scan a million rows. Each filter is probed on its own index first; if it
matches at most `MAX_IDS` rows, the list is restricted to those ids.
"""

from django.db import connections
from django.db.models import BooleanField, F, Func, Q, Value
from django.utils import timezone

from apikeys.models.querysets import ENDS_AT, has_status

MAX_IDS = 5000
# Most indexes are partial: they hold either the live keys or the revoked ones. A query
# without one of these conditions can use neither.
LIVE_OR_REVOKED = (Q(revoked_at=None), Q(revoked_at__isnull=False))
# The column of the index of each status. Active keys are in two ranges, see below.
STATUS_INDEX_COLUMNS = {
    "retiring": "retire_at",
    "retired": "retire_at",
    "expired": "expires_at",
    "suspended": "suspended_at",
    "revoked": "created_at",
}


class IsAnyOf(Func):
    """Whether a column has one of the values of an array: one parameter, however many."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = BooleanField()


def with_ids(rows, ids):
    """Return only the rows with these primary keys.

    `pk__in` has a parameter for each id. With thousands, PostgreSQL and its driver spend
    more time on those than on the rows.
    """
    if not ids:
        return rows.none()
    if connections[rows.db].vendor != "postgresql":
        return rows.filter(pk__in=ids)
    return rows.filter(IsAnyOf(F("pk"), Value(ids)))


def selective_ids(filters, maximum=None):
    """Return the ids that the first selective filter matches, or None.

    Each filter is a list of querysets. Together they are the keys that it matches; each
    is in the order of its index.
    """
    for parts in filters:
        ids = probe(parts, maximum or MAX_IDS)
        if ids is not None:
            return ids
    return None


def probe(parts, maximum):
    """Return the ids of the keys in all parts, or None if there are more than `maximum`."""
    ids = []
    for part in parts:
        # LIMIT bounds the work. Without it, a filter that matches a million keys would
        # read them all before it is rejected.
        ids += part.values_list("pk", flat=True)[: maximum + 1 - len(ids)]
        if len(ids) > maximum:
            return None
    return ids


def status_parts(keys, statuses):
    """Yield the keys in these statuses, in parts that each have an index.

    Sorting by the column of an index makes that index the cheapest way to the first rows.
    Unsorted, the planner may estimate that a scan of the table is cheaper.
    """
    conditions = has_status(timezone.now())
    for status in keys.own_statuses(statuses):
        part = keys.filter(conditions[status])
        if status == "active":
            # "expires_at IS NULL OR expires_at > now" is two ranges of the index. As one
            # query the planner would scan all live keys.
            yield part.filter(expires_at__isnull=False).order_by(ENDS_AT)
            yield part.filter(expires_at=None).order_by(ENDS_AT, "pk")
        else:
            yield part.order_by(STATUS_INDEX_COLUMNS[status])


def live_and_revoked_parts(keys, *order):
    """Return the live keys and the revoked ones, each in the order of its index.

    A half that the keys exclude is left out: PostgreSQL would read all of it in vain.
    """
    if keys.are_revoked is not None:
        return [keys.order_by(*order)]
    return [keys.filter(half).order_by(*order) for half in LIVE_OR_REVOKED]
