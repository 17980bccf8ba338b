"""Proxies of the environment, parsed as in curl, with ports in NO_PROXY as in Go.

httpx can parse them too, but it fails for a network in NO_PROXY, and its error for an
invalid variable does not name the variable.
"""

import ipaddress
import re
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

from echopoint.cli.network_faults import EnvironmentFault, ProxyFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
WITH_PORT = re.compile(r"(\[[^]]*\]|[^][:]*):([0-9]{1,5})")
WITH_SCHEME = re.compile("[a-z][a-z0-9+.-]*://", re.IGNORECASE)
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
# A name, or an IPv6 address (checked by urlsplit). Excludes a misplaced, encoded password.
HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+(%[\w.-]+)?")
ENCODING = " (percent-encode the special characters of its user and password, # as %23)"
SCHEMES = ("http", "https", "socks5", "socks5h")


class NoProxy:
    """The entries of NO_PROXY: hosts, domains, addresses and networks, with optional port.

    A domain includes its subdomains, with or without a leading `.` or `*.`.
    """

    def __init__(self, text: str):
        self.entries = [
            Entry(entry) for entry in text.replace(",", " ").lower().split()
        ]

    def covers(self, host: str, port: int | None) -> bool:
        """Return whether requests to a host bypass the proxy."""
        host = host.strip("[]").rstrip(".").lower()
        address = address_of(host)
        return any(entry.covers(host, address, port) for entry in self.entries)


class Entry:
    """One entry of NO_PROXY. Without a port, it applies to every port."""

    def __init__(self, text: str):
        # An IPv6 address has a port only after its brackets.
        match = WITH_PORT.fullmatch(text)
        name, port = match.groups() if match else (text, None)
        self.port = int(port) if port else None
        self.network = network_of(name)
        self.is_any = name == "*"
        self.domain = "" if self.network else name.removeprefix("*").strip(".")

    def covers(self, host: str, address: Address | None, port: int | None) -> bool:
        return self.port in (None, port) and (self.is_any or self.names(host, address))

    def names(self, host: str, address: Address | None) -> bool:
        if address:
            return self.network is not None and address in self.network
        # "/" or ":" cannot be part of a host, so an invalid entry names nothing.
        return self.domain != "" and f".{host}".endswith(f".{self.domain}")


def network_of(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry.replace("[", "").replace("]", ""), False)
    except ValueError:
        return None


def address_of(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


class Proxy:
    """The proxy of a variable. Raises `EnvironmentFault` for an invalid value.

    Messages never show the value: a malformed one may have a password anywhere.
    """

    def __init__(self, variable: str, value: str):
        self.variable = variable
        has_scheme = WITH_SCHEME.match(value)
        parts = parts_of(value if has_scheme else f"http://{value}")
        hint = ENCODING if "@" in value else ""
        if not parts:
            raise self.fault(f"is not the address of a proxy{hint}")
        if parts.scheme not in SCHEMES:
            kind = f'the kind "{parts.scheme[:20]}"' if not hint else "an unknown kind"
            raise self.fault(f"names a proxy of {kind}")
        if not parts.hostname:
            raise self.fault("names no host")
        proxy = proxy_of(parts)
        if not proxy:
            raise self.fault(f"is not the address of a proxy{hint}")
        self.proxy = proxy
        self.is_tls = parts.scheme == "https"
        # Without user and password.
        self.address = parts.netloc.rpartition("@")[2]

    def fault(self, what: str) -> EnvironmentFault:
        return EnvironmentFault(
            f"{self.variable} {what}. Set it to one such as http://proxy.example:8080;"
            f" {', '.join(SCHEMES[:-1])} and {SCHEMES[-1]} are known. Or unset it."
        )

    def failure(self, what: str) -> ProxyFailed:
        return ProxyFailed(
            f"The proxy {self.address} in {self.variable} {what}. Check the variable, or"
            " add the host to NO_PROXY to bypass the proxy."
        )


def parts_of(url: str) -> SplitResult | None:
    """Return the parts of a URL, or None if it cannot be the address of a proxy."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    # The error may hold the password.
    except ValueError:
        return None
    rest = parts.path + parts.query + parts.fragment
    # urlsplit cuts a password at #, / or ?, and takes the text before for the host.
    if "@" in rest or rest.startswith("//"):
        return None
    # urlsplit removes line breaks and tabs.
    return None if UNPRINTABLE.search(url) else parts


def proxy_of(parts: SplitResult) -> httpx.Proxy | None:
    """Return the proxy, or None if a request cannot go through it.

    User and password are passed separately: httpx cannot parse a password with @.
    """
    host = parts.hostname or ""
    if not HOST.fullmatch(host):
        return None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    try:
        url = httpx.URL(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
        # Raises for a host that IDNA cannot encode, and for a lone surrogate.
        f"{url.host}{user}{password}".encode()
    except (httpx.InvalidURL, ValueError):
        return None
    return httpx.Proxy(url, auth=(user, password) if user or password else None)
