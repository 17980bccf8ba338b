"""The policy of an organization: limits on its keys, and retention of its data."""

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction

from apikeys import timestamps
from apikeys.audit.wording import count_in_words
from apikeys.exceptions import InvalidKeyRequest, KeyConflict, ScopeDenied
from apikeys.models.audit import AuditEvent
from apikeys.scope_policy import require_scope_limits
from echopoint.core.locks import for_change
from echopoint.organizations.models import Organization

DEFAULT_OVERLAP = timedelta(days=7)
UPDATE = "policy:update"  # a permission of roles
LIMITS = (
    "default_lifetime_days",
    "max_lifetime_days",
    "allow_non_expiring",
    "max_overlap_days",
    "requests_per_minute",
    "keep_captured_requests_days",
    "keep_executions_days",
    "leak_action",
    "max_keys",
    "owner_scopes",
    "admin_scopes",
    "listed_scopes",
    "notice_days",
    "require_description",
    "require_contact",
    "review_every_days",
    "review_period_days",
    "unconfirmed_action",
)
# The setting that bounds a limit, and the reason in the message. 0 means unbounded.
SITE_LIMITS = {
    "requests_per_minute": (
        "API_MAX_REQUESTS_PER_MINUTE",
        "the maximum of this site for one key",
    ),
    "keep_captured_requests_days": (
        "KEEP_CAPTURED_REQUESTS_DAYS",
        "the maximum of this site for captured requests",
    ),
    "keep_executions_days": (
        "KEEP_EXECUTIONS_DAYS",
        "the maximum of this site for executions",
    ),
}
# Days before the end of a key on which people are warned, unless the policy has others.
NOTICE_DAYS = (30, 14, 7, 1)
DAY_OF_THE_END = 0  # always a day of notices
MAX_NOTICE_DAYS = 90
MAX_NOTICES = 10
DEFAULT = object()  # sentinel: use the organization's default (None means no expiry)


def expiry(organization, expires_in_days, *, at):
    """Return when a key issued at `at` expires, or None if it never does.

    `expires_in_days` is a whole number of days, None for no expiry, or `DEFAULT`.
    Raise `InvalidKeyRequest`, naming the limit, if the policy refuses it.
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


def notice_days(organization):
    """Return the days before the end of a key on which people are warned, descending.

    The last one is `DAY_OF_THE_END`.
    """
    days = organization.notice_days or NOTICE_DAYS
    return (*sorted(days, reverse=True), DAY_OF_THE_END)


def overlap(organization, requested):
    """Return how long both keys of a rotation work, a timedelta.

    `requested` is a timedelta, or None for seven days or the maximum of the policy. Raise
    `InvalidKeyRequest`, naming the limit, if the policy refuses it.
    """
    maximum = timedelta(days=organization.max_overlap_days)
    if requested is None:
        return min(DEFAULT_OVERLAP, maximum)
    if not timedelta(0) <= requested <= maximum:
        raise InvalidKeyRequest(
            "overlap_seconds",
            "This organization's policy allows an overlap of 0 to"
            f" {organization.max_overlap_days} days.",
            metadata={"minimum": 0, "maximum": int(maximum.total_seconds())},
        )
    return requested


def require_not_frozen(organization):
    """Raise `KeyConflict` while all keys of the organization are frozen."""
    if organization.frozen_at:
        since = timestamps.in_words(organization.frozen_at)
        raise KeyConflict(
            "ORGANIZATION_FROZEN",
            f"All keys of {organization.name} have been frozen since {since}. End the"
            " freeze first.",
        )


def locked(organization):
    """Lock the organization and return it with its current policy.

    Without the lock, keys that are issued at the same time could exceed the maximum, or
    follow a policy that was changed concurrently.
    """
    return for_change(Organization.objects).get(pk=organization.pk)


def require_room(organization, *, at):
    """Raise `KeyConflict` if the organization has as many keys as its policy allows.

    The result is reliable only while the organization is `locked`.
    """
    maximum = organization.max_keys
    if maximum and organization.api_keys.counted(at).has_as_many_as(maximum):
        raise KeyConflict("LIMIT_REACHED", no_room(organization))


def no_room(organization):
    """Return the message for an organization with the maximum number of keys."""
    return (
        f"{organization.name} has reached the maximum of its policy:"
        f" {count_in_words(organization.max_keys, 'key')}. Revoke a key that is no longer"
        " needed, or ask an owner to raise the maximum."
    )


def require_permission(organization, by):
    """Raise `FreshSignInRequired`, or `ScopeDenied` for an actor who cannot change it."""
    by.require_fresh()
    held = by.permissions_in(organization)
    if held is not None and UPDATE not in held:
        raise ScopeDenied(
            "Your role cannot change the policy.", required=[UPDATE], missing=[UPDATE]
        )


@transaction.atomic
def change(organization, *, by, **limits):
    """Set limits of the organization's policy; return whether any changed.

    Existing keys do not change. Raise `ScopeDenied` for an actor without the permission,
    and `InvalidKeyRequest` for invalid limits.
    """
    require_permission(organization, by)
    if unknown := limits.keys() - set(LIMITS):
        raise TypeError(f"Not limits of a policy: {sorted(unknown)}.")
    # Lock the current row. Otherwise concurrent changes could record wrong values in
    # `before`.
    row = locked(organization)
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
    """Return {limit: message} for limits that exceed those of the site."""
    wrong = {}
    for name, (setting, why) in SITE_LIMITS.items():
        most, value = getattr(settings, setting), getattr(organization, name)
        if most and value and value > most:
            wrong[name] = f"Enter {most} or less: {why}."
    return wrong


def require_limits(organization):
    """Raise `InvalidKeyRequest` for invalid limits."""
    for name, message in beyond_site(organization).items():
        raise InvalidKeyRequest(name, message)
    require_scope_limits(organization)
    require_notice_days(organization.notice_days)
    try:
        organization.full_clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        name = "max_lifetime_days" if field == NON_FIELD_ERRORS else field
        raise InvalidKeyRequest(name, messages[0]) from None


def require_notice_days(days):
    """Raise `InvalidKeyRequest` for days that are not distinct numbers from 1 to 90."""
    if days is None:
        return
    if not 1 <= len(days) <= MAX_NOTICES or len(set(days)) < len(days):
        raise InvalidKeyRequest(
            "notice_days", f"Enter 1 to {MAX_NOTICES} different days."
        )
    if not all(type(day) is int and 1 <= day <= MAX_NOTICE_DAYS for day in days):
        raise InvalidKeyRequest(
            "notice_days", f"Each day is a whole number from 1 to {MAX_NOTICE_DAYS}."
        )
