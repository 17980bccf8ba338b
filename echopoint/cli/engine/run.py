"""Run a flow, node after node, and return the document that tells how it went."""

import asyncio
from collections.abc import Callable


def _no_progress(event: dict) -> None:
    """Tell nobody."""


async def run_flow(
    package: dict,
    *,
    progress: Callable[[dict], None] = _no_progress,
    cancelled: asyncio.Event | None = None,
) -> dict:
    """Run the flow of an ephemeral package and return its result document."""
    raise NotImplementedError
