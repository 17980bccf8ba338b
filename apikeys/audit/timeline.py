"""The audit events and refused requests of a key, in words, for its page."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Max, OuterRef, Subquery, Sum
from django.utils import timezone

from apikeys.audit import events as audit_events
from apikeys.audit.events import Action
from apikeys.models import AuditEvent, Refusal

NEWEST = 50
REFUSALS_SHOWN_FOR = timedelta(days=30)
REASONS = {
    "API_KEY_REVOKED": "The key was revoked.",
    "API_KEY_RETIRED": "The key was retired; use its successor.",
    "API_KEY_EXPIRED": "The key had expired.",
    "API_KEY_BLOCKED": "The operator had blocked the key.",
    "API_KEY_SUSPENDED": "The key was suspended.",
    "IP_NOT_ALLOWED": "The address was not in the key's list.",
    "ORGANIZATION_REQUIRED": "The request named no organization, or more than one.",
    "ORGANIZATION_MISMATCH": "The request named another organization, not the key's own.",
    "MISSING_REQUIRED_SCOPES": "The key lacks a scope that the request needs.",
    "TOO_MANY_REQUESTS": "The key exceeded its rate limit.",
    "FORBIDDEN": "API keys may not make this request.",
}


TARGETS = {
    "access_review": "access review",
    "api_key": "key",
    "network_range": "address range",
    "organization": "organization",
    "user": "person",
    "variable": "variable",
    "variable_set": "variables",
    "environment": "environment",
}


class Entry(NamedTuple):
    """An event with its details in words."""

    event: AuditEvent
    text: str

    @property
    def target(self):
        """Return the kind of the target, for people."""
        return TARGETS.get(self.event.target_type, self.event.target_type)


def timeline(key):
    """Return the latest events about a key as `Entry`, newest first."""
    events = AuditEvent.objects.for_org(key.organization)
    # Two queries, because each has an index of its own.
    own = newest(events.filter(target_id=key.rest_id))
    both = [*own, *newest(freezes_of(key, events))]
    both.sort(key=lambda event: (event.at, event.pk), reverse=True)
    return [Entry(event, in_words(event)) for event in both[:NEWEST]]


def newest(events):
    return list(events.order_by("-at", "-pk")[:NEWEST])


def freezes_of(key, events):
    """Return the freezes of the organization that the key went through.

    A freeze has one event, not one for each of perhaps a million keys.
    """
    freezes = events.filter(
        action__in=[Action.FROZEN, Action.UNFROZEN], at__gte=key.created_at
    )
    return freezes.filter(at__lte=key.revoked_at) if key.revoked_at else freezes


def in_words(event):
    """Return the details of an event in words, or an empty string."""
    return audit_events.in_words(event.action, event.at, event.details)


class Attempts(NamedTuple):
    """Refused requests of a key for one reason."""

    code: str
    reason: str
    count: int
    last_at: datetime
    last_ip: str | None


def refused_attempts(key, *, at=None):
    """Return the `Attempts` of the last 30 days by reason, latest first."""
    since = (at or timezone.now()) - REFUSALS_SHOWN_FOR
    recent = Refusal.objects.filter(key=key, minute__gte=since)
    with_address = recent.filter(reason=OuterRef("reason"), last_ip__isnull=False)
    rows = (
        recent.values("reason")
        .annotate(
            total=Sum("count"),
            last_at=Max("minute"),
            address=Subquery(with_address.order_by("-minute").values("last_ip")[:1]),
        )
        .order_by("-last_at", "reason")
    )
    return [
        Attempts(
            row["reason"],
            REASONS.get(row["reason"], ""),
            row["total"],
            row["last_at"],
            row["address"],
        )
        for row in rows
    ]
