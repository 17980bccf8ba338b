"""Random base62 strings for public ids and secrets."""

import secrets

from echopoint.core.base62 import BASE62

ID_LENGTH = 16  # 95 bits


def random_base62(length: int) -> str:
    """Return `length` random characters, 5.95 bits each, from the system's CSPRNG."""
    return "".join(secrets.choice(BASE62) for _ in range(length))


def organization_id() -> str:
    return f"org_{random_base62(ID_LENGTH)}"


def user_id() -> str:
    return f"user_{random_base62(ID_LENGTH)}"
