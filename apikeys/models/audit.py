"""The audit: one append-only chain of events for each organization."""

import re

from django.db import models, transaction

from apikeys.audit import events as audit_events
from apikeys.models.audit_chain import (
    AppendingManager,
    ChainedEvent,
    ChainEnd,
    EventQuerySet,
    Immutable,
)
from apikeys.tokens import PUBLIC_ID_LENGTH
from echopoint.core.characters import fold
from echopoint.core.ids import ID_LENGTH
from echopoint.core.locks import for_change
from echopoint.organizations.models import Organization, OrgOwnedQuerySet

__all__ = ["AuditChain", "AuditEvent", "Immutable"]
EXACT_ID = re.compile(
    rf"user_[0-9A-Za-z]{{{ID_LENGTH}}}|key_[0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}}"
)
FOUND_BY_NAME = ("api_key", "user")
NONE = models.Q(pk__in=[])


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

    def lock(self, organization):
        """Return the organization's chain for an event; needs a transaction.

        Of several, lock those of lower ids first.
        """
        self.get_or_create(organization=organization)
        return for_change(self.all()).get(organization=organization)


class AuditChain(ChainEnd):
    """The end of an organization's chain."""

    organization = models.OneToOneField(
        Organization, on_delete=models.PROTECT, primary_key=True
    )

    objects = AuditChainManager()
    has_unused = False

    @property
    def owner(self):
        return {"organization": self.organization_id}

    def __str__(self):
        return f"{self.organization_id}: {self.length} events"


class AuditEventQuerySet(EventQuerySet, OrgOwnedQuerySet):
    """Events of organizations, to be read only."""

    def by_actor(self, text):
        """Only events of the actor with this id, or with the text in the label it had."""
        exact = models.Q(actor_id=text)
        if EXACT_ID.fullmatch(text):
            return self.filter(exact)
        return self.filter(exact | self._has("actor_key", text))

    def about(self, text):
        """Only events about the key or person with this id, or with the text in the name
        or e-mail that it had."""
        if EXACT_ID.fullmatch(text):
            return self.filter(target_id=text)
        named = self._has("target_key", text)
        if EXACT_ID.fullmatch(f"key_{text}"):
            named |= models.Q(target_id=f"key_{text}")
        return self.filter(named, target_type__in=FOUND_BY_NAME)

    def _has(self, column, text):
        # What folds to nothing is in every label, and seen in none.
        return models.Q(**{f"{column}__contains": text}) if fold(text) else NONE

    def extent(self):
        """Return the number of these events, from when to when, and the last hash."""
        times = {"since": models.Min("at"), "until": models.Max("at")}
        found = self.aggregate(events=models.Count("pk"), **times)
        for name in times:
            found[name] = found[name] and found[name].isoformat()
        last = self.order_by("sequence").last()
        return found | {"head": last.hash if last else ""}


class AuditEventManager(AppendingManager.from_queryset(AuditEventQuerySet)):
    """The one way an event comes to be, and the way to check that all are still there."""

    @transaction.atomic
    def record(self, action, *, organization, actor, target, at=None, **details):
        """Append one event, in the transaction of the change that it tells of.

        `target` is (type, id, label); `details` holds only names that `DETAILS` lists
        for the action, with JSON values other than floats. The time is kept in whole
        milliseconds, which survive every way to move a database.
        """
        return self.append(
            AuditChain.objects.lock(organization),
            action,
            organization=organization,
            actor=actor,
            target=target,
            at=at,
            details=details,
        )

    def prune(self, organization, before, *, by, at=None):
        """Let the chain begin after its events of before this moment; return its end.

        See `prune_chain`, also for what is raised.
        """
        return self.prune_chain(
            self.for_org(organization),
            lambda: AuditChain.objects.of(organization),
            lambda: AuditChain.objects.lock(organization),
            before,
            organization=organization,
            actor=by,
            target=("organization", organization.pk, organization.name),
            at=at,
        )

    def verify(self, organization):
        """Return the first `BrokenLink` of the organization's chain, or None."""
        return self.walk(organization).broken

    def walk(self, organization, *, expected_head=""):
        """Check the organization's chain; return the `Walk`."""
        chains = AuditChain.objects.db_manager(self.db)
        return self.walk_chain(
            self.for_org(organization),
            lambda: chains.of(organization),
            expected_head=expected_head,
            is_begun=organization.api_keys.exists(),
        )


class AuditEvent(ChainedEvent):
    """An event of an organization's chain."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="audit_events"
    )

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
