"""Single API requests of commands that only read."""

from typing import TYPE_CHECKING, Any

from echopoint.cli.exceptions import UnexpectedResponse
from echopoint.cli.settings import Settings

if TYPE_CHECKING:
    from echopoint.cli.api_client import ApiResponse

PAGE_SIZE = 100  # the maximum of the API


async def fetch(
    settings: Settings, method: str, path: str, **options: Any
) -> "ApiResponse":
    """Send one request and return its `ApiResponse`."""
    # Imported here: httpx takes 0.1 s to load, which --help should not wait for.
    from echopoint.cli.api_client import ApiClient

    async with ApiClient(settings) as client:
        return await client.request(method, path, **options)


async def fetch_list(settings: Settings, path: str) -> dict[str, Any]:
    """Return the list envelope with all items, from as many requests as needed."""
    from echopoint.cli.api_client import ApiClient

    items: dict[str, dict[str, Any]] = {}
    offset, total = 0, 1
    async with ApiClient(settings) as client:
        while offset < total:
            params = {"limit": PAGE_SIZE, "offset": offset}
            document = (await client.request("GET", path, params=params)).document
            batch = items_of(document)
            # A row that is added concurrently shifts the rest, so an item may repeat.
            items |= {str(item.get("id")): item for item in batch}
            if not batch:
                break
            offset, total = offset + len(batch), document.get("total", 0)
    return {"total": len(items), "count": len(items), "items": list(items.values())}


def items_of(document: Any) -> list[dict[str, Any]]:
    """Return the items of a list, or raise `UnexpectedResponse`."""
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list) or not all(isinstance(i, dict) for i in items):
        raise UnexpectedResponse(
            "The response is not a list. Check the API URL (--api-url)."
        )
    return items
