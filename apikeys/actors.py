"""Who calls a verb, as the audit will remember it."""

from dataclasses import dataclass, field

from apikeys.clients import Client
from echopoint.organizations.models import Membership


@dataclass(frozen=True)
class Actor:
    """A person, a key or a command; `via` is the way it came: page, api, admin, command."""

    type: str
    id: str
    label: str
    via: str
    user: object = None
    client: Client = field(default_factory=Client)

    @classmethod
    def person(cls, user, *, via, client=None):
        """Return the actor for a signed-in user."""
        return cls("user", user.pk, str(user), via, user, client or Client())

    @classmethod
    def from_request(cls, request, *, via):
        """Return the signed-in user of a request, with where they are."""
        return cls.person(request.user, via=via, client=Client.of(request))

    @classmethod
    def command(cls, name):
        """Return the actor for a management command, which may do anything."""
        return cls("system", name, f"command {name}", "command")

    @classmethod
    def key(cls, key, client):
        """Return the actor for a key that acts for itself."""
        return cls("api_key", key.rest_id, key.name, "api", client=client)

    def permissions_in(self, organization):
        """Return what the actor may grant there; None when nothing bounds it."""
        if self.type == "system":
            return None
        membership = self.user and Membership.objects.of(self.user, organization.pk)
        return membership.permissions if membership else frozenset()
