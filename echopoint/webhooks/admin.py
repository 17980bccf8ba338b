from django.contrib import admin

from echopoint.organizations.console import DeletableAdmin
from echopoint.webhooks.models import CapturedRequest, Webhook


@admin.register(Webhook)
class WebhookAdmin(DeletableAdmin):
    """Webhooks of all organizations."""

    owner = "organization_id"
    list_display = [
        *("name", "id", "organization", "created_at"),
        *("dropped_count", "dropped_at"),
    ]
    list_filter = ["organization"]
    search_fields = ["name", "=id"]


@admin.register(CapturedRequest)
class CapturedRequestAdmin(DeletableAdmin):
    """Captured requests of all organizations."""

    owner = "webhook.organization_id"
    list_display = ["id", "webhook", "method", "content_type", "received_at"]
    list_filter = ["method", "received_at"]
    list_select_related = ["webhook"]
    search_fields = ["=id", "=webhook__id"]
