"""What happened to a key, for its page: its audit in words, and its refused requests."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Max, OuterRef, Subquery, Sum
from django.utils import timezone

from apikeys import moments
from apikeys.audit_chain import whole_milliseconds
from apikeys.models import AuditEvent, Refusal
from apikeys.scopes import PRESETS

Action = AuditEvent.Action
NEWEST = 50
REFUSALS_SHOWN_FOR = timedelta(days=30)
REASONS = {
    "API_KEY_REVOKED": "The key was revoked.",
    "API_KEY_RETIRED": "The key was retired; its successor takes its place.",
    "API_KEY_EXPIRED": "The key was expired.",
    "API_KEY_SUSPENDED": "The key was suspended.",
    "ORGANIZATION_REQUIRED": "No organization was named, or more than one.",
    "ORGANIZATION_MISMATCH": "The request named another organization, not the key's own.",
    "MISSING_REQUIRED_SCOPES": "The key lacks a scope that the request needs.",
    "FORBIDDEN": "The request is not one that a key may make.",
}


class Entry(NamedTuple):
    """An event with what it says beside its name."""

    event: AuditEvent
    text: str


def timeline(key):
    """Return the newest events about a key as `Entry`, the newest first."""
    events = AuditEvent.objects.for_org(key.organization).filter(target_id=key.rest_id)
    newest = events.order_by("-sequence")[:NEWEST]
    return [Entry(event, in_words(event)) for event in newest]


def in_words(event):
    """Return the details of an event in words; empty when its name says it all."""
    details = event.details
    match event.action:
        case Action.CREATED:
            return " ".join(
                [scopes(details), ending("Expires on", details.get("expires_at"))]
            )
        case Action.ROTATED if details.get("successor"):
            until = details.get("retire_at")
            overlap = (
                ending("Both work until", until)
                if until and is_later(until, event.at)
                else "This key stopped at once."
            )
            return f"{details['successor']} takes its place. {overlap}"
        case Action.ROTATION_CANCELLED if details.get("successor"):
            return f"{details['successor']} was revoked; this key goes on."
        case Action.RETIRED if details.get("successor"):
            return f"{details['successor']} has taken its place."
        case Action.UNRETIRED:
            return ending("Both work until", details.get("retire_at"))
        case Action.FIRST_USED | Action.RETIRED_USED:
            return details.get("route", "")
        case Action.RENAMED if details.keys() >= {"before", "after"}:
            return f"From “{details['before']}” to “{details['after']}”."
        case Action.POLICY_UPDATED:
            return policy_change(details.get("before", {}), details.get("after", {}))
        case Action.AUDIT_EXPORTED:
            return exported(details)
    return details.get("reason", "")


def is_later(text, at):
    """Whether the time in the text is after that of an event, which is in milliseconds."""
    return whole_milliseconds(datetime.fromisoformat(text)) > at


def scopes(details):
    """Return "CI pipeline: flows:execute, flows:read"."""
    preset = PRESETS.get(details.get("preset", ""))
    names = ", ".join(details.get("scopes", ()))
    return f"{preset.label if preset else 'Scopes'}: {names}."


def policy_change(before, after):
    """Return "max lifetime days: 365 to 90."."""
    changes = (
        f"{name.replace('_', ' ')}: {before[name]} to {value}"
        for name, value in after.items()
    )
    return f"{'; '.join(changes)}."


def exported(details):
    """Return "As CSV, action: api_key.revoked."."""
    filters = [f"{name}: {value}" for name, value in details.get("filters", {}).items()]
    return f"As {', '.join([details['format'].upper(), *filters])}."


def ending(verb, text):
    """Return "Expires on 21 February 2027, 14:02 UTC."."""
    if text is None:
        return "No expiry."
    return f"{verb} {moments.in_words(datetime.fromisoformat(text))}."


class Attempts(NamedTuple):
    """Requests with the key that were refused for one reason."""

    code: str
    reason: str
    count: int
    last_at: datetime
    last_ip: str | None


def refused_attempts(key, *, at=None):
    """Return the `Attempts` of the last 30 days for each reason, the latest first."""
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
