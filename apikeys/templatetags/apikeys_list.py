"""The list of keys: a column that sorts, and a name that breaks where it can."""

from django import template
from django.utils.html import format_html, format_html_join

from apikeys.forms.key_filters import SORTS

register = template.Library()

NEWEST_FIRST = "-created"  # which the address leaves out
# How a column is sorted when it was not before.
AT_FIRST = {"name": "name", "expiry": "expiry", "used": "-used", "created": "-created"}


@register.inclusion_tag("apikeys/partials/column.html", takes_context=True)
def column(context, label, name):
    """Return a heading that sorts the list by its column, the other way when it does."""
    filters = context["filters"]
    now = filters.cleaned_data["sort"] or NEWEST_FIRST
    is_sorted = now.removeprefix("-") == name
    then = opposite(now) if is_sorted else AT_FIRST[name]
    then = "" if then == NEWEST_FIRST else then
    return {
        "label": label,
        "name": name,
        "address": f"{context['path']}{filters.address(sort=then)}",
        "will_be": dict(SORTS)[then],
        "direction": is_sorted and direction(now),
    }


def opposite(sort):
    return sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"


def direction(sort):
    """Return the direction as ARIA names it."""
    return "descending" if sort.startswith("-") else "ascending"


@register.filter
def breakable(label):
    """Return an e-mail address that breaks at its @, and not in the middle of a word."""
    parts = label.split("@")
    head = [(f"{part}@",) for part in parts[:-1]]
    return format_html("{}{}", format_html_join("", "{}<wbr>", head), parts[-1])
