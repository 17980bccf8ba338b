"""Why an execution is refused: each reason with its code and what to do next."""

from http import HTTPStatus

from echopoint.core.refusals import InvalidField, Refused

UNREADABLE = "RESULT_UNREADABLE"


class InvalidLaunch(InvalidField):
    """A launch that cannot be as asked."""


class ResultUnreadable(Refused):
    """A runner's result cannot be read; `fate` says what happened to the job."""

    code = UNREADABLE

    def __init__(self, reason, status, fate):
        super().__init__(f"This result cannot be read. {reason} {fate}")
        self.status = status


class ExecutionConflict(Refused):
    """What the state of the flow, the execution or the job refuses."""

    code = "CONFLICT"
    status = HTTPStatus.CONFLICT
