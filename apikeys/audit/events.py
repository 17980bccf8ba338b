"""The actions of the audit, their details, and the details in words.

A new action needs a member of `Action`, a group in `GROUPS`, and a function in `WORDS`.
The keyword arguments of the function are the details of the action; it returns the text
that people read beside the name of the action.
"""

import inspect
from datetime import datetime

from django.db.models import TextChoices

from apikeys.audit import network_wording, people_wording, review_wording
from apikeys.audit.hash_chain import whole_milliseconds
from apikeys.audit.wording import count_in_words, period, short_hash, time_in_words
from apikeys.scopes import PRESETS

UNREADABLE = "The details of this event cannot be read."


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
    LEAK_REPORTED = "api_key.leak_reported", "Reported as leaked"
    LIMIT_CHANGED = "api_key.rate_limit_changed", "Rate limit changed"
    NETWORKS_CHANGED = "api_key.networks_changed", "Allowed addresses changed"
    OWNER_CHANGED = "api_key.owner_changed", "Owner changed"
    CONTACT_CHANGED = "api_key.contact_changed", "Contact changed"
    CONFIRMED = "api_key.confirmed", "Confirmed in an access review"
    FIRST_USED = "api_key.first_used", "First used"
    RETIRED_USED = "api_key.retired_used", "Used after it retired"
    RENAMED = "api_key.renamed", "Renamed"
    DESCRIPTION_CHANGED = "api_key.description_changed", "Description changed"
    POLICY_UPDATED = "policy.updated", "Policy updated"
    REVIEW_OPENED = "access_review.opened", "Access review opened"
    REVIEW_SIGNED_OFF = "access_review.signed_off", "Access review signed off"
    REVIEW_ENDED = "access_review.ended", "Period of the access review ended"
    REVIEW_FINISHED = "access_review.finished", "Access review finished"
    RANGE_CREATED = "network_range.created", "Address range created"
    RANGE_CHANGED = "network_range.changed", "Address range changed"
    RANGE_DELETED = "network_range.deleted", "Address range deleted"
    NOTICE_WEBHOOK_SET = "notice_webhook.set", "Webhook for notices set"
    NOTICE_WEBHOOK_SECRET_ROTATED = (
        "notice_webhook.secret_rotated",
        "Secret of the webhook for notices rotated",
    )
    NOTICE_WEBHOOK_TESTED = "notice_webhook.tested", "Webhook for notices tested"
    NOTICE_WEBHOOK_DISABLED = (
        "notice_webhook.disabled",
        "Webhook for notices disabled by its receiver",
    )
    NOTICE_WEBHOOK_REMOVED = "notice_webhook.removed", "Webhook for notices removed"
    AUDIT_EXPORTED = "audit.exported", "Audit exported"
    AUDIT_PRUNED = "audit.pruned", "Old events deleted"
    ORGANIZATION_CREATED = "organization.created", "Organization created"
    ORGANIZATION_CHANGED = "organization.changed", "Organization changed"
    FROZEN = "organization.frozen", "All keys frozen"
    UNFROZEN = "organization.unfrozen", "Freeze ended"
    MEMBER_ADDED = "membership.added", "Member added"
    MEMBER_REMOVED = "membership.removed", "Member removed"
    ROLE_CHANGED = "membership.role_changed", "Role changed"
    NOTICES_CHOSEN = "membership.notices_chosen", "E-mail notices chosen"
    KEYS_HANDED_OVER = "membership.keys_handed_over", "API keys handed over"
    CONTACT_STOPPED = "contact.mail_stopped", "E-mails to a contact stopped"
    CONTACT_RESUMED = "contact.mail_resumed", "E-mails to a contact resumed"
    SIGNED_IN = "person.signed_in", "Signed in"
    SIGN_IN_FAILED = "person.sign_in_failed", "Sign-in failed"
    PASSWORD_CHANGED = "person.password_changed", "Password changed"
    PASSWORD_RESET = "person.password_reset", "Password reset"
    SECOND_FACTOR_ADDED = "person.second_factor_added", "Second factor added"
    SECOND_FACTOR_REMOVED = "person.second_factor_removed", "Second factor removed"
    RECOVERY_CODES_MADE = "person.recovery_codes_made", "Recovery codes generated"
    VARIABLE_WRITTEN = "variable.written", "Variable written"
    VARIABLE_DELETED = "variable.deleted", "Variable deleted"
    VARIABLES_CLEARED = "variable.all_deleted", "All variables deleted"
    ENVIRONMENT_CREATED = "environment.created", "Environment created"
    ENVIRONMENT_DELETED = "environment.deleted", "Environment deleted"
    CONSOLE_ADDED = "console.added", "Added in the console"
    CONSOLE_CHANGED = "console.changed", "Changed in the console"
    CONSOLE_DELETED = "console.deleted", "Deleted in the console"


