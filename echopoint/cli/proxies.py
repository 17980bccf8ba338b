"""Proxies as the environment names them, read as curl does.

httpx reads them too, but ends the program for an entry of NO_PROXY that is a network, and
for a variable that is wrong it names a class of Python.
"""

import ipaddress
from urllib.parse import urlsplit

import httpx

from echopoint.cli.network_faults import EnvironmentFault, ProxyFailed

SCHEMES = ("http", "https", "socks5", "socks5h")


class NoProxy:
    """What NO_PROXY names: hosts, domains, addresses, networks; each perhaps with a port.

    A domain stands for its subdomains too, with or without `.` or `*.` before it.
    """

    def __init__(self, text: str):
        entries = text.replace(",", " ").lower().split()
        self.is_all = "*" in entries
        self.networks = [n for entry in entries if (n := network_of(entry))]
        self.domains = [domain_of(entry) for entry in entries if not network_of(entry)]

    def covers(self, host: str, port: int | None) -> bool:
        """Whether requests to a host go there without a proxy."""
        host = host.strip("[]").rstrip(".").lower()
        if self.is_all:
            return True
        if address := address_of(host):
            return any(address in network for network in self.networks)
        return any(
            (host == name or host.endswith(f".{name}")) and only in (None, port)
            for name, only in self.domains
            if name
        )


def network_of(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry.replace("[", "").replace("]", ""), False)
    except ValueError:
        return None


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def domain_of(entry: str) -> tuple[str, int | None]:
    """Return the domain and the port of an entry such as `*.example.com:8080`."""
    name, colon, port = entry.rpartition(":")
    if not colon or not port.isdecimal():
        name, port = entry, ""
    return name.removeprefix("*").strip("."), int(port) if port else None


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
