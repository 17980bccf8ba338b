"""Why an execution is refused: each reason with its code and what to do next."""

from http import HTTPStatus

from apikeys.exceptions import Refused


class InvalidLaunch(Refused):
    """A launch that cannot be as asked; `field` says which part is at fault."""

    code = "VALIDATION_ERROR"
    status = HTTPStatus.BAD_REQUEST

    def __init__(self, field, message, *, metadata=None):
        super().__init__(message, metadata=metadata)
        self.field = field


class ExecutionConflict(Refused):
    """What the state of the flow, the execution or the job refuses."""

    code = "CONFLICT"
    status = HTTPStatus.CONFLICT
