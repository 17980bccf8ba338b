"""The last use of each scope of a key."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from apikeys.db.write_buffers import BufferedManager
from apikeys.models.recording import Recording
from apikeys.scopes import canonical
from echopoint.core.locks import for_change
from echopoint.organizations.models import Organization, OrgOwnedQuerySet

UNUSED_DAYS = 45
# A later use within this time is not recorded, so most requests write no row.
PRECISION = timedelta(hours=1)
BATCH = 1000


class ScopeRecording(Recording):
    """The time since which this database has every use of a scope; a single row."""


class ScopeFact(NamedTuple):
    """What is known about the use of a scope of a key."""

    name: str
    last_used_at: datetime | None
    known_since: datetime  # earlier uses are not recorded
    created_at: datetime  # of the key

    @property
    def idle_since(self):
        """Return the time since which the scope was certainly not used."""
        return max(self.last_used_at or self.known_since, self.known_since)

    @property
    def is_known_from_the_start(self):
        """Whether every use is recorded since the key was created."""
        return self.known_since == self.created_at

    @property
    def is_last_use_known(self):
        """Whether no later use than `last_used_at` can be missing, except for `PRECISION`."""
        return bool(self.last_used_at) and self.last_used_at >= self.known_since

    @property
    def is_pending(self):
        """Whether recording is not complete yet, so an unused scope cannot be recognized."""
        return self.known_since > timezone.now()

    def is_unused(self, at=None):
        """Whether the scope was not used for `UNUSED_DAYS`."""
        return self.idle_since <= unused_since(at)


@dataclass(frozen=True)
class KeyScopes:
    """What is known about the use of all scopes of a key."""

    facts: tuple[ScopeFact, ...]

    def by_name(self):
        return {fact.name: fact for fact in self.facts}

    @cached_property
    def unused(self):
        """Return the names of the scopes that were not used for `UNUSED_DAYS`."""
        now = timezone.now()
        return [fact.name for fact in self.facts if fact.is_unused(now)]

    @property
    def removable(self):
        """Return the unused scopes in the catalog that a successor can leave out.

        An empty list if no scope would remain: a key needs at least one.
        """
        valid = [fact.name for fact in self.facts if canonical(fact.name)]
        unused = [name for name in valid if name in self.unused]
        return unused if len(unused) < len(valid) else []


def unused_since(at=None, days=UNUSED_DAYS):
    return (at or timezone.now()) - timedelta(days=days)


class ScopeUseManager(BufferedManager.from_queryset(OrgOwnedQuerySet)):
    """Record uses of scopes: one row for each scope that a key used.

    Also updates `scopes_used_since` of the key, which filters and sorts the list.
    """

    def record(self, key, scopes, at):
        """Buffer the use of these scopes by an allowed request with the key."""
        for scope in scopes:
            self.enqueue((key.organization_id, key.pk, scope), at)

    def merge(self, older, newer):
        return max(older, newer)

    def store(self, entries):
        # By ascending key id, the order in which all transactions lock keys.
        ordered = sorted(entries, key=lambda identity: identity[1])
        for first in range(0, len(ordered), BATCH):
            part = ordered[first : first + BATCH]
            self._store({identity: entries[identity] for identity in part})

    def _store(self, entries):
        if not (due := self._due(entries)):
            return
        keys = self._lock_keys({key_id for _, key_id, _ in due})
        # Read again: another process may have written a row before the lock.
        due = self._due({i: at for i, at in due.items() if i[1] in keys})
        self._write(due)
        written = {key_id for _, key_id, _ in due}
        self._update_keys([keys[key_id] for key_id in written], self._rows(due))

    def _due(self, entries):
        """Return the entries that must be written, according to `is_due`."""
        known = self._rows(entries)
        return {
            identity: at
            for identity, at in entries.items()
            if is_due(known.get(identity), at)
        }

    def _rows(self, entries):
        """Return {identity: last use} from all rows of these entries' keys."""
        organizations = {organization_id for organization_id, _, _ in entries}
        keys = {key_id for _, key_id, _ in entries}
        rows = self.filter(organization__in=organizations, key__in=keys)
        names = ("organization_id", "key_id", "scope", "last_used_at")
        return {tuple(identity): at for *identity, at in rows.values_list(*names)}

    def _lock_keys(self, ids):
        """Lock the keys; return {id: key}.

        The rows of a key are written under this lock only. Otherwise two processes could write
        its first two scopes at the same time, and neither would see that all are used.
        """
        keys = self.model._meta.get_field("key").related_model._base_manager
        rows = for_change(keys.filter(pk__in=ids)).order_by("pk")
        fields = ("organization_id", "scopes", "scopes_used_since")
        return {key.pk: key for key in rows.only(*fields)}

    def _write(self, due):
        rows = (
            self.model(organization_id=o, key_id=k, scope=scope, last_used_at=at)
            for (o, k, scope), at in sorted(due.items())
        )
        self.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["organization", "key", "scope"],
            update_fields=["last_used_at"],
        )

    def _update_keys(self, keys, rows):
        """Set `scopes_used_since` of the keys for which it has changed."""
        changed = []
        for key in keys:
            uses = [rows.get((key.organization_id, key.pk, s)) for s in key.scopes]
            since = None if None in uses else min(uses)
            if since != key.scopes_used_since:
                key.scopes_used_since = since
                changed.append(key)
        if changed:
            type(changed[0])._base_manager.bulk_update(changed, ["scopes_used_since"])

    def of(self, key):
        """Return the `KeyScopes` of a key."""
        return self.of_keys(key.organization, [key])[key.pk]

    def of_keys(self, organization, keys):
        """Return {key id: `KeyScopes`}, with two queries."""
        rows = self.for_org(organization).filter(key__in=keys)
        used = {
            (key_id, scope): at
            for key_id, scope, at in rows.values_list("key_id", "scope", "last_used_at")
        }
        began_at = ScopeRecording.objects.using(self.db).began_at()
        return {
            key.pk: KeyScopes(
                tuple(
                    ScopeFact(
                        name=name,
                        last_used_at=used.get((key.pk, name)),
                        known_since=max(began_at, key.created_at),
                        created_at=key.created_at,
                    )
                    for name in key.scopes
                )
            )
            for key in keys
        }

    def prune_on_write(self):
        """Do nothing: rows stay as long as their key.

        Without its row, a scope that was last used long ago would be shown as never used.
        A key has at most as many rows as scopes.
        """


class ScopeUse(models.Model):
    """The last use of a scope by a key, or one up to `PRECISION` earlier."""

    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # the constraint's index begins with it
    )
    key = models.ForeignKey(
        "apikeys.ApiKey",
        on_delete=models.CASCADE,
        related_name="scope_uses",
        db_index=False,  # rows are read with their organization
    )
    scope = models.CharField(max_length=40)
    last_used_at = models.DateTimeField()

    objects = ScopeUseManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "key", "scope"], name="scope_use_unique"
            )
        ]

    def __str__(self):
        return f"{self.scope}: {self.last_used_at:%Y-%m-%d %H:%M} UTC"


def is_due(last, at):
    """Whether a use must be written, given the time in the row or None."""
    # A process whose clock was ahead may have stored a time in the future. Without the
    # second condition no use would be written until then.
    return last is None or at - last >= PRECISION or last > timezone.now() + PRECISION
