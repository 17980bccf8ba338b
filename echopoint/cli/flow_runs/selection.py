"""Selecting flows by id or by tag."""

from typing import Any

from echopoint.cli.api_client import ApiClient
from echopoint.cli.api_requests import items_of
from echopoint.cli.exceptions import ApiError, CommandError, UnexpectedResponse
from echopoint.cli.output import write_stderr
from echopoint.cli.retries import Repeat
from echopoint.cli.settings import PATH_ID

MOST = 50
LACKING = "MISSING_REQUIRED_SCOPES"


def unique_ids(flow_ids: tuple[str, ...]) -> list[str]:
    """Return each id once: a second launch with the same key returns the same execution."""
    ids = list(dict.fromkeys(flow_ids))
    if len(ids) < len(flow_ids):
        write_stderr("A flow id is repeated; the flow runs once.")
    return ids


async def ids_with_tags(
    client: ApiClient, tags: tuple[str, ...], match_mode: str
) -> list[str]:
    """Return the ids of the flows with these tags, or raise `CommandError`."""
    document = await search(client, tags, match_mode)
    ids = [str(item.get("id")) for item in items_of(document)]
    if not all(map(PATH_ID.fullmatch, ids)):
        raise UnexpectedResponse(
            "The response has flows with invalid ids. Check the API URL (--api-url)."
        )
    criteria = f"{match_mode} of the tags {', '.join(tags)}"
    if not ids:
        raise CommandError(
            f"No flow has {criteria}. `echopoint flows list` shows flows and their tags."
        )
    if len(ids) > MOST or document.get("total", 0) > MOST:
        raise CommandError(
            f"More than {MOST} flows have {criteria}. Use more specific tags, or --match-mode"
            " all."
        )
    return ids


async def search(
    client: ApiClient, tags: tuple[str, ...], match_mode: str
) -> dict[str, Any]:
    body = {
        "tags": list(tags),
        "tag_match_mode": match_mode,
        "pagination": {"limit": MOST, "offset": 0},
    }
    try:
        response = await client.post("/flows/search", body, repeat=Repeat.READS)
    except ApiError as error:
        if error.code != LACKING:
            raise
        raise CommandError(
            f"{error.message} --tag requires the scope flows:read. Flow ids do not require it."
        ) from error
    items_of(response.document)  # raises if it is not a list
    return dict(response.document)
