"""URL paths of flows."""

from django.urls import path

from echopoint.flows.api import FlowViewSet

urlpatterns = [
    path("flows", FlowViewSet.as_view({"get": "list", "post": "create"})),
    path("flows/search", FlowViewSet.as_view({"post": "search"})),
    path("flows/tags", FlowViewSet.as_view({"get": "tags"})),
    path(
        "flows/<str:id>",
        FlowViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
    ),
]
