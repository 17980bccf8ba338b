"""Authenticate API requests: the API key in the header, or else the browser session."""

from dataclasses import dataclass

from django.http.request import HttpHeaders
from rest_framework import authentication, exceptions

from apikeys.exceptions import OrganizationMismatch, OrganizationRequired
from apikeys.models import ApiKey
from echopoint.core.client_metadata import Client
from echopoint.core.refusals import Refused
from echopoint.organizations.models import Membership

KEY_HEADER = "X-Api-Key"
ORGANIZATION_HEADER = "X-Organization-Id"
# Their names in the WSGI environment. `request.headers` would copy all headers first.
KEY_META = HttpHeaders.to_wsgi_name(KEY_HEADER)
ORGANIZATION_META = HttpHeaders.to_wsgi_name(ORGANIZATION_HEADER)


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


def organization_named_by(request):
    """Return the organization id in the header, or None if the view needs none.

    Raise `OrganizationRequired` for a missing, malformed or repeated header.
    """
    text = request.META.get(ORGANIZATION_META)
    view = request.parser_context["view"]
    if text is None and not getattr(view, "requires_organization", True):
        return None
    require_one_id(text or "")
    return text


def require_one_id(text):
    """Raise `OrganizationRequired` unless the header holds a single id."""
    if not text.strip():
        raise OrganizationRequired(
            f"Send the header {ORGANIZATION_HEADER} with the id of your organization"
            " (org_…)."
        )
    if not text.isprintable():
        raise OrganizationRequired(f"{ORGANIZATION_HEADER} is not an id. Send org_….")
    # WSGI joins repeated headers with a comma.
    if "," in text:
        raise OrganizationRequired(
            f"{ORGANIZATION_HEADER} was sent more than once. Send it once."
        )


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """Let `X-Api-Key` decide alone; leave requests without it to the next class."""

    def authenticate(self, request):
        # DRF's request looks every attribute up in Django's.
        text = request._request.META.get(KEY_META)
        if text is None:
            return None
        client = Client.of(request._request)
        try:
            key = self.key_for(request, text, client)
            # Set before the limit is enforced: a 429 response reports the limit too.
            request.rate_limit = key.count_request()
            key.require_within(request.rate_limit, ip=client.ip)
        except Refused as refusal:
            raise RefusedRequest(refusal) from None
        return ApiKeyPrincipal(key, client), key

    def key_for(self, request, text, client):
        """Return the key if it may be used for the organization in the header."""
        try:
            organization_id = organization_named_by(request)
        except OrganizationRequired as refusal:
            # The key is decided first. Otherwise a bad key with a bad header would get
            # a 400, and refusals of a good key would not be counted.
            key = ApiKey.objects.authenticate(text, organization_id=None, ip=client.ip)
            key.record_refusal(refusal.code, ip=client.ip)
            raise
        try:
            return ApiKey.objects.authenticate(
                text, organization_id=organization_id, ip=client.ip
            )
        except OrganizationMismatch:
            raise OrganizationMismatch(
                "This API key does not belong to the organization that"
                f" {ORGANIZATION_HEADER} names. Send the id of the key's own"
                " organization."
            ) from None

    def authenticate_header(self, request):
        """Return the challenge of a 401 answer (RFC 9110, section 11.6.1)."""
        return challenge("unauthenticated")


class SessionAuthentication(authentication.SessionAuthentication):
    """Authenticate a signed-in member; `request.auth` is their membership.

    It is None if the view needs no organization and the request names none.
    """

    def authenticate(self, request):
        result = super().authenticate(request)
        if result is None:
            return None
        user, _ = result
        try:
            return user, self.membership(user, organization_named_by(request))
        except Refused as refusal:
            raise RefusedRequest(refusal) from None

    def membership(self, user, organization_id):
        if organization_id is None:
            return None
        membership = Membership.objects.of(user, organization_id)
        if membership is None:
            raise OrganizationMismatch(
                "You are not a member of the organization that"
                f" {ORGANIZATION_HEADER} names."
            )
        return membership


def challenge(error):
    """Return the value of WWW-Authenticate for an error code."""
    return f'ApiKey realm="echopoint", error="{error.lower()}"'
