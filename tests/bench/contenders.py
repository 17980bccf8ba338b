"""The same view with each way to authenticate: ours, the peers', and no authentication."""

from typing import NamedTuple

from django.urls import path
from knox.auth import TokenAuthentication as KnoxAuthentication
from knox.models import AuthToken
from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework_api_key.models import APIKey
from rest_framework_api_key.permissions import HasAPIKey

from apikeys.authentication import ApiKeyAuthentication
from apikeys.permissions import HasRequiredScopes
from echopoint.api.actions import Action
from echopoint.api.viewsets import ApiViewSet
from tests.bench.keys import issue, owner

NO_AUTHENTICATION = "no authentication"
OURS = "Echopoint"


class Contender(NamedTuple):
    """A way to authenticate; `headers` makes a credential and returns its headers."""

    name: str
    path: str
    authentication: list
    permissions: list
    headers: object

    def view(self):
        classes = {
            "authentication_classes": self.authentication,
            "permission_classes": self.permissions,
        }
        return type("View", (MeasuredView,), classes).as_view({"get": "list"})


class MeasuredView(ApiViewSet):
    """A view that does nothing else."""

    api_actions = {"list": Action(id="measure", scopes=["flows:read"])}

    def list(self, request):
        return Response({"ok": True})


def our_headers():
    key, secret = issue()
    return {"X-Api-Key": secret, "X-Organization-Id": key.organization_id}


def api_key_headers():
    _, key = APIKey.objects.create_key(name="bench")
    return {"Authorization": f"Api-Key {key}"}


def token_headers():
    token, _ = Token.objects.get_or_create(user=owner())
    return {"Authorization": f"Token {token.key}"}


def knox_headers():
    _, token = AuthToken.objects.create(user=owner())
    return {"Authorization": f"Token {token}"}


CONTENDERS = [
    Contender(NO_AUTHENTICATION, "open", [], [], dict),
    Contender(OURS, "ours", [ApiKeyAuthentication], [HasRequiredScopes], our_headers),
    Contender(
        "djangorestframework-api-key", "api-key", [], [HasAPIKey], api_key_headers
    ),
    Contender(
        "DRF TokenAuthentication",
        "token",
        [TokenAuthentication],
        [IsAuthenticated],
        token_headers,
    ),
    Contender(
        "django-rest-knox",
        "knox",
        [KnoxAuthentication],
        [IsAuthenticated],
        knox_headers,
    ),
]
urlpatterns = [path(f"bench/{c.path}", c.view()) for c in CONTENDERS]
