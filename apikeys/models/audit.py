"""The audit: one append-only chain of events for each organization."""

import re

from django.db import models, transaction
from django.utils import timezone

from apikeys import audit_chain, audit_events
from apikeys.audit_chain import GENESIS, BrokenLink, Walk
from apikeys.tokens import PUBLIC_ID_LENGTH
from echopoint.core.characters import fold
from echopoint.core.fields import FoldedField
from echopoint.core.locks import for_change
from echopoint.core.redaction import cleaned
from echopoint.organizations.ids import ID_LENGTH
from echopoint.organizations.models import Organization, OrgOwnedQuerySet

EXACT_ID = re.compile(
    rf"user_[0-9A-Za-z]{{{ID_LENGTH}}}|key_[0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}}"
)
LABEL_KEY_LENGTH = 1020  # some letters fold to several
NONE = models.Q(pk__in=[])


class Immutable(Exception):
    """An attempt to change or delete what is written once."""


class AuditChainManager(models.Manager):
    """Finds the chain of an organization."""

    def of(self, organization):
        """Return the organization's chain, an empty one before its first event.

        `has_unused` says whether it has events whose action cannot occur any more, so
        that a page need not ask for it.
        """
        events = AuditEvent.objects.using(self.db).for_org(organization)
        unused = events.filter(action__in=audit_events.UNUSED)
        chains = self.filter(organization=organization)
        chain = chains.annotate(has_unused=models.Exists(unused)).first()
        return chain or self.model(organization=organization)


class AuditChain(models.Model):
    """The end of an organization's chain; locked while an event is appended."""

    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, primary_key=True
    )
    length = models.PositiveBigIntegerField(default=0)
    head = models.CharField(max_length=64, default=GENESIS)

    objects = AuditChainManager()
    has_unused = False

    def __str__(self):
        return f"{self.organization_id}: {self.length} events"


