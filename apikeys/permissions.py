"""What a caller may do: every API action declares its scopes."""

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from rest_framework import exceptions, permissions

from apikeys.authentication import RefusedRequest
from apikeys.exceptions import ScopeDenied
from apikeys.models import ApiKey, KeyUsage
from apikeys.models.place import KeyUse
from apikeys.places import place_of
from apikeys.scopes import missing
from echopoint.organizations.models import Membership

NOT_SERVED = {None, "metadata"}  # methods without an action, and OPTIONS
ANY_CALLER = "any caller"  # an action open to all who are authenticated, said aloud

NO_CREDENTIAL = (
    "Send an API key in X-Api-Key and its organization's id in X-Organization-Id, or"
    " sign in."
)


def declaration(view):
    """Return the declaration of the view's action; raise if there are no scopes in it."""
    declared = getattr(view, "api_actions", {}).get(view.action)
    if declared is None or not declared.scopes:
        # A forgotten declaration must be an error, never an open door.
        raise ImproperlyConfigured(
            f"{type(view).__name__}.api_actions declares no scopes for {view.action!r}."
        )
    return declared


def scopes_for(auth, view):
    """Return the scopes that this caller needs; people may need others than keys do."""
    declared = declaration(view)
    is_member = isinstance(auth, Membership)
    return declared.member_scopes if is_member else declared.key_scopes


class HasRequiredScopes(permissions.BasePermission):
    """Admit a caller of an accepted kind that holds every declared scope.

    A view says in `accepts` which kinds of `request.auth` it takes: `ApiKey`,
    `Membership`, or NoneType for a user outside of any organization.
    """

    def has_permission(self, request, view):
        if view.action in NOT_SERVED:
            return True  # DRF answers 405 by itself
        required = scopes_for(request.auth, view)
        if not request.user.is_authenticated:
            raise exceptions.NotAuthenticated(NO_CREDENTIAL)
        self.require_accepted(request, view)
        try:
            self.require_scopes(request.auth, required)
        except ScopeDenied as denial:
            if isinstance(request.auth, ApiKey):
                request.auth.record_refusal(
                    denial.code, ip=request.user.client.ip, scopes=denial.missing
                )
            raise RefusedRequest(denial) from None
        if isinstance(request.auth, ApiKey):
            # Only an allowed request is a use; refused ones are counted as refused.
            at = timezone.now()
            request.auth.record_use(request.user.client, at)
            KeyUsage.objects.allow(request.auth, required, at)
            place = place_of(request, request.user.client)
            view.use = KeyUse(request.auth, place, at)
        return True

    def require_accepted(self, request, view):
        """Raise unless the view takes this kind of credential."""
        if isinstance(request.auth, view.accepts):
            return
        if isinstance(request.auth, ApiKey):
            request.auth.record_refusal("FORBIDDEN", ip=request.user.client.ip)
            raise exceptions.PermissionDenied(
                "API keys cannot do this. Sign in and do it as a person."
            )
        raise exceptions.NotAuthenticated(
            "Only an API key can do this. Send it in the header X-Api-Key."
        )

    def require_scopes(self, auth, required):
        """Raise `ScopeDenied` unless the key, or the member's role, holds them all."""
        if isinstance(auth, ApiKey):
            auth.require_scopes(*required)
        elif lacking := missing(auth.permissions if auth else (), required):
            raise ScopeDenied(
                f"Your role lacks {', '.join(lacking)}. Ask an admin of the organization.",
                required=required,
                missing=lacking,
            )
