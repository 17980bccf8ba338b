"""The OpenAPI document, generated from the declared actions."""

import re

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions, serializers

from apikeys.authentication import ORGANIZATION_HEADER, RefusedRequest
from apikeys.exceptions import TooManyRequests
from apikeys.models import ApiKey
from apikeys.permissions import NO_CREDENTIAL, declaration
from echopoint.api.actions import Many
from echopoint.api.exceptions import (
    NOT_FOUND,
    UNEXPECTED,
    PayloadTooLarge,
    Unavailable,
    error,
    errors_of,
)
from echopoint.api.expiry_headers import AT, DESCRIPTIONS, IN_DAYS, SOON
from echopoint.core.gunicorn_errors import REJECTIONS
from echopoint.core.rate_limits import RateLimit

SECURITY_SCHEMES = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "An API key of the organization.",
    },
    "Session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "A signed-in member; changes need X-CSRFToken too.",
    },
}
EXPIRY_HEADERS = {
    AT: {
        "description": DESCRIPTIONS[AT],
        "schema": {"type": "string", "format": "date-time"},
    },
    IN_DAYS: {
        "description": DESCRIPTIONS[IN_DAYS],
        "schema": {"type": "integer", "minimum": 0, "maximum": SOON.days - 1},
    },
}
ERRORS = {
    400: "A field, a query parameter or a header is invalid; nothing was changed.",
    401: "No credential, or one that does not authenticate.",
    403: "The credential may not do this: a scope is missing, or it belongs to another organization.",
    409: "The state of the resource, or a quota, does not allow this.",
    404: "A resource in the path does not exist in this organization.",
    413: "The body is too large.",
    414: "The URL is too long.",
    415: "The body is not JSON.",
    429: "Too many requests in this minute. Try again after Retry-After.",
    431: "There are too many headers, or they are too long.",
    500: "An error on the server.",
    503: "The database is unreachable, busy, full or read-only. Try again after Retry-After.",
}
EXAMPLES = {  # none for 409: each conflict has its own code
    400: errors_of(exceptions.ValidationError({"name": ["This field is required."]})),
    401: errors_of(exceptions.NotAuthenticated(NO_CREDENTIAL)),
    403: [
        error(
            "MISSING_REQUIRED_SCOPES",
            "This API key lacks flows:read. Scopes never change: create a key that has"
            " them, or use another.",
            metadata={
                "required_scopes": ["flows:read"],
                "missing_scopes": ["flows:read"],
            },
        )
    ],
    404: errors_of(exceptions.NotFound(NOT_FOUND)),
    413: errors_of(PayloadTooLarge(1_048_576)),
    414: [error(*REJECTIONS[414])],
    415: errors_of(exceptions.UnsupportedMediaType("text/plain")),
    429: errors_of(
        RefusedRequest(TooManyRequests(RateLimit("key", 600, 0, 17, is_exceeded=True)))
    ),
    431: [error(*REJECTIONS[431])],
    500: [error("UNEXPECTED_ERROR", UNEXPECTED)],
    503: errors_of(Unavailable()),
}
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


class ApiErrorSerializer(serializers.Serializer):
    """One error: `code` for programs, `message` for people."""

    code = serializers.CharField()
    message = serializers.CharField()
    field = serializers.CharField(required=False)
    metadata = serializers.DictField(required=False)


class ApiErrorResponseSerializer(serializers.Serializer):
    """The error envelope."""

    errors = ApiErrorSerializer(many=True)


class ScopedSchema(AutoSchema):
    """Generates an operation from the declared action: id, scopes, body, response."""

    @property
    def declared(self):
        return declaration(self.view)

    def get_operation_id(self):
        return self.declared.id

    def get_tags(self):
        return [self.view.tag]

    def get_summary(self):
        first, *others = WORD.findall(self.get_operation_id())
        words = [word if word.isupper() else word.lower() for word in others]
        return " ".join([first.capitalize(), *words])

    def get_description(self):
        return super().get_description() or ""

    def get_auth(self):
        by_key = list(self.declared.key_scopes)
        by_session = list(self.declared.member_scopes)
        if self.view.accepts == (ApiKey,):
            return [{"ApiKey": by_key}]
        if ApiKey not in self.view.accepts:
            return [{"Session": by_session}]
        return [{"Session": by_session}, {"ApiKey": by_key}]

    def get_override_parameters(self):
        return [
            OpenApiParameter(
                ORGANIZATION_HEADER,
                str,
                OpenApiParameter.HEADER,
                required=self.view.requires_organization,
                description="The id of the organization; starts with org_.",
            ),
            *self.declared.headers,
        ]

    def get_request_serializer(self):
        return self.declared.body

    def get_response_serializers(self):
        answers = {self.declared.status: self.success_serializer()}
        if self.declared.may_find_nothing:
            answers[204] = None
        for status in self.error_statuses():
            answers[status] = ApiErrorResponseSerializer
        return answers

    def success_serializer(self):
        if self.declared.status == 204:
            return None
        serializer = self.view.get_serializer_class()
        return serializer(many=self.declared.many is not None)

    def error_statuses(self):
        """Return the error statuses that the operation may have."""
        # The HTTP server sends 414 and 431 for any operation.
        statuses = {400, 401, 403, 414, 431, 500, 503}
        if "{" in self.path:
            statuses.add(404)
        if self.declared.conflicts:
            statuses.add(409)
        if ApiKey in self.view.accepts:
            statuses.add(429)
        if self.declared.body:
            statuses |= {413, 415}
        return sorted(statuses)

    def get_paginated_name(self, serializer_name):
        if self.view.list_name:
            return self.view.list_name
        if serializer_name.endswith("SearchItem"):
            return f"{serializer_name.removesuffix('Item')}Response"
        return f"{serializer_name.removesuffix('Response')}ListResponse"

    def _get_serializer_name(self, serializer, direction, *args, **kwargs):
        # Our serializers of bodies end in Request already; drf-spectacular would append it
        # again.
        return super()._get_serializer_name(serializer, "response", *args, **kwargs)

    def _get_paginator(self):
        is_bare = self.declared.many is Many.BARE
        return None if is_bare else super()._get_paginator()

    def _get_pagination_parameters(self):
        is_paged = self.declared.many is Many.PAGED
        return super()._get_pagination_parameters() if is_paged else []

    def _get_request_body(self, *args, **kwargs):
        body = super()._get_request_body(*args, **kwargs)
        if body:
            for content in body["content"].values():
                content["example"] = self.get_request_serializer().example
        return body

    def _get_response_for_code(self, serializer, status_code, *args, **kwargs):
        answer = super()._get_response_for_code(
            serializer, status_code, *args, **kwargs
        )
        answer["description"] = ERRORS.get(int(status_code), "Success.")
        if errors := EXAMPLES.get(int(status_code)):
            answer["content"]["application/json"]["example"] = {"errors": errors}
        elif ApiKey in self.view.accepts:
            answer["headers"] = {
                name: {"$ref": f"#/components/headers/{name}"}
                for name in EXPIRY_HEADERS
            }
        return answer


def finish(result, generator, request, public):
    """Add what operations refer to; a post-processing hook of drf-spectacular."""
    result["components"]["securitySchemes"] = SECURITY_SCHEMES
    result["components"]["headers"] = EXPIRY_HEADERS
    return result
