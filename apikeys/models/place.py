"""Where each key is used: places with their first and last use."""

from collections import defaultdict
from datetime import timedelta
from itertools import groupby
from typing import NamedTuple

from django.db import models
from django.utils import timezone

from apikeys.db.retention import BATCH
from apikeys.db.write_buffers import BufferedManager
from apikeys.models.key_warning import KeyWarning
from apikeys.places import (
    CLIENT,
    MANY_ADDRESSES,
    NAME_LENGTH,
    OTHER,
    PIPELINE,
    THING,
    Place,
    Sighting,
)
from echopoint.core.locks import for_change

MOST_PLACES = 100  # rows per key
OTHERS = Place(OTHER, "other places")
SHOWN_FOR = timedelta(days=30)
# Clients are expected to start using a key within this time of its first place. Places
# that are first seen later count as new.
SETTLING = timedelta(days=7)


class Group(NamedTuple):
    """A place on a page: one row, or all rows of a client with many addresses."""

    place: Place
    label: str
    sighting: Sighting


class KeyPlaceManager(BufferedManager):
    """Records where keys are used: one row per key and place."""

    # More than a year, so that the place of a yearly job is still known at its next use.
    retention = timedelta(days=400)
    date_field = "last_seen_at"

    def record(self, key, place, at=None):
        """Buffer an allowed request of a key from a place; written within seconds."""
        sighting = Sighting.once(at or timezone.now())
        self.enqueue((key.pk, place.digest), (place, sighting))

    def merge(self, older, newer):
        return newer[0], older[1].merge(newer[1])

    def store(self, entries):
        new = self._insert_missing(entries)
        rows = self._lock_rows(entries)
        for row in rows:
            row.add(*entries[row.key_id, row.digest])
        self.bulk_update(rows, COUNTED)
        if new:
            self._warn_of_new_places(new, entries)
        for key_id in {key_id for key_id, _ in new}:
            self._merge_surplus(key_id)

    def _insert_missing(self, entries):
        """Insert rows for new places, with no uses; return their identities."""
        known = {(row.key_id, row.digest) for row in self._rows(entries)}
        new = sorted(entries.keys() - known)
        empty = (self._empty_row(id, *entries[id]) for id in new)
        # Another process may have inserted the same place. Its row is used then, and an
        # insert without uses cannot count anything twice.
        self.bulk_create(empty, ignore_conflicts=True)
        return new

    def _warn_of_new_places(self, inserted, entries):
        """Store a `KeyWarning` for each key that was used from a place new to it."""
        keys = self.model._meta.get_field("key").related_model._base_manager
        keys = keys.filter(pk__in={key_id for key_id, _ in inserted})
        keys = {k.pk: k for k in keys.only("organization_id", "rotated_from_id")}
        known = self._rows_besides(set(inserted), keys.values())
        times = {}
        for key_id, digest in inserted:
            place, sighting = entries[key_id, digest]
            own, before = known[key_id], known[keys[key_id].rotated_from_id]
            if is_new(place, sighting.first, own, before):
                organization_id = keys[key_id].organization_id
                identity = (organization_id, key_id, KeyWarning.Kind.NEW_PLACE)
                known_time = times.get(identity, sighting.first)
                times[identity] = max(sighting.first, known_time)
        KeyWarning.objects.db_manager(self.db).write(times)

    def _rows_besides(self, inserted, keys):
        """Return {key's id: [row, …]} of the keys and their predecessors."""
        ids = {key.pk for key in keys} | {key.rotated_from_id for key in keys}
        known = defaultdict(list)
        for row in self.filter(key__in=ids - {None}):
            if (row.key_id, row.digest) not in inserted:
                known[row.key_id].append(row)
        return known

    def _empty_row(self, identity, place, sighting):
        row = self.model(key_id=identity[0], digest=place.digest, kind=place.kind)
        row.first_seen_at = row.last_seen_at = sighting.first
        return row

    def _rows(self, entries):
        keys, digests = (set(part) for part in zip(*entries, strict=True))
        rows = self.filter(key__in=keys, digest__in=digests)
        return [row for row in rows if (row.key_id, row.digest) in entries]

    def _lock_rows(self, entries):
        """Lock the rows by ascending id, so that two processes do not deadlock."""
        pks = [row.pk for row in self._rows(entries)]
        return list(for_change(self.filter(pk__in=pks).order_by("pk")))

    def _merge_surplus(self, key_id):
        """Merge the oldest places of a key until it has at most `MOST_PLACES` rows.

        The bound matters: a client could invent a pipeline name for each request.
        """
        rows = for_change(self.filter(key=key_id)).order_by("pk")
        rows = sorted(rows, key=lambda row: (row.last_seen_at, row.pk))
        others = [row for row in rows if row.kind == OTHER]
        places = [row for row in rows if row.kind != OTHER]
        # One row is reserved for the other places.
        excess = max(len(places) - MOST_PLACES + 1, 0)
        surplus, remaining = places[:excess], places[excess:]
        if not surplus:
            return
        other = others[0] if others else self.model(key_id=key_id, digest=OTHERS.digest)
        changed = {}
        for row in surplus:
            newest = newest_of_client(row, remaining)
            if newest:
                changed[newest.pk] = newest
            (newest or other).absorb(row)
        self.filter(pk__in=[row.pk for row in surplus]).delete()
        self.bulk_update(changed.values(), COUNTED)
        if other.merged:
            other.kind, other.name = OTHERS.kind, OTHERS.name
            other.save()

    def of(self, *keys):
        """Return the rows of these keys, as {key's id: [row, …]}; one query."""
        rows = self.filter(key__in=keys).order_by("key_id", "-last_seen_at", "-pk")
        by_key = {id: list(group) for id, group in groupby(rows, lambda r: r.key_id)}
        return {key.pk: by_key.get(key.pk, []) for key in keys}

    def shown(self, key, at=None):
        """Return the `Group`s with a use in the last 30 days, the latest first."""
        since = (at or timezone.now()) - SHOWN_FOR
        rows = self.of(key)[key.pk]
        groups = group_by_place(rows, clients_with_many_addresses(rows)).values()
        recent = [group for group in groups if group.sighting.last >= since]
        return sorted(recent, key=lambda group: group.sighting.last, reverse=True)

    def prune(self, *, count=None, at=None):
        """Delete places without a use for `retention`; return how many rows."""
        expired = self.expired(at).values_list("pk", flat=True)[: count or BATCH]
        deleted, _ = self.filter(pk__in=list(expired)).delete()
        return deleted

    def prune_on_write(self):
        """Do nothing: rows are bounded per key, and no index has their age."""


