"""The result that a runner publishes, as a value that can be compared."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from echopoint.flow_language.results import status_of

MAX_DURATION_MS = 10**12  # some thirty years
LATEST = datetime.max.replace(tzinfo=UTC)


class NodeOutcome(NamedTuple):
    """The outcome of one node; `result` is the node result that the runner recorded."""

    node_id: str
    status: str
    result: dict
    started_at: datetime | None
    completed_at: datetime | None
    duration_ms: int | None

    @classmethod
    def of(cls, node_id, result):
        """Read the outcome from a node result.

        `executed_at` is the end of the node. Its start is `started_at`, or else the end
        minus the duration. For delay nodes, the public runner sends `delay_ms` instead
        of a duration.
        """
        duration = parse_duration(result.get("duration_ms", result.get("delay_ms")))
        ended = parse_time(result.get("executed_at"))
        started = parse_time(result.get("started_at")) or subtract(ended, duration)
        return cls(node_id, status_of(result), result, started, ended, duration)


class Completion(NamedTuple):
    """A published end: status, result, and the times that the runner measured.

    `result` is the runner's JSON object or None, `node_results` its `NodeOutcome`s.
    `digest` is a SHA-256 of the request, by which a repeated completion is recognized.
    """

    status: str
    started_at: datetime
    completed_at: datetime
    duration_ms: int
    result: dict | None
    error_message: str
    error_code: str
    node_results: list
    digest: str

    @classmethod
    def of(cls, values):
        """Return the completion in a validated body."""
        result = values.get("result")
        return cls(
            status=values["status"],
            started_at=values["started_at"],
            completed_at=values["completed_at"],
            duration_ms=values["duration_ms"],
            result=result,
            error_message=values.get("error_message") or "",
            error_code=values.get("error_code") or "",
            node_results=outcomes(result or {}),
            digest=digest(values),
        )


def digest(values):
    """Return a SHA-256 of the published values.

    It does not include the runner: the same result is the same completion, whichever
    process sends it.
    """
    # A digest, because the stored result cannot be compared: its secrets are masked.
    derived = {"node_results", "digest"}
    sent = {name: values.get(name) for name in set(Completion._fields) - derived}
    canonical = json.dumps(sent, sort_keys=True, default=datetime.isoformat)
    return hashlib.sha256(canonical.encode()).hexdigest()


def outcomes(result):
    """Return the `NodeOutcome`s of a result by their start; unknown starts come last."""
    nodes = (result.get("execution_results") or {}).items()
    unsorted = [NodeOutcome.of(node_id, node) for node_id, node in nodes]
    return sorted(unsorted, key=lambda outcome: outcome.started_at or LATEST)


def subtract(when, duration_ms):
    """Return the time so many milliseconds before, or None if either is unknown."""
    if when is None or duration_ms is None:
        return None
    try:
        return when - timedelta(milliseconds=duration_ms)
    except OverflowError:
        return None


def parse_time(text):
    """Parse a time of the runner; UTC if it names no zone, None if it is invalid."""
    try:
        when = datetime.fromisoformat(text)
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        # OverflowError: in UTC, the year would be 0 or 10000.
        return None


def parse_duration(number):
    """Return the milliseconds if the column can hold them, else None."""
    # JSON true is an int in Python.
    is_number = isinstance(number, int) and not isinstance(number, bool)
    return number if is_number and 0 <= number <= MAX_DURATION_MS else None
