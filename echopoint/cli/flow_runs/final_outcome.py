"""How a flow ended, where the run here and the record of the API differ."""

from dataclasses import replace

from echopoint.cli.exceptions import ERROR, ApiError, CommandError
from echopoint.cli.flow_runs.launch import Launched
from echopoint.cli.flow_runs.outcome import Outcome

ABANDONED = "EXECUTION_ABANDONED"


def end_of(launched: Launched) -> str:
    """Return how an execution ended that did not end with the result from here."""
    code = launched.execution.get("error_code")
    if launched.execution["status"] == "cancelled":
        return f"execution {launched.id} was cancelled meanwhile"
    if code == ABANDONED:
        return f"execution {launched.id} was past its deadline"
    return f"another process has published the result of execution {launched.id}"


def worst(here: Outcome, on_record: Outcome, ended: str) -> Outcome:
    """Return the outcome on record, unless the run here ended worse: that never passes."""
    if here.exit_code <= on_record.exit_code:
        return on_record
    why = here.error_message or "A node failed."
    message = f"It failed here: {why} On record is {on_record.status}: {ended}."
    return replace(here, error_message=message)


def unpublished(outcome: Outcome, error: CommandError) -> Outcome:
    """Return the outcome of what ran here and is not known to the API."""
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
