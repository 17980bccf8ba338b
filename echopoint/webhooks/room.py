"""Which captured requests are dropped so that a limit holds: the oldest of a webhook.

The bytes that it keeps are read once a minute, and counted in the cache since. Without
Redis each process counts only what it wrote itself, so a webhook can be over its limit
until they are read again.
"""

import time
from contextlib import suppress
from itertools import accumulate

from django.conf import settings
from django.core.cache import cache
from django.db.models import Sum

from echopoint.api.quotas import MEGABYTE, SUM_LIFETIME

MAX_CAPTURED_REQUESTS = 1000
BATCH = 100  # rows that one request drops at most
KEPT = 90  # percent of its bytes that a full webhook keeps


def too_many(webhook, growth):
    """Return the ids of the oldest beyond the limits, at most `BATCH` of them.

    growth  bytes that were just added
    """
    limit = getattr(settings, "WEBHOOK_MAX_CAPTURED_REQUESTS", MAX_CAPTURED_REQUESTS)
    most = settings.WEBHOOK_MAX_STORED_MEGABYTES * MEGABYTE
    newest_first = webhook.requests.order_by("-received_at", "-pk")
    sizes = newest_first.values_list("pk", "stored_bytes")
    if grown_sum(webhook, growth) <= most:
        return [pk for pk, _ in sizes[limit : limit + BATCH]]
    sizes = list(sizes[: limit + BATCH])
    total = sum(size for _, size in sizes)
    write_sum(webhook, total)
    # More than needed, so that not every request has to look at all of them.
    kept = most * KEPT // 100 if total > most else total
    return beyond(sizes, limit, kept)[-BATCH:]


def beyond(sizes, limit, most):
    """Return the ids of the rows, newest first, beyond so many rows or bytes.

    The newest is always within.
    """
    totals = accumulate(size for _, size in sizes)
    return [
        pk
        for n, ((pk, _), total) in enumerate(zip(sizes, totals, strict=True))
        if n and (n >= limit or total > most)
    ]


def to_replace(webhook, needed):
    """Return (a webhook, the ids of its oldest requests with so many bytes), or no ids.

    It is another webhook only if this one stores too little: whoever knows one address
    replaces what came to it. The largest has most of what fills the organization.
    """
    if pks := oldest_of(webhook, needed):
        return webhook, pks
    largest = largest_beside(webhook)
    return largest, oldest_of(largest, needed) if largest else []


def largest_beside(webhook):
    """Return the webhook of its organization that stores the most, or None."""
    webhooks = type(webhook).objects.filter(organization_id=webhook.organization_id)
    sized = webhooks.filter(requests__isnull=False).order_by()
    return sized.annotate(n=Sum("requests__stored_bytes")).order_by("-n", "pk").first()


def oldest_of(webhook, needed):
    """Return the ids of the oldest requests with so many bytes, or none if it has less."""
    oldest_first = webhook.requests.order_by("received_at", "pk")
    pks, freed = [], 0
    for pk, size in oldest_first.values_list("pk", "stored_bytes"):
        pks.append(pk)
        freed += size
        if freed >= needed:
            return pks
    return []


def sum_key(webhook):
    """Return the key of the sum in the cache, another each minute of the clock."""
    return f"webhook-bytes:{webhook.pk}:{int(time.time()) // SUM_LIFETIME}"


def grown_sum(webhook, growth):
    """Return the bytes that the webhook keeps, with those of a row just written."""
    try:
        return cache.incr(sum_key(webhook), growth)
    except ValueError:  # there is none yet, and the database has the row
        rows = webhook.requests.order_by()
        total = rows.aggregate(n=Sum("stored_bytes", default=0))["n"]
        write_sum(webhook, total)
        return total


def write_sum(webhook, total):
    """Set the sum to one that was just read."""
    # It outlives its minute, so that it cannot end before it is incremented.
    cache.set(sum_key(webhook), total, 2 * SUM_LIFETIME)


def shrink_sum(webhook, freed):
    """Take away the bytes of rows that were deleted."""
    with suppress(ValueError):
        cache.incr(sum_key(webhook), -freed)
