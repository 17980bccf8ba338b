"""Keys as JSON, the same in the commands and the REST API."""

from apikeys.models.verdict import Verdict


def describe(key) -> dict:
    """Return the key in the fields of the REST API, without its secret and digest."""
    return {
        "id": key.rest_id,
        "name": key.name,
        "status": str(key.status()),
        "created_at": rfc3339(key.created_at),
        "expires_at": rfc3339(key.expires_at),
        "last_used_at": rfc3339(key.last_used_at),
        "permissions": key.scopes,
        "allowed_networks": key.allowed_networks,
        "owner_email": key.owner_email,
        "contact_email": key.contact_email or None,
        "description": key.description or None,
    }


def describe_rotation(key, at=None) -> dict | None:
    """Return the verdict on the key's rotation, or None if it is not being rotated."""
    if not key.is_being_rotated(at):
        return None
    verdict = Verdict.of(key.rotation_facts(), at)
    return {
        "verdict": str(verdict.kind),
        "sentence": verdict.sentence,
        "until": rfc3339(verdict.until),
        "places": [describe_move(move) for move in verdict.moves],
    }


def describe_move(move) -> dict:
    """Return a place of the old key with its uses of either key."""
    return {
        "place": move.label,
        "kind": move.kind,
        "state": str(move.state),
        "requests": move.old.requests,
        "first_seen_at": rfc3339(move.old.first),
        "last_seen_at": rfc3339(move.old.last),
        "longest_gap_seconds": int(move.old.gap.total_seconds()),
        "expected_at": rfc3339(move.expected_at),
        "silent_until": rfc3339(move.silent_until),
        "seen_with_successor_at": rfc3339(move.new and move.new.last),
    }


def rfc3339(at) -> str | None:
    """Return the time in RFC 3339, in UTC, or None."""
    return at and at.isoformat().replace("+00:00", "Z")
