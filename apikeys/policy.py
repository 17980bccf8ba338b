"""How long keys live and overlap: the organization's policy, applied in one place."""

from datetime import timedelta

from apikeys.exceptions import InvalidKeyRequest

USUAL_OVERLAP = timedelta(days=7)
DEFAULT = object()  # no choice was made, which is not the same as None: no expiry


def expiry(organization, expires_in_days, *, at):
    """Return when a key issued at `at` expires, or None if it never does.

    `expires_in_days` is a whole number of days, None for no expiry, or `DEFAULT`.
    Raise `InvalidKeyRequest`, naming the limit, for what the policy refuses.
    """
    if expires_in_days is DEFAULT:
        expires_in_days = organization.default_lifetime_days
    if expires_in_days is None:
        if organization.allow_non_expiring:
            return None
        raise InvalidKeyRequest(
            "expires_in_days",
            "This organization's policy refuses keys without an expiry. Choose 1 to"
            f" {organization.max_lifetime_days} days.",
            metadata={"maximum": organization.max_lifetime_days},
        )
    if not 1 <= expires_in_days <= organization.max_lifetime_days:
        raise InvalidKeyRequest(
            "expires_in_days",
            "This organization's policy allows 1 to"
            f" {organization.max_lifetime_days} days.",
            metadata={"minimum": 1, "maximum": organization.max_lifetime_days},
        )
    return at + timedelta(days=expires_in_days)


def overlap(organization, wished):
    """Return how long both keys of a rotation work, a timedelta.

    `wished` is a timedelta, or None for seven days or what the policy allows. Raise
    `InvalidKeyRequest`, naming the limit, for what the policy refuses.
    """
    maximum = timedelta(days=organization.max_overlap_days)
    if wished is None:
        return min(USUAL_OVERLAP, maximum)
    if not timedelta(0) <= wished <= maximum:
        raise InvalidKeyRequest(
            "overlap_seconds",
            "This organization's policy allows an overlap of 0 to"
            f" {organization.max_overlap_days} days.",
            metadata={"minimum": 0, "maximum": int(maximum.total_seconds())},
        )
    return wished
