"""Named ranges: networks of an organization that its keys refer to by name."""

import json
import uuid

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from apikeys.exceptions import InvalidKeyRequest, KeyConflict
from apikeys.models.audit import AuditEvent
from apikeys.network_entries import (
    LIKE_A_NETWORK,
    parse_entries,
    parse_entry,
    quote,
    require_count,
    require_restriction,
)
from apikeys.networks import AllowList, Coverage, as_text, parse_network
from echopoint.core.characters import fold
from echopoint.core.fields import FoldedField
from echopoint.core.locks import for_change, for_delete
from echopoint.core.names import name_error
from echopoint.organizations.models import Organization, OrgOwnedQuerySet

Action = AuditEvent.Action
ALLOWED = "allowed_networks"  # the field of a key's list in forms and the API
MAX_RANGES = 50  # per organization
MAX_NAMES = 10  # per key, so that its list stays short when ranges grow
NAME_LENGTH = 60
NAME_KEY_LENGTH = 240  # of 60 characters, some of which fold to several
OTHER_NAME = "Another range of this organization has this name."


class NetworkRangeQuerySet(OrgOwnedQuerySet):
    """Ranges of organizations."""

    def by_name(self):
        """Return {key of the name: range}."""
        return {row.name_key: row for row in self}


class NetworkRangeManager(models.Manager.from_queryset(NetworkRangeQuerySet)):
    """Creates ranges, and replaces their names in lists by their networks."""

    @transaction.atomic
    def add(self, organization, *, name, networks, by, at=None):
        """Create a range; no key refers to it yet.

        Raise `InvalidKeyRequest` for an invalid name or networks, `KeyConflict` if the
        organization has too many ranges.
        """
        require_range_name(name)
        texts = list(map(as_text, parse_entries(networks, field="networks")))
        own = self.for_org(organization)
        # Without a lock: concurrent requests may exceed the limit by a few, which is harmless.
        if own.count() >= MAX_RANGES:
            raise KeyConflict(
                "LIMIT_REACHED",
                f"An organization has at most {MAX_RANGES} named ranges. Delete one first.",
            )
        row = self.model(organization=organization, name=name, networks=texts)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            raise InvalidKeyRequest("name", OTHER_NAME) from None
        row.record(Action.RANGE_CREATED, by, at=at, networks=texts)
        return row

    add.alters_data = True

    def resolve(self, organization, entries):
        """Return the `AllowList` of these entries, or None for no list.

        Needs a transaction: the named ranges stay locked until its end. Otherwise a
        concurrent change of a range would miss the key that is about to refer to it. Raise
        `InvalidKeyRequest`.
        """
        if entries is None:
            return None
        require_count(entries, field=ALLOWED)
        ranges = self._lock_named(organization, entries)
        chosen, literal = [], []
        for entry in entries:
            if row := ranges.get(key_of(entry)):
                chosen.append(row.name)
                continue
            if not LIKE_A_NETWORK.fullmatch(entry):
                raise unknown_entry(entry)
            literal.append(parse_entry(entry, literal, field=ALLOWED))
            chosen.append(as_text(literal[-1]))
        require_few_names(chosen, ranges)
        networks = [*literal, *(n for row in ranges.values() for n in row.parsed)]
        require_restriction(networks, field=ALLOWED)
        return AllowList.of(chosen, networks)

    def _lock_named(self, organization, entries):
        """Lock the ranges named in the list; return {key of the name: range}."""
        # Other texts name no range, and PostgreSQL cannot even compare some of them.
        names = [key_of(entry) for entry in entries if not name_problem(entry)]
        if not names:
            return {}
        own = self.for_org(organization).filter(name_key__in=names)
        return for_change(own.order_by("pk")).by_name()