class AuditEventQuerySet(OrgOwnedQuerySet):
    """Events, to be read only."""

    def by_actor(self, text):
        """Only events of the actor with this id, or with the text in the label it had."""
        exact = models.Q(actor_id=text)
        if EXACT_ID.fullmatch(text):
            return self.filter(exact)
        return self.filter(exact | self._has("actor_key", text))

    def about_key(self, text):
        """Only events about the key with this id, or with the text in the name it had."""
        if EXACT_ID.fullmatch(text):
            return self.filter(target_id=text)
        named = self._has("target_key", text)
        if EXACT_ID.fullmatch(f"key_{text}"):
            named |= models.Q(target_id=f"key_{text}")
        return self.filter(named, target_type="api_key")

    def _has(self, column, text):
        # What folds to nothing is in every label, and seen in none.
        return models.Q(**{f"{column}__contains": text}) if fold(text) else NONE

    def actions(self):
        """Return the choices of actions that can occur, and of those that did."""
        unused = self.filter(action__in=audit_events.UNUSED).order_by().distinct()
        return audit_events.choices(unused.values_list("action", flat=True))

    def extent(self):
        """Return the number of these events, from when to when, and the last hash."""
        times = {"since": models.Min("at"), "until": models.Max("at")}
        found = self.aggregate(events=models.Count("pk"), **times)
        for name in times:
            found[name] = found[name] and found[name].isoformat()
        last = self.order_by("sequence").last()
        return found | {"head": last.hash if last else ""}

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
        for the action, with JSON values other than floats. The time is kept in whole
        milliseconds, which survive every way to move a database.
        """
        if unlisted := set(details) - AuditEvent.DETAILS[action]:
            raise ValueError(f"{action} takes no details {sorted(unlisted)}.")
        AuditChain.objects.get_or_create(organization=organization)
        chain = for_change(AuditChain.objects).get(organization=organization)
        event = AuditEvent(
            organization=organization,
            sequence=chain.length + 1,
            version=audit_chain.LATEST,
            at=audit_chain.whole_milliseconds(at or timezone.now()),
            action=action,
            actor_type=actor.type,
            actor_id=actor.id,
            actor_label=cleaned(actor.label),
            target_type=target[0],
            target_id=target[1],
            target_label=cleaned(target[2]),
            details=cleaned({"via": actor.via} | details),
            ip=actor.client.ip or "",
            user_agent=cleaned(actor.client.user_agent),
            request_id=actor.client.request_id,
            prev_hash=chain.head,
        )
        event.hash = event.fingerprint()
        event.save(force_insert=True)
        chain.length, chain.head = event.sequence, event.hash
        chain.save(update_fields=["length", "head"])
        return event

    def verify(self, organization):
        """Return the first `BrokenLink` of the organization's chain, or None."""
        return self.walk(organization).broken

    def walk(self, organization, *, expected_head=""):
        """Check the organization's chain; return the `Walk`.

        Events that are appended during the walk are not mistaken for forgeries.
        """
        chain = AuditChain.objects.db_manager(self.db).of(organization)
        events = self.for_org(organization).order_by("sequence")
        walk = Walk(expected_head=expected_head)
        for event in events.filter(sequence__lte=chain.length).iterator(1000):
            walk.add(event.as_record())
            if walk.broken:
                return walk
        beyond = events.filter(sequence__gt=chain.length)
        wrong_end = self._wrong_end(organization, chain, walk)
        walk.broken = wrong_end or self._stray(organization, beyond)
        return walk

    def _wrong_end(self, organization, chain, walk):
        if walk.sequence < chain.length:
            return BrokenLink(walk.sequence + 1, "was deleted")
        if not chain.length and organization.api_keys.exists():
            return BrokenLink(1, "was deleted")
        if walk.head != chain.head:
            return BrokenLink(
                chain.length, "was changed: it is not the recorded end of the chain"
            )
        return None

    def _stray(self, organization, beyond):
        # Read before the chain's end is: what record() appended lies within it then.
        sequences = list(beyond.values_list("sequence", flat=True))
        length = AuditChain.objects.db_manager(self.db).of(organization).length
        stray = next((n for n in sequences if n > length), None)
        return stray and BrokenLink(stray, "was inserted")


class AuditEvent(models.Model):
    """What happened, to what, by whom, from where; written once."""

    Action = audit_events.Action
    DETAILS = audit_events.DETAILS
    # A new column is either hashed, by a new version in `audit_chain`, or named here.
    NOT_HASHED = {
        "id": "the number of a row in one database",
        "hash": "what is made of the others",
        "actor_key": "what the label folds to",
        "target_key": "what the label folds to",
    }

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="audit_events"
    )
    version = models.PositiveSmallIntegerField()  # of the hash, see `audit_chain`
    sequence = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    action = models.CharField(max_length=40, choices=Action.choices)
    actor_type = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=64)
    actor_label = models.CharField(max_length=255)
    target_type = models.CharField(max_length=20)
    target_id = models.CharField(max_length=64)
    target_label = models.CharField(max_length=255)
    # By these events are found.
    actor_key = FoldedField(of="actor_label", max_length=LABEL_KEY_LENGTH)
    target_key = FoldedField(of="target_label", max_length=LABEL_KEY_LENGTH)
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
        if not audit_chain.is_as_hashed(self.as_record()):
            raise Immutable("Audit events are appended with record().")
        super().save(**options)

    save.alters_data = True

    def delete(self, *args, **options):
        raise Immutable("Audit events cannot be deleted.")

    delete.alters_data = True

    def as_record(self):
        """Return the event as JSON values, the time in the form that is hashed."""
        record = {name: getattr(self, name) for name in audit_chain.RECORD}
        record["at"] = audit_chain.written(self.at, self.version)
        return record

    def fingerprint(self):
        """Return the SHA-256 of the event and of the hash before it, 64 hex characters."""
        return audit_chain.fingerprint(self.as_record())
