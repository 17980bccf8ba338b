"""Why a key is refused: each reason with its code and what to do next."""

from http import HTTPStatus

from echopoint.core.refusals import InvalidField, Refused


class MalformedKey(ValueError):
    """Text that is not a key; says why without repeating it."""


class KeyRejected(Refused):
    """A credential that does not authenticate."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, code, message, *, metadata=None):
        super().__init__(message, metadata=metadata)
        self.code = code


class OrganizationRequired(Refused):
    """No single organization is named."""

    code = "ORGANIZATION_REQUIRED"
    status = HTTPStatus.BAD_REQUEST


class OrganizationMismatch(Refused):
    """The credential does not belong to the organization that is named."""

    code = "ORGANIZATION_MISMATCH"


class TooManyRequests(Refused):
    """A key that exceeds its `RateLimit`; `wait` is in seconds."""

    code = "TOO_MANY_REQUESTS"
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, rate):
        super().__init__(
            f"This API key may make {rate.quota} requests per minute. Try again in"
            f" {rate.reset} s, or ask an admin of the organization for a higher limit."
        )
        self.wait = rate.reset


class ScopeDenied(Refused):
    """The credential lacks scopes; `missing` lists them."""

    code = "MISSING_REQUIRED_SCOPES"

    def __init__(self, message, *, required, missing):
        super().__init__(
            message,
            metadata={"required_scopes": sorted(required), "missing_scopes": missing},
        )
        self.missing = missing


class FreshSignInRequired(Refused):
    """A change that asks the person to prove once more who they are; says where."""

    code = "FRESH_SIGN_IN_REQUIRED"

    def __init__(self, url):
        where = f" at {url}" if url else ""
        super().__init__(
            "You signed in too long ago for this change. Confirm it's you"
            f"{where}, in the browser that holds this session, and send the request"
            " again.",
            metadata={"sign_in_url": url} if url else None,
        )


class InvalidKeyRequest(InvalidField):
    """A key that cannot be issued as asked."""


class KeyConflict(Refused):
    """A change that the state of the key refuses."""

    status = HTTPStatus.CONFLICT

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
