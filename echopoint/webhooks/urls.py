"""The paths of webhooks: those of their owners, and the one that anyone sends to."""

from django.urls import path, register_converter

from echopoint.webhooks.api import WebhookViewSet
from echopoint.webhooks.capture import receive


class Below:
    """The rest of a path from its slash on, with line breaks, which Django's `path` lacks."""

    regex = r"/[\s\S]*"

    def to_python(self, value):
        return value

    to_url = to_python


register_converter(Below, "below")

urlpatterns = [
    path("webhooks", WebhookViewSet.as_view({"get": "list", "post": "create"})),
    path("webhooks/search", WebhookViewSet.as_view({"post": "search"})),
    path(
        "webhooks/<str:id>",
        WebhookViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
    ),
    path(
        "webhooks/<str:id>/requests/search",
        WebhookViewSet.as_view({"post": "search_requests"}),
    ),
    path("webhook/<str:id>", receive, name="receive_webhook"),
    path("webhook/<str:id><below:below>", receive),
]
