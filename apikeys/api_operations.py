"""The operations of the REST API as the pages see them; `echopoint.api` registers them."""

from collections.abc import Callable, Sequence
from typing import Protocol


class ApiOperation(Protocol):
    """An HTTP method of a path, and who may call it."""

    method: str
    path: str

    @property
    def operation_id(self) -> str: ...

    @property
    def scopes(self) -> Sequence[str]:
        """The scopes that a key needs, all of them."""

    @property
    def accepts(self) -> Sequence[type]:
        """The kinds of callers, as classes of `request.auth`."""


_registered: list[Callable[[], Sequence[ApiOperation]]] = []


def register(read: Callable[[], Sequence[ApiOperation]]) -> None:
    """Let the function say what the API's operations are."""
    _registered[:] = [read]


def api_operations() -> Sequence[ApiOperation]:
    """Return the operations, in the order of the URLconf."""
    return _registered[0]()


def operation_with_id(operation_id: str) -> ApiOperation | None:
    """Return the operation with this id, or None."""
    found = (o for o in api_operations() if o.operation_id == operation_id)
    return next(found, None)
