"""Tags of the list of keys: sortable columns and breakable e-mail addresses."""

from django import template
from django.utils.html import format_html, format_html_join

from apikeys.forms.key_filters import SORTS

register = template.Library()

NEWEST_FIRST = "-created"  # the default, omitted from the query string
# The sort order of the first click on a column.
FIRST_SORT = {
    "name": "name",
    "expiry": "expiry",
    "used": "-used",
    "scopes": "scopes",
    "created": "-created",
}


@register.inclusion_tag("apikeys/partials/column.html", takes_context=True)
def column(context, label, name):
    """Render a column heading whose link sorts by it, or reverses the current sort."""
    filters = context["filters"]
    current = filters.cleaned_data["sort"] or NEWEST_FIRST
    is_sorted = current.removeprefix("-") == name
    next_sort = opposite(current) if is_sorted else FIRST_SORT[name]
    next_sort = "" if next_sort == NEWEST_FIRST else next_sort
    return {
        "label": label,
        "name": name,
        "address": f"{context['path']}{filters.query_string(sort=next_sort)}",
        "next_label": dict(SORTS)[next_sort],
        "direction": is_sorted and direction(current),
    }


def opposite(sort):
    return sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"


def direction(sort):
    """Return the value of aria-sort."""
    return "descending" if sort.startswith("-") else "ascending"


@register.filter
def breakable(label):
    """Allow a line break after the @ of an e-mail address."""
    parts = label.split("@")
    head = [(f"{part}@",) for part in parts[:-1]]
    return format_html("{}{}", format_html_join("", "{}<wbr>", head), parts[-1])
