"""Why a variable or an environment is refused, each with what to do next."""

from http import HTTPStatus

from apikeys.exceptions import Refused


class InvalidVariable(Refused):
    """A variable that cannot be set as asked; `field` says which part is at fault."""

    code = "VALIDATION_ERROR"
    status = HTTPStatus.BAD_REQUEST

    def __init__(self, field, message, *, metadata=None):
        super().__init__(message, metadata=metadata)
        self.field = field


class UnknownEnvironment(Refused):
    """A name that no environment of the organization has."""

    code = "VALIDATION_ERROR"
    status = HTTPStatus.BAD_REQUEST
    field = "environment_key"

    def __init__(self):
        super().__init__(
            "The organization has no environment of this name. Create it, or take a name"
            " from GET /organization/environments."
        )


class EnvironmentConflict(Refused):
    """A change that what is there already refuses."""

    code = "CONFLICT"
    status = HTTPStatus.CONFLICT
