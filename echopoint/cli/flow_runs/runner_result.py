"""What an external runner answers: its exit code, and a result on its stdout."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from echopoint.cli.engine.recorder import storable
from echopoint.cli.exceptions import UnexpectedAnswer
from echopoint.cli.flow_runs.cancellation import Stop
from echopoint.cli.flow_runs.contradiction import corrected
from echopoint.cli.flow_runs.outcome import nodes_of_result
from echopoint.cli.flow_runs.runner_output_masking import RunnerOutputMask

LONGEST_RUN = 10**12  # milliseconds, as the API takes them
CODES = {0: "completed", 1: "failed"}
BAD_PACKAGE = 3


@dataclass(frozen=True, repr=False)
class Answer:
    """An exit code and an output, and the package that they are about."""

    code: int
    output: bytes
    package: dict
    mask: RunnerOutputMask

    def read_after(self, stop: Stop) -> dict | None:
        """Return the result; None of a runner that was told to stop and left none."""
        try:
            return self.read()
        except UnexpectedAnswer:
            if stop.reason:
                return None
            raise

    def read(self) -> dict:
        """Return the result document, masked, or raise `UnexpectedAnswer`.

        A completed one with a failed node is returned as failed.
        """
        self.check_code()
        document = parsed(self.output)
        if problem := problem_of(document, CODES[self.code]):
            raise UnexpectedAnswer(
                f"The runner's result is not of the form agreed: {problem}. Use a runner"
                " of this API's version."
            )
        # Clean first: a secret put on one line would not be found any more.
        document = storable(self.mask.document(document))
        nodes = nodes_of_result(document.get("result"))
        return corrected(document, nodes, self.package["flow_definition"])

    def check_code(self) -> None:
        if self.code == BAD_PACKAGE:
            raise UnexpectedAnswer(
                "The runner refused the package (exit code 3). See what it said above;"
                " a newer runner may know this flow's nodes."
            )
        if self.code not in CODES:
            raise UnexpectedAnswer(
                f"The runner ended with exit code {self.code}, which is no runner's: 0, 1"
                " and 3 are. See what it said above."
            )


def parsed(output: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return json.loads(output, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None


def problem_of(document: Any, status: str) -> str:
    """Return what is wrong with a result document, or an empty string."""
    if not isinstance(document, dict):
        return "it is not one JSON object"
    if document.get("status") != status:
        return f"its status is not {status}, as the exit code says"
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
