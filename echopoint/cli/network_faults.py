"""Network errors that the called service did not cause."""

import httpx


class EnvironmentFault(httpx.ConnectError):
    """An invalid environment variable or option. The text names it."""


class ProxyFailed(httpx.ConnectError):
    """The proxy could not be reached, or refused to connect."""
