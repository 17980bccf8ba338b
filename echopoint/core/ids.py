"""Random text for public ids and secrets, in base62."""

import secrets

from echopoint.core.base62 import BASE62

ID_LENGTH = 16  # 95 bits


def random_base62(length: int) -> str:
    """Return `length` characters, each carrying 5.95 bits of the system's randomness."""
    return "".join(secrets.choice(BASE62) for _ in range(length))


def organization_id() -> str:
    """Return a new organization id, `org_…`."""
    return f"org_{random_base62(ID_LENGTH)}"


def user_id() -> str:
    """Return a new user id, `user_…`."""
    return f"user_{random_base62(ID_LENGTH)}"
