"""Access log and metrics. Neither contains bodies, paths or queries of requests."""

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


class RequestSummary(NamedTuple):
    """A request and its response, in values of low cardinality.

    `organization` and `key` are ids of authenticated callers, else None. `route` is the
    pattern of the path: the path itself can contain ids and tokens.
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


def summarize(request, response, seconds):
    caller = getattr(request, "auth", None)
    return RequestSummary(
        # A metric label: without the limit, a client could create a time series per
        # invented method.
        method=request.method if request.method in METHODS else "other",
        route=route_label(request),
        status=response.status_code,
        outcome=outcome_code(response),
        seconds=seconds,
        organization=caller and caller.organization_id,
        key=caller.rest_id if isinstance(caller, ApiKey) else None,
    )


def route_label(request):
    is_static = request.path_info.startswith(f"/{settings.STATIC_URL.strip('/')}/")
    return STATIC if is_static else route_of(request)


def outcome_code(response):
    """Return "ok", the error code of the API, or the name of the HTTP status."""
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return OK
    data = getattr(response, "data", None)
    if isinstance(data, dict) and data.get("errors"):
        return data["errors"][0]["code"]
    if code := getattr(response, "outcome", None):
        return code
    return HTTPStatus(response.status_code).name


class RequestLogMiddleware:
    """Reports each request after its response. Streams are reported when they start."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        started_at = time.perf_counter()
        response = self.get_response(request)
        if settings.LOG_REQUESTS or metrics.is_on:
            summary = summarize(request, response, time.perf_counter() - started_at)
            report(request, summary)
        return response


def report(request, summary):
    if settings.LOG_REQUESTS:
        log(request, summary)
    if metrics.is_on:
        metrics.requests.labels(summary.method, summary.route, summary.outcome).inc()
        metrics.seconds.labels(summary.route).observe(summary.seconds)
        metrics.waiting.set(sum(len(m.pending) for m in write_buffers.managers))
        if KEY_HEADER in request.headers:
            is_refused = summary.outcome in KEY_REFUSALS
            outcome = summary.outcome if is_refused else OK
            metrics.authentications.labels(outcome).inc()


def log(request, summary):
    milliseconds = round(summary.seconds * 1000, 1)
    logger.info(
        "%s %s %s %s %s ms",
        *(summary.method, summary.route, summary.status, summary.outcome, milliseconds),
        extra={
            "request_id": request.id,
            "organization": summary.organization,
            "key": summary.key,
            "method": summary.method,
            "route": summary.route,
            "status": summary.status,
            "outcome": summary.outcome,
            "duration_ms": milliseconds,
        },
    )
