"""`flows list` and `flows get`; `flows run` has a module of its own."""

import asyncio
from typing import Any

import click

from echopoint.cli.commands.run_flows import run_flows
from echopoint.cli.exceptions import UnexpectedAnswer
from echopoint.cli.fetching import fetch, fetch_all, items_of
from echopoint.cli.options import PathId, global_options, settings_of
from echopoint.cli.settings import Settings
from echopoint.cli.tables import facts_of, table_of
from echopoint.cli.terminal import emit


@click.group()
@global_options
def flows() -> None:
    """List, read and run flows."""


flows.add_command(run_flows)


@flows.command("list")
@click.option(
    "--limit", type=click.IntRange(1, 100), help="How many; all if neither is given."
)
@click.option("--offset", type=click.IntRange(0), help="How many to leave out first.")
@global_options
@click.pass_context
def list_flows(context: click.Context, limit: int | None, offset: int | None) -> None:
    """List the flows of the organization."""
    settings = settings_of(context)
    document = asyncio.run(flows_of(settings, limit, offset))
    columns = ["ID", "NAME", "VERSION", "TAGS", "UPDATED"]
    emit(document, table_of(columns, map(row, items_of(document))), settings)


async def flows_of(settings: Settings, limit: int | None, offset: int | None) -> dict:
    if limit is None and offset is None:
        return await fetch_all(settings, "/flows")
    params = {"limit": limit or 100, "offset": offset or 0}
    return (await fetch(settings, "GET", "/flows", params=params)).document


def row(flow: dict) -> tuple:
    """Return one flow as a line of the table."""
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
        raise UnexpectedAnswer(
            "The answer is not a flow. Check the API's address (--api-url)."
        )
    emit(flow, facts_of(("ID", flow.get("id")), *facts(flow)), settings)


def facts(flow: dict) -> list[tuple[str, Any]]:
    """Return what a person reads of a flow."""
    definition = flow.get("flow_definition")
    nodes = definition.get("nodes") if isinstance(definition, dict) else None
    named = [n for n in nodes or [] if isinstance(n, dict)]
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
            for node in named
        ),
    ]
