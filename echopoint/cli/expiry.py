"""When the API key stops working, which every response has in a header.

The key expires then, or its rotation ends: the header does not say which.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from echopoint.cli.output import write_stderr
from echopoint.cli.settings import Settings

HEADER = "X-Api-Key-Expires-At"
SOON = timedelta(days=14)
# Names a file for the warning. The GitHub Action sets it, because it may not interpret the
# output of the command, which quotes services.
FILE_VARIABLE = "ECHOPOINT_WARNING_FILE"


def expires_at(headers: Mapping[str, str]) -> datetime | None:
    """Return when the key stops working, or None if it has no end or it is unknown."""
    try:
        at = datetime.fromisoformat(headers[HEADER])
    except (KeyError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def time_left(at: datetime, now: datetime | None = None) -> timedelta:
    """Return the time until `at`, or zero if it has passed."""
    return max(at - (now or datetime.now(UTC)), timedelta())


def format_time_left(time: timedelta) -> str:
    """Return a remaining time in days, or in hours on the last day."""
    amount, unit = (time.days, "day") if time.days else (time.seconds // 3600, "hour")
    return f"{amount} {unit}{'' if amount == 1 else 's'}"


def warn_of_expiry(headers: Mapping[str, str], settings: Settings) -> None:
    """Warn if the key stops working within two weeks."""
    at = expires_at(headers)
    if not at or time_left(at) >= SOON:
        return
    text = (
        f"this API key stops working in {format_time_left(time_left(at))}, at"
        f" {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC. Rotate it on the API Keys page, or use"
        " its successor if it was rotated."
    )
    write_stderr(f"Warning: {text}", settings=settings)
    if path := os.environ.get(FILE_VARIABLE):
        with suppress(OSError), open(path, "w", encoding="utf-8") as file:
            file.write(text)
