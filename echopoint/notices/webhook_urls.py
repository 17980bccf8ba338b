"""The paths of an organization's webhook for notices."""

from django.urls import path

from echopoint.notices.webhook_views import (
    WebhookRemoveView,
    WebhookRotateSecretView,
    WebhookTestView,
    WebhookView,
)

app_name = "notice_webhook"
urlpatterns = [
    path("", WebhookView.as_view(), name="detail"),
    path("rotate-secret/", WebhookRotateSecretView.as_view(), name="rotate_secret"),
    path("remove/", WebhookRemoveView.as_view(), name="remove"),
    path("test/", WebhookTestView.as_view(), name="test"),
]
