"""`permissions` and `whoami`: what a key can be granted, and what this one is."""

import asyncio
from datetime import UTC
from typing import Any

import click

from echopoint.cli.exceptions import UnexpectedAnswer
from echopoint.cli.expiry import expires_at, in_words, left
from echopoint.cli.fetching import fetch, items_of
from echopoint.cli.options import global_options, settings_of
from echopoint.cli.tables import facts_of, table_of
from echopoint.cli.terminal import emit
from echopoint.cli.text import one_line

# The presets that the API itself names, as GET /permissions?type=… lists them.
PRESETS = {
    "ci": {"flows:execute", "flows:read", "runner:complete"},
    "runner": {"runner:claim", "runner:complete"},
}


@click.command()
@click.option(
    "--type",
    "kind",
    type=click.Choice(["custom", "runner", "ci"]),
    default="custom",
    show_default=True,
    help="All that a key can hold, or the preset of a self-hosted runner or a pipeline.",
)
@global_options
@click.pass_context
def permissions(context: click.Context, kind: str) -> None:
    """List the scopes that a key can be granted."""
    settings = settings_of(context)
    answer = asyncio.run(fetch(settings, "GET", "/permissions", params={"type": kind}))
    rows = [(i.get("name"), i.get("description")) for i in items_of(answer.document)]
    emit(answer.document, table_of(["SCOPE", "GRANTS"], rows), settings)


@click.command()
@global_options
@click.pass_context
def whoami(context: click.Context) -> None:
    """Show which key this is, its scopes, and how long it lives."""
    settings = settings_of(context, organization=False)
    answer = asyncio.run(fetch(settings, "GET", "/api-keys/self"))
    document = identity(answer.document, answer.headers)
    title = ("KEY", document["api_key_id"])
    emit(document, facts_of(title, *facts(document)), settings)


def identity(document: Any, headers: Any) -> dict:
    """Return the API's description of the key, with its preset and the days left."""
    if not isinstance(document, dict) or not isinstance(
        document.get("permissions"), list
    ):
        raise UnexpectedAnswer(
            "The answer describes no key. Check the API's address (--api-url)."
        )
    at = expires_at(headers)
    return (
        {"api_key_id": None, "organization_id": None}
        | document
        | {
            "preset": preset_of(document["permissions"]),
            "expires_at": at and f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "days_left": at and left(at).days,
        }
    )


def preset_of(scopes: list) -> str | None:
    """Return the preset that is exactly these scopes, or None."""
    held = {str(scope) for scope in scopes}
    return next((name for name, preset in PRESETS.items() if preset == held), None)


def facts(document: dict) -> list[tuple[str, str]]:
    """Return the lines that a person reads."""
    scopes = ", ".join(one_line(scope) for scope in document["permissions"])
    if document["preset"]:
        scopes += f" (preset {document['preset']})"
    ends = "never"
    if at := document["expires_at"]:
        moment = expires_at({"X-Api-Key-Expires-At": at})
        ends = f"in {in_words(left(moment))}, at {at}"
    return [
        ("Organization", document["organization_id"]),
        ("Scopes", scopes),
        ("Expires", ends),
        *limits(document),
    ]


def limits(document: dict) -> list[tuple[str, str]]:
    """Return the line of the rate limit; an older API tells none."""
    match document.get("rate_limit"):
        case {"requests_per_minute": int(most), "remaining": int(left_over)}:
            return [("Rate limit", f"{most} requests per minute, {left_over} left now")]
    return []
