"""`webhooks requests`."""

import asyncio
from typing import Any

import click

from echopoint.cli.api_requests import fetch, items_of
from echopoint.cli.options import PathId, global_options, page_options, settings_of
from echopoint.cli.output import emit, map_texts
from echopoint.cli.retries import Repeat
from echopoint.cli.tables import list_table
from echopoint.flow_language.words import HTTP_METHODS

SHOWN_BODY = 80  # characters


@click.group()
@global_options
def webhooks() -> None:
    """Read webhooks."""


@webhooks.command()
@click.argument("webhook_id", type=PathId())
@page_options
@click.option(
    "--search", metavar="TEXT", help="Show only requests that contain this text."
)
@click.option(
    "--method",
    "methods",
    type=click.Choice(HTTP_METHODS, case_sensitive=False),
    multiple=True,
    help="Show only requests with this method; may be repeated.",
)
@global_options
@click.pass_context
def requests(
    context: click.Context,
    webhook_id: str,
    limit: int,
    offset: int,
    search: str | None,
    methods: tuple[str, ...],
) -> None:
    """List the requests that a webhook captured."""
    settings = settings_of(context)
    body: dict[str, Any] = {"pagination": {"limit": limit, "offset": offset}}
    if search:
        body["full_text_search"] = search
    if methods:
        body["filter"] = {"methods": list(methods)}
    path = f"/webhooks/{webhook_id}/requests/search"
    response = asyncio.run(
        fetch(settings, "POST", path, json=body, repeat=Repeat.READS)
    )
    columns = ["RECEIVED", "METHOD", "FROM", "CONTENT TYPE", "BODY"]
    # Scrub before the bodies are cut: a part of a key is not recognized as a key.
    items = map_texts(items_of(response.document), settings.scrub)
    emit(response.document, list_table(columns, map(table_row, items)), settings)


def table_row(captured: dict[str, Any]) -> tuple[Any, ...]:
    names = ("received_at", "method", "ip_address", "content_type")
    return (
        *(captured.get(name) for name in names),
        str(captured.get("body_decoded") or captured.get("body") or "")[:SHOWN_BODY],
    )
