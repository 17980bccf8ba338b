"""Errors of variables and environments."""

from http import HTTPStatus

from echopoint.core.refusals import InvalidField, Refused


class InvalidVariable(InvalidField):
    """A variable with an invalid key or value."""


class UnknownEnvironment(InvalidField):
    """The organization has no environment with this name."""

    def __init__(self):
        super().__init__(
            "environment_key",
            "The organization has no environment with this name. Create it, or use a name"
            " from GET /organization/environments.",
        )


class EnvironmentConflict(Refused):
    """A change that conflicts with existing variables or environments, or their limits."""

    code = "CONFLICT"
    status = HTTPStatus.CONFLICT
