"""The error envelope of the API, and the exceptions that produce it."""

import logging

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from apikeys.authentication import RefusedRequest, challenge
from echopoint.core.availability import RETRY_AFTER, is_unavailable
from echopoint.core.redaction import cleaned
from echopoint.core.refusals import Refused

logger = logging.getLogger(__name__)

NOT_FOUND = "There is nothing here. Check the path and the ids in it."
UNEXPECTED = (
    "Something went wrong on our side. Try again. If it happens again, report the"
    " X-Request-Id of this response."
)
UNAVAILABLE = (
    "The database is unavailable or read-only. Try again in a few seconds. Before you"
    " repeat a change, check whether it was made."
)
# Field names of models that are different in the API.
WIRE_NAMES = {"scopes": "permissions"}

CODES = {
    exceptions.ParseError: "BAD_REQUEST",
    exceptions.NotAuthenticated: "UNAUTHENTICATED",
    exceptions.AuthenticationFailed: "UNAUTHENTICATED",
    exceptions.PermissionDenied: "FORBIDDEN",
    exceptions.NotFound: "NOT_FOUND",
    exceptions.MethodNotAllowed: "METHOD_NOT_ALLOWED",
    exceptions.NotAcceptable: "NOT_ACCEPTABLE",
    exceptions.UnsupportedMediaType: "UNSUPPORTED_MEDIA_TYPE",
    exceptions.Throttled: "TOO_MANY_REQUESTS",
}


class PayloadTooLarge(exceptions.APIException):
    """The body is over the limit."""

    status_code = 413
    default_code = "PAYLOAD_TOO_LARGE"

    def __init__(self, limit=None):
        limit = limit or settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        super().__init__(f"The body is larger than {limit} bytes. Send less.")


class RateExceeded(exceptions.APIException):
    """A rate limit is exceeded."""

    status_code = 429
    default_code = "TOO_MANY_REQUESTS"

    def __init__(self, rate, message):
        super().__init__(message)
        self.rate, self.wait = rate, rate.reset

    def fields(self):
        """Return the response headers about the limit and the time to retry."""
        return self.rate.fields() | {"Retry-After": str(self.wait)}


class Unavailable(exceptions.APIException):
    """The database is unreachable, full, busy or read-only."""

    status_code = 503
    default_code = "UNAVAILABLE"
    wait = RETRY_AFTER

    def __init__(self):
        super().__init__(UNAVAILABLE)


def error(code, message, field=None, metadata=None):
    """Return one item of the envelope. API keys in the text are masked."""
    item = {"code": code, "message": cleaned(message)}
    if field:
        item["field"] = cleaned(field)
    if metadata:
        item["metadata"] = metadata
    return item


def envelope(exc, context):
    """Return the response for an exception; DRF's EXCEPTION_HANDLER."""
    set_rollback()
    exc = as_api_exception(exc)
    if exc is None:
        return None
    headers = {}
    if exc.status_code == 401:
        code = errors_of(exc)[0]["code"]
        headers["WWW-Authenticate"] = challenge(code)
    if getattr(exc, "wait", None):
        headers["Retry-After"] = str(int(exc.wait))
    if isinstance(exc, RateExceeded):
        headers |= exc.fields()
    return Response({"errors": errors_of(exc)}, exc.status_code, headers=headers)


def as_api_exception(exc):
    """Convert to an exception of DRF, or return None for an unexpected one."""
    if isinstance(exc, exceptions.APIException):
        return exc
    if isinstance(exc, Refused):
        return RefusedRequest(exc)
    if isinstance(exc, Http404):
        return exceptions.NotFound(NOT_FOUND)
    if isinstance(exc, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(exc, RequestDataTooBig):
        return PayloadTooLarge(getattr(exc, "limit", None))
    if is_unavailable(exc):
        log_unavailable(exc)
        return Unavailable()
    return None


def log_unavailable(exc):
    """Log one line without a traceback: an outage causes thousands of these."""
    logger.error("The database is unavailable: %s", str(exc).partition("\n")[0])


def errors_of(exc):
    """Return the items of the envelope for an exception of DRF."""
    if isinstance(exc, RefusedRequest):
        refusal = exc.refusal
        field = WIRE_NAMES.get(refusal.field, refusal.field)
        return [error(refusal.code, refusal.message, field, refusal.metadata)]
    if isinstance(exc, exceptions.ValidationError):
        return list(flatten(exc.detail))
    if isinstance(exc, exceptions.UnsupportedMediaType):
        return [
            error(
                CODES[type(exc)],
                "Send JSON, with the header Content-Type: application/json.",
            )
        ]
    code = CODES.get(type(exc), exc.default_code)
    return [error(code, str(exc.detail))]


def flatten(detail, path=""):
    """Yield an item for each message of a ValidationError, with the path of its field."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = path if name == "non_field_errors" else join(path, name)
            yield from flatten(inner, own)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            if isinstance(inner, (dict, list)):
                yield from flatten(inner, f"{path}[{index}]")
            else:
                yield from flatten(inner, path)
    else:
        yield error("VALIDATION_ERROR", str(detail), path or None)


def join(path, name):
    """Return the path of a field, or of the item of a list."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else str(name)


def error_response(status, code, message):
    """Return the envelope as a plain Django response, for views outside DRF."""
    response = JsonResponse({"errors": [error(code, message)]}, status=status)
    response["Cache-Control"] = "no-store"
    response.outcome = code
    return response
