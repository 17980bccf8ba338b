"""Who launches and completes: a key, or a person."""

from typing import NamedTuple

from apikeys.models import ApiKey


class Caller(NamedTuple):
    """The key or the user behind a request; exactly one of the two."""

    key: ApiKey | None = None
    user: object = None

    @classmethod
    def of(cls, request):
        """Return the caller of an authenticated request of the API."""
        if isinstance(request.auth, ApiKey):
            return cls(key=request.auth)
        return cls(user=request.user)

    @property
    def label(self):
        """Return the caller's name as it is now, for the record."""
        return self.key.name if self.key else str(self.user)

    @property
    def metadata(self):
        """Return the caller as the trigger metadata of a manual launch."""
        if self.key:
            return {"actor_type": "api_key", "actor_id": self.key.rest_id}
        return {"actor_type": "user", "actor_id": self.user.pk}


class Nobody(NamedTuple):
    """No caller: an end that the queue itself writes, when runners are lost."""

    key: None = None
    user: None = None
    label: str = ""
