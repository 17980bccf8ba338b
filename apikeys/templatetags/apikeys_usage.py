"""The bar chart of a key's daily requests."""

from django import template
from django.utils import timezone

from apikeys.models import KeyUsage

register = template.Library()

DAYS = 30
BAR, GAP, HEIGHT = 8, 2, 48  # SVG units


@register.inclusion_tag("apikeys/partials/usage.html")
def usage(key):
    """Render the requests of the last 30 UTC days, refused stacked on allowed."""
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
    """Yield the bars of each day, scaled to the busiest day."""
    most = max(max(day.allowed + day.refused for day in days), 1)
    for index, day in enumerate(days):
        allowed = length(day.allowed, most)
        refused = length(day.refused, most)
        yield {
            "day": day,
            "x": index * (BAR + GAP),
            "width": BAR,
            "allowed_y": HEIGHT - allowed,
            "allowed": allowed,
            "refused_y": HEIGHT - allowed - refused,
            "refused": refused,
        }


def length(count, most):
    """Return the height of a bar, at least 2 so that a single request stays visible."""
    return max(round(count / most * (HEIGHT - 4)), 2) if count else 0
