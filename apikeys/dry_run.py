"""Whether a key would be allowed to make a request, decided without the request.

The decision is the API's own, see `ApiKey.require_allowed` and `permissions.require_admitted`.
Nothing is counted or recorded. Rate limits and quotas are not part of it: they depend on
other requests.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from apikeys.api_operations import ApiOperation
from apikeys.models import ApiKey
from apikeys.permissions import require_admitted
from apikeys.scopes import missing
from echopoint.core.refusals import Refused

CLOCK_DIFFERENCE = timedelta(minutes=5)  # between the clocks of a client and the site
NO_PAST = "Choose a time from now on: how the key was before is not known."
NO_ADDRESS = "This is not an IP address."


class Answer(NamedTuple):
    """The answer for one operation; `refusal` is the error of the API, or None."""

    operation: ApiOperation
    refusal: Refused | None
    required: Sequence[str]  # scopes of a key; none if no key may call the operation
    lacking: Sequence[str]

    @property
    def is_allowed(self) -> bool:
        return self.refusal is None


def would_be_allowed(
    key, operation: ApiOperation, *, ip: str | None, at: datetime | None = None
) -> Answer:
    """Return the answer for a request with the key from the address.

    The key is judged as it is now, at this moment or a later one: what a later change will
    do is not known. The request names the organization of the key.
    """
    refusal = None
    try:
        key.require_allowed(organization_id=key.organization_id, ip=ip, at=at)
        require_admitted(key, accepts=operation.accepts, scopes=operation.scopes)
    except Refused as refused:
        refusal = refused
    required = operation.scopes if accepts_keys(operation) else ()
    return Answer(operation, refusal, required, missing(key.scopes, required))


def is_past(at: datetime) -> bool:
    """Whether a time is too early to ask about, see `NO_PAST`."""
    return at < timezone.now() - CLOCK_DIFFERENCE


def accepts_keys(operation: ApiOperation) -> bool:
    return ApiKey in operation.accepts
