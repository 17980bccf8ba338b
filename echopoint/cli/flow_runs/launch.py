"""A launched execution: what to run, or how it ended if it has."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from echopoint.cli.client import Client
from echopoint.cli.exceptions import CANCELLED, ApiError, CommandError, UnexpectedAnswer
from echopoint.cli.flow_runs.contradiction import failed_in, words_for
from echopoint.cli.flow_runs.outcome import (
    EXIT_CODES,
    FAILED,
    Outcome,
    milliseconds,
    nodes_of_record,
)
from echopoint.cli.flow_runs.run_options import Order
from echopoint.cli.retries import Repeat
from echopoint.cli.settings import PATH_ID
from echopoint.cli.terminal import say
from echopoint.masking.mask import MASK

TERMINAL = {"completed", "failed", "cancelled"}


@dataclass(frozen=True)
class Launched:
    """The execution as its launcher gets it, resolved inputs included.

    No repr shows it, as it holds the values of secrets.
    """

    flow_id: str
    execution: dict = field(repr=False)
    replayed: bool = False

    @property
    def id(self) -> str:
        return self.execution["id"]

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
        """Return the values that nothing may show."""
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


async def launch(client: Client, order: Order, flow_id: str, key: str) -> Launched:
    """Launch a flow, once however often it is sent; raises `CommandError`."""
    answer = await client.post(
        f"/flows/{flow_id}/launch",
        order.body(),
        repeat=Repeat.ONCE,
        headers={
            "Idempotency-Key": key,
            # After that time the execution reads failed, if no result comes.
            "X-Execution-Timeout": str(order.timeout_seconds),
        },
    )
    execution = (
        answer.document.get("execution") if isinstance(answer.document, dict) else None
    )
    check(execution)
    replayed = answer.headers.get("Idempotent-Replayed", "").lower() == "true"
    return Launched(flow_id, execution, replayed)


def check(execution: Any) -> None:
    """Raise `UnexpectedAnswer` for what is no execution that can be run."""
    wanted = {
        "id": str,
        "status": str,
        "flow_snapshot": dict,
        "runner_inputs": dict,
        "referenced_flows": dict,
    }
    execution = execution if isinstance(execution, dict) else {}
    wrong = [n for n, kind in wanted.items() if not isinstance(execution.get(n), kind)]
    if "id" not in wrong and not PATH_ID.fullmatch(execution["id"]):
        wrong.append("an id that can be one")
    if wrong:
        raise UnexpectedAnswer(
            f"The launched execution came without {', '.join(wrong)}. Something other"
            " than the API may have answered: check the address."
        )


async def recorded(
    client: Client, launched: Launched, *, replayed: bool = True
) -> Outcome:
    """Return the outcome of an execution that was over when it was asked for.

    `replayed` says whether an earlier launch had made it.
    """
    execution = launched.execution
    started_at = execution.get("execution_started_at") or execution.get("started_at")
    outcome = Outcome(
        flow_id=launched.flow_id,
        exit_code=recorded_code(execution),
        execution_id=launched.id,
        name=launched.name,
        started_at=started_at,
        duration_ms=milliseconds(started_at, execution.get("completed_at")),
        error_message=execution.get("error_message"),
        replayed=replayed,
        age_seconds=age_of(execution) if replayed else None,
        nodes=await recorded_nodes(client, launched),
    )
    failed = failed_in(outcome.nodes, execution["flow_snapshot"])
    if outcome.exit_code or not failed:
        return outcome
    return replace(outcome, exit_code=FAILED, error_message=words_for(failed))


def age_of(execution: dict) -> int | None:
    """Return how many seconds ago the execution was launched."""
    try:
        launched_at = datetime.fromisoformat(execution["created_at"])
        return max(0, round((datetime.now(UTC) - launched_at).total_seconds()))
    except (KeyError, TypeError, ValueError):
        return None


def recorded_code(execution: dict) -> int:
    if execution["status"] == "completed":
        return 0
    if execution["status"] == "cancelled":
        return CANCELLED
    return EXIT_CODES.get(execution.get("error_code"), FAILED)


async def recorded_nodes(client: Client, launched: Launched) -> list[dict]:
    """Return the execution's nodes; none, with a note, for a key that may not read."""
    path = f"/flows/{launched.flow_id}/executions/{launched.id}/nodes"
    try:
        rows = (await client.get(path)).document
    except CommandError as error:
        why = "the key lacks flows:read" if is_denied(error) else error.message
        say(
            f"{launched.name}: its nodes are not shown: {why}.",
            settings=client.settings,
        )
        return []
    rows = rows if isinstance(rows, list) else []
    return nodes_of_record([row for row in rows if isinstance(row, dict)])


def is_denied(error: CommandError) -> bool:
    return isinstance(error, ApiError) and error.status == 403
