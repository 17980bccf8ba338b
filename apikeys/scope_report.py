"""The report on the use of scopes as CSV: one line for each key and scope."""

from apikeys.audit.export import BYTE_ORDER_MARK, as_line
from apikeys.db import keyset
from apikeys.models import ScopeUse
from apikeys.models.scope_use import UNUSED_DAYS
from apikeys.representation import rfc3339

BATCH = 500  # keys that a statement reads
COLUMNS = (
    *("key_id", "name", "status", "created_by", "scope"),
    *("last_used_at", "recorded_since", f"unused_for_{UNUSED_DAYS}_days"),
)


def as_csv(organization, keys, order):
    """Yield the lines of the file (RFC 4180), starting with the column names."""
    yield BYTE_ORDER_MARK + as_line(COLUMNS)
    for batch in keyset.in_batches(keys, order, BATCH):
        uses = ScopeUse.objects.of_keys(organization, batch)
        for key in batch:
            for fact in uses[key.pk].facts:
                yield as_line(cells(key, fact))


def cells(key, fact):
    return [
        key.rest_id,
        key.name,
        str(key.status()),
        key.created_by_label,
        fact.name,
        rfc3339(fact.last_used_at) or "",
        rfc3339(fact.known_since),
        "yes" if fact.is_unused() else "no",
    ]
