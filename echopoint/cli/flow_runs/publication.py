"""Publishing the result of an execution, so that it is known beyond this machine."""

from datetime import UTC, datetime, timedelta
from typing import Any

from echopoint.cli.client import Client
from echopoint.cli.flow_runs.launch import Launched
from echopoint.cli.retries import Repeat

FIELDS = (
    "status",
    "started_at",
    "completed_at",
    "duration_ms",
    "result",
    "error_message",
    "error_code",
)


async def publish(client: Client, launched: Launched, document: dict) -> None:
    """Send the result document; the same one twice is one result.

    Raises `ApiError` for a refusal: 409 where another result came first.
    """
    body = {name: document.get(name) for name in FIELDS}
    path = f"/runner/ephemeral/executions/{launched.id}/complete"
    await client.post(path, body, repeat=Repeat.ONCE)


def failure(
    code: str, message: str, *, duration_ms: int, result: dict | None = None
) -> dict:
    """Return the result document of a flow that was not run to its end."""
    completed = datetime.now(UTC)
    started = completed - timedelta(milliseconds=duration_ms)
    return {
        "status": "failed",
        "started_at": timestamp(started),
        "completed_at": timestamp(completed),
        "duration_ms": duration_ms,
        "result": result,
        "error_message": message,
        "error_code": code,
    }


def timestamp(at: datetime) -> Any:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