class NetworkRange(models.Model):
    """A named list of networks; keys that refer to it allow them all."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        related_name="network_ranges",
        db_index=False,  # the constraint's index begins with it
    )
    name = models.CharField(max_length=NAME_LENGTH)
    name_key = FoldedField(of="name", max_length=NAME_KEY_LENGTH)
    networks = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = NetworkRangeManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name_key"], name="network_range_name_unique"
            )
        ]

    def __str__(self):
        return self.name

    @property
    def parsed(self):
        """Return the networks; none if the stored value is malformed, to allow nothing."""
        try:
            return [parse_network(text) for text in self.networks]
        except (AttributeError, TypeError, ValueError):
            return []

    def keys(self):
        """Return the unrevoked keys whose lists refer to the range, by name."""
        return [
            key
            for key in self._candidates().order_by("name_key", "pk")
            if self.is_in(key)
        ]

    def _candidates(self):
        """Return the keys whose stored list contains the name, perhaps in another word."""
        keys = self.organization.api_keys.filter(revoked_at=None)
        quoted = json.dumps(self.name, ensure_ascii=False)
        return keys.filter(allow_list__isnull=False, allow_list__contains=quoted)

    def is_in(self, key):
        """Whether the key's list refers to the range."""
        return self.name in (key.allowed_networks or ())

    @transaction.atomic
    def change(self, networks, *, by, at=None):
        """Replace the networks, also for the keys that refer to the range.

        Return whether anything changed. A change that adds addresses needs a recent
        sign-in. Raise `InvalidKeyRequest` for invalid networks, `KeyConflict` for a range
        that was deleted.
        """
        after = parse_entries(networks, field="networks")
        row = for_change(type(self).objects.filter(pk=self.pk)).first()
        if row is None:
            raise KeyConflict("CONFLICT", "This range was deleted.")
        if not Coverage(row.parsed).covers(Coverage(after)):
            by.require_fresh()
        before, self.networks = row.networks, list(map(as_text, after))
        if before == self.networks:
            return False
        self.save(update_fields=["networks"])
        self.record(
            Action.RANGE_CHANGED,
            by,
            at=at,
            before=before,
            after=self.networks,
            keys=self._update_keys(),
        )
        return True

    change.alters_data = True

    def _update_keys(self):
        """Store the new networks in the keys that refer to the range; return how many."""
        done = set()
        # A rotation that held the lock of a key has issued a successor with the networks
        # as they were. So look again, until there are no others.
        while rows := self._lock_keys(excluding=done):
            # Read after locking the keys: the later of concurrent changes then sees all ranges.
            ranges = type(self).objects.for_org(self.organization).by_name()
            for key in rows:
                key.allow_list = resolved_again(key.allowed, ranges).stored
            type(rows[0]).objects.bulk_update(rows, ["allow_list"], batch_size=500)
            done |= {key.pk for key in rows}
        return len(done)

    def _lock_keys(self, *, excluding):
        rows = for_change(self._candidates().exclude(pk__in=excluding))
        return [key for key in rows.order_by("pk") if self.is_in(key)]

    @transaction.atomic
    def remove(self, *, by, at=None):
        """Delete the range. Raise `KeyConflict` while keys refer to it."""
        row = for_delete(type(self).objects.filter(pk=self.pk)).first()
        if row is None:
            return
        if keys := self.keys():
            others = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            raise KeyConflict(
                "CONFLICT",
                f"The list of {keys[0].name}{others} refers to this range. Remove it from"
                " there first.",
            )
        row.delete()
        self.record(Action.RANGE_DELETED, by, at=at, networks=row.networks)

    remove.alters_data = True

    def record(self, action, by, *, at=None, **details):
        """Append an audit event about this range."""
        AuditEvent.objects.record(
            action,
            organization=self.organization,
            actor=by,
            target=("network_range", str(self.pk), self.name),
            at=at,
            **details,
        )

    record.alters_data = True


def key_of(name):
    """Return the name as `name_key` has it."""
    return fold(name)[:NAME_KEY_LENGTH]


def require_range_name(name):
    """Raise `InvalidKeyRequest` for a name that is invalid, or could be a network."""
    if message := name_problem(name):
        raise InvalidKeyRequest("name", message)


def name_problem(name):
    """Return why a text cannot be the name of a range, or an empty string."""
    if not name.strip():
        return "Give the range a name."
    if message := name_error(name):
        return message
    if len(name) > NAME_LENGTH:
        return f"Use at most {NAME_LENGTH} characters; these are {len(name)}."
    if name != name.strip():
        return "Remove the spaces around the name."
    if "," in name or LIKE_A_NETWORK.fullmatch(name):
        return "Use a name with a letter, and without commas, colons and slashes."
    return ""


def require_few_names(chosen, ranges):
    """Raise `InvalidKeyRequest` for a range that is named twice, or for too many."""
    names = [name for name in chosen if key_of(name) in ranges]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidKeyRequest(ALLOWED, f"{quote(twice)} is listed twice. Remove one.")
    if len(names) > MAX_NAMES:
        raise InvalidKeyRequest(
            ALLOWED,
            f"A list refers to at most {MAX_NAMES} ranges; these are {len(names)}.",
        )


def unknown_entry(entry):
    return InvalidKeyRequest(
        ALLOWED,
        f"{quote(entry)} is neither a network, such as 203.0.113.0/24, nor the name of a"
        " range of this organization.",
    )


def resolved_again(allowed, ranges):
    """Return the `AllowList` with what the names of its entries stand for now."""
    networks = []
    for entry in allowed.entries:
        row = ranges.get(key_of(entry))
        if row:
            networks += row.parsed
        elif LIKE_A_NETWORK.fullmatch(entry):
            networks.append(parse_network(entry))
    return AllowList.of(allowed.entries, networks)
