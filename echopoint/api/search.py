"""Request bodies of `POST …/search`, and the queries that they make."""

from django.db.models import F, Q
from rest_framework import serializers

from echopoint.api.fields import Choice, Integer, Text
from echopoint.api.page_limits import fetch_page
from echopoint.api.pagination import DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET

MAX_ITEMS = 100


class PaginationRequestSerializer(serializers.Serializer):
    """Limit and offset of a page."""

    limit = Integer(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    offset = Integer(min_value=0, max_value=MAX_OFFSET, default=0)


class SearchRequestSerializer(serializers.Serializer):
    """Fields of every search; each resource adds its own `filter` and `sort_by`."""

    pagination = PaginationRequestSerializer(required=False)
    full_text_search = Text(required=False, allow_blank=True, max_length=255)
    sort_direction = Choice(choices=["ASC", "DESC"], default="DESC")


class SortBy(Choice):
    """The field to sort by."""

    def __init__(self, *names, default):
        super().__init__(choices=names, default=default)


class Texts(serializers.ListField):
    """A bounded list of strings."""

    def __init__(self, **options):
        child = options.pop("child", None) or Text(max_length=255)
        super().__init__(child=child, max_length=MAX_ITEMS, **options)


def matching(queryset, text, *fields):
    """Only rows with the text in one of the fields; `%` and `_` are literal."""
    if not text:
        return queryset
    condition = Q()
    for field in fields:
        condition |= Q(**{f"{field}__icontains": text})
    return queryset.filter(condition)


def ordered(queryset, field, direction):
    """Sort the rows; rows without a value come last, ties are sorted by primary key."""
    # Add NULLS LAST only for nullable columns; with it PostgreSQL could not use the index.
    # Indexes are declared without it.
    nulls_last = None if field in non_null_columns(queryset.model) else True
    key = F(field)
    # The primary key makes the order total. Without it, rows with equal values could move
    # between pages.
    if direction == "DESC":
        return queryset.order_by(key.desc(nulls_last=nulls_last), "-pk")
    return queryset.order_by(key.asc(nulls_last=nulls_last), "pk")


def non_null_columns(model):
    return {field.name for field in model._meta.concrete_fields if not field.null}


def paginate(queryset, search, large_columns=(), total=None):
    """Return (rows of the page, number of all rows) for a validated search.

    `large_columns` limit the page, see `fetch_page`. Pass `total` if it is already known.
    """
    pagination = search.get("pagination") or {}
    limit, offset = pagination.get("limit", DEFAULT_LIMIT), pagination.get("offset", 0)
    first = next(iter(queryset.query.order_by), None)
    if getattr(first, "nulls_last", None) and first.descending and not large_columns:
        rows = valued_first(queryset, first.expression.name, offset, limit)
    else:
        rows = fetch_page(queryset, offset, limit, large_columns)
    return rows, queryset.count() if total is None else total


def valued_first(queryset, column, offset, limit):
    """Return a page of the rows in descending order, those without a value last.

    An index that is read backwards begins with the rows without a value, so PostgreSQL
    would sort all rows. The two kinds of rows are read one after the other instead.
    """
    valued = queryset.filter(**{f"{column}__isnull": False})
    valued = valued.order_by(f"-{column}", "-pk")
    rows = list(valued[offset : offset + limit])
    if len(rows) < limit:
        # A key may get a value between the two queries, so the difference may be negative.
        start = 0 if rows else max(offset - valued.count(), 0)
        others = queryset.filter(**{column: None}).order_by("-pk")
        rows += others[start : start + limit - len(rows)]
    return rows
