"""The outcome of a flow, and the JSON document of the results."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from echopoint.cli.exceptions import CANCELLED, ERROR, FAILED, TIMED_OUT
from echopoint.cli.output import map_texts
from echopoint.cli.settings import Settings
from echopoint.flow_language.results import status_of

STATUSES = {
    0: "completed",
    FAILED: "failed",
    CANCELLED: "cancelled",
    ERROR: "error",
    TIMED_OUT: "error",
}
# By the error code that was published for a flow that did not run to its end.
EXIT_CODES = {
    "CANCELLED": CANCELLED,
    "EXECUTION_ABANDONED": ERROR,
    "QUEUE_TIMEOUT": ERROR,
    "FLOW_VALIDATION_FAILED": ERROR,
    "RUNNER_FAILED": ERROR,
    "TIMEOUT": TIMED_OUT,
}


@dataclass(frozen=True)
class Outcome:
    """The outcome of one flow. `duration_ms` is None if it is unknown."""

    flow_id: str
    exit_code: int
    execution_id: str | None = None
    name: str = ""
    duration_ms: int | None = None
    error_message: str | None = None
    nodes: list[dict[str, Any]] = field(default_factory=list)
    # Whether an earlier launch created the execution, and its age in seconds.
    replayed: bool = False
    age_seconds: int | None = None
    started_at: str | None = None

    @property
    def replay_note(self) -> str:
        """Return "an earlier execution, 90 s old", or "" if it is not a replay."""
        if not self.replayed:
            return ""
        old = "" if self.age_seconds is None else f", {self.age_seconds} s old"
        return f"an earlier execution{old}"

    def scrubbed(self, settings: Settings) -> "Outcome":
        """Return the outcome without API keys in its nodes.

        Call this before a value is cut: a part of a key is not recognized as a key.
        """
        return replace(self, nodes=map_texts(self.nodes, settings.scrub))

    @property
    def status(self) -> str:
        return STATUSES[self.exit_code]

    def document(self) -> dict[str, Any]:
        return {
            "execution_id": self.execution_id,
            "flow_id": self.flow_id,
            "status": self.status,
            "success": self.exit_code == 0,
            "exit_code": self.exit_code,
            "duration_ms": self.duration_ms,
            "error_message": self.error_message,
            "replayed": self.replayed,
            "execution_age_seconds": self.age_seconds,
            "nodes": self.nodes,
        }


def exit_code_of(outcomes: Iterable[Outcome]) -> int:
    """Return the highest exit code, which is the worst."""
    return max(outcome.exit_code for outcome in outcomes)


def results_document(outcomes: list[Outcome], duration_ms: int) -> dict[str, Any]:
    """Return the document of the only flow, or one with the results of all flows."""
    if len(outcomes) == 1:
        return outcomes[0].document()
    code = exit_code_of(outcomes)
    return {
        "status": STATUSES[code],
        "success": code == 0,
        "exit_code": code,
        "duration_ms": duration_ms,
        "results": [outcome.document() for outcome in outcomes],
    }


def nodes_of_result(result: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the nodes of a runner's result, in the order of its records."""
    records = (result or {}).get("execution_results") or {}
    return [
        node_summary(status_of(record), record, record) for record in records.values()
    ]


def nodes_of_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the nodes of an execution from rows of the API."""
    return [
        node_summary(row.get("status"), row, row.get("result") or {}) for row in rows
    ]


def node_summary(
    status: Any, row: dict[str, Any], result: dict[str, Any]
) -> dict[str, Any]:
    """Return one node of the results document, with the reason if it did not pass."""
    shown = {
        "node_id": row.get("node_id"),
        "display_name": row.get("display_name"),
        "node_type": row.get("node_type"),
        "status": status,
        "duration_ms": row.get("duration_ms"),
        "error_message": row.get("error_message"),
    }
    if missing := texts_of(result.get("missing_inputs")):
        shown["missing_inputs"] = missing
    if status == "failed":
        shown["error_code"] = result.get("error_code")
        assertions = result.get("assertion_results")
        if assertions and isinstance(assertions, list):
            shown["assertions"] = assertions
    if status == "skipped":
        shown["skip_reason"] = result.get("skip_reason")
    return shown


def texts_of(value: Any) -> list[str]:
    """Return the non-empty strings of a runner's value, which may be anything."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str) and item]


def unresolved_message(missing: list[str]) -> str:
    """Return the warning for templates without a value."""
    names = ", ".join(f"{{{{{name}}}}}" for name in missing)
    return f"no value for {names}; the text was sent unchanged"


def milliseconds(started: Any, completed: Any) -> int | None:
    """Return the time between two timestamps, or None if either is missing or invalid."""
    try:
        span = datetime.fromisoformat(completed) - datetime.fromisoformat(started)
    except (TypeError, ValueError):
        return None
    return round(span.total_seconds() * 1000)
