"""A key's use, day by day, as a picture."""

from django import template
from django.utils import timezone

from apikeys.models import KeyUsage

register = template.Library()

DAYS = 30
BAR, GAP, HEIGHT = 8, 2, 48  # units of the picture


@register.inclusion_tag("apikeys/partials/usage.html")
def usage(key):
    """Draw the requests of the last thirty days (UTC): allowed ones, refused on top."""
    days = KeyUsage.objects.daily(key, days=DAYS, until=timezone.now().date())
    return {
        "bars": list(bars(days)),
        "width": DAYS * (BAR + GAP) - GAP,
        "height": HEIGHT,
        "days": days,
        "first": days[0].day,
        "most": max(day.allowed + day.refused for day in days),
        "allowed": sum(day.allowed for day in days),
        "refused": sum(day.refused for day in days),
    }


def bars(days):
    """Yield the rectangles of each day, as tall as its share of the busiest."""
    most = max(max(day.allowed + day.refused for day in days), 1)
    for place, day in enumerate(days):
        allowed = length(day.allowed, most)
        refused = length(day.refused, most)
        yield {
            "day": day,
            "x": place * (BAR + GAP),
            "width": BAR,
            "allowed_y": HEIGHT - allowed,
            "allowed": allowed,
            "refused_y": HEIGHT - allowed - refused,
            "refused": refused,
        }


def length(count, most):
    """Return the height of a bar; one request is seen beside a million."""
    return max(round(count / most * (HEIGHT - 4)), 2) if count else 0
