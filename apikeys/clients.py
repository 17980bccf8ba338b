"""Who is at the other end of a request: address, program, request id."""

import ipaddress
from typing import NamedTuple

from rest_framework.throttling import BaseThrottle

from apikeys.redaction import redact

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
    """Return what a client says of itself, without keys and control characters."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return redact(shown)[:USER_AGENT_LENGTH]


def address(request) -> str | None:
    """Return the client's IP address, or None when there is none to believe.

    X-Forwarded-For counts only as far as the setting TRUSTED_PROXIES reaches; DRF
    reads it as NUM_PROXIES.
    """
    try:
        # A scope (fe80::1%eth0) means something on this machine alone.
        text = (BaseThrottle().get_ident(request) or "").partition("%")[0]
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(ip, "ipv4_mapped", None)
    return str(mapped or ip)
