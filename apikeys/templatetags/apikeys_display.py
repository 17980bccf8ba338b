"""Filters that render times and the state of a key."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import mark_safe

from apikeys import policy, timestamps
from apikeys.durations import relative, remaining, span
from echopoint.organizations.roles import MANAGING_ROLES

register = template.Library()
register.filter(span)

SOON = timedelta(days=7)
CHANNELS = {
    "page": "in the web app",
    "admin": "in the admin console",
    "api": "through the API",
    "command": "by a command",
}


def time_element(when, text, local=""):
    """Return `<time>` with the text, and the exact UTC time in its attributes.

    With `local`, "day" or "exact", a script adds the reader's local time.
    """
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>',
        f"{when:%Y-%m-%dT%H:%M:%SZ}",
        date_format(when, "j F Y, H:i:s") + " UTC",
        format_html(' data-local="{}"', local) if local else "",
        text,
    )


@register.filter
def ago(when):
    """Return the time relative to now, such as "3 hours ago"."""
    return time_element(when, relative(when))


@register.filter
def due(when):
    """Return the time relative to now, such as "in 12 days" or "12 days ago"."""
    return time_element(when, remaining(when))


@register.filter
def day(when):
    return time_element(when, date_format(when, "j M Y"), "day")


@register.filter
def exact(when):
    return time_element(when, timestamps.in_words(when), "exact")


@register.filter
def with_times(sentence):
    """Return the escaped sentence with each UTC time as a `<time>`."""
    escaped = conditional_escape(sentence)
    return mark_safe(timestamps.IN_WORDS.sub(as_time, escaped))  # noqa: S308, escaped


def as_time(match):
    """Return the matched time as a `<time>`, or unchanged if it is not a valid date."""
    when = timestamps.parse(match[0])
    return exact(when) if when else match[0]


@register.filter
def channel(via):
    """Return the channel of an audit event; a later version may record another."""
    return CHANNELS.get(via) or f"via {via or 'an unknown channel'}"


class End(NamedTuple):
    """A date at which a key stops or stopped; `when` is None if it has no expiry."""

    label: str
    when: datetime | None
    is_due: bool = True  # whether to show the time relative to now


@register.filter
def ends(key):
    """Return the `End`s of a key, the earliest first, labelled for its state."""
    now = key.revoked_at or timezone.now()
    has_retired = bool(key.retire_at) and key.retire_at <= now
    has_expired = bool(key.expires_at) and key.expires_at <= now
    if key.revoked_at or has_retired:
        # The key stopped for another reason, so its expiry has no effect.
        expiry = End("Expiry", key.expires_at, is_due=False)
    else:
        expiry = End("Expired" if has_expired else "Expires", key.expires_at)
    if not key.retire_at or (key.revoked_at and not has_retired):
        return [expiry]
    return [End("Retired" if has_retired else "Retires", key.retire_at), expiry]


@register.filter
def has_ended(key):
    """Whether the end date of the key has passed, in any state."""
    return bool(key.ends_at) and key.ends_at <= timezone.now()


@register.filter
def ends_soon(key):
    """Whether a working key stops within a week."""
    left = key.ends_at and key.ends_at - timezone.now()
    return bool(left) and key.works and timedelta() < left <= SOON


@register.filter
def expiry_notice(key):
    """Return the kind of the notice of an active key's expiry; empty if it is far away."""
    if not key.expires_at:
        return ""
    first = timedelta(days=max(policy.notice_days(key.organization)))
    left = key.expires_at - timezone.now()
    return "warning" if left <= SOON else "info" if left <= first else ""


@register.filter
def creator_left(key):
    """Whether the person who created the key is no longer a member.

    This and the filters below need the annotations of `with_people`.
    """
    return "@" in key.created_by_label and not key.creator_role


@register.filter
def creator_is_limited(key):
    """Whether the creator is a member whose role does not manage keys any more."""
    return bool(key.creator_role) and key.creator_role not in MANAGING_ROLES


@register.filter
def owner_left(key):
    """Whether the key has an owner who is no longer a member."""
    return bool(key.owner_id) and not key.owner_role


@register.filter
def owner_is_limited(key):
    """Whether the owner is a member whose role does not manage keys."""
    return bool(key.owner_role) and key.owner_role not in MANAGING_ROLES


@register.filter
def option_groups(field):
    """Return the options of a field of checkboxes, as [(name of the group, options), …]."""
    groups = field.field.widget.optgroups(field.html_name, field.value() or [])
    return [(name, options) for name, options, _ in groups]
