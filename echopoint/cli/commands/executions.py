"""`executions list`, `executions get` and `executions cancel`."""

import asyncio
from typing import Any

import click

from echopoint.cli.api_requests import fetch, items_of
from echopoint.cli.exceptions import UnexpectedResponse
from echopoint.cli.options import PathId, global_options, page_options, settings_of
from echopoint.cli.output import emit
from echopoint.cli.tables import details_table, list_table

STATUSES = ["pending", "running", "completed", "failed", "cancelled"]


@click.group()
@global_options
def executions() -> None:
    """List, read and cancel executions of flows."""


@executions.command("list")
@click.option(
    "--flow", "flow_id", type=PathId(), help="Show only executions of this flow."
)
@click.option(
    "--status",
    type=click.Choice(STATUSES),
    help="Show only executions with this status.",
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
    filters = {"flow_id": flow_id, "status": status}
    params: dict[str, Any] = {name: value for name, value in filters.items() if value}
    params |= {"limit": limit, "offset": offset}
    response = asyncio.run(fetch(settings, "GET", "/executions", params=params))
    columns = ["ID", "FLOW", "STATUS", "STARTED", "ENDED"]
    rows = list_table(columns, map(table_row, items_of(response.document)))
    emit(response.document, rows, settings)


def table_row(execution: dict[str, Any]) -> tuple[Any, ...]:
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

    A runner that is running it continues, but its result is refused.
    """
    show(context, "POST", f"/executions/{execution_id}/cancel")


def show(context: click.Context, method: str, path: str) -> None:
    """Send the request, and write the execution in the response."""
    settings = settings_of(context)
    execution = asyncio.run(fetch(settings, method, path)).document
    if not isinstance(execution, dict) or "status" not in execution:
        raise UnexpectedResponse(
            "The response is not an execution. Check the API URL (--api-url)."
        )
    title = ("ID", execution.get("id"))
    emit(execution, details_table(title, *details(execution)), settings)


def details(execution: dict[str, Any]) -> list[tuple[str, Any]]:
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
    values = [(label, execution.get(name)) for label, name in names.items()]
    return [(label, value) for label, value in values if value]
