"""The organization's policy: how long keys live and overlap, how often they may call, and
how long what they made is kept."""

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction

from apikeys.exceptions import InvalidKeyRequest, ScopeDenied
from apikeys.models.audit import AuditEvent
from echopoint.core.locks import for_change
from echopoint.organizations.models import Organization

USUAL_OVERLAP = timedelta(days=7)
UPDATE = "policy:update"  # the permission of a role
LIMITS = (
    "default_lifetime_days",
    "max_lifetime_days",
    "allow_non_expiring",
    "max_overlap_days",
    "requests_per_minute",
    "keep_captured_requests_days",
    "keep_executions_days",
)
# The setting that bounds a limit, and what the site says of it; a setting of 0 bounds none.
SITE_LIMITS = {
    "requests_per_minute": (
        "API_MAX_REQUESTS_PER_MINUTE",
        "this site takes no more from one key",
    ),
    "keep_captured_requests_days": (
        "KEEP_CAPTURED_REQUESTS_DAYS",
        "this site keeps captured requests no longer",
    ),
    "keep_executions_days": (
        "KEEP_EXECUTIONS_DAYS",
        "this site keeps executions no longer",
    ),
}
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


@transaction.atomic
def change(organization, *, by, **limits):
    """Set these limits of the organization's policy; return whether any was another.

    Keys that live stay as they are. Raise `ScopeDenied` for who may not do this, and
    `InvalidKeyRequest` for limits that cannot be.
    """
    by.require_fresh()
    held = by.permissions_in(organization)
    if held is not None and UPDATE not in held:
        raise ScopeDenied(
            "Your role cannot change the policy.", required=[UPDATE], missing=[UPDATE]
        )
    if unknown := limits.keys() - set(LIMITS):
        raise TypeError(f"Not limits of a policy: {sorted(unknown)}.")
    # The row as it is now, and nobody else's change until this one is recorded.
    row = for_change(Organization.objects).get(pk=organization.pk)
    before = {n: getattr(row, n) for n in limits if getattr(row, n) != limits[n]}
    if not before:
        return False
    after = {name: limits[name] for name in before}
    for name, value in after.items():
        setattr(row, name, value)
    require_limits(row)
    row.save(update_fields=list(after))
    AuditEvent.objects.record(
        AuditEvent.Action.POLICY_UPDATED,
        organization=row,
        actor=by,
        target=("organization", row.pk, row.name),
        before=before,
        after=after,
    )
    organization.refresh_from_db(fields=LIMITS)
    return True


def beyond_site(organization):
    """Return what is wrong with limits beyond those of the site, as {limit: message}."""
    wrong = {}
    for name, (setting, why) in SITE_LIMITS.items():
        most, value = getattr(settings, setting), getattr(organization, name)
        if most and value and value > most:
            wrong[name] = f"Enter {most} or less: {why}."
    return wrong


def require_limits(organization):
    """Raise `InvalidKeyRequest` for limits that cannot be."""
    for name, message in beyond_site(organization).items():
        raise InvalidKeyRequest(name, message)
    try:
        organization.full_clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        name = "max_lifetime_days" if field == NON_FIELD_ERRORS else field
        raise InvalidKeyRequest(name, messages[0]) from None
