"""Settings of a command: flags override environment variables."""

import os
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from echopoint.cli.exceptions import CommandError

API_URL = "https://api.echopoint.dev"
FORMATS = ("table", "json", "yaml")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
# Matches an API key anywhere in text. The 20+ character tail rules out ordinary snake_case
# identifiers.
KEY = re.compile(r"\b([a-z]{2,12}_[a-z]{2,12}_[0-9A-Za-z]{12}_)[0-9A-Za-z]{20,}")
# A shorter value is not a key; replacing it would garble the output.
SHORTEST_KEY = 16
# Ids become parts of URL paths, and of files that CI systems read line by line.
PATH_ID = re.compile(r"[0-9A-Za-z_-]{1,100}")
KEY_VARIABLE = "ECHOPOINT_API_KEY"
VARIABLES = {
    "api_url": "ECHOPOINT_API_URL",
    "api_key": KEY_VARIABLE,
    "organization_id": "ECHOPOINT_ORGANIZATION_ID",
    "output": "ECHOPOINT_OUTPUT_FORMAT",
}


@dataclass(frozen=True)
class Settings:
    """The settings of a command. Pauses and time limits are in seconds."""

    api_url: str = API_URL
    api_key: str = field(default="", repr=False)
    organization_id: str = ""
    output: str = "table"
    debug: bool = False
    request_timeout: float = 30.0
    retry_pause: float = 2.0

    @classmethod
    def unchecked(cls, flags: dict[str, Any]) -> "Settings":
        """Return settings that only hide the API key, for use before `read` succeeds."""
        return cls(api_key=flags.get("api_key") or os.environ.get(KEY_VARIABLE, ""))

    @classmethod
    def read(cls, flags: dict[str, Any]) -> "Settings":
        """Return the settings from flags and environment, or raise `CommandError`."""
        values: dict[str, Any] = {
            name: value
            for name, variable in VARIABLES.items()
            if (value := flags.get(name) or os.environ.get(variable))
        }
        settings = cls(
            **values,
            debug=bool(flags.get("debug")),
            request_timeout=seconds("ECHOPOINT_REQUEST_TIMEOUT", cls.request_timeout),
            retry_pause=seconds("ECHOPOINT_RETRY_PAUSE", cls.retry_pause),
        )
        settings.check()
        return settings

    def check(self) -> None:
        """Raise `CommandError` for invalid values, without repeating secret ones."""
        if self.output not in FORMATS:
            raise CommandError(
                f"ECHOPOINT_OUTPUT_FORMAT is {self.output!r}. Use table, json or yaml."
            )
        if not self.api_key:
            raise CommandError(
                "No API key is set. Set ECHOPOINT_API_KEY; an admin of the organization can"
                " create a key on its API keys page."
            )
        if not is_header(self.api_key):
            raise CommandError(
                "The API key contains a space, a line break or another invalid character."
                " Copy the complete key again, and nothing else."
            )
        if self.organization_id and not is_header(self.organization_id):
            raise CommandError(
                "The organization id contains a space, a line break or another invalid"
                " character. Copy the complete id again, and nothing else."
            )
        check_url(self.api_url)

    @property
    def base_url(self) -> str:
        return self.api_url.rstrip("/")

    @property
    def is_exposed(self) -> bool:
        """Return whether the key would be sent unencrypted over a network."""
        url = urlsplit(self.api_url)
        return url.scheme == "http" and url.hostname not in LOOPBACK

    def require_organization(self) -> None:
        if not self.organization_id:
            raise CommandError(
                "No organization id is set. Set ECHOPOINT_ORGANIZATION_ID; `echopoint whoami`"
                " shows the organization of the key."
            )

    def scrub(self, text: str) -> str:
        """Return the text without this API key, and without any text that looks like a key."""
        if len(self.api_key) >= SHORTEST_KEY:
            text = text.replace(self.api_key, "***")
        return without_keys(text)


def without_keys(text: str) -> str:
    """Truncate every API key in the text after its public id."""
    return KEY.sub(r"\1…", text)


def is_header(text: str) -> bool:
    """Return whether the text is visible ASCII, and so a valid header value."""
    return bool(re.fullmatch(r"[!-~]+", text))


def check_url(url: str) -> None:
    """Raise `CommandError` for an invalid API URL."""
    try:
        parts = urlsplit(url)
        usable = (
            parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        )
    except ValueError:
        usable = False
    if not usable or not is_header(url):
        raise CommandError(
            f"The API URL is not valid. Set --api-url or ECHOPOINT_API_URL to a URL such as"
            f" {API_URL}."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise CommandError(
            "The API URL has more than a host and a path. Leave out user, password, ? and"
            " #; the key belongs in ECHOPOINT_API_KEY."
        )


def seconds(variable: str, default: float) -> float:
    """Return the seconds in an environment variable; raise `CommandError` if invalid."""
    text = os.environ.get(variable, "")
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,6})?", text):
        raise CommandError(f"{variable} is not a number of seconds, such as 2 or 0.5.")
    return float(text)


def version() -> str:
    """Return the installed version, or "checkout" if the package is not installed."""
    from importlib import metadata  # imported here: slow to load, and rarely needed

    try:
        return metadata.version("echopoint")
    except metadata.PackageNotFoundError:
        return "checkout"
