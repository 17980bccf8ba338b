"""A key as it is told to programs, by the commands and the REST API alike."""


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


def stamp(at) -> str | None:
    """Return a moment in RFC 3339, in UTC."""
    return at and at.isoformat().replace("+00:00", "Z")
