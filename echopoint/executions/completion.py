"""What a runner publishes of an execution, as a value that can be compared."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from echopoint.flow_language.results import status_of

MAX_AMOUNT = 10**12  # milliseconds; some thirty years
LAST = datetime.max.replace(tzinfo=UTC)


class NodeOutcome(NamedTuple):
    """How one node went, read from the record that the runner made of it."""

    node_id: str
    status: str
    record: dict
    started_at: datetime | None
    completed_at: datetime | None
    duration_ms: int | None

    @classmethod
    def of(cls, node_id, record):
        """Return the outcome that a record tells of.

        `executed_at` is the end of the node; the start is `started_at`, or as long before
        as the node took. Of a delay the public runner tells `delay_ms` alone.
        """
        duration = amount(record.get("duration_ms", record.get("delay_ms")))
        ended = moment(record.get("executed_at"))
        started = moment(record.get("started_at")) or earlier(ended, duration)
        return cls(node_id, status_of(record), record, started, ended, duration)


class Completion(NamedTuple):
    """A published end: the status, the runner's own times, and the result.

    `result` is the runner's JSON object or None, `node_results` what it says of the
    nodes, `digest` the SHA-256 by which the same end is known again.
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
        """Return the completion of a validated body."""
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
    """Return what tells this end from another, whichever runner sends it."""
    derived = {"node_results", "digest"}
    told = {name: values.get(name) for name in set(Completion._fields) - derived}
    canonical = json.dumps(told, sort_keys=True, default=datetime.isoformat)
    return hashlib.sha256(canonical.encode()).hexdigest()


def outcomes(result):
    """Return the `NodeOutcome` of each node in a result, in the order they started in.

    Those whose start is unknown come last, as they came.
    """
    records = (result.get("execution_results") or {}).items()
    found = [NodeOutcome.of(node_id, record) for node_id, record in records]
    return sorted(found, key=lambda one: one.started_at or LAST)


def earlier(when, duration_ms):
    """Return the time so many milliseconds before, or None."""
    if when is None or duration_ms is None:
        return None
    try:
        return when - timedelta(milliseconds=duration_ms)
    except OverflowError:
        return None


def moment(text):
    """Return the time that a runner wrote, in UTC if it named no zone; None if it is none."""
    try:
        when = datetime.fromisoformat(text)
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        # The last is of a time that in UTC is in no year from 1 to 9999.
        return None


def amount(number):
    """Return a whole number that a column can hold, or None."""
    is_number = isinstance(number, int) and not isinstance(number, bool)
    return number if is_number and 0 <= number <= MAX_AMOUNT else None
