"""Who is calling: the header key, or else the browser session."""

from dataclasses import dataclass

from rest_framework import authentication, exceptions

from apikeys.exceptions import OrganizationMismatch
from apikeys.models import ApiKey
from apikeys.models.api_key import require_one_organization
from echopoint.core.client_metadata import Client
from echopoint.core.refusals import Refused
from echopoint.organizations.models import Membership

KEY_HEADER = "X-Api-Key"
ORGANIZATION_HEADER = "X-Organization-Id"


class RefusedRequest(exceptions.APIException):
    """A `Refused` on its way through DRF."""

    def __init__(self, refusal):
        super().__init__(refusal.message, refusal.code)
        self.status_code = refusal.status
        self.refusal = refusal
        # Seconds, which DRF's exceptions have by this name too.
        self.wait = getattr(refusal, "wait", None)


@dataclass(frozen=True)
class ApiKeyPrincipal:
    """What `request.user` is when a key calls: authenticated, but not a person."""

    key: ApiKey
    client: Client
    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False

    @property
    def pk(self):
        return self.key.rest_id

    @property
    def organization(self):
        return self.key.organization

    def __str__(self):
        return str(self.key)


def organization_header(request):
    """Return the organization header; "" when it is missing, None if it may be."""
    view = request.parser_context["view"]
    if not getattr(view, "requires_organization", True):
        return request.headers.get(ORGANIZATION_HEADER)
    return request.headers.get(ORGANIZATION_HEADER, "")


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """Let `X-Api-Key` decide alone; leave requests without it to the next class."""

    def authenticate(self, request):
        text = request.headers.get(KEY_HEADER)
        if text is None:
            return None
        client = Client.of(request)
        try:
            key = ApiKey.objects.authenticate(
                text, organization_id=organization_header(request), ip=client.ip
            )
            # The answer tells it, also when it is a refusal.
            request.rate_limit = key.count_request()
            key.require_within(request.rate_limit, ip=client.ip)
        except Refused as refusal:
            raise RefusedRequest(refusal) from None
        return ApiKeyPrincipal(key, client), key

    def authenticate_header(self, request):
        """Return the challenge of a 401 answer (RFC 9110, section 11.6.1)."""
        return challenge("unauthenticated")


class SessionAuthentication(authentication.SessionAuthentication):
    """Let a signed-in member call; `request.auth` is their membership.

    It is None where no organization is asked for and none is named.
    """

    def authenticate(self, request):
        result = super().authenticate(request)
        if result is None:
            return None
        user, _ = result
        try:
            return user, self.membership(user, organization_header(request))
        except Refused as refusal:
            raise RefusedRequest(refusal) from None

    def membership(self, user, organization_id):
        """Return the user's membership in the organization that the header names."""
        require_one_organization(organization_id)
        if organization_id is None:
            return None
        membership = Membership.objects.of(user, organization_id)
        if membership is None:
            raise OrganizationMismatch(
                "You are not a member of the organization that X-Organization-Id names."
            )
        return membership


def challenge(error):
    """Return the value of WWW-Authenticate for an error code."""
    return f'ApiKey realm="echopoint", error="{error.lower()}"'
