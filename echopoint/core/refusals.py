"""Why a request or a change is refused: a code for programs, and what to do next."""

from http import HTTPStatus


class Refused(Exception):
    """A request or change that keys do not allow.

    `code` is for programs, the text for people, `metadata` a JSON object or None.
    """

    code = "FORBIDDEN"
    status = HTTPStatus.FORBIDDEN
    field = None

    def __init__(self, message, *, metadata=None):
        super().__init__(message)
        self.message = message
        self.metadata = metadata


class InvalidField(Refused):
    """A request that cannot be met as asked; `field` says which part is at fault."""

    code = "VALIDATION_ERROR"
    status = HTTPStatus.BAD_REQUEST

    def __init__(self, field, message, *, metadata=None):
        super().__init__(message, metadata=metadata)
        self.field = field
