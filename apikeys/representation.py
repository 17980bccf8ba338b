"""A key as programs read it, from the commands and the REST API alike."""

from apikeys.models.verdict import Verdict


def describe(key) -> dict:
    """Return the key in the fields of the REST API; never its secret or its digest."""
    return {
        "id": key.rest_id,
        "name": key.name,
        "status": str(key.status()),
        "created_at": stamp(key.created_at),
        "expires_at": stamp(key.expires_at),
        "last_used_at": stamp(key.last_used_at),
        "permissions": key.scopes,
    }


def describe_rotation(key, at=None) -> dict | None:
    """Return the verdict on the key's rotation with its reasons, or None without one."""
    if not key.is_being_rotated(at):
        return None
    verdict = Verdict.of(key.rotation_facts(), at)
    return {
        "verdict": str(verdict.kind),
        "sentence": verdict.sentence,
        "until": stamp(verdict.until),
        "places": [describe_move(move) for move in verdict.moves],
    }


def describe_move(move) -> dict:
    """Return a place of the old key, and what was seen of it with the new one."""
    return {
        "place": move.label,
        "kind": move.kind,
        "state": str(move.state),
        "requests": move.old.requests,
        "first_seen_at": stamp(move.old.first),
        "last_seen_at": stamp(move.old.last),
        "longest_gap_seconds": int(move.old.gap.total_seconds()),
        "expected_at": stamp(move.expected_at),
        "silent_until": stamp(move.silent_until),
        "seen_with_successor_at": stamp(move.new and move.new.last),
    }


def stamp(at) -> str | None:
    """Return a moment in RFC 3339, in UTC."""
    return at and at.isoformat().replace("+00:00", "Z")
