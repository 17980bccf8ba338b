"""The declaration of an API action: scopes, request body and response."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from drf_spectacular.utils import OpenApiParameter
from rest_framework.serializers import BaseSerializer

from apikeys.permissions import ANY_CALLER


class Many(Enum):
    """The form of a response with many rows."""

    PAGED = "one page in the envelope; limit and offset are in the query"
    # Searches have limit and offset in the body; some lists are short.
    ENVELOPED = "rows in the envelope; the query has no limit and no offset"
    BARE = "rows in an array, without the envelope"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action of a viewset.

    Each part has a default, so that the system checks can report all missing parts at once.
    An action without scopes admits nobody: each request to it is a server error.
    """

    id: str = ""  # operationId of the OpenAPI document
    scopes: Sequence[str] = ()  # a list of scopes, or ANY_CALLER
    # Scopes required from a member's role, if they differ from those of an API key. Empty
    # means that both need `scopes`.
    session_scopes: Sequence[str] = ()
    headers: Sequence[OpenApiParameter] = ()  # request headers of the document

    body: type[BaseSerializer] | None = None
    # The body contains recorded third-party text: it may be larger than other bodies, and
    # values that cannot be stored are truncated or replaced instead of refused.
    recording: bool = False

    answer: type[BaseSerializer] | None = (
        None  # default: the viewset's serializer_class
    )
    many: Many | None = None  # None: the answer is one row or one document
    status: int = 200
    may_find_nothing: bool = False  # the response is 204 if there is no row
    conflicts: bool = False  # the row's state, or a quota, can refuse the action: 409

    @property
    def key_scopes(self):
        """Scopes required from an API key."""
        return () if self.scopes == ANY_CALLER else tuple(self.scopes)

    @property
    def member_scopes(self):
        """Scopes required from the role of a signed-in member."""
        return tuple(self.session_scopes) or self.key_scopes


# Used where a declaration is missing. It has no scopes, so it admits nobody.
UNDECLARED = Action()
