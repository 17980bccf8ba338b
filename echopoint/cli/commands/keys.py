"""`permissions` and `whoami`."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from echopoint.cli.api_requests import fetch, items_of
from echopoint.cli.exceptions import UnexpectedResponse
from echopoint.cli.expiry import expires_at, format_time_left, time_left
from echopoint.cli.options import global_options, settings_of
from echopoint.cli.output import emit
from echopoint.cli.printable_text import one_line
from echopoint.cli.tables import details_table, list_table

# The presets of the API, as listed by GET /permissions?type=….
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
    help="All scopes, or the preset of self-hosted runners or of CI pipelines.",
)
@global_options
@click.pass_context
def permissions(context: click.Context, kind: str) -> None:
    """List the scopes that a key can have."""
    settings = settings_of(context)
    response = asyncio.run(
        fetch(settings, "GET", "/permissions", params={"type": kind})
    )
    rows = [(i.get("name"), i.get("description")) for i in items_of(response.document)]
    emit(response.document, list_table(["SCOPE", "GRANTS"], rows), settings)


@click.command()
@global_options
@click.pass_context
def whoami(context: click.Context) -> None:
    """Show the id, the scopes and the expiry of the key."""
    settings = settings_of(context, organization=False)
    response = asyncio.run(fetch(settings, "GET", "/api-keys/self"))
    document = key_document(response.document, response.headers)
    title = ("KEY", document["api_key_id"])
    emit(document, details_table(title, *details(document)), settings)


def key_document(document: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the response of the API with the preset and the days until the expiry."""
    if not isinstance(document, dict) or not isinstance(
        document.get("permissions"), list
    ):
        raise UnexpectedResponse(
            "The response does not describe a key. Check the API URL (--api-url)."
        )
    at = expires_at(headers)
    return (
        {"api_key_id": None, "organization_id": None}
        | document
        | {
            "preset": preset_of(document["permissions"]),
            "expires_at": at and f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "days_left": at and time_left(at).days,
        }
    )


def preset_of(scopes: list[Any]) -> str | None:
    """Return the preset with exactly these scopes, or None."""
    held = {str(scope) for scope in scopes}
    return next((name for name, preset in PRESETS.items() if preset == held), None)


def details(document: dict[str, Any]) -> list[tuple[str, str]]:
    scopes = ", ".join(one_line(scope) for scope in document["permissions"])
    if document["preset"]:
        scopes += f" (preset {document['preset']})"
    end = "never"
    if text := document["expires_at"]:
        remaining = time_left(datetime.fromisoformat(text))
        end = f"in {format_time_left(remaining)}, at {text}"
    return [
        ("Organization", document["organization_id"]),
        ("Scopes", scopes),
        ("Stops working", end),
        *rate_limit(document),
    ]


def rate_limit(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the row of the rate limit, or none: older API versions do not send it."""
    match document.get("rate_limit"):
        case {"requests_per_minute": int(most), "remaining": int(left_over)}:
            return [("Rate limit", f"{most} requests per minute, {left_over} left now")]
    return []