# Events about a key that do not change it.
NO_CHANGES = {
    Action.SECRET_DISPLAYED,
    Action.CONFIRMED,
    Action.FIRST_USED,
    Action.RETIRED_USED,
}
# Actions that are no longer recorded: filters do not offer them, but existing events stay
# readable. Empty while every action is recorded.
UNUSED = set()
# By the first part of the action.
GROUPS = {
    "API keys": ("api_key", "access_review", "network_range"),
    "Organization": ("organization", "policy", "audit", "notice_webhook"),
    "Members": ("membership", "contact"),
    "Sign-ins and accounts": ("person",),
    "Variables": ("variable", "environment"),
    "Admin console": ("console",),
}


def choices(occurred=()):
    """Return the choices of actions that can occur or have occurred."""
    return [(a.value, a.label) for a in Action if a not in UNUSED - set(occurred)]


def grouped(choices):
    """Return the choices grouped by `GROUPS`."""
    groups = {
        name: [choice for choice in choices if choice[0].split(".")[0] in begins]
        for name, begins in GROUPS.items()
    }
    return [(name, members) for name, members in groups.items() if members]


def no_words(at):
    """The name of the action is enough."""
    return ""


def created(
    at,
    *,
    scopes=(),
    preset="",
    expires_at=None,
    allowed_networks=None,
    owner=None,
    contact_email="",
    description="",
    requests_per_minute=None,
):
    end = f"Expires on {time_in_words(expires_at)}." if expires_at else "No expiry."
    origin = f" Only from {', '.join(allowed_networks)}." if allowed_networks else ""
    people = people_wording.ownership(owner, contact_email)
    limit = (
        f" At most {count_in_words(requests_per_minute, 'request')} per minute."
        if requests_per_minute
        else ""
    )
    about = f" Description: “{description}”" if description else ""
    return f"{scopes_in_words(scopes, preset)} {end}{origin}{limit}{people}{about}"


def rotated(at, *, successor="", retire_at="", scopes=(), dropped=()):
    if not successor:
        return ""
    # The time of the event is truncated to milliseconds, the details are not. Compared
    # directly, a rotation without an overlap would seem to have one.
    both_work = retire_at and whole_milliseconds(datetime.fromisoformat(retire_at)) > at
    overlap = (
        f"Overlap until {time_in_words(retire_at)}."
        if both_work
        else "This key stopped immediately."
    )
    holding = f", with {', '.join(scopes)}" if scopes else ""
    lost = f" No longer in the scope catalog: {', '.join(dropped)}." if dropped else ""
    return f"Replaced by {successor}{holding}.{lost} {overlap}"


def rotation_cancelled(at, *, successor=""):
    return successor and f"{successor} was revoked; this key stays in use."


def retired(at, *, successor=""):
    return successor and f"Replaced by {successor}."


def unretired(at, *, successor="", retire_at=""):
    if not retire_at:
        return ""
    keys = f"This key and {successor} both" if successor else "This key"
    return f"{keys} work{'' if successor else 's'} until {time_in_words(retire_at)}."


def reason_only(at, *, reason=""):
    return reason


REPORTERS = {
    "api": "By someone who sent the whole key to the API.",
    "page": "By someone who entered the whole key on the page for leaked keys.",
    "github": "By GitHub secret scanning",
}


def leak_reported(at, *, source="", found_in="", url=""):
    reporter = REPORTERS.get(source, source)
    place = " ".join(part for part in (found_in.replace("_", " "), url) if part)
    return f"{reporter.removesuffix('.')}: {place}" if place else reporter


def limit_changed(at, *, before=None, after=None):
    of_policy = "the organization's limit"
    return f"From {before or of_policy} to {after or of_policy}, per minute."


def route_only(at, *, route=""):
    return route


def host_only(at, *, host=""):
    return host and f"At {host}."


def renamed(at, *, before="", after=""):
    return f"From “{before}” to “{after}”." if before or after else ""


def description_changed(at, *, before="", after=""):
    # Without a full stop: most descriptions end with their own.
    if not before:
        return after and f"Added: “{after}”"
    return f"From “{before}” to “{after}”" if after else f"Removed: “{before}”"


def policy_updated(at, *, before=None, after=None):
    before, after = before or {}, after or {}
    changes = (
        f"{name.replace('_', ' ')}: {limit_in_words(before.get(name))} to"
        f" {limit_in_words(value)}"
        for name, value in after.items()
    )
    return f"{'; '.join(changes)}."


def limit_in_words(value):
    """Return a limit as text; None is a limit that is not set."""
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def audit_exported(
    at, *, format="", filters=None, events=None, since=None, until=None, head=""
):
    chosen = [f"{name}: {value}" for name, value in (filters or {}).items()]
    said = f"As {', '.join([format.upper(), *chosen])}."
    if events is None:  # older versions did not record them
        return said
    if not events:
        return f"{said} No events."
    when = period(datetime.fromisoformat(since), datetime.fromisoformat(until))
    last = f"the last hash is {short_hash(head)}"
    return f"{said} {count_in_words(events, 'event')} {when}; {last}"


