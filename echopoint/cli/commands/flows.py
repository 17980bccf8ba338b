"""`flows list` and `flows get`."""

import asyncio
from typing import Any

import click

from echopoint.cli.api_requests import fetch, fetch_list, items_of
from echopoint.cli.commands.run_flows import run_flows_command
from echopoint.cli.exceptions import UnexpectedResponse
from echopoint.cli.options import PathId, global_options, settings_of
from echopoint.cli.output import emit
from echopoint.cli.settings import Settings
from echopoint.cli.tables import details_table, list_table


@click.group()
@global_options
def flows() -> None:
    """List, read and run flows."""


flows.add_command(run_flows_command)


@flows.command("list")
@click.option(
    "--limit",
    type=click.IntRange(1, 100),
    help="How many to show; all without --limit and --offset.",
)
@click.option("--offset", type=click.IntRange(0), help="How many to skip.")
@global_options
@click.pass_context
def list_flows(context: click.Context, limit: int | None, offset: int | None) -> None:
    """List the flows of the organization."""
    settings = settings_of(context)
    document = asyncio.run(fetch_flows(settings, limit, offset))
    columns = ["ID", "NAME", "VERSION", "TAGS", "UPDATED"]
    emit(document, list_table(columns, map(table_row, items_of(document))), settings)


async def fetch_flows(settings: Settings, limit: int | None, offset: int | None) -> Any:
    if limit is None and offset is None:
        return await fetch_list(settings, "/flows")
    params = {"limit": limit or 100, "offset": offset or 0}
    return (await fetch(settings, "GET", "/flows", params=params)).document


def table_row(flow: dict[str, Any]) -> tuple[Any, ...]:
    return (
        flow.get("id"),
        flow.get("name"),
        flow.get("version"),
        ", ".join(map(str, flow.get("tags") or [])),
        flow.get("updated_at"),
    )


@flows.command("get")
@click.argument("flow_id", type=PathId())
@global_options
@click.pass_context
def get_flow(context: click.Context, flow_id: str) -> None:
    """Show one flow. Its definition is in the JSON and YAML output."""
    settings = settings_of(context)
    flow = asyncio.run(fetch(settings, "GET", f"/flows/{flow_id}")).document
    if not isinstance(flow, dict):
        raise UnexpectedResponse(
            "The response is not a flow. Check the API URL (--api-url)."
        )
    emit(flow, details_table(("ID", flow.get("id")), *details(flow)), settings)


def details(flow: dict[str, Any]) -> list[tuple[str, Any]]:
    definition = flow.get("flow_definition")
    nodes = definition.get("nodes") if isinstance(definition, dict) else None
    known = [n for n in nodes or [] if isinstance(n, dict)]
    return [
        ("Name", flow.get("name")),
        ("Description", flow.get("description")),
        ("Version", flow.get("version")),
        ("Tags", ", ".join(map(str, flow.get("tags") or []))),
        ("Updated", flow.get("updated_at")),
        *(
            (
                "Node",
                f"{node.get('display_name') or node.get('id')} ({node.get('type')})",
            )
            for node in known
        ),
    ]
