"""The last refused request of each key, and the last place that was new to it."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

from apikeys.db.write_buffers import CountingManager
from apikeys.models.recording import Recording
from echopoint.organizations.models import Organization, OrgOwnedQuerySet

WARNED_FOR = timedelta(days=7)


class WarningRecording(Recording):
    """The time since which this database has every `KeyWarning`; a single row."""


class KeyWarningQuerySet(OrgOwnedQuerySet):
    """Warnings by their age."""

    def recent(self, kind, at=None):
        """Return the rows of this kind of the last days."""
        since = (at or timezone.now()) - WARNED_FOR
        return self.filter(kind=kind, at__gte=since)


class KeyWarningManager(CountingManager.from_queryset(KeyWarningQuerySet)):
    """Store the latest time of each kind: one row per key and kind."""

    def __init__(self):
        super().__init__(("organization", "key", "kind"), (), ("at",))

    def record(self, key, kind, at):
        """Buffer a warning about a key; written within seconds."""
        self.add((key.organization_id, key.pk, kind), (), (at,))

    def write(self, times):
        """Write {(organization id, key id, kind): time} in the current transaction."""
        self.store({identity: ((), (at,)) for identity, at in times.items()})

    def prune_on_write(self):
        """Do nothing: a key has at most one row of each kind."""


class KeyWarning(models.Model):
    """The last time that something happened to a key that people may want to check.

    `Refusal` and `KeyPlace` have the details, but no organization. This table has an index
    for the question which keys of an organization had it recently.
    """

    class Kind(models.TextChoices):
        REFUSED = "refused", "Refused request"
        NEW_PLACE = "new-place", "Use from a new place"

    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # the indexes begin with it
    )
    key = models.ForeignKey(
        "apikeys.ApiKey",
        on_delete=models.CASCADE,
        related_name="warnings",
        db_index=False,  # rows are read with their organization
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    at = models.DateTimeField()

    objects = KeyWarningManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "key", "kind"], name="key_warning_unique"
            )
        ]
        indexes = [
            models.Index(
                fields=["organization", "kind", "at", "key"], name="key_warning_recent"
            )
        ]

    def __str__(self):
        return f"{self.get_kind_display()}: {self.at:%Y-%m-%d %H:%M} UTC"
