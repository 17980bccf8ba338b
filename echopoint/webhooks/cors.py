"""CORS headers: pages of any origin may send to a webhook and read the response.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

import re

from django.http import HttpResponse

from echopoint.core.header_lines import RECEIVER
from echopoint.flow_language.words import HTTP_METHODS

FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
MAX_NAMES = 100
# No Access-Control-Allow-Credentials: with it, pages could send the cookies of a visitor.
ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


class ReceiverOriginsMiddleware:
    """Adds the headers to every response of the receiver, including errors."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if request.path_info.startswith(RECEIVER):
            for name, value in ANY_ORIGIN.items():
                response[name] = value
        return response


def is_preflight(request):
    """Whether this is a CORS preflight, sent by a browser before the request of a page."""
    preflight_headers = {
        "Origin",
        "Access-Control-Request-Method",
    } <= request.headers.keys()
    return request.method == "OPTIONS" and preflight_headers


def preflight_response(request):
    """Allow any method and the requested headers."""
    requested = request.headers.get("Access-Control-Request-Headers", "").split(",")
    names = [name.strip() for name in requested[:MAX_NAMES]]
    response = HttpResponse(status=204)
    response["Access-Control-Allow-Methods"] = ", ".join(HTTP_METHODS)
    if names := [name for name in names if FIELD_NAME.fullmatch(name)]:
        response["Access-Control-Allow-Headers"] = ", ".join(names)
    response["Access-Control-Max-Age"] = "7200"  # the maximum that Chromium accepts
    response["Vary"] = "Origin, Access-Control-Request-Method"
    response["Vary"] += ", Access-Control-Request-Headers"
    return response
