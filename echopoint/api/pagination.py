"""Pages of a list: `limit` and `offset` in, the list envelope out."""

import re

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.response import Response

from echopoint.api.page_bytes import page

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_OFFSET = 2**31 - 1


def page_envelope(items, total):
    """Return the list envelope: all that match, those in this answer, the items."""
    return {"total": total, "count": len(items), "items": items}


class EnvelopePagination(LimitOffsetPagination):
    """DRF's limits and offsets, but out of range is an error instead of a guess."""

    default_limit = DEFAULT_LIMIT
    max_limit = MAX_LIMIT
    limit_query_description = "How many items to answer with."
    offset_query_description = "How many matching items to pass over."

    def paginate_queryset(self, queryset, request, view=None):
        self.limit, self.offset = self.get_limit(request), self.get_offset(request)
        self.count = self.get_count(queryset)
        if self.offset >= self.count:
            return []
        return page(queryset, self.offset, self.limit, getattr(view, "heavy", ()))

    def get_limit(self, request):
        return self.number(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)

    def get_offset(self, request):
        return self.number(request, "offset", 0, 0, MAX_OFFSET)

    def number(self, request, name, default, low, high):
        """Return the parameter as a number between `low` and `high`."""
        text = request.query_params.get(name)
        if text is None:
            return default
        if re.fullmatch(r"[0-9]{1,10}", text) and low <= int(text) <= high:
            return int(text)
        raise ValidationError({name: [f"Give a whole number from {low} to {high}."]})

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
