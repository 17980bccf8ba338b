"""Middleware of every request: its id, its characters, headers that browsers obey."""

import uuid

from django.http import Http404

# https://www.w3.org/TR/permissions-policy/ ; passkeys and the clipboard are in use.
UNUSED = (
    *("accelerometer", "camera", "geolocation", "gyroscope", "magnetometer"),
    *("microphone", "payment", "usb"),
)
HEADERS = {
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
    # No other site may load what we answer (Fetch, section 3.7).
    "Cross-Origin-Resource-Policy": "same-origin",
}


class BrowserHeadersMiddleware:
    """Adds them to every answer that does not have its own."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.setdefault(name, value)
        return response


class RequestIdMiddleware:
    """Name each request, for the answer, the log and the audit.

    The id is always ours: one that a client chose could be made to look like another's.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.id = uuid.uuid4().hex
        response = self.get_response(request)
        response["X-Request-Id"] = request.id
        return response


class NullCharacterMiddleware:
    """Find nothing by a null character, which no database can look for.

    A path that has one leads nowhere, and a cookie that has one says nothing.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if "\x00" in request.path_info:
            raise Http404
        for name in [n for n, value in request.COOKIES.items() if "\x00" in value]:
            del request.COOKIES[name]
        return self.get_response(request)
