"""The audit: one append-only chain of events for each organization."""

import hashlib
import json
from datetime import UTC
from typing import NamedTuple

from django.db import models, transaction
from django.utils import timezone

from echopoint.organizations.models import Organization, OrgOwnedQuerySet

GENESIS = "0" * 64


class Immutable(Exception):
    """An attempt to change or delete what is written once."""


class BrokenLink(NamedTuple):
    """The first event at which a chain is not what was written."""

    sequence: int
    reason: str


class AuditChainManager(models.Manager):
    """Knows how long each chain is."""

    def length_of(self, organization):
        """Return how many events were recorded in the organization."""
        lengths = self.filter(organization=organization).values_list("length")
        return next((length for (length,) in lengths), 0)


class AuditChain(models.Model):
    """The end of an organization's chain; locked while an event is appended."""

    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, primary_key=True
    )
    length = models.PositiveBigIntegerField(default=0)
    head = models.CharField(max_length=64, default=GENESIS)

    objects = AuditChainManager()

    def __str__(self):
        return f"{self.organization_id}: {self.length} events"


class AuditEventQuerySet(OrgOwnedQuerySet):
    """Events, to be read only."""

    def by_actor(self, text):
        """Only events of the actor with this id or, as it was then, this label."""
        return self.filter(
            models.Q(actor_id=text)
            | models.Q(actor_label=text)
            | models.Q(actor_label=f"command {text}")
        )

    def update(self, **values):
        raise Immutable("Audit events cannot be changed.")

    def delete(self):
        raise Immutable("Audit events cannot be deleted.")

    def bulk_create(self, objs, *args, **options):
        raise Immutable("Audit events are appended one by one, with record().")


class AuditEventManager(models.Manager.from_queryset(AuditEventQuerySet)):
    """The one way an event comes to be, and the way to check that all are still there."""

    @transaction.atomic
    def record(self, action, *, organization, actor, target, at=None, **details):
        """Append one event, in the transaction of the change that it tells of.

        `target` is (type, id, label); `details` holds only names that `DETAILS` lists
        for the action, with JSON values other than floats.
        """
        if unlisted := set(details) - AuditEvent.DETAILS[action]:
            raise ValueError(f"{action} takes no details {sorted(unlisted)}.")
        AuditChain.objects.get_or_create(organization=organization)
        chain = AuditChain.objects.select_for_update().get(organization=organization)
        event = AuditEvent(
            organization=organization,
            sequence=chain.length + 1,
            at=at or timezone.now(),
            action=action,
            actor_type=actor.type,
            actor_id=actor.id,
            actor_label=actor.label,
            target_type=target[0],
            target_id=target[1],
            target_label=target[2],
            details={"via": actor.via} | details,
            ip=actor.client.ip or "",
            user_agent=actor.client.user_agent,
            request_id=actor.client.request_id,
            prev_hash=chain.head,
        )
        event.hash = event.fingerprint()
        event.save(force_insert=True)
        chain.length, chain.head = event.sequence, event.hash
        chain.save(update_fields=["length", "head"])
        return event

    def verify(self, organization):
        """Return the first `BrokenLink` of the organization's chain, or None.

        Events that are appended while the walk goes on are not mistaken for forgeries.
        """
        chain = AuditChain.objects.filter(organization=organization).first()
        length, head = (chain.length, chain.head) if chain else (0, GENESIS)
        events = self.for_org(organization).order_by("sequence")
        previous, expected = GENESIS, 0
        for event in events.filter(sequence__lte=length).iterator(chunk_size=1000):
            expected += 1
            if reason := event.complaint(expected, previous):
                return BrokenLink(min(event.sequence, expected), reason)
            previous = event.hash
        if expected < length:
            return BrokenLink(expected + 1, "was deleted")
        if not length and organization.api_keys.exists():
            return BrokenLink(1, "was deleted")
        if previous != head:
            return BrokenLink(length, "was changed: it is not the recorded end")
        return self._stray(organization, events.filter(sequence__gt=length))

    def _stray(self, organization, beyond):
        # Read before the chain's end is: what record() appended lies within it then.
        sequences = list(beyond.values_list("sequence", flat=True))
        chain = AuditChain.objects.filter(organization=organization).first()
        length = chain.length if chain else 0
        stray = next((n for n in sequences if n > length), None)
        return stray and BrokenLink(stray, "was inserted")


