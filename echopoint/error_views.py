"""The answers to what no view answers: a page for people, the envelope for programs."""

import sys
from http import HTTPStatus

from django.core.exceptions import RequestDataTooBig
from django.shortcuts import render

from echopoint.api.exceptions import (
    NOT_FOUND,
    UNAVAILABLE,
    UNEXPECTED,
    PayloadTooLarge,
    plain,
)
from echopoint.core.availability import RETRY_AFTER, is_unavailable
from echopoint.organizations.views import RoleRefused

PAGES = ("/orgs/", "/accounts/", "/admin/", "/docs/", "/static/")


def is_page(request):
    """Whether a person is looking at this path; all others are the API's."""
    return request.path == "/" or request.path.startswith(PAGES)


def answer(request, status, code, message):
    """Return the error in the form that the path's readers expect."""
    if is_page(request):
        return render(request, f"{status.value}.html", status=status)
    return plain(status, code, message)


def bad_request(request, exception):
    """Return 400, or 413 for a body over the limit."""
    if isinstance(exception, RequestDataTooBig):
        error = PayloadTooLarge()
        if is_page(request):
            return render(request, "400.html", status=error.status_code)
        return plain(error.status_code, error.default_code, str(error.detail))
    message = "The request could not be understood. Check its address and its headers."
    return answer(request, HTTPStatus.BAD_REQUEST, "BAD_REQUEST", message)


def forbidden(request, exception):
    """Return 403; the page names the role only if the role is the reason."""
    if isinstance(exception, RoleRefused):
        return render(request, "403_role.html", status=HTTPStatus.FORBIDDEN)
    message = (
        "This request was refused. If you expected it to work, ask an admin of the"
        " organization."
    )
    return answer(request, HTTPStatus.FORBIDDEN, "FORBIDDEN", message)


def not_found(request, exception):
    """Return 404."""
    return answer(request, HTTPStatus.NOT_FOUND, "NOT_FOUND", NOT_FOUND)


def unexpected(request):
    """Return 500, without a word of what went wrong inside; 503 without a database."""
    exception = sys.exc_info()[1]
    if exception and is_unavailable(exception):
        response = answer(
            request, HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", UNAVAILABLE
        )
        response["Retry-After"] = str(RETRY_AFTER)
        return response
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return answer(request, status, "UNEXPECTED_ERROR", UNEXPECTED)


def csrf_failure(request, reason=""):
    """Return 403 for a form that did not come from our own page, or came too late."""
    if is_page(request):
        return render(request, "403_csrf.html", status=HTTPStatus.FORBIDDEN)
    message = (
        "The CSRF token is missing or wrong. Send the cookie's value as X-CSRFToken."
    )
    return plain(HTTPStatus.FORBIDDEN, "FORBIDDEN", message)
