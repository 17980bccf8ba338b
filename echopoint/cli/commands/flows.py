"""`flows list`, `flows get` and `flows run`."""

import asyncio
import time
from typing import Any

import click

from echopoint.cli.errors import UnexpectedAnswer
from echopoint.cli.fetching import fetch, fetch_all, items_of
from echopoint.cli.options import Duration, PathId, global_options, settings_of
from echopoint.cli.settings import Settings
from echopoint.cli.terminal import emit, table_of


@click.group()
@global_options
def flows() -> None:
    """List, read and run flows."""


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
    emit(flow, table_of(["ID", str(flow.get("id"))], facts(flow)), settings)


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


@flows.command("run")
@click.argument("flow_ids", metavar="[FLOW_ID]...", nargs=-1, type=PathId())
@click.option(
    "--tag",
    "tags",
    metavar="TAG",
    multiple=True,
    help="Run the flows that have it; may be repeated.",
)
@click.option(
    "--match-mode",
    type=click.Choice(["any", "all"]),
    default="any",
    show_default=True,
    help="Whether a flow needs any of the tags or all of them.",
)
@click.option(
    "--environment", metavar="KEY", help="The environment whose variables count."
)
@click.option("--version-id", metavar="ID", help="The version of the flow to run.")
@click.option(
    "--idempotency-key",
    metavar="KEY",
    envvar="ECHOPOINT_IDEMPOTENCY_KEY",
    help="Launch once per key: a second launch answers from the first"
    " (ECHOPOINT_IDEMPOTENCY_KEY; in GitHub Actions, the attempt of the job).",
)
@click.option(
    "--poll-timeout",
    type=Duration(),
    default="30m",
    show_default=True,
    help="How long each flow may take, as 30m, 90s or 1h30m.",
)
@click.option(
    "--cleanup-timeout",
    type=Duration(zero=True),
    default="30s",
    show_default=True,
    help="How long nodes that always run may take after the run is cancelled or out of"
    " time.",
)
@click.option(
    "--parallel",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many flows run at a time.",
)
@click.option(
    "--runner-binary",
    metavar="PATH",
    type=click.Path(exists=True, dir_okay=False, executable=True, resolve_path=True),
    help="Hand the flows to this runner instead of running them here.",
)
@click.option(
    "--strict-variables",
    is_flag=True,
    help="Let a node fail that has a template for which nothing is known; without it the"
    " template is used as it is written, with a warning.",
)
@click.option("--verbose", is_flag=True, help="Tell of nodes that start, too.")
@global_options
@click.pass_context
def run_flows(
    context: click.Context,
    flow_ids: tuple[str, ...],
    tags: tuple[str, ...],
    match_mode: str,
    **order: Any,
) -> int:
    """Run flows on this machine, by id or by tag, and publish their results."""
    if bool(flow_ids) == bool(tags):
        raise click.UsageError(
            "Name flows by id or by --tag, one of the two.", ctx=context
        )
    if order["strict_variables"] and order["runner_binary"]:
        raise click.UsageError(
            "--strict-variables is for flows that run here, not for a --runner-binary.",
            ctx=context,
        )
    settings = settings_of(context)
    started = time.monotonic()
    try:
        outcomes = asyncio.run(run(settings, flow_ids, tags, match_mode, order))
    except asyncio.CancelledError:
        raise click.Abort from None
    # What shows results is loaded only now: --help does not need it.
    from echopoint.cli.execution.outcome import documents, exit_code_of
    from echopoint.cli.execution.summary import summary

    elapsed_ms = round((time.monotonic() - started) * 1000)
    emit(documents(outcomes, elapsed_ms), summary(outcomes), settings)
    return exit_code_of(outcomes)


async def run(
    settings: Settings,
    flow_ids: tuple[str, ...],
    tags: tuple[str, ...],
    match_mode: str,
    options: dict,
) -> list:
    """Select the flows and return their outcomes."""
    from echopoint.cli.client import Client
    from echopoint.cli.execution.all import execute
    from echopoint.cli.execution.order import Order
    from echopoint.cli.execution.selection import distinct, tagged

    order = Order(time_limit=options.pop("poll_timeout"), **options)
    async with Client(settings) as client:
        if tags:
            ids = await tagged(client, tags, match_mode)
        else:
            ids = distinct(flow_ids)
        order.check(ids)
        return await execute(client, order, ids)
