"""The output of an external runner: an exit code, and a result document on stdout."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from echopoint.cli.engine.recorder import storable
from echopoint.cli.exceptions import UnexpectedResponse
from echopoint.cli.flow_runs.cancellation import Cancellation
from echopoint.cli.flow_runs.contradiction import without_contradiction
from echopoint.cli.flow_runs.outcome import nodes_of_result
from echopoint.cli.flow_runs.runner_output_masking import RunnerOutputMask

LONGEST_RUN = 10**12  # milliseconds, as the API takes them
CODES = {0: "completed", 1: "failed"}
BAD_PACKAGE = 3


@dataclass(frozen=True, repr=False)
class RunnerOutput:
    """The exit code and stdout of a runner, with the package that it ran."""

    code: int
    output: bytes
    package: dict[str, Any]
    mask: RunnerOutputMask

    def read_after(self, cancellation: Cancellation) -> dict[str, Any] | None:
        """Return the result, or None if a cancelled runner wrote no valid one."""
        try:
            return self.read()
        except UnexpectedResponse:
            if cancellation.reason:
                return None
            raise

    def read(self) -> dict[str, Any]:
        """Return the result document, masked, or raise `UnexpectedResponse`.

        A completed result with a failed node is returned as failed.
        """
        self.check_code()
        document = parse_json(self.output)
        if problem := problem_of(document, CODES[self.code]):
            raise UnexpectedResponse(
                f"The runner's result is invalid: {problem}. Use a runner version that"
                " supports this API."
            )
        # Mask first: `storable` changes characters, and a changed secret is not found.
        document = cast("dict[str, Any]", storable(self.mask.document(document)))
        nodes = nodes_of_result(document.get("result"))
        return without_contradiction(document, nodes, self.package["flow_definition"])

    def check_code(self) -> None:
        if self.code == BAD_PACKAGE:
            raise UnexpectedResponse(
                "The runner refused the package (exit code 3). See its output above. A"
                " newer runner may support the nodes of this flow."
            )
        if self.code not in CODES:
            raise UnexpectedResponse(
                f"The runner ended with exit code {self.code}; expected 0, 1 or 3. See its"
                " output above."
            )


def parse_json(output: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return json.loads(output, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None


def problem_of(document: Any, status: str) -> str:
    """Return the first problem of a result document, or an empty string."""
    if not isinstance(document, dict):
        return "it is not one JSON object"
    if document.get("status") != status:
        return f"its status is not {status}, which the exit code stands for"
    if not all(is_timestamp(document.get(n)) for n in ("started_at", "completed_at")):
        return "started_at or completed_at is not a time"
    duration = document.get("duration_ms")
    if type(duration) is not int or not 0 <= duration <= LONGEST_RUN:
        return "duration_ms is not a number of milliseconds"
    texts = [document.get("error_message"), document.get("error_code")]
    if not all(text is None or isinstance(text, str) for text in texts):
        return "error_message or error_code is not text"
    return problem_of_result(document.get("result"), status)


def problem_of_result(result: Any, status: str) -> str:
    if result is None:
        return ""
    nodes = result.get("execution_results") if isinstance(result, dict) else None
    if not isinstance(nodes, dict) or not all(
        isinstance(node, dict) for node in nodes.values()
    ):
        return "result.execution_results is not an object of nodes"
    if result.get("success", status == "completed") != (status == "completed"):
        return "result.success contradicts the status"
    return ""


def is_timestamp(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False
