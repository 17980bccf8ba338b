"""The actor of a change, as recorded in the audit."""

from dataclasses import dataclass, field

from apikeys.exceptions import FreshSignInRequired
from echopoint.accounts import reauthentication
from echopoint.core import context
from echopoint.core.client_metadata import Client
from echopoint.organizations.models import Membership

NOT_SIGNED_IN = "someone not signed in"
LEAK_REPORTER = "someone who reported a leak"


@dataclass(frozen=True)
class Actor:
    """A person, a visitor, a key or a command; `via` is page, api, admin or command."""

    type: str
    id: str
    label: str
    via: str
    user: object = None
    client: Client = field(default_factory=Client)
    is_fresh: bool = False
    sign_in_url: str = ""

    @classmethod
    def person(cls, user, *, via, **known):
        """Return the actor for a signed-in user.

        `is_fresh` says that the sign-in is recent; otherwise `sign_in_url` is the page to
        re-authenticate.
        """
        return cls("user", user.pk, str(user), via, user, **known)

    @classmethod
    def from_request(cls, request, *, via):
        """Return the signed-in user of a request, with where they are."""
        is_fresh = reauthentication.is_recent(request)
        url = (
            ""
            if is_fresh
            else request.build_absolute_uri(reauthentication.url_for(request))
        )
        return cls.person(
            request.user,
            via=via,
            client=Client.of(request),
            is_fresh=is_fresh,
            sign_in_url=url,
        )

    @classmethod
    def command(cls, name):
        """Return the actor for a management command; it has all permissions."""
        return cls("system", name, f"command {name}", "command")

    @classmethod
    def present(cls):
        """Return the actor of the current request, or of the current command."""
        request = context.get_request()
        if request is None:
            name = context.get_command()
            known = cls("system", "command line", "the command line", "command")
            return cls.command(name) if name else known
        via = "admin" if context.is_console(request) else "page"
        client = Client.of(request)
        if request.user.is_authenticated:
            return cls.person(request.user, via=via, client=client)
        return cls.visitor(client)

    @classmethod
    def visitor(cls, client):
        """Return the actor for a request without a sign-in."""
        return cls("visitor", "", NOT_SIGNED_IN, "page", client=client)

    @classmethod
    def reporter(cls, client, *, via, label=LEAK_REPORTER):
        """Return the actor for a report of a leaked key, with or without a sign-in."""
        return cls("visitor", "", label, via, client=client)

    @classmethod
    def key(cls, key, client):
        """Return the actor for a request with a key."""
        return cls("api_key", key.rest_id, key.name, "api", client=client)

    def require_fresh(self):
        """Raise `FreshSignInRequired` for a person whose sign-in is not recent.

        Every verb that issues or stops keys, or changes the policy, begins with this. A
        check in the views would be missing in the REST API or the console sooner or
        later.
        """
        if self.type == "user" and not self.is_fresh:
            raise FreshSignInRequired(self.sign_in_url)

    def permissions_in(self, organization):
        """Return the permissions that the actor may grant; None means all of them."""
        return self.permissions_of(self.membership_in(organization))

    def membership_in(self, organization):
        """Return the membership of a person, or None."""
        if self.type == "system" or not self.user:
            return None
        return Membership.objects.of(self.user, organization.pk)

    def permissions_of(self, membership):
        """Return the permissions that the actor may grant with this membership."""
        if self.type == "system":
            return None
        return membership.permissions if membership else frozenset()
