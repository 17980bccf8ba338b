"""Error responses for requests that gunicorn rejects itself, in the API's envelope."""

import json
from http import HTTPStatus

from gunicorn.util import write_nonblock

# The rejected input is never quoted, because it may contain a key.
REJECTIONS = {
    400: ("BAD_REQUEST", "The request is malformed. Check its first line and headers."),
    414: ("URI_TOO_LONG", "The address is too long. Send fewer or shorter parameters."),
    417: ("EXPECTATION_FAILED", "Send no Expect header other than 100-continue."),
    431: ("HEADERS_TOO_LARGE", "The headers are too many or too long. Send less."),
    501: ("NOT_IMPLEMENTED", "This Transfer-Encoding is not understood. Send chunked."),
}
OTHER = ("BAD_REQUEST", "The server refused this request. Check its headers.")
FAILED = (
    "UNEXPECTED_ERROR",
    "Something went wrong on our side. Before you repeat a change, look whether it was"
    " made.",
)


def write_refusal(sock, status, reason, message):
    """Respond and close, as gunicorn's `util.write_error`, but with a JSON body."""
    code, message = REJECTIONS.get(status, FAILED if status == 500 else OTHER)
    body = json.dumps({"errors": [{"code": code, "message": message}]})
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        "Cache-Control: no-store\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    write_nonblock(sock, f"{head}{body}".encode())
