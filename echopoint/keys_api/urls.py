"""URL paths of API keys, permissions and the caller."""

from django.urls import path

from echopoint.keys_api.api import ApiKeySelfViewSet, ApiKeyViewSet, PermissionViewSet
from echopoint.keys_api.freezing import FreezeViewSet
from echopoint.keys_api.github_leaks import GitHubLeakReportView
from echopoint.keys_api.leaks import LeakReportView
from echopoint.keys_api.me import MeViewSet
from echopoint.keys_api.network_ranges import NetworkRangeViewSet

urlpatterns = [
    path("me", MeViewSet.as_view({"get": "retrieve"})),
    path("permissions", PermissionViewSet.as_view({"get": "list"})),
    path("api-keys", ApiKeyViewSet.as_view({"get": "list", "post": "create"})),
    path("api-keys/search", ApiKeyViewSet.as_view({"post": "search"})),
    path(
        "api-keys/freeze", FreezeViewSet.as_view({"get": "retrieve", "post": "start"})
    ),
    path("api-keys/unfreeze", FreezeViewSet.as_view({"post": "end"})),
    path("api-keys/leaked", LeakReportView.as_view()),
    path("api-keys/leaked/github", GitHubLeakReportView.as_view()),
    path("api-keys/self", ApiKeySelfViewSet.as_view({"get": "retrieve"})),
    path(
        "api-keys/<str:id>",
        ApiKeyViewSet.as_view(
            {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
        ),
    ),
    path(
        "api-keys/<str:id>/revoke-family",
        ApiKeyViewSet.as_view({"post": "revoke_family"}),
    ),
    path(
        "network-ranges",
        NetworkRangeViewSet.as_view({"get": "list", "post": "create"}),
    ),
    path(
        "network-ranges/<str:id>",
        NetworkRangeViewSet.as_view(
            {"get": "retrieve", "put": "update", "delete": "destroy"}
        ),
    ),
    path("api-keys/<str:id>/check", ApiKeyViewSet.as_view({"post": "check"})),
    path("api-keys/<str:id>/rotate", ApiKeyViewSet.as_view({"post": "rotate"})),
]
