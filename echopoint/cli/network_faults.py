"""Faults of the network that are not the service's."""

import httpx


class EnvironmentFault(httpx.ConnectError):
    """A variable of the environment that is wrong; the text names it."""


class ProxyFailed(httpx.ConnectError):
    """The proxy, not the service, could not be reached or would not connect."""
