"""Which flows to run: by id, or by tag."""

from typing import Any

from echopoint.cli.client import Client
from echopoint.cli.exceptions import ApiError, CommandError, UnexpectedAnswer
from echopoint.cli.fetching import items_of
from echopoint.cli.retries import Repeat
from echopoint.cli.settings import PATH_ID
from echopoint.cli.terminal import say

MOST = 50
LACKING = "MISSING_REQUIRED_SCOPES"


def distinct(flow_ids: tuple[str, ...]) -> list[str]:
    """Return the ids, each once: two executions of one launch would be the same."""
    ids = list(dict.fromkeys(flow_ids))
    if len(ids) < len(flow_ids):
        say("A flow is named twice; it runs once.")
    return ids


async def tagged(client: Client, tags: tuple[str, ...], match_mode: str) -> list[str]:
    """Return the ids of the flows with these tags, or raise `CommandError`."""
    document = await search(client, tags, match_mode)
    ids = [str(item.get("id")) for item in items_of(document)]
    if not all(map(PATH_ID.fullmatch, ids)):
        raise UnexpectedAnswer(
            "The flows came with ids that cannot be any. Check the API's address"
            " (--api-url)."
        )
    wanted = f"{match_mode} of the tags {', '.join(tags)}"
    if not ids:
        raise CommandError(
            f"No flow has {wanted}. `echopoint flows list` shows flows and their tags."
        )
    if len(ids) > MOST or document.get("total", 0) > MOST:
        raise CommandError(
            f"More than {MOST} flows have {wanted}. Use narrower tags, or --match-mode"
            " all."
        )
    return ids


async def search(client: Client, tags: tuple[str, ...], match_mode: str) -> Any:
    """Return the API's answer to a search by tag."""
    body = {
        "tags": list(tags),
        "tag_match_mode": match_mode,
        "pagination": {"limit": MOST, "offset": 0},
    }
    try:
        return (await client.post("/flows/search", body, repeat=Repeat.READS)).document
    except ApiError as error:
        if error.code != LACKING:
            raise
        raise CommandError(
            f"{error.message} Selecting by tag needs flows:read; flow ids work without"
            " it."
        ) from error
