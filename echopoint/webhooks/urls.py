"""URL paths of webhooks: the API, and the public receiver."""

from django.urls import path, register_converter

from echopoint.webhooks.api import WebhookViewSet
from echopoint.webhooks.capture import webhook_receiver


class SubpathConverter:
    """The rest of a path from a slash on. Unlike Django's `path`, it matches line breaks."""

    regex = r"/[\s\S]*"

    def to_python(self, value):
        return value

    to_url = to_python


register_converter(SubpathConverter, "subpath")

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
    path("webhook/<str:id>", webhook_receiver, name="receive_webhook"),
    path("webhook/<str:id><subpath:subpath>", webhook_receiver),
]
