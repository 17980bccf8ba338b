"""Proxies as the environment names them, read as curl does, and ports in NO_PROXY as Go does.

httpx reads them too, but ends the program for an entry of NO_PROXY that is a network, and
for a variable that is wrong it names a class of Python.
"""

import ipaddress
import re
from urllib.parse import urlsplit

import httpx

from echopoint.cli.network_faults import EnvironmentFault, ProxyFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
WITH_PORT = re.compile(r"(\[[^]]*\]|[^][:]*):([0-9]{1,5})")
SCHEMES = ("http", "https", "socks5", "socks5h")


class NoProxy:
    """What NO_PROXY names: hosts, domains, addresses, networks; each perhaps with a port.

    A domain stands for its subdomains too, with or without `.` or `*.` before it.
    """

    def __init__(self, text: str):
        self.entries = [Entry(one) for one in text.replace(",", " ").lower().split()]

    def covers(self, host: str, port: int | None) -> bool:
        """Whether requests to a host go there without a proxy."""
        host = host.strip("[]").rstrip(".").lower()
        address = address_of(host)
        return any(entry.covers(host, address, port) for entry in self.entries)


class Entry:
    """One entry of NO_PROXY. Without a port, it is for every port."""

    def __init__(self, text: str):
        # An IPv6 address has a port only after its brackets.
        found = WITH_PORT.fullmatch(text)
        name, port = found.groups() if found else (text, None)
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
    """The proxy that a variable names. Raises `EnvironmentFault` for what is none."""

    def __init__(self, variable: str, value: str):
        self.variable = variable
        url = value if "://" in value else f"http://{value}"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise self.fault("is not the address of a proxy") from None
        if parts.scheme.lower() not in SCHEMES:
            raise self.fault(f'names a proxy of the kind "{parts.scheme[:20]}"')
        if not parts.hostname:
            raise self.fault("names no host")
        # Without the user and the password that may stand before it.
        self.address = f"{parts.hostname}:{port}" if port else parts.hostname
        try:
            self.proxy = httpx.Proxy(url)
        except (httpx.InvalidURL, ValueError):
            raise self.fault("is not the address of a proxy") from None

    def fault(self, what: str) -> EnvironmentFault:
        return EnvironmentFault(
            f"{self.variable} {what}. Set it to one such as http://proxy.example:8080;"
            f" {', '.join(SCHEMES[:-1])} and {SCHEMES[-1]} are known. Or unset it."
        )

    def failure(self, what: str) -> ProxyFailed:
        return ProxyFailed(
            f"The proxy {self.address} in {self.variable} {what}. Check the variable, or"
            " name the host in NO_PROXY if it is to be reached without a proxy."
        )