def audit_pruned(at, *, through=0, last_hash=""):
    return f"Up to event {through:,}, with the hash {short_hash(last_hash)}"


def frozen(at, *, keys=0, has_more=False, reason=""):
    many = f"{keys_in_words(keys, has_more)} stopped."
    return f"{many} {reason}" if reason else many


def unfrozen(at, *, keys=0, has_more=False, reason="", since=""):
    many = f"{keys_in_words(keys, has_more)} work{'s' if keys == 1 else ''} again."
    begun = f" Frozen since {time_in_words(since)}." if since else ""
    return f"{many}{begun}{f' {reason}' if reason else ''}"


def keys_in_words(keys, has_more):
    count = count_in_words(keys, "key")
    return f"More than {count}" if has_more else count


WORDS = {
    Action.CREATED: created,
    Action.SECRET_DISPLAYED: no_words,
    Action.ROTATED: rotated,
    Action.ROTATION_CANCELLED: rotation_cancelled,
    Action.RETIRED: retired,
    Action.UNRETIRED: unretired,
    Action.SUSPENDED: reason_only,
    Action.RESUMED: reason_only,
    Action.REVOKED: reason_only,
    Action.LEAK_REPORTED: leak_reported,
    Action.LIMIT_CHANGED: limit_changed,
    Action.NETWORKS_CHANGED: network_wording.networks_changed,
    Action.OWNER_CHANGED: people_wording.owner_changed,
    Action.CONTACT_CHANGED: people_wording.contact_changed,
    Action.CONFIRMED: review_wording.confirmed,
    Action.FIRST_USED: route_only,
    Action.RETIRED_USED: route_only,
    Action.RENAMED: renamed,
    Action.DESCRIPTION_CHANGED: description_changed,
    Action.POLICY_UPDATED: policy_updated,
    Action.REVIEW_OPENED: review_wording.opened,
    Action.REVIEW_SIGNED_OFF: review_wording.closed,
    Action.REVIEW_ENDED: review_wording.closed,
    Action.REVIEW_FINISHED: review_wording.finished,
    Action.RANGE_CREATED: network_wording.range_networks,
    Action.RANGE_CHANGED: network_wording.range_changed,
    Action.RANGE_DELETED: network_wording.range_networks,
    Action.NOTICE_WEBHOOK_SET: host_only,
    Action.NOTICE_WEBHOOK_SECRET_ROTATED: no_words,
    Action.NOTICE_WEBHOOK_TESTED: no_words,
    Action.NOTICE_WEBHOOK_DISABLED: no_words,
    Action.NOTICE_WEBHOOK_REMOVED: no_words,
    Action.AUDIT_EXPORTED: audit_exported,
    Action.AUDIT_PRUNED: audit_pruned,
    Action.ORGANIZATION_CREATED: no_words,
    Action.ORGANIZATION_CHANGED: people_wording.organization_changed,
    Action.FROZEN: frozen,
    Action.UNFROZEN: unfrozen,
    Action.MEMBER_ADDED: people_wording.member_added,
    Action.MEMBER_REMOVED: people_wording.member_removed,
    Action.ROLE_CHANGED: people_wording.role_changed,
    Action.NOTICES_CHOSEN: people_wording.notices_chosen,
    Action.KEYS_HANDED_OVER: people_wording.keys_handed_over,
    Action.CONTACT_STOPPED: no_words,
    Action.CONTACT_RESUMED: no_words,
    Action.SIGNED_IN: people_wording.signed_in,
    Action.SIGN_IN_FAILED: people_wording.sign_in_failed,
    Action.PASSWORD_CHANGED: no_words,
    Action.PASSWORD_RESET: no_words,
    Action.SECOND_FACTOR_ADDED: people_wording.second_factor,
    Action.SECOND_FACTOR_REMOVED: people_wording.second_factor,
    Action.RECOVERY_CODES_MADE: no_words,
    Action.VARIABLE_WRITTEN: people_wording.variable_written,
    Action.VARIABLE_DELETED: people_wording.variable_deleted,
    Action.VARIABLES_CLEARED: people_wording.variables_cleared,
    Action.ENVIRONMENT_CREATED: no_words,
    Action.ENVIRONMENT_DELETED: people_wording.environment_deleted,
    Action.CONSOLE_ADDED: people_wording.console_added,
    Action.CONSOLE_CHANGED: people_wording.console_changed,
    Action.CONSOLE_DELETED: people_wording.console_deleted,
}
DETAILS = {
    action: frozenset(inspect.getfullargspec(words).kwonlyargs)
    for action, words in WORDS.items()
}


def in_words(action, at, details):
    """Return the details of an event in words, or an empty string.

    Never raises: the event may be from a newer version, or someone may have changed it in
    the database, and the page must still show the others.
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
