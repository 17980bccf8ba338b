"""How the execution of a flow ended, in the form of the command's results."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from echopoint.cli.exceptions import CANCELLED, ERROR, FAILED, TIMED_OUT
from echopoint.cli.settings import Settings
from echopoint.cli.terminal import mapped
from echopoint.flow_language.results import status_of

STATUSES = {
    0: "completed",
    FAILED: "failed",
    CANCELLED: "cancelled",
    ERROR: "error",
    TIMED_OUT: "error",
}
# What was published for a flow that was not run to its end.
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
    """The end of one flow; `duration_ms` is None where nobody measured it."""

    flow_id: str
    exit_code: int
    execution_id: str | None = None
    name: str = ""
    duration_ms: int | None = None
    error_message: str | None = None
    nodes: list[dict] = field(default_factory=list)
    # Whether an earlier launch made the execution, and how many seconds ago.
    replayed: bool = False
    age_seconds: int | None = None
    started_at: str | None = None

    @property
    def replay_note(self) -> str:
        """Return "an earlier execution, 90 s old", or nothing for one of this command."""
        if not self.replayed:
            return ""
        old = "" if self.age_seconds is None else f", {self.age_seconds} s old"
        return f"an earlier execution{old}"

    def scrubbed(self, settings: Settings) -> "Outcome":
        """Return the outcome without API keys in its nodes.

        To be done before a value is cut: a part of a key is not recognized as a key.
        """
        return replace(self, nodes=mapped(self.nodes, settings.scrub))

    @property
    def status(self) -> str:
        return STATUSES[self.exit_code]

    def document(self) -> dict:
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
    """Return the highest code: the worst that happened to any flow."""
    return max(outcome.exit_code for outcome in outcomes)


def documents(outcomes: list[Outcome], duration_ms: int) -> dict:
    """Return the one document: of the flow, or of all when there are several."""
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


def nodes_of_result(result: dict | None) -> list[dict]:
    """Return the nodes of a runner's result, in the order in which they were recorded."""
    recorded = (result or {}).get("execution_results") or {}
    return [node(status_of(r), r, r, r.get("duration_ms")) for r in recorded.values()]


def nodes_of_record(rows: list[dict]) -> list[dict]:
    """Return the nodes that the API keeps of an execution."""
    return [
        node(row.get("status"), row, row.get("result") or {}, row.get("duration_ms"))
        for row in rows
    ]


def node(status: Any, named: dict, result: dict, duration_ms: Any) -> dict:
    """Return one node of the results; if it did not pass, with the reason."""
    shown = {
        "node_id": named.get("node_id"),
        "display_name": named.get("display_name"),
        "node_type": named.get("node_type"),
        "status": status,
        "duration_ms": duration_ms,
        "error_message": named.get("error_message"),
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
    """Return the texts in a list of a runner, which may send anything for it."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str) and item]


def words_of(missing: list[str]) -> str:
    """Return what is said of templates that named nothing."""
    named = ", ".join(f"{{{{{name}}}}}" for name in missing)
    return f"nothing is known as {named}, which was used as it is written"


def milliseconds(started: Any, completed: Any) -> int | None:
    """Return the time between two timestamps of the API, or None without both."""
    try:
        span = datetime.fromisoformat(completed) - datetime.fromisoformat(started)
    except (TypeError, ValueError):
        return None
    return round(span.total_seconds() * 1000)
