"""Where the API is and who asks: flags first, then the environment."""

import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from echopoint.cli.exceptions import CommandError

API_URL = "https://api.echopoint.dev"
FORMATS = ("table", "json", "yaml")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
# A key in any text, for whoever pastes one where it does not belong; an identifier in
# snake case has no word of that length at its end.
KEY = re.compile(r"\b([a-z]{2,12}_[a-z]{2,12}_[0-9A-Za-z]{12}_)[0-9A-Za-z]{20,}")
# A shorter text is no key, and to take it out would garble what is shown.
SHORTEST_KEY = 16
# An id becomes a part of paths, and of what CI systems read line by line.
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
    """What every command needs to know. Pauses and time limits are in seconds."""

    api_url: str = API_URL
    api_key: str = field(default="", repr=False)
    organization_id: str = ""
    output: str = "table"
    debug: bool = False
    request_timeout: float = 30.0
    retry_pause: float = 2.0

    @classmethod
    def unchecked(cls, flags: dict) -> "Settings":
        """Return settings that hide the API key where no others can be read."""
        return cls(api_key=flags.get("api_key") or os.environ.get(KEY_VARIABLE, ""))

    @classmethod
    def read(cls, flags: dict) -> "Settings":
        """Return the settings that flags and environment give, or raise `CommandError`."""
        values = {
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
        """Refuse what could not be sent, without repeating what is secret."""
        if self.output not in FORMATS:
            raise CommandError(
                f"ECHOPOINT_OUTPUT_FORMAT is {self.output!r}. Use table, json or yaml."
            )
        if not self.api_key:
            raise CommandError(
                "There is no API key. Set ECHOPOINT_API_KEY to one; an admin of the"
                " organization makes it on its API keys page."
            )
        if not is_header(self.api_key):
            raise CommandError(
                "The API key holds a space, a line break or another character that no"
                " key has. Copy it again, whole and alone."
            )
        if self.organization_id and not is_header(self.organization_id):
            raise CommandError(
                "The organization id holds a space, a line break or another character"
                " that no id has. Copy it again, whole and alone."
            )
        check_url(self.api_url)

    @property
    def base_url(self) -> str:
        return self.api_url.rstrip("/")

    @property
    def is_exposed(self) -> bool:
        """Whether the key would travel a network in the clear."""
        url = urlsplit(self.api_url)
        return url.scheme == "http" and url.hostname not in LOOPBACK

    def require_organization(self) -> None:
        if not self.organization_id:
            raise CommandError(
                "There is no organization id. Set ECHOPOINT_ORGANIZATION_ID;"
                " `echopoint whoami` shows the one of the key."
            )

    def scrub(self, text: str) -> str:
        """Return the text without the API key, and without anything of a key's form."""
        if len(self.api_key) >= SHORTEST_KEY:
            text = text.replace(self.api_key, "***")
        return without_keys(text)


def without_keys(text: str) -> str:
    """Return the text with every key in it ended at its public id."""
    return KEY.sub(r"\1…", text)


def is_header(text: str) -> bool:
    """Whether the text can be sent as a header as it is: visible ASCII."""
    return bool(re.fullmatch(r"[!-~]+", text))


def check_url(url: str) -> None:
    """Raise `CommandError` for an address that no API can have."""
    try:
        parts = urlsplit(url)
        usable = (
            parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        )
    except ValueError:
        usable = False
    if not usable or not is_header(url):
        raise CommandError(
            f"The API's address is not one. Give it as {API_URL}, with --api-url or"
            " ECHOPOINT_API_URL."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise CommandError(
            "The API's address has more to it than a host and a path. Leave out user,"
            " password, ? and #; the key goes into ECHOPOINT_API_KEY."
        )


def seconds(variable: str, default: float) -> float:
    """Return a number of seconds from the environment."""
    text = os.environ.get(variable, "")
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,6})?", text):
        raise CommandError(f"{variable} is not a number of seconds, such as 2 or 0.5.")
    return float(text)


def version() -> str:
    """Return the installed version, or a word where a checkout is run as it is."""
    from importlib import metadata  # slow to load, and seldom needed

    try:
        return metadata.version("echopoint")
    except metadata.PackageNotFoundError:
        return "checkout"
