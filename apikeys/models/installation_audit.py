"""The audit chain of the installation, for events without an organization.

They are in a table of their own, so that no query for an organization can return one.
"""

from django.db import models, transaction
from django.db.models import Q

from apikeys.audit.hash_chain import INSTALLATION
from apikeys.models.audit_chain import (
    AppendingManager,
    ChainedEvent,
    ChainEnd,
    EventQuerySet,
)
from apikeys.models.person_events import PersonEventManager
from echopoint.core.locks import for_change

ONLY = 1


class InstallationChainManager(models.Manager):
    """Find or lock the only chain."""

    def get_end(self):
        """Return the end of the chain, or an unsaved one before its first event."""
        return self.first() or self.model()

    def lock(self):
        """Lock the chain to append to it; needs a transaction."""
        self.get_or_create(pk=ONLY)
        return for_change(self.all()).get(pk=ONLY)


class InstallationChain(ChainEnd):
    """The end of the installation's chain, a single row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)

    objects = InstallationChainManager()

    class Meta:
        verbose_name = "installation's audit chain"
        constraints = [
            models.CheckConstraint(condition=Q(id=ONLY), name="installation_chain_one")
        ]

    def __str__(self):
        return f"{INSTALLATION}: {self.length} events"


class InstallationEventManager(AppendingManager.from_queryset(EventQuerySet)):
    """The only way to record an event; also checks and prunes the chain."""

    @transaction.atomic
    def record(self, action, *, actor, target, at=None, **details):
        """Append one event, in the transaction of the change."""
        end = InstallationChain.objects.lock()
        return self.append(
            end, action, actor=actor, target=target, at=at, details=details
        )

    def prune(self, before, *, by, at=None):
        """Move the base of the chain past its events before this time; see `prune_chain`."""
        ends = InstallationChain.objects
        target = (INSTALLATION, INSTALLATION, "this installation")
        event = {"actor": by, "target": target, "at": at}
        return self.prune_chain(self.all(), ends.get_end, ends.lock, before, **event)

    def walk(self, **options):
        """Check the chain; return the `Walk`. For `expected_head` and `map` see `walk_chain`."""
        ends = InstallationChain.objects.db_manager(self.db)
        return self.walk_chain(self.all(), ends.get_end, **options)

    def is_begun(self):
        """Whether there is a chain to check."""
        return (
            InstallationChain.objects.using(self.db).exists()
            or self.using(self.db).exists()
        )


class InstallationEvent(ChainedEvent):
    """An event of the installation's chain."""

    organization_id = INSTALLATION

    objects = InstallationEventManager()
    person_events = PersonEventManager()

    class Meta:
        verbose_name = "installation's audit event"
        constraints = [
            models.UniqueConstraint(
                fields=["sequence"], name="installation_event_sequence_unique"
            )
        ]
        indexes = [
            models.Index(
                fields=["target_id", "action", "at"],
                name="installation_event_by_target",
            ),
            models.Index(fields=["at"], name="installation_event_by_time"),
        ]

    @classmethod
    def lock_chain(cls):
        """Lock the chain's end; needs a transaction."""
        return InstallationChain.objects.lock()
