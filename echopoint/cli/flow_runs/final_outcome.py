"""The outcome of a flow if this run and the stored execution differ."""

from dataclasses import replace

from echopoint.cli.exceptions import ERROR, ApiError, CommandError
from echopoint.cli.flow_runs.launch import LaunchedExecution
from echopoint.cli.flow_runs.outcome import Outcome

ABANDONED = "EXECUTION_ABANDONED"


def stored_ending(launched: LaunchedExecution) -> str:
    """Return how an execution ended that did not end with the result of this run."""
    code = launched.execution.get("error_code")
    if launched.execution["status"] == "cancelled":
        return f"execution {launched.id} was cancelled during the run"
    if code == ABANDONED:
        return f"execution {launched.id} was past its deadline"
    return f"another process published the result of execution {launched.id}"


def worse_outcome(here: Outcome, stored: Outcome, ending: str) -> Outcome:
    """Return the stored outcome, or that of this run if it is worse.

    A run that failed here never passes.
    """
    if here.exit_code <= stored.exit_code:
        return stored
    why = here.error_message or "A node failed."
    message = f"It failed here: {why} The stored result is {stored.status}: {ending}."
    return replace(here, error_message=message)


def unpublished_outcome(outcome: Outcome, error: CommandError) -> Outcome:
    """Return the outcome of a run whose result the API did not accept."""
    why = "The result was not published"
    if isinstance(error, ApiError) and error.status == 401:
        why = "The API key is no longer accepted, so the result was not published"
    return replace(
        outcome,
        exit_code=max(outcome.exit_code, ERROR),
        error_message=f"{why}: {error.message}",
        replayed=False,
        age_seconds=None,
    )
