"""Abstract models of an audit chain: append-only events, and the end of the chain."""

import json

from django.db import models, transaction
from django.db.models.functions import Cast
from django.utils import timezone

from apikeys.audit import events as audit_events
from apikeys.audit import hash_chain
from apikeys.audit.hash_chain import DELETED, GENESIS, BrokenLink, Walk
from apikeys.models import chain_ranges
from echopoint.core.fields import FoldedField
from echopoint.core.redaction import cleaned

CHUNK = 1000  # events that are in memory at a time
AT, DETAILS, VERSION = map(hash_chain.EVENT_FIELDS.index, ("at", "details", "version"))
TEXTS = ("at", "details")
AS_TEXT = {f"{name}_text": Cast(name, models.TextField()) for name in TEXTS}
COLUMNS = [
    f"{name}_text" if name in TEXTS else name for name in hash_chain.EVENT_FIELDS
]
read_json = json.JSONDecoder().decode
LABEL_LENGTH = 255
LABEL_KEY_LENGTH = 1020  # some letters fold to several


class BrokenChain(Exception):
    """The chain has a broken link, `link`."""

    def __init__(self, link):
        super().__init__(f"Event {link.sequence} {link.reason}.")
        self.link = link


class Immutable(Exception):
    """An attempt to change or delete an append-only row."""


class ChainEnd(models.Model):
    """The end of a chain, locked while an event is appended.

    It records the number of events and the last hash. The events alone would not
    show that the newest ones were deleted.

    `base` is the sequence of the last event that was deleted because of its age, and
    `base_hash` its hash, from which the chain continues. An event records both too.
    """

    length = models.PositiveBigIntegerField(default=0)
    head = models.CharField(max_length=64, default=GENESIS)
    base = models.PositiveBigIntegerField(default=0, db_default=0)
    base_hash = models.CharField(max_length=64, default=GENESIS, db_default=GENESIS)

    class Meta:
        abstract = True

    owner = {}  # the columns that all events of the chain share

    @property
    def event_count(self):
        """Return the number of stored events, without deleted ones."""
        return self.length - self.base


class EventQuerySet(models.QuerySet):
    """Events of a chain, read-only."""

    def actions(self):
        """Return the choices of actions that can occur or have occurred."""
        unused = self.filter(action__in=audit_events.UNUSED).order_by().distinct()
        return audit_events.choices(unused.values_list("action", flat=True))

    def pruned_events(self, end):
        """Return the events up to the base, in a queryset that allows delete().

        The database deletes them only if the end of the chain says so, see the migration
        `audit_checkpoint`.
        """
        rows = self.model._base_manager.using(self.db).filter(**end.owner)
        return rows.filter(sequence__lte=end.base).order_by("sequence")

    def rows(self):
        """Yield the values of `EVENT_FIELDS` of each event, the time in the hashed format.

        An instance of the model would take longer than all else, and so would Django's
        conversion of times and JSON.
        """
        stored = {field.attname for field in self.model._meta.concrete_fields}
        # The events of the installation do not store to which chain they belong.
        shared = {
            name: models.Value(getattr(self.model, name))
            for name in hash_chain.EVENT_FIELDS
            if name not in stored
        }
        rows = self.annotate(**shared, **AS_TEXT).values_list(*COLUMNS)
        for values in rows.iterator(CHUNK):
            row = list(values)
            row[AT] = hash_chain.format_stored_time(row[AT], row[VERSION])
            row[DETAILS] = read_json(row[DETAILS])
            yield row

    def records(self):
        """Yield each event as `as_dict` returns it."""
        for row in self.rows():
            yield dict(zip(hash_chain.EVENT_FIELDS, row, strict=True))

    def update(self, **values):
        raise Immutable("Audit events cannot be changed.")

    def delete(self):
        raise Immutable("Audit events cannot be deleted.")

    def bulk_create(self, objs, *args, **options):
        raise Immutable("Audit events are appended one by one, with record().")


