"""Bodies in chunks (RFC 9112, section 7.1), which Django alone takes for empty ones."""

import io
import json
import re

from django.conf import settings

from echopoint.api.exceptions import error

# Where runners publish what they recorded.
RECORDINGS = re.compile(
    "/runner/(jobs/[^/]+/(events|complete)|ephemeral/executions/[^/]+/complete)$"
)


class Dechunked:
    """Give a body that came in chunks the length that Django asks for.

    Reads one byte more than the endpoint takes at most, so that a body over its limit is
    seen to be over it.
    """

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        if is_chunked(environ):
            try:
                body = environ["wsgi.input"].read(most_bytes(environ) + 1)
            except Exception:  # noqa: BLE001, each server has its own errors for broken chunks
                return refuse(start_response)
            environ |= {
                "wsgi.input": io.BytesIO(body),
                "CONTENT_LENGTH": str(len(body)),
            }
        return self.application(environ, start_response)


def most_bytes(environ):
    """Return the size of the largest body that is read at a path."""
    is_large = RECORDINGS.match(environ.get("PATH_INFO", ""))
    return (
        settings.API_RESULT_READ_SIZE
        if is_large
        else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    )


def is_chunked(environ):
    """Whether there is a body in chunks, from a server that ends it where they do."""
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    return chunked and environ.get("wsgi.input_terminated")


def refuse(start_response):
    """Answer 400."""
    message = "The body ended too early. Send it again."
    body = json.dumps({"errors": [error("BAD_REQUEST", message)]}).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    start_response("400 Bad Request", headers)
    return [body]
