"""`POST …/search`: one request shape, one way to apply it."""

from django.db.models import F, Q
from rest_framework import serializers

from echopoint.api.fields import Choice, Integer, Text
from echopoint.api.page_bytes import page
from echopoint.api.pagination import DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET

MAX_ITEMS = 100


class PaginationRequestSerializer(serializers.Serializer):
    """Where a page begins and how long it is."""

    limit = Integer(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    offset = Integer(min_value=0, max_value=MAX_OFFSET, default=0)


class SearchRequestSerializer(serializers.Serializer):
    """What every search takes; each resource adds its `filter` and `sort_by`."""

    pagination = PaginationRequestSerializer(required=False)
    full_text_search = Text(required=False, allow_blank=True, max_length=255)
    sort_direction = Choice(choices=["ASC", "DESC"], default="DESC")


class SortBy(Choice):
    """The field to sort by, with its default."""

    def __init__(self, *names, default):
        super().__init__(choices=names, default=default)


class Texts(serializers.ListField):
    """A bounded list of strings."""

    def __init__(self, **options):
        child = options.pop("child", None) or Text(max_length=255)
        super().__init__(child=child, max_length=MAX_ITEMS, **options)


def matching(queryset, text, *fields):
    """Only rows with the text in one of the fields; `%` and `_` match themselves."""
    if not text:
        return queryset
    condition = Q()
    for field in fields:
        condition |= Q(**{f"{field}__icontains": text})
    return queryset.filter(condition)


def ordered(queryset, field, direction):
    """The rows in this order: those without a value last, ties by primary key."""
    down = direction == "DESC"
    # Said only where there can be rows without one: an index does not have it so.
    last = None if field in always_set(queryset.model) else True
    key = F(field)
    first = key.desc(nulls_last=last) if down else key.asc(nulls_last=last)
    return queryset.order_by(first, "-pk" if down else "pk")


def always_set(model):
    """Return the names of the columns that every row has a value in."""
    return {field.name for field in model._meta.concrete_fields if not field.null}


def page_of(queryset, search, heavy=(), total=None):
    """Return (rows of the page, number of all rows) for a validated search.

    `heavy` are the columns that can be large, see `budget`; `total` is the number of all
    rows where it is known.
    """
    asked = search.get("pagination") or {}
    limit, offset = asked.get("limit", DEFAULT_LIMIT), asked.get("offset", 0)
    rows = page(queryset, offset, limit, heavy)
    return rows, queryset.count() if total is None else total
