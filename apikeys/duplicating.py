"""The settings of a key, to create another one like it."""

from typing import NamedTuple

from apikeys import policy
from apikeys.scope_policy import beyond, granted_by_role
from apikeys.scopes import missing


class Settings(NamedTuple):
    """The values of a new key, and which scopes of the old one are left out.

    `lifetime` is in days, None for no expiry. `networks` is empty for any address.
    """

    scopes: list[str]
    lapsed: list[str]
    refused: list[str]
    lifetime: int | None
    networks: list[str]
    has_unreadable_list: bool


def settings_like(key, membership):
    """Return the settings of the key that this member may give to a new one today."""
    lapsed = key.lapsed_scopes
    existing = [name for name in key.scopes if name not in lapsed]
    refused = missing(membership.permissions, existing)
    granted = granted_by_role(key.organization, membership.role)
    refused += beyond(granted, [name for name in existing if name not in refused])
    return Settings(
        scopes=[name for name in existing if name not in refused],
        lapsed=lapsed,
        refused=sorted(refused),
        lifetime=key.successor_lifetime(policy.DEFAULT),
        networks=key.allowed_networks or [],
        has_unreadable_list=key.is_restricted and not key.allowed_networks,
    )
