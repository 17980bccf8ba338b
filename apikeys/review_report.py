"""An access review as CSV: one line for each key."""

from apikeys.audit.export import BYTE_ORDER_MARK, as_line
from apikeys.db import keyset
from apikeys.representation import rfc3339

BATCH = 500  # keys that a statement reads
COLUMNS = (
    *("review", "key_id", "name", "outcome"),
    *("confirmed_at", "confirmed_by", "confirmed_own_key", "note"),
    *("scopes", "owner", "created_by", "last_used_at", "expires_at", "status_now"),
)


def as_csv(rows, order):
    """Yield the lines of the file (RFC 4180), starting with the column names."""
    yield BYTE_ORDER_MARK + as_line(COLUMNS)
    for batch in keyset.in_batches(rows, order, BATCH):
        for row in batch:
            yield as_line(cells(row))


def cells(row):
    """Return the scopes and owner as they were confirmed, or as they are now."""
    key, is_confirmed = row.key, row.confirmed_at is not None
    scopes = row.confirmed_scopes if is_confirmed else key.scopes
    owner = row.confirmed_owner_label if is_confirmed else key.owner_email
    return [
        row.review.number,
        key.rest_id,
        key.name,
        row.outcome,
        rfc3339(row.confirmed_at) or "",
        row.confirmed_by_label,
        row.own_words,
        row.note,
        " ".join(scopes),
        owner or "",
        key.created_by_label,
        rfc3339(key.last_used_at) or "",
        rfc3339(key.expires_at) or "",
        str(key.status()),
    ]
