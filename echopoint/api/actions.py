"""The declaration of one API action: its callers, its body and its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from drf_spectacular.utils import OpenApiParameter
from rest_framework.serializers import BaseSerializer

from apikeys.permissions import ANY_CALLER


class Many(Enum):
    """How an action answers with many rows."""

    PAGED = "one page in the envelope; limit and offset are in the query"
    # A search has its page in the body, some lists are short.
    ENVELOPED = "rows in the envelope; the query has no limit and no offset"
    BARE = "rows in an array, without the envelope"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action of a viewset.

    Each part has a default, so that the system checks can name all missing ones in one
    run. An action without scopes has no callers: each request of it is a server error.
    """

    id: str = ""  # operationId of the OpenAPI document
    scopes: Sequence[str] = ()  # a list of scopes, or ANY_CALLER
    # For actions that need another scope of a key than of a member's role. Empty means
    # that both need `scopes`.
    session_scopes: Sequence[str] = ()
    headers: Sequence[OpenApiParameter] = ()  # request headers of the document

    body: type[BaseSerializer] | None = None
    # The body contains what a program recorded of third parties: it may be larger than
    # other bodies, and what cannot be stored is cut instead of refused.
    recording: bool = False

    answer: type[BaseSerializer] | None = (
        None  # default: the viewset's serializer_class
    )
    many: Many | None = None  # None: the answer is one row or one document
    status: int = 200
    may_find_nothing: bool = False  # the answer is 204 when there is no row to return
    conflicts: bool = False  # the row's state, or a quota, can refuse the action: 409

    @property
    def key_scopes(self):
        """Return the scopes that an API key needs."""
        return () if self.scopes == ANY_CALLER else tuple(self.scopes)

    @property
    def member_scopes(self):
        """Return the scopes that a signed-in member's role needs."""
        return tuple(self.session_scopes) or self.key_scopes


# Stands for a missing declaration: it has no scopes, so no callers.
UNDECLARED = Action()
