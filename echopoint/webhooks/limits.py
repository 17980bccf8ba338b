"""Selects the oldest captured requests to delete when a webhook is over its limits.

The stored bytes of a webhook are read once a minute and updated in the cache. Without Redis,
each process counts only its own writes, so a webhook can be over its limit for a minute.
"""

from itertools import accumulate

from django.conf import settings
from django.db.models import Sum

from echopoint.api.quotas import MEGABYTE, CachedSum

MAX_CAPTURED_REQUESTS = 1000
MAX_DROPPED_AT_ONCE = 100  # rows deleted per received request
STORED_BYTES = CachedSum("webhook-bytes")
TRIM_PERCENT = 90  # percent of its limit that a full webhook keeps


def requests_to_drop(webhook, growth):
    """Return the ids of the oldest rows over the limits, at most MAX_DROPPED_AT_ONCE.

    growth  bytes that were just added
    """
    max_rows = getattr(settings, "WEBHOOK_MAX_CAPTURED_REQUESTS", MAX_CAPTURED_REQUESTS)
    max_bytes = settings.WEBHOOK_MAX_STORED_MEGABYTES * MEGABYTE
    newest_first = webhook.requests.order_by("-received_at", "-pk")
    sizes = newest_first.values_list("pk", "stored_bytes")
    if stored_bytes_with(webhook, growth) <= max_bytes:
        return [pk for pk, _ in sizes[max_rows : max_rows + MAX_DROPPED_AT_ONCE]]
    sizes = list(sizes[: max_rows + MAX_DROPPED_AT_ONCE])
    total = sum(size for _, size in sizes)
    STORED_BYTES.store(webhook.pk, total)
    # Trim to less than the limit. If it were trimmed to the limit, each further request
    # would be over it and would read the sizes of all rows.
    max_kept_bytes = max_bytes * TRIM_PERCENT // 100 if total > max_bytes else total
    # The oldest are at the end.
    return rows_over_limit(sizes, max_rows, max_kept_bytes)[-MAX_DROPPED_AT_ONCE:]


def rows_over_limit(sizes, max_rows, max_bytes):
    """Return the ids of the rows over a limit; `sizes` are (id, bytes), newest first.

    The newest row is never over the limit, however large it is.
    """
    totals = accumulate(size for _, size in sizes)
    return [
        pk
        for n, ((pk, _), total) in enumerate(zip(sizes, totals, strict=True))
        if n and (n >= max_rows or total > max_bytes)
    ]


def requests_to_replace(webhook, needed):
    """Return (webhook, ids of its oldest requests with `needed` bytes), or (…, []).

    The requests of this webhook are preferred: a sender who knows one address should replace
    the requests sent to it, not those of other webhooks. If it stores too little, the largest
    webhook of the organization is used.
    """
    if pks := oldest_requests(webhook, needed):
        return webhook, pks
    largest = largest_webhook(webhook)
    return largest, oldest_requests(largest, needed) if largest else []


def largest_webhook(webhook):
    """Return the webhook of the same organization with the most stored bytes, or None."""
    webhooks = type(webhook).objects.filter(organization_id=webhook.organization_id)
    sized = webhooks.filter(requests__isnull=False).order_by()
    return sized.annotate(n=Sum("requests__stored_bytes")).order_by("-n", "pk").first()


def oldest_requests(webhook, needed):
    """Return the ids of the oldest requests with `needed` bytes; [] if there are fewer."""
    oldest_first = webhook.requests.order_by("received_at", "pk")
    pks, freed = [], 0
    for pk, size in oldest_first.values_list("pk", "stored_bytes"):
        pks.append(pk)
        freed += size
        if freed >= needed:
            return pks
    return []


def stored_bytes_with(webhook, growth):
    """Add the bytes of a row just written; return the stored bytes of the webhook."""
    total = STORED_BYTES.add(webhook.pk, growth)
    if total is None:  # the database includes the new row
        rows = webhook.requests.order_by()
        total = rows.aggregate(n=Sum("stored_bytes", default=0))["n"]
        STORED_BYTES.store(webhook.pk, total)
    return total
