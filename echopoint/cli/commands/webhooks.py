"""`webhooks requests`: what was sent to a webhook."""

import asyncio

import click

from echopoint.cli.fetching import fetch, items_of
from echopoint.cli.options import PathId, global_options, page_options, settings_of
from echopoint.cli.retries import Repeat
from echopoint.cli.tables import table_of
from echopoint.cli.terminal import emit, mapped
from echopoint.flow_language.words import HTTP_METHODS

SHOWN_BODY = 80


@click.group()
@global_options
def webhooks() -> None:
    """Read webhooks."""


@webhooks.command()
@click.argument("webhook_id", type=PathId())
@page_options
@click.option("--search", metavar="TEXT", help="Only those that hold this text.")
@click.option(
    "--method",
    "methods",
    type=click.Choice(HTTP_METHODS, case_sensitive=False),
    multiple=True,
    help="Only those of this method; may be repeated.",
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
    body = {"pagination": {"limit": limit, "offset": offset}}
    if search:
        body["full_text_search"] = search
    if methods:
        body["filter"] = {"methods": list(methods)}
    path = f"/webhooks/{webhook_id}/requests/search"
    answer = asyncio.run(fetch(settings, "POST", path, json=body, repeat=Repeat.READS))
    columns = ["RECEIVED", "METHOD", "FROM", "CONTENT TYPE", "BODY"]
    # Before the bodies are cut: a part of a key is not recognized as a key.
    items = mapped(items_of(answer.document), settings.scrub)
    emit(answer.document, table_of(columns, map(row, items)), settings)


def row(captured: dict) -> tuple:
    """Return one captured request as a line of the table."""
    names = ("received_at", "method", "ip_address", "content_type")
    return (
        *(captured.get(name) for name in names),
        str(captured.get("body_decoded") or captured.get("body") or "")[:SHOWN_BODY],
    )
