"""Refusals of keys, each with its code and what to do next."""

from http import HTTPStatus

from echopoint.core.refusals import InvalidField, Refused


class MalformedKey(ValueError):
    """The text is not a key; the message says why without repeating the text."""


class KeyRejected(Refused):
    """The key does not authenticate the request."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, code, message, *, metadata=None):
        super().__init__(message, metadata=metadata)
        self.code = code


class OrganizationRequired(Refused):
    """The request does not name exactly one organization."""

    code = "ORGANIZATION_REQUIRED"
    status = HTTPStatus.BAD_REQUEST


class OrganizationMismatch(Refused):
    """The credential belongs to another organization than the one named."""

    code = "ORGANIZATION_MISMATCH"


class AddressNotAllowed(Refused):
    """The key may not be used from the client's address, which is None if unknown."""

    code = "IP_NOT_ALLOWED"

    def __init__(self, address):
        where = f"from {address}" if address else "from an unknown address"
        super().__init__(
            f"This API key may not be used {where}. Send the request from an address in the"
            " key's list, or ask an admin of the organization to change the list.",
            metadata={"address": address and str(address)},
        )


class TooManyRequests(Refused):
    """The key exceeds its `RateLimit`; `wait` is in seconds."""

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


class PeopleOnly(Refused):
    """The request needs a person; no API key may make it."""

    def __init__(self):
        super().__init__(
            "API keys cannot do this. Sign in and do it as a person.",
        )


class FreshSignInRequired(Refused):
    """The change requires a recent sign-in; the message has the URL."""

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
    """The request to issue or change a key is invalid."""


class StaleReview(Refused):
    """Keys of a review have changed since they were shown; `keys` lists them."""

    code = "CONFLICT"
    status = HTTPStatus.CONFLICT

    def __init__(self, keys):
        names = ", ".join(sorted(key.name for key in keys))
        super().__init__(
            f"Changed or ended since this page was shown: {names}. No key was confirmed."
            " Check these keys, then confirm again."
        )
        self.keys = keys


class KeyConflict(Refused):
    """The state of the key does not allow the change."""

    status = HTTPStatus.CONFLICT

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
