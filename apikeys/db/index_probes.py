"""How a database gets at the keys that filters leave, when they are few among many.

For fifty keys in some order it can read in that order until it has met fifty, or fetch
all that a filter leaves and sort them. Which is less work it guesses, from statistics of
all organizations together, and a wrong guess reads a million keys. So each filter is
tried first, along its own index and only so far; when it leaves few, those are all.
"""

from django.db.models import Q
from django.utils import timezone

from apikeys.models.querysets import ENDS_AT, has_status

FEW = 5000
# Most indexes hold either the keys that are in use, or the revoked ones.
APART = (Q(revoked_at=None), Q(revoked_at__isnull=False))
# The column of the index of each status; that of active keys is in two ranges.
ALONG = {
    "retiring": "retire_at",
    "retired": "retire_at",
    "expired": "expires_at",
    "suspended": "suspended_at",
    "revoked": "created_at",
}


def few(filters):
    """Return the ids that the first narrow one of these leaves, or None if none is.

    Each is a list of querysets, which together are the keys that a filter leaves, each
    in the order of its index.
    """
    for parts in filters:
        ids = ids_of(parts)
        if ids is not None:
            return ids
    return None


def ids_of(parts):
    """Return the ids of the keys in all parts together, or None when they are many."""
    ids = []
    for part in parts:
        ids += part.values_list("pk", flat=True)[: FEW + 1 - len(ids)]
        if len(ids) > FEW:
            return None
    return ids


def by_status(keys, statuses):
    """Yield the keys in these statuses, each part along an index of its own."""
    conditions = has_status(timezone.now())
    for status in statuses:
        part = keys.filter(conditions[status])
        if status == "active":
            yield part.filter(expires_at__isnull=False).order_by(ENDS_AT)
            yield part.filter(expires_at=None).order_by(ENDS_AT, "pk")
        else:
            yield part.order_by(ALONG[status])


def along(keys, *order):
    """Return the keys in use and the revoked ones, each along an index of its kind."""
    return [keys.filter(half).order_by(*order) for half in APART]
