"""Support chunked request bodies (RFC 9112, section 7.1).

Without CONTENT_LENGTH, Django treats them as empty.
"""

import io
import json
import re

from django.conf import settings

from echopoint.api.exceptions import error

# Paths at which runners publish recordings.
RECORDING_PATHS = re.compile(
    "/runner/(jobs/[^/]+/(events|complete)|ephemeral/executions/[^/]+/complete)$"
)


class ChunkedBodyMiddleware:
    """WSGI middleware that buffers chunked bodies and sets CONTENT_LENGTH."""

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        if is_chunked(environ):
            try:
                # Read one byte over the limit, so that the view refuses the body. A body cut
                # at the limit would look complete.
                body = environ["wsgi.input"].read(max_body_bytes(environ) + 1)
            except Exception:  # noqa: BLE001, each server has its own errors for broken chunks
                return refuse_broken_body(start_response)
            environ |= {
                "wsgi.input": io.BytesIO(body),
                "CONTENT_LENGTH": str(len(body)),
            }
        return self.application(environ, start_response)


def max_body_bytes(environ):
    """Return the largest body in bytes that is read at the path."""
    is_recording = RECORDING_PATHS.match(environ.get("PATH_INFO", ""))
    return (
        settings.API_RESULT_READ_SIZE
        if is_recording
        else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    )


def is_chunked(environ):
    """Whether the body is chunked and the server marks its end.

    Without `wsgi.input_terminated`, read() could block until the client closes.
    """
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    return chunked and environ.get("wsgi.input_terminated")


def refuse_broken_body(start_response):
    message = "The body ended too early. Send it again."
    body = json.dumps({"errors": [error("BAD_REQUEST", message)]}).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    start_response("400 Bad Request", headers)
    return [body]
