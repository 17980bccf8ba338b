"""Addresses are kept in histories and logs, so they lead on without a key."""

import base64
import json
from urllib.parse import quote

from django.http import QueryDict

from echopoint.core.characters import as_seen
from echopoint.core.redaction import cleaned, holds_a_secret, redact


def address_of(request) -> str:
    """Return the path and query of a request, as they may be repeated."""
    query = shown(request.GET).urlencode()
    return quote(cleaned(request.path)) + (f"?{query}" if query else "")


def holds_one(request) -> bool:
    """Whether there is a secret in the address of a request."""
    texts = [request.path, *request.GET]
    texts += [value for _, values in request.GET.lists() for value in values]
    return any(map(hides_a_secret, texts))


def shown(query: QueryDict) -> QueryDict:
    """Return a query, a key in it ended at its id, without other parts of secrets."""
    kept = QueryDict(mutable=True)
    for name, values in query.lists():
        if not holds_a_secret(name):
            kept.setlist(name, [public(value) for value in values])
    return kept


def public(text: str) -> str:
    """Return what may be shown of a text, nothing if it is a part of a secret."""
    if not hides_a_secret(text):
        return text
    text = redact(as_seen(text))
    return "" if holds_a_secret(text) else text


def hides_a_secret(text: str) -> bool:
    """Whether there is a secret in the text, or in the value that is packed in it."""
    try:
        inner = unpacked(text)
    except (ValueError, RecursionError):
        return holds_a_secret(text)
    # A place in a list looks as random as a secret does, and holds what the list shows.
    return cleaned(inner) != inner or (not is_place(inner) and holds_a_secret(text))


def is_place(value) -> bool:
    """Whether it is a place in a list: the value of a row, and its id."""
    if not isinstance(value, list) or [type(part) for part in value[1:]] != [int]:
        return False
    return value[0] is None or type(value[0]) in (int, str)


def packed(value) -> str:
    """Return a JSON value as it stands in an address."""
    text = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def unpacked(text: str):
    """Return the JSON value that stands in an address; raise `ValueError`."""
    padded = text + "=" * (-len(text) % 4)
    return json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
