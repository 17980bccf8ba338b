"""What stops a command. The text is one line for the person, and holds no secret."""

FAILED = 1
CANCELLED = 2
ERROR = 3
TIMED_OUT = 4


class CommandError(Exception):
    """A command cannot go on; the text says why and what to do next."""

    @property
    def message(self) -> str:
        return str(self)


class NoAnswer(CommandError):
    """The API could not be reached, or its answer broke off or came too late."""


class UnexpectedAnswer(CommandError):
    """An answer that is not of the API's form, or a runner's that is not of a runner's."""


class ApiError(CommandError):
    """The API refused; `status` is HTTP's, `code` and `metadata` are the envelope's.

    `retry_after` is in seconds, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        metadata: dict,
        retry_after: int | None = None,
    ):
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status
        self.code = code
        self.metadata = metadata
