"""Freeze all keys of an organization, and end the freeze.

A freeze is a column of the organization's row, which the query of every request with a key
reads anyway. So it takes effect in one statement for a million keys, also for a key that is
issued at the same moment, and ending it gives each key back the state of its own row.
"""

from django.db import transaction
from django.utils import timezone

from apikeys.exceptions import ScopeDenied
from apikeys.models.audit import AuditEvent
from apikeys.models.naming import require_text
from echopoint.core.locks import for_change
from echopoint.organizations.models import Organization

FREEZE = "api_key:delete"  # the permission of a role to stop a single key
MAX_COUNTED = 100_000  # keys; bounds the time that counting them adds to an emergency


@transaction.atomic
def freeze(organization, *, by, reason="", at=None):
    """Stop every key of the organization until the freeze ends; return whether this call did.

    Meanwhile keys can be suspended, resumed and revoked, but not issued or rotated. Raise
    `ScopeDenied` for an actor without the permission, `InvalidKeyRequest` for the reason.
    """
    row = _locked(organization, by, reason)
    if row.frozen_at:
        _refresh(organization)
        return False
    row.frozen_at = at or timezone.now()
    row.frozen_by_label, row.freeze_reason = by.label, reason
    row.save(update_fields=["frozen_at", "frozen_by_label", "freeze_reason"])
    _record(AuditEvent.Action.FROZEN, row, by, row.frozen_at, reason=reason)
    _refresh(organization)
    return True


@transaction.atomic
def unfreeze(organization, *, by, reason="", at=None):
    """End the freeze; return whether this call did.

    Keys that were suspended before it or during it stay suspended.
    """
    row = _locked(organization, by, reason)
    if not row.frozen_at:
        _refresh(organization)
        return False
    since = row.frozen_at.isoformat()
    row.frozen_at, row.frozen_by_label, row.freeze_reason = None, "", ""
    row.save(update_fields=["frozen_at", "frozen_by_label", "freeze_reason"])
    at = at or timezone.now()
    _record(AuditEvent.Action.UNFROZEN, row, by, at, reason=reason, since=since)
    _refresh(organization)
    return True


def count_usable(organization, at=None):
    """Return how many keys would work without a freeze, and whether there are more.

    At most `MAX_COUNTED` are counted.
    """
    keys = organization.api_keys.usable(at).order_by()[: MAX_COUNTED + 1].count()
    return min(keys, MAX_COUNTED), keys > MAX_COUNTED


def _locked(organization, by, reason):
    """Return the organization's row, locked, once the actor may freeze it."""
    by.require_fresh()
    held = by.permissions_in(organization)
    if held is not None and FREEZE not in held:
        raise ScopeDenied(
            "Your role cannot freeze keys.", required=[FREEZE], missing=[FREEZE]
        )
    require_text("reason", reason, Organization, column="freeze_reason")
    return for_change(Organization.objects).get(pk=organization.pk)


def _record(action, row, by, at, **details):
    keys, has_more = count_usable(row, at)
    if has_more:
        details["has_more"] = True
    AuditEvent.objects.record(
        action,
        organization=row,
        actor=by,
        target=("organization", row.pk, row.name),
        at=at,
        keys=keys,
        **details,
    )


def _refresh(organization):
    organization.refresh_from_db(
        fields=["frozen_at", "frozen_by_label", "freeze_reason"]
    )
