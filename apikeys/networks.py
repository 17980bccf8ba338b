"""Networks from which a key may be used: parsing, comparing and storing them.

Addresses are compared as IPv4 whenever they have an IPv4 form: `::ffff:203.0.113.9` is
203.0.113.9 (RFC 4291, section 2.5.5.2).
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
)
from typing import NamedTuple

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAPPED_PREFIX = 96  # of ::ffff:0:0/96, which holds the IPv4 addresses
PREFIX = re.compile(r"0|[1-9][0-9]{0,2}", re.ASCII)
NOT_A_NETWORK = (
    "is not a network. Write an address, such as 203.0.113.9, or a network, such as"
    " 203.0.113.0/24 or 2001:db8::/32"
)


class InvalidNetwork(ValueError):
    """The text is not a network that can be listed; the message says why."""


class Span(NamedTuple):
    """Consecutive addresses of one IP version, as numbers."""

    version: int
    first: int
    last: int


class Coverage:
    """The addresses in some networks, for fast lookups."""

    def __init__(self, networks: Iterable[Network]) -> None:
        listed = list(networks)
        v4 = collapse_addresses(n for n in listed if isinstance(n, IPv4Network))
        v6 = collapse_addresses(n for n in listed if isinstance(n, IPv6Network))
        # Collapsed networks are disjoint, and contain each network that they cover.
        self.networks: tuple[Network, ...] = (*v4, *v6)
        self._spans = sorted(map(span_of, self.networks))
        self._starts = [span[:2] for span in self._spans]

    def __contains__(self, address: Address) -> bool:
        number = int(address)
        return self._has(Span(address.version, number, number))

    def _has(self, span: Span) -> bool:
        index = bisect_right(self._starts, span[:2]) - 1
        if index < 0:
            return False
        found = self._spans[index]
        return found.version == span.version and span.last <= found.last

    def covers(self, other: "Coverage") -> bool:
        """Whether all addresses of the other are in this one."""
        return all(map(self._has, other._spans))


def span_of(network: Network) -> Span:
    first = int(network.network_address)
    return Span(network.version, first, first + network.num_addresses - 1)


class AllowList(NamedTuple):
    """The networks of a key, as chosen and as compared with a client's address.

    `entries` are networks and names of the organization's ranges, `networks` what these
    stood for when the list was stored. Both are in one column, so that no key can have a
    list without the networks that decide.
    """

    entries: tuple[str, ...]
    networks: tuple[str, ...]
    coverage: Coverage

    @classmethod
    def of(cls, entries: Iterable[str], networks: Iterable[Network]) -> "AllowList":
        coverage = Coverage(networks)
        texts = tuple(map(as_text, coverage.networks))
        return cls(tuple(entries), texts, coverage)

    @property
    def stored(self) -> str:
        """Return the text of the column."""
        return json.dumps(
            {"entries": self.entries, "networks": self.networks}, ensure_ascii=False
        )


# A cached list costs a request one lookup. Clients of few keys send most requests.
@lru_cache(maxsize=512)
def read_allow_list(stored: str) -> AllowList | None:
    """Return the stored list, or None if it is malformed, which allows no address."""
    try:
        values = json.loads(stored)
        entries, networks = values["entries"], values["networks"]
        if not all(isinstance(text, str) for text in (*entries, *networks)):
            return None
        return AllowList.of(entries, [parse_network(text) for text in networks])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def parse_address(text: str | None) -> Address | None:
    """Return the address, as IPv4 if it has such a form, or None if it is not one."""
    try:
        address = ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def parse_network(text: str) -> Network:
    """Return the network or single address; raise `InvalidNetwork`.

    Nothing is repaired: a network with host bits could be either of two networks.
    """
    host, slash, prefix = text.partition("/")
    try:
        address = ip_address(host)
    except ValueError:
        raise InvalidNetwork(NOT_A_NETWORK) from None
    if "%" in host:
        raise InvalidNetwork("has a zone. Zones mean nothing on another machine")
    length = prefix_length(prefix, address) if slash else address.max_prefixlen
    if isinstance(address, IPv6Address) and length >= MAPPED_PREFIX:
        mapped = address.ipv4_mapped
        if mapped is not None:
            address, length = mapped, length - MAPPED_PREFIX
    if length == 0:
        raise InvalidNetwork(
            f"is every IPv{address.version} address, which is no restriction. Leave the"
            " list empty to allow all addresses"
        )
    network = ip_network((address, length), strict=False)
    if network.network_address != address:
        raise InvalidNetwork(
            f"has bits set after its prefix. Write {network} for the network, or {address}"
            " for the one address"
        )
    return network


def prefix_length(text: str, address: Address) -> int:
    if not PREFIX.fullmatch(text) or int(text) > address.max_prefixlen:
        raise InvalidNetwork(
            f"has no valid prefix. Write a number of 1 to {address.max_prefixlen} after"
            " the slash"
        )
    return int(text)


def as_text(network: Network) -> str:
    """Return "203.0.113.0/24", or "203.0.113.9" for a single address."""
    is_one = network.prefixlen == network.max_prefixlen
    return str(network.network_address if is_one else network)


def require_new(network: Network, others: Iterable[Network]) -> None:
    """Raise `InvalidNetwork` if one of the others has, or is part of, the network."""
    for other in others:
        if network == other:
            raise InvalidNetwork(f"{as_text(other)} is listed twice. Remove one.")
        inner, outer = sorted((network, other), key=lambda n: -n.prefixlen)
        if is_within(inner, outer):
            raise InvalidNetwork(
                f"{as_text(inner)} is part of {as_text(outer)}. Remove one of them."
            )


def is_within(inner: Network, outer: Network) -> bool:
    return Coverage([outer]).covers(Coverage([inner]))


def require_some_left_out(networks: Iterable[Network]) -> None:
    """Raise `InvalidNetwork` if the networks together are all addresses of a version."""
    for network in Coverage(networks).networks:
        if network.prefixlen == 0:
            raise InvalidNetwork(
                f"Together these are every IPv{network.version} address, which is no"
                " restriction. Leave the list empty to allow all addresses."
            )


def suggested_network(address: Address) -> Network:
    """Return the network to suggest for a client that was seen at the address.

    An IPv6 client changes its address within a /64 (RFC 8981).
    """
    length = 64 if address.version == 6 else address.max_prefixlen
    return ip_network((address, length), strict=False)
