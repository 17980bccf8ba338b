"""The caller of a launch or a completion: an API key or a user."""

from typing import NamedTuple

from apikeys.models import ApiKey


class Caller(NamedTuple):
    """The key or the user behind a request; exactly one of them is set."""

    key: ApiKey | None = None
    user: object = None

    @classmethod
    def of(cls, request):
        """Return the caller of an authenticated API request."""
        if isinstance(request.auth, ApiKey):
            return cls(key=request.auth)
        return cls(user=request.user)

    @property
    def label(self):
        """The current name of the key or user, to be stored with the execution."""
        return self.key.name if self.key else str(self.user)

    @property
    def metadata(self):
        """The default trigger metadata of a manual launch."""
        if self.key:
            return {"actor_type": "api_key", "actor_id": self.key.rest_id}
        return {"actor_type": "user", "actor_id": self.user.pk}


class SystemCaller(NamedTuple):
    """Stands in for a `Caller` when the server itself ends an execution."""

    key: None = None
    user: None = None
    label: str = ""
