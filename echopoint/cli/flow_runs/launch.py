"""Launching a flow, and reading the outcome of an execution that has ended."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from echopoint.cli.api_client import ApiClient
from echopoint.cli.exceptions import (
    CANCELLED,
    FAILED,
    ApiError,
    CommandError,
    UnexpectedResponse,
)
from echopoint.cli.flow_runs.contradiction import (
    contradiction_message,
    first_failed_node,
)
from echopoint.cli.flow_runs.outcome import (
    EXIT_CODES,
    Outcome,
    milliseconds,
    nodes_of_rows,
)
from echopoint.cli.flow_runs.run_options import RunOptions
from echopoint.cli.output import write_stderr
from echopoint.cli.retries import Repeat
from echopoint.cli.settings import PATH_ID
from echopoint.masking.mask import MASK

TERMINAL = {"completed", "failed", "cancelled"}


@dataclass(frozen=True)
class LaunchedExecution:
    """An execution as the API returns it to its launcher, with all input values.

    It holds secrets, so its repr does not show the execution.
    """

    flow_id: str
    execution: dict[str, Any] = field(repr=False)
    replayed: bool = False

    @property
    def id(self) -> str:
        return str(self.execution["id"])

    @property
    def name(self) -> str:
        return str(self.execution["flow_snapshot"].get("name") or self.flow_id)

    @property
    def is_over(self) -> bool:
        return self.execution["status"] in TERMINAL

    @property
    def secret_keys(self) -> list[str]:
        keys = self.execution.get("secret_input_keys")
        return [key for key in keys or [] if isinstance(key, str)]

    @property
    def secrets(self) -> list[Any]:
        """Return the secret input values, which must not be shown."""
        inputs = self.execution["runner_inputs"]
        return [inputs[key] for key in self.secret_keys if key in inputs]

    @property
    def masked_keys(self) -> list[str]:
        """Return the names of secret inputs whose values the API did not send."""
        named = self.execution.get("secret_input_keys")
        return [
            key
            for key, value in self.execution["runner_inputs"].items()
            if value == MASK and (named is None or key in named)
        ]

    def package(self) -> dict[str, Any]:
        """Return the input of a runner, before any replacement."""
        keys = [*self.secret_keys, *self.masked_keys]
        return {
            "execution_id": self.id,
            "flow_id": self.flow_id,
            "flow_definition": self.execution["flow_snapshot"],
            "inputs": self.execution["runner_inputs"],
            "referenced_flows": self.execution["referenced_flows"],
            "secret_input_keys": list(dict.fromkeys(keys)),
        }

    def require_secrets(self, replaced: Iterable[str]) -> None:
        """Raise `CommandError` if a masked input has no replacement."""
        if missing := sorted(set(self.masked_keys) - set(replaced)):
            raise CommandError(
                f"The secret inputs {', '.join(missing)} came masked: the API sends them"
                " only to the key that launched the execution. Use another idempotency"
                " key."
            )


async def launch(
    client: ApiClient, options: RunOptions, flow_id: str, key: str
) -> LaunchedExecution:
    """Launch a flow. The idempotency key makes repetitions safe. Raises `CommandError`."""
    response = await client.post(
        f"/flows/{flow_id}/launch",
        options.body(),
        repeat=Repeat.ONCE,
        headers={
            "Idempotency-Key": key,
            # Without a result by then, the API marks the execution as failed.
            "X-Execution-Timeout": str(options.timeout_seconds),
        },
    )
    execution = required_execution(response.document)
    replayed = response.headers.get("Idempotent-Replayed", "").lower() == "true"
    return LaunchedExecution(flow_id, execution, replayed)


def required_execution(document: Any) -> dict[str, Any]:
    """Return the execution of a launch, or raise `UnexpectedResponse`."""
    required = {
        "id": str,
        "status": str,
        "flow_snapshot": dict,
        "runner_inputs": dict,
        "referenced_flows": dict,
    }
    execution = document.get("execution") if isinstance(document, dict) else None
    fields = execution if isinstance(execution, dict) else {}
    missing = [n for n, kind in required.items() if not isinstance(fields.get(n), kind)]
    if "id" not in missing and not PATH_ID.fullmatch(fields["id"]):
        missing.append("a valid id")
    if missing:
        raise UnexpectedResponse(
            f"The launch response is missing: {', '.join(missing)}. Check the API URL"
            " (--api-url): something else may have answered."
        )
    return fields


async def stored_outcome(
    client: ApiClient, launched: LaunchedExecution, *, replayed: bool = True
) -> Outcome:
    """Return the outcome of an execution that has ended.

    `replayed` is True if an earlier launch created the execution.
    """
    execution = launched.execution
    started_at = execution.get("execution_started_at") or execution.get("started_at")
    outcome = Outcome(
        flow_id=launched.flow_id,
        exit_code=stored_exit_code(execution),
        execution_id=launched.id,
        name=launched.name,
        started_at=started_at,
        duration_ms=milliseconds(started_at, execution.get("completed_at")),
        error_message=execution.get("error_message"),
        replayed=replayed,
        age_seconds=age_of(execution) if replayed else None,
        nodes=await stored_nodes(client, launched),
    )
    failed = first_failed_node(outcome.nodes, execution["flow_snapshot"])
    if outcome.exit_code or not failed:
        return outcome
    return replace(
        outcome, exit_code=FAILED, error_message=contradiction_message(failed)
    )


def age_of(execution: dict[str, Any]) -> int | None:
    """Return the seconds since the launch, or None if its time is unknown."""
    try:
        launched_at = datetime.fromisoformat(execution["created_at"])
        return max(0, round((datetime.now(UTC) - launched_at).total_seconds()))
    except (KeyError, TypeError, ValueError):
        return None


def stored_exit_code(execution: dict[str, Any]) -> int:
    if execution["status"] == "completed":
        return 0
    if execution["status"] == "cancelled":
        return CANCELLED
    return EXIT_CODES.get(str(execution.get("error_code")), FAILED)


async def stored_nodes(
    client: ApiClient, launched: LaunchedExecution
) -> list[dict[str, Any]]:
    """Return the nodes of the execution. If they cannot be read, warn and return none."""
    path = f"/flows/{launched.flow_id}/executions/{launched.id}/nodes"
    try:
        rows = (await client.get(path)).document
    except CommandError as error:
        why = "the key lacks flows:read" if is_denied(error) else error.message
        write_stderr(
            f"{launched.name}: the nodes are not shown: {why}.",
            settings=client.settings,
        )
        return []
    rows = rows if isinstance(rows, list) else []
    return nodes_of_rows([row for row in rows if isinstance(row, dict)])


def is_denied(error: CommandError) -> bool:
    return isinstance(error, ApiError) and error.status == 403
