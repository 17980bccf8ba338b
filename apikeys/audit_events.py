"""What the audit records: each action, the details it takes, and how they read.

A new action is a member of `Action`, and a function in `WORDS`. The keywords of the
function are the details that the action takes; it returns what people read beside its name.
"""

import inspect
from datetime import datetime

from django.db.models import TextChoices
from django.utils.formats import date_format

from apikeys import moments
from apikeys.audit_chain import whole_milliseconds
from apikeys.scopes import PRESETS

UNREADABLE = "The details of this event cannot be read."
SHORT_HASH = 12  # characters
FORMAT = "j F Y, H:i"


class Action(TextChoices):
    CREATED = "api_key.created", "Created"
    SECRET_DISPLAYED = "api_key.secret_displayed", "Secret displayed"
    ROTATED = "api_key.rotated", "Rotated"
    ROTATION_CANCELLED = "api_key.rotation_cancelled", "Rotation cancelled"
    RETIRED = "api_key.retired", "Retired"
    UNRETIRED = "api_key.unretired", "Retirement undone"
    SUSPENDED = "api_key.suspended", "Suspended"
    RESUMED = "api_key.resumed", "Resumed"
    REVOKED = "api_key.revoked", "Revoked"
    FIRST_USED = "api_key.first_used", "First used"
    RETIRED_USED = "api_key.retired_used", "Used after it retired"
    RENAMED = "api_key.renamed", "Renamed"
    POLICY_UPDATED = "policy.updated", "Policy updated"
    AUDIT_EXPORTED = "audit.exported", "Audit exported"


# Events about a key that change nothing of it.
NO_CHANGES = {Action.SECRET_DISPLAYED, Action.FIRST_USED, Action.RETIRED_USED}
# No verb records these. Filters leave them out, but events that exist stay readable.
UNUSED = {Action.RENAMED}


def choices(occurred=()):
    """Return the choices of actions that can occur, and of others that did."""
    return [(a.value, a.label) for a in Action if a not in UNUSED - set(occurred)]


def nothing(at):
    """The name of the action says it all."""
    return ""


def created(at, *, scopes=(), preset="", expires_at=None):
    end = f"Expires on {moment(expires_at)}." if expires_at else "No expiry."
    return f"{scopes_in_words(scopes, preset)} {end}"


def rotated(at, *, successor="", retire_at="", scopes=(), dropped=()):
    if not successor:
        return ""
    # The event's own time is in whole milliseconds.
    both_work = retire_at and whole_milliseconds(datetime.fromisoformat(retire_at)) > at
    overlap = (
        f"Overlap until {moment(retire_at)}."
        if both_work
        else "This key stopped at once."
    )
    holding = f", with {', '.join(scopes)}" if scopes else ""
    lost = f" Dropped as not in the catalog: {', '.join(dropped)}." if dropped else ""
    return f"{successor} takes its place{holding}.{lost} {overlap}"


def rotation_cancelled(at, *, successor=""):
    return successor and f"{successor} was revoked; this key goes on."


def retired(at, *, successor=""):
    return successor and f"{successor} has taken its place."


def unretired(at, *, successor="", retire_at=""):
    if not retire_at:
        return ""
    names = f"It and {successor} both" if successor else "It"
    return f"{names} work{'' if successor else 's'} until {moment(retire_at)}."


def for_a_reason(at, *, reason=""):
    return reason


def used(at, *, route=""):
    return route


def renamed(at, *, before="", after=""):
    return f"From “{before}” to “{after}”." if before or after else ""


def policy_updated(at, *, before=None, after=None):
    before, after = before or {}, after or {}
    changes = (
        f"{name.replace('_', ' ')}: {before.get(name)} to {value}"
        for name, value in after.items()
    )
    return f"{'; '.join(changes)}."


def audit_exported(
    at, *, format="", filters=None, events=None, since=None, until=None, head=""
):
    chosen = [f"{name}: {value}" for name, value in (filters or {}).items()]
    said = f"As {', '.join([format.upper(), *chosen])}."
    if events is None:  # of a version that did not record them
        return said
    if not events:
        return f"{said} No events."
    when = span(datetime.fromisoformat(since), datetime.fromisoformat(until))
    last = f"the last hash is {short(head)}"
    return f"{said} {counted(events, 'event')} {when}; {last}"


WORDS = {
    Action.CREATED: created,
    Action.SECRET_DISPLAYED: nothing,
    Action.ROTATED: rotated,
    Action.ROTATION_CANCELLED: rotation_cancelled,
    Action.RETIRED: retired,
    Action.UNRETIRED: unretired,
    Action.SUSPENDED: for_a_reason,
    Action.RESUMED: for_a_reason,
    Action.REVOKED: for_a_reason,
    Action.FIRST_USED: used,
    Action.RETIRED_USED: used,
    Action.RENAMED: renamed,
    Action.POLICY_UPDATED: policy_updated,
    Action.AUDIT_EXPORTED: audit_exported,
}
DETAILS = {
    action: frozenset(inspect.getfullargspec(words).kwonlyargs)
    for action, words in WORDS.items()
}


def in_words(action, at, details):
    """Return the details of an event in words; empty when its name says it all.

    Whatever the database holds: an event of a later version, or one that was changed.
    """
    if action not in WORDS:
        return ""
    try:
        known = {k: v for k, v in details.items() if k in DETAILS[action]}
        return WORDS[action](at, **known)
    except (AttributeError, TypeError, ValueError):
        return UNREADABLE


def scopes_in_words(scopes, preset):
    """Return "CI pipeline: flows:execute, flows:read."."""
    label = PRESETS[preset].label if preset in PRESETS else "Scopes"
    return f"{label}: {', '.join(scopes)}."


def moment(text):
    """Return "21 February 2027, 14:02 UTC"."""
    return moments.in_words(datetime.fromisoformat(text))


def span(since, until):
    """Return "from 3 March 2026, 10:02 to 25 November 2026, 17:00 UTC"."""
    first, last = date_format(since, FORMAT), date_format(until, FORMAT)
    return f"on {first} UTC" if first == last else f"from {first} to {last} UTC"


def counted(number, noun):
    """Return "1 event" or "1,200 events"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def short(hash):
    """Return the start of a hash, enough to compare two by eye."""
    return f"{hash[:SHORT_HASH]}…"
