"""What every audit chain shares: events that are written once, and the end of a chain."""

from django.db import models, transaction
from django.utils import timezone

from apikeys.audit import events as audit_events
from apikeys.audit import hash_chain
from apikeys.audit.hash_chain import GENESIS, BrokenLink, Walk
from echopoint.core.fields import FoldedField
from echopoint.core.redaction import cleaned

LABEL_LENGTH = 255
LABEL_KEY_LENGTH = 1020  # some letters fold to several


class BrokenChain(Exception):
    """A chain with a broken link, `link`, where it had to be sound."""

    def __init__(self, link):
        super().__init__(f"Event {link.sequence} {link.reason}.")
        self.link = link


class Immutable(Exception):
    """An attempt to change or delete what is written once."""


class ChainEnd(models.Model):
    """The end of a chain; locked while an event is appended.

    `base` is the sequence of the last event that was deleted for its age, and `base_hash`
    its hash, from which the chain goes on. An event in the chain says the same.
    """

    length = models.PositiveBigIntegerField(default=0)
    head = models.CharField(max_length=64, default=GENESIS)
    base = models.PositiveBigIntegerField(default=0, db_default=0)
    base_hash = models.CharField(max_length=64, default=GENESIS, db_default=GENESIS)

    class Meta:
        abstract = True

    owner = {}  # what events of the chain have in common

    @property
    def event_count(self):
        """Return how many events there are, without those that were deleted."""
        return self.length - self.base


class EventQuerySet(models.QuerySet):
    """Events, to be read only."""

    def actions(self):
        """Return the choices of actions that can occur, and of those that did."""
        unused = self.filter(action__in=audit_events.UNUSED).order_by().distinct()
        return audit_events.choices(unused.values_list("action", flat=True))

    def pruned_events(self, end):
        """Return those that the chain no longer begins with, in a queryset that deletes."""
        rows = self.model._base_manager.using(self.db).filter(**end.owner)
        return rows.filter(sequence__lte=end.base).order_by("sequence")

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
            version=hash_chain.LATEST,
            at=hash_chain.whole_milliseconds(at or timezone.now()),
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
        event.hash = event.compute_hash()
        event.save(force_insert=True)
        end.length, end.head = event.sequence, event.hash
        end.save(update_fields=["length", "head", "base", "base_hash"])
        return event

    def prune_chain(self, events, read_end, lock_end, before, **event):
        """Let a chain begin after its events of before this moment; return its end.

        `read_end` and `lock_end` return its recorded end, `event` is what `append` takes.
        The event that this appends seals the new beginning, so that what is left verifies.
        `events.pruned_events(end)` can be deleted then, and nothing else can. Raise
        `BrokenChain` and change nothing when the old events are not as they were written:
        they are the proof of that.
        """
        end = read_end()
        through = self.last_before(events, end, before)
        if through == end.base:
            return end
        # Without the lock, which every change waits for; these events do not change.
        walk = self._walk_beginning(events, end, through)
        with transaction.atomic(using=self.db):
            now = lock_end()
            if now.base != end.base:
                return now  # another run was first
            if walk.broken:
                raise BrokenChain(walk.broken)
            now.base, now.base_hash = through, walk.head
            details = {"through": through, "last_hash": walk.head}
            pruned = audit_events.Action.AUDIT_PRUNED
            self.append(now, pruned, details=details, **event)
        return now

    def _walk_beginning(self, events, end, through):
        walk = Walk(base=end.base, base_hash=end.base_hash)
        old = events.filter(sequence__gt=end.base, sequence__lte=through)
        for one in old.order_by("sequence").iterator(1000):
            walk.add(one.as_dict())
            if walk.broken:
                return walk
        if walk.sequence != through:
            walk.broken = BrokenLink(walk.sequence + 1, "was deleted")
        return walk

    def last_before(self, events, end, before):
        """Return up to which sequence all events are of before this moment."""
        rows = events.filter(sequence__gt=end.base, at__gte=before)
        kept = rows.order_by("sequence").values_list("sequence", flat=True).first()
        return end.length if kept is None else kept - 1

    def walk_chain(self, events, read_end, **options):
        """Check a chain; return the `Walk`.

        `read_end` returns the recorded end as it is now: events that are appended during
        the walk are not mistaken for forgeries, nor is a beginning that is deleted for its
        age meanwhile. `is_begun` says that the chain cannot be empty.
        """
        while True:
            end = read_end()
            walk = self._walk(events, end, read_end, **options)
            if not walk.broken or read_end().base == end.base:
                return walk

    def _walk(self, events, end, read_end, *, expected_head="", is_begun=False):
        walk = Walk(base=end.base, base_hash=end.base_hash, expected_head=expected_head)
        events = events.order_by("sequence")
        for event in events.filter(sequence__lte=end.length).iterator(1000):
            if not walk.events and end.base and event.sequence <= end.base:
                # It is to be deleted. What is there of these has to lead to the base.
                walk.sequence, walk.head = event.sequence - 1, event.prev_hash
            walk.add(event.as_dict())
            if walk.broken:
                return walk
        beyond = events.filter(sequence__gt=end.length)
        wrong_end = self._wrong_end(end, walk, is_begun)
        walk.broken = wrong_end or self._stray(beyond, read_end)
        return walk

    def _wrong_end(self, end, walk, is_begun):
        if walk.sequence < end.length:
            return BrokenLink(walk.sequence + 1, "was deleted")
        if not walk.is_sealed:
            return BrokenLink(end.base, "was deleted, and no event says why")
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
        if not hash_chain.has_valid_hash(self.as_dict()):
            raise Immutable("Audit events are appended with record().")
        super().save(**options)

    save.alters_data = True

    def delete(self, *args, **options):
        raise Immutable("Audit events cannot be deleted.")

    delete.alters_data = True

    def as_dict(self):
        """Return the event as JSON values, the time in the form that is hashed."""
        record = {name: getattr(self, name) for name in hash_chain.EVENT_FIELDS}
        record["at"] = hash_chain.format_time(self.at, self.version)
        return record

    def compute_hash(self):
        """Return the SHA-256 of the event and of the hash before it, 64 hex characters."""
        return hash_chain.event_hash(self.as_dict())
