"""What came of each request, for the log and the metrics; no body, no path, no query."""

import logging
import time
from http import HTTPStatus
from typing import NamedTuple

from django.conf import settings

from apikeys.authentication import KEY_HEADER
from apikeys.db.write_buffers import write_buffers
from apikeys.models import ApiKey
from echopoint.core.metrics import metrics
from echopoint.core.redaction import route_of

logger = logging.getLogger("echopoint.requests")

OK = "ok"
STATIC = "static files"


class Observed(NamedTuple):
    """A request and its answer, in words of which there are few.

    `organization` and `key` are ids, of callers who proved who they are; `route` is the
    pattern of the path, as ids and tokens stand in the path itself.
    """

    method: str
    route: str
    status: int
    outcome: str
    seconds: float
    organization: str | None
    key: str | None


KEY_REFUSALS = {
    "INVALID_API_KEY",
    "API_KEY_REVOKED",
    "API_KEY_RETIRED",
    "API_KEY_EXPIRED",
    "API_KEY_SUSPENDED",
    "ORGANIZATION_REQUIRED",
    "ORGANIZATION_MISMATCH",
    "MISSING_REQUIRED_SCOPES",
    "TOO_MANY_REQUESTS",
}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def observed(request, response, seconds):
    """Return what came of a request."""
    caller = getattr(request, "auth", None)
    return Observed(
        method=request.method if request.method in METHODS else "other",
        route=place_of(request),
        status=response.status_code,
        outcome=outcome_of(response),
        seconds=seconds,
        organization=caller and caller.organization_id,
        key=caller.rest_id if isinstance(caller, ApiKey) else None,
    )


def place_of(request):
    """Return the route, or that there is none."""
    is_static = request.path_info.startswith(f"/{settings.STATIC_URL.strip('/')}/")
    return STATIC if is_static else route_of(request)


def outcome_of(response):
    """Return "ok", the code of the API's refusal, or the name of a page's status."""
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return OK
    data = getattr(response, "data", None)
    if isinstance(data, dict) and data.get("errors"):
        return data["errors"][0]["code"]
    if code := getattr(response, "outcome", None):
        return code
    return HTTPStatus(response.status_code).name


class ObservingMiddleware:
    """Tell of each request when it is answered; a stream is told of when it begins."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        begun = time.perf_counter()
        response = self.get_response(request)
        if settings.LOG_REQUESTS or metrics.is_on:
            seen = observed(request, response, time.perf_counter() - begun)
            tell(request, seen)
        return response


def tell(request, seen):
    if settings.LOG_REQUESTS:
        log(request, seen)
    if metrics.is_on:
        metrics.requests.labels(seen.method, seen.route, seen.outcome).inc()
        metrics.seconds.labels(seen.route).observe(seen.seconds)
        metrics.waiting.set(sum(len(m.pending) for m in write_buffers.managers))
        if KEY_HEADER in request.headers:
            is_refused = seen.outcome in KEY_REFUSALS
            outcome = seen.outcome if is_refused else OK
            metrics.authentications.labels(outcome).inc()


def log(request, seen):
    milliseconds = round(seen.seconds * 1000, 1)
    logger.info(
        "%s %s %s %s %s ms",
        *(seen.method, seen.route, seen.status, seen.outcome, milliseconds),
        extra={
            "request_id": request.id,
            "organization": seen.organization,
            "key": seen.key,
            "method": seen.method,
            "route": seen.route,
            "status": seen.status,
            "outcome": seen.outcome,
            "duration_ms": milliseconds,
        },
    )
