"""URLs without secrets. Browser histories and logs keep URLs for a long time."""

from urllib.parse import quote

from django.http import QueryDict

from echopoint.core.characters import visible_form
from echopoint.core.cursors import decode_cursor, is_cursor
from echopoint.core.redaction import cleaned, holds_a_secret, redact


def redacted_url(request) -> str:
    """Return the path and query of a request, without secrets."""
    query = redact_query(request.GET).urlencode()
    return quote(cleaned(request.path)) + (f"?{query}" if query else "")


def url_has_secret(request) -> bool:
    texts = [request.path, *request.GET]
    texts += [value for _, values in request.GET.lists() for value in values]
    return any(map(has_secret, texts))


def redact_query(query: QueryDict) -> QueryDict:
    """Drop parameters whose name is a secret, and redact the values of the others."""
    redacted = QueryDict(mutable=True)
    for name, values in query.lists():
        if not holds_a_secret(name):
            redacted.setlist(name, [redact_value(value) for value in values])
    return redacted


def redact_value(text: str) -> str:
    """Truncate a key after its public id; return "" for any other part of a secret."""
    if not has_secret(text):
        return text
    text = redact(visible_form(text))
    return "" if holds_a_secret(text) else text


def has_secret(text: str) -> bool:
    """Return True if there is a secret in the text, or in the JSON it encodes."""
    try:
        inner = decode_cursor(text)
    except (ValueError, RecursionError):
        return holds_a_secret(text)
    # A cursor looks as random as a secret, but only encodes values that the list shows.
    return cleaned(inner) != inner or (not is_cursor(inner) and holds_a_secret(text))
