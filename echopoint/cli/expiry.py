"""How long the key still lives, as every answer of the API says in a header."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from echopoint.cli.settings import Settings
from echopoint.cli.terminal import say

HEADER = "X-Api-Key-Expires-At"
SOON = timedelta(days=7)


def expires_at(headers: Mapping[str, str]) -> datetime | None:
    """Return when the key ends, or None for one that does not, or does not say."""
    try:
        at = datetime.fromisoformat(headers[HEADER])
    except (KeyError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def left(at: datetime, now: datetime | None = None) -> timedelta:
    """Return the time until then, never less than none."""
    return max(at - (now or datetime.now(UTC)), timedelta())


def in_words(time: timedelta) -> str:
    """Return a time left in days, or in hours on the last day."""
    amount, unit = (time.days, "day") if time.days else (time.seconds // 3600, "hour")
    return f"{amount} {unit}{'' if amount == 1 else 's'}"


def warn(headers: Mapping[str, str], settings: Settings) -> None:
    """Say on stderr that the key ends within the week."""
    at = expires_at(headers)
    if at and left(at) < SOON:
        say(
            f"Warning: this API key expires in {in_words(left(at))}, at"
            f" {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC. Rotate it on the API keys page.",
            settings=settings,
        )
