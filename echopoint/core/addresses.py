"""Addresses are kept in histories and logs, so they lead on without a key."""

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
    return any(map(holds_a_secret, texts))


def shown(query: QueryDict) -> QueryDict:
    """Return a query, a key in it ended at its id, without other parts of secrets."""
    kept = QueryDict(mutable=True)
    for name, values in query.lists():
        if not holds_a_secret(name):
            kept.setlist(name, [public(value) for value in values])
    return kept


def public(text: str) -> str:
    """Return what may be shown of a text, nothing if it is a part of a secret."""
    if not holds_a_secret(text):
        return text
    text = redact(as_seen(text))
    return "" if holds_a_secret(text) else text
