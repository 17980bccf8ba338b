"""One POST to a URL that a tenant chose: to public addresses only, bounded in time and size.

The name is resolved once, and the connection goes to an address that was checked. A client
that resolves the name again could be sent elsewhere by then (DNS rebinding). Redirects are
not followed, and proxies of the environment are not used.
"""

import asyncio
import ipaddress
import socket
import ssl

import httpcore
import httpx
from django.conf import settings

SECONDS = 15  # for the whole exchange
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class NotDelivered(Exception):
    """There was no response; the message says why, for the page of the webhook."""


def post(url, headers, body):
    """Send the body, bytes; return the status of the response. Raise `NotDelivered`."""
    try:
        return asyncio.run(exchange(url, headers, body))
    except TimeoutError:
        raise NotDelivered(f"no response within {SECONDS} seconds") from None
    except (httpcore.NetworkError, httpcore.TimeoutException) as error:
        raise NotDelivered(connection_fault(error)) from error
    except httpcore.ProtocolError:
        raise NotDelivered("the response was not HTTP") from None


async def exchange(url, headers, body):
    tls = httpx.create_ssl_context()  # the certificates of SSL_CERT_FILE, or certifi's
    pool = httpcore.AsyncConnectionPool(tls, network_backend=CheckedBackend())
    sent = pool.stream("POST", url, headers=headers, content=body)
    # The body of the response is not read: closing the stream ends the connection.
    async with asyncio.timeout(SECONDS), pool, sent as response:
        return response.status


class CheckedBackend(httpcore.AnyIOBackend):
    """Connects to addresses that `require_allowed` accepts."""

    async def connect_tcp(self, host, port, **options):
        addresses = await resolve(host, port)
        require_allowed(addresses)
        for address in addresses[:-1]:
            try:
                return await super().connect_tcp(address, port, **options)
            except httpcore.ConnectError:
                continue
        return await super().connect_tcp(addresses[-1], port, **options)


async def resolve(host, port):
    """Return the addresses of a host, in the order of the resolver."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise NotDelivered("the host name cannot be resolved") from None
    return list(dict.fromkeys(place[0] for *_, place in found))


def require_allowed(addresses):
    """Raise `NotDelivered` if any address is not public, unless the setting allows it.

    Any: a name with a public and a private address is refused, not half used.
    """
    if not settings.NOTICES_TO_PRIVATE_NETWORKS and not all(map(is_public, addresses)):
        raise NotDelivered("the host has an address in a private network")


def is_public(text):
    """Return True for a public address; an IPv4 address embedded in an IPv6 one decides."""
    address = ipaddress.ip_address(text)
    if address.version == 6:
        address = embedded_ipv4(address) or address
    return address.is_global and not (address.is_multicast or address.is_reserved)


def embedded_ipv4(address):
    """Return the IPv4 address that a router would send the packets to, or None."""
    if address in NAT64:
        return ipaddress.ip_address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def connection_fault(error):
    """Return why the connection failed."""
    cause = error
    while cause:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return "TLS failed"
        cause = cause.__cause__ or cause.__context__
    return "the connection failed"
