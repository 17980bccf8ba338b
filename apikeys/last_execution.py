"""The last execution that a key published, for the key's page.

Keys know nothing of flows, so the app of executions registers the query.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

queries: list[Callable] = []


class PublishedExecution(NamedTuple):
    """An execution whose result was published with a key; `name` is its flow's."""

    name: str
    status: str
    published_at: datetime


def register(query: Callable):
    """Register `query(key)`, which returns a `PublishedExecution` or None."""
    queries.append(query)


def last_execution(key) -> PublishedExecution | None:
    """Return the last execution whose result the key published, or None."""
    executions = [execution for query in queries if (execution := query(key))]
    return max(executions, key=lambda execution: execution.published_at, default=None)
