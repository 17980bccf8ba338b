"""Why an execution is refused: each reason with its code and what to do next."""

from http import HTTPStatus

from apikeys.exceptions import InvalidField, Refused


class InvalidLaunch(InvalidField):
    """A launch that cannot be as asked."""


class ExecutionConflict(Refused):
    """What the state of the flow, the execution or the job refuses."""

    code = "CONFLICT"
    status = HTTPStatus.CONFLICT
