"""How the pages show moments, and what to know about a key."""

from datetime import timedelta

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html

register = template.Library()

MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60
MONTH, YEAR = 30.44 * DAY, 365.25 * DAY
# Below this many seconds, count in this unit. Policies are in days, hence the 120.
UNITS = (
    (90 * MINUTE, MINUTE, "minute"),
    (36 * HOUR, HOUR, "hour"),
    (120 * DAY, DAY, "day"),
    (2 * YEAR, MONTH, "month"),
    (float("inf"), YEAR, "year"),
)
SOON = timedelta(days=7)


def relative(when, at=None):
    """Return "in 12 days", "3 hours ago" or "just now"."""
    seconds = (when - (at or timezone.now())).total_seconds()
    distance = abs(seconds)
    if distance < MINUTE:
        return "just now" if seconds <= 0 else "in under a minute"
    length = in_units(distance)
    return f"in {length}" if seconds > 0 else f"{length} ago"


def in_units(seconds):
    """Return a length of time as "3 hours", in the largest unit that says enough."""
    if seconds < MINUTE:
        return "under a minute"
    size, unit = next((size, unit) for below, size, unit in UNITS if seconds < below)
    count = round(seconds / size)
    return f"{count} {unit}{'' if count == 1 else 's'}"


@register.filter
def span(length):
    """Return a timedelta as "3 hours"."""
    return in_units(length.total_seconds())


def time_element(when, text, local=""):
    """Return `<time>` with the text, the exact UTC in its attributes.

    With `local`, "day" or "exact", a script puts the reader's own time in its place.
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
    """Return how long ago, or how soon."""
    return time_element(when, relative(when))


@register.filter
def day(when):
    """Return the date."""
    return time_element(when, date_format(when, "j M Y"), "day")


@register.filter
def exact(when):
    """Return the date and time."""
    return time_element(when, date_format(when, "j F Y, H:i") + " UTC", "exact")


@register.filter
def ends_soon(key):
    """Whether a key that works stops by date within the week."""
    left = key.ends_at and key.ends_at - timezone.now()
    return bool(left) and not key.revoked_at and timedelta() < left <= SOON


@register.filter
def creator_left(key):
    """Whether a person made the key who is not in its organization any more.

    The key's queryset says so, as `creator_is_member`.
    """
    return "@" in key.created_by_label and not key.creator_is_member
