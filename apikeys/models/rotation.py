"""Rotation: issue a successor, put it to use, retire the old key."""

from datetime import timedelta

from django.db import models, transaction
from django.utils import timezone

from apikeys import policy
from apikeys.exceptions import InvalidKeyRequest, KeyConflict
from apikeys.last_execution import last_execution
from apikeys.models.audit import AuditEvent
from apikeys.models.moves import RotationFacts, unplaced_span
from apikeys.models.ownership import member_with_email
from apikeys.models.querysets import unexpired
from apikeys.scopes import canonical, missing
from echopoint.core.locks import for_change
from echopoint.core.redaction import cleaned

Action = AuditEvent.Action
REPLACED = "Replaced after its secret was reported as leaked."


class Rotation(models.Model):
    """The part of a key that replaces it by a successor.

    active --rotate--> retiring, with a successor --retire_at passes, or retire--> retired
    retired --unretire, until the chosen overlap ends--> retiring
    retiring --cancel_rotation, if the successor was never used--> active

    Every verb locks the row before it reads the state. Without the lock, two concurrent
    rotations would issue two successors.
    """

    class Meta:
        abstract = True

    @property
    def successor(self):
        """Return the unrevoked key that replaces this one, or None."""
        # With the organization: the status depends on it.
        keys = self.successors.select_related("organization")
        return keys.filter(revoked_at=None).first()

    def is_being_rotated(self, at=None):
        """Whether the overlap is still running, also while the key is suspended."""
        at = at or timezone.now()
        return bool(self.retire_at) and at < self.retire_at and not self.revoked_at

    @transaction.atomic
    def rotate(
        self,
        *,
        by,
        overlap=None,
        scopes=None,
        expires_in_days=policy.DEFAULT,
        description="",
        owner_email=None,
        contact_email="",
        at=None,
    ):
        """Issue a successor; return it with its secret, which is not stored.

        Both keys work for `overlap`, a timedelta, by default seven days or what the
        policy allows. The successor has the same name, organization and family, the
        same scopes or a subset in `scopes`, and the same lifetime, within the policy. It
        has the same description, owner and contact, unless others are given.
        A key that is suspended after a leak is revoked, without an overlap. Raise
        `KeyConflict` for any other key that is not active, `InvalidKeyRequest` for values
        that the policy refuses.
        """
        by.require_fresh()
        at = at or timezone.now()
        # Lock order: the organization, the new owner's membership, then the key. The lock
        # of the key also prevents its present owner from leaving.
        policy.locked(self.organization)
        member_with_email(self.organization, owner_email)
        key = for_change(type(self).objects).get(pk=self.pk)
        key.require_rotatable(at)
        if key.is_stopped_leak:
            overlap = key.overlap_of_leaked(overlap)
        retire_at = at + policy.overlap(key.organization, overlap)
        key.retire_at = min(retire_at, key.expires_at or retire_at)
        key.overlap_ends_at = key.retire_at
        # Before the successor is issued: the unique index on names exempts retiring keys,
        # and the successor has the same name.
        key.save(update_fields=["retire_at", "overlap_ends_at"])
        successor, secret = type(self).objects.issue(
            organization=key.organization,
            name=key.name,
            scopes=key.successor_scopes(scopes),
            expires_in_days=key.successor_lifetime(expires_in_days),
            description=description,
            owner_email=owner_email,
            contact_email=contact_email,
            rotated_from=key,
            by=by,
            at=at,
        )
        key.record(
            Action.ROTATED,
            by,
            at=at,
            successor=successor.rest_id,
            retire_at=key.retire_at.isoformat(),
            scopes=successor.scopes,
            dropped=key.lapsed_scopes,
        )
        if key.is_stopped_leak:
            # It must not be resumed any more.
            key.revoke(by=by, reason=REPLACED, at=at)
        self.refresh_from_db()
        return successor, secret

    rotate.alters_data = True

    def inherit(self, predecessor):
        """Copy the values that a rotation does not set, and those that it left empty."""
        self.family_id = predecessor.family_id
        self.namesake = predecessor.namesake
        self.requests_per_minute = predecessor.requests_per_minute
        self.description = self.description or predecessor.description
        self.owner = self.owner or predecessor.owner
        self.contact_email = self.contact_email or predecessor.contact_email

    @property
    def is_stopped_leak(self):
        """Whether the key is suspended, and was reported as leaked."""
        return bool(self.leak_reported_at and self.suspended_at and not self.revoked_at)

    def overlap_of_leaked(self, requested):
        """Return an overlap of zero; raise `InvalidKeyRequest` if another one is requested."""
        if requested:
            raise InvalidKeyRequest(
                "overlap_seconds",
                "This key was reported as leaked: it does not work during an overlap.",
                metadata={"maximum": 0},
            )
        return timedelta(0)

    def require_rotatable(self, at):
        """Raise `KeyConflict` unless a rotation can begin."""
        policy.require_not_frozen(self.organization)
        status = self.status(at)
        if status == self.Status.RETIRING:
            raise KeyConflict(
                "ROTATION_IN_PROGRESS",
                "This key is already being rotated. Retire it or cancel the rotation"
                " first.",
            )
        if self.is_replaceable_leak(at):
            return
        if status != self.Status.ACTIVE:
            advice = self.advice_instead_of_rotating(status, at)
            raise KeyConflict("CONFLICT", f"This key is {status}. {advice}")

    def is_replaceable_leak(self, at=None):
        """Whether the key is suspended after a leak, and a rotation can replace it."""
        at = at or timezone.now()
        has_expired = bool(self.expires_at) and self.expires_at <= at
        return self.is_stopped_leak and not self.retire_at and not has_expired

    def advice_instead_of_rotating(self, status, at):
        if status == self.Status.RETIRED:
            return "Rotate its successor instead."
        if status != self.Status.SUSPENDED:
            return "It cannot be rotated. Create another."
        if self.ends_at and self.ends_at <= at:
            return "It has also expired, so resuming it does not help. Create another."
        if self.retire_at and self.is_stopped_leak:
            return "It was reported as leaked, and has a successor already. Revoke it."
        if self.retire_at:
            return "It is already being rotated. Resume it to continue the rotation."
        return "Resume it before you rotate it."

    def successor_scopes(self, scopes):
        """Return `scopes`, or this key's scopes that are still in the catalog.

        A rotation never adds scopes. Raise `InvalidKeyRequest`.
        """
        if scopes is None:
            if existing := [name for name in self.scopes if canonical(name)]:
                return existing
            raise InvalidKeyRequest(
                "scopes",
                "All scopes of this key were removed from the scope catalog. Create a key"
                " with the scopes you need now.",
            )
        if wider := missing(self.scopes, scopes):
            raise InvalidKeyRequest(
                "scopes",
                "A rotation can remove scopes, not add them:"
                f" {', '.join(cleaned(name)[:60] for name in wider[:5])}. Create a key for those.",
            )
        return list(scopes)

    def successor_lifetime(self, expires_in_days):
        """Return the successor's lifetime in days, None for no expiry."""
        if expires_in_days is not policy.DEFAULT:
            return expires_in_days
        if self.expires_at is None and self.organization.allow_non_expiring:
            return None
        maximum = self.organization.max_lifetime_days
        if self.expires_at is None:
            return maximum
        # At least one day: an operator may have set a lifetime of hours in the database.
        return min(max((self.expires_at - self.created_at).days, 1), maximum)

    @transaction.atomic
    def retire(self, *, by, at=None):
        """End the overlap now; return whether this call did.

        Raise `KeyConflict` for a key that is not being rotated.
        """
        by.require_fresh()
        at = at or timezone.now()
        key = for_change(type(self).objects).get(pk=self.pk)
        if key.status(at) == self.Status.RETIRED:
            return False
        policy.require_not_frozen(key.organization)
        if key.status(at) != self.Status.RETIRING:
            raise KeyConflict(
                "CONFLICT",
                "This key is not being rotated. Rotate it first, or revoke it.",
            )
        # Older rotations did not record the chosen overlap, only `retire_at`.
        key.overlap_ends_at = key.overlap_ends_at or key.retire_at
        key.retire_at = at
        key.save(update_fields=["retire_at", "overlap_ends_at"])
        key.record(Action.RETIRED, by, at=at, successor=key.successor_id_or_none())
        self.refresh_from_db()
        return True

    retire.alters_data = True

    @transaction.atomic
    def unretire(self, *, by, at=None):
        """Undo retire(): the key works again until the end of the chosen overlap.

        Return whether this call did. Raise `KeyConflict` if the overlap is over or the
        key was not retired, or if it has no successor and there is no room for it.
        """
        by.require_fresh()
        at = at or timezone.now()
        current = policy.locked(self.organization)  # lock order: before the key
        key = for_change(type(self).objects).get(pk=self.pk)
        if key.status(at) == self.Status.RETIRING:
            return False
        key.require_unretirable(at)
        if not key.is_replaced(at):
            policy.require_room(current, at=at)
        key.retire_at = key.overlap_ends_at
        key.save(update_fields=["retire_at"])
        key.record(
            Action.UNRETIRED,
            by,
            at=at,
            successor=key.successor_id_or_none(),
            retire_at=key.retire_at.isoformat(),
        )
        self.refresh_from_db()
        return True

    unretire.alters_data = True

    def can_be_unretired(self, at=None):
        """Whether the key is retired and the chosen overlap is not over."""
        at = at or timezone.now()
        is_retired = self.status(at) == self.Status.RETIRED
        return is_retired and bool(self.overlap_ends_at) and at < self.overlap_ends_at

    def require_unretirable(self, at):
        """Raise `KeyConflict` unless retiring can be undone."""
        policy.require_not_frozen(self.organization)
        if self.can_be_unretired(at):
            return
        if self.status(at) == self.Status.RETIRED:
            raise KeyConflict(
                "CONFLICT",
                "The overlap of this rotation is over, so retiring is final. Use the"
                " successor, or create another key.",
            )
        raise KeyConflict(
            "CONFLICT", "This key is not retired. There is nothing to undo."
        )

    def rotation_facts(self):
        """Return the input of a `Verdict` on this key's rotation."""
        successor = self.successor
        keys = [self, successor] if successor else [self]
        places = self.places.model.objects.of(*keys)
        usage = self.usage.model.objects
        old_rows = places[self.pk]
        return RotationFacts(
            self,
            successor,
            old_rows=old_rows,
            new_rows=places[successor.pk] if successor else [],
            refused_scopes=usage.refused_scopes(successor)
            if successor
            else frozenset(),
            usage_gap=usage.longest_gap(self)
            if unplaced_span(self, old_rows)
            else timedelta(0),
            execution=successor and last_execution(successor),
        )

    def counts_to_maximum(self, at):
        """Whether `ApiKeyQuerySet.counted` includes the key."""
        has_expired = bool(self.expires_at) and self.expires_at <= at
        if self.revoked_at or has_expired:
            return False
        return not self.retire_at or at < self.retire_at and not self.is_replaced(at)

    def is_replaced(self, at):
        """Whether the key has a successor that is neither revoked nor expired."""
        return self.successors.unrevoked().filter(unexpired(at)).exists()

    def was_rotated_since(self, at):
        """Whether a rotation that began at or after this moment is not cancelled."""
        if not self.retire_at:
            return False
        return self.successors.unrevoked().filter(created_at__gte=at).exists()

    def successor_id_or_none(self):
        successor = self.successor
        return successor and successor.rest_id

    def was_used(self):
        """Whether a request with this key was ever allowed.

        The use of a locked row is in the places before it is in the row.
        """
        return bool(self.first_used_at) or self.places.exists()

    @transaction.atomic
    def cancel_rotation(self, *, by, at=None):
        """Revoke the unused successor; this key continues.

        Raise `KeyConflict` if the successor was used or the overlap is over.
        """
        by.require_fresh()
        at = at or timezone.now()
        policy.locked(self.organization)  # lock order: before the key
        key = for_change(type(self).objects).get(pk=self.pk)
        policy.require_not_frozen(key.organization)
        if key.status(at) != self.Status.RETIRING:
            raise KeyConflict("CONFLICT", "There is no rotation of this key to cancel.")
        # Locked, so that a concurrent request cannot record the first use between this
        # check and the revocation.
        successor = for_change(key.successors).filter(revoked_at=None).first()
        if successor and successor.was_used():
            raise KeyConflict(
                "CONFLICT",
                "The successor is already in use. Retire this key, or revoke the"
                " successor if it must not be used.",
            )
        if successor:
            successor.revoke(by=by, reason="The rotation was cancelled.", at=at)
        type(self).objects.require_name_is_free(
            key.organization,
            key.name,
            at,
            instead_of=key,
            advice="Revoke that key first, then cancel the rotation.",
        )
        key.retire_at = key.overlap_ends_at = None
        key.save(update_fields=["retire_at", "overlap_ends_at"])
        key.record(
            Action.ROTATION_CANCELLED,
            by,
            at=at,
            successor=successor and successor.rest_id,
        )
        self.refresh_from_db()

    cancel_rotation.alters_data = True
