"""Error handlers: an HTML page for the web app, the error envelope for the API."""

import sys
from http import HTTPStatus

from django.core.exceptions import RequestDataTooBig
from django.shortcuts import render

from echopoint.api.exceptions import (
    NOT_FOUND,
    UNAVAILABLE,
    UNEXPECTED,
    PayloadTooLarge,
    error_response,
)
from echopoint.core.availability import RETRY_AFTER, is_unavailable
from echopoint.organizations.views import RoleRefused

PAGE_PREFIXES = (
    *("/orgs/", "/accounts/", "/admin/", "/docs/", "/static/"),
    "/leaked/",
)


def is_page(request):
    """Whether the path belongs to the web app; all others belong to the API."""
    return request.path == "/" or request.path.startswith(PAGE_PREFIXES)


def render_error(request, status, code, message):
    """Return the error as a page or as JSON, depending on the path."""
    if is_page(request):
        return render(request, f"{status.value}.html", status=status)
    return error_response(status, code, message)


def bad_request(request, exception):
    """Return 400, or 413 for a body over the limit."""
    if isinstance(exception, RequestDataTooBig):
        error = PayloadTooLarge()
        if is_page(request):
            return render(request, "400.html", status=error.status_code)
        return error_response(error.status_code, error.default_code, str(error.detail))
    message = "The request could not be understood. Check its address and its headers."
    return render_error(request, HTTPStatus.BAD_REQUEST, "BAD_REQUEST", message)


def forbidden(request, exception):
    """Return 403, with a page about roles if the role is the reason."""
    if isinstance(exception, RoleRefused):
        return render(request, "403_role.html", status=HTTPStatus.FORBIDDEN)
    message = (
        "This request was refused. If you expected it to work, ask an admin of the"
        " organization."
    )
    return render_error(request, HTTPStatus.FORBIDDEN, "FORBIDDEN", message)


def not_found(request, exception):
    return render_error(request, HTTPStatus.NOT_FOUND, "NOT_FOUND", NOT_FOUND)


def unexpected(request):
    """Return 500 without details, or 503 if the database is unavailable."""
    exception = sys.exc_info()[1]
    if exception and is_unavailable(exception):
        response = render_error(
            request, HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", UNAVAILABLE
        )
        response["Retry-After"] = str(RETRY_AFTER)
        return response
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return render_error(request, status, "UNEXPECTED_ERROR", UNEXPECTED)


def csrf_failure(request, reason=""):
    """Return 403 for a request that failed the CSRF check."""
    if is_page(request):
        return render(request, "403_csrf.html", status=HTTPStatus.FORBIDDEN)
    message = (
        "The CSRF token is missing or wrong. Send the cookie's value as X-CSRFToken."
    )
    return error_response(HTTPStatus.FORBIDDEN, "FORBIDDEN", message)
