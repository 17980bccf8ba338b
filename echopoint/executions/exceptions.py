"""Errors of launches, completions and jobs."""

from http import HTTPStatus

from echopoint.core.refusals import InvalidField, Refused

UNREADABLE = "RESULT_UNREADABLE"


class InvalidLaunch(InvalidField):
    """A launch with an invalid value."""


class ResultUnreadable(Refused):
    """A result that cannot be read; `outcome` says what happened to the job."""

    code = UNREADABLE

    def __init__(self, reason, status, outcome):
        super().__init__(f"This result cannot be read. {reason} {outcome}")
        self.status = status


class ExecutionConflict(Refused):
    """A request that the state of the flow, execution or job does not allow."""

    code = "CONFLICT"
    status = HTTPStatus.CONFLICT
