"""Reading the API for one command."""

from typing import Any

from echopoint.cli.exceptions import UnexpectedAnswer
from echopoint.cli.settings import Settings

# The API's largest page.
PAGE = 100


async def fetch(settings: Settings, method: str, path: str, **options: Any) -> Any:
    """Send one request and return its `Answer`."""
    # httpx takes a tenth of a second to load, which --help must not wait for.
    from echopoint.cli.client import Client

    async with Client(settings) as client:
        return await client.call(method, path, **options)


async def fetch_all(settings: Settings, path: str) -> dict:
    """Return the list envelope with the items of all pages."""
    from echopoint.cli.client import Client

    items: dict[str, dict] = {}
    offset, total = 0, 1
    async with Client(settings) as client:
        while offset < total:
            params = {"limit": PAGE, "offset": offset}
            document = (await client.call("GET", path, params=params)).document
            page = items_of(document)
            # What is added meanwhile moves the pages, so that one may come twice.
            items |= {str(item.get("id")): item for item in page}
            if not page:
                break
            offset, total = offset + len(page), document.get("total", 0)
    return {"total": len(items), "count": len(items), "items": list(items.values())}


def items_of(document: Any) -> list[dict]:
    """Return the items of a list, or raise `UnexpectedAnswer`."""
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list) or not all(isinstance(i, dict) for i in items):
        raise UnexpectedAnswer(
            "The answer is not a list of the API's. Check its address (--api-url)."
        )
    return items
