"""What lets a page of any origin send to a webhook, and read the answer.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

import re

from django.http import HttpResponse

from echopoint.core.header_lines import RECEIVER
from echopoint.flow_language.words import HTTP_METHODS

FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
MAX_NAMES = 100
# Without Access-Control-Allow-Credentials, so that no page sends a visitor's cookies.
ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


class ReceiverOriginsMiddleware:
    """Let pages read every answer of the receiver, refusals and failures included."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if request.path_info.startswith(RECEIVER):
            for name, value in ANY_ORIGIN.items():
                response[name] = value
        return response


def is_preflight(request):
    """Whether a browser asks if a page may send; the page's own request comes after."""
    asks = {"Origin", "Access-Control-Request-Method"} <= request.headers.keys()
    return request.method == "OPTIONS" and asks


def allow(request):
    """Return the answer to a preflight: any method, and the headers that it names."""
    asked = request.headers.get("Access-Control-Request-Headers", "").split(",")
    names = [name.strip() for name in asked[:MAX_NAMES]]
    response = HttpResponse(status=204)
    response["Access-Control-Allow-Methods"] = ", ".join(HTTP_METHODS)
    if names := [name for name in names if FIELD_NAME.fullmatch(name)]:
        response["Access-Control-Allow-Headers"] = ", ".join(names)
    response["Access-Control-Max-Age"] = "7200"  # the longest that Chromium keeps
    response["Vary"] = "Origin, Access-Control-Request-Method"
    response["Vary"] += ", Access-Control-Request-Headers"
    return response