class AppendingManager(models.Manager):
    """Append to a chain, check it, prune it."""

    def append(self, end, action, *, actor, target, at=None, details, **owner):
        """Append one event to the chain that ends in `end`, a locked row.

        Without the lock two concurrent events would have the same sequence and the same
        previous hash, and the chain would fork.
        """
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
        # A single UPDATE: the triggers accept a new base only together with the event that
        # records it.
        end.save(update_fields=["length", "head", "base", "base_hash"])
        return event

    def prune_chain(self, events, read_end, lock_end, before, **event):
        """Move the base of a chain past all events before this time; return its end.

        `read_end` and `lock_end` return the recorded end, `event` holds arguments of
        `append`. The appended event seals the new base, so that the remaining events
        verify. Afterwards `events.pruned_events(end)` can be deleted, and nothing else.

        Raise `BrokenChain` and change nothing if the old events are not as they were
        recorded: deleting them would destroy the proof.
        """
        end = read_end()
        through = self.last_before(events, end, before)
        if through == end.base:
            return end
        # Before the lock: checking a million events may take minutes, and every change of the
        # organization would block for as long. Events are append-only, so the result holds.
        walk = self._walk_beginning(events, end, through)
        with transaction.atomic(using=self.db):
            now = lock_end()
            if now.base != end.base:
                return now  # another process has moved the base
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
        for event in old.order_by("sequence").records():
            walk.add(event)
            if walk.broken:
                return walk
        if walk.sequence != through:
            walk.broken = BrokenLink(walk.sequence + 1, DELETED)
        return walk

    def last_before(self, events, end, before):
        """Return the sequence up to which all events are from before this time.

        Not simply the last event before it: clocks differ, and a chain has no holes.
        """
        rows = events.filter(sequence__gt=end.base, at__gte=before)
        first = rows.order_by("sequence").values_list("sequence", flat=True).first()
        return end.length if first is None else first - 1

    def walk_chain(self, events, read_end, **options):
        """Check a chain; return the `Walk`.

        `read_end` returns the recorded end as it is at the call. `is_begun` says that the
        chain cannot be empty; `expected_head` is that of the `Walk`. `map` calls the check
        of each range, here or in other processes, and yields the results in order; the
        first broken link ends the walk.

        The walk takes no lock, so other processes may append and prune during it. A
        broken link counts only if the base is still the same; otherwise the events were
        pruned under the walk, and it starts again.
        """
        while True:
            end = read_end()
            walk = self._walk(events, end, read_end, **options)
            if not walk.broken or read_end().base == end.base:
                return walk

    def _walk(
        self, events, end, read_end, *, expected_head="", is_begun=False, map=map
    ):
        walk = Walk(base=end.base, base_hash=end.base_hash, expected_head=expected_head)
        ranges = chain_ranges.split(self.model, self.db, end, expected_head)
        for part in map(chain_ranges.check, ranges):
            walk.join(part)
            if walk.broken:
                return walk
        beyond = events.filter(sequence__gt=end.length).order_by("sequence")
        wrong_end = self._wrong_end(end, walk, is_begun)
        walk.broken = wrong_end or self._stray(beyond, read_end)
        return walk

    def _wrong_end(self, end, walk, is_begun):
        if walk.sequence < end.length:
            return BrokenLink(walk.sequence + 1, DELETED)
        if not walk.is_sealed:
            return BrokenLink(end.base, "was deleted, and no event says why")
        if not end.length and is_begun:
            return BrokenLink(1, DELETED)
        if walk.head != end.head:
            return BrokenLink(
                end.length, "was changed: it is not the recorded end of the chain"
            )
        return None

    def _stray(self, beyond, read_end):
        # Read the events first and the end second. An event that is appended in between is
        # then within the end. In the other order it would look forged.
        sequences = list(beyond.values_list("sequence", flat=True))
        length = read_end().length
        stray = next((n for n in sequences if n > length), None)
        return stray and BrokenLink(stray, "was inserted")


class ChainedEvent(models.Model):
    """An event: action, target, actor and client; append-only.

    Subclasses have an `organization_id`. It is hashed, so that an event cannot be moved
    to another chain.
    """

    Action = audit_events.Action
    DETAILS = audit_events.DETAILS
    # A new column is either hashed, by a new version in `hash_chain`, or listed here.
    NOT_HASHED = {
        "id": "differs between databases",
        "hash": "the result",
        "actor_key": "derived from the label",
        "target_key": "derived from the label",
    }

    version = models.PositiveSmallIntegerField()  # of the hash, see `hash_chain`
    sequence = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    action = models.CharField(max_length=40, choices=Action.choices)
    actor_type = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=64)
    actor_label = models.CharField(max_length=LABEL_LENGTH)
    target_type = models.CharField(max_length=20)
    target_id = models.CharField(max_length=64)
    target_label = models.CharField(max_length=LABEL_LENGTH)
    # For searches without regard to case and accents.
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
        """Insert a new event; only `record` does."""
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
        """Return the event as a dict of JSON values, the time in the hashed format."""
        values = {name: getattr(self, name) for name in hash_chain.EVENT_FIELDS}
        values["at"] = hash_chain.format_time(self.at, self.version)
        return values

    def compute_hash(self):
        """Return the SHA-256 of the event and the previous hash, 64 hex characters."""
        return hash_chain.event_hash(self.as_dict())
