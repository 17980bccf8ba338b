"""The audit: one append-only chain of events per organization."""

import re

from django.db import models, transaction

from apikeys.audit import events as audit_events
from apikeys.db.text_conditions import holds
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
SEARCHED_TYPES = ("api_key", "user")
NO_ROWS = models.Q(pk__in=[])
LETTERS = 3  # the trigram index finds texts of at least this length within words


def label_holds(column, text):
    """Return the condition for a text in a folded label."""
    text = fold(text)
    if not text:  # every label would hold it
        return NO_ROWS
    if len(text) < LETTERS:
        return holds(column, text)
    return models.Q(**{f"{column}__contains": text})


class AuditChainManager(models.Manager):
    """Find or lock the chain of an organization."""

    def of(self, organization):
        """Return the organization's chain, or an unsaved one before its first event.

        `has_unused` says whether it has events whose action is no longer recorded. It is
        annotated to save the page a query.
        """
        events = AuditEvent.objects.using(self.db).for_org(organization)
        unused = events.filter(action__in=audit_events.UNUSED)
        chains = self.filter(organization=organization)
        chain = chains.annotate(has_unused=models.Exists(unused)).first()
        return chain or self.model(organization=organization)

    def lock(self, organization):
        """Lock the organization's chain to append to it; needs a transaction.

        Lock several chains in ascending order of ids, or two processes could deadlock.
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
    """Events of organizations, read-only."""

    def by_actor(self, text):
        """Only events of the actor with this id, or with the text in its label."""
        exact = models.Q(actor_id=text)
        if EXACT_ID.fullmatch(text):
            return self.filter(exact)
        return self.filter(exact | label_holds("actor_key", text))

    def about(self, text):
        """Only events about the key or person with this id, or with the text in its label.

        Labels are names and e-mail addresses at the time of the event.
        """
        if EXACT_ID.fullmatch(text):
            return self.filter(target_id=text)
        named = label_holds("target_key", text)
        if EXACT_ID.fullmatch(f"key_{text}"):
            named |= models.Q(target_id=f"key_{text}")
        return self.filter(named, target_type__in=SEARCHED_TYPES)

    def extent(self):
        """Return the number of these events, their first and last time, and the last hash."""
        times = {"since": models.Min("at"), "until": models.Max("at")}
        extent = self.aggregate(events=models.Count("pk"), **times)
        for name in times:
            extent[name] = extent[name] and extent[name].isoformat()
        last = self.order_by("sequence").last()
        return extent | {"head": last.hash if last else ""}


class AuditEventManager(AppendingManager.from_queryset(AuditEventQuerySet)):
    """The only way to record an event; also checks and prunes chains."""

    @transaction.atomic
    def record(self, action, *, organization, actor, target, at=None, **details):
        """Append one event, in the transaction of the change.

        `target` is (type, id, label). `details` may have the names in `DETAILS` for the
        action, with JSON values other than floats. The time is truncated to milliseconds,
        which every database and export format preserves.
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
        """Move the base of the chain past its events before this time; see `prune_chain`."""
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

    def walk(self, organization, *, expected_head="", map=map):
        """Check the organization's chain; return the `Walk`. For `map` see `walk_chain`."""
        chains = AuditChain.objects.db_manager(self.db)
        return self.walk_chain(
            self.for_org(organization),
            lambda: chains.of(organization),
            expected_head=expected_head,
            is_begun=organization.api_keys.exists(),
            map=map,
        )


class AuditEvent(ChainedEvent):
    """An event of an organization's chain."""

    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="audit_events",
        db_index=False,  # other indexes begin with it
    )

    objects = AuditEventManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "sequence"], name="audit_event_sequence_unique"
            )
        ]
        # Each has a filter's column, then the order of the list, so that a period of one
        # action, actor or target is a range of an index.
        indexes = [
            models.Index(fields=["organization", *columns, "at", "id"], name=name)
            for name, columns in (
                ("audit_event_times", []),
                ("audit_event_action_times", ["action"]),
                ("audit_event_actor_times", ["actor_id"]),
                ("audit_event_actor_actions", ["actor_id", "action"]),
                ("audit_event_target_times", ["target_id"]),
            )
        ]
