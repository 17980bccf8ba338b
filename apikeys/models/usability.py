"""Whether a key works: its status, and the refusals of a key that does not."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from apikeys.exceptions import KeyConflict, KeyRejected
from apikeys.models.querysets import WORKING

REVOKED = "This key is revoked; that is final."


class Usability(models.Model):
    """The part of a key that decides whether it works at a moment."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        RETIRING = "retiring", "Retiring"
        EXPIRED = "expired", "Expired"
        RETIRED = "retired", "Retired"
        SUSPENDED = "suspended", "Suspended"
        REVOKED = "revoked", "Revoked"

    class Meta:
        abstract = True

    @property
    def ends_at(self):
        """Return the time at which the key stops, or None."""
        return self.retire_at or self.expires_at

    def status(self, at=None):
        """Return the status at this moment.

        It is derived, not stored: nothing has to run when a date passes. A freeze of the
        organization suspends every key that would work otherwise.
        """
        own = self.own_status(at)
        return self.Status.SUSPENDED if own in WORKING and self.is_frozen else own

    def own_status(self, at=None):
        """Return the status as the key's own row has it, whether it is frozen or not."""
        at = at or timezone.now()
        if self.revoked_at:
            return self.Status.REVOKED
        if self.suspended_at:
            return self.Status.SUSPENDED
        if self.retire_at and at >= self.retire_at:
            return self.Status.RETIRED
        if self.expires_at and at >= self.expires_at:
            return self.Status.EXPIRED
        return self.Status.RETIRING if self.retire_at else self.Status.ACTIVE

    def has_ended(self, at=None):
        """Whether the key is revoked, expired or retired, also if it is suspended too.

        It must match `has_not_ended` of the querysets.
        """
        at = at or timezone.now()
        ends = [self.retire_at, self.expires_at]
        return bool(self.revoked_at) or any(end and end <= at for end in ends)

    def require_unrevoked(self):
        """Raise `KeyConflict` for a revoked key."""
        if self.revoked_at:
            raise KeyConflict("CONFLICT", REVOKED)

    @property
    def is_frozen(self):
        """Whether all keys of the organization are frozen."""
        return self.organization.frozen_at is not None

    @cached_property
    def state(self):
        """Return the status now, cached so that all parts of a page agree."""
        return self.status()

    @cached_property
    def own_state(self):
        """Return the own status now, cached like `state`."""
        return self.own_status()

    @property
    def works(self):
        """Whether the key works now, cached like `state`."""
        return self.state not in STOPPED

    @property
    def is_blocked(self):
        """Whether the operator blocks the key with API_KEYS_BLOCKED."""
        return self.rest_id in settings.API_KEYS_BLOCKED

    def require_usable(self, at=None):
        """Raise `KeyRejected` unless the key works at this moment."""
        # First: this is how an operator stops a key while the database takes no changes,
        # so it must not depend on the row.
        if self.is_blocked:
            raise KeyRejected(
                BLOCKED,
                "This API key is blocked by the operator of this Echopoint. Ask them.",
            )
        status = self.status(at)
        if status in STOPPED:
            since, advice = STOPPED[status]
            when = getattr(self, since)
            if when is None:  # not suspended itself
                when, advice = self.organization.frozen_at, FROZEN
            elif status == self.Status.SUSPENDED and self.leak_reported_at:
                advice = LEAKED
            raise KeyRejected(
                f"API_KEY_{status.upper()}",
                f"This API key was {status} on {when:%Y-%m-%d at %H:%M} UTC. {advice}"
                if status != self.Status.EXPIRED
                else f"This API key expired on {when:%Y-%m-%d at %H:%M} UTC. {advice}",
                metadata={since: when.isoformat().replace("+00:00", "Z")},
            )


BLOCKED = "API_KEY_BLOCKED"
LEAKED = "Its secret was reported as leaked. Ask an admin for another key."
FROZEN = "All keys of its organization are frozen. An admin can end the freeze."
STOPPED = {
    Usability.Status.REVOKED: (
        "revoked_at",
        "That is final: create another key and use it instead.",
    ),
    Usability.Status.SUSPENDED: (
        "suspended_at",
        "An admin of the organization can resume it.",
    ),
    Usability.Status.RETIRED: (
        "retire_at",
        "Its rotation is complete: use its successor instead.",
    ),
    Usability.Status.EXPIRED: (
        "expires_at",
        "Create another key and use it instead.",
    ),
}
