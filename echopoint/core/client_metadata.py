"""Client metadata of a request: IP address, user agent, request id."""

from typing import NamedTuple

from echopoint.core.characters import decode_client_text
from echopoint.core.client_address import address
from echopoint.core.redaction import cleaned, holds_a_secret

USER_AGENT_LENGTH = 200
MAX_KNOWN = 1024
# User agents that are stored as they were sent. A client sends the same one with every
# request, and need not wait for the search for secrets in it each time. Those that hold a
# secret are not kept here.
known_user_agents = set()


class Client(NamedTuple):
    """Client metadata stored with events; empty if there was no request."""

    ip: str | None = None
    user_agent: str = ""
    request_id: str = ""
    route: str = ""

    @classmethod
    def of(cls, request):
        """Read the metadata of an HTTP request, Django's or DRF's."""
        match = request.resolver_match
        return cls(
            ip=address(request),
            user_agent=user_agent(request.META.get("HTTP_USER_AGENT", "")),
            request_id=getattr(request, "id", ""),
            route=f"{request.method} /{match.route}" if match else "",
        )


def user_agent(text) -> str:
    """Return the User-Agent as stored: without secrets, and cut to the column's length."""
    if text in known_user_agents:
        return text
    stored = one_line(text)
    if stored == text:
        if len(known_user_agents) >= MAX_KNOWN:
            known_user_agents.clear()
        known_user_agents.add(text)
    return stored


def one_line(text, length=USER_AGENT_LENGTH) -> str:
    """Return a text of a client in printable characters, redacted and truncated."""
    plain = decode_client_text(text)
    if plain != text and holds_a_secret(plain):
        text = plain
    # Redact before replacing and truncating: a shortened secret is no longer recognized.
    text = cleaned(text)
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text[:length]
