"""Middleware: request ids, null characters, security headers."""

import uuid

from django.http import Http404

# https://www.w3.org/TR/permissions-policy/ ; we use passkeys and the clipboard.
UNUSED = (
    *("accelerometer", "camera", "geolocation", "gyroscope", "magnetometer"),
    *("microphone", "payment", "usb"),
)
HEADERS = {
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
    # Other sites may not embed our responses (Fetch, section 3.7).
    "Cross-Origin-Resource-Policy": "same-origin",
}


class BrowserHeadersMiddleware:
    """Add security headers to responses that do not set their own."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.setdefault(name, value)
        return response


class RequestIdMiddleware:
    """Give each request an id, for the response, the log and the audit.

    A client's X-Request-Id is ignored: it could imitate the id of another request.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.id = uuid.uuid4().hex
        response = self.get_response(request)
        response["X-Request-Id"] = request.id
        return response


class NullCharacterMiddleware:
    """Respond 404 to paths with a null character, and drop cookies with one.

    PostgreSQL raises an error for a string with a null character.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if "\x00" in request.path_info:
            raise Http404
        for name in [n for n, value in request.COOKIES.items() if "\x00" in value]:
            del request.COOKIES[name]
        return self.get_response(request)
