"""Pagination with `limit` and `offset`, and the list envelope."""

import re

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.response import Response

from echopoint.api.page_limits import fetch_page

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_OFFSET = 2**31 - 1


def page_envelope(items, total):
    """Return the list envelope; `total` counts all matching rows."""
    return {"total": total, "count": len(items), "items": items}


class EnvelopePagination(LimitOffsetPagination):
    """DRF's limit and offset. Values out of range are errors; DRF would replace them."""

    default_limit = DEFAULT_LIMIT
    max_limit = MAX_LIMIT
    limit_query_description = "Maximum number of items in the response."
    offset_query_description = "Number of matching items to skip."

    def paginate_queryset(self, queryset, request, view=None):
        self.limit, self.offset = self.get_limit(request), self.get_offset(request)
        total = view.known_total({}, queryset) if view else None
        self.count = self.get_count(queryset) if total is None else total
        if self.offset >= self.count:
            return []
        return fetch_page(
            queryset, self.offset, self.limit, getattr(view, "large_columns", ())
        )

    def get_limit(self, request):
        return self.integer_parameter(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)

    def get_offset(self, request):
        return self.integer_parameter(request, "offset", 0, 0, MAX_OFFSET)

    def integer_parameter(self, request, name, default, low, high):
        """Return a query parameter as an integer; raise ValidationError if out of range."""
        text = request.query_params.get(name)
        if text is None:
            return default
        if re.fullmatch(r"[0-9]{1,10}", text) and low <= int(text) <= high:
            return int(text)
        raise ValidationError({name: [f"Send a whole number from {low} to {high}."]})

    def get_paginated_response(self, data):
        return Response(page_envelope(data, self.count))

    def get_paginated_response_schema(self, schema):
        return {
            "type": "object",
            "required": ["total", "count", "items"],
            "properties": {
                "total": {"type": "integer", "format": "int64"},
                "count": {"type": "integer"},
                "items": schema,
            },
        }

    def get_schema_operation_parameters(self, view):
        number = {"type": "integer", "format": "int32"}
        return [
            {
                "name": "limit",
                "in": "query",
                "description": self.limit_query_description,
                "schema": number
                | {"minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            },
            {
                "name": "offset",
                "in": "query",
                "description": self.offset_query_description,
                "schema": number | {"minimum": 0, "maximum": MAX_OFFSET, "default": 0},
            },
        ]
