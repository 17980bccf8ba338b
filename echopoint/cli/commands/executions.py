"""`executions list`, `executions get` and `executions cancel`."""

import asyncio
from typing import Any

import click

from echopoint.cli.exceptions import UnexpectedAnswer
from echopoint.cli.fetching import fetch, items_of
from echopoint.cli.options import PathId, global_options, page_options, settings_of
from echopoint.cli.tables import facts_of, table_of
from echopoint.cli.terminal import emit

STATUSES = ["pending", "running", "completed", "failed", "cancelled"]


@click.group()
@global_options
def executions() -> None:
    """List, read and cancel executions of flows."""


@executions.command("list")
@click.option("--flow", "flow_id", type=PathId(), help="Only those of this flow.")
@click.option(
    "--status", type=click.Choice(STATUSES), help="Only those with this status."
)
@page_options
@global_options
@click.pass_context
def list_executions(
    context: click.Context,
    flow_id: str | None,
    status: str | None,
    limit: int,
    offset: int,
) -> None:
    """List the executions of the organization."""
    settings = settings_of(context)
    asked = {"flow_id": flow_id, "status": status}
    params = {name: value for name, value in asked.items() if value}
    params |= {"limit": limit, "offset": offset}
    answer = asyncio.run(fetch(settings, "GET", "/executions", params=params))
    columns = ["ID", "FLOW", "STATUS", "STARTED", "ENDED"]
    rows = table_of(columns, map(row, items_of(answer.document)))
    emit(answer.document, rows, settings)


def row(execution: dict) -> tuple:
    """Return one execution as a line of the table."""
    return (
        execution.get("id"),
        execution.get("flow_name") or execution.get("flow_id"),
        execution.get("status"),
        execution.get("started_at"),
        execution.get("completed_at"),
    )


@executions.command("get")
@click.argument("execution_id", type=PathId())
@global_options
@click.pass_context
def get_execution(context: click.Context, execution_id: str) -> None:
    """Show one execution."""
    show(context, "GET", f"/executions/{execution_id}")


@executions.command("cancel")
@click.argument("execution_id", type=PathId())
@global_options
@click.pass_context
def cancel_execution(context: click.Context, execution_id: str) -> None:
    """Cancel an execution that has not ended.

    What runs it goes on until it publishes, and is refused then.
    """
    show(context, "POST", f"/executions/{execution_id}/cancel")


def show(context: click.Context, method: str, path: str) -> None:
    """Send the request, and show the execution in the answer."""
    settings = settings_of(context)
    execution = asyncio.run(fetch(settings, method, path)).document
    if not isinstance(execution, dict) or "status" not in execution:
        raise UnexpectedAnswer(
            "The answer is not an execution. Check the API's address (--api-url)."
        )
    title = ("ID", execution.get("id"))
    emit(execution, facts_of(title, *facts(execution)), settings)


def facts(execution: dict) -> list[tuple[str, Any]]:
    """Return what a person reads of an execution."""
    names = {
        "Flow": "flow_id",
        "Status": "status",
        "Runner": "runner_type",
        "Environment": "environment_key",
        "Started": "started_at",
        "Deadline": "deadline_at",
        "Ended": "completed_at",
        "Error": "error_message",
        "Code": "error_code",
    }
    found = [(label, execution.get(name)) for label, name in names.items()]
    return [(label, value) for label, value in found if value]
