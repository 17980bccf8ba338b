"""The client's IP address, for the audit, rate limits and sign-in limits."""

import ipaddress
import logging
import re
import threading
from functools import lru_cache

from django.conf import settings

logger = logging.getLogger(__name__)

# Some proxies add a port or brackets: 203.0.113.9:41234, [2001:db8::1]:443, [2001:db8::1].
WRAPPED = re.compile(
    r"(?P<v4>[0-9.]+):[0-9]{1,5}"
    r"|\[(?P<v6>[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(%[^\[\]]+)?)\](:[0-9]{1,5})?"
)
LONGEST_HOP = 100  # characters; addresses with a zone and a port have fewer
# Acquired by the first unknown address and never released: one warning per process.
first_unknown = threading.Lock()


def address(request) -> str | None:
    """Return the client's IP address, or None if no trustworthy one is known.

    `TRUSTED_PROXIES` is the number of proxies that append to X-Forwarded-For. Hops are
    counted from the right, because clients can forge the entries on the left.
    """
    proxies = settings.TRUSTED_PROXIES
    hops = [*forwarded_entries(request), request.META.get("REMOTE_ADDR") or ""]
    ip = parse_hop(hops[-proxies - 1]) if proxies < len(hops) else None
    if ip is None and first_unknown.acquire(blocking=False):
        logger.warning("The address of a client is unknown. %s", advice(hops, proxies))
    return ip


def network(ip):
    """Return what counts as one client: an IPv4 address, or the /64 of an IPv6 address.

    All clients with an unknown address, None, count as one.
    """
    if ip is None or ":" not in ip:
        return ip or "unknown"
    return str(ipaddress.ip_network((ip, 64), strict=False))


def forwarded_entries(request):
    """Return the entries of X-Forwarded-For. WSGI servers join repeated header lines."""
    header = request.META.get("HTTP_X_FORWARDED_FOR", "")
    return header.split(",") if header.strip() else []


def parse_hop(hop):
    """Return the IP address of a hop without port and zone, or None if it is invalid."""
    text = hop.strip(" \t")
    return parse_address(text) if len(text) <= LONGEST_HOP else None


@lru_cache(maxsize=1024)
def parse_address(text):
    """Return the address in a hop. Clients come back, and a bounded text bounds the cache."""
    if match := WRAPPED.fullmatch(text):
        text = match["v4"] or match["v6"]
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A zone (fe80::1%eth0) means nothing on another machine.
    return str(getattr(ip, "ipv4_mapped", None) or ip).partition("%")[0]


def advice(hops, proxies):
    """Return what the operator should set. Never quotes the header."""
    *entries, _ = hops
    if not proxies:
        return (
            "TRUSTED_PROXIES is 0, and the connection has no IP address, as on a unix"
            " socket. Set TRUSTED_PROXIES to the number of proxies in front that append"
            " to X-Forwarded-For."
        )
    if len(entries) < proxies:
        count = f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}"
        return (
            f"TRUSTED_PROXIES is {proxies}, but X-Forwarded-For had {count}. Set"
            " TRUSTED_PROXIES to the number of proxies that append to it, or send all"
            " requests through them."
        )
    return (
        f"TRUSTED_PROXIES is {proxies}, but entry {proxies} from the right of"
        " X-Forwarded-For is not an IP address. Set TRUSTED_PROXIES to the number of"
        " proxies that append to it, and configure each to append its client's IP address."
    )
