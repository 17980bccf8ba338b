"""Client metadata of a request: IP address, user agent, request id."""

from typing import NamedTuple

from echopoint.core.characters import undisguised
from echopoint.core.client_address import address
from echopoint.core.redaction import cleaned, holds_a_secret

USER_AGENT_LENGTH = 200


class Client(NamedTuple):
    """What is kept of a request's sender; empty where there was no request."""

    ip: str | None = None
    user_agent: str = ""
    request_id: str = ""
    route: str = ""

    @classmethod
    def of(cls, request):
        """Return the sender of an HTTP request, Django's or DRF's."""
        match = request.resolver_match
        return cls(
            ip=address(request),
            user_agent=one_line(request.headers.get("User-Agent", "")),
            request_id=getattr(request, "id", ""),
            route=f"{request.method} /{match.route}" if match else "",
        )


def one_line(text) -> str:
    """Return what a client says of itself, without secrets and control characters."""
    plain = undisguised(text)
    if plain != text and holds_a_secret(plain):
        text = plain
    # Before anything is replaced or cut off: what is left of a secret looks like none.
    text = cleaned(text)
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown[:USER_AGENT_LENGTH]
