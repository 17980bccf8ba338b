"""Permissions of the API: every action declares its scopes."""

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from rest_framework import exceptions, permissions

from apikeys.authentication import RefusedRequest
from apikeys.exceptions import PeopleOnly, ScopeDenied
from apikeys.models import ApiKey, KeyUsage, ScopeUse
from apikeys.models.place import KeyUse
from apikeys.places import place_of
from apikeys.scopes import missing
from echopoint.core.refusals import Refused
from echopoint.organizations.models import Membership

NOT_SERVED = {None, "metadata"}  # methods without an action, and OPTIONS
ANY_CALLER = (
    "any caller"  # explicit marker: any authenticated caller may use the action
)

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
    """Allow callers of an accepted kind that have every declared scope.

    `accepts` of a view lists the accepted types of `request.auth`: `ApiKey`, `Membership`,
    or NoneType for a user without an organization.
    """

    def has_permission(self, request, view):
        if view.action in NOT_SERVED:
            return True  # DRF responds with 405
        required = scopes_for(request.auth, view)
        if not request.user.is_authenticated:
            raise exceptions.NotAuthenticated(NO_CREDENTIAL)
        try:
            require_admitted(request.auth, accepts=view.accepts, scopes=required)
        except Refused as refusal:
            if isinstance(request.auth, ApiKey):
                lacking = getattr(refusal, "missing", ())
                request.auth.record_refusal(
                    refusal.code, ip=request.user.client.ip, scopes=lacking
                )
            raise RefusedRequest(refusal) from None
        if isinstance(request.auth, ApiKey):
            # Recorded here, not in the authentication: only an allowed request is a use.
            # A refused one must not make an old key look used.
            at = timezone.now()
            request.auth.record_use(request.user.client, at)
            KeyUsage.objects.allow(request.auth, required, at)
            ScopeUse.objects.record(request.auth, required, at)
            place = place_of(request, request.user.client)
            view.use = KeyUse(request.auth, place, at)
        return True


def require_admitted(auth, *, accepts, scopes):
    """Raise unless the caller is of an accepted kind and has all scopes.

    `Refused` is the answer to a key or a member; `NotAuthenticated` to a person where only
    a key is accepted.
    """
    if not isinstance(auth, tuple(accepts)):
        if isinstance(auth, ApiKey):
            raise PeopleOnly
        raise exceptions.NotAuthenticated(
            "Only an API key can do this. Send it in the header X-Api-Key."
        )
    if isinstance(auth, ApiKey):
        auth.require_scopes(*scopes)
    elif lacking := missing(auth.permissions if auth else (), scopes):
        raise ScopeDenied(
            f"Your role lacks {', '.join(lacking)}. Ask an admin of the organization.",
            required=scopes,
            missing=lacking,
        )
