"""Errors that end a command. Their text is one line without secrets."""

from typing import Any

FAILED = 1
CANCELLED = 2
ERROR = 3
TIMED_OUT = 4


class CommandError(Exception):
    """A command cannot continue. The text says why, and what to do next."""

    @property
    def message(self) -> str:
        return str(self)


class NoResponse(CommandError):
    """The API could not be reached, or its response was incomplete or too late."""


class UnexpectedResponse(CommandError):
    """A response (or runner output) that does not match the protocol."""


class ApiError(CommandError):
    """The API refused the request. `code` and `metadata` come from the error envelope.

    `retry_after` is in seconds, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        metadata: dict[str, Any],
        retry_after: int | None = None,
    ):
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status
        self.code = code
        self.metadata = metadata
