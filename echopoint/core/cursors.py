"""Pagination cursors: JSON values in URL-safe base64, without padding."""

import base64
import json


def encode_cursor(value) -> str:
    text = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def decode_cursor(text: str):
    """Return the JSON value; raise `ValueError`, or `RecursionError` if nested too deep."""
    padded = text + "=" * (-len(text) % 4)
    return json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))


def is_cursor(value) -> bool:
    """Return True if a decoded value is [sort value, row id]."""
    if not isinstance(value, list) or [type(part) for part in value[1:]] != [int]:
        return False
    return value[0] is None or type(value[0]) in (int, str)
