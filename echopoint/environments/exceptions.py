"""Why a variable or an environment is refused, each with what to do next."""

from http import HTTPStatus

from echopoint.core.refusals import InvalidField, Refused


class InvalidVariable(InvalidField):
    """A variable that cannot be set as asked."""


class UnknownEnvironment(InvalidField):
    """A name that no environment of the organization has."""

    def __init__(self):
        super().__init__(
            "environment_key",
            "The organization has no environment of this name. Create it, or take a name"
            " from GET /organization/environments.",
        )


class EnvironmentConflict(Refused):
    """A change that what is there already refuses."""

    code = "CONFLICT"
    status = HTTPStatus.CONFLICT
