"""What every audit chain shares: events that are written once, and the end of a chain."""

from django.db import models
from django.utils import timezone

from apikeys import audit_chain, audit_events
from apikeys.audit_chain import GENESIS, BrokenLink, Walk
from echopoint.core.fields import FoldedField
from echopoint.core.redaction import cleaned

LABEL_LENGTH = 255
LABEL_KEY_LENGTH = 1020  # some letters fold to several


class Immutable(Exception):
    """An attempt to change or delete what is written once."""


class ChainEnd(models.Model):
    """The end of a chain; locked while an event is appended."""

    length = models.PositiveBigIntegerField(default=0)
    head = models.CharField(max_length=64, default=GENESIS)

    class Meta:
        abstract = True


class EventQuerySet(models.QuerySet):
    """Events, to be read only."""

    def actions(self):
        """Return the choices of actions that can occur, and of those that did."""
        unused = self.filter(action__in=audit_events.UNUSED).order_by().distinct()
        return audit_events.choices(unused.values_list("action", flat=True))

    def update(self, **values):
        raise Immutable("Audit events cannot be changed.")

    def delete(self):
        raise Immutable("Audit events cannot be deleted.")

    def bulk_create(self, objs, *args, **options):
        raise Immutable("Audit events are appended one by one, with record().")


class AppendingManager(models.Manager):
    """Appends to a chain whose end is locked, and checks a chain."""

    def append(self, end, action, *, actor, target, at=None, details, **owner):
        """Append one event to the chain that ends in `end`, a locked row."""
        if unlisted := set(details) - audit_events.DETAILS[action]:
            raise ValueError(f"{action} takes no details {sorted(unlisted)}.")
        event = self.model(
            **owner,
            sequence=end.length + 1,
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
            prev_hash=end.head,
        )
        event.hash = event.fingerprint()
        event.save(force_insert=True)
        end.length, end.head = event.sequence, event.hash
        end.save(update_fields=["length", "head"])
        return event

    def walk_chain(self, events, read_end, *, expected_head="", is_begun=False):
        """Check a chain; return the `Walk`.

        `read_end` returns the recorded end as it is now: events that are appended during
        the walk are not mistaken for forgeries. `is_begun` says that the chain cannot be
        empty.
        """
        end, events = read_end(), events.order_by("sequence")
        walk = Walk(expected_head=expected_head)
        for event in events.filter(sequence__lte=end.length).iterator(1000):
            walk.add(event.as_record())
            if walk.broken:
                return walk
        beyond = events.filter(sequence__gt=end.length)
        wrong_end = self._wrong_end(end, walk, is_begun)
        walk.broken = wrong_end or self._stray(beyond, read_end)
        return walk

    def _wrong_end(self, end, walk, is_begun):
        if walk.sequence < end.length:
            return BrokenLink(walk.sequence + 1, "was deleted")
        if not end.length and is_begun:
            return BrokenLink(1, "was deleted")
        if walk.head != end.head:
            return BrokenLink(
                end.length, "was changed: it is not the recorded end of the chain"
            )
        return None

    def _stray(self, beyond, read_end):
        # Read before the chain's end is: what record() appended lies within it then.
        sequences = list(beyond.values_list("sequence", flat=True))
        length = read_end().length
        stray = next((n for n in sequences if n > length), None)
        return stray and BrokenLink(stray, "was inserted")


class ChainedEvent(models.Model):
    """What happened, to what, by whom, from where; written once.

    Subclasses have `organization_id`, which names the chain in what is hashed.
    """

    Action = audit_events.Action
    DETAILS = audit_events.DETAILS
    # A new column is either hashed, by a new version in `audit_chain`, or named here.
    NOT_HASHED = {
        "id": "the number of a row in one database",
        "hash": "what is made of the others",
        "actor_key": "what the label folds to",
        "target_key": "what the label folds to",
    }

    version = models.PositiveSmallIntegerField()  # of the hash, see `audit_chain`
    sequence = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    action = models.CharField(max_length=40, choices=Action.choices)
    actor_type = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=64)
    actor_label = models.CharField(max_length=LABEL_LENGTH)
    target_type = models.CharField(max_length=20)
    target_id = models.CharField(max_length=64)
    target_label = models.CharField(max_length=LABEL_LENGTH)
    # By these events are found.
    actor_key = FoldedField(of="actor_label", max_length=LABEL_KEY_LENGTH)
    target_key = FoldedField(of="target_label", max_length=LABEL_KEY_LENGTH)
    details = models.JSONField(default=dict)
    ip = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        abstract = True

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
