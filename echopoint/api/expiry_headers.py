"""Response headers that say when the key of a request stops working.

The warning is a number, because clients can compare it without parsing a date. It is not in
the header Warning, which RFC 9111, section 5.5, made obsolete. Sunset (RFC 8594) is about the
resource, which stays.
"""

from datetime import UTC, timedelta

from django.utils import timezone

AT = "X-Api-Key-Expires-At"
IN_DAYS = "X-Api-Key-Expires-In-Days"
SOON = timedelta(days=14)
DESCRIPTIONS = {
    AT: "When the API key stops working: it expires, or its rotation ends. Absent if it"
    " has no end.",
    IN_DAYS: "Whole days until then, 0 on the last day. Sent only in the last 14 days, as a"
    " warning.",
}


def expiry_headers(key, at=None):
    """Return {name: value}; empty for a key without an end."""
    if key.ends_at is None:
        return {}
    ends_at = key.ends_at.astimezone(UTC).replace(microsecond=0, tzinfo=None)
    headers = {AT: f"{ends_at.isoformat()}Z"}
    left = key.ends_at - (at or timezone.now())
    if left < SOON:
        # Not negative: a request may end after its key did.
        headers[IN_DAYS] = str(max(left.days, 0))
    return headers
