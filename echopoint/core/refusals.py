"""Exceptions for refused requests, with a code for programs and a hint for people."""

from http import HTTPStatus


class Refused(Exception):
    """A request or change that is not allowed.

    `code` is for programs, the message for people, `metadata` a JSON object or None.
    """

    code = "FORBIDDEN"
    status = HTTPStatus.FORBIDDEN
    field = None

    def __init__(self, message, *, metadata=None):
        super().__init__(message)
        self.message = message
        self.metadata = metadata


class InvalidField(Refused):
    """An invalid value; `field` names it."""

    code = "VALIDATION_ERROR"
    status = HTTPStatus.BAD_REQUEST

    def __init__(self, field, message, *, metadata=None):
        super().__init__(message, metadata=metadata)
        self.field = field
