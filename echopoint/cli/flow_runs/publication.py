"""Publishing the result of an execution to the API."""

from datetime import UTC, datetime, timedelta
from typing import Any

from echopoint.cli.api_client import ApiClient
from echopoint.cli.flow_runs.launch import LaunchedExecution
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


async def publish(
    client: ApiClient, launched: LaunchedExecution, document: dict[str, Any]
) -> None:
    """Send the result document. Sending it again has no effect.

    Raises `ApiError` if the API refuses it, with status 409 if it has another result.
    """
    body = {name: document.get(name) for name in FIELDS}
    path = f"/runner/ephemeral/executions/{launched.id}/complete"
    await client.post(path, body, repeat=Repeat.ONCE)


def failed_document(
    code: str, message: str, *, duration_ms: int, result: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the result document of a flow that did not run to its end."""
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


def timestamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