class KeyUse:
    """An allowed request of a key, recorded after its view has run.

    A view knows what the request is about and can name a better place than the headers.
    """

    def __init__(self, key, place, at):
        self.key, self.place, self.at = key, place, at

    def name_place(self, place):
        """Use this place unless the headers named a pipeline."""
        if self.place.kind == CLIENT:
            self.place = place

    def record(self):
        KeyPlace.objects.record(self.key, self.place, self.at)


class KeyPlace(models.Model):
    """Allowed requests of a key from one place."""

    key = models.ForeignKey(
        "apikeys.ApiKey",
        on_delete=models.CASCADE,
        related_name="places",
        db_index=False,  # the constraint's index begins with it
    )
    digest = models.CharField(max_length=32)
    kind = models.CharField(
        max_length=10,
        choices=[
            (kind, kind.capitalize()) for kind in (PIPELINE, THING, CLIENT, OTHER)
        ],
    )
    name = models.CharField(max_length=NAME_LENGTH)
    address = models.CharField(max_length=45, blank=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    requests = models.PositiveBigIntegerField(default=0)
    longest_gap = models.DurationField(default=timedelta(0))
    merged = models.PositiveIntegerField(
        default=0, help_text="How many older places were merged into this row."
    )

    objects = KeyPlaceManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "digest"], name="key_place_unique")
        ]

    def __str__(self):
        return self.place.label

    @property
    def place(self):
        return Place(self.kind, self.name, self.address)

    @property
    def sighting(self):
        return Sighting(
            self.first_seen_at, self.last_seen_at, self.requests, self.longest_gap
        )

    @sighting.setter
    def sighting(self, sighting):
        self.first_seen_at, self.last_seen_at, self.requests, self.longest_gap = (
            sighting
        )

    def add(self, place, sighting):
        """Add uses, and take over the latest name of the place.

        A process whose clock was ahead may have stored a time in the future. It is
        limited to now, or all later uses would look older than it.
        """
        self.name, self.address = place.name, place.address
        self.sighting = self.sighting.clamp(timezone.now()).merge(sighting)

    add.alters_data = True

    def absorb(self, row):
        """Add the uses of an older place, and count it as merged into this one."""
        own = self.sighting if self.first_seen_at else None
        self.sighting = own.merge(row.sighting) if own else row.sighting
        self.merged += 1 + row.merged

    absorb.alters_data = True


COUNTED = [
    "name",
    "address",
    "first_seen_at",
    "last_seen_at",
    "requests",
    "longest_gap",
    "merged",
]


def is_new(place, at, known, inherited):
    """Whether the place is new to a key with these known rows and those of its predecessor.

    Not in the first days of the key, not where its predecessor was used, and not another
    address of a client that has many.
    """
    if not any(row.first_seen_at <= at - SETTLING for row in known):
        return False
    if any(row.digest == place.digest for row in inherited):
        return False
    return place.kind != CLIENT or place.name not in clients_with_many_addresses(known)


def newest_of_client(row, rows):
    """Return the latest row of the same client if it has many addresses, or None."""
    same = [other for other in rows if other.kind == CLIENT and other.name == row.name]
    is_one_of_many = row.kind == CLIENT and len(same) >= MANY_ADDRESSES
    return same[-1] if is_one_of_many else None


def clients_with_many_addresses(rows):
    """Return the names of clients with more than `MANY_ADDRESSES`."""
    addresses = {}
    for row in rows:
        if row.kind == CLIENT:
            addresses.setdefault(row.name, set()).add(row.address)
    return {name for name, known in addresses.items() if len(known) > MANY_ADDRESSES}


def group_by_place(rows, many_addressed):
    """Return {identity: Group}; a client with many addresses is one group."""
    by_identity = {}
    for row in rows:
        is_many = row.kind == CLIENT and row.name in many_addressed
        identity = (CLIENT, row.name) if is_many else row.digest
        by_identity.setdefault(identity, []).append(row)
    return {identity: group_of(same) for identity, same in by_identity.items()}


def group_of(rows):
    """Return the `Group` of the rows of one place."""
    first, *rest = sorted(rows, key=lambda row: row.first_seen_at)
    sighting = first.sighting
    for row in rest:
        sighting = sighting.merge(row.sighting)
    merged = sum(row.merged for row in rows)
    if first.kind == OTHER:
        label = f"{merged} other place{'' if merged == 1 else 's'}"
    elif rest:
        more = " or more" if merged else ""
        label = f"{first.name} from {len(rows)}{more} addresses"
    else:
        label = first.place.label
    return Group(first.place, label, sighting)