class AuditEvent(models.Model):
    """What happened, to what, by whom, from where; written once."""

    class Action(models.TextChoices):
        CREATED = "api_key.created", "Created"
        SECRET_DISPLAYED = "api_key.secret_displayed", "Secret displayed"
        ROTATED = "api_key.rotated", "Rotated"
        ROTATION_CANCELLED = "api_key.rotation_cancelled", "Rotation cancelled"
        RETIRED = "api_key.retired", "Retired"
        UNRETIRED = "api_key.unretired", "Retirement undone"
        SUSPENDED = "api_key.suspended", "Suspended"
        RESUMED = "api_key.resumed", "Resumed"
        REVOKED = "api_key.revoked", "Revoked"
        FIRST_USED = "api_key.first_used", "First used"
        RETIRED_USED = "api_key.retired_used", "Used after it retired"
        RENAMED = "api_key.renamed", "Renamed"
        POLICY_UPDATED = "policy.updated", "Policy updated"
        AUDIT_EXPORTED = "audit.exported", "Audit exported"

    DETAILS = {
        Action.CREATED: {"scopes", "preset", "expires_at"},
        Action.SECRET_DISPLAYED: set(),
        Action.ROTATED: {"successor", "retire_at", "scopes"},
        Action.ROTATION_CANCELLED: {"successor"},
        Action.RETIRED: {"successor"},
        Action.UNRETIRED: {"successor", "retire_at"},
        Action.SUSPENDED: {"reason"},
        Action.RESUMED: {"reason"},
        Action.REVOKED: {"reason"},
        Action.FIRST_USED: {"route"},
        Action.RETIRED_USED: {"route"},
        Action.RENAMED: {"before", "after"},
        Action.POLICY_UPDATED: {"before", "after"},
        Action.AUDIT_EXPORTED: {"format", "filters"},
    }

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="audit_events"
    )
    sequence = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    action = models.CharField(max_length=40, choices=Action.choices)
    actor_type = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=64)
    actor_label = models.CharField(max_length=255)
    target_type = models.CharField(max_length=20)
    target_id = models.CharField(max_length=64)
    target_label = models.CharField(max_length=255)
    details = models.JSONField(default=dict)
    ip = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = AuditEventManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "sequence"], name="audit_event_sequence_unique"
            )
        ]
        indexes = [
            models.Index(
                fields=["organization", "target_id", "sequence"],
                name="audit_event_by_target",
            ),
            models.Index(
                fields=["organization", "action", "sequence"],
                name="audit_event_by_action",
            ),
            models.Index(
                fields=["organization", "actor_id", "sequence"],
                name="audit_event_by_actor",
            ),
            models.Index(fields=["organization", "at"], name="audit_event_by_time"),
        ]

    def __str__(self):
        return f"{self.organization_id} {self.sequence}: {self.action}"

    def save(self, **options):
        """Write a new event; only `record` does."""
        if not self._state.adding:
            raise Immutable("Audit events cannot be changed.")
        if self.hash != self.fingerprint():
            raise Immutable("Audit events are appended with record().")
        super().save(**options)

    save.alters_data = True

    def delete(self, *args, **options):
        raise Immutable("Audit events cannot be deleted.")

    delete.alters_data = True

    def fingerprint(self):
        """Return the SHA-256 of the event and of the hash before it, 64 hex characters."""
        fields = {
            field.attname: getattr(self, field.attname)
            for field in self._meta.concrete_fields
            if field.attname not in {"id", "hash"}
        }
        fields["at"] = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def complaint(self, expected, previous):
        """Return what is wrong with this link of the chain, or an empty string."""
        if self.sequence != expected:
            return "was deleted" if self.sequence > expected else "was inserted"
        if self.hash != self.fingerprint():
            return "was changed"
        if self.prev_hash != previous:
            return "does not follow the event before it"
        return ""
