"""Durations in words: "3 hours ago", "in 12 days"."""

from datetime import timedelta

from django.utils import timezone

MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60
MONTH, YEAR = 30.44 * DAY, 365.25 * DAY
# Durations below this many seconds are in this unit. Policies are in days, hence the 120.
UNITS = (
    (90 * MINUTE, MINUTE, "minute"),
    (36 * HOUR, HOUR, "hour"),
    (120 * DAY, DAY, "day"),
    (2 * YEAR, MONTH, "month"),
    (float("inf"), YEAR, "year"),
)


def relative(when, at=None):
    """Return "3 hours ago" or "just now".

    A time in the future is "just now" too: the clocks of processes differ.
    """
    passed = (at or timezone.now()) - when
    return f"{span(passed)} ago" if passed >= timedelta(minutes=1) else "just now"


def remaining(when, at=None):
    """Return "in 12 days", or "3 hours ago" for a time in the past."""
    left = when - (at or timezone.now())
    if left <= timedelta():
        return relative(when, at)
    return f"in {span(left)}"


def span(duration):
    """Return "12 days", in a suitable unit."""
    seconds = duration.total_seconds()
    if seconds < MINUTE:
        return "under a minute"
    size, unit = next((size, unit) for below, size, unit in UNITS if seconds < below)
    count = round(seconds / size)
    return f"{count} {unit}{'' if count == 1 else 's'}"
