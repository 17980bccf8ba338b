"""The paths of the keys' own API, and of the document."""

from django.contrib.auth.decorators import login_not_required
from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from echopoint.keys_api.api import ApiKeySelfViewSet, ApiKeyViewSet, PermissionViewSet
from echopoint.keys_api.me import MeViewSet

READS = ["get", "head"]

urlpatterns = [
    path("me", MeViewSet.as_view({"get": "retrieve"})),
    path("permissions", PermissionViewSet.as_view({"get": "list"})),
    path("api-keys", ApiKeyViewSet.as_view({"get": "list", "post": "create"})),
    path("api-keys/search", ApiKeyViewSet.as_view({"post": "search"})),
    path("api-keys/self", ApiKeySelfViewSet.as_view({"get": "retrieve"})),
    path(
        "api-keys/<str:id>",
        ApiKeyViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
    ),
    path("api-keys/<str:id>/rotate", ApiKeyViewSet.as_view({"post": "rotate"})),
    path(
        "openapi.json",
        login_not_required(SpectacularJSONAPIView.as_view(http_method_names=READS)),
        name="openapi",
    ),
    path(
        "docs/",
        login_not_required(
            SpectacularSwaggerSplitView.as_view(
                url_name="openapi",
                template_name="docs.html",
                http_method_names=READS,
            )
        ),
        name="docs",
    ),
]
